"""The hand-over: one transaction of set-based statements, the same number for ten items or ten thousand."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CursorResult,
    FromClause,
    Insert,
    Result,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from engine.errors import Stuck
from engine.records import seals
from engine.records.classes import items
from engine.records.seals import Sealed
from engine.records.tables.base import AppointmentState, HoldingState, StuckCause, table_of
from engine.records.tables.destruction import Rejoined
from engine.records.tables.items import Appointment, Content, Document, Item, Note, Profile, RawDatum
from engine.records.tables.records import Holding, Record, Share
from engine.records.tables.transfers import ManifestLine
from engine.records.types import Flag, Id, Instant, Word
from engine.rules.content import ContentClass, Outcome, Plan

#: The tables whose rows can move. What no table here holds stays behind: a forgotten one leaks nothing.
_MOVING: tuple[type[Item], ...] = (Note, Document, RawDatum, Profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Who hands what to whom: the ids, the instant and the plan."""

    transfer_id: UUID
    record_id: UUID
    new_holding_id: UUID
    to_id: UUID
    at: datetime
    plan: Plan


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What a hand-over did: the counts, and the manifest under seal."""

    counts: list["ClassCount"]
    sealed: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """How many items of a class meet which outcome."""

    item_class: ContentClass
    outcome: Outcome
    count: int


def _given(name: str, column_type: Any) -> BindParameter[Any]:  # noqa: ANN401 - any column's type
    return bindparam(name, type_=column_type)


# Statements that every hand-over runs are built once: building one costs more than running it.
# Their parameters are named apart from columns, which SQLAlchemy would otherwise take them for.
_AT = _given("the_instant", Instant())
_RECORD = _given("the_record", Id())
_HOLDING = _given("the_holding", Id())
_NEW_HOLDING = _given("the_new_holding", Id())
_TRANSFER = _given("the_transfer", Id())
_NEW_OWNER = _given("the_new_owner", Id())
_ORGANIZATION = _given("the_organization", Id())
_LIVE = select(Holding.id).where(Holding.record_id == _RECORD, Holding.state == HoldingState.LIVE)


def _way(found: ContentClass) -> str:
    return f"way_of_{found}"


def _preview() -> Select[Any]:
    item = items(_AT, _LIVE, _RECORD).subquery()
    return select(item.c.item_class, func.count()).group_by(item.c.item_class)


def _manifest() -> Insert:
    item = items(_AT, select(_HOLDING), _RECORD).subquery()
    # The new owner's own share ends when the record becomes theirs (VIS-9).
    ends = and_(item.c.item_class == ContentClass.SHARE, item.c.author_id == _NEW_OWNER)
    outcome: Any = case(
        (ends, literal(Outcome.CANCELLED, Word(Outcome))),
        *((item.c.item_class == found, _given(_way(found), Word(Outcome))) for found in ContentClass),
    )
    columns: dict[str, Any] = {
        "transfer_id": _TRANSFER,
        "item_id": item.c.item_id,
        "item_class": item.c.item_class,
        "outcome": outcome,
        "author_id": item.c.author_id,
        "sha256": item.c.sha256,
    }
    return insert(table_of(ManifestLine)).from_select(list(columns), select(*columns.values()))


def _each(query: Select[Any]) -> ColumnElement[bool]:
    """
    Ask for each row by an index, whatever PostgreSQL believes.

    Its statistics do not know a transfer that began a moment ago: they promise one line where there are
    thousands, and then joining each with each looks cheapest. ``OFFSET 0`` keeps it from joining.
    """
    return exists(query.offset(0))


def _in_manifest(item_id: Any, outcome: Outcome) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    return _each(
        select(literal(1)).where(
            ManifestLine.transfer_id == _TRANSFER,
            ManifestLine.item_id == item_id,
            ManifestLine.outcome == outcome,
        )
    )


def _copying(model: type[Item]) -> Insert:
    table = table_of(model)
    replaced: dict[str, Any] = {"holding_id": _NEW_HOLDING}
    if "author_only" in table.c:
        # What a collaborator wrote for their own eyes is the owner's own once they are the owner (VIS-6).
        replaced["author_only"] = case(
            (table.c.author_id == _NEW_OWNER, literal(False, Flag)),  # noqa: FBT003 - a value
            else_=table.c.author_only,
        )
    copied = select(*(replaced.get(column.name, column) for column in table.c)).where(
        table.c.holding_id == _HOLDING, _in_manifest(table.c.item_id, Outcome.MOVED)
    )
    return insert(table).from_select(list(table.c.keys()), copied)


_OLD = (
    select(table_of(Holding))
    .where(table_of(Holding).c.record_id == _RECORD, table_of(Holding).c.state == HoldingState.LIVE)
    .with_for_update()
)
_CLOSE = update(table_of(Holding)).where(table_of(Holding).c.id == _HOLDING)
_OPEN = insert(table_of(Holding))
_PREVIEW = _preview()
_MANIFEST = _manifest()
_MISSING_BYTES = (
    select(func.count())
    .select_from(ManifestLine)
    .where(ManifestLine.transfer_id == _TRANSFER, ManifestLine.sha256.is_not(None))
    .where(
        ~_each(
            select(literal(1)).where(
                Content.organization_id == _ORGANIZATION, Content.sha256 == ManifestLine.sha256
            )
        )
    )
)
_CANCEL_APPOINTMENTS = (
    update(table_of(Appointment))
    .where(Appointment.holding_id == _HOLDING, _in_manifest(Appointment.item_id, Outcome.CANCELLED))
    .values(state=AppointmentState.CANCELLED, sequence=Appointment.sequence + 1)
)
_COPIES = tuple(_copying(model) for model in _MOVING)
# A new owner who was a collaborator: the share ends, their appointments are the owner's from now on (VIS-9).
_END_SHARE = (
    update(table_of(Share))
    .where(Share.record_id == _RECORD, Share.member_id == _NEW_OWNER, Share.ended_at.is_(None))
    .values(ended_at=_AT)
)
_TAKE_APPOINTMENTS = (
    update(table_of(Appointment))
    .where(
        Appointment.record_id == _RECORD,
        Appointment.holding_id.is_(None),
        Appointment.practitioner_id == _NEW_OWNER,
    )
    .values(holding_id=_NEW_HOLDING)
)
# What the new owner once had to leave in quarantine comes back with the record (MOVE-10), each time once.
_REJOIN = insert(table_of(Rejoined)).from_select(
    ["transfer_id", "item_id", "holding_id", "item_class"],
    select(_TRANSFER, ManifestLine.item_id, Holding.id, ManifestLine.item_class)
    .join(ManifestLine, ManifestLine.transfer_id == Holding.closed_by_id)
    .where(
        Holding.record_id == _RECORD,
        Holding.owner_id == _NEW_OWNER,
        Holding.state == HoldingState.QUARANTINED,
        ManifestLine.outcome == Outcome.WITHHELD,
        ~exists().where(Rejoined.holding_id == Holding.id, Rejoined.item_id == ManifestLine.item_id),
    ),
)


def _coming_back(table: FromClause) -> ColumnElement[bool]:
    return _each(
        select(literal(1)).where(
            Rejoined.transfer_id == _TRANSFER,
            Rejoined.holding_id == table.c.holding_id,
            Rejoined.item_id == table.c.item_id,
        )
    )


def _rejoining(model: type[Item]) -> Insert:
    table = table_of(model)
    columns: list[Any] = [_NEW_HOLDING if column.name == "holding_id" else column for column in table.c]
    quarantined = select(Holding.id).where(
        Holding.record_id == _RECORD, Holding.state == HoldingState.QUARANTINED
    )
    back = select(*columns).where(table.c.holding_id.in_(quarantined), _coming_back(table))
    return insert(table).from_select(list(table.c.keys()), back)


_REJOINING = tuple(_rejoining(model) for model in _MOVING)
_REJOIN_APPOINTMENTS = (
    update(table_of(Appointment))
    .where(Appointment.record_id == _RECORD, _coming_back(table_of(Appointment)))
    .values(holding_id=_NEW_HOLDING)
)
_REJOINED = (
    select(Rejoined.item_class, func.count())
    .where(Rejoined.transfer_id == _TRANSFER)
    .group_by(Rejoined.item_class)
    .order_by(Rejoined.item_class)
)
_COUNTS = (
    select(ManifestLine.item_class, ManifestLine.outcome, func.count())
    .where(ManifestLine.transfer_id == _TRANSFER)
    .group_by(ManifestLine.item_class, ManifestLine.outcome)
    .order_by(ManifestLine.item_class, ManifestLine.outcome)
)


_PLACES = (ManifestLine.transfer_id, ManifestLine.item_class, ManifestLine.outcome)
_COUNTS_OF_SEVERAL = (
    select(*_PLACES, func.count())
    .where(ManifestLine.transfer_id.in_(bindparam("the_transfers", type_=Id(), expanding=True)))
    .group_by(*_PLACES)
    .order_by(*_PLACES)
)


def preview(session: Session, record_id: UUID, plan: Plan, now: datetime) -> list[ClassCount]:
    """
    Count what a hand-over would do now, class by class; every class is named, those without items too.

    A collaborator's confidential items are counted here and shown to nobody (VIS-6): leave them out.
    """
    rows = session.execute(_PREVIEW, {"the_record": record_id, "the_instant": now}).all()
    return planned(Counter(dict(rows)), plan)


def planned(counted: Mapping[ContentClass, int], plan: Plan) -> list[ClassCount]:
    """Say what a hand-over would do with so many items of each class."""
    outcomes = plan.outcomes
    return [
        ClassCount(item_class=found, outcome=outcomes[found], count=counted.get(found, 0))
        for found in ContentClass
    ]


def counting(
    holdings: Select[Any], records: Select[Any], now: datetime | BindParameter[datetime]
) -> Select[Any]:
    """Select how many items of each class some records have, from the one list of classes."""
    item = items(now, holdings, records).subquery("item")
    counted: Select[Any] = select(
        item.c.holding_id, item.c.record_id, item.c.item_class, func.count().label("count")
    ).group_by(item.c.holding_id, item.c.record_id, item.c.item_class)
    place = counted.subquery("place")
    record_id = func.coalesce(place.c.record_id, Holding.record_id, type_=Id())
    columns: tuple[Any, ...] = (record_id, place.c.item_class, place.c.count)
    return select(*columns).select_from(place).outerjoin(Holding, Holding.id == place.c.holding_id)


_RECORDS = bindparam("the_records", type_=Id(), expanding=True)
_COUNTING = counting(
    select(Holding.id).where(Holding.record_id.in_(_RECORDS), Holding.state == HoldingState.LIVE),
    select(Record.id).where(Record.id.in_(_RECORDS)),
    _AT,
)


def counts_of_records(
    session: Session, record_ids: Collection[UUID], now: datetime
) -> Mapping[UUID, Counter[ContentClass]]:
    """Count the items in use of several records by class, in one statement."""
    given = {"the_records": list(record_ids), "the_instant": now}
    return counted_by_record(session.execute(_COUNTING, given))


def counted_by_record(rows: Iterable[Any]) -> Mapping[UUID, Counter[ContentClass]]:
    """Gather what `counting` found."""
    found: defaultdict[UUID, Counter[ContentClass]] = defaultdict(Counter)
    for of_record, item_class, count in rows:
        found[of_record][item_class] += count
    return found


def hand_over(session: Session, handover: Handover) -> HandedOver:
    """
    Close the live holding and open the new owner's, item by item as the plan says; seal the manifest (AUD-4).

    Raises ``Stuck`` where the bytes of any item are missing (ST-5). The caller commits or
    rolls back; the transfer's own row must have left its open state before (the freeze ends with it).
    """
    old = session.execute(_OLD, {"the_record": handover.record_id}).one()
    given = {
        "the_instant": handover.at,
        "the_record": handover.record_id,
        "the_holding": old.id,
        "the_new_holding": handover.new_holding_id,
        "the_transfer": handover.transfer_id,
        "the_new_owner": handover.to_id,
        "the_organization": old.organization_id,
    }
    session.execute(_MANIFEST, given | {_way(found): way for found, way in handover.plan.outcomes.items()})
    if session.scalar(_MISSING_BYTES, given):
        raise Stuck(StuckCause.MISSING_CONTENT)
    session.execute(_CANCEL_APPOINTMENTS, given)
    _change_holding(session, handover, old)
    for copying in _COPIES:
        session.execute(copying, given)
    session.execute(_END_SHARE, given)
    session.execute(_TAKE_APPOINTMENTS, given)
    if _affected(session.execute(_REJOIN, given)):
        for rejoining in (*_REJOINING, _REJOIN_APPOINTMENTS):
            session.execute(rejoining, given)
    # Last, since it seals what the statements above have changed.
    sealed = seals.seal(session, handover.transfer_id)
    return HandedOver(manifest_counts(session, handover.transfer_id), sealed)


def _affected(result: Result[Any]) -> int:
    assert isinstance(result, CursorResult)  # noqa: S101 - for the type checker
    return result.rowcount


def _change_holding(session: Session, handover: Handover, old: Row[Any]) -> None:
    closed = HoldingState.ARCHIVED if handover.plan.copy_kept else HoldingState.QUARANTINED
    closing = {"state": closed, "until_at": handover.at, "closed_by_id": handover.transfer_id}
    session.execute(_CLOSE, {"the_holding": old.id} | closing)
    session.execute(
        _OPEN,
        {
            "id": handover.new_holding_id,
            "record_id": old.record_id,
            "organization_id": old.organization_id,
            "owner_id": handover.to_id,
            "state": HoldingState.LIVE,
            "confidential": old.confidential,
            "title": old.title,
            "email": old.email,
            "reason_for_consultation": old.reason_for_consultation,
            "opened_on": old.opened_on,
            "from_at": handover.at,
        },
    )


def rejoined_counts(session: Session, transfer_id: UUID) -> dict[ContentClass, int]:
    """Count what came back from the new owner's quarantine, by class (MOVE-10)."""
    rows = session.execute(_REJOINED, {"the_transfer": transfer_id})
    return {row[0]: row[1] for row in rows}


def manifests_counts(session: Session, transfer_ids: Collection[UUID]) -> Mapping[UUID, list[ClassCount]]:
    """Count what several hand-overs did, by class and outcome, in one statement."""
    found: defaultdict[UUID, list[ClassCount]] = defaultdict(list)
    rows = session.execute(_COUNTS_OF_SEVERAL, {"the_transfers": list(transfer_ids)})
    for transfer_id, item_class, way, count in rows:
        found[transfer_id].append(ClassCount(item_class=item_class, outcome=way, count=count))
    return found


def manifest_counts(session: Session, transfer_id: UUID) -> list[ClassCount]:
    """Count what a hand-over did, by class and outcome."""
    rows = session.execute(_COUNTS, {"the_transfer": transfer_id})
    return [ClassCount(item_class=found, outcome=way, count=count) for found, way, count in rows]
