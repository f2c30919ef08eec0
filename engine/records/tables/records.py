"""A *record* is what the world knows; a *holding* is the record in one practitioner's hands."""

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

from engine.records.tables.base import STRICT, Base, HoldingState, words
from engine.rules.facts import RecordStatus
from engine.states.choices import (
    ShareLevel,
)


class Record(Base):
    """What the world knows of a record: its number, unique in the organization, and whether it is in use."""

    __tablename__ = "records"
    __table_args__ = (UniqueConstraint("organization_id", "number"), words("status", RecordStatus), STRICT)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    number: Mapped[str]
    status: Mapped[RecordStatus]
    legal_hold: Mapped[bool]
    created_at: Mapped[datetime]


class RecordClient(Base):
    """A client who stands behind a record."""

    __tablename__ = "record_clients"
    __table_args__ = (Index(None, "client_id"), STRICT)

    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"), primary_key=True)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"), primary_key=True)


class Share(Base):
    """A collaborator's access to a record; it stays when the record changes hands."""

    __tablename__ = "shares"
    __table_args__ = (
        Index(
            "uq_shares_current",
            "record_id",
            "member_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(None, "record_id", "member_id"),
        words("level", ShareLevel),
        STRICT,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    level: Mapped[ShareLevel]
    approval: Mapped[bool]
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Hold(Base):
    """A legal hold on a record, with who set it and why; a record has one at a time (MOVE-11)."""

    __tablename__ = "holds"
    __table_args__ = (
        Index(
            "uq_holds_current",
            "record_id",
            unique=True,
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        CheckConstraint(
            "(released_at IS NULL) = (released_by_id IS NULL)"
            " AND (released_at IS NULL) = (release_reason IS NULL)",
            name="released_whole",
        ),
        STRICT,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    set_at: Mapped[datetime]
    reason: Mapped[str]
    released_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    released_at: Mapped[datetime | None]
    release_reason: Mapped[str | None]


class Holding(Base):
    """A record in one practitioner's hands, with its details; exactly one of a record is live."""

    __tablename__ = "holdings"
    __table_args__ = (
        Index(
            "uq_holdings_live",
            "record_id",
            unique=True,
            sqlite_where=text("state = 'live'"),
            postgresql_where=text("state = 'live'"),
        ),
        Index(None, "owner_id", "state"),
        Index(None, "record_id"),
        Index(None, "closed_by_id"),
        Index(None, "organization_id", "state", "id"),
        words("state", HoldingState),
        STRICT,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    state: Mapped[HoldingState]
    confidential: Mapped[bool]
    title: Mapped[str]
    email: Mapped[str | None]
    reason_for_consultation: Mapped[str | None]
    opened_on: Mapped[str]
    from_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    #: The transfer that closed this holding; what became of its items is in that transfer's manifest.
    closed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("transfers.id"))


class Emergency(Base):
    """A collaborator's sight of a frozen record, for a while; its id is the command's in the log (VIS-4)."""

    __tablename__ = "emergencies"
    __table_args__ = (Index(None, "record_id", "member_id"), STRICT)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    until_at: Mapped[datetime]
