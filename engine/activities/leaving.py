"""What closes a transfer without a hand-over, or lets it wait for a coordinator (ST-1)."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from engine.activities.deciding import (
    Judged,
    actor_and_transfer,
    cause_of,
    check_text,
    concerned,
    entry_of,
    of_engine,
)
from engine.audit import log
from engine.errors import Denied
from engine.messages.transfer import Cancel, Command, Refuse, Step, Wake
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, transfers
from engine.records.tables.base import TextKind
from engine.rules import transfers as rules
from engine.rules.facts import MemberFacts, TransferFacts
from engine.states.choices import Role
from engine.states.transfer import Facts, TransferState, TransferTrigger, advance

_LEAVING = {
    TransferTrigger.REFUSE: (Step.REFUSE, NoticeKind.REFUSED),
    TransferTrigger.CANCEL: (Step.CANCEL, NoticeKind.CANCELLED),
    TransferTrigger.EXPIRE: (Step.EXPIRE, NoticeKind.EXPIRED),
}


def judge_refuse(session: Session, command: Refuse) -> Judged | None:
    """Ask every rule about a refusal; ``None`` where this person has refused already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    role = rules.check_answer(actor, transfer, TransferTrigger.REFUSE)
    return _judge_leaving(session, command, actor, transfer, role, TransferTrigger.REFUSE)


def refuse(session: Session, command: Refuse, at: datetime) -> None:
    """Give the record back, or where it cannot go back let it wait for a coordinator (ST-1)."""
    judged = judge_refuse(session, command)
    if judged is not None:
        _leave(session, command, judged.transfer, judged.role, at, TransferTrigger.REFUSE)


def judge_cancel(session: Session, command: Cancel) -> Judged | None:
    """Ask every rule about a cancel; ``None`` where this person has cancelled already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    role = rules.check_cancel(actor, transfer)
    return _judge_leaving(session, command, actor, transfer, role, TransferTrigger.CANCEL)


def cancel(session: Session, command: Cancel, at: datetime) -> None:
    """Take the request back; where the owner cannot have the record it waits for a coordinator (ST-1)."""
    judged = judge_cancel(session, command)
    if judged is not None:
        _leave(session, command, judged.transfer, judged.role, at, TransferTrigger.CANCEL)


def expire(session: Session, wake: Wake, at: datetime) -> None:
    """Let the deadline pass where it has: not before its instant, not while stuck (ST-3, ST-5)."""
    found = facts.transfer_with_row(session, wake.transfer_id)
    if found is None:
        return
    row, transfer = found
    if transfer.state is not TransferState.PENDING_ACCEPTANCE or transfer.stuck or at < row.respond_by:
        return
    command = of_engine(transfer, f"expire/{transfer.version}")
    _leave(session, command, transfer, None, at, TransferTrigger.EXPIRE)


def _judge_leaving(
    session: Session,
    command: Refuse | Cancel,
    actor: MemberFacts,
    transfer: TransferFacts,
    role: Role,
    trigger: TransferTrigger,
) -> Judged | None:
    if rules.same_decision(actor.id, transfer, trigger):
        return None
    if trigger is TransferTrigger.REFUSE:
        rules.check_asked(transfer, trigger)
    if role is Role.COORDINATOR and command.reason_id is None:
        raise Denied("ST-2")
    _leaving_state(transfer, trigger, steps_in=_steps_in(role, actor.id, transfer))
    rules.check_seen(transfer, command.seen_version)
    check_text(session, command.reason_id, actor, TextKind.REASON)
    return Judged(actor, transfer, role)


def _leaving_state(
    transfer: TransferFacts, trigger: TransferTrigger, *, steps_in: bool = False
) -> TransferState:
    """
    Say where a refusal, a cancel or a missed deadline leads: to the owner, or a coordinator (ST-1).

    A coordinator who ``steps_in`` overrides first, and then cancels only what its owner can have back.
    """
    back = transfer.owner_active if trigger is TransferTrigger.CANCEL else transfer.returnable
    state = transfer.state
    if steps_in and state in {TransferState.REQUESTED, TransferState.PENDING_ACCEPTANCE}:
        state = advance(state, TransferTrigger.OVERRIDE, Facts())
    escalates = not back and state is TransferState.PENDING_ACCEPTANCE
    return advance(
        state,
        TransferTrigger.ESCALATE if escalates else trigger,
        Facts(returnable=back, owner_active=transfer.owner_active),
    )


def _leave(
    session: Session,
    command: Command,
    transfer: TransferFacts,
    role: Role | None,
    at: datetime,
    trigger: TransferTrigger,
) -> None:
    """Close without a hand-over, or escalate where the record cannot go back to its owner (ST-1, MOVE-7)."""
    step, kind = _LEAVING[trigger]
    state = _leaving_state(transfer, trigger, steps_in=_steps_in(role, command.actor_id, transfer))
    person = None if role is None else command.actor_id
    reason_id = command.reason_id if isinstance(command, Refuse | Cancel) else None
    changes: dict[str, Any] = {} if reason_id is None else {"reason_id": reason_id}
    if state is TransferState.COORDINATOR_OVERRIDE:
        changes["reminders_sent"] = 0  # from now on they are the coordinators'
    transfers.change(
        session, transfer, state=state, decided_by_id=person, decided_at=at, stuck_cause=None, **changes
    )
    cause = cause_of(transfer, command, at)
    outbox.tell(session, kind, concerned(transfer), cause, but=person)
    entries = [entry_of(command, step, transfer, role, at, state=state)]
    if role is Role.COORDINATOR and state is TransferState.CANCELLED:
        entries = _overriding(entries[0])
    if state is TransferState.COORDINATOR_OVERRIDE:
        deciders = outbox.who_must_decide(session, transfer.organization_id)
        outbox.tell(session, NoticeKind.NEEDS_YOU, deciders, cause, but=person)
        entries.append(entry_of(command, "transfer.escalate", transfer, None, at, state=state))
    log.append(session, *entries)


def _steps_in(role: Role | None, actor_id: UUID, transfer: TransferFacts) -> bool:
    return role is Role.COORDINATOR and actor_id != transfer.asked_by_id


def _overriding(cancelled: log.Entry) -> list[log.Entry]:
    """Log a coordinator's cancel of a pending transfer as the override that it is: two lines (ST-1)."""
    if cancelled.state_from is None or cancelled.state_from is TransferState.COORDINATOR_OVERRIDE:
        return [cancelled]
    waiting = advance(cancelled.state_from, TransferTrigger.OVERRIDE, Facts())
    override = replace(cancelled, action="transfer.override", state_to=waiting)
    return [override, replace(cancelled, state_from=waiting)]
