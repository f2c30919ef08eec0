"""
An organization may tell its clients who is responsible for them from now on (NOTE-2).

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Flag

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "policies", sa.Column("announce_practitioner", Flag(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("policies", "announce_practitioner")
