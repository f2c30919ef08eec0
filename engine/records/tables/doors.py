"""What the interface over HTTP remembers: services that speak for members, and answers to commands."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engine.records.tables.base import STRICT, Base


class ServiceToken(Base):
    """A service of an organization, and the digest of its token; revoked once, never removed (AUD-1)."""

    __tablename__ = "services"
    __table_args__ = (UniqueConstraint("digest"), Index(None, "organization_id"), STRICT)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    #: SHA-256 of the token; the token itself is shown once and kept nowhere.
    digest: Mapped[str]
    added_by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    added_at: Mapped[datetime]
    revoked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    revoked_at: Mapped[datetime | None]


class KeptAnswer(Base):
    """The answer to a command that named itself, for a day; none while it is carried out (MOVE-3)."""

    __tablename__ = "answers"
    __table_args__ = (
        CheckConstraint("(status IS NULL) = (body IS NULL)", name="answered_whole"),
        Index(None, "begun_at"),
        STRICT,
    )

    actor_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    #: SHA-256 of what was asked.
    digest: Mapped[str]
    begun_at: Mapped[datetime]
    status: Mapped[int | None]
    body: Mapped[str | None]
