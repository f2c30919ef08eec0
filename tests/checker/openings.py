"""Openings of copies whose holder is gone: logged, told, read in their time alone (MOVE-6, AUD-3, ELIG-4)."""

import sqlite3

from tests.checker.base import Rows, rule

#: Until when an opening holds.
_UNTIL = "CASE WHEN o.ended_at IS NULL OR o.ended_at > o.until_at THEN o.until_at ELSE o.ended_at END"


@rule("MOVE-6")
def opening_not_logged_or_told(db: sqlite3.Connection) -> Rows:
    """An opening has its one line, by an administrator, and its reader hears of it; its end has a line."""
    return db.execute("""
        SELECT 'unlogged', o.id FROM openings o JOIN holdings h ON h.id = o.holding_id
        WHERE (SELECT count(*) FROM events e WHERE e.command_id = o.id AND e.action = 'quarantine.open'
            AND e.outcome = 'allowed' AND e.role = 'administrator' AND e.actor_id = o.by_id
            AND e.subject_id = o.reader_id AND e.record_id = h.record_id AND e.at = o.opened_at) <> 1
        UNION ALL
        SELECT 'unclosed', o.id FROM openings o JOIN holdings h ON h.id = o.holding_id
        WHERE o.ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM events e
            WHERE e.action = 'quarantine.close' AND e.outcome = 'allowed' AND e.at = o.ended_at
            AND e.subject_id = o.reader_id AND e.record_id = h.record_id)
        UNION ALL
        SELECT 'untold', o.id FROM openings o WHERE o.reader_id <> o.by_id AND NOT EXISTS (
            SELECT 1 FROM outbox n WHERE n.cause_id = o.id AND n.kind = 'quarantine_opened'
                AND n.member_id = o.reader_id AND n.subject_id = o.holding_id)
        UNION ALL
        SELECT 'none', e.command_id FROM events e WHERE e.action = 'quarantine.open'
            AND e.outcome = 'allowed' AND e.command_id NOT IN (SELECT id FROM openings)
        UNION ALL
        SELECT 'none', n.cause_id FROM outbox n WHERE n.kind = 'quarantine_opened'
            AND n.cause_id NOT IN (SELECT id FROM openings)
        UNION ALL
        SELECT 'none', n.cause_id FROM outbox n WHERE n.kind = 'quarantine_closed'
            AND n.cause_id NOT IN (SELECT command_id FROM events WHERE action = 'quarantine.close')
    """)


@rule("VIS-11")
def opening_told_to_somebody_else(db: sqlite3.Connection) -> Rows:
    """Nobody hears of an opening but its reader, administrators and coordinators."""
    return db.execute("""
        SELECT n.id, n.kind FROM outbox n WHERE n.kind IN ('quarantine_opened', 'quarantine_closed')
            AND n.member_id NOT IN (SELECT reader_id FROM openings WHERE holding_id = n.subject_id)
            AND n.member_id NOT IN (SELECT member_id FROM member_roles
                WHERE role IN ('administrator', 'coordinator'))
            AND NOT EXISTS (SELECT 1 FROM events e WHERE e.subject_id = n.member_id AND e.outcome = 'allowed'
                AND e.action LIKE 'member.%' AND e.at >= n.created_at)
    """)


@rule("MOVE-6")
def opened_what_is_no_copy(db: sqlite3.Connection) -> Rows:
    """What is opened is, or was, an archived copy of the same organization, and not the reader's own."""
    return db.execute("""
        SELECT o.id, h.state FROM openings o JOIN holdings h ON h.id = o.holding_id
        JOIN members r ON r.id = o.reader_id
        WHERE h.state NOT IN ('archived', 'destroyed') OR h.owner_id = o.reader_id
            OR o.organization_id <> h.organization_id OR r.organization_id <> h.organization_id
    """)


@rule("AUD-3")
def read_without_an_opening(db: sqlite3.Connection) -> Rows:
    """Whoever read somebody else's copy, as the log names its holder, had it open at that instant."""
    return db.execute(f"""
        SELECT e.organization_id, e.seq FROM events e
        WHERE e.action IN ('record.show', 'record.read', 'record.export', 'document.export')
            AND e.outcome = 'allowed' AND e.subject_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM openings o JOIN holdings h ON h.id = o.holding_id
            WHERE o.reader_id = e.actor_id AND h.owner_id = e.subject_id AND h.record_id = e.record_id
                AND e.at >= o.opened_at AND e.at <= {_UNTIL})
    """)


@rule("ELIG-4")
def open_for_the_unwanted(db: sqlite3.Connection) -> Rows:
    """A copy is open to nobody whom a client of the record does not want."""
    return db.execute(f"""
        SELECT o.id, x.id FROM openings o JOIN holdings h ON h.id = o.holding_id
        JOIN record_clients c ON c.record_id = h.record_id
        JOIN restrictions x ON x.client_id = c.client_id AND x.member_id = o.reader_id
        WHERE max(x.set_at, o.opened_at) < min(coalesce(x.ended_at, o.until_at), {_UNTIL})
    """)
