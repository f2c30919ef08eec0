"""
A coordinator steps in: who was asked before, who chose who is asked now, and what was imposed.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Flag, Id, Instant

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_MESSAGE = "OVR-1: who was asked before is remembered"
_IMPOSED = "OVR-1: what was imposed stays imposed"
_ON_TRANSFERS = "CREATE TRIGGER transfers_imposed BEFORE UPDATE ON transfers FOR EACH ROW"
_FINAL = "('accepted', 'refused', 'cancelled', 'expired', 'failed')"


def upgrade() -> None:
    op.create_table(
        "askings",
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member_id", Id(), nullable=False),
        sa.Column("reassigned_by_id", Id(), nullable=True),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("respond_by", Instant(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=False),
        sa.Column("reason_id", Id(), nullable=True),
        sa.Column("basis_id", Id(), nullable=True),
        sa.CheckConstraint(
            "answer IN ('requested', 'pending_acceptance', 'coordinator_override', 'accepted', 'refused', "
            "'cancelled', 'expired', 'failed')",
            name=op.f("ck_askings_answer_word"),
        ),
        sa.ForeignKeyConstraint(["basis_id"], ["texts.id"], name=op.f("fk_askings_basis_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_askings_member_id")),
        sa.ForeignKeyConstraint(
            ["reassigned_by_id"], ["members.id"], name=op.f("fk_askings_reassigned_by_id")
        ),
        sa.ForeignKeyConstraint(["reason_id"], ["texts.id"], name=op.f("fk_askings_reason_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_askings_transfer_id")),
        sa.PrimaryKeyConstraint("transfer_id", "version", name=op.f("pk_askings")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_askings_member_id"), "askings", ["member_id"])
    op.add_column("transfers", sa.Column("reassigned_by_id", Id(), nullable=True))
    op.add_column("transfers", sa.Column("imposed", Flag(), server_default=sa.false(), nullable=False))
    op.add_column("texts", sa.Column("basis_for_anybody", Flag(), server_default=sa.false(), nullable=False))
    op.add_column("policies", sa.Column("impose_allowed", Flag(), server_default=sa.true(), nullable=False))
    op.add_column(
        "policies", sa.Column("coordinator_may_receive", Flag(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "policies",
        sa.Column("remind_coordinators", sa.Integer(), server_default=sa.text("259200"), nullable=False),
    )
    triggers = _postgresql() if op.get_bind().dialect.name == "postgresql" else _sqlite()
    for trigger in triggers:
        op.execute(trigger)


def downgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP TRIGGER transfers_imposed" + ("" if on_sqlite else " ON transfers"))
    op.drop_table("askings")
    op.drop_column("transfers", "imposed")
    op.drop_column("transfers", "reassigned_by_id")
    op.drop_column("texts", "basis_for_anybody")
    op.drop_column("policies", "impose_allowed")
    op.drop_column("policies", "coordinator_may_receive")
    op.drop_column("policies", "remind_coordinators")


def _sqlite() -> list[str]:
    """Refuse changes; `INSERT OR REPLACE` removes a row without asking the trigger for deletions."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    same = "kept.transfer_id = NEW.transfer_id AND kept.version = NEW.version"
    kept = f"EXISTS (SELECT 1 FROM askings AS kept WHERE {same})"  # noqa: S608 - words of this file
    stays = f"BEGIN SELECT RAISE(ABORT, '{_IMPOSED}'); END"
    return [
        f"CREATE TRIGGER askings_updated BEFORE UPDATE ON askings FOR EACH ROW {refuse}",
        f"CREATE TRIGGER askings_deleted BEFORE DELETE ON askings FOR EACH ROW {refuse}",
        f"CREATE TRIGGER askings_replaced BEFORE INSERT ON askings FOR EACH ROW WHEN {kept} {refuse}",
        f"{_ON_TRANSFERS} WHEN OLD.state IN {_FINAL} AND NEW.imposed IS NOT OLD.imposed {stays}",
    ]


def _postgresql() -> list[str]:
    stays = f"EXECUTE FUNCTION passation_refuse('{_IMPOSED}')"
    return [
        _guard("askings_updated", "UPDATE", "ROW"),
        _guard("askings_deleted", "DELETE", "ROW"),
        _guard("askings_emptied", "TRUNCATE", "STATEMENT"),
        f"{_ON_TRANSFERS} WHEN (OLD.state IN {_FINAL} AND NEW.imposed IS DISTINCT FROM OLD.imposed) {stays}",
    ]


def _guard(name: str, event: str, each: str) -> str:
    return (
        f"CREATE TRIGGER {name} BEFORE {event} ON askings FOR EACH {each} "
        f"EXECUTE FUNCTION passation_refuse('{_MESSAGE}')"
    )
