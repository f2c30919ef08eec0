"""Clients whom somebody must call: a message could not tell them, or not in time (NOTE-2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, exists, insert, or_, select, true
from sqlalchemy.orm import Session

from engine.notices.outbox import NoticeKind
from engine.records.tables.base import DeliveryState, HoldingState
from engine.records.tables.items import Appointment
from engine.records.tables.outbox import Delivery, Notice, PhoneCall
from engine.records.tables.people import Client
from engine.records.tables.records import Holding, Record

#: An appointment that was cancelled so shortly before it begins is told by telephone as well.
SHORT_NOTICE: Final = timedelta(hours=24)


class WhyCall(StrEnum):
    """Why a message is not enough."""

    NO_ADDRESS = "no_address"
    SOON = "soon"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCall:
    """A client who has not been told yet of an appointment that is cancelled."""

    notice_id: int
    record_id: UUID
    record_number: str
    client: str
    starts_at: datetime
    why: WhyCall
    #: Whether the record is the reader's own.
    yours: bool


def to_call(
    session: Session, organization_id: UUID, actor_id: UUID, now: datetime, *, coordinates: bool
) -> Sequence[ToCall]:
    """
    List whom somebody must call about an appointment that is still to come, the soonest first.

    Practitioners see the clients of records that are theirs; who ``coordinates`` those of every record that
    is not confidential (VIS-2).
    """
    theirs = exists().where(
        Holding.record_id == Record.id, Holding.state == HoldingState.LIVE, Holding.owner_id == actor_id
    )
    confidential = exists().where(Holding.record_id == Record.id, Holding.confidential.is_(true()))
    seen = or_(theirs, ~confidential) if coordinates else theirs
    query = (
        _untold(now).add_columns(theirs.label("yours")).where(Notice.organization_id == organization_id, seen)
    )
    return [
        ToCall(
            notice_id=row.id,
            record_id=row.record_id,
            record_number=row.number,
            client=row.name,
            starts_at=row.starts_at,
            why=_why(row),
            yours=bool(row.yours),
        )
        for row in session.execute(query)
    ]


def _untold(now: datetime) -> Select[Any]:
    columns: tuple[Any, ...] = (
        Notice.id,
        Notice.created_at,
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
