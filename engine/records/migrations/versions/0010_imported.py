"""
What stands for an imported resource's content goes with the content: `imported.sha256` may be dropped.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

_MESSAGE = "MOVE-6: what was imported is remembered"
_KEY = ("organization_id", "source", "resource_type", "resource_id", "became", "became_id")
_COLUMNS = (*_KEY, "record_id", "sha256", "imported_at")
_TABLES = {
    "note": "notes",
    "document": "documents",
    "raw_data": "raw_data",
    "profile": "profiles",
    "invoice": "invoices",
    "task": "tasks",
    "memo": "memos",
    "appointment": "appointments",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("imported", "sha256", nullable=True)
        op.execute("DROP TRIGGER imported_updated ON imported")
        _forget()
        op.execute(_postgresql_update(f"WHEN (NOT ({_only_dropped('IS NOT DISTINCT FROM')})) "))
    else:
        _rebuild(nullable=True)
        _forget()
        _guard_sqlite(f"WHEN NOT ({_only_dropped('IS')}) ")


def downgrade() -> None:
    """Go back to a digest for every row: what was dropped is gone, and an empty text stands for it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER imported_updated ON imported")
        op.execute("UPDATE imported SET sha256 = '' WHERE sha256 IS NULL")
        op.alter_column("imported", "sha256", nullable=False)
        op.execute(_postgresql_update(""))
    else:
        _rebuild(nullable=False)
        _guard_sqlite("")


def _only_dropped(same: str) -> str:
    """Say that nothing but the digest differs, and that there is none any more."""
    kept = " AND ".join(f"NEW.{column} {same} OLD.{column}" for column in _COLUMNS if column != "sha256")
    return f"NEW.sha256 IS NULL AND {kept}"


def _forget() -> None:
    """Drop the digests of what was destroyed before this version."""
    # An appointment's id is its key; the key of every other item begins with its holding.
    there = {
        word: f"SELECT 1 FROM {table} AS i WHERE i.item_id = gone.became_id"  # noqa: S608 - words of this file
        if table == "appointments"
        else f"SELECT 1 FROM {table} AS i JOIN holdings AS h ON h.id = i.holding_id"  # noqa: S608
        " WHERE i.item_id = gone.became_id AND h.record_id = gone.record_id"
        for word, table in _TABLES.items()
    }
    gone = " OR ".join(f"(gone.became = '{word}' AND NOT EXISTS ({query}))" for word, query in there.items())
    same = " AND ".join(
        f"gone.{column} = imported.{column}"
        for column in ("organization_id", "source", "resource_type", "resource_id", "record_id")
    )
    op.execute(
        f"UPDATE imported SET sha256 = NULL WHERE EXISTS (SELECT 1 FROM imported AS gone WHERE {same} AND ({gone}))"  # noqa: S608, E501 - words of this file
    )


def _rebuild(*, nullable: bool) -> None:
    """Make the table anew, since SQLite changes no column; its triggers go with the old one."""
    columns = ", ".join(_COLUMNS)
    values = columns if nullable else columns.replace("sha256", "coalesce(sha256, '')")
    op.drop_index(op.f("ix_imported_record_id"), "imported")
    op.execute("ALTER TABLE imported RENAME TO imported_before")
    op.create_table(
        "imported",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("became", sa.Text(), nullable=False),
        sa.Column("became_id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=nullable),
        sa.Column("imported_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "became IN ('member', 'client', 'record', 'note', 'document', 'raw_data', 'profile', 'invoice', "
            "'task', 'memo', 'appointment', 'share', 'restriction')",
            name=op.f("ck_imported_became_word"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_imported_organization_id")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_imported_record_id")),
        sa.PrimaryKeyConstraint(*_KEY, name=op.f("pk_imported")),
        sqlite_strict=True,
    )
    op.execute(f"INSERT INTO imported ({columns}) SELECT {values} FROM imported_before")  # noqa: S608 - words of this file
    op.drop_table("imported_before")
    op.create_index(op.f("ix_imported_record_id"), "imported", ["record_id"])


def _guard_sqlite(when: str) -> None:
    """Refuse changes; `INSERT OR REPLACE` removes a row without asking the trigger for deletions."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    same = " AND ".join(f"kept.{column} = NEW.{column}" for column in _KEY)
    kept = f"EXISTS (SELECT 1 FROM imported AS kept WHERE {same})"  # noqa: S608 - words of this file
    for trigger in (
        f"CREATE TRIGGER imported_updated BEFORE UPDATE ON imported FOR EACH ROW {when}{refuse}",
        f"CREATE TRIGGER imported_deleted BEFORE DELETE ON imported FOR EACH ROW {refuse}",
        f"CREATE TRIGGER imported_replaced BEFORE INSERT ON imported FOR EACH ROW WHEN {kept} {refuse}",
    ):
        op.execute(trigger)


def _postgresql_update(when: str) -> str:
    return (
        f"CREATE TRIGGER imported_updated BEFORE UPDATE ON imported FOR EACH ROW {when}"
        f"EXECUTE FUNCTION passation_refuse('{_MESSAGE}')"
    )
