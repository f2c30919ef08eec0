"""The migration of what was imported goes both ways, on both databases."""

from alembic import command
from sqlalchemy import text

from engine.records.migrating import alembic_config
from tests.integration.destruction.test_migration import triggers
from tests.integration.fhir.test_handing_over import WITHOUT_COPY, Imported, imported

__all__ = ["imported"]


def test_what_was_destroyed_before_loses_its_digest(imported: Imported) -> None:
    """MOVE-6: rows, keys and triggers are as before, and only what still is somewhere has a digest."""
    holding, _ = imported.clinic.live(imported.record)
    imported.clinic.hand_over(WITHOUT_COPY, record=imported.record)
    imported.destroy(holding)
    database = imported.clinic.database
    rows, there = imported.rows("SELECT * FROM imported ORDER BY became_id"), triggers(database)

    with database.write() as session:
        command.downgrade(alembic_config(session.connection()), "0010-1")
        lost = session.scalars(text("SELECT DISTINCT resource_type FROM imported WHERE sha256 = ''")).all()
        command.upgrade(alembic_config(session.connection()), "head")

    assert lost == ["Claim"]
    assert imported.rows("SELECT * FROM imported ORDER BY became_id") == rows
    assert triggers(database) == there
