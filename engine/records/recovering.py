"""What a collaborator who left had kept for themself becomes a copy of theirs, as it was (VIS-6)."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Insert, Select, and_, exists, insert, literal, select, true, update
from sqlalchemy.orm import Session, aliased

from engine.records.tables.base import HoldingState
from engine.records.tables.destruction import Restoration
from engine.records.tables.items import Document, Note
from engine.records.tables.records import Holding
from engine.records.types import Id
from engine.states.choices import RestorationCause

_MODELS: tuple[type[Note | Document], ...] = (Note, Document)


def recover(
    session: Session,
    record_id: UUID,
    author_id: UUID,
    *,
    cause: RestorationCause,
    reason_id: UUID,
    by_id: UUID,
    now: datetime,
) -> UUID | None:
    """
    Copy what somebody kept for themself in a record into a holding of theirs, an archived copy from now on.

    ``None`` where there is nothing, or nothing that is not in such a copy already. The items stay in the
    record too, and go on with it: the copy ends by its retention and hold, as any copy does (MOVE-6).
    """
    live = session.scalars(
        select(Holding).where(Holding.record_id == record_id, Holding.state == HoldingState.LIVE)
    ).one()
    left = [_left(model, live.id, author_id) for model in _MODELS]
    if not any(session.scalar(select(exists(query))) for query in left):
        return None
    copy_id = uuid4()
    session.execute(
        insert(Holding).values(
            id=copy_id,
            record_id=record_id,
            organization_id=live.organization_id,
            owner_id=author_id,
            state=HoldingState.QUARANTINED,
            confidential=live.confidential,
            title=live.title,
            email=live.email,
            reason_for_consultation=live.reason_for_consultation,
            opened_on=live.opened_on,
            from_at=now,
            until_at=now,
        )
    )
    for model, query in zip(_MODELS, left, strict=True):
        session.execute(_copying(model, query, live.id, copy_id))
    session.execute(
        insert(Restoration).values(holding_id=copy_id, cause=cause, reason_id=reason_id, by_id=by_id, at=now)
    )
    session.execute(
        update(Holding)
        .where(Holding.id == copy_id)
        .values(state=HoldingState.ARCHIVED)
        .execution_options(synchronize_session=False)
    )
    return copy_id


def _left(model: type[Note | Document], holding_id: UUID, author_id: UUID) -> Select[Any]:
    """Select the ids of what an author kept for themself in a holding, but for what a copy of theirs has."""
    kept = aliased(model)
    copied = exists().where(
        kept.item_id == model.item_id,
        kept.sha256 == model.sha256,
        Holding.id == kept.holding_id,
        Holding.owner_id == author_id,
        Holding.state == HoldingState.ARCHIVED,
        Holding.closed_by_id.is_(None),
    )
    return select(model.item_id).where(
        model.holding_id == holding_id, model.author_id == author_id, model.author_only.is_(true()), ~copied
    )


def _copying(model: type[Note | Document], left: Select[Any], holding_id: UUID, copy_id: UUID) -> Insert:
    columns: list[Any] = [
        literal(copy_id, Id) if column.name == "holding_id" else column for column in model.__table__.c
    ]
    copied = select(*columns).where(and_(model.holding_id == holding_id, model.item_id.in_(left)))
    return insert(model).from_select([column.name for column in model.__table__.c], copied)
