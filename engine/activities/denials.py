"""What a denial leaves behind: one line in the log, and for a request the failed transfer (AUD-1)."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from engine.activities import in_bulk, opening
from engine.audit import log
from engine.errors import Denied, EngineError, NotFound
from engine.messages.transfer import Command, Step, TransferRequest, Wake
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, transfers
from engine.records.tables.proof import Event
from engine.rules import transfers as rules
from engine.states.choices import Role
from engine.states.transfer import Facts, TransferState, TransferTrigger, advance

What = TransferRequest | Command | Wake


def earlier_line(session: Session, step: Step, what: What) -> Event | None:
    """Find what this very command has left, so that it is answered as it was the first time (MOVE-3)."""
    if isinstance(what, TransferRequest):
        line = log.outcome_of(session, opening.request_command(what.transfer_id), Step.OPEN)
        # An allowed request has its row, which says more than the line does.
        if line is None or line.outcome == log.Result.ALLOWED:
            return None
        if (line.actor_id, line.record_id, line.subject_id) != (what.actor_id, what.record_id, what.to_id):
            raise opening.other_request(session, what)
        return line
    return log.outcome_of(session, what.command_id, step) if isinstance(what, Command) else None


def write(session: Session, step: Step, what: What, denial: EngineError, at: datetime) -> None:
    """Write a step's denial, once a command; of a request, with the failed transfer it leaves."""
    if isinstance(what, TransferRequest):
        command_id = _command_id(session, what, denial)
        if command_id is not None:
            # What a bulk does not ask for, or not now, leaves its line alone: it asks again under another id.
            _request(session, what, denial, at, command_id, row=denial.key not in in_bulk.NOT_ASKED)
    elif isinstance(what, Command):
        _command(session, step, what, denial, at)


def write_quick(
    session: Session, step: Step, what: What, denial: EngineError, at: datetime, *, attempt: UUID | None
) -> None:
    """
    Write a denial that came before any step, and leaves no transfer.

    ``attempt`` names a request without a key, whose next try is new. With ``None`` its sender chose a key,
    and is answered so for good (MOVE-3).
    """
    if isinstance(what, TransferRequest):
        command_id = attempt or _command_id(session, what, denial)
        if command_id is not None and log.outcome_of(session, command_id, Step.OPEN) is None:
            _request(session, what, denial, at, command_id, row=False)
    else:
        write(session, step, what, denial, at)


def _command(session: Session, step: Step, command: Command, denial: EngineError, at: datetime) -> None:
    actor = facts.member(session, command.actor_id)
    if actor is None or log.outcome_of(session, command.command_id, step) is not None:
        return
    transfer = facts.transfer(session, command.transfer_id)
    inside = transfer is not None and transfer.organization_id == actor.organization_id
    entry = log.Entry(
        organization_id=actor.organization_id,
        at=at,
        action=step,
        command_id=command.command_id,
        actor_id=actor.id,
        role=next(iter(sorted(actor.roles)), Role.PRACTITIONER),
        os_uid=command.os_uid,
        outcome=log.Result.DENIED,
        rule=denial.key,
        transfer_id=command.transfer_id,
        record_id=transfer.record_id if transfer is not None and inside else None,
        purpose=transfer.purpose if transfer is not None and inside else None,
        state_from=transfer.state if transfer is not None and inside else None,
    )
    log.append(session, entry)


def _request(
    session: Session,
    request: TransferRequest,
    denial: EngineError,
    at: datetime,
    command_id: UUID,
    *,
    row: bool,
) -> None:
    actor = facts.member(session, request.actor_id)
    if actor is None or actor.organization_id != request.organization_id:
        return
    record = facts.record(session, request.record_id, actor.id)
    new_owner = facts.member(session, request.to_id)
    known = new_owner is not None and new_owner.organization_id == actor.organization_id
    role, state = min(actor.roles, default=Role.PRACTITIONER), None
    seen = facts.transfer(session, request.transfer_id)
    kept = opening.is_kept(session, request)
    if seen is not None and kept:
        # What was to be imposed and could not be handed over; now a rule stops it (ST-5, ST-T/reject).
        state = advance(TransferState.REQUESTED, TransferTrigger.REJECT, Facts(rules_pass=False))
        transfers.change(session, seen, state=state, failed_rule=denial.key, stuck_cause=None)
        role = seen.asked_role
    # By nobody who may ask, or to nobody, there is no transfer to speak of: only the attempt.
    with suppress(Denied, NotFound):
        bulk = None if kept else in_bulk.check(session, request)
        confidential = bulk is not None and bulk.include_confidential_records
        if record is not None and not kept:
            role = rules.asking_role(actor, record, confidential_in_bulk=confidential)
        if record is not None and known and row and seen is None:
            state = advance(TransferState.REQUESTED, TransferTrigger.REJECT, Facts(rules_pass=False))
            opening.add_row(session, request, record, role, state, at, failed_rule=denial.key)
    if state is not None:
        cause = outbox.Cause(actor.organization_id, request.transfer_id, command_id, at)
        outbox.tell(session, NoticeKind.FAILED, [actor.id], cause, but=None)
    entry = opening.request_entry(request, actor, role, at, state=state, rule=denial.key)
    log.append(session, replace(entry, command_id=command_id))


def _command_id(session: Session, request: TransferRequest, denial: EngineError) -> UUID | None:
    """Give the id to log under: the request's own, or one for another use of its key; ``None`` if logged."""
    own = opening.request_command(request.transfer_id)
    line = log.outcome_of(session, own, Step.OPEN)
    if line is None:
        return own
    if (line.actor_id, line.record_id, line.rule) == (request.actor_id, request.record_id, denial.key):
        return None
    other = uuid5(own, f"{request.actor_id}/{request.record_id}")
    return other if log.outcome_of(session, other, Step.OPEN) is None else None
