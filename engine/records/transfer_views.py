"""What a reader is told of transfers: any number of them by the same number of statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.errors import NotFound
from engine.records import facts, transfers
from engine.records.facts import ReadTransfer
from engine.records.handover import ClassCount, counts_of_records, manifests_counts, planned
from engine.records.reading import class_lines, names_of
from engine.records.tables.records import Record
from engine.records.tables.transfers import FreeText, Transfer
from engine.rules import transfers as rules
from engine.rules.content import Outcome, plan
from engine.rules.facts import MemberFacts, RecordFacts
from engine.states.choices import Role
from engine.states.transfer import Party, TransferState
from engine.views import TransferView

#: Who is asked in these was asked until now, or has the record.
_ASKED = frozenset({TransferState.PENDING_ACCEPTANCE, TransferState.ACCEPTED})


def transfer_view(session: Session, actor: MemberFacts, transfer_id: UUID, now: datetime) -> TransferView:
    """
    Show a transfer to somebody who may know of it, and no more of it than they may (VIS-3, VIS-12).

    Raises ``NotFound`` for anybody else (VIS-11).
    """
    return transfer_views(session, actor, [transfer_id], now)[0]


def transfer_views(
    session: Session, actor: MemberFacts, transfer_ids: Sequence[UUID], now: datetime
) -> list[TransferView]:
    """Show transfers, in this order. Raises ``NotFound`` where they may not know of one (VIS-11)."""
    found = facts.transfers(session, transfer_ids)
    for transfer_id in transfer_ids:
        if transfer_id not in found:
            raise NotFound("transfer")
        rules.check_known(actor, found[transfer_id].facts)
    read = list(found.values())
    known = [one for one in read if not _was_replaced(actor, one) and not _is_former(actor, one)]
    former = [one.row.id for one in read if not _was_replaced(actor, one) and _is_former(actor, one)]
    answers = transfers.answers_of(session, former) if former else {}
    shelf = _fetch(session, actor, known, now) if known else None
    views = {}
    for one in read:
        view = TransferView(
            id=one.row.id,
            state=one.row.state,
            must_act=one.row.state.must_act,
            version=one.row.version,
            asked_at=one.row.asked_at,
            decided_at=one.row.decided_at,
        )
        if _was_replaced(actor, one):
            more = _replaced(one, actor.id)
        elif one.row.id in answers:
            more = _former(answers[one.row.id])
        else:
            assert shelf is not None  # noqa: S101 - fetched above
            more = _known(actor, one.row, shelf)
        views[one.row.id] = view.model_copy(update=more)
    return [views[transfer_id] for transfer_id in transfer_ids]


def _was_replaced(actor: MemberFacts, one: ReadTransfer) -> bool:
    return actor.id in one.facts.formerly_asked and actor.id != one.facts.asked_by_id


def _is_former(actor: MemberFacts, one: ReadTransfer) -> bool:
    return actor.id == one.row.to_id and one.row.state not in _ASKED


def _former(answer: tuple[TransferState, datetime | None] | None) -> dict[str, object]:
    """Cut a view for somebody who no longer is asked: that they answered or were asked, and when (VIS-12)."""
    if answer is None:
        return {}  # they were asked until its end
    return {"state": answer[0], "must_act": Party.NOBODY, "version": 0, "decided_at": answer[1]}


def _replaced(one: ReadTransfer, member_id: UUID) -> dict[str, object]:
    """Cut a view for somebody in whose place somebody else was asked (VIS-12)."""
    asking = next(asking for asking in reversed(one.before) if asking.member_id == member_id)
    return {
        "state": asking.answer,
        "must_act": Party.NOBODY,
        "version": 0,
        "asked_at": asking.asked_at,
        "decided_at": asking.answered_at,
    }


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What the views of several transfers are made of; by transfer, unless it says otherwise."""

    names: Mapping[UUID, str]
    records: Mapping[UUID, RecordFacts]
    numbers: Mapping[UUID, str]
    texts: Mapping[UUID, FreeText]
    counts: Mapping[UUID, Sequence[ClassCount]]


def _fetch(session: Session, actor: MemberFacts, read: Sequence[ReadTransfer], now: datetime) -> _Shelf:
    rows = [one.row for one in read]
    people = [
        (row.from_id, row.to_id, row.asked_by_id, row.reassigned_by_id, row.decided_by_id) for row in rows
    ]
    records = facts.records_asked(session, [row.id for row in rows])
    query = select(Record.id, Record.number).where(Record.id.in_({row.record_id for row in rows}))
    return _Shelf(
        names=names_of(session, [member_id for of_row in people for member_id in of_row]),
        records=records,
        numbers={row.id: row.number for row in session.execute(query)},
        texts=_texts(session, rows),
        counts=_counts(session, actor.organization_id, rows, records, now),
    )


def _texts(session: Session, rows: Collection[Transfer]) -> dict[UUID, FreeText]:
    named = {text_id for row in rows for text_id in (row.basis_id, row.reason_id, row.message_id)} - {None}
    if not named:
        return {}
    return {text.id: text for text in session.scalars(select(FreeText).where(FreeText.id.in_(named)))}


def _counts(
    session: Session,
    organization_id: UUID,
    rows: Collection[Transfer],
    records: Mapping[UUID, RecordFacts],
    now: datetime,
) -> dict[UUID, Sequence[ClassCount]]:
    """Count what each has moved, or would move now."""
    accepted = [row.id for row in rows if row.state is TransferState.ACCEPTED]
    found: dict[UUID, Sequence[ClassCount]] = dict(manifests_counts(session, accepted)) if accepted else {}
    under_way = [row for row in rows if row.state.is_open and row.id in records]
    if not under_way:
        return found
    chosen = {row.record_id for row in under_way}
    counted = counts_of_records(session, chosen, now)
    members = facts.members(session, {row.to_id for row in under_way})
    policy = facts.policy(session, organization_id)
    for row in under_way:
        new_owner = members.get(row.to_id)
        if new_owner is not None:
            way = plan(facts.options_of(row), records[row.id], new_owner, policy)
            found[row.id] = planned(counted.get(row.record_id, {}), way)
    return found


def _known(actor: MemberFacts, row: Transfer, shelf: _Shelf) -> dict[str, object]:
    imposed_by = row.decided_by_id if row.imposed else None
    record = shelf.records.get(row.id)
    is_new_owner = actor.id == row.to_id
    # A coordinator who once was asked is no party any more (VIS-2, VIS-12).
    party = actor.id == row.from_id or (row.state in _ASKED and actor.id == row.to_id)
    hidden = record is not None and record.confidential and not party
    # What was said to a party was said to a practitioner (VIS-1, VIS-12).
    reads = party and actor.acts_as(Role.PRACTITIONER)
    content = row.state is TransferState.ACCEPTED or not is_new_owner
    decides = row.state is TransferState.COORDINATOR_OVERRIDE and Role.COORDINATOR in actor.roles
    blind = is_new_owner and row.state is TransferState.PENDING_ACCEPTANCE

    def text(text_id: UUID | None, *, may: bool) -> FreeText | None:
        return shelf.texts.get(text_id) if may and text_id is not None else None

    basis = text(row.basis_id, may=reads and content)
    reason = text(row.reason_id, may=(reads and not blind) or decides)
    message = text(row.message_id, may=reads and content)
    lines = class_lines(shelf.counts.get(row.id, ()))
    return {
        "purpose": None if blind else row.purpose,
        "record_id": row.record_id,
        # The number of a confidential record is hidden from coordinators (VIS-2).
        "record_number": None if hidden else shelf.numbers.get(row.record_id),
        "owner": shelf.names[row.from_id],
        "owner_id": row.from_id,
        "new_owner_id": row.to_id,
        "asked_by_id": row.asked_by_id,
        "new_owner": shelf.names[row.to_id],
        "asked_by": shelf.names[row.asked_by_id],
        "reassigned_by": shelf.names.get(row.reassigned_by_id) if row.reassigned_by_id else None,
        "imposed_by": shelf.names.get(imposed_by) if imposed_by else None,
        "options": None if blind else facts.options_of(row),
        "respond_by": row.respond_by,
        "reason": None if reason is None else reason.body,
        "basis": None if basis is None else basis.body,
        "basis_form": None if basis is None else basis.basis_form,
        "basis_on": date.fromisoformat(basis.basis_on) if basis is not None and basis.basis_on else None,
        "message": None if message is None else message.body,
        "failed_rule": row.failed_rule,
        "stuck_cause": None if blind else row.stuck_cause,
        "items": [line for line in lines if not is_new_owner or line.outcome is Outcome.MOVED],
    }
