"""
The transfers of an organization in the order in which they were asked, for lists that go page by page.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INDEX = "ix_transfers_organization_id_asked_at_id"


def upgrade() -> None:
    op.create_index(op.f(_INDEX), "transfers", ["organization_id", "asked_at", "id"])


def downgrade() -> None:
    op.drop_index(op.f(_INDEX), "transfers")
