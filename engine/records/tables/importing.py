"""What was imported, and what it became."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
)
from sqlalchemy.orm import Mapped, mapped_column

from engine.records.tables.base import STRICT, Base, Became, words


class Imported(Base):
    """
    What a resource of another system became; never removed, and only its digest is ever dropped (MOVE-6).

    So that a second import writes nothing, and what was destroyed since is not brought back.
    """

    __tablename__ = "imported"
    __table_args__ = (words("became", Became), Index(None, "record_id"), STRICT)

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
