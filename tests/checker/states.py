"""The states of a transfer: what the log tells, edge by edge, against the table (ST-T, ST-1 to ST-3)."""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from tests.checker.base import Rows, rule

OPEN = {"requested", "pending_acceptance", "coordinator_override"}
FINAL = {"accepted", "refused", "cancelled", "expired", "failed"}

#: The table, by hand: which action may lead from where to where. A refusal, a cancel or a missed deadline
#: that cannot give the record back leads to a coordinator, together with the edge ``escalate``.
EDGES = {
    ("transfer.open", "requested", "pending_acceptance"),
    ("transfer.open", "requested", "failed"),
    ("transfer.accept", "pending_acceptance", "accepted"),
    ("record.handed_over", "pending_acceptance", "accepted"),
    ("transfer.reassign", "coordinator_override", "pending_acceptance"),
    ("transfer.impose", "coordinator_override", "accepted"),
    ("record.handed_over", "coordinator_override", "accepted"),
    ("transfer.refuse", "pending_acceptance", "refused"),
    ("transfer.refuse", "pending_acceptance", "coordinator_override"),
    ("transfer.cancel", "requested", "cancelled"),
    ("transfer.cancel", "pending_acceptance", "cancelled"),
    ("transfer.cancel", "pending_acceptance", "coordinator_override"),
    ("transfer.cancel", "coordinator_override", "cancelled"),
    ("transfer.expire", "pending_acceptance", "expired"),
    ("transfer.expire", "pending_acceptance", "coordinator_override"),
    ("transfer.escalate", "pending_acceptance", "coordinator_override"),
    ("transfer.lost_eligibility", "pending_acceptance", "coordinator_override"),
    ("transfer.override", "requested", "coordinator_override"),
    ("transfer.override", "pending_acceptance", "coordinator_override"),
}
#: What may happen to an open transfer without moving it.
EVENTS = {"transfer.narrow", "transfer.extend", "transfer.remind", "transfer.lost_eligibility"}
#: What changes a record: frozen while a transfer is open (VIS-4). A share may be lowered: see ``writing``.
WRITES = {"note.add", "note.edit", "note.sign", "note.approve", "note.adopt", "note.set_aside",
          "document.add", "raw_data.add", "profile.add", "invoice.add", "task.add", "memo.add",
          "record.archive", "record.reactivate"}  # fmt: skip

_STEPS = """
    SELECT transfer_id, command_id, action, state_from, state_to, outcome FROM events
    WHERE state_to IS NOT NULL AND transfer_id IS NOT NULL ORDER BY transfer_id, seq
"""


@rule("ST-T")
def edge_is_not_in_the_table(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every step that the log tells is an edge of the table."""
    for transfer_id, _, action, source, target, outcome in db.execute(_STEPS):
        stays = action in EVENTS and source == target and source in OPEN
        if not stays and (action, source, target) not in EDGES:
            yield transfer_id, action, source, target
        elif (outcome == "denied") != (target == "failed"):
            yield transfer_id, action, outcome


@rule("ST-T")
def steps_do_not_follow(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The steps of a transfer follow each other from ``requested`` to where its row is."""
    rows = dict(db.execute("SELECT id, state FROM transfers"))
    told: dict[str, str] = {}
    for transfer_id, steps in groupby(db.execute(_STEPS), key=lambda step: step[0]):
        state = "requested"
        for command_id, edges in groupby(steps, key=lambda step: (step[1], step[2] == "transfer.override")):
            found = {(source, target) for _, _, _, source, target, _ in edges}
            if len(found) != 1:
                yield transfer_id, "one command, several edges", command_id[0]
            source, target = min(found)
            if source != state or state in FINAL:
                yield transfer_id, "from", source, "instead of", state
            state = target
        told[transfer_id] = state
    for transfer_id, state in rows.items():
        if told.get(transfer_id, "requested") != state:
            yield transfer_id, "is", state, "but the log says", told.get(transfer_id)
    for transfer_id in told.keys() - rows.keys():
        yield transfer_id, "has no row"


@rule("ST-1")
def escalation_without_its_event(db: sqlite3.Connection) -> Rows:
    """What came to wait for a coordinator says so by an event of its own, and only that does."""
    return db.execute("""
        SELECT e.transfer_id, e.action FROM events e
        WHERE e.state_to = 'coordinator_override' AND e.state_from <> e.state_to
            AND e.action <> 'transfer.override' AND NOT EXISTS (
            SELECT 1 FROM events other
            WHERE other.command_id = e.command_id AND other.transfer_id = e.transfer_id
                AND other.state_to = 'coordinator_override'
                AND (other.action = 'transfer.escalate') <> (e.action = 'transfer.escalate'))
    """)


@rule("ST-1")
def went_back_to_nobody(db: sqlite3.Connection) -> Rows:
    """A refusal or a missed deadline gives the record back only to an owner who asked for the transfer."""
    return db.execute("""
        SELECT id, state FROM transfers WHERE state IN ('refused', 'expired') AND asked_by_id <> from_id
    """)


@rule("ST-4")
def lost_without_its_rule(db: sqlite3.Connection) -> Rows:
    """Lost eligibility names its rule, and waits for a coordinator exactly where it cannot be given back."""
    return db.execute("""
        SELECT e.transfer_id, e.rule, e.state_to FROM events e JOIN transfers t ON t.id = e.transfer_id
        WHERE e.action = 'transfer.lost_eligibility' AND (e.rule IS NULL OR e.actor_id IS NOT NULL
            OR (e.state_to = 'pending_acceptance' AND t.asked_by_id <> t.from_id))
    """)


@rule("ST-4")
def lost_and_unnoticed(db: sqlite3.Connection) -> Rows:
    """Nothing that cannot go back still waits for the answer of somebody deactivated at the desk."""
    return db.execute("""
        SELECT t.id, t.to_id FROM transfers t JOIN members m ON m.id = t.to_id
        WHERE t.state = 'pending_acceptance' AND t.asked_by_id <> t.from_id AND m.active = 0
            AND EXISTS (SELECT 1 FROM events e JOIN events o ON o.transfer_id = t.id AND o.seq < e.seq
                WHERE e.action = 'member.deactivate' AND e.outcome = 'allowed' AND e.subject_id = t.to_id)
    """)


@rule("ST-2")
def refused_without_a_reason(db: sqlite3.Connection) -> Rows:
    """A refusal has a reason."""
    return db.execute("""
        SELECT t.id, t.state FROM transfers t
        WHERE t.reason_id IS NULL AND (t.state = 'refused' OR EXISTS (SELECT 1 FROM events e
            WHERE e.transfer_id = t.id AND e.action = 'transfer.refuse' AND e.outcome = 'allowed'))
    """)


@rule("ST-3")
def expired_early(db: sqlite3.Connection) -> Rows:
    """A deadline passes at its instant or later."""
    return db.execute("""
        SELECT t.id, e.at, t.respond_by FROM transfers t JOIN events e ON e.transfer_id = t.id
        WHERE e.action = 'transfer.expire' AND e.outcome = 'allowed' AND e.at < coalesce(
            (SELECT a.respond_by FROM askings a WHERE a.transfer_id = t.id AND a.ended_at >= e.at
                ORDER BY a.version LIMIT 1), t.respond_by)
    """)


@rule("ST-3")
def deadline_before_asking(db: sqlite3.Connection) -> Rows:
    """An answer is due after the asking."""
    return db.execute("SELECT id FROM transfers WHERE respond_by < asked_at")


@rule("ST-T")
def decided_by_the_wrong_person(db: sqlite3.Connection) -> Rows:
    """The new owner accepts and refuses; the deadline is nobody's decision; a decision has its instant."""
    return db.execute("""
        SELECT id, state FROM transfers
        WHERE (state IN ('accepted', 'refused') AND imposed = 0 AND decided_by_id IS NOT to_id)
            OR (imposed = 1 AND (state <> 'accepted' OR decided_by_id IS NULL))
            OR (state IN ('expired', 'failed') AND decided_by_id IS NOT NULL)
            OR (state IN ('pending_acceptance', 'requested')
                AND (decided_at IS NOT NULL OR decided_by_id IS NOT NULL))
            OR (state IN ('accepted', 'refused', 'cancelled', 'expired') AND decided_at IS NULL)
            OR (state = 'cancelled' AND decided_by_id IS NULL)
    """)


@rule("ST-T")
def failed_without_its_rule(db: sqlite3.Connection) -> Rows:
    """A failed transfer names the rule, and only a failed one does."""
    return db.execute("SELECT id, state FROM transfers WHERE (state = 'failed') <> (failed_rule IS NOT NULL)")


@rule("ST-5")
def stuck_but_closed(db: sqlite3.Connection) -> Rows:
    """Only an open transfer can be stuck."""
    return db.execute("""
        SELECT id, state FROM transfers WHERE stuck_cause IS NOT NULL
        AND state NOT IN ('requested', 'pending_acceptance', 'coordinator_override')
    """)


@rule("OVR-1")
def imposed_in_disguise(db: sqlite3.Connection) -> Rows:
    """What was imposed says so on the row and in the log, by a coordinator; an acceptance never does."""
    return db.execute("""
        SELECT t.id, t.imposed, e.action FROM transfers t JOIN events e ON e.transfer_id = t.id
            AND e.outcome = 'allowed' AND e.action IN ('transfer.accept', 'transfer.impose')
        WHERE t.imposed <> (e.action = 'transfer.impose') OR e.actor_id IS NOT t.decided_by_id
            OR e.role <> CASE e.action WHEN 'transfer.impose' THEN 'coordinator' ELSE 'practitioner' END
            OR e.subject_id IS NOT t.to_id
    """)


@rule("OVR-1")
def overridden_for_nothing(db: sqlite3.Connection) -> Rows:
    """An override is a coordinator's, and the same command reassigns, imposes or cancels."""
    return db.execute("""
        SELECT e.transfer_id, e.command_id FROM events e
        WHERE e.action = 'transfer.override' AND (e.role <> 'coordinator' OR NOT EXISTS (
            SELECT 1 FROM events o WHERE o.command_id = e.command_id AND o.seq > e.seq
            AND o.actor_id = e.actor_id AND o.state_from = 'coordinator_override'
            AND o.action IN ('transfer.reassign', 'transfer.impose', 'transfer.cancel')))
    """)


@rule("OVR-1")
def asked_and_forgotten(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Whoever was asked before is remembered, in order; the last one is on the row."""
    for transfer_id, to_id in db.execute(
        "SELECT id, to_id FROM transfers WHERE state <> 'failed'"
    ).fetchall():
        told = [
            subject
            for (subject,) in db.execute(
                "SELECT subject_id FROM events WHERE transfer_id = ? AND outcome = 'allowed' AND side IS NULL"
                " AND action IN ('transfer.open', 'transfer.reassign', 'transfer.impose') ORDER BY seq",
                (transfer_id,),
            )
        ]
        imposed = db.execute(
            "SELECT 1 FROM events WHERE transfer_id = ? AND action = 'transfer.impose'"
            " AND outcome = 'allowed'",
            (transfer_id,),
        ).fetchone()
        if imposed and told[-2:-1] == told[-1:]:
            told.pop()  # on the one who was asked
        kept = db.execute(
            "SELECT member_id FROM askings WHERE transfer_id = ? ORDER BY version", (transfer_id,)
        )
        if told and [*(member for (member,) in kept), to_id] != told:
            yield transfer_id, to_id


@rule("ST-2")
def stepped_in_without_a_reason(db: sqlite3.Connection) -> Rows:
    """Who reassigned or imposed gave a reason, kept with whoever was asked by it."""
    return db.execute("""
        SELECT e.transfer_id, e.action FROM events e
        WHERE e.action IN ('transfer.reassign', 'transfer.impose') AND e.outcome = 'allowed'
            AND NOT EXISTS (SELECT 1 FROM texts x WHERE x.author_id = e.actor_id AND x.kind = 'reason')
            AND NOT EXISTS (SELECT 1 FROM bulk_items i JOIN bulks b ON b.id = i.bulk_id
                WHERE i.transfer_id = e.transfer_id AND b.reason_id IS NOT NULL)
        UNION ALL
        SELECT id, 'last' FROM transfers
        WHERE reason_id IS NULL AND (imposed = 1 OR reassigned_by_id IS NOT NULL)
    """)


@rule("VIS-4")
def written_while_frozen(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Nobody changed a record between the asking and the end of a transfer, in the order of the log."""
    frozen: dict[str, str] = {}
    for seq, action, record_id, transfer_id, target in db.execute("""
        SELECT seq, action, record_id, transfer_id, state_to FROM events
        WHERE outcome = 'allowed' AND record_id IS NOT NULL ORDER BY organization_id, seq
    """):
        if target in OPEN:
            frozen[record_id] = transfer_id
        elif target in FINAL:
            frozen.pop(record_id, None)
        elif action in WRITES and record_id in frozen:
            yield seq, action, record_id, "during", frozen[record_id]
