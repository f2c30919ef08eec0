"""
Sessions: who is signed in at the console, under the digest of what their browser holds.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("member_id", Id(), nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("until_at", Instant(), nullable=False),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_sessions_digest_whole")),
        sa.CheckConstraint("began_at < until_at", name=op.f("ck_sessions_ends_later")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_sessions_member_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_sessions_member_id"), "sessions", ["member_id"])


def downgrade() -> None:
    op.drop_table("sessions")
