"""What a holding consists of. Only those that ``tests/unit/test_item_tables.py`` names touch these tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Index,
)
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from engine.records.tables.base import STRICT, AppointmentState, Base, NoteState, words


class Content(Base):
    """Text and bytes, once an organization, shared by the items that refer to them."""

    __tablename__ = "content"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[bytes]


class Item(Base):
    """What every item has: the holding it belongs to and an id that stays the same in every holding."""

    __abstract__ = True

    holding_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    created_at: Mapped[datetime]


class ItemWithContent(Item):
    """An item whose text or bytes are a row of ``content``."""

    __abstract__ = True

    @declared_attr.directive
    def __table_args__(cls) -> Any:  # noqa: ANN401, N805 - declared by SQLAlchemy
        """Tie the item to its content, inside the organization."""
        return (
            ForeignKeyConstraint(
                ["organization_id", "sha256"], ["content.organization_id", "content.sha256"]
            ),
            Index(None, "organization_id", "sha256"),
            STRICT,
        )

    author_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    sha256: Mapped[str]


class Note(ItemWithContent):
    """A progress note; ``author_only`` marks a collaborator's confidential one (VIS-6)."""

    __tablename__ = "notes"

    state: Mapped[NoteState]
    confidential: Mapped[bool]
    author_only: Mapped[bool]
    #: When its author signed it; one that waits for approval is signed already.
    signed_at: Mapped[datetime | None]
    #: Who wrote the draft that this note was adopted from (VIS-10).
    first_author_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    approved_at: Mapped[datetime | None]


class Document(ItemWithContent):
    """A file; ``author_only`` marks a collaborator's confidential one (VIS-6)."""

    __tablename__ = "documents"

    name: Mapped[str]
    media_type: Mapped[str]
    confidential: Mapped[bool]
    author_only: Mapped[bool]


class RawDatum(ItemWithContent):
    """Uninterpreted test material, for the titles that may hold it (ELIG-5)."""

    __tablename__ = "raw_data"

    name: Mapped[str]
    media_type: Mapped[str]


class Profile(ItemWithContent):
    """A linked profile: a parent, a school, a physician; its content is canonical JSON."""

    __tablename__ = "profiles"

    name: Mapped[str]
    relationship: Mapped[str]


class Invoice(Item):
    """A bill; it never leaves the accounts of the one who wrote it."""

    __tablename__ = "invoices"

    number: Mapped[str]
    amount_cents: Mapped[int]
    currency: Mapped[str]
    issued_on: Mapped[str]


class Task(ItemWithContent):
    """Something to do; deleted at a hand-over."""

    __tablename__ = "tasks"

    due_on: Mapped[str | None]


class Memo(ItemWithContent):
    """A reminder to oneself; deleted at a hand-over."""

    __tablename__ = "memos"


class Appointment(Base):
    """A meeting with a client: the owner's belong to a holding, a collaborator's to the record."""

    __tablename__ = "appointments"
    __table_args__ = (
        Index(None, "record_id"),
        Index(None, "holding_id"),
        words("state", AppointmentState),
        STRICT,
    )

    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    holding_id: Mapped[UUID | None] = mapped_column(ForeignKey("holdings.id"))
    practitioner_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("clients.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[AppointmentState]
    #: The calendar's sequence number of this appointment, one more at each change (RFC 5545).
    sequence: Mapped[int]
    created_at: Mapped[datetime]
