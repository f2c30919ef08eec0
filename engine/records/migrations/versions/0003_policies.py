"""
Two policies more: how long what is excluded is kept, and a record after its last service (MOVE-6).

Frozen: it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, default in (("grace_days", "30"), ("retention_years", "5")):
        column = sa.Column(name, sa.Integer(), server_default=sa.text(default), nullable=False)
        op.add_column("policies", column)


def downgrade() -> None:
    op.drop_column("policies", "retention_years")
    op.drop_column("policies", "grace_days")
