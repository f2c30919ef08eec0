"""What an administrator is told of quarantine and destruction: counts and days, never content (MOVE-6)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import exists, false, insert, select, true, update
from sqlalchemy.orm import Session

from engine.errors import NotFound
from engine.records import destruction, openings
from engine.records.reading import names_of
from engine.records.tables.base import DestroyedBy, HoldingState
from engine.records.tables.destruction import Opening, Restoration
from engine.records.tables.people import Member
from engine.records.tables.records import Holding, Record
from engine.rules.content import UNCOUNTED, ContentClass
from engine.states.choices import RestorationCause
from engine.views import (
    CountLine,
    DueView,
    HolderlessCopyView,
    OpeningView,
    QuarantineView,
    TombstoneView,
)


def quarantines(session: Session, organization_id: UUID) -> list[QuarantineView]:
    """List what is in quarantine, the one that ends first in front."""
    found = [
        one for one in destruction.waiting(session, organization_id) if one.state is HoldingState.QUARANTINED
    ]
    numbers = _numbers(session, {one.record_id for one in found})
    return [
        QuarantineView(
            id=one.holding_id,
            record_number=numbers.get(one.record_id),
            since=one.since,
            due_on=one.due_on,
            held=one.held,
            items=_lines(Counter(one.counts) + Counter(one.unfinished)),
        )
        for one in found
    ]


def holderless(session: Session, organization_id: UUID, now: datetime) -> list[HolderlessCopyView]:
    """List the copies whose holder is inactive, the one that ends first in front, and who may read them."""
    gone = set(
        session.scalars(
            select(Member.id).where(Member.organization_id == organization_id, Member.active.is_(false()))
        )
    )
    found = [
        one
        for one in destruction.waiting(session, organization_id)
        if one.state is HoldingState.ARCHIVED and one.owner_id in gone
    ]
    open_now: dict[UUID, list[OpeningView]] = {}
    for opening, holding in openings.standing(session, organization_id, now):
        open_now.setdefault(holding.id, []).append(opening_view(session, opening, holding))
    numbers = _numbers(session, {one.record_id for one in found})
    names = names_of(session, [one.owner_id for one in found])
    return [
        HolderlessCopyView(
            id=one.holding_id,
            record_number=numbers.get(one.record_id),
            holder=names[one.owner_id],
            since=one.since,
            due_on=one.due_on,
            held=one.held,
            items=_lines(Counter(one.counts) + Counter(one.unfinished)),
            openings=open_now.get(one.holding_id, []),
        )
        for one in found
    ]


def opening_view(session: Session, opening: Opening, holding: Holding) -> OpeningView:
    """Show an opening to an administrator."""
    names = names_of(session, [opening.reader_id, opening.by_id])
    return OpeningView(
        id=opening.id,
        copy_id=holding.id,
        record_number=_numbers(session, [holding.record_id]).get(holding.record_id),
        reader=names[opening.reader_id],
        opened_by=names[opening.by_id],
        opened_at=opening.opened_at,
        until_at=opening.until_at,
    )


def forecast(session: Session, organization_id: UUID) -> list[DueView]:
    """Say what will be destroyed on which day; what is under hold stands at the end, without a day."""
    counts: dict[tuple[date | None, DestroyedBy], Counter[ContentClass]] = {}
    holdings: Counter[tuple[date | None, DestroyedBy]] = Counter()
    for one in destruction.waiting(session, organization_id):
        early = min(one.unfinished_due_on, one.due_on)
        for day, rule, found in (
            (early, DestroyedBy.GRACE, one.unfinished),
            (one.due_on, DestroyedBy.RETENTION, one.counts),
        ):
            if found:
                key = (None if one.held else day, rule)
                counts.setdefault(key, Counter()).update(found)
                holdings[key] += 1
    return [
        DueView(on=day, rule=rule.value, holdings=holdings[day, rule], items=_lines(counts[day, rule]))
        for day, rule in sorted(counts, key=lambda key: (key[0] or date.max, key[1]))
    ]


def report(session: Session, organization_id: UUID) -> list[TombstoneView]:
    """List what was destroyed, the latest first, as the tombstones say."""
    counts: dict[tuple[UUID, datetime], dict[ContentClass, int]] = {}
    stones = destruction.tombstones(session, organization_id)
    for stone, _ in stones:
        counts.setdefault((stone.holding_id, stone.at), {})[stone.item_class] = stone.count
    numbers = _numbers(session, {record_id for _, record_id in stones})
    views = {
        (stone.holding_id, stone.at): TombstoneView(
            id=stone.holding_id,
            record_number=numbers.get(record_id),
            at=stone.at,
            rule=stone.rule.value,
            items=_lines(counts[stone.holding_id, stone.at]),
        )
        for stone, record_id in stones
    }
    return list(views.values())


def restore(
    session: Session,
    organization_id: UUID,
    holding_id: UUID,
    *,
    cause: RestorationCause,
    reason_id: UUID,
    by_id: UUID,
    now: datetime,
) -> Holding:
    """Turn a quarantine into an archived copy of its previous owner. Raises ``NotFound``."""
    holding = session.scalars(
        select(Holding)
        .where(
            Holding.id == holding_id,
            Holding.organization_id == organization_id,
            Holding.state == HoldingState.QUARANTINED,
        )
        .with_for_update()
    ).one_or_none()
    if holding is None:
        raise NotFound("quarantine")
    session.execute(
        insert(Restoration).values(
            holding_id=holding_id, cause=cause, reason_id=reason_id, by_id=by_id, at=now
        )
    )
    session.execute(
        update(Holding)
        .where(Holding.id == holding_id)
        .values(state=HoldingState.ARCHIVED)
        .execution_options(synchronize_session=False)
    )
    return holding


def _numbers(session: Session, record_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Give the numbers of records of which no holding is confidential (VIS-2)."""
    hidden = exists().where(Holding.record_id == Record.id, Holding.confidential.is_(true()))
    rows = session.execute(select(Record.id, Record.number).where(Record.id.in_(set(record_ids)), ~hidden))
    return {record_id: number for record_id, number in rows}  # noqa: C416 - rows are no pairs to mypy


def _lines(counts: Mapping[ContentClass, int]) -> list[CountLine]:
    return [
        CountLine(item_class=found, count=counts[found])
        for found in ContentClass
        if counts.get(found) and found not in UNCOUNTED
    ]
