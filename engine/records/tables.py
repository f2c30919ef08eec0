"""
The tables: members and clients, records and holdings, items and their content, transfers, log and outbox.

A *record* is what the world knows; a *holding* is the record in one practitioner's hands, and items belong
to a holding. Only ``engine.records.visibility``, ``classes``, ``handover`` and the writers touch item tables.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from engine.records.types import Flag, Id, Instant, Word
from engine.rules.content import ContentClass, Outcome
from engine.rules.facts import RecordStatus
from engine.states.bulk import Answer, BulkState, Scope
from engine.states.choices import (
    BasisForm,
    NoticePace,
    Purpose,
    RawDataChoice,
    RestorationCause,
    Role,
    ShareLevel,
)
from engine.states.transfer import OPEN_STATES, TransferState


class HoldingState(StrEnum):
    """What a holding is: in use, a read-only copy, out of everybody's sight, or gone."""

    LIVE = "live"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"
    DESTROYED = "destroyed"


class NoteState(StrEnum):
    """How far a progress note has come."""

    DRAFT = "draft"
    WAITING_APPROVAL = "waiting_approval"
    SIGNED = "signed"
    #: A draft whose author has lost access, and which the owner adopted or does not want (VIS-10).
    SET_ASIDE = "set_aside"


class AppointmentState(StrEnum):
    """Whether an appointment stands."""

    BOOKED = "booked"
    CANCELLED = "cancelled"


class TextKind(StrEnum):
    """What a free text is for; free texts stay in the database and travel as an id."""

    REASON = "reason"
    BASIS = "basis"
    MESSAGE = "message"


class StuckCause(StrEnum):
    """Why a hand-over cannot succeed, where no rule stops it (ST-5)."""

    MISSING_CONTENT = "missing_content"
    UNEXPECTED_ERROR = "unexpected_error"


class DestroyedBy(StrEnum):
    """Which period was over: the grace period alone, or the record's retention too (MOVE-6)."""

    GRACE = "grace"
    RETENTION = "retention"


class Became(StrEnum):
    """What an imported resource became; one may become several things."""

    MEMBER = "member"
    CLIENT = "client"
    RECORD = "record"
    NOTE = "note"
    DOCUMENT = "document"
    RAW_DATA = "raw_data"
    PROFILE = "profile"
    INVOICE = "invoice"
    TASK = "task"
    MEMO = "memo"
    APPOINTMENT = "appointment"
    SHARE = "share"
    RESTRICTION = "restriction"


class DeliveryState(StrEnum):
    """What has become of a message: the last two are final."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class DeliveryTrouble(StrEnum):
    """Why a message is not delivered yet, or never will be."""

    #: The mail server cannot be reached, hangs, speaks no TLS, or does not know us: every message waits.
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    CREDENTIALS = "credentials"
    SENDER_REFUSED = "sender_refused"
    #: The server asks us to come back with this one.
    LATER = "later"
    #: For good.
    REFUSED = "refused"
    NO_ADDRESS = "no_address"
    INACTIVE = "inactive"
    UNEXPECTED = "unexpected"


class Side(StrEnum):
    """On which side of a hand-over an event stands (AUD-1)."""

    EXPORT = "export"
    IMPORT = "import"


def _words(column: str, vocabulary: type[StrEnum]) -> CheckConstraint:
    words = ", ".join(f"'{word}'" for word in vocabulary)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_word")


_OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN_STATES))
_STRICT: dict[str, Any] = {"sqlite_strict": True}


class Base(DeclarativeBase):
    """Every table; one metadata, so that migrations and models can be compared."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        UUID: Id,
        datetime: Instant,
        bool: Flag,
        str: Text,
        bytes: LargeBinary,
        Role: Word(Role),
        Purpose: Word(Purpose),
        RawDataChoice: Word(RawDataChoice),
        RecordStatus: Word(RecordStatus),
        ShareLevel: Word(ShareLevel),
        HoldingState: Word(HoldingState),
        NoteState: Word(NoteState),
        AppointmentState: Word(AppointmentState),
        TextKind: Word(TextKind),
        BasisForm: Word(BasisForm),
        StuckCause: Word(StuckCause),
        Side: Word(Side),
        DeliveryState: Word(DeliveryState),
        DeliveryTrouble: Word(DeliveryTrouble),
        NoticePace: Word(NoticePace),
        DestroyedBy: Word(DestroyedBy),
        RestorationCause: Word(RestorationCause),
        Became: Word(Became),
        TransferState: Word(TransferState),
        BulkState: Word(BulkState),
        Answer: Word(Answer),
        Scope: Word(Scope),
        ContentClass: Word(ContentClass),
        Outcome: Word(Outcome),
    }
    __table_args__: Any = (_STRICT,)


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


class RawDataTitle(Base):
    """A professional title, folded, whose holders may receive raw data (ELIG-5)."""

    __tablename__ = "raw_data_titles"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    title: Mapped[str] = mapped_column(primary_key=True)


class Member(Base):
    """A person of an organization."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("organization_id", "email"), _STRICT)

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


class MemberRole(Base):
    """A role that a member holds (ROLE-1)."""

    __tablename__ = "member_roles"
    __table_args__ = (_words("role", Role), _STRICT)

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
        _STRICT,
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


class Record(Base):
    """What the world knows of a record: its number, unique in the organization, and whether it is in use."""

    __tablename__ = "records"
    __table_args__ = (UniqueConstraint("organization_id", "number"), _words("status", RecordStatus), _STRICT)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    number: Mapped[str]
    status: Mapped[RecordStatus]
    legal_hold: Mapped[bool]
    created_at: Mapped[datetime]


class RecordClient(Base):
    """A client who stands behind a record."""

    __tablename__ = "record_clients"
    __table_args__ = (Index(None, "client_id"), _STRICT)

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
        _words("level", ShareLevel),
        _STRICT,
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
        _STRICT,
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
        _words("state", HoldingState),
        _STRICT,
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
            _STRICT,
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
        _words("state", AppointmentState),
        _STRICT,
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


class Transfer(Base):
    """One transfer: the truth about it, the lock on its record and the freeze of it."""

    __tablename__ = "transfers"
    __table_args__ = (
        Index(
            "uq_transfers_open",
            "record_id",
            unique=True,
            sqlite_where=text(f"state IN ({_OPEN})"),
            postgresql_where=text(f"state IN ({_OPEN})"),
        ),
        # Beside the partial one above, which SQLite takes for none where the states are parameters.
        Index(None, "record_id"),
        Index(None, "from_id"),
        Index(None, "to_id"),
        Index(None, "organization_id", "asked_at", "id"),
        _words("state", TransferState),
        _STRICT,
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
    __table_args__ = (_words("answer", TransferState), Index(None, "member_id"), _STRICT)

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
        _words("item_class", ContentClass),
        _words("outcome", Outcome),
        Index(None, "item_id"),
        _STRICT,
    )

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_class: Mapped[ContentClass]
    outcome: Mapped[Outcome]
    author_id: Mapped[UUID | None]
    sha256: Mapped[str | None]


class Rejoined(Base):
    """An item that came back from its owner's quarantine when the record became theirs again (MOVE-10)."""

    __tablename__ = "rejoined"
    __table_args__ = (_words("item_class", ContentClass), Index(None, "holding_id", "item_id"), _STRICT)

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    #: The quarantine that it was in.
    holding_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.id"))
    item_class: Mapped[ContentClass]


class Restoration(Base):
    """Why a quarantine became an archived copy: who decided it, when, for which cause, with what reason."""

    __tablename__ = "restorations"
    __table_args__ = (_words("cause", RestorationCause), _STRICT)

    holding_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.id"), primary_key=True)
    cause: Mapped[RestorationCause]
    reason_id: Mapped[UUID] = mapped_column(ForeignKey("texts.id"))
    by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    at: Mapped[datetime]


class Opening(Base):
    """A copy whose holder is gone, opened for one reader and a time; it ends once, nothing else changes."""

    __tablename__ = "openings"
    __table_args__ = (
        _words("cause", RestorationCause),
        CheckConstraint("(ended_at IS NULL) OR (ended_at >= opened_at)", name="ended_after"),
        CheckConstraint("until_at > opened_at", name="for_a_time"),
        Index(None, "reader_id", "holding_id"),
        Index(None, "holding_id"),
        _STRICT,
    )

    #: The command's, in the log too.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    holding_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.id"))
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    cause: Mapped[RestorationCause]
    reason_id: Mapped[UUID] = mapped_column(ForeignKey("texts.id"))
    by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    opened_at: Mapped[datetime]
    until_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Tombstone(Base):
    """What is left of the items of a class that were destroyed: how many, when, by which rule (MOVE-6)."""

    __tablename__ = "tombstones"
    __table_args__ = (
        _words("item_class", ContentClass),
        _words("rule", DestroyedBy),
        Index(None, "organization_id"),
        _STRICT,
    )

    holding_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.id"), primary_key=True)
    item_class: Mapped[ContentClass] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    count: Mapped[int]
    at: Mapped[datetime]
    rule: Mapped[DestroyedBy]


class Emergency(Base):
    """A collaborator's sight of a frozen record, for a while; its id is the command's in the log (VIS-4)."""

    __tablename__ = "emergencies"
    __table_args__ = (Index(None, "record_id", "member_id"), _STRICT)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    until_at: Mapped[datetime]


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
        _STRICT,
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
        _STRICT,
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
    __table_args__ = (UniqueConstraint("organization_id", "public_key"), _STRICT)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    #: From 1 on: each replaces the one before, whose signatures stay good.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    public_key: Mapped[str]
    created_at: Mapped[datetime]


class FreeText(Base):
    """A reason, a basis or a message, which travels as its id; one that no transfer uses is swept."""

    __tablename__ = "texts"
    __table_args__ = (_words("kind", TextKind), _STRICT)

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


class Event(Base):
    """One line of an organization's log: append-only, each line's hash covering the one before (AUD-2)."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("command_id", "action", "side"),
        Index("uq_events_command", "command_id", "action", unique=True, sqlite_where=text("side IS NULL"),
              postgresql_where=text("side IS NULL")),
        Index(None, "transfer_id"),
        _STRICT,
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
        _STRICT,
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
        _words("state", DeliveryState),
        _words("trouble", DeliveryTrouble),
        Index(None, "state", "due_at"),
        Index(None, "member_id", "topic"),
        _STRICT,
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


class PhoneCall(Base):
    """Somebody told a client by telephone what a message could not, or not in time; never changed."""

    __tablename__ = "calls"

    notice_id: Mapped[int] = mapped_column(ForeignKey("outbox.id"), primary_key=True, autoincrement=False)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    at: Mapped[datetime]


class Imported(Base):
    """
    What a resource of another system became; never removed, and only its digest is ever dropped (MOVE-6).

    So that a second import writes nothing, and what was destroyed since is not brought back.
    """

    __tablename__ = "imported"
    __table_args__ = (_words("became", Became), Index(None, "record_id"), _STRICT)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    resource_type: Mapped[str] = mapped_column(primary_key=True)
    resource_id: Mapped[str] = mapped_column(primary_key=True)
    became: Mapped[Became] = mapped_column(primary_key=True)
    became_id: Mapped[UUID] = mapped_column(primary_key=True)
    #: The record that it belongs to; a member belongs to none.
    record_id: Mapped[UUID | None] = mapped_column(ForeignKey("records.id"))
    #: Of the resource's canonical JSON, to notice that it has changed since; none where it was invented,
    #: and dropped where something of the resource was destroyed.
    sha256: Mapped[str | None]
    imported_at: Mapped[datetime]


class BulkList(Base):
    """The lines of a file that a bulk or an answer names, as they were named; never changed."""

    __tablename__ = "bulk_lists"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    #: JSON array of ``[line, record, recipient or null]``.
    lines: Mapped[str]
    created_at: Mapped[datetime]


class Bulk(Base):
    """One transfer of a caseload: what was chosen, who leads it, where it stands (BULK-1)."""

    __tablename__ = "bulks"
    __table_args__ = (
        Index(None, "organization_id", "started_at"),
        Index("ix_bulks_open", "state", sqlite_where=text("state IN ('running', 'paused')"),
              postgresql_where=text("state IN ('running', 'paused')")),
        _words("state", BulkState),
        _STRICT,
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    from_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    #: JSON array of the recipients' ids, in the order in which they were named.
    recipients: Mapped[str]
    started_by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    #: Who asks for what is still to be asked for: who started it, or took it over (ROLE-5).
    led_by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    state: Mapped[BulkState]
    purpose: Mapped[Purpose]
    include_confidential: Mapped[bool]
    raw_data: Mapped[RawDataChoice]
    keep_copy: Mapped[bool]
    include_confidential_records: Mapped[bool]
    reassign_open: Mapped[bool]
    basis_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))
    message_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))
    list_id: Mapped[UUID | None] = mapped_column(ForeignKey("bulk_lists.id"))
    fingerprint: Mapped[str]
    #: How many items there are; fixed at the start.
    records: Mapped[int]
    confidential_left_out: Mapped[int]
    not_selected: Mapped[int]
    started_at: Mapped[datetime]
    #: Why the engine paused it, as an error key (ROLE-5).
    paused_rule: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    #: Who stopped it and wants what is open cancelled; null again once that is done.
    cancels_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    cancel_reason_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))


class BulkItem(Base):
    """One record of a bulk: to whom, by which transfer, or which rule blocks it (BULK-4)."""

    __tablename__ = "bulk_items"
    __table_args__ = (
        UniqueConstraint("bulk_id", "record_id"),
        Index(None, "transfer_id"),
        _STRICT,
    )

    bulk_id: Mapped[UUID] = mapped_column(ForeignKey("bulks.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"))
    to_id: Mapped[UUID | None] = mapped_column(ForeignKey("members.id"))
    #: The rule that blocks it, as an error key; a transfer that failed has its own.
    rule: Mapped[str | None]
    attempt: Mapped[int]
    #: Of this attempt; its row is there once the record is asked for.
    transfer_id: Mapped[UUID]
    #: What stopped the last try that no rule stopped: a name, never a text.
    error: Mapped[str | None]


class BulkAnswer(Base):
    """A recipient's one gesture for what a bulk asks of them, now and later (BULK-5)."""

    __tablename__ = "bulk_answers"
    __table_args__ = (
        Index(None, "bulk_id", "member_id"),
        _words("answer", Answer),
        _words("scope", Scope),
        _STRICT,
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    bulk_id: Mapped[UUID] = mapped_column(ForeignKey("bulks.id"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    answer: Mapped[Answer]
    scope: Mapped[Scope]
    reason_id: Mapped[UUID | None] = mapped_column(ForeignKey("texts.id"))
    given_at: Mapped[datetime]
    #: Once nothing more can be asked of this person by this bulk.
    ended_at: Mapped[datetime | None]


class BulkAnswerRecord(Base):
    """A record that an answer names: the only ones that it is about, or the exceptions."""

    __tablename__ = "bulk_answer_records"

    answer_id: Mapped[UUID] = mapped_column(ForeignKey("bulk_answers.id"), primary_key=True)
    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.id"), primary_key=True)


class BulkAnswerDenial(Base):
    """A transfer that an answer could not decide: it waits, and the rule says why (BULK-5)."""

    __tablename__ = "bulk_answer_denials"

    answer_id: Mapped[UUID] = mapped_column(ForeignKey("bulk_answers.id"), primary_key=True)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    rule: Mapped[str]
    at: Mapped[datetime]
