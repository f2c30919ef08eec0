"""
Bulks that impose, reassign what is open or insist: what was chosen, and what an item reassigns.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Flag, Id, Instant

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_CHOSEN = ("insist", "impose", "reason_id")
_STARTED = "BULK-1: what was started, and by whom, never changes"


def upgrade() -> None:
    op.add_column("bulks", sa.Column("insist", Flag(), server_default=sa.false(), nullable=False))
    op.add_column("bulks", sa.Column("impose", Flag(), server_default=sa.false(), nullable=False))
    op.add_column("bulks", sa.Column("reason_id", Id(), nullable=True))
    op.add_column("bulk_items", sa.Column("reassigns", Id(), nullable=True))
    op.add_column("bulk_items", sa.Column("reassigned_at", Instant(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        changed = _changed("IS DISTINCT FROM")
        refuse = f"EXECUTE FUNCTION passation_refuse('{_STARTED}')"
    else:
        changed = _changed("IS NOT")
        refuse = f"BEGIN SELECT RAISE(ABORT, '{_STARTED}'); END"
    op.execute(f"CREATE TRIGGER bulks_chosen BEFORE UPDATE ON bulks FOR EACH ROW WHEN ({changed}) {refuse}")


def downgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP TRIGGER bulks_chosen" + ("" if on_sqlite else " ON bulks"))
    for column in _CHOSEN:
        op.drop_column("bulks", column)
    op.drop_column("bulk_items", "reassigned_at")
    op.drop_column("bulk_items", "reassigns")


def _changed(differs: str) -> str:
    return " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in _CHOSEN)
