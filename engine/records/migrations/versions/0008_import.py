"""
What was imported, and what it became: rows that are never changed and never removed.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MESSAGE = "MOVE-6: what was imported is remembered"
_SAME = " AND ".join(
    f"kept.{column} = NEW.{column}"
    for column in ("organization_id", "source", "resource_type", "resource_id", "became", "became_id")
)


def upgrade() -> None:
    op.create_table(
        "imported",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("became", sa.Text(), nullable=False),
        sa.Column("became_id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
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
        sa.PrimaryKeyConstraint(
            "organization_id",
            "source",
            "resource_type",
            "resource_id",
            "became",
            "became_id",
            name=op.f("pk_imported"),
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_imported_record_id"), "imported", ["record_id"])
    triggers = _postgresql() if op.get_bind().dialect.name == "postgresql" else _sqlite()
    for trigger in triggers:
        op.execute(trigger)


def downgrade() -> None:
    op.drop_table("imported")


def _sqlite() -> list[str]:
    """Refuse changes; `INSERT OR REPLACE` removes a row without asking the trigger for deletions."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    kept = f"EXISTS (SELECT 1 FROM imported AS kept WHERE {_SAME})"  # noqa: S608 - words of this file
    return [
        f"CREATE TRIGGER imported_updated BEFORE UPDATE ON imported FOR EACH ROW {refuse}",
        f"CREATE TRIGGER imported_deleted BEFORE DELETE ON imported FOR EACH ROW {refuse}",
        f"CREATE TRIGGER imported_replaced BEFORE INSERT ON imported FOR EACH ROW WHEN {kept} {refuse}",
    ]


def _postgresql() -> list[str]:
    return [
        _guard("imported_updated", "UPDATE", "ROW"),
        _guard("imported_deleted", "DELETE", "ROW"),
        _guard("imported_emptied", "TRUNCATE", "STATEMENT"),
    ]


def _guard(name: str, event: str, each: str) -> str:
    return (
        f"CREATE TRIGGER {name} BEFORE {event} ON imported FOR EACH {each} "
        f"EXECUTE FUNCTION passation_refuse('{_MESSAGE}')"
    )
