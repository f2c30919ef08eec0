"""The one list of what a record consists of, class by class: preview, hand-over and every reader use it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    and_,
    case,
    cast,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from engine.records.tables.base import AppointmentState, NoteState
from engine.records.tables.items import (
    Appointment,
    Document,
    Invoice,
    ItemWithContent,
    Memo,
    Note,
    Profile,
    RawDatum,
    Task,
)
from engine.records.tables.records import Holding, Share
from engine.records.types import Flag, Id, Instant, Word
from engine.rules.content import ContentClass

_CLASS = Word(ContentClass)
_Given = BindParameter[Any]
#: A mapped attribute or an SQL expression: SQLAlchemy has no common type for the two.
_Column = Any


def items(
    now: datetime | _Given, holdings: Select[Any], record_id: UUID | _Given | Select[Any]
) -> CompoundSelect[Any]:
    """
    Select every item of some holdings of a record, and what belongs to the record itself.

    ``now`` and ``record_id`` are values, or parameters of a statement that is built once and run often;
    of a whole caseload ``record_id`` selects the records.

    Columns: ``item_class``, ``item_id``, ``holding_id`` (null where the record itself has it), ``record_id``
    (there alone), ``author_id``, ``sha256``, ``author_only``, ``state``, ``label``, ``at``,
    ``first_author_id``.
    """
    upcoming_after = literal(now, Instant) if isinstance(now, datetime) else now
    of_record = and_(Appointment.holding_id.is_(None), _among(Appointment.record_id, record_id))
    return union_all(
        _arm(
            _is(ContentClass.DETAILS),
            item_id=Holding.id,
            holding_id=Holding.id,
            author_id=Holding.owner_id,
            label=Holding.title,
            at=Holding.from_at,
        ).where(Holding.id.in_(holdings)),
        _with_content(
            Note,
            _note_class(),
            author_only=Note.author_only,
            state=cast(Note.state, Text),
            first_author_id=Note.first_author_id,
        ).where(Note.holding_id.in_(holdings)),
        _with_content(
            Document, _document_class(), author_only=Document.author_only, label=Document.name
        ).where(Document.holding_id.in_(holdings)),
        _with_content(RawDatum, _is(ContentClass.RAW_DATA), label=RawDatum.name).where(
            RawDatum.holding_id.in_(holdings)
        ),
        _with_content(Profile, _is(ContentClass.PROFILE), label=Profile.name).where(
            Profile.holding_id.in_(holdings)
        ),
        _with_content(Task, _is(ContentClass.TASK)).where(Task.holding_id.in_(holdings)),
        _with_content(Memo, _is(ContentClass.MEMO)).where(Memo.holding_id.in_(holdings)),
        _arm(
            _is(ContentClass.INVOICE),
            item_id=Invoice.item_id,
            holding_id=Invoice.holding_id,
            label=Invoice.number,
            at=Invoice.created_at,
        ).where(Invoice.holding_id.in_(holdings)),
        _arm(
            _appointment_class(upcoming_after),
            item_id=Appointment.item_id,
            holding_id=Appointment.holding_id,
            record_id=case((Appointment.holding_id.is_(None), Appointment.record_id)),
            author_id=Appointment.practitioner_id,
            state=cast(Appointment.state, Text),
            at=Appointment.starts_at,
        ).where(or_(Appointment.holding_id.in_(holdings), of_record)),
        _arm(
            _is(ContentClass.SHARE),
            item_id=Share.id,
            record_id=Share.record_id,
            author_id=Share.member_id,
            label=cast(Share.level, Text),
            at=Share.since,
        ).where(_among(Share.record_id, record_id), Share.ended_at.is_(None)),
    )


def _among(column: _Column, record_id: UUID | _Given | Select[Any]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = (
        column.in_(record_id) if isinstance(record_id, Select) else column == record_id
    )
    return found


def _is(item_class: ContentClass) -> ColumnElement[ContentClass]:
    return literal(item_class, _CLASS)


def _note_class() -> ColumnElement[ContentClass]:
    return case(
        (Note.author_only.is_(true()), _is(ContentClass.COLLABORATOR_CONFIDENTIAL)),
        (Note.confidential.is_(true()), _is(ContentClass.CONFIDENTIAL_NOTE)),
        (Note.state.in_((NoteState.DRAFT, NoteState.SET_ASIDE)), _is(ContentClass.DRAFT_NOTE)),
        else_=_is(ContentClass.NOTE),
    )


def _document_class() -> ColumnElement[ContentClass]:
    return case(
        (Document.author_only.is_(true()), _is(ContentClass.COLLABORATOR_CONFIDENTIAL)),
        (Document.confidential.is_(true()), _is(ContentClass.CONFIDENTIAL_DOCUMENT)),
        else_=_is(ContentClass.DOCUMENT),
    )


def _appointment_class(now: ColumnElement[Any]) -> ColumnElement[ContentClass]:
    upcoming = and_(Appointment.state == AppointmentState.BOOKED, Appointment.starts_at > now)
    return case(
        (Appointment.holding_id.is_(None), _is(ContentClass.COLLABORATOR_APPOINTMENT)),
        (upcoming, _is(ContentClass.UPCOMING_APPOINTMENT)),
        else_=_is(ContentClass.PAST_APPOINTMENT),
    )


def _with_content(
    model: type[ItemWithContent], item_class: ColumnElement[Any], **more: _Column
) -> Select[Any]:
    return _arm(
        item_class,
        item_id=model.item_id,
        holding_id=model.holding_id,
        author_id=model.author_id,
        sha256=model.sha256,
        at=model.created_at,
        **more,
    )


_NO_ID: ColumnElement[Any] = cast(null(), Id)
_NO_TEXT: ColumnElement[Any] = cast(null(), Text)
_NO: ColumnElement[Any] = literal(False, Flag)  # noqa: FBT003 - a value, not an option


def _arm(  # noqa: PLR0913 - one argument a column
    item_class: ColumnElement[Any],
    *,
    item_id: _Column,
    at: _Column,
    holding_id: _Column = _NO_ID,
    record_id: _Column = _NO_ID,
    author_id: _Column = _NO_ID,
    sha256: _Column = _NO_TEXT,
    author_only: _Column = _NO,
    state: _Column = _NO_TEXT,
    label: _Column = _NO_TEXT,
    first_author_id: _Column = _NO_ID,
) -> Select[Any]:
    return select(
        item_class.label("item_class"),
        item_id.label("item_id"),
        holding_id.label("holding_id"),
        record_id.label("record_id"),
        author_id.label("author_id"),
        sha256.label("sha256"),
        author_only.label("author_only"),
        state.label("state"),
        label.label("label"),
        at.label("at"),
        first_author_id.label("first_author_id"),
    )
