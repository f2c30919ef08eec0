"""What every table shares: one metadata, the types of its columns, and the words that columns hold."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.orm import DeclarativeBase

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


class HeldState(StrEnum):
    """What was decided about a cancellation that is held: the last two are final."""

    UNDECIDED = "undecided"
    #: The client is told.
    RELEASED = "released"
    #: The new owner took the appointment: there is nothing to tell.
    MOVED = "moved"


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


def words(column: str, vocabulary: type[StrEnum]) -> CheckConstraint:
    """Allow a column the words of its vocabulary, and nothing else."""
    words = ", ".join(f"'{word}'" for word in vocabulary)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_word")


OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN_STATES))


STRICT: dict[str, Any] = {"sqlite_strict": True}


def table_of(model: "type[Base]") -> Table:
    """
    Give a model's table, for statements that run often.

    Built once on tables, a statement costs a fifth of one that is built each time on models.
    """
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - for the type checker
    return table


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
        HeldState: Word(HeldState),
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
    __table_args__: Any = (STRICT,)
