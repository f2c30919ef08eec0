"""Bytes that go missing behind the database's back, and come again (ST-5)."""

from typing import Any
from uuid import UUID

from tests.integration.handover.clinic import Clinic


def lose_content(clinic: Clinic, transfer_of: UUID) -> dict[str, Any]:
    """Remove the bytes of one note behind the database's back; give the row for ``_bring_back``."""
    ((organization, sha256, body),) = clinic.rows(
        "SELECT c.organization_id, c.sha256, c.body FROM content c JOIN notes n ON n.sha256 = c.sha256"
        " WHERE n.holding_id = :id AND n.author_only = false LIMIT 1",
        id=transfer_of,
    )
    clinic.tamper("DELETE FROM content WHERE sha256 = :sha256", sha256=sha256)
    return {"organization": UUID(organization), "sha256": sha256, "body": body}


def bring_back(clinic: Clinic, lost: dict[str, Any]) -> None:
    """Put the bytes back."""
    clinic.tamper("INSERT INTO content VALUES (:organization, :sha256, :body)", **lost)
