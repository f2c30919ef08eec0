"""
Destroy what nobody may use any more: past its grace period and its record's retention, not held (MOVE-6).

A holding is destroyed in one transaction of set-based statements. What was destroyed is not due again, so a
sweep that was killed goes on where it was. A collaborator's confidential items live on in the live holding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    and_,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from engine.records import facts, imported, locks
from engine.records.classes import items
from engine.records.tables.base import AppointmentState, Base, DestroyedBy, HoldingState
from engine.records.tables.destruction import Rejoined, Tombstone
from engine.records.tables.items import Appointment, Content, Document, Invoice, Memo, Note, RawDatum, Task
from engine.records.tables.people import Organization
from engine.records.tables.proof import Seal
from engine.records.tables.records import Holding, Record
from engine.records.tables.transfers import ManifestLine, Transfer
from engine.records.types import Id, Instant, Word
from engine.rules import retention
from engine.rules.content import ContentClass, Outcome

#: How many digests one statement names.
_AT_ONCE = 1000
_CLOSED = (HoldingState.ARCHIVED, HoldingState.QUARANTINED)
#: Every table whose rows are items of a holding, also one that is added later; children before parents.
_ITEM_TABLES: tuple[Table, ...] = tuple(
    table
    for table in reversed(Base.metadata.sorted_tables)
    if {"holding_id", "item_id"} <= set(table.c.keys()) and table.name != Rejoined.__tablename__
)
#: Every table that refers to content: a note and a document may share bytes.
_WITH_CONTENT: tuple[Table, ...] = tuple(
    table
    for table in Base.metadata.sorted_tables
    if any(key.referred_table.name == Content.__tablename__ for key in table.foreign_key_constraints)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """What one destruction took: how many items of each class, and by which rule."""

    holding_id: UUID
    record_id: UUID
    organization_id: UUID
    rule: DestroyedBy
    counts: Mapping[ContentClass, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A closed holding that will be destroyed: what it is, since when, and on which day at the earliest."""

    holding_id: UUID
    record_id: UUID
    owner_id: UUID
    state: HoldingState
    since: datetime
    held: bool
    due_on: date
    unfinished_due_on: date
    counts: Mapping[ContentClass, int]
    #: Tasks and memos that the hand-over deleted: these go on ``unfinished_due_on``.
    unfinished: Mapping[ContentClass, int]


def _services() -> tuple[Select[Any], ...]:
    """
    Select each service given on a record, in any holding, by whoever gave it.

    A booked appointment counts up to its end, past or to come; a note from its signature, or its first
    word; a document, raw data and a bill from their writing; the record's own beginning where there is
    nothing else. Reading, sharing and handing over are no service.
    """

    def of_holding(model: Any, at: Any) -> Select[Any]:  # noqa: ANN401 - a mapped class, its column
        return select(Holding.record_id.label("record_id"), at.label("at")).join(
            model, model.holding_id == Holding.id
        )

    def of_record(record_id: Any, at: Any) -> Select[Any]:  # noqa: ANN401 - two columns
        return select(record_id.label("record_id"), at.label("at"))

    return (
        of_record(Record.id, Record.created_at),
        of_record(Appointment.record_id, Appointment.ends_at).where(
            Appointment.state == AppointmentState.BOOKED
        ),
        of_holding(Note, func.coalesce(Note.signed_at, Note.created_at)),
        of_holding(Document, Document.created_at),
        of_holding(RawDatum, RawDatum.created_at),
        of_holding(Invoice, Invoice.created_at),
    )


def _none_served_since(cut: datetime) -> ColumnElement[bool]:
    """Say that the record of a holding had no service since an instant; each arm asks its indexes."""
    conditions = []
    for query in _services():
        service = query.subquery()
        later = service.c.at >= literal(cut, Instant)
        conditions.append(~exists().where(service.c.record_id == Record.id, later))
    return and_(*conditions)


def _unfinished(holding: Any = Holding) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped class
    """Say that a holding still has tasks or memos that its hand-over deleted."""
    return or_(
        *(
            exists().where(
                model.holding_id == holding.id,
                ManifestLine.transfer_id == holding.closed_by_id,
                ManifestLine.item_id == model.item_id,
                ManifestLine.outcome == Outcome.DELETED,
            )
            for model in (Task, Memo)
        )
    )


def _due(session: Session, organization_id: UUID, now: datetime) -> Select[Any]:
    """Select what is due in an organization on the day of an instant: whole holdings, or tasks and memos."""
    policy = facts.retention(session, organization_id)
    today = retention.day_there(now, policy.time_zone)
    closed = retention.closed_before(today, policy.grace_days, policy.time_zone)
    served = retention.served_before(today, policy.retention_years, policy.time_zone)
    whole = _none_served_since(served)
    columns: tuple[Any, ...] = (Holding.id, Holding.record_id, Holding.closed_by_id, whole.label("whole"))
    return (
        select(*columns)
        .join(Record, Record.id == Holding.record_id)
        .where(
            Holding.organization_id == organization_id,
            Holding.state.in_(_CLOSED),
            Holding.until_at < closed,
            Record.legal_hold.is_(false()),
            or_(whole, _unfinished()),
        )
        .order_by(Holding.id)
    )


def organizations(session: Session) -> Sequence[UUID]:
    """List every organization, in order of id."""
    return session.scalars(select(Organization.id).order_by(Organization.id)).all()


def due(
    session: Session, organization_id: UUID, now: datetime, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """List the holdings of which something is due, in order of id, from after one of them."""
    query = _due(session, organization_id, now).limit(limit)
    if after is not None:
        query = query.where(Holding.id > after)
    return [row.id for row in session.execute(query)]


def destroy(session: Session, holding_id: UUID, now: datetime) -> Destroyed | None:
    """
    Destroy what is due of a holding, decided once more on the day; ``None`` where nothing is (any more).

    The caller commits, and logs what was destroyed in the same transaction.
    """
    found = session.execute(
        select(Holding.record_id, Holding.organization_id, Holding.state).where(Holding.id == holding_id)
    ).one_or_none()
    if found is None:
        return None
    locks.lock_record(session, found.record_id)
    row = session.execute(
        _due(session, found.organization_id, now).where(Holding.id == holding_id)
    ).one_or_none()
    if row is None:
        return None
    rule = DestroyedBy.RETENTION if row.whole else DestroyedBy.GRACE
    # Without a copy the bills stay in their writer's accounts, whatever becomes of the rest (MOVE-T, MOVE-8).
    accounts = found.state is HoldingState.QUARANTINED
    digests = _digests(session, holding_id, row.closed_by_id)
    counts = _leave_tombstones(session, holding_id, row.record_id, found.organization_id, rule, now, accounts)
    if rule is DestroyedBy.RETENTION:
        _close(session, holding_id)
        for table in _ITEM_TABLES:
            if accounts and table.name == Invoice.__tablename__:
                continue
            session.execute(delete(table).where(table.c.holding_id == holding_id))
    else:
        for model in (Task, Memo):
            gone = select(ManifestLine.item_id).where(
                ManifestLine.transfer_id == row.closed_by_id, ManifestLine.outcome == Outcome.DELETED
            )
            session.execute(delete(model).where(model.holding_id == holding_id, model.item_id.in_(gone)))
    _forget(session, row.record_id, found.organization_id, digests)
    _forget_forms(session, row.record_id)
    imported.forget(session, row.record_id)
    return Destroyed(
        holding_id=holding_id,
        record_id=row.record_id,
        organization_id=found.organization_id,
        rule=rule,
        counts=counts,
    )


def _leave_tombstones(
    session: Session,
    holding_id: UUID,
    record_id: UUID,
    organization_id: UUID,
    rule: DestroyedBy,
    now: datetime,
    accounts: bool,  # noqa: FBT001
) -> dict[ContentClass, int]:
    """Count what goes, each item in the class that it had at the hand-over."""
    item = items(now, select(literal(holding_id, Id)), record_id).subquery("item")
    item_class = func.coalesce(ManifestLine.item_class, item.c.item_class, type_=Word(ContentClass))
    columns: tuple[Any, ...] = (item_class, func.count())
    going = (
        select(*columns)
        .select_from(item)
        .join(Holding, Holding.id == item.c.holding_id)
        .outerjoin(
            ManifestLine,
            and_(ManifestLine.transfer_id == Holding.closed_by_id, ManifestLine.item_id == item.c.item_id),
        )
        .where(item.c.holding_id == holding_id)
        .group_by(item_class)
    )
    if accounts:
        going = going.where(item.c.item_class != ContentClass.INVOICE)
    if rule is DestroyedBy.GRACE:
        going = going.where(
            item.c.item_class.in_((ContentClass.TASK, ContentClass.MEMO)),
            ManifestLine.outcome == Outcome.DELETED,
        )
    counted: dict[ContentClass, int] = {row[0]: row[1] for row in session.execute(going)}
    session.execute(
        insert(Tombstone),
        [
            {
                "holding_id": holding_id,
                "item_class": found,
                "organization_id": organization_id,
                "count": count,
                "at": now,
                "rule": rule,
            }
            for found, count in counted.items()
        ],
    )
    return counted


def _close(session: Session, holding_id: UUID) -> None:
    """Turn a holding into its tombstone: nothing readable is left of it."""
    session.execute(
        update(Holding)
        .where(Holding.id == holding_id)
        .values(
            state=HoldingState.DESTROYED,
            title="",
            email=null(),
            reason_for_consultation=null(),
            opened_on="",
        )
        .execution_options(synchronize_session=False)
    )


def _digests(session: Session, holding_id: UUID, transfer_id: UUID | None) -> Sequence[str]:
    """Say which bytes a holding had: as the manifest lists them; where there is none, as it has (VIS-6)."""
    had: Select[Any] | CompoundSelect[Any]
    if transfer_id is not None:
        had = select(ManifestLine.sha256).where(
            ManifestLine.transfer_id == transfer_id, ManifestLine.sha256.is_not(None)
        )
    else:
        had = union_all(
            *(
                select(table.c.sha256).where(table.c.holding_id == holding_id)
                for table in _WITH_CONTENT
                if "holding_id" in table.c
            )
        )
    return sorted(set(session.scalars(had)))


def _forget(session: Session, record_id: UUID, organization_id: UUID, had: Sequence[str]) -> None:
    """Drop the bytes that nothing refers to any more, then the digests that stand for nothing (AUD-4)."""
    # Each by its index, and not as a join (``OFFSET 0``): PostgreSQL would try each digest with each content.
    unused = [
        ~exists(
            select(literal(1))
            .where(table.c.organization_id == Content.organization_id, table.c.sha256 == Content.sha256)
            .correlate(Content)
            .offset(0)
        )
        for table in _WITH_CONTENT
    ]
    for some in range(0, len(had), _AT_ONCE):
        session.execute(
            delete(Content)
            .where(
                Content.organization_id == organization_id,
                Content.sha256.in_(had[some : some + _AT_ONCE]),
                *unused,
            )
            .execution_options(synchronize_session=False)
        )
    held = [
        select(table.c.item_id)
        .join(Holding, Holding.id == table.c.holding_id)
        .where(
            Holding.record_id == record_id,
            table.c.item_id == ManifestLine.item_id,
            table.c.sha256 == ManifestLine.sha256,
        )
        .correlate(ManifestLine)
        for table in _WITH_CONTENT
        if "holding_id" in table.c
    ]
    gone = and_(ManifestLine.sha256.is_not(None), *(~exists(query) for query in held))
    at_once = {"synchronize_session": False}
    # First the salts, which open the commitments to these digests; then the digests.
    line = select(ManifestLine.item_id).where(
        ManifestLine.transfer_id == Seal.transfer_id, ManifestLine.item_id == Seal.item_id, gone
    )
    session.execute(
        update(Seal)
        .where(
            Seal.transfer_id.in_(_transfers_of(record_id)),
            Seal.salt.is_not(None),
            exists(line.correlate(Seal)),
        )
        .values(salt=null(), digest=null())
        .execution_options(**at_once)
    )
    session.execute(
        update(ManifestLine)
        .where(ManifestLine.transfer_id.in_(_transfers_of(record_id)), gone)
        .values(sha256=null())
        .execution_options(**at_once)
    )


def _forget_forms(session: Session, record_id: UUID) -> None:
    """Take the salts of what has no bytes and is gone: details that were emptied, bills that were deleted."""
    destroyed = select(Holding.id).where(
        Holding.record_id == record_id, Holding.state == HoldingState.DESTROYED
    )
    bills = select(ManifestLine.item_id).where(
        ManifestLine.transfer_id.in_(_transfers_of(record_id)),
        ManifestLine.item_class == ContentClass.INVOICE,
        ~exists().where(Invoice.item_id == ManifestLine.item_id),
    )
    session.execute(
        update(Seal)
        .where(
            Seal.transfer_id.in_(_transfers_of(record_id)),
            Seal.salt.is_not(None),
            or_(Seal.item_id.in_(destroyed), Seal.item_id.in_(bills)),
        )
        .values(salt=null(), digest=null())
        .execution_options(synchronize_session=False)
    )


def _transfers_of(record_id: UUID) -> Select[Any]:
    return select(Transfer.id).where(Transfer.record_id == record_id)


def last_services(session: Session, record_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """Say when each record had its last service."""
    service = union_all(*_services()).subquery("service")
    latest = func.max(service.c.at, type_=Instant())
    rows = session.execute(
        select(service.c.record_id, latest.label("at"))
        .where(service.c.record_id.in_(record_ids))
        .group_by(service.c.record_id)
    )
    return {row.record_id: row.at for row in rows}


def waiting(session: Session, organization_id: UUID) -> list[Waiting]:
    """List every closed holding of an organization, the one that ends first in front."""
    policy = facts.retention(session, organization_id)
    rows = session.execute(
        select(Holding, Record.legal_hold)
        .join(Record, Record.id == Holding.record_id)
        .where(Holding.organization_id == organization_id, Holding.state.in_(_CLOSED))
    ).all()
    served = last_services(session, sorted({holding.record_id for holding, _ in rows}))
    counts = _counts(session, organization_id)
    found = []
    for holding, held in rows:
        assert holding.until_at is not None  # noqa: S101 - a closed holding has an end
        day = retention.due_on(
            holding.until_at,
            served[holding.record_id],
            grace_days=policy.grace_days,
            years=policy.retention_years,
            time_zone=policy.time_zone,
        )
        grace = retention.grace_ends(holding.until_at, policy.grace_days, policy.time_zone)
        found.append(
            Waiting(
                holding_id=holding.id,
                record_id=holding.record_id,
                owner_id=holding.owner_id,
                state=holding.state,
                since=holding.until_at,
                held=held,
                due_on=day,
                unfinished_due_on=grace + retention.ONE_DAY,
                counts=counts.get((holding.id, False), {}),
                unfinished=counts.get((holding.id, True), {}),
            )
        )
    return sorted(found, key=lambda one: (one.due_on, one.holding_id))


def _counts(session: Session, organization_id: UUID) -> dict[tuple[UUID, bool], dict[ContentClass, int]]:
    """Count by class what each closed holding still has, as its manifest says; apart what goes early."""
    stone = exists().where(
        Tombstone.holding_id == Holding.id, Tombstone.item_class == ManifestLine.item_class
    )
    of_record = (ContentClass.SHARE, ContentClass.COLLABORATOR_APPOINTMENT)
    early = ManifestLine.outcome == Outcome.DELETED
    # An appointment stands in one holding alone: one that rejoined the record is no more in quarantine.
    back = and_(
        ManifestLine.item_class == ContentClass.PAST_APPOINTMENT,
        exists().where(Rejoined.holding_id == Holding.id, Rejoined.item_id == ManifestLine.item_id),
    )
    bills = and_(Holding.state == HoldingState.QUARANTINED, ManifestLine.item_class == ContentClass.INVOICE)
    rows = session.execute(
        select(Holding.id, early.label("early"), ManifestLine.item_class, func.count())
        .join(ManifestLine, ManifestLine.transfer_id == Holding.closed_by_id)
        .where(
            Holding.organization_id == organization_id,
            Holding.state.in_(_CLOSED),
            ManifestLine.item_class.not_in(of_record),
            ~stone,
            ~bills,
            ~back,
        )
        .group_by(Holding.id, "early", ManifestLine.item_class)
    )
    found: dict[tuple[UUID, bool], dict[ContentClass, int]] = {}
    for holding_id, is_early, item_class, count in rows:
        found.setdefault((holding_id, bool(is_early)), {})[item_class] = count
    return found


def tombstones(session: Session, organization_id: UUID) -> Sequence[tuple[Tombstone, UUID]]:
    """List an organization's tombstones with their records, the latest first."""
    rows = session.execute(
        select(Tombstone, Holding.record_id)
        .join(Holding, Holding.id == Tombstone.holding_id)
        .where(Tombstone.organization_id == organization_id)
        .order_by(Tombstone.at.desc(), Tombstone.holding_id, Tombstone.item_class)
    )
    return [(stone, record_id) for stone, record_id in rows]
