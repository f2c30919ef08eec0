"""What a reader is told: records, previews and transfers, each cut to what this person may know."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from engine.errors import NotFound
from engine.records import facts, visibility
from engine.records.handover import ClassCount, preview
from engine.records.people import clients_by_record, clients_of, restrictions_of
from engine.records.tables.base import HoldingState
from engine.records.tables.people import Member
from engine.records.tables.records import Holding, Record
from engine.rules import transfers as rules
from engine.rules.content import UNCOUNTED, plan
from engine.rules.facts import MemberFacts, RecordFacts, RecordStatus, Relation
from engine.rules.writing import unseen
from engine.states.choices import Options, Role, WhichCopy
from engine.views import (
    ClassLine,
    ItemView,
    MemberView,
    PreviewView,
    RecordView,
    RestrictionView,
)

_COPY = case((Holding.state == HoldingState.LIVE, 0), else_=1)
_BEST_FIRST = (_COPY, Holding.until_at.desc())
_BEST_LAST = (_COPY.desc(), Holding.until_at)


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
    holder = names_of(session, [holding.owner_id])[holding.owner_id]
    clients = [client.name for client in clients_of(session, record_id)]
    view = _record_view(row, record, holding, holder, clients)
    if copy is not None:
        relation = Relation.PREVIOUS_OWNER if holding.owner_id == actor.id else Relation.READER
        view = view.model_copy(update={"relation": relation, "copy_id": holding.id})
    if not with_items:
        return view
    items = _items(session, actor, record_id, now, None if copy is None else holding.id)
    return view.model_copy(update={"items": items})


def _record_view(
    row: Record, record: RecordFacts, holding: Holding, holder: str, clients: Sequence[str]
) -> RecordView:
    live = holding.state is HoldingState.LIVE
    return RecordView(
        id=row.id,
        number=row.number,
        title=holding.title,
        clients=list(clients),
        status=row.status if live else RecordStatus.ARCHIVED,
        confidential=holding.confidential,
        opened_on=holding.opened_on,
        email=holding.email,
        reason_for_consultation=holding.reason_for_consultation,
        owner=holder,
        relation=record.relation,
        open_transfer_id=record.open_transfer_id if live else None,
        archived=not live,
        copy_id=None if live else holding.id,
        items=[],
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
        .order_by(*_BEST_FIRST)
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
    """List the records that somebody may look into, in order of number, by a fixed number of statements."""
    visible = visibility.visible_records(actor.id, now)
    rows = session.scalars(select(Record).where(Record.id.in_(visible)).order_by(Record.number)).all()
    records = facts.records(session, visible, actor.id)
    reach = visibility.access(actor.id, Holding.record_id, now)
    holdings = session.scalars(
        select(Holding)
        .where(Holding.id.in_(select(reach.c.holding_id)), Holding.record_id.in_(visible))
        .order_by(*_BEST_LAST)
    ).all()
    # The one in use before its copies, of these the newest: the last one that is named stays.
    shown = {holding.record_id: holding for holding in holdings}
    names = names_of(session, {holding.owner_id for holding in shown.values()})
    clients = clients_by_record(session, visible)
    return [
        _record_view(
            row, records[row.id], shown[row.id], names[shown[row.id].owner_id], clients.get(row.id, ())
        )
        for row in rows
    ]


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
        items=class_lines(preview(session, record.id, planned, now)),
    )


def class_lines(counts: Sequence[ClassCount]) -> list[ClassLine]:
    """Show counts by class, without empty classes and without what is its author's alone (VIS-6)."""
    return [
        ClassLine(item_class=line.item_class, outcome=line.outcome, count=line.count)
        for line in counts
        if line.count and line.item_class not in UNCOUNTED
    ]
