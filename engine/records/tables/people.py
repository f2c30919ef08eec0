"""Organizations with their policies, members with their roles, clients with their restrictions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.records.tables.base import STRICT, Base, words
from engine.states.choices import (
    NoticePace,
    Role,
)


class Organization(Base):
    """A group organization: a clinic or a school; nothing crosses its wall (VIS-8)."""

    __tablename__ = "organizations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    language: Mapped[str]
    time_zone: Mapped[str]
    created_at: Mapped[datetime]
    #: Where clients' answers to our messages go.
    reply_to: Mapped[str | None]


class Policy(Base):
    """An organization's choices. Durations are whole seconds; whole days end with the day there (ST-3)."""

    __tablename__ = "policies"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    answer_within: Mapped[int]
    #: JSON list of seconds after the asking.
    reminders: Mapped[str]
    basis_required: Mapped[bool]
    #: How long what was excluded and not kept stays in quarantine (MOVE-6).
    grace_days: Mapped[int] = mapped_column(server_default=text("30"))
    #: How long a record is kept after its last service (MOVE-6).
    retention_years: Mapped[int] = mapped_column(server_default=text("5"))
    #: Whether a coordinator may impose a transfer (OVR-1).
    impose_allowed: Mapped[bool] = mapped_column(server_default=true())
    #: Whether a coordinator may become the owner by a step of their own where nobody else could (ELIG-9).
    coordinator_may_receive: Mapped[bool] = mapped_column(server_default=false())
    #: How often what waits for a coordinator is brought to mind again, in seconds (ST-1).
    remind_coordinators: Mapped[int] = mapped_column(server_default=text("259200"))
    #: Whether clients are told who is responsible for them from now on (NOTE-2).
    announce_practitioner: Mapped[bool] = mapped_column(server_default=false())
    #: Whether a coordinator decides before clients hear that an appointment is cancelled (NOTE-2).
    hold_cancellations: Mapped[bool] = mapped_column(server_default=false())


class RawDataTitle(Base):
    """A professional title, folded, whose holders may receive raw data (ELIG-5)."""

    __tablename__ = "raw_data_titles"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    title: Mapped[str] = mapped_column(primary_key=True)


class Member(Base):
    """A person of an organization."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("organization_id", "email"), STRICT)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    email: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    title: Mapped[str]
    language: Mapped[str]
    active: Mapped[bool]
    accepts_records: Mapped[bool]
    created_at: Mapped[datetime]
    #: How often messages come that need no action (NOTE-1).
    notices: Mapped[NoticePace] = mapped_column(server_default=text("'at_once'"))


class SignedIn(Base):
    """
    Somebody who is signed in at the console: a digest of what their browser holds, never the thing itself.

    Rows end with the session; that it began and ended is in the log.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("length(digest) = 64", name="digest_whole"),
        CheckConstraint("began_at < until_at", name="ends_later"),
        Index(None, "member_id"),
        STRICT,
    )

    digest: Mapped[str] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    began_at: Mapped[datetime]
    #: When they last asked for a page, give or take a few minutes.
    seen_at: Mapped[datetime]
    until_at: Mapped[datetime]


class Subject(Base):
    """Who a member is for an OpenID Connect issuer; an administrator says so, and may take it back."""

    __tablename__ = "subjects"
    __table_args__ = (
        UniqueConstraint("organization_id", "issuer", "subject"),
        Index(None, "issuer", "subject"),
        STRICT,
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    issuer: Mapped[str]
    subject: Mapped[str]
    linked_at: Mapped[datetime]


class MemberRole(Base):
    """A role that a member holds (ROLE-1)."""

    __tablename__ = "member_roles"
    __table_args__ = (words("role", Role), STRICT)

    member_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(primary_key=True)


class Client(Base):
    """The person whom records are about."""

    __tablename__ = "clients"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    email: Mapped[str | None]
    language: Mapped[str]
    created_at: Mapped[datetime]


class Restriction(Base):
    """
    Somebody, or a professional title, who may not become responsible for a client's records (ELIG-4).

    It is ended once and stays readable; nothing else of it ever changes.
    """

    __tablename__ = "restrictions"
    __table_args__ = (
        CheckConstraint("(member_id IS NULL) <> (title IS NULL)", name="member_or_title"),
        Index(None, "client_id"),
        STRICT,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    title: Mapped[str | None]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    set_at: Mapped[datetime]
    basis: Mapped[str]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None]
