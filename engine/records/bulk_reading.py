"""What a coordinator is told of a bulk: where it stands, and why a record does not move (BULK-4)."""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.errors import NotFound
from engine.records import bulks
from engine.records.reading import names_of
from engine.records.tables import (
    Bulk,
    BulkItem,
    Holding,
    HoldingState,
    Record,
    Transfer,
)
from engine.rules.facts import MemberFacts, RecordStatus
from engine.states.choices import Role
from engine.views import BulkItemView, BulkPartView, BulkReportView, BulkView, LeftRecordView


def known(actor: MemberFacts, bulk: Bulk | None) -> Bulk:
    """Give a bulk to a coordinator of its organization. Raises ``NotFound`` for anybody else (VIS-11)."""
    if bulk is None or bulk.organization_id != actor.organization_id or not actor.acts_as(Role.COORDINATOR):
        raise NotFound("bulk")
    return bulk


def bulk_view(session: Session, bulk: Bulk) -> BulkView:
    """Show where a bulk stands, in counts."""
    by_recipient = _by_recipient(session, bulk)
    recipients = bulks.recipients_of(bulk)
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
        purpose=bulk.purpose,
        options=bulks.options_of(bulk),
        include_confidential_records=bulk.include_confidential_records,
        started_at=bulk.started_at,
        ended_at=bulk.ended_at,
        paused_rule=bulk.paused_rule,
        records=bulk.records,
        counts=counts,
        recipients=[
            BulkPartView(
                id=member_id,
                name=names[member_id],
                counts={str(stands): count for stands, count in by_recipient.get(member_id, {}).items()},
            )
            for member_id in recipients
        ],
        confidential_left_out=bulk.confidential_left_out,
        not_selected=bulk.not_selected,
    )


def _by_recipient(session: Session, bulk: Bulk) -> dict[object, dict[str, int]]:
    stands = bulks.outcome().label("stands")
    query = (
        select(BulkItem.to_id, stands, func.count())
        .select_from(BulkItem)
        .outerjoin(Transfer, Transfer.id == BulkItem.transfer_id)
        .where(BulkItem.bulk_id == bulk.id)
        .group_by(BulkItem.to_id, stands)
    )
    found: dict[object, dict[str, int]] = {}
    for to_id, where, count in session.execute(query):
        found.setdefault(to_id, {})[str(where)] = count
    return found


def items(session: Session, bulk: Bulk, *, stands: str | None = None) -> list[BulkItemView]:
    """Show every record of a bulk in order; a confidential one without its number (VIS-2)."""
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
    rows = [row for row in session.execute(query) if stands is None or str(row.stands) == stands]
    names = names_of(session, [row.asked_id or row.BulkItem.to_id for row in rows])
    return [
        BulkItemView(
            record_id=row.BulkItem.record_id,
            record_number=None if row.confidential else row.number,
            confidential=row.confidential,
            to=names.get(row.asked_id or row.BulkItem.to_id),
            stands=str(row.stands),
            rule=row.failed_rule or (None if row.state is not None else row.BulkItem.rule),
            error=row.BulkItem.error if str(row.stands) == bulks.TROUBLED else row.stuck_cause,
            attempt=row.BulkItem.attempt,
            transfer_id=None if row.state is None else row.BulkItem.transfer_id,
            respond_by=row.respond_by if row.state is not None and row.state.is_open else None,
            decided_at=row.decided_at,
        )
        for row in rows
    ]


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
    """List every bulk of a coordinator's organization, newest first."""
    if not actor.acts_as(Role.COORDINATOR):
        return []
    return [bulk_view(session, bulk) for bulk in bulks.of_organization(session, actor.organization_id)]
