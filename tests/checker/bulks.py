"""Transfers of a caseload: fixed at the start, started only while running, settled when finished (BULK)."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from tests.checker.base import Rows, rule

#: Which action may lead from where to where; a launch whose every line is settled finishes at once.
_EDGES = {
    ("", "bulk.launch"): "running",
    ("running", "bulk.pause"): "paused",
    ("paused", "bulk.resume"): "running",
    ("running", "bulk.stop"): "stopped",
    ("paused", "bulk.stop"): "stopped",
    ("running", "bulk.finish"): "finished",
}


@rule("BULK-1")
def caseload_is_not_whole(db: sqlite3.Connection) -> Rows:
    """A bulk has the items of its start: one a record, in order, none lost and none added."""
    return db.execute("""
        SELECT b.id, b.records, count(i.record_id) FROM bulks b LEFT JOIN bulk_items i ON i.bulk_id = b.id
        GROUP BY b.id
        HAVING count(DISTINCT i.record_id) <> b.records OR count(i.record_id) <> b.records
            OR (b.records > 0 AND (min(i.position) <> 0 OR max(i.position) <> b.records - 1))
    """)


@rule("BULK-3")
def asked_otherwise_than_the_bulk_says(db: sqlite3.Connection) -> Rows:
    """A transfer that names a bulk is of a record of it, as it says: source, purpose, basis, options."""
    return db.execute("""
        SELECT t.id, t.bulk_id FROM transfers t
        LEFT JOIN bulks b ON b.id = t.bulk_id
        LEFT JOIN bulk_items i ON i.bulk_id = t.bulk_id AND i.record_id = t.record_id
        WHERE t.bulk_id IS NOT NULL AND (b.id IS NULL OR i.record_id IS NULL OR t.from_id <> b.from_id
            OR t.purpose <> b.purpose OR t.organization_id <> b.organization_id
            OR (t.reassigned_by_id IS NULL AND t.basis_id IS NOT b.basis_id)
            OR t.include_confidential > b.include_confidential)
    """)


@rule("OVR-3")
def reassigned_otherwise_than_the_bulk_says(db: sqlite3.Connection) -> Rows:
    """What a bulk reassigned it was told to: to whom it says, in its way, while nobody else did."""
    return db.execute("""
        SELECT i.bulk_id, i.record_id, i.transfer_id FROM bulk_items i JOIN bulks b ON b.id = i.bulk_id
        WHERE i.reassigned_at IS NOT NULL AND (b.reassign_open = 0 OR i.reassigns IS NOT i.transfer_id
            OR NOT EXISTS (SELECT 1 FROM transfers t JOIN events e ON e.transfer_id = t.id
                WHERE t.id = i.transfer_id AND t.record_id = i.record_id AND t.from_id = b.from_id
                    AND e.action = CASE b.impose WHEN 1 THEN 'transfer.impose' ELSE 'transfer.reassign' END
                    AND e.outcome = 'allowed' AND e.subject_id = i.to_id AND e.at = i.reassigned_at))
    """)


@rule("OVR-1")
def imposed_otherwise_than_the_bulk_says(db: sqlite3.Connection) -> Rows:
    """A bulk that imposes or reassigns has a reason; what it asked for was imposed, and nobody was asked."""
    return db.execute("""
        SELECT 'no reason', id, NULL FROM bulks
            WHERE (impose = 1 OR reassign_open = 1) AND reason_id IS NULL
        UNION ALL
        SELECT 'asked', b.id, t.id FROM bulks b JOIN transfers t ON t.bulk_id = b.id
        WHERE b.impose = 1 AND t.reassigned_by_id IS NULL AND (
            t.state NOT IN ('requested', 'accepted', 'cancelled', 'failed')
            OR (t.state = 'accepted' AND t.imposed = 0)
            OR EXISTS (SELECT 1 FROM outbox o WHERE o.transfer_id = t.id AND o.kind = 'asked'))
        UNION ALL
        SELECT 'not told to', b.id, t.id FROM bulks b JOIN transfers t ON t.bulk_id = b.id
        WHERE b.impose = 0 AND t.imposed = 1 AND NOT EXISTS (SELECT 1 FROM events e
            WHERE e.transfer_id = t.id AND e.action = 'transfer.override'
                AND e.state_from IN ('pending_acceptance', 'coordinator_override'))
            AND NOT EXISTS (SELECT 1 FROM events e WHERE e.transfer_id = t.id
                AND e.action = 'transfer.escalate')
    """)


@rule("BULK-4")
def blocked_and_asked(db: sqlite3.Connection) -> Rows:
    """A record that a rule blocks has no transfer of that attempt; the others have somebody to go to."""
    return db.execute("""
        SELECT i.bulk_id, i.record_id FROM bulk_items i LEFT JOIN transfers t ON t.id = i.transfer_id
        WHERE (i.rule IS NOT NULL AND t.id IS NOT NULL) OR (i.rule IS NULL AND i.to_id IS NULL)
    """)


@rule("BULK-4")
def bulk_states_do_not_follow(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The log leads each bulk along its table, to where its row is."""
    told: dict[str, str] = {}
    for bulk_id, action in db.execute("""
        SELECT subject_id, action FROM events WHERE outcome = 'allowed'
            AND action IN ('bulk.launch', 'bulk.pause', 'bulk.resume', 'bulk.stop', 'bulk.finish')
        ORDER BY organization_id, seq
    """):
        reached = _EDGES.get((told.get(bulk_id, ""), action))
        if reached is None:
            yield bulk_id, action, "from", told.get(bulk_id)
        else:
            told[bulk_id] = reached
    for bulk_id, state in db.execute("SELECT id, state FROM bulks"):
        if told.pop(bulk_id, None) != state:
            yield bulk_id, "is", state
    for bulk_id in told:
        yield bulk_id, "has no row"


@rule("BULK-4")
def finished_and_unsettled(db: sqlite3.Connection) -> Rows:
    """In a finished bulk every item has a final transfer, or the rule that blocks it."""
    return db.execute("""
        SELECT CASE WHEN t.id IS NULL THEN 'never asked' ELSE 'open' END, b.id, i.record_id
        FROM bulks b JOIN bulk_items i ON i.bulk_id = b.id
        LEFT JOIN transfers t ON t.id = i.transfer_id
        WHERE b.state = 'finished' AND coalesce(
            t.state NOT IN ('accepted', 'refused', 'cancelled', 'expired', 'failed'), i.rule IS NULL)
    """)


@rule("BULK-4")
def asked_while_not_running(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Nothing is asked for while a bulk is paused, or after it was stopped or finished."""
    state: dict[str, str] = {}
    for bulk_id, action, transfer_id in db.execute("""
        SELECT coalesce(t.bulk_id, e.subject_id), e.action, e.transfer_id FROM events e
        LEFT JOIN transfers t ON t.id = e.transfer_id AND e.action = 'transfer.open'
        WHERE e.outcome = 'allowed' AND (e.action LIKE 'bulk.%' OR t.bulk_id IS NOT NULL)
        ORDER BY e.organization_id, e.seq
    """):
        if action != "transfer.open":
            state[bulk_id] = _EDGES.get((state.get(bulk_id, ""), action), state.get(bulk_id, ""))
        elif state.get(bulk_id) != "running":
            yield bulk_id, transfer_id


@rule("ROLE-5")
def asked_by_somebody_who_did_not_lead(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """A bulk asks in the name of who started it, or of who resumed it last."""
    leader: dict[str, str] = {}
    for bulk_id, action, actor_id, transfer_id in db.execute("""
        SELECT coalesce(t.bulk_id, e.subject_id), e.action, e.actor_id, e.transfer_id FROM events e
        LEFT JOIN transfers t ON t.id = e.transfer_id AND e.action = 'transfer.open'
        WHERE e.outcome = 'allowed'
            AND (e.action IN ('bulk.launch', 'bulk.resume') OR t.bulk_id IS NOT NULL)
        ORDER BY e.organization_id, e.seq
    """):
        if action != "transfer.open":
            leader[bulk_id] = actor_id
        elif leader.get(bulk_id) != actor_id:
            yield "asked", bulk_id, transfer_id
    for bulk_id, led_by_id in db.execute("SELECT id, led_by_id FROM bulks"):
        if leader.get(bulk_id) != led_by_id:
            yield "leads", bulk_id, led_by_id


@rule("BULK-5")
def answer_without_its_line(db: sqlite3.Connection) -> Rows:
    """An answer to a bulk is one line of the log, by whom the bulk has asked; a refusal has a reason."""
    return db.execute("""
        SELECT a.id, a.member_id FROM bulk_answers a
        WHERE (SELECT count(*) FROM events e WHERE e.command_id = a.id AND e.action = 'bulk.answer'
                AND e.outcome = 'allowed' AND e.actor_id = a.member_id AND e.subject_id = a.bulk_id) <> 1
            OR (a.answer = 'refuse' AND a.reason_id IS NULL)
            OR NOT EXISTS (SELECT 1 FROM bulk_items i JOIN events e ON e.transfer_id = i.transfer_id
                WHERE i.bulk_id = a.bulk_id AND e.action IN ('transfer.open', 'transfer.reassign')
                    AND e.subject_id = a.member_id)
        UNION ALL
        SELECT e.command_id, e.actor_id FROM events e WHERE e.action = 'bulk.answer' AND e.outcome = 'allowed'
            AND e.command_id NOT IN (SELECT id FROM bulk_answers)
    """)


@rule("BULK-5")
def answer_ended_and_undecided(db: sqlite3.Connection) -> Rows:
    """An answer ends when its bulk is over; what it says nothing of, or could not decide, may wait."""
    return db.execute("""
        SELECT a.id, b.state FROM bulk_answers a JOIN bulks b ON b.id = a.bulk_id
        WHERE a.ended_at IS NOT NULL AND b.state IN ('running', 'paused')
        UNION ALL
        SELECT d.answer_id, d.transfer_id FROM bulk_answer_denials d
        WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.transfer_id = d.transfer_id
            AND e.action IN ('transfer.accept', 'transfer.refuse') AND e.outcome = 'denied')
    """)


@rule("NOTE-3")
def end_not_told_once(db: sqlite3.Connection) -> Rows:
    """The end of a bulk is one notice a person: who led it, whose records they were, who was asked."""
    return db.execute("""
        WITH concerned AS (
            SELECT id AS bulk_id, led_by_id AS member_id FROM bulks WHERE state = 'finished'
            UNION SELECT b.id, b.from_id FROM bulks b WHERE b.state = 'finished' AND b.records > 0
            UNION SELECT b.id, t.to_id FROM bulks b JOIN bulk_items i ON i.bulk_id = b.id
                JOIN transfers t ON t.id = i.transfer_id
                WHERE b.state = 'finished' AND t.state <> 'failed'),
        told AS (SELECT subject_id AS bulk_id, member_id, count(*) AS notices FROM outbox
            WHERE kind = 'bulk_finished' GROUP BY subject_id, member_id)
        SELECT 'untold', c.bulk_id, c.member_id FROM concerned c WHERE NOT EXISTS (
            SELECT 1 FROM told WHERE told.bulk_id = c.bulk_id AND told.member_id = c.member_id)
        UNION ALL SELECT 'told too much', t.bulk_id, t.member_id FROM told t WHERE t.notices > 1
            OR NOT EXISTS (SELECT 1 FROM concerned c
                WHERE c.bulk_id = t.bulk_id AND c.member_id = t.member_id)
    """)
