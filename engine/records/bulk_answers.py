"""A recipient's answers to whole bulks: written once, and which transfers each of them binds (BULK-5)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from engine.records.tables.bulks import Bulk, BulkAnswer, BulkAnswerDenial, BulkAnswerRecord, BulkItem
from engine.records.tables.proof import Event
from engine.records.tables.records import Record
from engine.records.tables.transfers import Transfer
from engine.states.bulk import OPEN_BULKS, Scope
from engine.states.transfer import TransferState


class Bound(NamedTuple):
    """A transfer that waits, and that an answer decides."""

    position: int
    transfer_id: UUID


def add(session: Session, values: dict[str, Any], records: Collection[UUID]) -> None:
    """Write an answer, with the records that it names."""
    session.execute(insert(BulkAnswer).values(**values))
    if records:
        session.execute(
            insert(BulkAnswerRecord),
            [{"answer_id": values["id"], "record_id": record_id} for record_id in sorted(records)],
        )


def row(session: Session, answer_id: UUID) -> BulkAnswer | None:
    """Read an answer afresh."""
    query = select(BulkAnswer).where(BulkAnswer.id == answer_id).execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def was_asked(session: Session, bulk_id: UUID, member_id: UUID) -> bool:
    """Say whether a bulk has asked somebody for anything, so that they know of it (VIS-12)."""
    query = (
        select(Transfer.id)
        .join(BulkItem, BulkItem.transfer_id == Transfer.id)
        .where(
            BulkItem.bulk_id == bulk_id, Transfer.to_id == member_id, Transfer.state != TransferState.FAILED
        )
        .limit(1)
    )
    return session.scalar(query) is not None


def asked_records(session: Session, bulk_id: UUID, member_id: UUID) -> dict[str, UUID]:
    """Give the records that a bulk has asked somebody for, by number and by id."""
    query = (
        select(Record.id, Record.number)
        .join(BulkItem, BulkItem.record_id == Record.id)
        .join(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(
            BulkItem.bulk_id == bulk_id, Transfer.to_id == member_id, Transfer.state != TransferState.FAILED
        )
    )
    found: dict[str, UUID] = {}
    for record_id, number in session.execute(query):
        found |= {number: record_id, str(record_id): record_id}
    return found


def _binds(answer: Any, record_id: Any) -> Any:  # noqa: ANN401 - columns
    named = exists().where(BulkAnswerRecord.answer_id == answer.id, BulkAnswerRecord.record_id == record_id)
    return or_(
        answer.scope == Scope.ALL,
        and_(answer.scope == Scope.ONLY, named),
        and_(answer.scope == Scope.EXCEPT, ~named),
    )


def _bound(answer: Any) -> Any:  # noqa: ANN401 - columns
    """
    Say which items joined with their transfers an answer binds and has not failed to decide.

    Until it is reassigned a transfer is bound, even by an answer that came before it was asked; of two
    answers of one person the later one decides.
    """
    later = aliased(BulkAnswer)
    return and_(
        BulkItem.bulk_id == answer.bulk_id,
        Transfer.to_id == answer.member_id,
        Transfer.state == TransferState.PENDING_ACCEPTANCE,
        _binds(answer, BulkItem.record_id),
        ~exists().where(BulkAnswerDenial.answer_id == answer.id, BulkAnswerDenial.transfer_id == Transfer.id),
        ~exists().where(
            Event.transfer_id == Transfer.id,
            Event.action == "transfer.reassign",
            Event.outcome == "allowed",
            Event.at > func.coalesce(BulkItem.reassigned_at, Bulk.started_at),
        ),
        ~exists().where(
            later.bulk_id == answer.bulk_id,
            later.member_id == answer.member_id,
            or_(
                later.given_at > answer.given_at,
                and_(later.given_at == answer.given_at, later.id > answer.id),
            ),
            _binds(later, BulkItem.record_id),
        ),
    )


def bound(session: Session, answer_id: UUID, *, after: int, limit: int) -> list[Bound]:
    """Give the next transfers that an answer decides, in the bulk's order."""
    query = (
        select(BulkItem.position, Transfer.id)
        .select_from(BulkAnswer)
        .join(Bulk, Bulk.id == BulkAnswer.bulk_id)
        .join(BulkItem, BulkItem.bulk_id == Bulk.id)
        .join(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(BulkAnswer.id == answer_id, BulkItem.position > after, _bound(BulkAnswer))
        .order_by(BulkItem.position)
        .limit(limit)
    )
    return [Bound(*found) for found in session.execute(query)]


def deny(session: Session, answer_id: UUID, transfer_id: UUID, rule: str, at: datetime) -> None:
    """Remember which rule kept a transfer waiting, once."""
    found = session.get(BulkAnswerDenial, (answer_id, transfer_id))
    if found is None:
        session.execute(
            insert(BulkAnswerDenial).values(answer_id=answer_id, transfer_id=transfer_id, rule=rule, at=at)
        )


def end(session: Session, answer_id: UUID, at: datetime) -> bool:
    """End an answer to which nothing more can come: its bulk is over, and nothing bound waits."""
    answer = row(session, answer_id)
    if answer is None or answer.ended_at is not None:
        return True
    bulk = session.get_one(Bulk, answer.bulk_id)
    if bulk.state in OPEN_BULKS or bound(session, answer_id, after=-1, limit=1):
        return False
    session.execute(
        update(BulkAnswer)
        .where(BulkAnswer.id == answer_id, BulkAnswer.ended_at.is_(None))
        .values(ended_at=at)
        .execution_options(synchronize_session=False)
    )
    return True


def unfinished(session: Session, bulk_id: UUID | None = None) -> Sequence[BulkAnswer]:
    """Give the answers that may still decide something, of one bulk or of all."""
    query = select(BulkAnswer).where(BulkAnswer.ended_at.is_(None))
    if bulk_id is not None:
        query = query.where(BulkAnswer.bulk_id == bulk_id)
    return session.scalars(query.order_by(BulkAnswer.given_at, BulkAnswer.id)).all()


def denials_of(session: Session, bulk_id: UUID) -> dict[UUID, str]:
    """Give the rule that keeps each transfer of a bulk waiting, though it was answered; the latest."""
    query = (
        select(BulkAnswerDenial.transfer_id, BulkAnswerDenial.rule)
        .join(BulkAnswer, BulkAnswer.id == BulkAnswerDenial.answer_id)
        .where(BulkAnswer.bulk_id == bulk_id)
        .order_by(BulkAnswerDenial.at)
    )
    return {found.transfer_id: found.rule for found in session.execute(query)}


def waiting_for(session: Session, answer_id: UUID) -> int:
    """Count the transfers that an answer binds and has not decided yet."""
    query = (
        select(func.count())
        .select_from(BulkAnswer)
        .join(Bulk, Bulk.id == BulkAnswer.bulk_id)
        .join(BulkItem, BulkItem.bulk_id == Bulk.id)
        .join(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(BulkAnswer.id == answer_id, _bound(BulkAnswer))
    )
    return session.scalar(query) or 0
