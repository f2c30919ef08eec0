"""The migration of destruction goes both ways, on both databases."""

from alembic import command
from sqlalchemy import text

from engine.records.database import Database
from engine.records.migrating import alembic_config
from tests.integration.handover.clinic import Clinic

_TRIGGERS = {
    "sqlite": "SELECT name || sql FROM sqlite_schema WHERE type = 'trigger'",
    "postgresql": (
        "SELECT pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) FROM pg_trigger t "
        "WHERE NOT t.tgisinternal"
    ),
}


def triggers(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(text(_TRIGGERS[database.engine.dialect.name])))


def test_down_and_up_again_is_as_before(clinic: Clinic) -> None:
    """MOVE-4, MOVE-5, MOVE-6: and in between a copy loses nothing at all, as before destruction."""
    before = triggers(clinic.database)
    clinic.hand_over()
    with clinic.database.write() as session:
        command.downgrade(alembic_config(session.connection()), "0006")
        there = session.scalars(text(_TRIGGERS[clinic.database.engine.dialect.name])).all()
        command.upgrade(alembic_config(session.connection()), "head")

    assert 0 < len(there) < len(before)
    assert triggers(clinic.database) == before
