"""A bulk's rows: written once at the start, then advanced by compare-and-set; counted by the database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import (
    CursorResult,
    ScalarSelect,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from engine.records.races import LostRace
from engine.records.tables.base import HoldingState
from engine.records.tables.bulks import Bulk, BulkItem, BulkList
from engine.records.tables.people import Member
from engine.records.tables.records import Holding, Record
from engine.records.tables.transfers import Transfer
from engine.records.types import Id
from engine.rules.bulk import BulkChoice, BulkLine, Listed, Split
from engine.rules.facts import RecordStatus
from engine.states.bulk import OPEN_BULKS, BulkState
from engine.states.choices import Options
from engine.states.transfer import OPEN_STATES, TransferState

#: What is counted of items that no transfer was asked for.
WAITING, BLOCKED, TROUBLED = "waiting", "blocked", "troubled"
#: What keeps a bulk from being finished.
_UNSETTLED = frozenset({WAITING, TROUBLED, *(state.value for state in OPEN_STATES)})
_RETRIED = frozenset({TransferState.REFUSED, TransferState.CANCELLED, TransferState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that no transfer was asked for yet."""

    position: int
    record_id: UUID
    to_id: UUID
    attempt: int
    #: Of this attempt; where something is reassigned, the id of the command that does it.
    transfer_id: UUID
    #: The open transfer that is reassigned instead of asking (OVR-3).
    reassigns: UUID | None = None


_BULK = (
    select(Bulk).where(Bulk.id == bindparam("the_bulk", type_=Id)).execution_options(populate_existing=True)
)
_ITEM = (
    select(BulkItem)
    .where(
        BulkItem.bulk_id == bindparam("the_bulk", type_=Id),
        BulkItem.record_id == bindparam("the_record", type_=Id),
    )
    .execution_options(populate_existing=True)
)


def transfer_of(bulk_id: UUID, record_id: UUID, attempt: int) -> UUID:
    """Give the id of the transfer that a bulk asks for, at its first or a later attempt."""
    return uuid5(bulk_id, f"{record_id}/{attempt}")


def add_list(
    session: Session,
    list_id: UUID,
    organization_id: UUID,
    author_id: UUID,
    listed: Sequence[Listed],
    at: datetime,
) -> bool:
    """Write what a file lists; the same id twice is the same list. Say whether it says what was given."""
    lines = json.dumps([[line.line, line.record, line.to] for line in listed], ensure_ascii=False)
    found = session.get(BulkList, list_id)
    if found is None:
        session.execute(
            insert(BulkList).values(
                id=list_id,
                organization_id=organization_id,
                author_id=author_id,
                lines=lines,
                created_at=at,
            )
        )
        return True
    return (found.author_id, found.lines) == (author_id, lines)


def listed(session: Session, list_id: UUID, author_id: UUID) -> tuple[Listed, ...] | None:
    """Read what somebody listed; ``None`` where they listed nothing under this id."""
    found = session.get(BulkList, list_id)
    if found is None or found.author_id != author_id:
        return None
    return tuple(Listed(line=line, record=record, to=to) for line, record, to in json.loads(found.lines))


def add(session: Session, values: dict[str, Any], lines: Sequence[BulkLine]) -> None:
    """Write a bulk with its caseload, which is fixed from now on."""
    session.execute(insert(Bulk).values(records=len(lines), **values))
    if not lines:
        return
    bulk_id: UUID = values["id"]
    session.execute(
        insert(BulkItem),
        [
            {
                "bulk_id": bulk_id,
                "position": position,
                "record_id": line.record_id,
                "to_id": line.to_id,
                "rule": line.blocked,
                "attempt": 1,
                "transfer_id": transfer_of(bulk_id, line.record_id, 1),
                "reassigns": line.open_transfer_id if line.reassigns else None,
            }
            for position, line in enumerate(lines)
        ],
    )


def row(session: Session, bulk_id: UUID) -> Bulk | None:
    """Read a bulk's row afresh."""
    return session.scalars(_BULK, {"the_bulk": bulk_id}).one_or_none()


def recipients_of(bulk: Bulk) -> tuple[UUID, ...]:
    """Give the recipients, in the order in which they were named."""
    return tuple(UUID(found) for found in json.loads(bulk.recipients))


def options_of(bulk: Bulk) -> Options:
    """Give what the one who started it chose to move."""
    return Options(
        include_confidential=bulk.include_confidential, raw_data=bulk.raw_data, keep_copy=bulk.keep_copy
    )


def change(session: Session, seen: Bulk, **values: Any) -> None:  # noqa: ANN401
    """
    Change a bulk as it was seen, by compare-and-set.

    Raises ``LostRace`` where it is not as it was seen.
    """
    result = session.execute(
        update(Bulk)
        .where(Bulk.id == seen.id, Bulk.state == seen.state, Bulk.led_by_id == seen.led_by_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise LostRace


def outcome() -> Any:  # noqa: ANN401 - an SQL expression
    """Say where an item stands: with its transfer, or why there is none; items join transfers outside."""
    return case(
        (Transfer.state == TransferState.FAILED, literal(BLOCKED)),
        (Transfer.id.is_not(None), Transfer.state),
        (BulkItem.rule.is_not(None), literal(BLOCKED)),
        (BulkItem.error.is_not(None), literal(TROUBLED)),
        else_=literal(WAITING),
    )


def counts(session: Session, bulk_id: UUID) -> dict[str, int]:
    """Count a bulk's items by where they stand."""
    stands = outcome().label("stands")
    query = (
        select(stands, func.count())
        .select_from(BulkItem)
        .outerjoin(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(BulkItem.bulk_id == bulk_id)
        .group_by(stands)
    )
    return {str(found): count for found, count in session.execute(query)}


def is_settled(found: dict[str, int]) -> bool:
    """Say whether every item has a final transfer, or the rule that blocks it."""
    return not _UNSETTLED & found.keys()


def waiting(session: Session, bulk_id: UUID, *, after: int, limit: int) -> list[Waiting]:
    """Give the next items that no transfer was asked for, in order."""
    columns: tuple[Any, ...] = (
        *(BulkItem.position, BulkItem.record_id, BulkItem.to_id),
        *(BulkItem.attempt, BulkItem.transfer_id, BulkItem.reassigns),
    )
    query = (
        select(*columns)
        .where(
            BulkItem.bulk_id == bulk_id,
            BulkItem.position > after,
            BulkItem.rule.is_(None),
            BulkItem.to_id.is_not(None),
            ~exists().where(Transfer.id == BulkItem.transfer_id),
        )
        .order_by(BulkItem.position)
        .limit(limit)
    )
    return [Waiting(*found) for found in session.execute(query)]


def item_of(session: Session, bulk_id: UUID, record_id: UUID) -> BulkItem | None:
    """Read the item of a record afresh."""
    return session.scalars(_ITEM, {"the_bulk": bulk_id, "the_record": record_id}).one_or_none()


def mark(session: Session, bulk_id: UUID, item: Waiting, **values: Any) -> None:  # noqa: ANN401
    """Say of an item why it has no transfer, unless it was tried again or asked for meanwhile."""
    session.execute(
        update(BulkItem)
        .where(
            BulkItem.bulk_id == bulk_id,
            BulkItem.position == item.position,
            BulkItem.attempt == item.attempt,
            BulkItem.transfer_id == item.transfer_id,
            ~exists().where(Transfer.id == item.transfer_id),
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def take_over(session: Session, bulk_id: UUID, own_id: UUID, transfer_id: UUID, at: datetime) -> None:
    """
    Let an item stand where the transfer stands that it has just reassigned, in the same transaction.

    Raises ``LostRace`` where it had another attempt meanwhile.
    """
    result = session.execute(
        update(BulkItem)
        .where(BulkItem.bulk_id == bulk_id, BulkItem.transfer_id == own_id)
        .values(transfer_id=transfer_id, reassigned_at=at, error=None)
        .execution_options(synchronize_session=False)
    )
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise LostRace


def taking_over(transfer_id: UUID | InstrumentedAttribute[UUID | None]) -> ScalarSelect[UUID]:
    """Select the bulk that reassigned a transfer last."""
    query = (
        select(BulkItem.bulk_id)
        .where(BulkItem.transfer_id == transfer_id, BulkItem.reassigned_at.is_not(None))
        .order_by(BulkItem.reassigned_at.desc())
        .limit(1)
    )
    return query.scalar_subquery()


def taken_over_by(session: Session, transfer_id: UUID) -> UUID | None:
    """Give the bulk that reassigned a transfer last, if one did."""
    return session.scalar(select(taking_over(transfer_id)))


def try_again(session: Session, bulk: Bulk, items: Sequence[BulkItem], found: Mapping[UUID, UUID]) -> None:
    """
    Give items another attempt, with a transfer of its own; ``found`` are new recipients.

    Where the bulk reassigns, it is what is open by now.
    """
    is_open = _open_of_records(session, bulk.id) if bulk.reassign_open else {}
    for item in items:
        to_id = found.get(item.record_id, item.to_id)
        session.execute(
            update(BulkItem)
            .where(
                BulkItem.bulk_id == item.bulk_id,
                BulkItem.position == item.position,
                BulkItem.attempt == item.attempt,
            )
            .values(
                to_id=to_id,
                reassigns=is_open.get(item.record_id),
                reassigned_at=None,
                **another_attempt(item.bulk_id, item.record_id, item.attempt),
            )
            .execution_options(synchronize_session=False)
        )


def another_attempt(bulk_id: UUID, record_id: UUID, attempt: int) -> dict[str, Any]:
    """Give the columns of an item's next attempt: a transfer of its own, and nothing against it."""
    return {
        "attempt": attempt + 1,
        "transfer_id": transfer_of(bulk_id, record_id, attempt + 1),
        "rule": None,
        "error": None,
    }


def _open_of_records(session: Session, bulk_id: UUID) -> dict[UUID, UUID]:
    """Give the open transfer of each record of a bulk that has one."""
    query = (
        select(Transfer.record_id, Transfer.id)
        .join(BulkItem, BulkItem.record_id == Transfer.record_id)
        .where(BulkItem.bulk_id == bulk_id, Transfer.state.in_(sorted(OPEN_STATES)))
    )
    return {found.record_id: found.id for found in session.execute(query)}


def to_retry(session: Session, bulk_id: UUID) -> list[BulkItem]:
    """Give the items that failed, were blocked, or came to an end without a new owner (BULK-4)."""
    ended = Transfer.state.in_(_RETRIED | {TransferState.FAILED})
    query = (
        select(BulkItem)
        .outerjoin(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(
            BulkItem.bulk_id == bulk_id,
            or_(ended, and_(Transfer.id.is_(None), BulkItem.rule.is_not(None))),
        )
        .order_by(BulkItem.position)
    )
    return list(session.scalars(query))


def asking(session: Session, member_id: UUID) -> Sequence[Bulk]:
    """Give the bulks that have asked somebody for something, newest first."""
    asked = (
        select(BulkItem.bulk_id)
        .join(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(Transfer.to_id == member_id, Transfer.state != TransferState.FAILED)
    )
    query = select(Bulk).where(Bulk.id.in_(asked)).order_by(Bulk.started_at.desc(), Bulk.id)
    return session.scalars(query).all()


def asked_by(session: Session, bulk_id: UUID) -> Sequence[UUID]:
    """Give everybody whom a bulk has asked, and who knows of it (VIS-12)."""
    query = (
        select(Transfer.to_id)
        .join(BulkItem, BulkItem.transfer_id == Transfer.id)
        .where(BulkItem.bulk_id == bulk_id, Transfer.state != TransferState.FAILED)
        .distinct()
    )
    return session.scalars(query).all()


def choice_of_what_is_left(session: Session, bulk: Bulk) -> BulkChoice:
    """Choose again what an ended bulk left, as it was chosen; a file that divided it still does (BULK-4)."""
    left = left_over(session, bulk)
    by_file = _divided_by_a_file(session, bulk)
    return BulkChoice(
        from_id=bulk.from_id,
        to_ids=recipients_of(bulk),
        split=Split.LISTED if by_file else Split.EVEN,
        listed=tuple(
            Listed(line=line, record=str(item.record_id), to=item.email if by_file else None)
            for line, item in enumerate(left, start=1)
        ),
        include_confidential_records=bulk.include_confidential_records,
        reassign_open=bulk.reassign_open,
        insist=bulk.insist,
        impose=bulk.impose,
        options=options_of(bulk),
        has_basis=bulk.basis_id is not None,
    )


def _divided_by_a_file(session: Session, bulk: Bulk) -> bool:
    found = None if bulk.list_id is None else session.get(BulkList, bulk.list_id)
    return found is not None and any(to is not None for _, _, to in json.loads(found.lines))


def left_over(session: Session, bulk: Bulk) -> Sequence[Any]:
    """
    Give the active records that an ended bulk did not move, each with its recipient's address.

    Those that somebody is asked for now are not among them.
    """
    moved = exists().where(Transfer.id == BulkItem.transfer_id, Transfer.state == TransferState.ACCEPTED)
    asked = exists().where(Transfer.record_id == BulkItem.record_id, Transfer.state.in_(OPEN_STATES))
    columns: tuple[Any, ...] = (BulkItem.record_id, Member.email)
    query = (
        select(*columns)
        .join(Record, Record.id == BulkItem.record_id)
        .outerjoin(Member, Member.id == BulkItem.to_id)
        .join(Holding, and_(Holding.record_id == Record.id, Holding.state == HoldingState.LIVE))
        .where(
            BulkItem.bulk_id == bulk.id,
            Holding.owner_id == bulk.from_id,
            Record.status == RecordStatus.ACTIVE,
            ~moved,
            ~asked,
        )
        .order_by(BulkItem.position)
    )
    return session.execute(query).all()


def unfinished(session: Session) -> Sequence[UUID]:
    """Give the ids of every bulk that has something left to do: to ask, to wait for, or to cancel."""
    query = select(Bulk.id).where(or_(Bulk.state.in_(OPEN_BULKS), Bulk.cancels_by_id.is_not(None)))
    return session.scalars(query).all()


def running_led_by(session: Session, member_id: UUID) -> Sequence[UUID]:
    """Give the running bulks in which somebody leads."""
    query = select(Bulk.id).where(Bulk.state == BulkState.RUNNING, Bulk.led_by_id == member_id)
    return session.scalars(query).all()


def sweep_lists(session: Session, before: datetime) -> int:
    """Delete what was listed before an instant and no bulk goes by; an answer keeps its records itself."""
    used = select(Bulk.list_id).where(Bulk.list_id.is_not(None))
    result = session.execute(
        delete(BulkList)
        .where(BulkList.created_at < before, BulkList.id.not_in(used))
        .execution_options(synchronize_session=False)
    )
    return result.rowcount if isinstance(result, CursorResult) else 0


def ended_of(session: Session, from_id: UUID) -> int:
    """Count the ended bulks of a practitioner; it tells one launch from the same one made again later."""
    query = select(func.count()).where(Bulk.from_id == from_id, Bulk.state.not_in(OPEN_BULKS))
    return session.scalar(query) or 0


def of_organization(session: Session, organization_id: UUID) -> Sequence[Bulk]:
    """Give every bulk of an organization, newest first."""
    query = select(Bulk).where(Bulk.organization_id == organization_id)
    return session.scalars(query.order_by(Bulk.started_at.desc(), Bulk.id)).all()


def open_of_bulk(session: Session, bulk_id: UUID) -> Sequence[UUID]:
    """Give the open transfers that a bulk asked for or took over, and that no other bulk took over since."""
    # An alias: `taking_over` reads the same table by itself.
    item = aliased(BulkItem)
    query = (
        select(Transfer.id)
        .join(item, item.transfer_id == Transfer.id)
        .where(
            item.bulk_id == bulk_id,
            Transfer.state.in_(OPEN_STATES),
            func.coalesce(taking_over(Transfer.id), Transfer.bulk_id) == bulk_id,
        )
        .order_by(item.position)
    )
    return session.scalars(query).all()
