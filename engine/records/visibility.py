"""The one query that decides what an actor may see of a record; every reader selects from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, false, func, literal, or_, select, true, union_all
from sqlalchemy.orm import Session

from engine.records import openings
from engine.records.classes import items
from engine.records.tables.base import HoldingState, NoteState
from engine.records.tables.items import Content
from engine.records.tables.people import Member, MemberRole
from engine.records.tables.records import Emergency, Holding, Share
from engine.records.tables.transfers import ManifestLine, Transfer
from engine.records.types import Id, Instant
from engine.rules.content import ContentClass, Outcome
from engine.states.choices import Role
from engine.states.transfer import OPEN_STATES, TransferState

#: What a collaborator sees of what others wrote; their own items they see always.
_FOR_COLLABORATORS = (
    ContentClass.DETAILS,
    ContentClass.NOTE,
    ContentClass.DOCUMENT,
    ContentClass.PROFILE,
    ContentClass.PAST_APPOINTMENT,
    ContentClass.UPCOMING_APPOINTMENT,
)
#: What belongs to the record in use, and therefore to no archived copy.
_OF_RECORD = (ContentClass.SHARE, ContentClass.COLLABORATOR_APPOINTMENT)


class As(StrEnum):
    """By what right an actor sees an item."""

    OWNER = "owner"
    COLLABORATOR = "collaborator"
    PREVIOUS_OWNER = "previous_owner"
    #: A copy whose holder is gone, opened by an administrator for this actor and a time (MOVE-6).
    READER = "reader"


_OF_COPIES = (As.PREVIOUS_OWNER, As.READER)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleItem:
    """One item that an actor may see; ``archived`` where it stands in a read-only copy."""

    id: UUID
    item_class: ContentClass
    holding_id: UUID | None
    archived: bool
    author_id: UUID | None
    sha256: str | None
    state: str | None
    label: str | None
    at: datetime
    first_author_id: UUID | None


def access(actor_id: UUID, record_id: Any, now: datetime) -> Any:  # noqa: ANN401 - a value or a column
    """
    Select the holdings of a record that an actor may look into, and by what right.

    Of every record where ``record_id`` is ``Holding.record_id``.

    Whoever is no active practitioner, and one of another organization, get none (VIS-1, VIS-8); a
    collaborator none while a transfer is open (VIS-4, VIS-9), but for an emergency; a previous owner only a
    holding kept as a copy (VIS-7); somebody for whom such a copy was opened sees it as its holder does,
    ``seen_as`` (MOVE-6).
    """
    frozen = and_(
        exists().where(Transfer.record_id == record_id, Transfer.state.in_(OPEN_STATES)),
        ~_emergency(actor_id, record_id, now),
    )
    actor = _practises(actor_id)
    shared = exists().where(
        Share.record_id == record_id, Share.member_id == actor_id, Share.ended_at.is_(None)
    )

    def right(name: As, state: HoldingState, *conditions: Any) -> Select[Any]:  # noqa: ANN401
        seen_as = Holding.owner_id if name is As.READER else literal(actor_id, Id)
        columns: list[Any] = [
            Holding.id.label("holding_id"),
            Holding.closed_by_id.label("closed_by_id"),
            Holding.until_at.label("until_at"),
            literal(name).label("right"),
            seen_as.label("seen_as"),
        ]
        return select(*columns).where(
            Holding.record_id == record_id, Holding.state == state, actor, *conditions
        )

    return union_all(
        right(As.OWNER, HoldingState.LIVE, Holding.owner_id == actor_id),
        right(As.COLLABORATOR, HoldingState.LIVE, Holding.owner_id != actor_id, shared, ~frozen),
        right(As.PREVIOUS_OWNER, HoldingState.ARCHIVED, Holding.owner_id == actor_id),
        right(As.READER, HoldingState.ARCHIVED, openings.stands(Holding, actor_id, now)),
    ).subquery("access")


def _practises(actor_id: Any) -> Any:  # noqa: ANN401 - a value or a column
    """Ask for an active practitioner of the holding's organization: no other role sees content (VIS-1)."""
    return exists().where(
        Member.id == actor_id,
        Member.active.is_(true()),
        Member.organization_id == Holding.organization_id,
        MemberRole.member_id == Member.id,
        MemberRole.role == Role.PRACTITIONER,
    )


def _emergency(actor_id: UUID, record_id: Any, now: datetime) -> Any:  # noqa: ANN401 - a value or a column
    """Ask for a collaborator's emergency that stands; a would-be new owner has none (VIS-4, VIS-9)."""
    asked = and_(Transfer.to_id == actor_id, Transfer.state != TransferState.COORDINATOR_OVERRIDE)
    return exists().where(
        Emergency.record_id == record_id,
        Emergency.member_id == actor_id,
        Emergency.until_at > literal(now, Instant),
        Transfer.id == Emergency.transfer_id,
        Transfer.state.in_(OPEN_STATES),
        ~asked,
    )


def visible_items(actor_id: UUID, record_id: UUID, now: datetime) -> Select[Any]:
    """Select the items of a record that an actor may see (VIS-5 to VIS-7, VIS-9, VIS-10)."""
    holdings = access(actor_id, record_id, now)
    item = items(now, select(holdings.c.holding_id), record_id).subquery("item")
    own = item.c.author_id == holdings.c.seen_as
    others_private = and_(item.c.author_only.is_(true()), ~own)
    author_has_access = exists().where(
        Share.record_id == record_id,
        Share.member_id == item.c.author_id,
        Share.ended_at.is_(None),
        Member.id == Share.member_id,
        Member.active.is_(true()),
        MemberRole.member_id == Member.id,
        MemberRole.role == Role.PRACTITIONER,
    )
    # What has no state is null, which a plain comparison would make of the whole condition.
    drafts = (NoteState.DRAFT.value, NoteState.SET_ASIDE.value)
    others_draft = and_(func.coalesce(item.c.state, "").in_(drafts), ~own)
    # A copy shows what its holder could read: no draft of somebody who still shared the record then (VIS-10).
    shared_then = exists().where(
        Share.record_id == record_id,
        Share.member_id == item.c.author_id,
        Share.since <= holdings.c.until_at,
        or_(Share.ended_at.is_(None), Share.ended_at >= holdings.c.until_at),
    )
    deleted = exists().where(
        ManifestLine.transfer_id == holdings.c.closed_by_id,
        ManifestLine.item_id == item.c.item_id,
        ManifestLine.outcome == Outcome.DELETED,
    )
    owner = and_(holdings.c.right == As.OWNER, ~others_private, ~and_(others_draft, author_has_access))
    collaborator = and_(
        holdings.c.right == As.COLLABORATOR,
        or_(own, item.c.item_class.in_(_FOR_COLLABORATORS)),
        ~others_private,
    )
    in_copy = holdings.c.right.in_(_OF_COPIES)
    copy = and_(
        in_copy,
        ~others_private,
        ~and_(others_draft, shared_then),
        ~deleted,
        item.c.item_class.not_in(_OF_RECORD),
    )
    belongs = or_(item.c.holding_id == holdings.c.holding_id, item.c.holding_id.is_(None))
    return (
        select(item, in_copy.label("archived")).join(holdings, belongs).where(or_(owner, collaborator, copy))
    )


def see(session: Session, actor_id: UUID, record_id: UUID, now: datetime) -> Sequence[VisibleItem]:
    """Read the items of a record that an actor may see, oldest first, the record in use before its copies."""
    query = visible_items(actor_id, record_id, now).subquery()
    rows = session.execute(select(query).order_by(query.c.archived, query.c.at, query.c.item_id))
    return [
        VisibleItem(
            id=row.item_id,
            item_class=row.item_class,
            holding_id=row.holding_id,
            archived=bool(row.archived),
            author_id=row.author_id,
            sha256=row.sha256,
            state=row.state,
            label=row.label,
            at=row.at,
            first_author_id=row.first_author_id,
        )
        for row in rows
    ]


def read_content(
    session: Session, actor_id: UUID, record_id: UUID, item_id: UUID, now: datetime
) -> bytes | None:
    """Read the bytes of one item that an actor may see; ``None`` where there is no such item for them."""
    query = visible_items(actor_id, record_id, now).subquery()
    return session.scalar(
        select(Content.body)
        .join(query, query.c.sha256 == Content.sha256)
        .where(
            query.c.item_id == item_id,
            Content.organization_id
            == select(Member.organization_id).where(Member.id == actor_id).scalar_subquery(),
        )
        .order_by(query.c.archived)
        .limit(1)
    )


def is_in_copy_only(session: Session, actor_id: UUID, record_id: UUID, item_id: UUID, now: datetime) -> bool:
    """Say whether an item that an actor may see stands for them in an archived copy alone (AUD-3)."""
    query = visible_items(actor_id, record_id, now).subquery()
    live = exists().where(query.c.item_id == item_id, query.c.archived.is_(false()))
    return not session.scalar(select(live))


def read_texts(session: Session, actor_id: UUID, record_id: UUID, now: datetime) -> dict[str, str]:
    """Read the texts of the notes, tasks and memos that an actor may see, by their SHA-256."""
    query = visible_items(actor_id, record_id, now).subquery()
    organization = select(Member.organization_id).where(Member.id == actor_id).scalar_subquery()
    # Only notes have both a state and content; files are read one by one.
    texts = or_(query.c.state.is_not(None), query.c.item_class.in_((ContentClass.TASK, ContentClass.MEMO)))
    rows = session.execute(
        select(Content.sha256, Content.body).where(
            Content.organization_id == organization, Content.sha256.in_(select(query.c.sha256).where(texts))
        )
    )
    return {sha256: body.decode(errors="replace") for sha256, body in rows}


def may_see_item(session: Session, actor_id: UUID, record_id: UUID, item_id: UUID, now: datetime) -> bool:
    """Say whether an actor may see one item of a record."""
    query = visible_items(actor_id, record_id, now).subquery()
    return session.scalar(select(exists().where(query.c.item_id == item_id))) or False


def may_see_record(session: Session, actor_id: UUID, record_id: UUID, now: datetime) -> bool:
    """Say whether an actor may look into a record at all."""
    return session.scalar(select(exists().select_from(access(actor_id, record_id, now)))) or False


def copies(session: Session, actor_id: UUID, record_id: UUID, now: datetime) -> Sequence[tuple[UUID, UUID]]:
    """Give the archived copies of a record that an actor may read, with their holders, newest first."""
    reach = access(actor_id, record_id, now)
    rows = session.execute(
        select(Holding.id, Holding.owner_id)
        .join(reach, reach.c.holding_id == Holding.id)
        .where(reach.c.right.in_(_OF_COPIES))
        .order_by(Holding.until_at.desc(), Holding.id)
    )
    return [(holding_id, holder_id) for holding_id, holder_id in rows]


def holder_read(
    session: Session, actor_id: UUID, record_id: UUID, now: datetime, copy_id: UUID | None = None
) -> UUID | None:
    """Say whose copy an actor reads, if one was opened for them; the log names the newest (AUD-3)."""
    found = copies(session, actor_id, record_id, now)
    others = (holder for copy, holder in found if holder != actor_id and copy_id in {None, copy})
    return next(others, None)


def visible_records(actor_id: UUID, now: datetime) -> Select[Any]:
    """Select the records that an actor may look into, as owner, collaborator or holder of a copy."""
    frozen = and_(
        exists().where(Transfer.record_id == Holding.record_id, Transfer.state.in_(OPEN_STATES)),
        ~_emergency(actor_id, Holding.record_id, now),
    )
    shared = exists().where(
        Share.record_id == Holding.record_id, Share.member_id == actor_id, Share.ended_at.is_(None)
    )
    actor = _practises(literal(actor_id, Id))
    own = and_(Holding.owner_id == actor_id, Holding.state.in_((HoldingState.LIVE, HoldingState.ARCHIVED)))
    opened = and_(Holding.state == HoldingState.ARCHIVED, openings.stands(Holding, actor_id, now))
    return select(Holding.record_id).where(
        actor, or_(own, opened, and_(Holding.state == HoldingState.LIVE, shared, ~frozen))
    )
