"""Write legal holds: who set them, why, and who released them (MOVE-11)."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from engine.errors import BadInput
from engine.records.tables.people import Member
from engine.records.tables.records import Hold, Record
from engine.views import HoldView


def hold(session: Session, record_id: UUID, by_id: UUID, reason: str, now: datetime) -> None:
    """Put a record under legal hold. Raises ``BadInput`` where it is already."""
    if _current(session, record_id) is not None:
        raise BadInput("held_already")
    session.execute(
        insert(Hold).values(id=uuid4(), record_id=record_id, set_by_id=by_id, set_at=now, reason=reason)
    )
    _mark(session, record_id, held=True)


def release(session: Session, record_id: UUID, by_id: UUID, reason: str, now: datetime) -> None:
    """End the legal hold of a record. Raises ``BadInput`` where there is none."""
    current = _current(session, record_id)
    if current is None:
        raise BadInput("not_held")
    session.execute(
        update(Hold)
        .where(Hold.id == current)
        .values(released_by_id=by_id, released_at=now, release_reason=reason)
    )
    _mark(session, record_id, held=False)


def standing(session: Session, organization_id: UUID) -> list[HoldView]:
    """List the holds of an organization that stand, oldest first."""
    rows = session.execute(
        select(Hold, Record.number, Member.first_name, Member.last_name)
        .join(Record, Record.id == Hold.record_id)
        .join(Member, Member.id == Hold.set_by_id)
        .where(Record.organization_id == organization_id, Hold.released_at.is_(None))
        .order_by(Hold.set_at, Record.number)
    )
    return [
        HoldView(
            record_id=found.record_id,
            record_number=number,
            set_by=f"{first} {last}",
            set_at=found.set_at,
            reason=found.reason,
        )
        for found, number, first, last in rows
    ]


def _current(session: Session, record_id: UUID) -> UUID | None:
    return session.scalar(select(Hold.id).where(Hold.record_id == record_id, Hold.released_at.is_(None)))


def _mark(session: Session, record_id: UUID, *, held: bool) -> None:
    session.execute(update(Record).where(Record.id == record_id).values(legal_hold=held))
