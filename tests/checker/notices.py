"""The outbox: who is told of what, once; clients of cancelled appointments only (NOTE-1, NOTE-2, MOVE-7)."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.checker.base import Rows, rule

#: What is told of which step.
_KINDS = {
    "transfer.open": "asked",
    "transfer.accept": "accepted",
    "transfer.refuse": "refused",
    "transfer.cancel": "cancelled",
    "transfer.expire": "expired",
    "transfer.narrow": "narrowed",
    "transfer.remind": "reminder",
    "transfer.extend": "extended",
}
#: Told apart from the step's own notice, and checked apart.
_FURTHER = "('needs_you', 'restored', 'emergency', 'name_coordinator', 'coordinator_receives')"


@rule("NOTE-1")
def told_otherwise_than_concerned(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """For each step exactly those concerned have one notice, but the one who acted."""
    told: dict[str, Counter[tuple[str, str]]] = {}
    for cause_id, kind, member_id in db.execute(
        f"SELECT cause_id, kind, member_id FROM outbox WHERE member_id IS NOT NULL AND kind NOT IN {_FURTHER}"
    ):
        told.setdefault(cause_id, Counter())[kind, member_id] += 1
    for step in db.execute(_STEPS):
        transfer_id, command_id, action, *_ = step
        if told.pop(command_id, Counter()) != Counter(_expected(*step[2:])):
            yield transfer_id, action, command_id
    for cause_id in told:
        yield "nothing happened", cause_id


#: Each step that is told: who acted, to where it led, its rule; owner, new owner, asker; the state that the
#: command before left, and who was replaced.
_STEPS = """
    SELECT t.id, e.command_id, e.action, e.actor_id, e.state_to, e.rule,
        t.from_id, e.subject_id, t.asked_by_id,
        (SELECT b.state_to FROM events b WHERE b.transfer_id = t.id AND b.seq < e.seq
            AND b.state_to IS NOT NULL AND b.command_id <> e.command_id ORDER BY b.seq DESC LIMIT 1),
        (SELECT o.subject_id FROM events o WHERE o.command_id = e.command_id
            AND o.action = 'transfer.override' AND o.state_from = 'pending_acceptance')
    FROM events e JOIN transfers t ON t.id = e.transfer_id
    WHERE e.state_to IS NOT NULL AND e.action IN ('transfer.open', 'transfer.accept', 'transfer.refuse',
        'transfer.cancel', 'transfer.expire', 'transfer.narrow', 'transfer.remind',
        'transfer.lost_eligibility', 'transfer.reassign', 'transfer.impose', 'transfer.extend')
"""


def _expected(
    action: str, actor_id: str | None, target: str, rule_id: str, *parties: str
) -> set[tuple[str, str]]:
    owner, new_owner, asker, before, replaced = parties
    if target == "failed":
        return {("failed", asker)}
    if action == "transfer.lost_eligibility":
        return _lost(owner, new_owner, asker, waits=target == "coordinator_override", rule_id=rule_id)
    if action == "transfer.remind":
        return set() if target == "coordinator_override" else {("reminder", new_owner)}
    if action in {"transfer.reassign", "transfer.impose"}:
        expected = _stepped_in(action, owner, new_owner, asker, replaced)
    elif action == "transfer.open":
        expected = {("asked", owner), ("asked", new_owner)}
    else:
        # Nobody was asked yet; or whoever was asked no longer is, and is told no more (VIS-12).
        concerned = {owner, new_owner, asker} if before == "pending_acceptance" else {owner, asker}
        expected = {(_KINDS[action], member) for member in (concerned if before else {asker})}
    return {(kind, member) for kind, member in expected if member != actor_id}


def _stepped_in(action: str, *parties: str) -> set[tuple[str, str]]:
    """Say who hears that a coordinator stepped in (OVR-1): whoever is no longer asked not why (VIS-12)."""
    owner, new_owner, asker, replaced = parties
    if action == "transfer.impose":
        expected = {("imposed", member) for member in (owner, new_owner, asker)}
    else:
        expected = {("reassigned", member) for member in {owner, asker} - {new_owner}}
        expected.add(("asked", new_owner))
    return expected | ({("cancelled", replaced)} if replaced not in {None, new_owner, asker} else set())


def _lost(owner: str, new_owner: str, asker: str, *, waits: bool, rule_id: str) -> set[tuple[str, str]]:
    """Say who hears that the new owner cannot take the record any more (ST-4): they themself not why."""
    expected = {("lost_eligibility", member) for member in ({owner, asker} if waits else {owner})}
    return expected | ({("cancelled", new_owner)} if waits and rule_id != "ELIG-3/inactive" else set())


@rule("NOTE-1")
def told_of_their_own_act(db: sqlite3.Connection) -> Rows:
    """Nobody is told of what they did, but the asker whose request failed."""
    return db.execute("""
        SELECT o.id, o.kind FROM outbox o
        JOIN events e ON e.command_id = o.cause_id AND e.actor_id = o.member_id
        WHERE o.kind <> 'failed'
    """)


@rule("ST-1")
def nobody_was_asked_to_decide(db: sqlite3.Connection) -> Rows:
    """Whoever waits for a coordinator is told to one, or without one to an administrator; nobody else is."""
    return db.execute("""
        WITH escalated AS (
            SELECT transfer_id, command_id, organization_id, at, seq FROM events
            WHERE action = 'transfer.escalate'),
        acted AS (SELECT command_id, actor_id FROM events WHERE actor_id IS NOT NULL),
        decider AS (
            SELECT m.organization_id, m.id, m.created_at, m.active, r.role
            FROM members m JOIN member_roles r ON r.member_id = m.id
            WHERE r.role IN ('coordinator', 'administrator')),
        moved AS (
            SELECT subject_id, seq, action = 'member.activate' AS came FROM events
            WHERE action IN ('member.activate', 'member.deactivate') AND outcome = 'allowed'),
        present AS (
            SELECT x.transfer_id, x.command_id, d.id, d.role
            FROM escalated x JOIN decider d ON d.organization_id = x.organization_id AND d.created_at <= x.at
            WHERE coalesce(
                (SELECT came FROM moved WHERE subject_id = d.id AND seq <= x.seq ORDER BY seq DESC LIMIT 1),
                (SELECT NOT came FROM moved WHERE subject_id = d.id AND seq > x.seq ORDER BY seq LIMIT 1),
                d.active))
        SELECT p.transfer_id, 'untold' FROM present p
        WHERE (p.role = 'coordinator' OR NOT EXISTS (SELECT 1 FROM present c
                WHERE c.command_id = p.command_id AND c.role = 'coordinator'))
            AND p.id NOT IN (SELECT actor_id FROM acted WHERE command_id = p.command_id)
            AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.cause_id = p.command_id AND o.kind = 'needs_you'
                AND o.member_id = p.id)
        UNION ALL
        SELECT o.transfer_id, 'for nothing' FROM outbox o
        WHERE o.kind = 'needs_you' AND o.cause_id NOT IN (SELECT command_id FROM escalated)
            AND o.cause_id NOT IN (SELECT command_id FROM events
                WHERE action = 'transfer.remind' AND state_to = 'coordinator_override')
        UNION ALL
        SELECT o.transfer_id, 'somebody else' FROM outbox o
        WHERE o.kind = 'needs_you' AND o.member_id NOT IN (SELECT member_id FROM member_roles
            WHERE role IN ('coordinator', 'administrator'))
    """)


@rule("VIS-4")
def emergency_not_logged_or_told(db: sqlite3.Connection) -> Rows:
    """An emergency has its one line and is told to the owner; there is no other such line or notice."""
    return db.execute("""
        SELECT 'unlogged', m.id FROM emergencies m JOIN transfers t ON t.id = m.transfer_id
        WHERE (SELECT count(*) FROM events e WHERE e.command_id = m.id AND e.action = 'record.emergency'
                AND e.outcome = 'allowed' AND e.actor_id = m.member_id AND e.record_id = m.record_id
                AND e.transfer_id = m.transfer_id AND t.record_id = m.record_id) <> 1
            OR m.reason = '' OR m.until_at <= m.opened_at
        UNION ALL
        SELECT 'untold', m.id FROM emergencies m JOIN transfers t ON t.id = m.transfer_id
        WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.cause_id = m.id AND o.kind = 'emergency'
            AND o.member_id = t.from_id)
        UNION ALL
        SELECT 'none', e.command_id FROM events e
        WHERE e.action = 'record.emergency' AND e.outcome = 'allowed'
            AND e.command_id NOT IN (SELECT id FROM emergencies)
        UNION ALL
        SELECT 'none', o.cause_id FROM outbox o WHERE o.kind = 'emergency'
            AND o.cause_id NOT IN (SELECT id FROM emergencies)
    """)


@rule("ST-1")
def told_to_name_a_coordinator_for_nothing(db: sqlite3.Connection) -> Rows:
    """Only administrators are told to name a coordinator, about a transfer that had come to wait."""
    return db.execute("""
        SELECT o.transfer_id, o.member_id FROM outbox o WHERE o.kind = 'name_coordinator' AND (
            NOT EXISTS (SELECT 1 FROM events e WHERE e.transfer_id = o.transfer_id
                AND e.state_to = 'coordinator_override')
            OR o.member_id NOT IN (SELECT member_id FROM member_roles WHERE role = 'administrator'))
    """)


@rule("NOTE-2")
def client_not_told_once(db: sqlite3.Connection) -> Rows:
    """The client of a cancelled appointment is told once, with the cancellation's sequence number."""
    return db.execute("""
        SELECT h.transfer_id, a.item_id, count(o.id) FROM handover h
        JOIN manifest m ON m.transfer_id = h.transfer_id AND m.item_class = 'upcoming_appointment'
        JOIN appointments a ON a.item_id = m.item_id
        LEFT JOIN outbox o ON o.subject_id = a.item_id AND o.kind = 'appointment_cancelled'
            AND o.client_id = a.client_id AND o.transfer_id = h.transfer_id AND o.sequence = a.sequence
        WHERE a.client_id IS NOT NULL GROUP BY h.transfer_id, a.item_id HAVING count(o.id) <> 1
    """)


@rule("MOVE-7")
def client_told_of_something_else(db: sqlite3.Connection) -> Rows:
    """A client hears of nothing but the appointments that a hand-over, or their holder, cancelled."""
    return db.execute("""
        SELECT o.id, o.kind FROM outbox o WHERE o.client_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM manifest m JOIN handover h ON h.transfer_id = m.transfer_id
            WHERE m.transfer_id = o.transfer_id AND m.item_id = o.subject_id
                AND m.item_class = 'upcoming_appointment' AND m.outcome = 'cancelled'
                AND o.kind = 'appointment_cancelled')
        AND NOT EXISTS (SELECT 1 FROM events e WHERE e.command_id = o.cause_id AND e.outcome = 'allowed'
            AND e.action = 'appointment.cancel' AND e.subject_id = o.subject_id
            AND o.kind = 'appointment_cancelled')
    """)


@rule("NOTE-1")
def kind_and_recipient_do_not_match(db: sqlite3.Connection) -> Rows:
    """A notice to a member is about the transfer; only a notice to a client is about an appointment."""
    return db.execute("""
        SELECT id, kind FROM outbox
        WHERE (client_id IS NOT NULL) <> (kind = 'appointment_cancelled')
            OR recipient_id IS NOT coalesce(member_id, client_id)
            OR (member_id IS NOT NULL AND subject_id IS NOT transfer_id)
    """)
