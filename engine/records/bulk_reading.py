"""What a coordinator is told of a bulk: where it stands, and why a record does not move (BULK-4)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.errors import NotFound
from engine.records import bulk_answers, bulks
from engine.records.reading import names_of
from engine.records.tables.base import HoldingState
from engine.records.tables.bulks import Bulk, BulkItem
from engine.records.tables.records import Holding, Record
from engine.records.tables.transfers import Transfer
from engine.rules.facts import MemberFacts, RecordStatus
from engine.states.choices import Role
from engine.states.transfer import TransferState
from engine.views import AnswerView, BulkItemView, BulkPartView, BulkReportView, BulkView, LeftRecordView

_THEIRS = (TransferState.PENDING_ACCEPTANCE, TransferState.ACCEPTED)


def known(session: Session, actor: MemberFacts, bulk: Bulk | None) -> tuple[Bulk, UUID | None]:
    """
    Give a bulk to a coordinator of its organization, and to whom it asks, who sees their own part alone.

    Raises ``NotFound`` for anybody else (VIS-11, VIS-12).
    """
    if bulk is not None and bulk.organization_id == actor.organization_id and actor.active:
        if actor.acts_as(Role.COORDINATOR):
            return bulk, None
        if bulk_answers.was_asked(session, bulk.id, actor.id):
            return bulk, actor.id
    raise NotFound("bulk")


def bulk_view(session: Session, bulk: Bulk, only: UUID | None = None) -> BulkView:
    """Show where a bulk stands, in counts; of one recipient, their part alone (VIS-3)."""
    by_recipient = _by_recipient(session, bulk, only)
    recipients = bulks.recipients_of(bulk) if only is None else (only,)
    names = names_of(session, [bulk.from_id, bulk.started_by_id, bulk.led_by_id, *recipients])
    counts: dict[str, int] = {}
    for found in by_recipient.values():
        for stands, count in found.items():
            counts[stands] = counts.get(stands, 0) + count
    return BulkView(
        id=bulk.id,
        state=bulk.state,
        source=names[bulk.from_id],
        started_by=names[bulk.started_by_id],
        led_by=names[bulk.led_by_id],
        purpose=bulk.purpose if only is None else None,
        options=bulks.options_of(bulk) if only is None else None,
        include_confidential_records=bulk.include_confidential_records,
        reassign_open=bulk.reassign_open,
        impose=bulk.impose,
        started_at=bulk.started_at,
        ended_at=bulk.ended_at,
        paused_rule=bulk.paused_rule,
        records=bulk.records if only is None else sum(counts.values()),
        counts=counts,
        recipients=[
            BulkPartView(
                id=member_id,
                name=names[member_id],
                counts={str(stands): count for stands, count in by_recipient.get(member_id, {}).items()},
            )
            for member_id in recipients
        ],
        confidential_left_out=bulk.confidential_left_out if only is None else 0,
        not_selected=bulk.not_selected if only is None else 0,
    )


def _by_recipient(session: Session, bulk: Bulk, only: UUID | None) -> dict[object, dict[str, int]]:
    stands = bulks.outcome().label("stands")
    query = (
        select(BulkItem.to_id, stands, func.count())
        .select_from(BulkItem)
        .outerjoin(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(BulkItem.bulk_id == bulk.id)
        .group_by(BulkItem.to_id, stands)
    )
    if only is not None:
        query = query.where(*_asked_of(only))
    found: dict[object, dict[str, int]] = {}
    for to_id, where, count in session.execute(query):
        found.setdefault(to_id, {})[str(where)] = count
    return found


def _asked_of(member_id: UUID) -> tuple[Any, ...]:
    """Select what is asked of somebody or is theirs; of anything else they only know that it was (VIS-12)."""
    return Transfer.to_id == member_id, Transfer.state.in_(_THEIRS)


def items(
    session: Session, bulk: Bulk, only: UUID | None = None, *, stands: str | None = None
) -> list[BulkItemView]:
    """
    Show every record of a bulk in order; to coordinators a confidential one without its number (VIS-2).

    ``only`` one recipient sees what it asks of them, by number (VIS-3).
    """
    where = bulks.outcome().label("stands")
    query = (
        select(
            BulkItem,
            where,
            Transfer.state,
            Transfer.failed_rule,
            Transfer.respond_by,
            Transfer.decided_at,
            Transfer.stuck_cause,
            Transfer.to_id.label("asked_id"),
            Record.number,
            Holding.confidential,
        )
        .join(Record, Record.id == BulkItem.record_id)
        .join(Holding, (Holding.record_id == Record.id) & (Holding.state == HoldingState.LIVE))
        .outerjoin(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(BulkItem.bulk_id == bulk.id)
        .order_by(BulkItem.position)
    )
    if only is not None:
        query = query.where(*_asked_of(only))
    denied = bulk_answers.denials_of(session, bulk.id)
    rows = [row for row in session.execute(query) if stands is None or str(row.stands) == stands]
    names = names_of(session, [row.asked_id or row.BulkItem.to_id for row in rows])
    return [
        BulkItemView(
            record_id=row.BulkItem.record_id,
            record_number=None if row.confidential and only is None else row.number,
            confidential=row.confidential,
            to=names.get(row.asked_id or row.BulkItem.to_id),
            stands=str(row.stands),
            rule=_rule(row, denied),
            error=row.BulkItem.error if str(row.stands) == bulks.TROUBLED else row.stuck_cause,
            attempt=row.BulkItem.attempt,
            transfer_id=None if row.state is None else row.BulkItem.transfer_id,
            respond_by=row.respond_by if row.state is not None and row.state.is_open else None,
            decided_at=row.decided_at,
        )
        for row in rows
    ]


def _rule(row: Any, denied: Mapping[UUID, str]) -> str | None:  # noqa: ANN401 - a row
    """Say which rule stops a record: its request, its item, or the answer that could not decide it."""
    if row.failed_rule is not None or row.state is None:
        rule: str | None = row.failed_rule or row.BulkItem.rule
        return rule
    return denied.get(row.BulkItem.transfer_id) if row.state is TransferState.PENDING_ACCEPTANCE else None


def answer_view(session: Session, actor: MemberFacts, answer_id: UUID) -> AnswerView:
    """Show somebody's own answer, and what it has come to. Raises ``NotFound`` for anybody else's."""
    answer = bulk_answers.row(session, answer_id)
    bulk = None if answer is None else bulks.row(session, answer.bulk_id)
    if answer is None or bulk is None or answer.member_id != actor.id:
        raise NotFound("bulk")
    found = items(session, bulk, actor.id)
    return AnswerView(
        id=answer.id,
        bulk_id=bulk.id,
        answer=answer.answer,
        scope=answer.scope,
        given_at=answer.given_at,
        counts=dict(Counter(item.stands for item in found)),
        deciding=bulk_answers.waiting_for(session, answer_id),
        denied=[item for item in found if item.rule is not None],
    )


def report(session: Session, bulk: Bulk) -> BulkReportView:
    """Show a bulk, its records, and what of the source's it does not move (BULK-4)."""
    return BulkReportView(
        bulk=bulk_view(session, bulk), items=items(session, bulk), left=list(_left(session, bulk))
    )


def _left(session: Session, bulk: Bulk) -> Iterator[LeftRecordView]:
    """Name what the source still holds outside the bulk: opened since its start, or archived."""
    inside = select(BulkItem.record_id).where(BulkItem.bulk_id == bulk.id)
    query = (
        select(Record.id, Record.number, Record.status, Holding.confidential, Holding.from_at)
        .join(Holding, (Holding.record_id == Record.id) & (Holding.state == HoldingState.LIVE))
        .where(Holding.owner_id == bulk.from_id, Record.id.not_in(inside))
        .order_by(Record.number)
    )
    for row in session.execute(query):
        archived = row.status is not RecordStatus.ACTIVE
        if archived or row.from_at >= bulk.started_at:
            yield LeftRecordView(
                record_id=row.id,
                record_number=None if row.confidential else row.number,
                why="archived" if archived else "opened_since",
            )


def views(session: Session, actor: MemberFacts) -> Sequence[BulkView]:
    """List the bulks that somebody may know of, newest first: for coordinators all of the organization."""
    if not actor.acts_as(Role.COORDINATOR):
        asked = bulks.asking(session, actor.id)
        return [bulk_view(session, bulk, actor.id) for bulk in asked]
    return [bulk_view(session, bulk) for bulk in bulks.of_organization(session, actor.organization_id)]
