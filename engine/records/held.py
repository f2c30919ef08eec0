"""Cancellations that wait for a coordinator's decision before the client hears of them (NOTE-2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session, aliased

from engine.records import facts
from engine.records.tables.base import HeldState, HoldingState
from engine.records.tables.items import Appointment
from engine.records.tables.outbox import HeldCancellation
from engine.records.tables.records import Holding, Record
from engine.records.tables.transfers import ManifestLine
from engine.records.types import Id, Word
from engine.rules.content import ContentClass, Outcome
from engine.rules.facts import MemberFacts
from engine.rules.held import SHORT_NOTICE, HeldFacts
from engine.states.choices import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An undecided one, as its reader may see it."""

    appointment_id: UUID
    transfer_id: UUID
    record_id: UUID
    #: ``None`` where the record is confidential and not the reader's (VIS-2).
    record_number: str | None
    starts_at: datetime
    ends_at: datetime
    was_with_id: UUID
    owner_id: UUID
    offered: bool


def hold(session: Session, transfer_id: UUID, record_id: UUID, now: datetime) -> bool:
    """
    Hold what this transfer cancelled for clients, and say whether there was anything.

    What begins within a day does not wait: its client is told at once, and called.
    """
    earlier = aliased(HeldCancellation)
    columns: dict[str, Any] = {
        "appointment_id": Appointment.item_id,
        "organization_id": Appointment.organization_id,
        "record_id": literal(record_id, Id),
        "transfer_id": literal(transfer_id, Id),
        "client_id": Appointment.client_id,
        "calendar_id": func.coalesce(earlier.calendar_id, Appointment.item_id),
        "state": literal(HeldState.UNDECIDED, Word(HeldState)),
    }
    cancelled = (
        select(*columns.values())
        .join(ManifestLine, ManifestLine.item_id == Appointment.item_id)
        .outerjoin(earlier, earlier.moved_to_id == Appointment.item_id)
        .where(
            ManifestLine.transfer_id == transfer_id,
            ManifestLine.item_class == ContentClass.UPCOMING_APPOINTMENT,
            ManifestLine.outcome == Outcome.CANCELLED,
            Appointment.client_id.is_not(None),
            Appointment.starts_at > now + SHORT_NOTICE,
        )
    )
    session.execute(insert(HeldCancellation).from_select(list(columns), cancelled))
    return bool(session.scalar(select(exists().where(HeldCancellation.transfer_id == transfer_id))))


def calendar_id(session: Session, appointment_id: UUID) -> UUID:
    """Say under which id calendars know an appointment: that of the first one, if it was moved."""
    query = select(HeldCancellation.calendar_id).where(HeldCancellation.moved_to_id == appointment_id)
    return session.scalar(query) or appointment_id


def row(session: Session, appointment_id: UUID) -> HeldCancellation | None:
    """Read a held cancellation afresh."""
    return session.get(HeldCancellation, appointment_id, populate_existing=True)


def locked(session: Session, appointment_id: UUID) -> HeldCancellation:
    """Read one and keep others from deciding it until the commit."""
    return session.get_one(HeldCancellation, appointment_id, populate_existing=True, with_for_update=True)


def facts_of(session: Session, held: HeldCancellation) -> HeldFacts:
    """Read what rules ask about it."""
    appointment = session.get_one(Appointment, held.appointment_id)
    owner_id = session.scalars(_owner(held.record_id)).one()
    owner = facts.member(session, owner_id)
    return HeldFacts(
        undecided=held.state is HeldState.UNDECIDED,
        starts_at=appointment.starts_at,
        owner_id=owner_id,
        owner_practises=owner is not None and owner.acts_as(Role.PRACTITIONER),
        offered_to_id=held.offered_to_id,
    )


def offer(session: Session, appointment_id: UUID, *, to_id: UUID | None, by_id: UUID | None) -> None:
    """Note who is asked to take an appointment, or that nobody is any more."""
    _change(session, appointment_id, offered_to_id=to_id, offered_by_id=by_id)


def decide(
    session: Session, appointment_id: UUID, *, by_id: UUID, now: datetime, moved_to_id: UUID | None
) -> None:
    """Decide it for good: the client is told, or the appointment has moved."""
    state = HeldState.RELEASED if moved_to_id is None else HeldState.MOVED
    _change(
        session, appointment_id, state=state, moved_to_id=moved_to_id, decided_by_id=by_id, decided_at=now
    )


def _change(session: Session, appointment_id: UUID, **values: Any) -> None:  # noqa: ANN401 - columns
    session.execute(
        update(HeldCancellation)
        .where(HeldCancellation.appointment_id == appointment_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def undecided(session: Session, actor: MemberFacts, now: datetime) -> Sequence[Held]:
    """List what waits, the soonest first: a coordinator sees all, practitioners what is of their records."""
    query = _undecided(now).where(HeldCancellation.organization_id == actor.organization_id)
    if not actor.acts_as(Role.COORDINATOR):
        if not actor.acts_as(Role.PRACTITIONER):
            return []
        query = query.where(Holding.owner_id == actor.id)
    return [
        Held(
            appointment_id=found.appointment_id,
            transfer_id=found.transfer_id,
            record_id=found.record_id,
            record_number=None if found.confidential and found.owner_id != actor.id else found.number,
            starts_at=found.starts_at,
            ends_at=found.ends_at,
            was_with_id=found.practitioner_id,
            owner_id=found.owner_id,
            offered=found.offered_to_id == found.owner_id,
        )
        for found in session.execute(query)
    ]


def needing(session: Session, actor: MemberFacts, now: datetime) -> tuple[list[UUID], list[UUID]]:
    """Give the transfers of what the actor is to decide, and the records of what is offered to them."""
    here = HeldCancellation.organization_id == actor.organization_id
    rows = session.execute(_undecided(now).where(here)).all()
    waiting = [found.transfer_id for found in rows if found.offered_to_id != found.owner_id]
    offered = [found.record_id for found in rows if found.offered_to_id == found.owner_id == actor.id]
    return (
        list(dict.fromkeys(waiting)) if actor.acts_as(Role.COORDINATOR) else [],
        list(dict.fromkeys(offered)) if actor.acts_as(Role.PRACTITIONER) else [],
    )


def _undecided(now: datetime) -> Select[Any]:
    columns: tuple[Any, ...] = (
        HeldCancellation.appointment_id,
        HeldCancellation.transfer_id,
        HeldCancellation.record_id,
        HeldCancellation.client_id,
        HeldCancellation.offered_to_id,
        Appointment.starts_at,
        Appointment.ends_at,
        Appointment.practitioner_id,
        Record.number,
        Holding.owner_id,
        Holding.confidential,
    )
    return (
        select(*columns)
        .join(Appointment, Appointment.item_id == HeldCancellation.appointment_id)
        .join(Record, Record.id == HeldCancellation.record_id)
        .join(Holding, and_(Holding.record_id == Record.id, Holding.state == HoldingState.LIVE))
        .where(HeldCancellation.state == HeldState.UNDECIDED, Appointment.starts_at > now)
        .order_by(Appointment.starts_at, HeldCancellation.appointment_id)
    )


def _owner(record_id: UUID) -> Select[Any]:
    return select(Holding.owner_id).where(Holding.record_id == record_id, Holding.state == HoldingState.LIVE)
