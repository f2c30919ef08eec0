"""What came back from quarantine, who may read a copy, and what is left of what was destroyed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.records.tables.base import STRICT, Base, DestroyedBy, words
from engine.rules.content import ContentClass
from engine.states.choices import (
    RestorationCause,
)


class Rejoined(Base):
    """An item that came back from its owner's quarantine when the record became theirs again (MOVE-10)."""

    __tablename__ = "rejoined"
    __table_args__ = (words("item_class", ContentClass), Index(None, "holding_id", "item_id"), STRICT)

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    #: The quarantine that it was in.
    holding_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.id"))
    item_class: Mapped[ContentClass]


class Restoration(Base):
    """Why a quarantine became an archived copy: who decided it, when, for which cause, with what reason."""

    __tablename__ = "restorations"
    __table_args__ = (words("cause", RestorationCause), STRICT)

    holding_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.id"), primary_key=True)
    cause: Mapped[RestorationCause]
    reason_id: Mapped[UUID] = mapped_column(ForeignKey("texts.id"))
    by_id: Mapped[UUID] = mapped_column(ForeignKey("members.id"))
    at: Mapped[datetime]


class Opening(Base):
    """A copy whose holder is gone, opened for one reader and a time; it ends once, nothing else changes."""

    __tablename__ = "openings"
    __table_args__ = (
        words("cause", RestorationCause),
        CheckConstraint("(ended_at IS NULL) OR (ended_at >= opened_at)", name="ended_after"),
        CheckConstraint("until_at > opened_at", name="for_a_time"),
        Index(None, "reader_id", "holding_id"),
        Index(None, "holding_id"),
        STRICT,
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
        words("item_class", ContentClass),
        words("rule", DestroyedBy),
        Index(None, "organization_id"),
        STRICT,
    )

    holding_id: Mapped[UUID] = mapped_column(ForeignKey("holdings.id"), primary_key=True)
    item_class: Mapped[ContentClass] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    count: Mapped[int]
    at: Mapped[datetime]
    rule: Mapped[DestroyedBy]
