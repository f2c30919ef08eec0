"""Write progress notes: drafts, signatures, approvals, and drafts whose author has lost access (VIS-10)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, true, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import ForUpdateArg

from engine.records.locks import is_sqlite
from engine.records.tables.base import NoteState
from engine.records.tables.items import Note
from engine.records.tables.people import Member, MemberRole
from engine.records.tables.records import Share
from engine.records.writing import add_item, keep, live_holding
from engine.rules.facts import MemberFacts, RecordFacts, Relation
from engine.rules.writing import NoteFacts, waits_for_approval
from engine.states.choices import Role


def note(session: Session, record_id: UUID, note_id: UUID) -> Note | None:
    """Read a note of the holding that is in use, afresh, and hold it: it is adopted or approved once."""
    holding = live_holding(session, record_id)
    return session.get(
        Note,
        (holding.id, note_id),
        populate_existing=True,
        with_for_update=None if is_sqlite(session) else ForUpdateArg(key_share=True),
    )


def facts_of(session: Session, record: RecordFacts, found: Note) -> NoteFacts:
    """Give what the rules judge of a note."""
    return NoteFacts(
        author_id=found.author_id,
        draft=found.state is NoteState.DRAFT,
        waiting=found.state is NoteState.WAITING_APPROVAL,
        set_aside=found.state is NoteState.SET_ASIDE,
        author_writes=_has_access(session, record, found.author_id),
    )


def _has_access(session: Session, record: RecordFacts, member_id: UUID) -> bool:
    """Say whether somebody is an active practitioner, and the owner or a collaborator of a record."""
    shared = exists().where(
        Share.record_id == record.id, Share.member_id == member_id, Share.ended_at.is_(None)
    )
    active = exists().where(
        Member.id == member_id,
        Member.active.is_(true()),
        MemberRole.member_id == Member.id,
        MemberRole.role == Role.PRACTITIONER,
    )
    if member_id == record.owner_id:
        return session.scalar(select(active)) or False
    return session.scalar(select(active & shared)) or False


def add(
    session: Session,
    author: MemberFacts,
    record: RecordFacts,
    body: bytes,
    *,
    confidential: bool,
    now: datetime,
) -> UUID:
    """Write a progress note as a draft; a collaborator's confidential one is for its author alone (VIS-6)."""
    return add_item(
        session,
        Note,
        author,
        record,
        now,
        body,
        state=NoteState.DRAFT,
        confidential=confidential,
        author_only=confidential and record.relation is not Relation.OWNER,
    )


def edit(session: Session, found: Note, body: bytes) -> None:
    """Give a draft another text."""
    session.execute(update(Note).where(*_is(found)).values(sha256=keep(session, found.organization_id, body)))


def sign(session: Session, record: RecordFacts, found: Note, now: datetime) -> NoteState:
    """Sign a draft, which nobody changes any more (VIS-5); say whether it waits for the owner's approval."""
    waits = waits_for_approval(record, author_only=found.author_only)
    state = NoteState.WAITING_APPROVAL if waits else NoteState.SIGNED
    session.execute(update(Note).where(*_is(found)).values(state=state, signed_at=now))
    return state


def approve(session: Session, found: Note, approver_id: UUID, now: datetime) -> None:
    """Approve a note that waits for it; its author, its date and its signature stay (VIS-5)."""
    session.execute(
        update(Note)
        .where(*_is(found))
        .values(state=NoteState.SIGNED, approved_by_id=approver_id, approved_at=now)
    )


def adopt(session: Session, record: RecordFacts, found: Note, adopter: MemberFacts, now: datetime) -> UUID:
    """Make a draft of the adopter's own that names the first author; the other is set aside (VIS-10)."""
    adopted = add_item(
        session,
        Note,
        adopter,
        record,
        now,
        found.sha256,
        state=NoteState.DRAFT,
        confidential=found.confidential,
        author_only=False,
        first_author_id=found.first_author_id or found.author_id,
    )
    set_aside(session, found)
    return adopted


def set_aside(session: Session, found: Note) -> None:
    """Set a draft aside: it stays, moves with the record, and is no draft any more (VIS-10)."""
    session.execute(update(Note).where(*_is(found)).values(state=NoteState.SET_ASIDE))


def _is(found: Note) -> tuple[ColumnElement[bool], ...]:
    return (Note.holding_id == found.holding_id, Note.item_id == found.item_id)
