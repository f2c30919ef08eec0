"""What a coordinator who steps in decides and writes: somebody else is asked, or it is imposed (OVR-1)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from engine.activities import accepting, in_bulk
from engine.activities.deciding import (
    Judged,
    actor_and_transfer,
    cause_of,
    check_text,
    concerned,
    entry_of,
)
from engine.audit import log
from engine.errors import Denied, NotFound
from engine.messages.transfer import Impose, Reassign, Step
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import bulks, facts, transfers
from engine.records.tables.base import TextKind
from engine.rules import stepping_in as rules
from engine.rules.content import plan
from engine.rules.deadline import respond_by
from engine.rules.facts import MemberFacts, PolicyFacts, RecordFacts, TransferFacts
from engine.rules.transfers import check_receives, check_seen
from engine.states.choices import Options, Role
from engine.states.transfer import Facts, TransferState, TransferTrigger, advance

_BEFORE = {TransferState.REQUESTED, TransferState.PENDING_ACCEPTANCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class SteppingIn(Judged):
    """A coordinator's decision that every rule allows: for whom, with which options and basis."""

    new_owner: MemberFacts
    options: Options
    basis_id: UUID | None
    #: Where a transfer led on its way: a pending one is overridden first.
    via: TransferState
    state: TransferState
    #: Whether the coordinator receives by a transfer of their own making, which policy allowed (ELIG-9).
    receives: bool


def judge_reassign(session: Session, command: Reassign) -> SteppingIn | None:
    """Ask every rule about a reassignment; ``None`` where this person has asked them already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    rules.check_coordinator(actor, transfer, "ST-T/reassign")
    same = rules.same_reassignment(actor.id, transfer, command.to_id)
    if command.bulk_id is not None:
        in_bulk.check_step(session, command, transfer)
        if same:
            # What somebody did by hand meanwhile is not this bulk's.
            raise Denied("ST-T/reassign", "already_asked")
    if same:
        return None
    return _judge(session, command, actor, transfer, TransferTrigger.REASSIGN)


def judge_impose(session: Session, command: Impose) -> SteppingIn | None:
    """Ask every rule about an imposition; ``None`` where this person has imposed it already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    rules.check_coordinator(actor, transfer, "ST-T/impose")
    if command.bulk_id is not None:
        in_bulk.check_step(session, command, transfer)
    elif rules.same_imposition(actor.id, transfer, command.to_id):
        return None
    return _judge(session, command, actor, transfer, TransferTrigger.IMPOSE)


def _judge(
    session: Session,
    command: Reassign | Impose,
    actor: MemberFacts,
    transfer: TransferFacts,
    trigger: TransferTrigger,
    *,
    in_a_bulk: bool = False,
) -> SteppingIn:
    in_a_bulk = in_a_bulk or command.bulk_id is not None
    policy = facts.policy(session, transfer.organization_id)
    if in_a_bulk:
        # What policy may allow where nobody else could is for single transfers (ELIG-9).
        policy = replace(policy, coordinator_may_receive=False)
    via = transfer.state
    if via in _BEFORE:
        via = advance(via, TransferTrigger.OVERRIDE, Facts())
    state = advance(via, trigger, Facts(rules_pass=True, policy_allows=policy.impose_allowed))
    check_seen(transfer, command.seen_version)
    record = facts.record(session, transfer.record_id, actor.id)
    if record is None:
        raise NotFound("record")
    rules.check_confidential(transfer, record)
    to_id = command.to_id or transfer.to_id
    new_owner = facts.member(session, to_id)
    options = transfer.options
    if new_owner is not None:
        options = rules.narrowed(options, new_owner, policy, withhold=command.withhold_raw_data)
    kept = rules.keeps_basis(transfer, to_id)
    new_owner = rules.check_next_owner(
        transfer,
        record,
        new_owner,
        policy,
        options,
        has_basis=kept or command.basis_id is not None,
        insist=command.insist,
    )
    receives = _receives(session, actor, transfer, record, new_owner, policy, options)
    if not in_a_bulk:
        # A bulk's texts are those of its launch, whoever leads it since.
        check_text(session, command.reason_id, actor, TextKind.REASON)
        check_text(session, command.basis_id, actor, TextKind.BASIS)
    return SteppingIn(
        actor=actor,
        transfer=transfer,
        role=Role.COORDINATOR,
        plan=plan(options, record, new_owner, policy),
        new_owner=new_owner,
        options=options,
        basis_id=command.basis_id or (transfers.row(session, transfer.id).basis_id if kept else None),
        via=via,
        state=state,
        receives=receives,
    )


def _receives(
    session: Session,
    actor: MemberFacts,
    transfer: TransferFacts,
    record: RecordFacts,
    new_owner: MemberFacts,
    policy: PolicyFacts,
    options: Options,
) -> bool:
    """Say whether the new owner is a coordinator who made this transfer. Raises ``Denied`` ELIG-9."""
    makers = rules.makers(actor, transfer)
    if new_owner.id not in makers:
        return False
    check_receives(policy, others=facts.others_could(session, record, policy, options, but=makers))
    return True


def reassign(session: Session, command: Reassign, at: datetime) -> None:
    """Ask somebody else, with a new deadline; who was asked before is told that they no longer are."""
    judged = judge_reassign(session, command)
    if judged is None:
        return
    transfer, to_id = judged.transfer, judged.new_owner.id
    schedule = facts.schedule(session, transfer.organization_id)
    transfers.replace_asked(session, transfers.row(session, transfer.id), at)
    transfers.change(
        session,
        transfer,
        state=judged.state,
        to_id=to_id,
        asked_at=at,
        respond_by=respond_by(at, schedule.answer_within, schedule.time_zone),
        reminders_sent=0,
        raw_data=judged.options.raw_data,
        reassigned_by_id=judged.actor.id,
        reason_id=command.reason_id,
        basis_id=judged.basis_id,
        decided_by_id=None,
        decided_at=None,
        stuck_cause=None,
    )
    _take_over(session, command, at)
    cause = cause_of(transfer, command, at)
    outbox.tell(session, NoticeKind.ASKED, [to_id], cause, but=judged.actor.id)
    others = [transfer.from_id, transfer.asked_by_id]
    outbox.tell(session, NoticeKind.REASSIGNED, {*others} - {to_id}, cause, but=judged.actor.id)
    _tell_replaced(session, judged, cause)
    _tell_of_a_coordinator_who_receives(session, judged, cause)
    entry = entry_of(command, Step.REASSIGN, transfer, judged.role, at, state=judged.state)
    reassigned = replace(entry, state_from=judged.via, subject_id=to_id)
    log.append(session, *_overridden(entry, judged), reassigned)


def impose(session: Session, command: Impose, at: datetime) -> None:
    """Hand the record over in the new owner's place, and say so wherever it shows (OVR-1, MOVE-2)."""
    judged = judge_impose(session, command)
    if judged is not None:
        _impose(session, command, judged, at)
        _take_over(session, command, at)


def impose_at_once(session: Session, command: Impose, at: datetime) -> None:
    """Hand over what a bulk asked for and imposes: nobody is asked, and nothing is waited for (OVR-1)."""
    actor, transfer = actor_and_transfer(session, command)
    rules.check_coordinator(actor, transfer, "ST-T/impose")
    judged = _judge(session, command, actor, transfer, TransferTrigger.IMPOSE, in_a_bulk=True)
    _impose(session, command, judged, at)


def _take_over(session: Session, command: Reassign | Impose, at: datetime) -> None:
    if command.bulk_id is not None:
        bulks.take_over(session, command.bulk_id, command.command_id, command.transfer_id, at)


def _impose(session: Session, command: Impose, judged: SteppingIn, at: datetime) -> None:
    transfer, to_id = judged.transfer, judged.new_owner.id
    changes = {
        "state": judged.state,
        "imposed": True,
        "raw_data": judged.options.raw_data,
        "reason_id": command.reason_id,
        "basis_id": judged.basis_id,
    }
    if to_id != transfer.to_id:
        transfers.replace_asked(session, transfers.row(session, transfer.id), at)
        changes |= {"to_id": to_id, "reassigned_by_id": judged.actor.id}
    handed = accepting.carry_out(session, judged, command, at, to_id, changes)
    cause = cause_of(transfer, command, at)
    told = {transfer.from_id, transfer.asked_by_id, to_id}
    outbox.tell(session, NoticeKind.IMPOSED, told, cause, but=judged.actor.id)
    _tell_replaced(session, judged, cause)
    _tell_of_a_coordinator_who_receives(session, judged, cause)
    entry = entry_of(command, Step.IMPOSE, transfer, judged.role, at, state=judged.state)
    imposed = replace(entry, state_from=judged.via, subject_id=to_id)
    accepting.log_handover(session, handed, imposed, before=_overridden(entry, judged))


def _tell_replaced(session: Session, judged: SteppingIn, cause: outbox.Cause) -> None:
    """Tell whoever is no longer asked that they are not, and not why (VIS-12)."""
    transfer = judged.transfer
    replaced = {transfer.to_id} & {*concerned(transfer)} - {judged.new_owner.id, transfer.asked_by_id}
    outbox.tell(session, NoticeKind.CANCELLED, replaced, cause, but=judged.actor.id)


def _tell_of_a_coordinator_who_receives(session: Session, judged: SteppingIn, cause: outbox.Cause) -> None:
    """Tell every administrator and the previous owner (ELIG-9)."""
    if judged.receives:
        told = {*outbox.in_role(session, cause.organization_id, Role.ADMINISTRATOR), judged.transfer.from_id}
        outbox.tell(session, NoticeKind.COORDINATOR_RECEIVES, told, cause, but=judged.actor.id)


def _overridden(entry: log.Entry, judged: SteppingIn) -> list[log.Entry]:
    """Log that a pending transfer was overridden, before what it was overridden for (ST-T/override)."""
    if judged.via is judged.transfer.state:
        return []
    return [replace(entry, action="transfer.override", state_to=judged.via)]
