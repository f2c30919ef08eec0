"""
Doors: services that speak for members, their mark in the log, and answers to commands that name themselves.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_MESSAGE = "AUD-1: a service is revoked once, and nothing else of it changes"
_SAME = ("id", "organization_id", "name", "digest", "added_by_id", "added_at")


def upgrade() -> None:
    op.create_table(
        "services",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("added_by_id", Id(), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("revoked_by_id", Id(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_services_organization_id")
        ),
        sa.ForeignKeyConstraint(["added_by_id"], ["members.id"], name=op.f("fk_services_added_by_id")),
        sa.ForeignKeyConstraint(["revoked_by_id"], ["members.id"], name=op.f("fk_services_revoked_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
        sa.UniqueConstraint("digest", name=op.f("uq_services_digest")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_services_organization_id"), "services", ["organization_id"])
    op.create_table(
        "answers",
        sa.Column("actor_id", Id(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.CheckConstraint("(status IS NULL) = (body IS NULL)", name=op.f("ck_answers_answered_whole")),
        sa.ForeignKeyConstraint(["actor_id"], ["members.id"], name=op.f("fk_answers_actor_id")),
        sa.PrimaryKeyConstraint("actor_id", "key", name=op.f("pk_answers")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_answers_begun_at"), "answers", ["begun_at"])
    op.add_column("events", sa.Column("service_id", Id(), nullable=True))
    for trigger in _postgresql() if op.get_bind().dialect.name == "postgresql" else _sqlite():
        op.execute(trigger)


def downgrade() -> None:
    op.drop_column("events", "service_id")
    op.drop_table("answers")
    op.drop_table("services")


def _sqlite() -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    same = " AND ".join(f"NEW.{column} IS OLD.{column}" for column in _SAME)
    once = f"OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL AND {same}"
    kept = "EXISTS (SELECT 1 FROM services AS kept WHERE kept.id = NEW.id OR kept.digest = NEW.digest)"
    return [
        f"CREATE TRIGGER services_updated BEFORE UPDATE ON services FOR EACH ROW WHEN NOT ({once}) {refuse}",
        f"CREATE TRIGGER services_deleted BEFORE DELETE ON services FOR EACH ROW {refuse}",
        f"CREATE TRIGGER services_replaced BEFORE INSERT ON services FOR EACH ROW WHEN {kept} {refuse}",
    ]


def _postgresql() -> list[str]:
    same = " AND ".join(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in _SAME)
    once = f"OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL AND {same}"
    refuse = f"EXECUTE FUNCTION passation_refuse('{_MESSAGE}')"
    changed = "CREATE TRIGGER services_updated BEFORE UPDATE ON services FOR EACH ROW"
    return [
        f"{changed} WHEN (NOT ({once})) {refuse}",
        f"CREATE TRIGGER services_deleted BEFORE DELETE ON services FOR EACH ROW {refuse}",
        f"CREATE TRIGGER services_emptied BEFORE TRUNCATE ON services FOR EACH STATEMENT {refuse}",
    ]
