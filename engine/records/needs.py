"""What needs somebody: transfers that they must answer, decide or look at again (ST-1, ST-4, ST-5)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from engine.errors import Denied
from engine.records import facts, held, transfers
from engine.records.tables.base import HoldingState
from engine.records.tables.records import Holding, Record
from engine.records.tables.transfers import Transfer
from engine.rules import transfers as rules
from engine.rules.facts import MemberFacts, RecordStatus
from engine.states.choices import Need, Role
from engine.states.transfer import OPEN_STATES, TransferState

#: How long a record that came back is shown to its owner, unless it is asked for again before.
GIVEN_BACK: Final = timedelta(days=30)


def needing(session: Session, actor: MemberFacts, now: datetime) -> Iterator[tuple[Need, UUID, str | None]]:
    """Give what needs somebody, kind by kind and the oldest first, with the rule where one stops it."""
    yield from ((Need.ANSWER, transfer_id, None) for transfer_id in _asked_of(session, actor))
    if actor.acts_as(Role.COORDINATOR):
        yield from ((Need.DECIDE, transfer_id, None) for transfer_id in _waiting(session, actor))
    yield from ((Need.STUCK, transfer_id, None) for transfer_id in _stuck(session, actor))
    pending = _own_pending(session, actor)
    stopped = _stopped_by(session, actor.organization_id, pending) if pending else {}
    yield from (
        (Need.STOPPED, transfer_id, stopped[transfer_id]) for transfer_id in pending if transfer_id in stopped
    )
    yield from ((Need.GIVEN_BACK, transfer_id, None) for transfer_id in _given_back(session, actor, now))
    undecided, offered = held.needing(session, actor, now)
    yield from ((Need.APPOINTMENTS, transfer_id, None) for transfer_id in undecided)
    yield from ((Need.OFFERED, transfer_id, None) for transfer_id in _received(session, actor, offered))


def _oldest_first(session: Session, actor: MemberFacts, *conditions: object) -> Sequence[UUID]:
    query = select(Transfer.id).where(Transfer.organization_id == actor.organization_id, *conditions)  # type: ignore[arg-type]
    return session.scalars(query.order_by(Transfer.asked_at, Transfer.id)).all()


def _asked_of(session: Session, actor: MemberFacts) -> Sequence[UUID]:
    pending = Transfer.state == TransferState.PENDING_ACCEPTANCE
    return _oldest_first(session, actor, Transfer.to_id == actor.id, pending)


def _waiting(session: Session, actor: MemberFacts) -> Sequence[UUID]:
    return _oldest_first(session, actor, Transfer.state == TransferState.COORDINATOR_OVERRIDE)


def _stuck(session: Session, actor: MemberFacts) -> Sequence[UUID]:
    """Give what a cause that is no rule holds up: its owner, and who asked, may cancel (ST-5)."""
    theirs = or_(Transfer.from_id == actor.id, transfers.is_asker(actor))
    return _oldest_first(
        session, actor, theirs, Transfer.state.in_(OPEN_STATES), Transfer.stuck_cause.is_not(None)
    )


def _received(session: Session, actor: MemberFacts, records: Sequence[UUID]) -> Sequence[UUID]:
    """Give the transfers by which somebody became responsible for records that are theirs."""
    later = aliased(Transfer)
    newest = ~exists().where(
        later.record_id == Transfer.record_id,
        later.decided_at > Transfer.decided_at,
        later.state == TransferState.ACCEPTED,
    )
    accepted = Transfer.state == TransferState.ACCEPTED
    return _oldest_first(session, actor, Transfer.record_id.in_(records), accepted, newest) if records else ()


def _own_pending(session: Session, actor: MemberFacts) -> Sequence[UUID]:
    return _oldest_first(
        session,
        actor,
        Transfer.from_id == actor.id,
        Transfer.asked_by_id == actor.id,
        Transfer.state == TransferState.PENDING_ACCEPTANCE,
    )


def _stopped_by(session: Session, organization_id: UUID, pending: Sequence[UUID]) -> dict[UUID, str]:
    """Say which rule would stop an answer: the owner may cancel or narrow before the deadline (ST-4)."""
    read, records = facts.transfers(session, pending), facts.records_asked(session, pending)
    members = facts.members(session, {one.facts.to_id for one in read.values()})
    policy = facts.policy(session, organization_id)
    stopped = {}
    for transfer_id, record in records.items():
        transfer = read[transfer_id].facts
        try:
            rules.check_handover(transfer, record, members.get(transfer.to_id), policy)
        except Denied as denial:
            stopped[transfer_id] = denial.key
    return stopped


def _given_back(session: Session, actor: MemberFacts, now: datetime) -> Sequence[UUID]:
    """Give what came back to an owner who wanted to hand it over, and did not ask again since."""
    later = aliased(Transfer)
    newest = ~exists().where(
        later.record_id == Transfer.record_id,
        later.asked_at > Transfer.asked_at,
        later.state != TransferState.FAILED,
    )
    still_theirs = exists().where(
        Holding.record_id == Transfer.record_id,
        Holding.owner_id == actor.id,
        Holding.state == HoldingState.LIVE,
        Record.id == Holding.record_id,
        Record.status == RecordStatus.ACTIVE,
    )
    by_others = and_(Transfer.state == TransferState.CANCELLED, Transfer.decided_by_id != actor.id)
    return _oldest_first(
        session,
        actor,
        Transfer.from_id == actor.id,
        or_(Transfer.state.in_((TransferState.REFUSED, TransferState.EXPIRED)), by_others),
        Transfer.decided_at > now - GIVEN_BACK,
        newest,
        still_theirs,
    )
