"""
Subjects: who a member is for an OpenID Connect issuer.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subjects",
        sa.Column("member_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("linked_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_subjects_member_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_subjects_organization_id")
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_subjects")),
        sa.UniqueConstraint(
            "organization_id", "issuer", "subject", name=op.f("uq_subjects_organization_id_issuer_subject")
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_subjects_issuer_subject"), "subjects", ["issuer", "subject"])


def downgrade() -> None:
    op.drop_table("subjects")
