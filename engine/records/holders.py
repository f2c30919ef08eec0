"""What a member still holds, in counts alone: whoever looks after members sees no content (ROLE-6)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from engine.records.tables.base import AppointmentState, HoldingState
from engine.records.tables.items import Appointment
from engine.records.tables.people import Member, MemberRole
from engine.records.tables.records import Holding, Record, Share
from engine.records.tables.transfers import Transfer
from engine.rules.facts import RecordStatus
from engine.states.choices import Role
from engine.states.transfer import OPEN_STATES, TransferState


def held(session: Session, member_id: UUID, now: datetime) -> dict[str, int]:
    """Count what a member holds: records, copies, shares, open transfers, upcoming appointments."""
    is_open = Transfer.state.in_(sorted(OPEN_STATES))
    for_another = and_(Transfer.asked_by_id == member_id, Transfer.from_id != member_id)
    return {
        "records": _live_records(session, member_id),
        "copies": _count(session, Holding.owner_id == member_id, Holding.state == HoldingState.ARCHIVED),
        "shares": _count(session, Share.member_id == member_id, Share.ended_at.is_(None)),
        "transfers_in": _count(session, Transfer.to_id == member_id, is_open),
        "transfers_out": _count(session, or_(Transfer.from_id == member_id, for_another), is_open),
        "appointments": _count(
            session,
            Appointment.practitioner_id == member_id,
            Appointment.state == AppointmentState.BOOKED,
            Appointment.starts_at > now,
        ),
    }


def _live_records(session: Session, member_id: UUID) -> int:
    query = (
        select(func.count())
        .select_from(Holding)
        .join(Record, Record.id == Holding.record_id)
        .where(
            Holding.owner_id == member_id,
            Holding.state == HoldingState.LIVE,
            Record.status != RecordStatus.DELETED,
        )
    )
    return session.scalar(query) or 0


def _count(session: Session, *conditions: ColumnElement[Any]) -> int:
    return session.scalar(select(func.count()).where(*conditions)) or 0


def others_in_role(session: Session, organization_id: UUID, role: Role, but: UUID) -> list[UUID]:
    """Give the active members in a role, without one of them."""
    query = (
        select(Member.id)
        .join(MemberRole, MemberRole.member_id == Member.id)
        .where(
            Member.organization_id == organization_id,
            Member.active.is_(true()),
            Member.id != but,
            MemberRole.role == role,
        )
    )
    return list(session.scalars(query.order_by(Member.id)))


def waiting(session: Session, organization_id: UUID) -> list[UUID]:
    """Give the transfers that wait for a coordinator."""
    query = select(Transfer.id).where(
        Transfer.organization_id == organization_id, Transfer.state == TransferState.COORDINATOR_OVERRIDE
    )
    return list(session.scalars(query.order_by(Transfer.asked_at, Transfer.id)))
