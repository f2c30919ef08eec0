"""What is written between transfers: shares, holds, approvals, adopted drafts (VIS-4, VIS-10, MOVE-11)."""

import sqlite3

from tests.checker.base import Rows, rule

#: Allowed commands that came while a transfer of their record was open, by their place in the log.
_WHILE_OPEN = """
    SELECT e.* FROM events e JOIN transfers t ON t.record_id = e.record_id
    WHERE e.outcome = 'allowed' AND e.action = '{action}' AND EXISTS (SELECT 1 FROM events o
        WHERE o.transfer_id = t.id AND o.state_to = 'pending_acceptance' AND o.seq < e.seq)
    AND NOT EXISTS (SELECT 1 FROM events c WHERE c.transfer_id = t.id AND c.seq < e.seq
        AND c.state_to IN ('accepted', 'refused', 'cancelled', 'expired', 'failed'))
"""


@rule("VIS-4")
def share_widened_while_open(db: sqlite3.Connection) -> Rows:
    """While a transfer is open a share replaces one that allowed at least as much."""
    width = "CASE {}.level WHEN 'read' THEN 1 WHEN 'write' THEN 2 ELSE 3 END"
    return db.execute(f"""
        SELECT e.seq, new.id FROM ({_WHILE_OPEN.format(action="record.share")}) e
        JOIN shares new ON new.record_id = e.record_id AND new.member_id = e.subject_id AND new.since = e.at
        LEFT JOIN shares old ON old.record_id = e.record_id AND old.member_id = e.subject_id
            AND old.ended_at = e.at AND old.id <> new.id
        WHERE old.id IS NULL OR {width.format("new")} > {width.format("old")} OR old.approval > new.approval
    """)


@rule("MOVE-11")
def marked_otherwise_than_held(db: sqlite3.Connection) -> Rows:
    """A record is marked as held if, and only if, a hold stands."""
    return db.execute("""
        SELECT r.id, r.legal_hold FROM records r WHERE r.legal_hold <> EXISTS
            (SELECT 1 FROM holds h WHERE h.record_id = r.id AND h.released_at IS NULL)
    """)


@rule("MOVE-11")
def held_by_no_administrator(db: sqlite3.Connection) -> Rows:
    """Whoever held or released a record by command was told in the log as an administrator."""
    return db.execute("""
        SELECT seq, action FROM events WHERE outcome = 'allowed'
            AND action IN ('record.hold', 'record.release') AND role <> 'administrator'
    """)


@rule("VIS-10")
def adopted_from_nothing(db: sqlite3.Connection) -> Rows:
    """A note that names a first author stands beside that author's draft, set aside."""
    return db.execute("""
        SELECT n.holding_id, n.item_id FROM notes n WHERE n.first_author_id IS NOT NULL
        AND n.state <> 'set_aside' AND NOT EXISTS (SELECT 1 FROM notes d
            WHERE d.holding_id = n.holding_id AND d.state = 'set_aside'
            AND coalesce(d.first_author_id, d.author_id) = n.first_author_id)
    """)


@rule("VIS-10")
def approved_otherwise_than_signed(db: sqlite3.Connection) -> Rows:
    """An approval has somebody and an instant, and belongs to a signed note."""
    return db.execute("""
        SELECT holding_id, item_id FROM notes WHERE (approved_by_id IS NULL) <> (approved_at IS NULL)
            OR (approved_at IS NOT NULL AND (state <> 'signed' OR approved_at < signed_at))
    """)


@rule("NOTE-2")
def client_not_told_of_a_cancelled_appointment(db: sqlite3.Connection) -> Rows:
    """An appointment that its holder cancelled is cancelled, and its client has one notice of it."""
    return db.execute("""
        SELECT e.seq, e.subject_id FROM events e LEFT JOIN appointments a ON a.item_id = e.subject_id
        WHERE e.action = 'appointment.cancel' AND e.outcome = 'allowed'
        AND (a.item_id IS NULL OR a.state <> 'cancelled' OR a.practitioner_id <> e.actor_id
            OR (SELECT count(*) FROM outbox o WHERE o.subject_id = a.item_id
                AND o.kind = 'appointment_cancelled' AND o.sequence = a.sequence)
            <> (a.client_id IS NOT NULL))
    """)
