"""What an export holds: every item that an actor may see, its fields, and its bytes one item at a time."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from engine.errors import NotFound, Unavailable
from engine.records import visibility
from engine.records.tables.items import Appointment, Content, Document, Invoice, Note, Profile, RawDatum, Task
from engine.records.tables.people import Member
from engine.records.tables.records import Holding
from engine.records.visibility import VisibleItem
from engine.rules.content import ContentClass

#: The fields of each table that an export tells, beside what every item has.
_FIELDS: dict[Any, tuple[str, ...]] = {
    Note: ("signed_at",),
    Document: ("name", "media_type"),
    RawDatum: ("name", "media_type"),
    Profile: ("name", "relationship"),
    Invoice: ("number", "amount_cents", "currency", "issued_on"),
    Task: ("due_on",),
    Appointment: ("starts_at", "ends_at"),
}
_DETAILS = ("title", "email", "reason_for_consultation", "opened_on", "confidential", "from_at", "until_at")
#: In which order a reader wants them.
_ORDER = {item_class: place for place, item_class in enumerate(ContentClass)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportItem:
    """One item with its fields; ``media_type`` is that of its bytes, where it has some."""

    item: VisibleItem
    author: str | None
    media_type: str | None
    data: dict[str, Any] = field(default_factory=dict)


def items_to_export(
    session: Session, actor_id: UUID, record_id: UUID, now: datetime, copy_id: UUID | None = None
) -> list[ExportItem]:
    """Give every item that an actor may see, or those of one copy: the record in use first, then by class."""
    seen = [
        item
        for item in visibility.see(session, actor_id, record_id, now)
        if copy_id is None or item.holding_id == copy_id
    ]
    fields = _fields(session, actor_id, record_id, now)
    names = {
        member_id: f"{first} {last}"
        for member_id, first, last in session.execute(
            select(Member.id, Member.first_name, Member.last_name).where(
                Member.id.in_({item.author_id for item in seen if item.author_id})
            )
        )
    }
    seen.sort(
        key=lambda item: (
            item.archived,
            str(item.holding_id) if item.archived else "",
            _ORDER[item.item_class],
            item.at,
            str(item.id),
        )
    )
    return [_export_item(item, names, fields) for item in seen]


def _export_item(
    item: VisibleItem, names: dict[UUID, str], fields: dict[tuple[UUID | None, UUID], dict[str, Any]]
) -> ExportItem:
    data = dict(fields.get((item.holding_id, item.id), {}))
    if item.item_class is ContentClass.SHARE:
        data["level"] = item.label
    media_type = data.pop("media_type", None)
    if item.sha256 is not None and media_type is None:
        media_type = (
            "application/json" if item.item_class is ContentClass.PROFILE else "text/plain;charset=utf-8"
        )
    author = names.get(item.author_id) if item.author_id else None
    return ExportItem(item=item, author=author, media_type=media_type, data=data)


def _fields(
    session: Session, actor_id: UUID, record_id: UUID, now: datetime
) -> dict[tuple[UUID | None, UUID], dict[str, Any]]:
    seen = visibility.visible_items(actor_id, record_id, now).subquery()
    found: dict[tuple[UUID | None, UUID], dict[str, Any]] = {}
    for table, names in _FIELDS.items():
        query = select(table.holding_id, table.item_id, *(getattr(table, name) for name in names)).join(
            seen,
            and_(
                seen.c.item_id == table.item_id,
                seen.c.holding_id.is_not_distinct_from(table.holding_id),
            ),
        )
        for holding_id, item_id, *values in session.execute(query):
            found[holding_id, item_id] = dict(zip(names, values, strict=True))
    details = select(Holding.id, *(getattr(Holding, name) for name in _DETAILS)).join(
        seen, and_(seen.c.item_id == Holding.id, seen.c.item_class == ContentClass.DETAILS)
    )
    for holding_id, *values in session.execute(details):
        found[holding_id, holding_id] = dict(zip(_DETAILS, values, strict=True))
    return found


def body_of(session: Session, organization_id: UUID, item: VisibleItem) -> bytes:
    """
    Read the bytes of one item of ``items_to_export``, and compare them with their digest.

    Raises ``Unavailable`` where they are gone or changed: an export that says less would pass for whole.
    """
    if item.sha256 is None:
        raise NotFound("document")
    body = session.scalar(
        select(Content.body).where(Content.organization_id == organization_id, Content.sha256 == item.sha256)
    )
    if body is None or hashlib.sha256(body).hexdigest() != item.sha256:
        raise Unavailable("database_damaged")
    return body
