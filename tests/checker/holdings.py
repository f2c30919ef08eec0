"""Records and holdings: exactly one live, and a chain of hand-overs that leaves no gap (MOVE-2, MOVE-7)."""

import sqlite3

from tests.checker.base import Rows, rule


@rule("MOVE-2")
def not_one_live_holding(db: sqlite3.Connection) -> Rows:
    """Exactly one holding of a record is live."""
    return db.execute("""
        SELECT r.id, count(h.id) FROM records r
        LEFT JOIN holdings h ON h.record_id = r.id AND h.state = 'live'
        GROUP BY r.id HAVING count(h.id) <> 1
    """)


@rule("OVR-3")
def several_open_transfers(db: sqlite3.Connection) -> Rows:
    """At most one open transfer a record (ELIG-1)."""
    return db.execute("""
        SELECT record_id, count(*) FROM transfers
        WHERE state IN ('requested', 'pending_acceptance', 'coordinator_override')
        GROUP BY record_id HAVING count(*) > 1
    """)


@rule("MOVE-2")
def accepted_closed_not_one_holding(db: sqlite3.Connection) -> Rows:
    """An accepted transfer closed exactly one holding."""
    return db.execute("""
        SELECT t.id, count(h.id) FROM transfers t LEFT JOIN holdings h ON h.closed_by_id = t.id
        WHERE t.state = 'accepted' GROUP BY t.id HAVING count(h.id) <> 1
    """)


@rule("MOVE-2")
def accepted_opened_not_one_holding(db: sqlite3.Connection) -> Rows:
    """An accepted transfer opened exactly one holding, the new owner's, at the instant of the decision."""
    return db.execute("""
        SELECT t.id, count(new.id) FROM transfers t
        LEFT JOIN holdings new ON new.record_id = t.record_id AND new.owner_id = t.to_id
            AND new.from_at = t.decided_at AND new.closed_by_id IS NOT t.id
        WHERE t.state = 'accepted' GROUP BY t.id HAVING count(new.id) <> 1
    """)


@rule("MOVE-2")
def closed_otherwise_than_decided(db: sqlite3.Connection) -> Rows:
    """The holding that a transfer closed was the previous owner's, and ended at the decision."""
    return db.execute("""
        SELECT h.id, t.id FROM holdings h JOIN transfers t ON t.id = h.closed_by_id
        WHERE t.state = 'accepted' AND (h.record_id <> t.record_id OR h.owner_id <> t.from_id
            OR h.until_at IS NOT t.decided_at OR h.from_at > h.until_at)
    """)


@rule("MOVE-2")
def neither_live_nor_handed_over(db: sqlite3.Connection) -> Rows:
    """A live holding has no end; any other one was ended by a transfer."""
    return db.execute("""
        SELECT id, state FROM holdings
        WHERE ((state = 'live') <> (until_at IS NULL) OR (state = 'live') <> (closed_by_id IS NULL))
            AND id NOT IN (SELECT id FROM recovered)
    """)


@rule("MOVE-2")
def holdings_without_handover(db: sqlite3.Connection) -> Rows:
    """A record has one holding to begin with, and one more for each accepted transfer."""
    return db.execute("""
        SELECT r.id,
            (SELECT count(*) FROM holdings
                WHERE record_id = r.id AND id NOT IN (SELECT id FROM recovered)) AS holdings,
            (SELECT count(*) FROM transfers WHERE record_id = r.id AND state = 'accepted') AS accepted
        FROM records r WHERE holdings <> accepted + 1
    """)


@rule("MOVE-7")
def touched_without_acceptance(db: sqlite3.Connection) -> Rows:
    """A transfer that is not accepted closed nothing and lists nothing."""
    return db.execute("""
        SELECT t.id, t.state FROM transfers t WHERE t.state <> 'accepted' AND (
            EXISTS (SELECT 1 FROM holdings WHERE closed_by_id = t.id)
            OR EXISTS (SELECT 1 FROM manifest WHERE transfer_id = t.id))
    """)


@rule("VIS-9")
def owner_with_a_share(db: sqlite3.Connection) -> Rows:
    """The owner of a record has no share of it: a new owner's ended at the hand-over."""
    return db.execute("""
        SELECT s.id FROM shares s JOIN holdings h ON h.record_id = s.record_id AND h.owner_id = s.member_id
        WHERE h.state = 'live' AND s.ended_at IS NULL
    """)


@rule("VIS-9")
def share_ended_for_somebody_else(db: sqlite3.Connection) -> Rows:
    """A hand-over ends the new owner's share, at its instant, and touches no other."""
    return db.execute("""
        SELECT s.id, m.outcome FROM manifest m JOIN handover h ON h.transfer_id = m.transfer_id
        JOIN shares s ON s.id = m.item_id
        WHERE m.item_class = 'share' AND ((s.member_id = h.to_id) <> (m.outcome = 'cancelled')
            OR (s.member_id = h.to_id) <> (s.ended_at IS h.at))
    """)


@rule("VIS-9")
def appointment_of_a_collaborator_misplaced(db: sqlite3.Connection) -> Rows:
    """A booked appointment without a holding is not the owner's, and one in a holding is its owner's."""
    return db.execute("""
        SELECT a.item_id FROM appointments a
        JOIN holdings h ON h.record_id = a.record_id
            AND (h.id = a.holding_id OR (a.holding_id IS NULL AND h.state = 'live'))
        WHERE (a.holding_id IS NULL) = (h.owner_id = a.practitioner_id)
    """)
