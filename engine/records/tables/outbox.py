"""Messages to be sent, written in the transaction that causes them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.records.tables.base import STRICT, Base, DeliveryState, DeliveryTrouble, HeldState, words


class Notice(Base):
    """A message to be sent, written in the transaction that causes it (NOTE-1, NOTE-3)."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("cause_id", "kind", "recipient_id", "subject_id"),
        CheckConstraint("(member_id IS NULL) <> (client_id IS NULL)", name="one_recipient"),
        Index(None, "transfer_id"),
        Index("ix_outbox_unplanned", "id", sqlite_where=text("delivery_id IS NULL"),
              postgresql_where=text("delivery_id IS NULL")),
        Index(None, "delivery_id"),
        STRICT,
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    kind: Mapped[str]
    cause_id: Mapped[UUID]
    transfer_id: Mapped[UUID | None] = mapped_column(ForeignKey("transfers.id"))
    #: The member or the client, whichever it is.
    recipient_id: Mapped[UUID]
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("clients.id"))
    #: What it is about: the appointment that a client is told of, the transfer, the member whose role changed
    #: or the organization that lacks a coordinator.
    subject_id: Mapped[UUID]
    sequence: Mapped[int | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    #: The message that carries it; none yet before the sender has seen it. (SQLite adds no foreign key.)
    delivery_id: Mapped[UUID | None]


class Delivery(Base):
    """One message to one person, made of one notice or of several; sent at least once (NOTE-3)."""

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint("(member_id IS NULL) <> (client_id IS NULL)", name="one_recipient"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_when"),
        words("state", DeliveryState),
        words("trouble", DeliveryTrouble),
        Index(None, "state", "due_at"),
        Index(None, "member_id", "topic"),
        STRICT,
    )

    #: Also the message's identity for mail servers: a repeat is the same message.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("clients.id"))
    #: What its notices have in common: a cause, a bulk, a day.
    topic: Mapped[str]
    state: Mapped[DeliveryState]
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    #: Until then a sender has it in hand.
    claimed_until: Mapped[datetime | None]
    trouble: Mapped[DeliveryTrouble | None]
    smtp_code: Mapped[int | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class HeldCancellation(Base):
    """An appointment that a hand-over cancelled, of which the client hears after a decision (NOTE-2)."""

    __tablename__ = "held_cancellations"
    __table_args__ = (
        CheckConstraint("(state = 'undecided') = (decided_at IS NULL)", name="decided_when"),
        CheckConstraint("(state = 'undecided') = (decided_by_id IS NULL)", name="decided_by"),
        CheckConstraint("(state = 'moved') = (moved_to_id IS NOT NULL)", name="moved_where"),
        CheckConstraint("(offered_to_id IS NULL) = (offered_by_id IS NULL)", name="offered_by"),
        words("state", HeldState),
        Index("ix_held_cancellations_undecided", "organization_id",
              sqlite_where=text("state = 'undecided'"), postgresql_where=text("state = 'undecided'")),
        Index(None, "moved_to_id"),
        STRICT,
    )  # fmt: skip

    appointment_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"))
    #: What calendars know it by: of an appointment that was moved before, the id of the first one.
    calendar_id: Mapped[UUID]
    state: Mapped[HeldState]
    #: Void once somebody else is responsible for the record.
    offered_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    offered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    #: The appointment of the new owner that took its place.
    moved_to_id: Mapped[UUID | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    decided_at: Mapped[datetime | None]


class PhoneCall(Base):
    """Somebody told a client by telephone what a message could not, or not in time; never changed."""

    __tablename__ = "calls"

    notice_id: Mapped[int] = mapped_column(ForeignKey("outbox.id"), primary_key=True, autoincrement=False)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    at: Mapped[datetime]
