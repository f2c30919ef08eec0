"""Destruction: tombstones that count what went, and nothing left of it (MOVE-6, MOVE-8, MOVE-11)."""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.checker.base import Rows, rule


@rule("MOVE-6")
def destroyed_and_still_readable(db: sqlite3.Connection) -> Rows:
    """Nothing readable is left of a destroyed holding."""
    return db.execute("""
        SELECT id FROM holdings WHERE state = 'destroyed' AND (title <> '' OR email IS NOT NULL
            OR reason_for_consultation IS NOT NULL OR opened_on <> '')
    """)


@rule("MOVE-6")
def destroyed_with_items(db: sqlite3.Connection) -> Rows:
    """A destroyed holding has no items; bills stay where no copy was kept (MOVE-T/invoice)."""
    return db.execute("""
        SELECT h.id, i.kind, i.item_id FROM holdings h JOIN (
            SELECT kind, holding_id, item_id FROM item
            UNION ALL SELECT 'appointments', holding_id, item_id FROM appointments) i ON i.holding_id = h.id
        WHERE h.state = 'destroyed' AND (i.kind <> 'invoices' OR EXISTS
            (SELECT 1 FROM tombstones t WHERE t.holding_id = h.id AND t.item_class = 'invoice'))
    """)


@rule("MOVE-6")
def tombstone_does_not_count_what_went(db: sqlite3.Connection) -> Rows:
    """The tombstones of a destroyed holding count what the manifest listed of it, class by class."""
    return db.execute("""
        WITH listed AS (
            SELECT h.old_id, m.item_class, count(*) AS n FROM handover h
            JOIN manifest m ON m.transfer_id = h.transfer_id
            WHERE h.old_state = 'destroyed' AND m.item_class NOT IN ('share', 'collaborator_appointment')
                AND NOT (m.item_class = 'past_appointment' AND EXISTS (SELECT 1 FROM rejoined r
                    WHERE r.holding_id = h.old_id AND r.item_id = m.item_id))
                AND NOT (m.item_class = 'invoice' AND EXISTS
                    (SELECT 1 FROM invoices i WHERE i.holding_id = h.old_id))
            GROUP BY h.old_id, m.item_class),
        stone AS (
            SELECT t.holding_id, t.item_class, t.count AS n FROM tombstones t
            JOIN holdings h ON h.id = t.holding_id WHERE h.state = 'destroyed'
                AND h.id NOT IN (SELECT id FROM recovered))
        SELECT 'listed', * FROM (SELECT * FROM listed EXCEPT SELECT * FROM stone)
        UNION ALL SELECT 'stone', * FROM (SELECT * FROM stone EXCEPT SELECT * FROM listed)
    """)


@rule("MOVE-6")
def grace_took_something_else(db: sqlite3.Connection) -> Rows:
    """The grace period alone takes the tasks and memos that a hand-over deleted, all of them, no more."""
    return db.execute("""
        SELECT t.holding_id, t.item_class FROM tombstones t
        JOIN holdings h ON h.id = t.holding_id
        WHERE t.rule = 'grace' AND (t.item_class NOT IN ('task', 'memo') OR t.count <> (
            SELECT count(*) FROM manifest m WHERE m.transfer_id = h.closed_by_id
                AND m.item_class = t.item_class AND m.outcome = 'deleted'))
    """)


@rule("MOVE-6")
def content_without_an_item(db: sqlite3.Connection) -> Rows:
    """A digest that a manifest still names is that of an item."""
    return db.execute("""
        SELECT m.transfer_id, m.item_id FROM manifest m JOIN transfers t ON t.id = m.transfer_id
        WHERE m.sha256 IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM item i JOIN holdings h ON h.id = i.holding_id
            WHERE h.record_id = t.record_id AND i.item_id = m.item_id AND i.sha256 = m.sha256)
    """)


@rule("AUD-4")
def digest_lost_without_destruction(db: sqlite3.Connection) -> Rows:
    """A manifest lost a digest only where items of the record were destroyed."""
    return db.execute("""
        SELECT m.transfer_id, m.item_id FROM manifest m JOIN transfers t ON t.id = m.transfer_id
        WHERE m.sha256 IS NULL AND m.item_class IN ('note', 'document', 'draft_note', 'profile',
            'confidential_note', 'confidential_document', 'raw_data', 'collaborator_confidential', 'task',
            'memo')
        AND NOT EXISTS (SELECT 1 FROM tombstones s JOIN holdings h ON h.id = s.holding_id
            WHERE h.record_id = t.record_id)
    """)


@rule("MOVE-6")
def destroyed_too_early(db: sqlite3.Connection) -> Rows:
    """Nothing went before its grace period was over there; judged while the policy stands."""
    rows: list[tuple[Any, ...]] = db.execute("""
        SELECT s.holding_id, s.item_class, s.at, h.until_at, o.time_zone, p.grace_days
        FROM tombstones s JOIN holdings h ON h.id = s.holding_id
        JOIN organizations o ON o.id = s.organization_id JOIN policies p ON p.organization_id = o.id
        WHERE h.until_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM events e WHERE e.organization_id = o.id
            AND e.action = 'organization.policy' AND e.at >= h.until_at)
    """).fetchall()
    for holding, item_class, at, until, zone, days in rows:
        if _day(at, zone) <= _day(until, zone) + timedelta(days=days):
            yield holding, item_class


#: What an imported resource became, and where that is; in any holding of its record.
_BECAME = {
    "member": "SELECT 1 FROM members x WHERE x.id = m.became_id",
    "client": "SELECT 1 FROM record_clients x WHERE x.client_id = m.became_id AND x.record_id = m.record_id",
    "record": "SELECT 1 FROM records x WHERE x.id = m.became_id AND x.id = m.record_id",
    "share": "SELECT 1 FROM shares x WHERE x.id = m.became_id AND x.record_id = m.record_id",
    "restriction": "SELECT 1 FROM restrictions x WHERE x.id = m.became_id",
    "appointment": "SELECT 1 FROM appointments x WHERE x.item_id = m.became_id AND x.record_id = m.record_id",
} | {
    word: f"SELECT 1 FROM {table} x JOIN holdings h ON h.id = x.holding_id"
    " WHERE x.item_id = m.became_id AND h.record_id = m.record_id"
    for word, table in (
        *(("note", "notes"), ("document", "documents"), ("raw_data", "raw_data"), ("profile", "profiles")),
        *(("invoice", "invoices"), ("task", "tasks"), ("memo", "memos")),
    )
}
_ITEMS = ("note", "document", "raw_data", "profile", "invoice", "task", "memo", "appointment")


@rule("MOVE-6")
def imported_and_lost(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """What was imported is there, or a hand-over left it behind, and a tombstone counts what went there."""
    for word, there in _BECAME.items():
        yield from db.execute(f"""
            SELECT m.became, m.became_id FROM imported m WHERE m.became = '{word}' AND NOT EXISTS ({there})
            AND NOT EXISTS (SELECT 1 FROM manifest l JOIN holdings h ON h.closed_by_id = l.transfer_id
                JOIN tombstones t ON t.holding_id = h.id AND t.item_class = l.item_class
                WHERE l.item_id = m.became_id AND l.outcome <> 'moved' AND h.record_id = m.record_id)
        """)


@rule("MOVE-6")
def digest_outlived_what_was_imported(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """No digest of a resource is left where something that it became is gone."""
    for word in _ITEMS:
        yield from db.execute(f"""
            SELECT d.resource_type, d.became_id FROM imported m JOIN imported d
                ON d.record_id = m.record_id AND d.source = m.source AND d.resource_type = m.resource_type
                AND d.resource_id = m.resource_id AND d.organization_id = m.organization_id
            WHERE m.became = '{word}' AND d.sha256 IS NOT NULL AND NOT EXISTS ({_BECAME[word]})
        """)


@rule("MOVE-6")
def imported_digest_lost(db: sqlite3.Connection) -> Rows:
    """A resource lost its digest only where things of its record were destroyed; the invented has none."""
    return db.execute("""
        SELECT 'source', m.resource_type, m.became_id FROM imported m
        WHERE m.resource_type <> 'x-invented' AND m.sha256 IS NULL
            AND NOT EXISTS (SELECT 1 FROM tombstones t JOIN holdings h ON h.id = t.holding_id
                WHERE h.record_id = m.record_id)
        UNION ALL SELECT 'invented', m.resource_type, m.became_id FROM imported m
        WHERE m.resource_type = 'x-invented' AND m.sha256 IS NOT NULL
    """)


@rule("MOVE-10")
def did_not_rejoin(db: sqlite3.Connection) -> Rows:
    """What a quarantine withheld is the record's again once its owner is, with its bytes; nothing else is."""
    return db.execute("""
        WITH should AS (
            SELECT back.transfer_id, was.old_id, m.item_id, m.item_class, m.sha256, back.new_id
            FROM handover was JOIN manifest m ON m.transfer_id = was.transfer_id AND m.outcome = 'withheld'
            JOIN handover back ON back.record_id = was.record_id AND back.to_id = was.from_id
                AND back.at > was.at
            WHERE was.old_state = 'quarantined' AND back.at = (SELECT min(b.at) FROM handover b
                WHERE b.record_id = was.record_id AND b.to_id = was.from_id AND b.at > was.at))
        SELECT transfer_id, item_id, 'not listed' FROM should s WHERE NOT EXISTS (SELECT 1 FROM rejoined r
            WHERE r.transfer_id = s.transfer_id AND r.item_id = s.item_id AND r.holding_id = s.old_id
                AND r.item_class = s.item_class)
        UNION ALL
        SELECT r.transfer_id, r.item_id, 'not withheld' FROM rejoined r WHERE NOT EXISTS (
            SELECT 1 FROM handover was JOIN manifest m ON m.transfer_id = was.transfer_id
            WHERE was.old_id = r.holding_id AND m.item_id = r.item_id AND m.outcome = 'withheld')
        UNION ALL
        SELECT r.transfer_id, r.item_id, 'not there' FROM rejoined r
        JOIN handover h ON h.transfer_id = r.transfer_id JOIN holdings new ON new.id = h.new_id
        WHERE new.state = 'live' AND r.item_class NOT IN ('past_appointment', 'confidential_note')
            AND NOT EXISTS (SELECT 1 FROM item i JOIN item old ON old.item_id = i.item_id
                AND old.holding_id = r.holding_id AND old.sha256 = i.sha256
                WHERE i.holding_id = new.id AND i.item_id = r.item_id)
            AND EXISTS (SELECT 1 FROM holdings q WHERE q.id = r.holding_id AND q.state <> 'destroyed')
    """)


@rule("MOVE-6")
def restored_and_nobody_told(db: sqlite3.Connection) -> Rows:
    """A quarantine became a copy by an administrator's command, which its holder hears of once."""
    return db.execute("""
        SELECT r.holding_id FROM restorations r JOIN holdings h ON h.id = r.holding_id
        WHERE h.id NOT IN (SELECT id FROM recovered) AND (
            (SELECT count(*) FROM outbox o WHERE o.kind = 'restored' AND o.transfer_id = h.closed_by_id
                AND o.member_id = h.owner_id) <> (h.owner_id <> r.by_id)
            OR NOT EXISTS (SELECT 1 FROM events e WHERE e.action = 'quarantine.restore'
                AND e.outcome = 'allowed' AND e.actor_id = r.by_id AND e.record_id = h.record_id))
    """)


@rule("VIS-6")
def recovered_otherwise_than_left(db: sqlite3.Connection) -> Rows:
    """A copy of what somebody kept for themself has that alone, as it stood in the record's own holdings."""
    return db.execute("""
        SELECT c.id, i.item_id FROM recovered c JOIN item i ON i.holding_id = c.id
        WHERE i.author_only = 0 OR i.author_id <> c.owner_id OR NOT EXISTS (
            SELECT 1 FROM item own JOIN holdings h ON h.id = own.holding_id
            WHERE h.record_id = c.record_id AND h.id <> c.id AND own.item_id = i.item_id
                AND own.kind = i.kind AND own.author_id = i.author_id
                AND (own.sha256 = i.sha256 OR own.state IS 'draft' OR i.state IS 'draft'))
        UNION ALL
        SELECT c.id, 'empty' FROM recovered c WHERE c.state <> 'destroyed'
            AND NOT EXISTS (SELECT 1 FROM item i WHERE i.holding_id = c.id)
        UNION ALL
        SELECT c.id, 'quarantined' FROM recovered c WHERE c.state NOT IN ('archived', 'destroyed')
    """)


@rule("VIS-6")
def recovered_and_not_logged_or_told(db: sqlite3.Connection) -> Rows:
    """Each such copy is an administrator's command, of which its author hears, and administrators alone."""
    return db.execute("""
        SELECT 'unlogged', c.id FROM recovered c JOIN restorations r ON r.holding_id = c.id
        WHERE (SELECT count(*) FROM events e WHERE e.action = 'quarantine.recover' AND e.outcome = 'allowed'
            AND e.role = 'administrator' AND e.actor_id = r.by_id AND e.record_id = c.record_id
            AND e.subject_id = c.owner_id AND e.at = r.at) <> 1
        UNION ALL
        SELECT 'untold', c.id FROM recovered c WHERE NOT EXISTS (SELECT 1 FROM outbox n
            WHERE n.kind = 'quarantine_recovered' AND n.subject_id = c.id AND n.member_id = c.owner_id)
        UNION ALL
        SELECT 'somebody else', n.id FROM outbox n LEFT JOIN recovered c ON c.id = n.subject_id
        WHERE n.kind = 'quarantine_recovered' AND (c.id IS NULL OR (n.member_id <> c.owner_id
            AND n.member_id NOT IN (SELECT member_id FROM member_roles WHERE role = 'administrator')
            AND NOT EXISTS (SELECT 1 FROM events e WHERE e.subject_id = n.member_id AND e.outcome = 'allowed'
                AND e.action LIKE 'member.%' AND e.at >= n.created_at)))
    """)


def _day(instant: str, zone: str) -> date:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(zone)).date()
