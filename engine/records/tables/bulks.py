"""Transfers of a whole caseload."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.records.tables.base import STRICT, Base, words
from engine.states.bulk import Answer, BulkState, Scope
from engine.states.choices import (
    Purpose,
    RawDataChoice,
)


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
        words("state", BulkState),
        STRICT,
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
    #: Whether also those are asked who take no new records (ELIG-3).
    insist: Mapped[bool] = mapped_column(server_default=false())
    #: Whether each record is handed over at once, without an answer (OVR-1).
    impose: Mapped[bool] = mapped_column(server_default=false())
    #: Why it imposes or reassigns (ST-2).
    reason_id: Mapped[UUID | None]
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
        STRICT,
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
    #: The open transfer that is reassigned instead (OVR-3); ``transfer_id`` is this one once that is done.
    reassigns: Mapped[UUID | None]
    reassigned_at: Mapped[datetime | None]
    #: What stopped the last try that no rule stopped: a name, never a text.
    error: Mapped[str | None]


class BulkAnswer(Base):
    """A recipient's one gesture for what a bulk asks of them, now and later (BULK-5)."""

    __tablename__ = "bulk_answers"
    __table_args__ = (
        Index(None, "bulk_id", "member_id"),
        words("answer", Answer),
        words("scope", Scope),
        STRICT,
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
