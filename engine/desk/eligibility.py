"""Lost eligibility is noticed at the event that causes it, in its transaction (ST-4)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from engine.audit import log
from engine.desk.base import Writing
from engine.errors import Denied
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, locks, transfers
from engine.rules import transfers as rules
from engine.rules.facts import TransferFacts
from engine.states.transfer import Facts, TransferState, TransferTrigger, advance

_ENGINE = "engine"


@contextmanager
def noticed(command: Writing, transfer_ids: Iterable[UUID]) -> Iterator[None]:
    """
    Look at pending transfers before and after a change, and notice those whose new owner it stops.

    The row is the truth: the sweep wakes the transfer's workflow, which reads it.
    """
    found = _held(command.session, transfer_ids)
    before = {transfer.id: _stopped_by(command.session, transfer) for transfer in found}
    yield
    for seen in found:
        transfer = facts.transfer(command.session, seen.id)
        if transfer is None or transfer.state is not TransferState.PENDING_ACCEPTANCE:
            continue
        rule = _stopped_by(command.session, transfer)
        if rule is not None and rule != before[transfer.id]:
            _lose(command, transfer, rule)


def _held(session: Session, transfer_ids: Iterable[UUID]) -> list[TransferFacts]:
    """Hold the records of transfers, then the transfers: the one order of locks."""
    seen = [found for found in (facts.transfer(session, each) for each in sorted(set(transfer_ids))) if found]
    if seen:
        locks.lock_policy(session, seen[0].organization_id)
    for record_id in sorted({transfer.record_id for transfer in seen}):
        locks.lock_record(session, record_id)
    for transfer in seen:
        locks.lock_transfer(session, transfer.id)
    return [found for found in (facts.transfer(session, transfer.id) for transfer in seen) if found]


def _stopped_by(session: Session, transfer: TransferFacts) -> str | None:
    record = facts.record(session, transfer.record_id, transfer.to_id)
    if record is None:
        return None
    policy = facts.policy(session, transfer.organization_id)
    try:
        rules.check_handover(transfer, record, facts.member(session, transfer.to_id), policy)
    except Denied as denial:
        return denial.key
    return None


def _lose(command: Writing, transfer: TransferFacts, rule: str) -> None:
    """Tell the owner, who may cancel or narrow; what cannot go back waits for a coordinator (ST-4)."""
    cause_id = uuid5(transfer.id, f"lost/{transfer.version}/{command.now.isoformat()}")
    cause = outbox.Cause(transfer.organization_id, transfer.id, cause_id, command.now)
    state = transfer.state
    concerned = {transfer.from_id}
    if not transfer.returnable:
        escalating = Facts(returnable=False, owner_active=transfer.owner_active)
        state = advance(transfer.state, TransferTrigger.ESCALATE, escalating)
        transfers.change(
            command.session,
            transfer,
            state=state,
            decided_by_id=None,
            decided_at=command.now,
            stuck_cause=None,
            reminders_sent=0,
        )
        concerned.add(transfer.asked_by_id)
        deciders = outbox.who_must_decide(command.session, transfer.organization_id)
        outbox.tell(command.session, NoticeKind.NEEDS_YOU, deciders, cause, but=None)
        if rule != "ELIG-3/inactive":
            # Somebody who no longer is asked hears that, and not why (VIS-11, VIS-12).
            outbox.tell(command.session, NoticeKind.CANCELLED, [transfer.to_id], cause, but=None)
    outbox.tell(command.session, NoticeKind.LOST_ELIGIBILITY, concerned, cause, but=None)
    actions = ["transfer.lost_eligibility", *(["transfer.escalate"] if state is not transfer.state else [])]
    command.further += [
        log.Entry(
            organization_id=transfer.organization_id,
            at=command.now,
            action=action,
            command_id=cause_id,
            role=_ENGINE,
            rule=rule,
            transfer_id=transfer.id,
            record_id=transfer.record_id,
            subject_id=transfer.to_id,
            purpose=transfer.purpose,
            state_from=transfer.state,
            state_to=state,
        )
        for action in actions
    ]
