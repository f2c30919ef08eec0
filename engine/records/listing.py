"""The transfers that somebody may know of, page by page, newest first; a filter asks what they are shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from engine.errors import NotFound
from engine.records import facts, transfers
from engine.records.tables.transfers import Transfer
from engine.records.transfer_views import transfer_views
from engine.rules import transfers as rules
from engine.rules.facts import MemberFacts
from engine.states.choices import Role
from engine.states.transfer import TransferState
from engine.views import TransfersView, TransferView

#: How many rows are read at once, at least.
_READ = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which transfers a list is to have; what is ``None`` makes no difference."""

    state: TransferState | None = None
    #: Asked at this instant or before.
    asked_until: datetime | None = None
    from_id: UUID | None = None
    to_id: UUID | None = None


def page(
    session: Session, actor: MemberFacts, wanted: Wanted, *, after: UUID | None, limit: int, now: datetime
) -> TransfersView:
    """
    List the next transfers that somebody may know of after one of them, newest first (VIS-12).

    Raises ``NotFound`` where they may not know of the one that they go on from.
    """
    found: list[TransferView] = []
    for view in _views(session, actor, wanted, after, max(limit + 1, _READ), now):
        if len(found) == limit:
            return TransfersView(transfers=found, after=found[-1].id)
        found.append(view)
    return TransfersView(transfers=found, after=None)


def _views(
    session: Session, actor: MemberFacts, wanted: Wanted, after: UUID | None, size: int, now: datetime
) -> Iterator[TransferView]:
    query = _known_to(actor).where(*_narrowed(actor, wanted))
    last = None if after is None else _place(session, actor, after)
    while True:
        following = query if last is None else query.where(_behind(actor, *last))
        rows = session.execute(following.limit(size)).all()
        if rows:
            last = (rows[-1][1], rows[-1][0])
            views = transfer_views(session, actor, [transfer_id for transfer_id, _ in rows], now)
            yield from (view for view in views if _is_shown(view, wanted))
        if len(rows) < size:
            return


def _known_to(actor: MemberFacts) -> Select[UUID, datetime]:
    asked_at = _asked_at(actor)
    query = (
        select(Transfer.id, asked_at)
        .where(Transfer.organization_id == actor.organization_id)
        .order_by(asked_at.desc(), Transfer.id)
    )
    if actor.acts_as(Role.COORDINATOR):
        return query
    return query.where(transfers.is_party(actor))


def _narrowed(actor: MemberFacts, wanted: Wanted) -> list[ColumnElement[bool]]:
    """Narrow what is read; a party's own transfers are few, and are compared as they are shown."""
    conditions: list[ColumnElement[bool]] = []
    if actor.acts_as(Role.COORDINATOR):
        if wanted.state is not None:
            conditions.append(Transfer.state == wanted.state)
        if wanted.asked_until is not None:
            conditions.append(Transfer.asked_at <= wanted.asked_until)
    if wanted.from_id is not None:
        conditions.append(Transfer.from_id == wanted.from_id)
    if wanted.to_id is not None:
        conditions.append(Transfer.to_id == wanted.to_id)
    return conditions


def _is_shown(view: TransferView, wanted: Wanted) -> bool:
    """
    Compare a filter with what the reader sees, so that it tells them nothing more (VIS-12).

    Of what they no longer are asked they see an earlier state, and no party.
    """
    any_party = wanted.from_id is None and wanted.to_id is None
    return (
        (wanted.state is None or view.state is wanted.state)
        and (wanted.asked_until is None or view.asked_at <= wanted.asked_until)
        and (any_party or view.owner is not None)
    )


def _place(session: Session, actor: MemberFacts, transfer_id: UUID) -> tuple[datetime, UUID]:
    seen = facts.transfer(session, transfer_id)
    if seen is None:
        raise NotFound("transfer")
    rules.check_known(actor, seen)
    asked_at = session.execute(select(_asked_at(actor)).where(Transfer.id == transfer_id)).scalar_one()
    return asked_at, transfer_id


def _asked_at(actor: MemberFacts) -> ColumnElement[datetime]:
    """Give the instant that the reader is shown: whoever was replaced, when they were asked themself."""
    if actor.acts_as(Role.COORDINATOR):
        return Transfer.asked_at.expression
    return transfers.asked_at(actor.id)


def _behind(actor: MemberFacts, asked_at: datetime, transfer_id: UUID) -> ColumnElement[bool]:
    same = and_(_asked_at(actor) == asked_at, Transfer.id > transfer_id)
    return or_(_asked_at(actor) < asked_at, same)
