"""
A cancellation may wait for a coordinator's decision before the client hears of it (NOTE-2).

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Flag, Id, Instant

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_MESSAGE = "NOTE-2: what was decided about an appointment stays decided"


def upgrade() -> None:
    op.add_column(
        "policies", sa.Column("hold_cancellations", Flag(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "held_cancellations",
        sa.Column("appointment_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("client_id", Id(), nullable=False),
        sa.Column("calendar_id", Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("offered_to_id", Id(), nullable=True),
        sa.Column("offered_by_id", Id(), nullable=True),
        sa.Column("moved_to_id", Id(), nullable=True),
        sa.Column("decided_by_id", Id(), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('undecided', 'released', 'moved')", name=op.f("ck_held_cancellations_state_word")
        ),
        sa.CheckConstraint(
            "(state = 'undecided') = (decided_at IS NULL)", name=op.f("ck_held_cancellations_decided_when")
        ),
        sa.CheckConstraint(
            "(state = 'undecided') = (decided_by_id IS NULL)", name=op.f("ck_held_cancellations_decided_by")
        ),
        sa.CheckConstraint(
            "(state = 'moved') = (moved_to_id IS NOT NULL)", name=op.f("ck_held_cancellations_moved_where")
        ),
        sa.CheckConstraint(
            "(offered_to_id IS NULL) = (offered_by_id IS NULL)", name=op.f("ck_held_cancellations_offered_by")
        ),
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_held_cancellations_{column}"))
            for column, target in (
                ("organization_id", "organizations.id"),
                ("record_id", "records.id"),
                ("transfer_id", "transfers.id"),
                ("client_id", "clients.id"),
                ("offered_to_id", "members.id"),
                ("offered_by_id", "members.id"),
                ("decided_by_id", "members.id"),
            )
        ),
        sa.PrimaryKeyConstraint("appointment_id", name=op.f("pk_held_cancellations")),
        sqlite_strict=True,
    )
    undecided = sa.text("state = 'undecided'")
    op.create_index(
        "ix_held_cancellations_undecided",
        "held_cancellations",
        ["organization_id"],
        sqlite_where=undecided,
        postgresql_where=undecided,
    )
    op.create_index(op.f("ix_held_cancellations_moved_to_id"), "held_cancellations", ["moved_to_id"])
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def downgrade() -> None:
    op.drop_table("held_cancellations")
    op.drop_column("policies", "hold_cancellations")


def _guard_on_sqlite() -> None:
    decided = "OLD.state <> 'undecided' OR NEW.appointment_id IS NOT OLD.appointment_id"
    same = "SELECT 1 FROM held_cancellations AS kept WHERE kept.appointment_id = NEW.appointment_id"
    for name, event, when in (
        (
            "updated",
            "UPDATE",
            f"WHEN {decided}",
        ),
        ("deleted", "DELETE", ""),
        ("replaced", "INSERT", f"WHEN EXISTS ({same})"),
    ):
        op.execute(
            f"CREATE TRIGGER held_cancellations_{name} BEFORE {event} ON held_cancellations "
            f"FOR EACH ROW {when} BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
        )


def _guard_on_postgresql() -> None:
    for name, event, each, when in (
        (
            "updated",
            "UPDATE",
            "ROW",
            "WHEN (OLD.state <> 'undecided' OR NEW.appointment_id IS DISTINCT FROM OLD.appointment_id)",
        ),
        ("deleted", "DELETE", "ROW", ""),
        ("emptied", "TRUNCATE", "STATEMENT", ""),
    ):
        op.execute(
            f"CREATE TRIGGER held_cancellations_{name} BEFORE {event} ON held_cancellations "
            f"FOR EACH {each} {when} EXECUTE FUNCTION passation_refuse('{_MESSAGE}')"
        )
