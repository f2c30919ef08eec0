"""What asking for a transfer decides and writes: the row that freezes the record."""

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from engine.activities import in_bulk, stepping_in
from engine.activities.deciding import check_text
from engine.audit import log
from engine.errors import Denied, NotFound
from engine.messages.transfer import Impose, Step, TransferRequest
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, transfers
from engine.records.tables.base import TextKind
from engine.rules import transfers as rules
from engine.rules.deadline import respond_by
from engine.rules.facts import MemberFacts, RecordFacts
from engine.rules.stepping_in import check_imposable
from engine.states.choices import Role
from engine.states.transfer import Facts, TransferState, TransferTrigger, advance


def request_command(transfer_id: UUID) -> UUID:
    """Give the id of the command that asks for a transfer: one a transfer, however often it is sent."""
    return uuid5(transfer_id, "request")


def judge_request(session: Session, request: TransferRequest) -> tuple[MemberFacts, RecordFacts, Role] | None:
    """Ask every rule about a request; ``None`` where this very request has a row already (MOVE-3)."""
    if same_request_exists(session, request):
        return None
    bulk = in_bulk.check(session, request)
    actor, record, new_owner = parties(session, request)
    if bulk is not None and record.owner_id != bulk.from_id:
        raise Denied("BULK-3", "not_held")
    policy = facts.policy(session, record.organization_id)
    receives = _receives(request, record)
    others = not receives or facts.others_could(
        session, record, policy, request.options, but=frozenset({actor.id})
    )
    role = rules.check_request(
        actor,
        record,
        new_owner,
        request.options,
        policy,
        has_basis=request.basis_id is not None,
        insist=request.insist,
        others=others,
        confidential_in_bulk=bulk is not None and bulk.include_confidential_records,
    )
    if (receives or request.impose) and request.reason_id is None:
        raise Denied("ST-2")
    if request.impose:
        check_imposable(record)
    return actor, record, role


def open_transfer(session: Session, request: TransferRequest, at: datetime) -> None:
    """Write the transfer's row and freeze the record; a row that is there already is left alone (MOVE-3)."""
    judged = judge_request(session, request)
    if request.impose:
        if judged is not None:
            _keep(session, request, judged, at)
        if is_kept(session, request):
            in_bulk.check_goes_on(session, request)
            stepping_in.impose_at_once(session, _imposition(request), at)
        return
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
        check_text(session, request.reason_id, actor, TextKind.REASON)
    state = advance(TransferState.REQUESTED, TransferTrigger.OPEN, Facts(rules_pass=True))
    add_row(session, request, record, role, state, at)
    outbox.tell(
        session,
        NoticeKind.ASKED,
        [request.to_id, record.owner_id],
        outbox.Cause(record.organization_id, request.transfer_id, request_command(request.transfer_id), at),
        but=actor.id,
    )
    if _receives(request, record):
        told = {*outbox.in_role(session, record.organization_id, Role.ADMINISTRATOR), record.owner_id}
        cause = outbox.Cause(
            record.organization_id, request.transfer_id, request_command(request.transfer_id), at
        )
        outbox.tell(session, NoticeKind.COORDINATOR_RECEIVES, told, cause, but=actor.id)
    log.append(session, request_entry(request, actor, role, at, state=state))


def keep(session: Session, request: TransferRequest, at: datetime) -> None:
    """Write what is to be imposed and cannot be handed over yet, so that it can be seen and undone (ST-5)."""
    judged = judge_request(session, request)
    if judged is not None:
        _keep(session, request, judged, at)


def _keep(
    session: Session, request: TransferRequest, judged: tuple[MemberFacts, RecordFacts, Role], at: datetime
) -> None:
    """Write a request of which nobody is asked: it is imposed, in this transaction or a later one."""
    actor, record, role = judged
    add_row(session, request, record, role, TransferState.REQUESTED, at)
    log.append(session, request_entry(request, actor, role, at, state=None))


def is_kept(session: Session, request: TransferRequest) -> bool:
    """Say whether a request is written and waits to be imposed."""
    row = facts.transfer(session, request.transfer_id)
    return request.impose and row is not None and row.state is TransferState.REQUESTED


def _imposition(request: TransferRequest) -> Impose:
    assert request.reason_id is not None  # noqa: S101 - judged
    return Impose(
        transfer_id=request.transfer_id,
        command_id=uuid5(request.transfer_id, "impose"),
        actor_id=request.actor_id,
        os_uid=request.os_uid,
        service_id=request.service_id,
        reason_id=request.reason_id,
        insist=request.insist,
    )


def _receives(request: TransferRequest, record: RecordFacts) -> bool:
    """Say whether somebody asks for themself, as only a coordinator can (ELIG-9)."""
    return request.to_id == request.actor_id != record.owner_id


def same_request_exists(session: Session, request: TransferRequest) -> bool:
    """Say whether this very request has a row; raise ``Denied`` where its key was used for another one."""
    row = facts.transfer(session, request.transfer_id)
    if row is None:
        return False
    if (row.record_id, row.asked_by_id, row.first_to_id) != (
        request.record_id,
        request.actor_id,
        request.to_id,
    ):
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
            "reason_id": None if failed_rule else request.reason_id,
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
        service_id=request.service_id,
        outcome=log.Result.ALLOWED if rule is None else log.Result.DENIED,
        rule=rule,
        transfer_id=request.transfer_id,
        record_id=request.record_id,
        subject_id=request.to_id,
        purpose=request.purpose,
        state_from=None if state is None else TransferState.REQUESTED,
        state_to=state,
    )
