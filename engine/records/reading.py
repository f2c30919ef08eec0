"""What a reader is told: records, previews and transfers, each cut to what this person may know."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from engine.errors import NotFound
from engine.records import facts, transfers, visibility
from engine.records.handover import ClassCount, manifest_counts, preview
from engine.records.people import clients_of, restrictions_of
from engine.records.tables.base import HoldingState
from engine.records.tables.people import Member
from engine.records.tables.records import Holding, Record
from engine.records.tables.transfers import Transfer
from engine.rules import transfers as rules
from engine.rules.content import UNCOUNTED, Outcome, plan
from engine.rules.facts import MemberFacts, RecordStatus, Relation
from engine.rules.writing import unseen
from engine.states.choices import Options, Role, WhichCopy
from engine.states.transfer import Party, TransferState
from engine.views import (
    ClassLine,
    ItemView,
    MemberView,
    PreviewView,
    RecordView,
    RestrictionView,
    TransferView,
)


def names_of(session: Session, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Give the names of members."""
    rows = session.execute(
        select(Member.id, Member.first_name, Member.last_name).where(Member.id.in_({i for i in ids if i}))
    )
    return {member_id: f"{first} {last}" for member_id, first, last in rows}


def member_view(member: Member, roles: list[Role]) -> MemberView:
    """Show a member as colleagues know them."""
    return MemberView(
        id=member.id,
        email=member.email,
        first_name=member.first_name,
        last_name=member.last_name,
        title=member.title,
        language=member.language,
        roles=roles,
        active=member.active,
        accepts_records=member.accepts_records,
    )


def restriction_views(session: Session, record_id: UUID) -> list[RestrictionView]:
    """Show whom the clients of a record do not want; whether somebody may read it is asked before."""
    found = restrictions_of(session, record_id)
    people = [(row.member_id, row.set_by_id, row.ended_by_id) for row, _ in found]
    names = names_of(session, [member_id for ids in people for member_id in ids])
    return [
        RestrictionView(
            id=row.id,
            client=client,
            member_id=row.member_id,
            member=names.get(row.member_id) if row.member_id else None,
            title=row.title,
            set_by=names[row.set_by_id],
            set_at=row.set_at,
            basis=row.basis,
            ended_by=names.get(row.ended_by_id) if row.ended_by_id else None,
            ended_at=row.ended_at,
        )
        for row, client in found
    ]


def record_view(
    session: Session,
    actor: MemberFacts,
    record_id: UUID,
    now: datetime,
    *,
    with_items: bool,
    copy: WhichCopy | None = None,
) -> RecordView:
    """
    Show a record, or one copy of it, to somebody who may look into it.

    Raises ``Denied`` or ``NotFound`` (VIS-11).
    """
    record = facts.record(session, record_id, actor.id)
    if record is None or not visibility.may_see_record(session, actor.id, record_id, now):
        raise unseen(actor, record)
    row = session.get_one(Record, record_id)
    holding = _shown(session, actor, record_id, now, copy)
    holder = names_of(session, [holding.owner_id])
    relation, copy_id = record.relation, None
    if copy is not None:
        copy_id = holding.id
        relation = Relation.PREVIOUS_OWNER if holding.owner_id == actor.id else Relation.READER
    return RecordView(
        id=row.id,
        number=row.number,
        title=holding.title,
        clients=[client.name for client in clients_of(session, record_id)],
        status=row.status if holding.state is HoldingState.LIVE else RecordStatus.ARCHIVED,
        confidential=holding.confidential,
        opened_on=holding.opened_on,
        email=holding.email,
        reason_for_consultation=holding.reason_for_consultation,
        owner=holder[holding.owner_id],
        relation=relation,
        open_transfer_id=record.open_transfer_id if holding.state is HoldingState.LIVE else None,
        archived=holding.state is not HoldingState.LIVE,
        copy_id=holding.id if holding.state is not HoldingState.LIVE else None,
        items=_items(session, actor, record_id, now, copy_id) if with_items else [],
    )


def _shown(
    session: Session, actor: MemberFacts, record_id: UUID, now: datetime, copy: WhichCopy | None
) -> Holding:
    """Give the holding whose details are shown: the one in use before its copies, or the copy wanted."""
    if copy is not None:
        found = [holding_id for holding_id, _ in visibility.copies(session, actor.id, record_id, now)]
        if not found or (copy.id is not None and copy.id not in found):
            raise NotFound("copy")
        return session.get_one(Holding, copy.id or found[0])
    return session.scalars(
        select(Holding)
        .where(Holding.id.in_(select(visibility.access(actor.id, record_id, now).c.holding_id)))
        .order_by(case((Holding.state == HoldingState.LIVE, 0), else_=1), Holding.until_at.desc())
        .limit(1)
    ).one()


def _items(
    session: Session, actor: MemberFacts, record_id: UUID, now: datetime, copy_id: UUID | None
) -> list[ItemView]:
    seen = [
        item
        for item in visibility.see(session, actor.id, record_id, now)
        if copy_id is None or item.holding_id == copy_id
    ]
    names = names_of(session, [who for item in seen for who in (item.author_id, item.first_author_id)])
    texts = visibility.read_texts(session, actor.id, record_id, now)
    return [
        ItemView(
            id=item.id,
            item_class=item.item_class,
            author=names.get(item.author_id) if item.author_id else None,
            first_author=names.get(item.first_author_id) if item.first_author_id else None,
            at=item.at,
            state=item.state,
            label=item.label or None,
            sha256=item.sha256,
            archived=item.archived,
            text=texts.get(item.sha256) if item.sha256 else None,
        )
        for item in seen
    ]


def record_views(session: Session, actor: MemberFacts, now: datetime) -> list[RecordView]:
    """List the records that somebody may look into, in order of number."""
    ids = session.scalars(
        select(Record.id)
        .where(Record.id.in_(visibility.visible_records(actor.id, now)))
        .order_by(Record.number)
    ).all()
    return [record_view(session, actor, record_id, now, with_items=False) for record_id in ids]


def preview_view(
    session: Session, actor: MemberFacts, record_id: UUID, to_id: UUID | None, options: Options, now: datetime
) -> PreviewView:
    """Show what a transfer would do. Raises the ``Denied`` that would stop it."""
    record = facts.record(session, record_id, actor.id)
    if record is None:
        raise NotFound("record")
    new_owner = None if to_id is None else facts.member(session, to_id)
    policy = facts.policy(session, record.organization_id)
    # The legal basis is given with the request: a preview does not ask for it.
    others = to_id != actor.id or facts.others_could(
        session, record, policy, options, but=frozenset({actor.id})
    )
    rules.check_request(actor, record, new_owner, options, policy, has_basis=True, others=others, insist=True)
    checked = rules.check_new_owner(new_owner, record)
    planned = plan(options, record, checked, policy)
    return PreviewView(
        record_id=record.id,
        record_number=session.scalars(select(Record.number).where(Record.id == record_id)).one(),
        to=names_of(session, [checked.id])[checked.id],
        options=options,
        copy_kept=planned.copy_kept,
        items=_lines(preview(session, record.id, planned, now)),
    )


def transfer_view(session: Session, actor: MemberFacts, transfer_id: UUID, now: datetime) -> TransferView:
    """
    Show a transfer to somebody who may know of it, and no more of it than they may (VIS-3, VIS-12).

    Raises ``NotFound`` for anybody else (VIS-11).
    """
    seen = facts.transfer(session, transfer_id)
    if seen is None:
        raise NotFound("transfer")
    rules.check_known(actor, seen)
    row = transfers.row(session, transfer_id)
    view = TransferView(
        id=row.id,
        state=row.state,
        must_act=row.state.must_act,
        version=row.version,
        asked_at=row.asked_at,
        decided_at=row.decided_at,
    )
    if actor.id in seen.formerly_asked and actor.id != seen.asked_by_id:
        return view.model_copy(update=_replaced(session, row, actor.id))
    waits_for_them = row.state in {TransferState.PENDING_ACCEPTANCE, TransferState.ACCEPTED}
    if actor.id == row.to_id and not waits_for_them:
        return view.model_copy(update=_former(session, row))
    return view.model_copy(update=_known(session, actor, row, now))


def _former(session: Session, row: Transfer) -> dict[str, object]:
    """Cut a view for somebody who no longer is asked: that they answered or were asked, and when (VIS-12)."""
    answer = transfers.answer_of(session, row)
    if answer is None:
        return {}  # they were asked until its end
    return {"state": answer[0], "must_act": Party.NOBODY, "version": 0, "decided_at": answer[1]}


def _replaced(session: Session, row: Transfer, member_id: UUID) -> dict[str, object]:
    """Cut a view for somebody in whose place somebody else was asked (VIS-12)."""
    asking = transfers.asking_of(session, row.id, member_id)
    assert asking is not None  # noqa: S101 - the facts say so
    return {
        "state": asking.answer,
        "must_act": Party.NOBODY,
        "version": 0,
        "asked_at": asking.asked_at,
        "decided_at": asking.answered_at,
    }


def _known(session: Session, actor: MemberFacts, row: Transfer, now: datetime) -> dict[str, object]:
    imposed_by = row.decided_by_id if row.imposed else None
    names = names_of(session, [row.from_id, row.to_id, row.asked_by_id, row.reassigned_by_id, imposed_by])
    record = facts.record(session, row.record_id, actor.id)
    is_new_owner = actor.id == row.to_id
    # A coordinator who once was asked is no party any more (VIS-2, VIS-12).
    asked = row.state in {TransferState.PENDING_ACCEPTANCE, TransferState.ACCEPTED}
    party = actor.id == row.from_id or (asked and actor.id == row.to_id)
    hidden = record is not None and record.confidential and not party
    # What was said to a party was said to a practitioner (VIS-1, VIS-12).
    reads = party and actor.acts_as(Role.PRACTITIONER)
    number = session.scalar(select(Record.number).where(Record.id == row.record_id))
    content = row.state is TransferState.ACCEPTED or not is_new_owner
    basis = transfers.basis_of(session, row.basis_id) if reads and content else None
    decides = row.state is TransferState.COORDINATOR_OVERRIDE and Role.COORDINATOR in actor.roles
    blind = is_new_owner and row.state is TransferState.PENDING_ACCEPTANCE
    return {
        "purpose": None if blind else row.purpose,
        "record_id": row.record_id,
        # The number of a confidential record is hidden from coordinators (VIS-2).
        "record_number": None if hidden else number,
        "owner": names[row.from_id],
        "new_owner": names[row.to_id],
        "asked_by": names[row.asked_by_id],
        "reassigned_by": names.get(row.reassigned_by_id) if row.reassigned_by_id else None,
        "imposed_by": names.get(imposed_by) if imposed_by else None,
        "options": None if blind else facts.options_of(row),
        "respond_by": row.respond_by,
        "reason": transfers.text_of(session, row.reason_id) if (reads and not blind) or decides else None,
        "basis": None if basis is None else basis.body,
        "basis_form": None if basis is None else basis.basis_form,
        "basis_on": date.fromisoformat(basis.basis_on) if basis is not None and basis.basis_on else None,
        "message": transfers.text_of(session, row.message_id) if reads and content else None,
        "failed_rule": row.failed_rule,
        "stuck_cause": None if blind else row.stuck_cause,
        "items": _transfer_lines(session, row, now, only_moved=is_new_owner),
    }


def _transfer_lines(session: Session, row: Transfer, now: datetime, *, only_moved: bool) -> list[ClassLine]:
    if row.state is TransferState.ACCEPTED:
        counts: Sequence[ClassCount] = manifest_counts(session, row.id)
    elif row.state.is_open:
        record = facts.record(session, row.record_id, row.to_id)
        new_owner = facts.member(session, row.to_id)
        if record is None or new_owner is None:
            return []
        options = facts.options_of(row)
        planned = plan(options, record, new_owner, facts.policy(session, row.organization_id))
        counts = preview(session, row.record_id, planned, now)
    else:
        return []
    return [line for line in _lines(counts) if not only_moved or line.outcome is Outcome.MOVED]


def _lines(counts: Sequence[ClassCount]) -> list[ClassLine]:
    """Show counts by class, without empty classes and without what is its author's alone (VIS-6)."""
    return [
        ClassLine(item_class=line.item_class, outcome=line.outcome, count=line.count)
        for line in counts
        if line.count and line.item_class not in UNCOUNTED
    ]
