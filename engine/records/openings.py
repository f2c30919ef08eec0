"""Copies whose holder is gone, opened for a named reader and a time (MOVE-6)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from engine.records.tables.base import HoldingState
from engine.records.tables.destruction import Opening
from engine.records.tables.people import MemberRole
from engine.records.tables.records import Holding
from engine.states.choices import Role


def stands(holding: Any, reader_id: Any, now: Any) -> ColumnElement[bool]:  # noqa: ANN401 - any of SQL
    """Say that a copy is open to somebody, who is a practitioner; whether they are active is asked apart."""
    return (
        exists()
        .where(
            Opening.holding_id == holding.id,
            Opening.reader_id == reader_id,
            Opening.ended_at.is_(None),
            Opening.until_at > now,
            MemberRole.member_id == Opening.reader_id,
            MemberRole.role == Role.PRACTITIONER,
        )
        # What the conditions name stands outside: the holding, and whoever reads where that is a column.
        .correlate_except(Opening, MemberRole)
    )


def copy(session: Session, organization_id: UUID, holding_id: UUID) -> Holding | None:
    """Find an archived copy of an organization, whoever holds it."""
    return session.scalars(
        select(Holding)
        .where(
            Holding.id == holding_id,
            Holding.organization_id == organization_id,
            Holding.state == HoldingState.ARCHIVED,
        )
        .execution_options(populate_existing=True)
    ).one_or_none()


def row(session: Session, organization_id: UUID, opening_id: UUID) -> tuple[Opening, Holding] | None:
    """Read one opening of an organization afresh, with the copy that it opens."""
    found = session.execute(
        select(Opening, Holding)
        .join(Holding, Holding.id == Opening.holding_id)
        .where(Opening.id == opening_id, Opening.organization_id == organization_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def end(session: Session, opening_id: UUID, now: datetime) -> None:
    """End an opening before its time."""
    session.execute(
        update(Opening)
        .where(Opening.id == opening_id, Opening.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


def standing(
    session: Session,
    organization_id: UUID,
    now: datetime,
    *,
    reader_id: UUID | None = None,
    holder_id: UUID | None = None,
    record_ids: Sequence[UUID] | None = None,
) -> Sequence[tuple[Opening, Holding]]:
    """List the openings that have not ended: all, or a reader's, of somebody's copies, of some records."""
    query = (
        select(Opening, Holding)
        .join(Holding, Holding.id == Opening.holding_id)
        .where(Opening.organization_id == organization_id, Opening.ended_at.is_(None), Opening.until_at > now)
        .order_by(Opening.opened_at, Opening.id)
        .execution_options(populate_existing=True)
    )
    if reader_id is not None:
        query = query.where(Opening.reader_id == reader_id)
    if holder_id is not None:
        query = query.where(Holding.owner_id == holder_id)
    if record_ids is not None:
        query = query.where(Holding.record_id.in_(record_ids))
    return [(found[0], found[1]) for found in session.execute(query)]
