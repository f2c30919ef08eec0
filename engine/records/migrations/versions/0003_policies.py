"""
Two policies more, how long what is excluded is kept; and a client's restriction is ended, never rewritten.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_REWRITTEN = "ELIG-4: a restriction is ended, never rewritten"
_DELETED = "ELIG-4: a restriction is ended, never deleted"
_FIXED = ("id", "client_id", "member_id", "title", "set_by_id", "set_at", "basis")


def upgrade() -> None:
    op.add_column(
        "policies", sa.Column("grace_days", sa.Integer(), server_default=sa.text("30"), nullable=False)
    )
    op.add_column(
        "policies", sa.Column("retention_years", sa.Integer(), server_default=sa.text("5"), nullable=False)
    )
    op.add_column("restrictions", sa.Column("ended_at", Instant(), nullable=True))
    op.add_column("restrictions", sa.Column("ended_by_id", Id(), nullable=True))
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, message, when in _SQLITE if on_sqlite else _POSTGRESQL:
        refuse = (
            f"FOR EACH ROW {when} BEGIN SELECT RAISE(ABORT, '{message}'); END"
            if on_sqlite
            else f"{when} EXECUTE FUNCTION passation_refuse('{message}')"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON restrictions {refuse}")


def downgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, *_ in _SQLITE if on_sqlite else _POSTGRESQL:
        op.execute(f"DROP TRIGGER {name}" if on_sqlite else f"DROP TRIGGER {name} ON restrictions")
    # What was ended would be in force again: it goes.
    op.execute("DELETE FROM restrictions WHERE ended_at IS NOT NULL")
    op.drop_column("restrictions", "ended_by_id")
    op.drop_column("restrictions", "ended_at")
    op.drop_column("policies", "retention_years")
    op.drop_column("policies", "grace_days")


def _changed(distinct: str) -> str:
    return " OR ".join(f"NEW.{column} {distinct} OLD.{column}" for column in _FIXED)


_SQLITE = (
    (
        "restrictions_updated",
        "UPDATE",
        _REWRITTEN,
        f"WHEN OLD.ended_at IS NOT NULL OR {_changed('IS NOT')}",
    ),
    ("restrictions_deleted", "DELETE", _DELETED, ""),
    # INSERT OR REPLACE removes a row without asking its DELETE trigger, unless recursive_triggers is on.
    (
        "restrictions_replaced",
        "INSERT",
        _REWRITTEN,
        "WHEN EXISTS (SELECT 1 FROM restrictions AS kept WHERE kept.id = NEW.id)",
    ),
)
_POSTGRESQL = (
    (
        "restrictions_updated",
        "UPDATE",
        _REWRITTEN,
        f"FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL OR {_changed('IS DISTINCT FROM')})",
    ),
    ("restrictions_deleted", "DELETE", _DELETED, "FOR EACH ROW"),
    ("restrictions_emptied", "TRUNCATE", _DELETED, "FOR EACH STATEMENT"),
)
