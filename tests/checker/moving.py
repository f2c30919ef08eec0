"""What moved: the manifest against the two holdings, and the table of what moves (MOVE-5, MOVE-T)."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from tests.checker.base import Rows, rule
from tests.checker.titles import allows_raw_data, raw_data_choices_changed_since

#: MOVE-T, by hand: what moves always, and what moves never.
ALWAYS = {"details", "note", "document", "draft_note", "profile", "collaborator_confidential",
          "collaborator_appointment"}  # fmt: skip
CONFIDENTIAL = {"confidential_note", "confidential_document"}
UNFINISHED = {"task", "memo"}


@rule("MOVE-5")
def item_not_accounted_for(db: sqlite3.Connection) -> Rows:
    """Every item of the closed holding stands in the manifest."""
    return db.execute("""
        SELECT h.transfer_id, had.item_id FROM handover h JOIN (
            SELECT holding_id, item_id FROM item
            UNION ALL SELECT holding_id, item_id FROM appointments
            UNION ALL SELECT id, id FROM holdings) had ON had.holding_id = h.old_id
        WHERE h.old_state <> 'destroyed' AND NOT EXISTS
            (SELECT 1 FROM manifest m WHERE m.transfer_id = h.transfer_id AND m.item_id = had.item_id)
    """)


@rule("MOVE-5")
def record_item_not_accounted_for(db: sqlite3.Connection) -> Rows:
    """Every share and every collaborator's appointment of that time stands in the manifest."""
    return db.execute("""
        SELECT h.transfer_id, had.id FROM handover h JOIN (
            SELECT record_id, id, since, ended_at FROM shares
            UNION ALL SELECT record_id, item_id, created_at, NULL FROM appointments WHERE holding_id IS NULL
            ) had ON had.record_id = h.record_id
        WHERE had.since <= h.at AND (had.ended_at IS NULL OR had.ended_at >= h.at) AND NOT EXISTS
            (SELECT 1 FROM manifest m WHERE m.transfer_id = h.transfer_id AND m.item_id = had.id)
    """)


@rule("MOVE-5")
def line_without_item(db: sqlite3.Connection) -> Rows:
    """The manifest lists nothing that was not there, each line with its class, author and digest."""
    return db.execute("""
        SELECT h.transfer_id, m.item_id, m.item_class FROM handover h
        JOIN manifest m ON m.transfer_id = h.transfer_id
        WHERE h.old_state <> 'destroyed' AND NOT CASE m.item_class
            WHEN 'details' THEN m.item_id = h.old_id AND m.author_id IS h.from_id
            WHEN 'share' THEN EXISTS (SELECT 1 FROM shares s WHERE s.id = m.item_id
                AND s.record_id = h.record_id AND s.member_id IS m.author_id)
            WHEN 'collaborator_appointment' THEN EXISTS (SELECT 1 FROM appointments a
                WHERE a.item_id = m.item_id AND a.record_id = h.record_id
                AND a.practitioner_id IS m.author_id AND a.holding_id IS NOT h.old_id)
            WHEN 'past_appointment' THEN EXISTS (SELECT 1 FROM appointments a
                WHERE a.item_id = m.item_id AND a.practitioner_id IS m.author_id
                AND (a.holding_id = h.old_id OR EXISTS (SELECT 1 FROM rejoined r
                    WHERE r.holding_id = h.old_id AND r.item_id = m.item_id)))
            WHEN 'upcoming_appointment' THEN EXISTS (SELECT 1 FROM appointments a
                WHERE a.item_id = m.item_id AND a.holding_id = h.old_id AND a.practitioner_id IS m.author_id)
            ELSE EXISTS (SELECT 1 FROM item i WHERE i.holding_id = h.old_id AND i.item_id = m.item_id
                AND i.class = m.item_class AND i.author_id IS m.author_id AND i.sha256 IS m.sha256)
            OR (m.outcome = 'deleted' AND m.sha256 IS NULL AND EXISTS (SELECT 1 FROM tombstones t
                WHERE t.holding_id = h.old_id AND t.item_class = m.item_class AND t.rule = 'grace')) END
    """)


@rule("MOVE-5")
def moved_item_is_missing_or_changed(db: sqlite3.Connection) -> Rows:
    """What moved stands in the new holding under its id, word for word; a draft may be written on since."""
    return db.execute("""
        SELECT h.transfer_id, m.item_id, m.item_class FROM handover h
        JOIN manifest m ON m.transfer_id = h.transfer_id AND m.outcome = 'moved'
        JOIN item old ON old.holding_id = h.old_id AND old.item_id = m.item_id
        LEFT JOIN item new ON new.holding_id = h.new_id AND new.item_id = m.item_id AND new.kind = old.kind
        LEFT JOIN holdings held ON held.id = h.new_id
        WHERE held.state <> 'destroyed' AND (new.item_id IS NULL OR new.author_id IS NOT old.author_id
            OR new.created_at <> old.created_at OR new.label <> old.label
            OR new.confidential <> old.confidential
            OR (old.state IS NOT 'draft' AND (new.sha256 IS NOT old.sha256))
            OR (old.state IS 'signed' AND (new.signed_at IS NOT old.signed_at OR new.state <> old.state)))
    """)


@rule("MOVE-5")
def details_changed(db: sqlite3.Connection) -> Rows:
    """The record's details moved as they were."""
    return db.execute("""
        SELECT h.transfer_id FROM handover h
        JOIN holdings old ON old.id = h.old_id JOIN holdings new ON new.id = h.new_id
        WHERE 'destroyed' NOT IN (old.state, new.state) AND (old.title <> new.title
            OR old.email IS NOT new.email OR old.confidential <> new.confidential
            OR old.reason_for_consultation IS NOT new.reason_for_consultation
            OR old.opened_on <> new.opened_on)
    """)


@rule("MOVE-5")
def item_that_stays_is_in_the_new_holding(db: sqlite3.Connection) -> Rows:
    """What did not move is not in the new holding."""
    return db.execute("""
        SELECT h.transfer_id, m.item_id, m.item_class FROM handover h
        JOIN manifest m ON m.transfer_id = h.transfer_id AND m.outcome <> 'moved'
        WHERE EXISTS (SELECT 1 FROM item i WHERE i.holding_id = h.new_id AND i.item_id = m.item_id)
            OR EXISTS (SELECT 1 FROM appointments a WHERE a.holding_id = h.new_id AND a.item_id = m.item_id)
    """)


@rule("MOVE-T")
def never_moves_but_is_in_two_holdings(db: sqlite3.Connection) -> Rows:
    """Tasks, memos and invoices belong to one holding for ever: none reappears in another."""
    return db.execute("""
        SELECT kind, item_id, count(*) FROM item WHERE kind IN ('tasks', 'memos', 'invoices')
        GROUP BY kind, item_id HAVING count(*) > 1
    """)


@rule("MOVE-T")
def outcome_is_not_in_the_table(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every line has the outcome that the table gives its class under the options and the rules."""
    for found in db.execute("""
        SELECT transfer_id, organization_id, at, to_id, raw_data, include_confidential OR confidential,
            keep_copy OR legal_hold, legal_hold, old_state FROM handover
    """).fetchall():
        transfer_id, *_, to_id, raw_data, confidential_moves, copy, legal_hold, old_state = found
        lines = db.execute(
            "SELECT item_id, item_class, outcome, author_id FROM manifest WHERE transfer_id = ?",
            (transfer_id,),
        ).fetchall()
        has_raw_data = any(item_class == "raw_data" for _, item_class, _, _ in lines)
        raw_moves = raw_data != "exclude" and _raw_data_may_move(db, *found[:4])
        copy = bool(copy or (has_raw_data and raw_data != "exclude" and not raw_moves))
        restored = (
            "SELECT 1 FROM restorations r JOIN holdings h ON h.id = r.holding_id WHERE h.closed_by_id = ?"
        )
        copied = copy or db.execute(restored, (transfer_id,)).fetchone()
        if old_state not in {"archived" if copied else "quarantined", "destroyed"}:
            yield transfer_id, "the closed holding is", old_state
        left = "kept" if copy else "withheld"
        table = (
            dict.fromkeys(ALWAYS, "moved")
            | dict.fromkeys(CONFIDENTIAL, "moved" if confidential_moves else left)
            | dict.fromkeys(UNFINISHED, "kept" if legal_hold else "deleted")
            | {
                "raw_data": "moved" if raw_moves else left,
                "past_appointment": left,
                "upcoming_appointment": "cancelled",
                "invoice": "kept",
            }
        )
        for item_id, item_class, outcome, author_id in lines:
            share = "cancelled" if author_id == to_id else "moved"
            expected = share if item_class == "share" else table[item_class]
            if outcome != expected:
                yield transfer_id, item_id, item_class, outcome, "instead of", expected


def _raw_data_may_move(
    db: sqlite3.Connection, transfer_id: str, organization_id: str, at: str, to_id: str
) -> bool:
    """ELIG-5 by today's title and list; where the list may have been another one, by what was done."""
    if not raw_data_choices_changed_since(db, organization_id, to_id, at):
        return allows_raw_data(db, organization_id, to_id)
    moved = "SELECT 1 FROM manifest WHERE transfer_id = ? AND item_class = 'raw_data' AND outcome = 'moved'"
    return db.execute(moved, (transfer_id,)).fetchone() is not None


@rule("MOVE-8")
def withheld_by_a_rule_without_a_copy(db: sqlite3.Connection) -> Rows:
    """Raw data that the one who asked did not exclude are moved or kept, whatever the options say."""
    return db.execute("""
        SELECT h.transfer_id, m.item_id FROM handover h JOIN manifest m ON m.transfer_id = h.transfer_id
        WHERE m.item_class = 'raw_data' AND h.raw_data <> 'exclude' AND m.outcome NOT IN ('moved', 'kept')
    """)


@rule("MOVE-11")
def held_record_lost_something(db: sqlite3.Connection) -> Rows:
    """Under legal hold whatever does not move is kept in a copy, tasks and memos included."""
    return db.execute("""
        SELECT h.transfer_id, m.item_id, m.item_class, m.outcome FROM handover h
        JOIN manifest m ON m.transfer_id = h.transfer_id
        WHERE h.legal_hold = 1 AND (m.outcome IN ('deleted', 'withheld') OR h.old_state <> 'archived')
    """)


@rule("VIS-6")
def collaborators_item_is_exposed(db: sqlite3.Connection) -> Rows:
    """A collaborator's confidential item moves for its author alone, unless the author is the new owner."""
    return db.execute("""
        SELECT h.transfer_id, new.item_id FROM handover h
        JOIN item old ON old.holding_id = h.old_id AND old.author_only = 1
        JOIN item new ON new.holding_id = h.new_id AND new.item_id = old.item_id
        WHERE (new.author_only = 1) = (new.author_id = h.to_id)
    """)


@rule("VIS-6")
def author_only_item_left_behind(db: sqlite3.Connection) -> Rows:
    """A collaborator's confidential item moves, whatever the options say."""
    return db.execute("""
        SELECT h.transfer_id, old.item_id FROM handover h
        JOIN item old ON old.holding_id = h.old_id AND old.author_only = 1
        WHERE NOT EXISTS (SELECT 1 FROM item new
            WHERE new.holding_id = h.new_id AND new.item_id = old.item_id)
    """)


@rule("VIS-6")
def author_only_of_the_owner(db: sqlite3.Connection) -> Rows:
    """What is for its author alone is confidential, and not the holding's owner's own."""
    return db.execute("""
        SELECT i.holding_id, i.item_id FROM item i JOIN holdings h ON h.id = i.holding_id
        WHERE i.author_only = 1 AND (i.confidential = 0 OR (i.author_id = h.owner_id
            AND h.id NOT IN (SELECT id FROM recovered)))
    """)


@rule("MOVE-T")
def upcoming_appointment_not_cancelled(db: sqlite3.Connection) -> Rows:
    """The previous owner's upcoming appointments are cancelled, and no other (MOVE-13: one begun is past)."""
    return db.execute("""
        SELECT h.transfer_id, a.item_id, m.item_class, a.state FROM handover h
        JOIN appointments a ON a.holding_id = h.old_id
        JOIN manifest m ON m.transfer_id = h.transfer_id AND m.item_id = a.item_id
        WHERE h.old_state <> 'destroyed' AND ((a.state = 'booked' AND a.starts_at > h.at)
            OR (m.item_class = 'upcoming_appointment'
                AND (a.state <> 'cancelled' OR a.starts_at <= h.at OR a.sequence < 1)))
    """)
