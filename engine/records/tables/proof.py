"""The log, and what proves that it and a hand-over are as they were."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.records.tables.base import STRICT, Base, Side
from engine.states.choices import (
    Purpose,
)
from engine.states.transfer import TransferState


class Seal(Base):
    """
    A salted commitment to one line of a manifest (AUD-4); destruction takes salt and digest, nothing else.

    An ``annex`` line is a collaborator's confidential item (VIS-6), or stands for none, so that they cannot
    be counted.
    """

    __tablename__ = "seals"
    __table_args__ = (
        UniqueConstraint("transfer_id", "item_id"),
        ForeignKeyConstraint(["transfer_id", "item_id"], ["manifest.transfer_id", "manifest.item_id"]),
        CheckConstraint("(salt IS NULL) = (digest IS NULL)", name="forgotten_whole"),
        STRICT,
    )

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    commitment: Mapped[str] = mapped_column(primary_key=True)
    item_id: Mapped[UUID | None]
    annex: Mapped[bool]
    salt: Mapped[str | None]
    digest: Mapped[str | None]


class Receipt(Base):
    """What proves an accepted transfer (AUD-4): the manifest's hash, its place in the log, the signature."""

    __tablename__ = "receipts"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "event_seq"], ["events.organization_id", "events.seq"]),
        CheckConstraint("(statement IS NULL) = (signature IS NULL)", name="signed_whole"),
        Index(
            None,
            "organization_id",
            "transfer_id",
            sqlite_where=text("signature IS NULL"),
            postgresql_where=text("signature IS NULL"),
        ),
        STRICT,
    )

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    organization_id: Mapped[UUID]
    manifest_hash: Mapped[str]
    #: The number of commitments, those of the annex apart.
    lines: Mapped[int]
    annex: Mapped[str]
    #: The salt of the commitment that stands for the record's id and number (VIS-2).
    record_salt: Mapped[str]
    event_seq: Mapped[int]
    event_hash: Mapped[str]
    #: Canonical JSON, exactly as it was signed; null until it is.
    statement: Mapped[str | None]
    signature: Mapped[str | None]


class OrganizationKey(Base):
    """The public half of a key that signs an organization's receipts; the last one's other half is a file."""

    __tablename__ = "organization_keys"
    __table_args__ = (UniqueConstraint("organization_id", "public_key"), STRICT)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    #: From 1 on: each replaces the one before, whose signatures stay good.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    public_key: Mapped[str]
    created_at: Mapped[datetime]


class Event(Base):
    """One line of an organization's log: append-only, each line's hash covering the one before (AUD-2)."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("command_id", "action", "side"),
        Index("uq_events_command", "command_id", "action", unique=True, sqlite_where=text("side IS NULL"),
              postgresql_where=text("side IS NULL")),
        Index(None, "transfer_id"),
        STRICT,
    )  # fmt: skip

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    action: Mapped[str]
    outcome: Mapped[str]
    rule: Mapped[str | None]
    actor_id: Mapped[UUID | None]
    role: Mapped[str]
    os_uid: Mapped[int | None]
    #: The service that spoke in the actor's name, where one did.
    service_id: Mapped[UUID | None]
    command_id: Mapped[UUID]
    side: Mapped[Side | None]
    transfer_id: Mapped[UUID | None]
    record_id: Mapped[UUID | None]
    subject_id: Mapped[UUID | None]
    purpose: Mapped[Purpose | None]
    state_from: Mapped[TransferState | None]
    state_to: Mapped[TransferState | None]
    #: JSON object of counts by class; of a changed policy, its new value. Numbers, nothing else.
    counts: Mapped[str | None]
    prev_hash: Mapped[str]
    hash: Mapped[str]


class AuditHead(Base):
    """The last line of an organization's log; locking it orders the writers."""

    __tablename__ = "audit_heads"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]
