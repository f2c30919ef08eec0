"""Clients whom somebody must call: a message could not tell them, or not in time (NOTE-2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, false, insert, or_, select, true
from sqlalchemy.orm import Session

from engine.notices.outbox import NoticeKind
from engine.records import held
from engine.records.tables.base import DeliveryState, HoldingState
from engine.records.tables.items import Appointment
from engine.records.tables.outbox import Delivery, HeldCancellation, Notice, PhoneCall
from engine.records.tables.people import Client
from engine.records.tables.records import Holding, Record
from engine.rules.facts import MemberFacts
from engine.rules.held import SHORT_NOTICE
from engine.states.choices import Role


class WhyCall(StrEnum):
    """Why a message is not enough."""

    NO_ADDRESS = "no_address"
    SOON = "soon"
    UNDELIVERED = "undelivered"
    #: Nobody has decided, and nothing was sent: it is released first, or taken.
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCall:
    """A client who has not been told yet of an appointment that is cancelled."""

    #: What ``called`` names; ``None`` while it is undecided.
    notice_id: int | None
    appointment_id: UUID
    record_id: UUID
    record_number: str
    client: str
    starts_at: datetime
    why: WhyCall
    #: Whether the record is the reader's own.
    yours: bool


def to_call(session: Session, actor: MemberFacts, now: datetime) -> Sequence[ToCall]:
    """
    List whom somebody must call about an appointment that is still to come, the soonest first.

    Practitioners see the clients of records that are theirs; coordinators those of every record that is not
    confidential (VIS-2).
    """
    theirs: ColumnElement[bool] = false()
    if actor.acts_as(Role.PRACTITIONER):
        theirs = exists().where(
            Holding.record_id == Record.id, Holding.state == HoldingState.LIVE, Holding.owner_id == actor.id
        )
    confidential = exists().where(Holding.record_id == Record.id, Holding.confidential.is_(true()))
    seen = or_(theirs, ~confidential) if actor.acts_as(Role.COORDINATOR) else theirs
    here = Notice.organization_id == actor.organization_id
    query = _untold(now).add_columns(theirs.label("yours")).where(here, seen)
    told = [
        ToCall(
            notice_id=row.id,
            appointment_id=row.item_id,
            record_id=row.record_id,
            record_number=row.number,
            client=row.name,
            starts_at=row.starts_at,
            why=_why(row),
            yours=bool(row.yours),
        )
        for row in session.execute(query)
    ]
    return sorted([*told, *_undecided(session, actor, now)], key=lambda one: one.starts_at)


def _undecided(session: Session, actor: MemberFacts, now: datetime) -> list[ToCall]:
    """List what waits for a decision although it begins within a day."""
    found = [one for one in held.undecided(session, actor, now) if one.starts_at <= now + SHORT_NOTICE]
    clients = select(HeldCancellation.appointment_id, Client.name).join(
        Client, Client.id == HeldCancellation.client_id
    )
    among = HeldCancellation.appointment_id.in_(one.appointment_id for one in found)
    names = {row.appointment_id: row.name for row in session.execute(clients.where(among))}
    return [
        ToCall(
            notice_id=None,
            appointment_id=one.appointment_id,
            record_id=one.record_id,
            record_number=one.record_number,
            client=names[one.appointment_id],
            starts_at=one.starts_at,
            why=WhyCall.UNDECIDED,
            yours=one.owner_id == actor.id,
        )
        for one in found
        # A client's name would tell what the number hides (VIS-2).
        if one.record_number is not None
    ]


def _untold(now: datetime) -> Select[Any]:
    columns: tuple[Any, ...] = (
        Notice.id,
        Notice.created_at,
        Appointment.item_id,
        Appointment.record_id,
        Appointment.starts_at,
        Record.number,
        Client.name,
        Client.email,
        Delivery.state,
    )
    without_address = or_(Client.email.is_(None), Client.email == "")
    undelivered = and_(Delivery.state.is_not(None), Delivery.state == DeliveryState.FAILED)
    return (
        select(*columns)
        .join(Appointment, Appointment.item_id == Notice.subject_id)
        .join(Record, Record.id == Appointment.record_id)
        .join(Client, Client.id == Notice.client_id)
        .outerjoin(Delivery, Delivery.id == Notice.delivery_id)
        .where(
            Notice.kind == NoticeKind.APPOINTMENT_CANCELLED,
            Appointment.starts_at > now,
            or_(without_address, undelivered, Appointment.starts_at <= now + SHORT_NOTICE),
            ~exists().where(PhoneCall.notice_id == Notice.id),
        )
        .order_by(Appointment.starts_at, Notice.id)
    )


def _why(row: Any) -> WhyCall:  # noqa: ANN401 - a row
    if not row.email:
        return WhyCall.NO_ADDRESS
    return WhyCall.UNDELIVERED if row.state is DeliveryState.FAILED else WhyCall.SOON


def called(session: Session, notice_id: int, organization_id: UUID, *, by_id: UUID, now: datetime) -> None:
    """Note that a client was told by telephone."""
    session.execute(
        insert(PhoneCall).values(notice_id=notice_id, organization_id=organization_id, by_id=by_id, at=now)
    )
