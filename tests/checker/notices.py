"""The outbox: who is told of what, once; clients of cancelled appointments only (NOTE-1, NOTE-2, MOVE-7)."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.checker.base import Rows, rule
from tests.checker.roles import Line, Standing, told_backwards

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
_FURTHER = (
    "('needs_you', 'restored', 'emergency', 'name_coordinator', 'coordinator_receives', 'role_granted',"
    " 'role_revoked', 'quarantine_opened', 'quarantine_closed', 'quarantine_recovered', 'appointments_held',"
    " 'appointment_offered', 'appointment_taken', 'appointment_declined', 'appointment_released')"
)


@rule("NOTE-1")
def told_otherwise_than_concerned(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """For each step exactly those concerned have one notice, but the one who acted."""
    told: dict[str, Counter[tuple[str, str]]] = {}
    for cause_id, kind, member_id in db.execute(
        "SELECT cause_id, kind, member_id FROM outbox WHERE member_id IS NOT NULL"
        f" AND kind NOT LIKE 'bulk_%' AND kind NOT IN {_FURTHER}"
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
    """Nobody is told of what they did, but the asker whose request failed, and who gave themself a role."""
    return db.execute("""
        SELECT o.id, o.kind FROM outbox o
        JOIN events e ON e.command_id = o.cause_id AND e.actor_id = o.member_id
        WHERE o.kind <> 'failed' AND NOT (o.kind = 'role_granted' AND o.subject_id = o.member_id)
    """)


_REMINDED = """
    SELECT command_id FROM events WHERE action = 'transfer.remind' AND state_to = 'coordinator_override'
"""


@rule("ST-1")
def nobody_was_asked_to_decide(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Whoever waits for a coordinator is told to one, or without one to an administrator; nobody else is."""
    told: dict[str, set[str | None]] = {}
    for cause_id, member_id in db.execute("SELECT cause_id, member_id FROM outbox WHERE kind = 'needs_you'"):
        told.setdefault(cause_id, set()).add(member_id)
    acted = dict(db.execute("SELECT command_id, actor_id FROM events WHERE actor_id IS NOT NULL"))
    again = {command for (command,) in db.execute(_REMINDED)}
    for _, line, standing, _ in told_backwards(db):
        if line.action == "transfer.escalate":
            deciders = standing.acting("coordinator") or standing.acting("administrator")
            heard = told.pop(line.command, set())
            if heard != deciders - {acted.get(line.command)}:
                yield line.transfer, "told", *sorted(map(str, heard)), "not", *sorted(map(str, deciders))
        elif line.command in again and told.pop(line.command, set()) != standing.acting("coordinator"):
            yield line.transfer, "reminded somebody else"
    for cause_id in told:
        yield cause_id, "for nothing"


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
def told_to_name_a_coordinator_otherwise(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The other administrators are told to name a coordinator where nobody is one and something waits."""
    told: dict[str, set[str | None]] = {}
    for cause_id, member_id in db.execute(
        "SELECT cause_id, member_id FROM outbox WHERE kind = 'name_coordinator'"
    ):
        told.setdefault(cause_id, set()).add(member_id)
    again = {command for (command,) in db.execute(_REMINDED)}
    for organization_id, line, standing, _ in told_backwards(db):
        heard = told.pop(line.command, set())
        if line.command in again and not standing.acting("coordinator"):
            heard ^= standing.acting("administrator")
        left = line.action == "member.deactivate"
        went = left or (line.action == "member.revoke" and line.given == {"coordinator"})
        if not went or standing.acting("coordinator"):
            if heard:
                yield "line", organization_id, line.seq
            continue
        others = standing.acting("administrator") - {line.actor}
        last = (line.subject, "coordinator") in standing.roles if left else line.subject in standing.active
        transfers = _waited(db, organization_id, line)
        if transfers and last and not heard >= others:
            yield "untold", organization_id, line.seq
        if heard - others or (heard and not transfers and not _left_records(db, organization_id, standing)):
            yield "line", organization_id, line.seq
    for cause_id in told:
        yield "nothing happened", cause_id


def _waited(db: sqlite3.Connection, organization_id: str, line: Line) -> bool:
    """Say whether a transfer waited for a coordinator once a line was written, with what it caused."""
    states: dict[str, str] = dict(
        db.execute(
            "SELECT transfer_id, state_to FROM events WHERE organization_id = ? AND state_to IS NOT NULL"
            " AND outcome = 'allowed' AND (seq <= ? OR (at = ? AND role = 'engine')) ORDER BY seq",
            (organization_id, line.seq, line.at),
        )
    )
    return "coordinator_override" in states.values()


def _left_records(db: sqlite3.Connection, organization_id: str, standing: Standing) -> bool:
    owners = db.execute("SELECT owner_id FROM holdings WHERE organization_id = ?", (organization_id,))
    return any(owner_id not in standing.active for (owner_id,) in owners)


@rule("NOTE-2")
def client_not_told_once(db: sqlite3.Connection) -> Rows:
    """
    The client of a cancelled appointment is told once, with the cancellation's sequence number.

    Where it was held, once it is released, and not at all while that is undecided or once it has moved.
    """
    return db.execute("""
        SELECT h.transfer_id, a.item_id, count(o.id) FROM handover h
        JOIN manifest m ON m.transfer_id = h.transfer_id AND m.item_class = 'upcoming_appointment'
        JOIN appointments a ON a.item_id = m.item_id
        LEFT JOIN outbox o ON o.subject_id = a.item_id AND o.kind = 'appointment_cancelled'
            AND o.client_id = a.client_id AND o.transfer_id = h.transfer_id AND o.sequence = a.sequence
        LEFT JOIN held_cancellations d ON d.appointment_id = a.item_id
        WHERE a.client_id IS NOT NULL GROUP BY h.transfer_id, a.item_id
        HAVING count(o.id) <> (coalesce(d.state, 'released') = 'released')
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
        AND o.kind <> 'practitioner_announced'
    """)


@rule("NOTE-2")
def practitioner_announced_otherwise(db: sqlite3.Connection) -> Rows:
    """Who is announced became the owner by that hand-over, of a record of that client, once each."""
    return db.execute("""
        SELECT 'another', o.id FROM outbox o WHERE o.kind = 'practitioner_announced' AND NOT EXISTS (
            SELECT 1 FROM handover h JOIN transfers t ON t.id = h.transfer_id
            JOIN record_clients c ON c.record_id = t.record_id
            JOIN events e ON e.command_id = o.cause_id AND e.action = 'record.handed_over'
            WHERE t.id = o.transfer_id AND t.to_id = o.subject_id AND c.client_id = o.client_id)
        UNION ALL
        SELECT 'twice', max(o.id) FROM outbox o WHERE o.kind = 'practitioner_announced'
        GROUP BY o.transfer_id, o.client_id HAVING count(*) > 1
    """)


_DECIDED = """
    SELECT 1 FROM events e WHERE e.outcome = 'allowed' AND e.subject_id = d.appointment_id
        AND e.actor_id = d.decided_by_id AND e.at = d.decided_at AND e.action = CASE d.state
            WHEN 'moved' THEN 'appointment.take' ELSE 'appointment.release' END
"""


@rule("NOTE-2")
def held_otherwise_than_cancelled(db: sqlite3.Connection) -> Rows:
    """What is held was cancelled by that hand-over, decided in the log, or moved to the same hour."""
    return db.execute(f"""
        SELECT 'not cancelled', d.appointment_id FROM held_cancellations d WHERE NOT EXISTS (
            SELECT 1 FROM manifest m JOIN appointments a ON a.item_id = m.item_id
            WHERE m.transfer_id = d.transfer_id AND m.item_id = d.appointment_id AND m.outcome = 'cancelled'
                AND m.item_class = 'upcoming_appointment' AND a.client_id = d.client_id
                AND a.record_id = d.record_id AND a.state = 'cancelled')
        UNION ALL
        SELECT 'undecided', d.appointment_id FROM held_cancellations d
        WHERE d.state <> 'undecided' AND NOT EXISTS ({_DECIDED})
        UNION ALL
        SELECT 'moved', d.appointment_id FROM held_cancellations d
        JOIN appointments a ON a.item_id = d.appointment_id
        LEFT JOIN appointments n ON n.item_id = d.moved_to_id
        WHERE d.state = 'moved' AND (n.starts_at IS NOT a.starts_at OR n.ends_at IS NOT a.ends_at
            OR n.client_id IS NOT a.client_id OR n.practitioner_id IS NOT d.decided_by_id
            OR n.sequence < a.sequence)
    """)


#: Of which command each of these notices comes.
_OF_HELD = {
    "appointments_held": "record.handed_over",
    "appointment_offered": "appointment.offer",
    "appointment_taken": "appointment.take",
    "appointment_declined": "appointment.decline",
    "appointment_released": "appointment.release",
}


@rule("NOTE-1")
def told_of_no_decision_about_an_appointment(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Whoever hears of a held appointment hears of a command about it."""
    done = set(db.execute("SELECT command_id, action FROM events WHERE outcome = 'allowed'"))
    for notice_id, cause_id, kind in db.execute("SELECT id, cause_id, kind FROM outbox"):
        if kind in _OF_HELD and (cause_id, _OF_HELD[kind]) not in done:
            yield notice_id, kind


@rule("NOTE-1")
def kind_and_recipient_do_not_match(db: sqlite3.Connection) -> Rows:
    """A notice to a member is about a transfer, a bulk, a copy or roles, to a client an appointment."""
    return db.execute("""
        SELECT id, kind FROM outbox
        WHERE (client_id IS NOT NULL) <> (kind IN ('appointment_cancelled', 'practitioner_announced'))
            OR recipient_id IS NOT coalesce(member_id, client_id)
            OR (member_id IS NOT NULL AND subject_id IS NOT transfer_id AND kind NOT LIKE 'quarantine_%'
                AND NOT (kind LIKE 'bulk_%' AND transfer_id IS NULL
                    AND subject_id IN (SELECT id FROM bulks))
                AND kind NOT IN ('role_granted', 'role_revoked', 'name_coordinator'))
    """)


@rule("NOTE-3")
def delivered_otherwise_than_told(db: sqlite3.Connection) -> Rows:
    """A message goes to whom its notices are for, and they are sent when it is; none is empty."""
    return db.execute("""
        SELECT 'without message', o.id FROM outbox o
        WHERE o.delivery_id IS NOT NULL AND o.delivery_id NOT IN (SELECT id FROM deliveries)
        UNION ALL
        SELECT 'sent unsent', o.id FROM outbox o LEFT JOIN deliveries d ON d.id = o.delivery_id
        WHERE (o.sent_at IS NOT NULL) <> coalesce(d.state = 'sent', 0) OR o.sent_at <> d.sent_at
        UNION ALL
        SELECT 'another reader', o.id FROM outbox o JOIN deliveries d ON d.id = o.delivery_id
        WHERE coalesce(o.member_id, o.client_id) <> coalesce(d.member_id, d.client_id)
            OR o.organization_id <> d.organization_id
        UNION ALL
        SELECT 'empty', d.id FROM deliveries d
        WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.delivery_id = d.id)
        UNION ALL
        SELECT 'given up for nothing', d.id FROM deliveries d WHERE d.state = 'failed' AND d.trouble IS NULL
    """)


@rule("NOTE-2")
def called_about_nothing(db: sqlite3.Connection) -> Rows:
    """Whoever was called is the client of a cancelled appointment, and the call is in the log."""
    return db.execute("""
        SELECT c.notice_id, c.by_id FROM calls c LEFT JOIN outbox o ON o.id = c.notice_id
        WHERE o.kind IS NOT 'appointment_cancelled' OR o.organization_id <> c.organization_id
            OR NOT EXISTS (SELECT 1 FROM events e WHERE e.action = 'client.called'
                AND e.outcome = 'allowed' AND e.actor_id = c.by_id)
    """)
