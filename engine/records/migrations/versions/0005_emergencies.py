"""
Emergencies: a collaborator looks into a frozen record, for a while and with a reason (VIS-4).

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MESSAGE = "VIS-4: an emergency never changes"


def upgrade() -> None:
    op.create_table(
        "emergencies",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("member_id", Id(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("until_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_emergencies_organization_id")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_emergencies_record_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_emergencies_transfer_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_emergencies_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergencies")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_emergencies_record_id_member_id"), "emergencies", ["record_id", "member_id"])
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def downgrade() -> None:
    op.drop_table("emergencies")


def _guard_on_sqlite() -> None:
    # INSERT OR REPLACE asks no DELETE trigger.
    replaced = "WHEN EXISTS (SELECT 1 FROM emergencies AS kept WHERE kept.id = NEW.id) "
    for name, event, when in (
        ("updated", "UPDATE", ""),
        ("deleted", "DELETE", ""),
        ("replaced", "INSERT", replaced),
    ):
        op.execute(
            f"CREATE TRIGGER emergencies_{name} BEFORE {event} ON emergencies FOR EACH ROW {when}"
            f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
        )


def _guard_on_postgresql() -> None:
    for name, event, each in (
        ("updated", "UPDATE", "ROW"),
        ("deleted", "DELETE", "ROW"),
        ("emptied", "TRUNCATE", "STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER emergencies_{name} BEFORE {event} ON emergencies FOR EACH {each} "
            f"EXECUTE FUNCTION passation_refuse('{_MESSAGE}')"
        )
