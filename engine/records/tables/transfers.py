"""Transfers, what each hand-over did with every item, and the free texts that travel as an id."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.records.tables.base import OPEN, STRICT, Base, StuckCause, TextKind, words
from engine.rules.content import ContentClass, Outcome
from engine.states.choices import (
    BasisForm,
    Purpose,
    RawDataChoice,
    Role,
)
from engine.states.transfer import TransferState


class Transfer(Base):
    """One transfer: the truth about it, the lock on its record and the freeze of it."""

    __tablename__ = "transfers"
    __table_args__ = (
        Index(
            "uq_transfers_open",
            "record_id",
            unique=True,
            sqlite_where=text(f"state IN ({OPEN})"),
            postgresql_where=text(f"state IN ({OPEN})"),
        ),
        # Beside the partial one above, which SQLite takes for none where the states are parameters.
        Index(None, "record_id"),
        Index(None, "from_id"),
        Index(None, "to_id"),
        Index(None, "organization_id", "asked_at", "id"),
        words("state", TransferState),
        STRICT,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    from_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    to_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    asked_by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    asked_role: Mapped[Role]
    bulk_id: Mapped[UUID | None]
    state: Mapped[TransferState]
    #: One more at every change that a decision depends on (MOVE-3).
    version: Mapped[int]
    purpose: Mapped[Purpose]
    include_confidential: Mapped[bool]
    raw_data: Mapped[RawDataChoice]
    keep_copy: Mapped[bool]
    basis_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))
    message_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))
    reason_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))
    asked_at: Mapped[datetime]
    respond_by: Mapped[datetime]
    reminders_sent: Mapped[int]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    decided_at: Mapped[datetime | None]
    #: The rule that denied a failed request, as an error key.
    failed_rule: Mapped[str | None]
    stuck_cause: Mapped[StuckCause | None]
    #: The coordinator who chose who is asked now; null while it is who was asked first (OVR-1).
    reassigned_by_id: Mapped[UUID | None]
    #: Whether a coordinator decided in place of the new owner (OVR-1).
    imposed: Mapped[bool] = mapped_column(server_default=false())


class Asking(Base):
    """Somebody who was asked before somebody else took their place: when, and what they answered (OVR-1)."""

    __tablename__ = "askings"
    __table_args__ = (words("answer", TransferState), Index(None, "member_id"), STRICT)

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    #: Of the transfer when they were replaced.
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    #: The coordinator who chose them; null for who was asked first.
    reassigned_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    asked_at: Mapped[datetime]
    respond_by: Mapped[datetime]
    #: As they are told it: refused, expired, or cancelled where they were not waited for.
    answer: Mapped[TransferState]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime]
    reason_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))
    basis_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))


class ManifestLine(Base):
    """What became of one item at a hand-over (MOVE-5)."""

    __tablename__ = "manifest"
    __table_args__ = (
        words("item_class", ContentClass),
        words("outcome", Outcome),
        Index(None, "item_id"),
        STRICT,
    )

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_class: Mapped[ContentClass]
    outcome: Mapped[Outcome]
    author_id: Mapped[UUID | None]
    sha256: Mapped[str | None]


class FreeText(Base):
    """A reason, a basis or a message, which travels as its id; one that no transfer uses is swept."""

    __tablename__ = "texts"
    __table_args__ = (words("kind", TextKind), STRICT)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    kind: Mapped[TextKind]
    body: Mapped[str]
    basis_form: Mapped[BasisForm | None]
    basis_on: Mapped[str | None]
    #: Whether a basis stands whoever takes over; one that names a person is asked for again (ELIG-8).
    basis_for_anybody: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime]
