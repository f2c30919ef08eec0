"""How tests look at a caseload: its preview, the lines by record, everything that the tables hold."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from engine.desk.desk import Desk
from engine.records.tables.base import Base
from engine.rules.facts import RecordStatus
from engine.views import BulkLineView, BulkPreviewView
from tests import build
from tests.integration.handover.clinic import Clinic


def look(clinic: Clinic, desk: Desk, *to: UUID, **more: Any) -> BulkPreviewView:  # noqa: ANN401
    """Preview the transfer of the owner's caseload as the coordinator, to the new owner unless told."""
    by, source = more.pop("by", clinic.world.coordinator), more.pop("source", clinic.world.owner)
    return desk.bulk_preview(by, source, to or (clinic.world.new_owner,), **more)


def by_record(preview: BulkPreviewView) -> dict[UUID, BulkLineView]:
    """Give the lines by record."""
    return {line.record_id: line for line in preview.lines}


def records(clinic: Clinic, *numbers: str, **more: Any) -> list[UUID]:  # noqa: ANN401
    """Add records of the owner, each of a client of its own unless the test says otherwise."""
    with clinic.database.write() as session:
        return [
            build.record(
                session,
                clinic.world.owner,
                more.get("clients") or [build.client(session, clinic.world.organization)],
                number=number,
                confidential=more.get("confidential", False),
                status=more.get("status", RecordStatus.ACTIVE),
            ).record_id
            for number in numbers
        ]


def numbers(lines: Sequence[BulkLineView]) -> list[str | None]:
    """Give the numbers of lines."""
    return [line.record_number for line in lines]


def tables(clinic: Clinic) -> dict[str, list[Any]]:
    """Read every table but the log."""
    names = [
        table.name for table in Base.metadata.sorted_tables if table.name not in {"events", "audit_heads"}
    ]
    return {name: sorted(map(repr, clinic.rows(f"SELECT * FROM {name}"))) for name in names}
