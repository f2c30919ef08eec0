"""
What each step decides and writes, inside the transaction that its caller opened.

A rule that stops a decision is raised, and nothing of the transaction is kept.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

import rfc8785
from sqlalchemy.orm import Session

from engine.activities import in_bulk
from engine.audit import log, receipt
from engine.errors import BadInput, Denied, NotFound
from engine.messages.transfer import Accept, Cancel, Command, Narrow, Refuse, Step, TransferRequest, Wake
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, locks, transfers
from engine.records.handover import Handover, hand_over, rejoined_counts
from engine.records.races import LostRace
from engine.records.tables import FreeText, Side, TextKind
from engine.rules import transfers as rules
from engine.rules.content import Plan, plan
from engine.rules.deadline import next_reminder, respond_by
from engine.rules.facts import MemberFacts, RecordFacts, TransferFacts
from engine.states.choices import Role
from engine.states.transfer import Facts, TransferState, TransferTrigger, advance

#: The role of an event that no person caused.
ENGINE = "engine"

_LEAVING = {
    TransferTrigger.REFUSE: (Step.REFUSE, NoticeKind.REFUSED),
    TransferTrigger.CANCEL: (Step.CANCEL, NoticeKind.CANCELLED),
    TransferTrigger.EXPIRE: (Step.EXPIRE, NoticeKind.EXPIRED),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision that every rule allows: whose, about what, in which role, and for a hand-over its plan."""

    actor: MemberFacts
    transfer: TransferFacts
    role: Role
    plan: Plan | None = None


def hold(session: Session, what: TransferRequest | Command | Wake) -> None:
    """
    Hold everything that a step depends on, in the one order of locks; what is read afterwards stays true.

    A quick look before a step holds nothing. Raises ``LostRace`` where somebody changed meanwhile who is
    concerned: the step is to be run again.
    """
    if isinstance(what, TransferRequest):
        _hold_request(session, what)
        return
    seen = facts.transfer(session, what.transfer_id)
    if seen is None:
        # Nothing to decide about; the one who acts is held for the line in the log.
        locks.lock_members(session, *_acting(what))
        return
    locks.lock_members(session, *_acting(what), seen.from_id, seen.to_id, seen.asked_by_id)
    locks.lock_policy(session, seen.organization_id)
    locks.lock_record(session, seen.record_id)
    locks.lock_transfer(session, seen.id)
    now = facts.transfer(session, what.transfer_id)
    if now is None or (now.to_id, now.asked_by_id) != (seen.to_id, seen.asked_by_id):
        raise LostRace


def _hold_request(session: Session, request: TransferRequest) -> None:
    owner_id = transfers.owner_of(session, request.record_id)
    others = () if owner_id is None else (owner_id,)
    locks.lock_members(session, request.actor_id, request.to_id, *others)
    locks.lock_policy(session, request.organization_id)
    if request.bulk_id is not None:
        locks.lock_bulk(session, request.bulk_id, alone=False)
    locks.lock_record(session, request.record_id)
    if transfers.owner_of(session, request.record_id) != owner_id:
        raise LostRace


def _acting(what: Command | Wake) -> tuple[UUID, ...]:
    return (what.actor_id,) if isinstance(what, Command) else ()


def request_command(transfer_id: UUID) -> UUID:
    """Give the id of the command that asks for a transfer: one a transfer, however often it is sent."""
    return uuid5(transfer_id, "request")


def judge_request(session: Session, request: TransferRequest) -> tuple[MemberFacts, RecordFacts, Role] | None:
    """Ask every rule about a request; ``None`` where this very request has a row already (MOVE-3)."""
    if same_request_exists(session, request):
        return None
    confidential_in_bulk = in_bulk.check(session, request)
    actor, record, new_owner = parties(session, request)
    policy = facts.policy(session, record.organization_id)
    role = rules.check_request(
        actor,
        record,
        new_owner,
        request.options,
        policy,
        has_basis=request.basis_id is not None,
        confidential_in_bulk=confidential_in_bulk,
    )
    return actor, record, role


def open_transfer(session: Session, request: TransferRequest, at: datetime) -> None:
    """Write the transfer's row and freeze the record; a row that is there already is left alone (MOVE-3)."""
    judged = judge_request(session, request)
    if judged is None:
        # A workflow that begins from its row has kept no decision: whatever was stuck is not tried any more.
        transfers.mark_stuck(session, request.transfer_id, None)
        return
    actor, record, role = judged
    # Here, not with the rules: these are asked first by the service, before the texts are written.
    if request.bulk_id is None:
        # A bulk's are those of its launch, whoever leads it since.
        check_text(session, request.basis_id, actor, TextKind.BASIS)
        check_text(session, request.message_id, actor, TextKind.MESSAGE)
    state = advance(TransferState.REQUESTED, TransferTrigger.OPEN, Facts(rules_pass=True))
    add_row(session, request, record, role, state, at)
    outbox.tell(
        session,
        NoticeKind.ASKED,
        [request.to_id, record.owner_id],
        outbox.Cause(record.organization_id, request.transfer_id, request_command(request.transfer_id), at),
        but=actor.id,
    )
    log.append(session, request_entry(request, actor, role, at, state=state))


def same_request_exists(session: Session, request: TransferRequest) -> bool:
    """Say whether this very request has a row; raise ``Denied`` where its key was used for another one."""
    row = facts.transfer(session, request.transfer_id)
    if row is None:
        return False
    if (row.record_id, row.asked_by_id, row.to_id) != (request.record_id, request.actor_id, request.to_id):
        raise other_request(session, request)
    return True


def other_request(session: Session, request: TransferRequest) -> Denied:
    """
    Say that a key was used for another request.

    Whoever may not ask for this one learns what stops them, and nothing of the key. Raises that (VIS-11).
    """
    actor, record, _ = parties(session, request)
    rules.asking_role(actor, record)
    return Denied("MOVE-3", "other_request")


def parties(
    session: Session, request: TransferRequest
) -> tuple[MemberFacts, RecordFacts, MemberFacts | None]:
    """Read who asks, about which record, for whom. Raises ``NotFound`` (VIS-8, VIS-11)."""
    actor = facts.member(session, request.actor_id)
    if actor is None or actor.organization_id != request.organization_id:
        raise NotFound("member")
    record = facts.record(session, request.record_id, actor.id)
    if record is None:
        raise NotFound("record")
    return actor, record, facts.member(session, request.to_id)


def add_row(
    session: Session,
    request: TransferRequest,
    record: RecordFacts,
    role: Role,
    state: TransferState,
    at: datetime,
    failed_rule: str | None = None,
) -> None:
    """Write the transfer's row; the deadline is fixed at this asking (ST-3)."""
    schedule = facts.schedule(session, record.organization_id)
    transfers.add(
        session,
        {
            "id": request.transfer_id,
            "organization_id": record.organization_id,
            "record_id": record.id,
            "from_id": record.owner_id,
            "to_id": request.to_id,
            "asked_by_id": request.actor_id,
            "asked_role": role,
            "bulk_id": request.bulk_id,
            "state": state,
            "version": 1,
            "purpose": request.purpose,
            "include_confidential": request.options.include_confidential,
            "raw_data": request.options.raw_data,
            "keep_copy": request.options.keep_copy,
            # A text that denied the request may be nobody's: a failed transfer keeps none.
            "basis_id": None if failed_rule else request.basis_id,
            "message_id": None if failed_rule else request.message_id,
            "asked_at": at,
            "respond_by": respond_by(at, schedule.answer_within, schedule.time_zone),
            "reminders_sent": 0,
            "failed_rule": failed_rule,
        },
    )


def request_entry(
    request: TransferRequest,
    actor: MemberFacts,
    role: Role,
    at: datetime,
    *,
    state: TransferState | None,
    rule: str | None = None,
) -> log.Entry:
    """Say in the log that somebody asked, and what became of it."""
    return log.Entry(
        organization_id=actor.organization_id,
        at=at,
        action=Step.OPEN,
        command_id=request_command(request.transfer_id),
        actor_id=actor.id,
        role=role,
        os_uid=request.os_uid,
        outcome=log.Result.ALLOWED if rule is None else log.Result.DENIED,
        rule=rule,
        transfer_id=request.transfer_id,
        record_id=request.record_id,
        subject_id=request.to_id,
        purpose=request.purpose,
        state_from=None if state is None else TransferState.REQUESTED,
        state_to=state,
    )


def judge_accept(session: Session, command: Accept) -> Judged | None:
    """Ask every rule about an acceptance; ``None`` where this person has accepted already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    role = rules.check_answer(actor, transfer, TransferTrigger.ACCEPT)
    if rules.same_decision(actor.id, transfer, TransferTrigger.ACCEPT):
        return None
    rules.check_asked(transfer, TransferTrigger.ACCEPT)
    advance(transfer.state, TransferTrigger.ACCEPT, Facts(rules_pass=True))
    rules.check_seen(transfer, command.seen_version)
    record = facts.record(session, transfer.record_id, actor.id)
    if record is None:
        raise NotFound("record")
    policy = facts.policy(session, transfer.organization_id)
    rules.check_handover(transfer, record, actor, policy)
    return Judged(actor, transfer, role, plan(transfer.options, record, actor, policy))


def accept(session: Session, command: Accept, at: datetime) -> None:
    """Hand the record over: the decision and the hand-over are one transaction (MOVE-2)."""
    judged = judge_accept(session, command)
    if judged is None or judged.plan is None:
        return
    transfer = judged.transfer
    state = advance(transfer.state, TransferTrigger.ACCEPT, Facts(rules_pass=True))
    transfers.change(
        session, transfer, state=state, decided_by_id=judged.actor.id, decided_at=at, stuck_cause=None
    )
    handed = hand_over(
        session,
        Handover(
            transfer_id=transfer.id,
            record_id=transfer.record_id,
            new_holding_id=uuid5(transfer.id, "holding"),
            to_id=judged.actor.id,
            at=at,
            plan=judged.plan,
        ),
    )
    cause = _cause(transfer, command, at)
    outbox.tell_clients(session, cause)
    outbox.tell(session, NoticeKind.ACCEPTED, _parties(transfer), cause, but=judged.actor.id)
    entry = _entry(command, Step.ACCEPT, transfer, judged.role, at, state=state)
    counted = replace(entry, counts=log.counts_text(handed.counts))
    sides = [replace(counted, action="record.handed_over", side=side) for side in (Side.EXPORT, Side.IMPORT)]
    sides += _rejoined(session, transfer.id, entry)
    accepted, *_ = log.append(session, counted, *sides)
    receipt.open_receipt(session, transfer.organization_id, transfer.id, handed.sealed, accepted)


def _rejoined(session: Session, transfer_id: UUID, accepted: log.Entry) -> list[log.Entry]:
    """Say in the log what came back from the new owner's own quarantine, if anything did (MOVE-10)."""
    back = rejoined_counts(session, transfer_id)
    if not back:
        return []
    counts = rfc8785.dumps({found.value: {"rejoined": count} for found, count in back.items()}).decode()
    line = replace(accepted, action="record.rejoined", state_from=None, state_to=None, counts=counts)
    return [line]


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


def judge_narrow(session: Session, command: Narrow) -> Judged | None:
    """Ask every rule about narrower options; ``None`` where they are so already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    role = rules.check_narrow(actor, transfer, command.options)
    if command.options == transfer.options:
        return None
    rules.check_seen(transfer, command.seen_version)
    return Judged(actor, transfer, role)


def narrow(session: Session, command: Narrow, at: datetime) -> None:
    """Move less than was asked (MOVE-1); the one who is asked is told, and answers on the new version."""
    judged = judge_narrow(session, command)
    if judged is None:
        return
    transfer = judged.transfer
    transfers.change(
        session,
        transfer,
        include_confidential=command.options.include_confidential,
        raw_data=command.options.raw_data,
        keep_copy=command.options.keep_copy,
    )
    cause = _cause(transfer, command, at)
    outbox.tell(session, NoticeKind.NARROWED, _parties(transfer), cause, but=judged.actor.id)
    log.append(session, _entry(command, Step.NARROW, transfer, judged.role, at, state=transfer.state))


def expire(session: Session, wake: Wake, at: datetime) -> None:
    """Let the deadline pass where it has: not before its instant, not while stuck (ST-3, ST-5)."""
    found = facts.transfer_with_row(session, wake.transfer_id)
    if found is None:
        return
    row, transfer = found
    if transfer.state is not TransferState.PENDING_ACCEPTANCE or transfer.stuck or at < row.respond_by:
        return
    command = _of_engine(transfer, f"expire/{transfer.version}")
    _leave(session, command, transfer, None, at, TransferTrigger.EXPIRE)


def remind(session: Session, wake: Wake, at: datetime) -> None:
    """Remind the one who is asked, once a reminder, when it is due (ST-3)."""
    found = facts.transfer_with_row(session, wake.transfer_id)
    if found is None or found[1].state is not TransferState.PENDING_ACCEPTANCE:
        return
    row, transfer = found
    schedule = facts.schedule(session, transfer.organization_id)
    due = next_reminder(row.asked_at, schedule.reminders, row.reminders_sent, row.respond_by)
    if due is None or at < due or not transfers.mark_reminded(session, transfer.id, row.reminders_sent):
        return
    command = _of_engine(transfer, f"remind/{transfer.version}/{row.reminders_sent}")
    outbox.tell(session, NoticeKind.REMINDER, [transfer.to_id], _cause(transfer, command, at), but=None)
    log.append(session, _entry(command, Step.REMIND, transfer, None, at, state=transfer.state))


def actor_and_transfer(session: Session, command: Command) -> tuple[MemberFacts, TransferFacts]:
    """Read who decides, and what they decide about. Raises ``NotFound``."""
    actor = facts.member(session, command.actor_id)
    if actor is None:
        raise NotFound("member")
    transfer = facts.transfer(session, command.transfer_id)
    if transfer is None:
        raise NotFound("transfer")
    return actor, transfer


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
    _leaving_state(transfer, trigger)
    rules.check_seen(transfer, command.seen_version)
    check_text(session, command.reason_id, actor, TextKind.REASON)
    return Judged(actor, transfer, role)


def _leaving_state(transfer: TransferFacts, trigger: TransferTrigger) -> TransferState:
    """Say where a refusal, a cancel or a missed deadline leads: to the owner, or a coordinator (ST-1)."""
    back = transfer.owner_active if trigger is TransferTrigger.CANCEL else transfer.returnable
    escalates = not back and transfer.state is TransferState.PENDING_ACCEPTANCE
    return advance(
        transfer.state,
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
    state = _leaving_state(transfer, trigger)
    person = None if role is None else command.actor_id
    reason_id = command.reason_id if isinstance(command, Refuse | Cancel) else None
    changes = {} if reason_id is None else {"reason_id": reason_id}
    transfers.change(
        session, transfer, state=state, decided_by_id=person, decided_at=at, stuck_cause=None, **changes
    )
    cause = _cause(transfer, command, at)
    outbox.tell(session, kind, _parties(transfer), cause, but=person)
    entries = [_entry(command, step, transfer, role, at, state=state)]
    if role is Role.COORDINATOR and state is TransferState.CANCELLED:
        entries = _overriding(entries[0])
    if state is TransferState.COORDINATOR_OVERRIDE:
        deciders = outbox.who_must_decide(session, transfer.organization_id)
        outbox.tell(session, NoticeKind.NEEDS_YOU, deciders, cause, but=person)
        entries.append(_entry(command, "transfer.escalate", transfer, None, at, state=state))
    log.append(session, *entries)


def _overriding(cancelled: log.Entry) -> list[log.Entry]:
    """Log a coordinator's cancel of a pending transfer as the override that it is: two lines (ST-1)."""
    if cancelled.state_from is not TransferState.PENDING_ACCEPTANCE:
        return [cancelled]
    waiting = advance(cancelled.state_from, TransferTrigger.OVERRIDE, Facts())
    override = replace(cancelled, action="transfer.override", state_to=waiting)
    return [override, replace(cancelled, state_from=waiting)]


def check_text(session: Session, text_id: UUID | None, author: MemberFacts, kind: TextKind) -> None:
    """Make sure that a text's id stands for what this person wrote for this purpose. Raises ``BadInput``."""
    if text_id is None:
        return
    text = session.get(FreeText, text_id)
    if text is None or text.author_id != author.id or text.kind is not kind:
        raise BadInput("unknown_text")


def _entry(
    command: Command,
    action: str,
    transfer: TransferFacts,
    role: Role | None,
    at: datetime,
    *,
    state: TransferState,
) -> log.Entry:
    return log.Entry(
        organization_id=transfer.organization_id,
        at=at,
        action=action,
        command_id=command.command_id,
        actor_id=None if role is None else command.actor_id,
        role=ENGINE if role is None else role,
        os_uid=command.os_uid,
        transfer_id=transfer.id,
        record_id=transfer.record_id,
        subject_id=transfer.to_id,
        purpose=transfer.purpose,
        state_from=transfer.state,
        state_to=state,
    )


def _cause(transfer: TransferFacts, command: Command, at: datetime) -> outbox.Cause:
    return outbox.Cause(transfer.organization_id, transfer.id, command.command_id, at)


def _parties(transfer: TransferFacts) -> list[UUID]:
    """Say whom a step concerns: of who is asked, only while they are (VIS-12)."""
    asked = [transfer.to_id] if transfer.state is TransferState.PENDING_ACCEPTANCE else []
    return [transfer.from_id, *asked, transfer.asked_by_id]


def _of_engine(transfer: TransferFacts, what: str) -> Command:
    """Name what the engine itself does, so that doing it twice is doing it once."""
    return Command(transfer_id=transfer.id, command_id=uuid5(transfer.id, what), actor_id=transfer.from_id)
