"""
Deliveries: what became of each message, how often members hear, and whom somebody must call (NOTE-3).

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_FINAL = "NOTE-3: a message that was sent stays sent"
_CALLED = "NOTE-2: a call that was made never changes"
_TROUBLES = (
    "'unreachable', 'timeout', 'tls', 'credentials', 'sender_refused', 'later', 'refused', 'no_address', "
    "'inactive', 'unexpected'"
)


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("member_id", Id(), nullable=True),
        sa.Column("client_id", Id(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("smtp_code", sa.Integer(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "(member_id IS NULL) <> (client_id IS NULL)", name=op.f("ck_deliveries_one_recipient")
        ),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_deliveries_sent_when")),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name=op.f("ck_deliveries_state_word")),
        sa.CheckConstraint(f"trouble IN ({_TROUBLES})", name=op.f("ck_deliveries_trouble_word")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_deliveries_organization_id")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_deliveries_member_id")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_deliveries_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_deliveries_state_due_at"), "deliveries", ["state", "due_at"])
    op.create_index(op.f("ix_deliveries_member_id_topic"), "deliveries", ["member_id", "topic"])
    op.create_table(
        "calls",
        sa.Column("notice_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("by_id", Id(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["outbox.id"], name=op.f("fk_calls_notice_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_calls_organization_id")
        ),
        sa.ForeignKeyConstraint(["by_id"], ["members.id"], name=op.f("fk_calls_by_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_calls")),
        sqlite_strict=True,
    )
    _add_columns()
    unplanned = sa.text("delivery_id IS NULL")
    op.create_index(
        "ix_outbox_unplanned", "outbox", ["id"], sqlite_where=unplanned, postgresql_where=unplanned
    )
    op.create_index(op.f("ix_outbox_delivery_id"), "outbox", ["delivery_id"])
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def downgrade() -> None:
    op.drop_index(op.f("ix_outbox_delivery_id"), "outbox")
    op.drop_index("ix_outbox_unplanned", "outbox")
    op.drop_table("calls")
    op.drop_column("members", "notices")
    op.drop_column("organizations", "reply_to")
    op.drop_column("outbox", "delivery_id")
    op.drop_table("deliveries")


def _add_columns() -> None:
    op.add_column("organizations", sa.Column("reply_to", sa.Text(), nullable=True))
    op.add_column(
        "members",
        sa.Column("notices", sa.Text(), server_default=sa.text("'at_once'"), nullable=False),
    )
    # Without a foreign key, which SQLite adds to no table that exists.
    op.add_column("outbox", sa.Column("delivery_id", Id(), nullable=True))


def _guard_on_sqlite() -> None:
    for table, name, event, when, message in (
        ("deliveries", "sent", "UPDATE", "WHEN OLD.state = 'sent'", _FINAL),
        ("deliveries", "deleted", "DELETE", "", _FINAL),
        (
            "deliveries",
            "replaced",
            "INSERT",
            "WHEN EXISTS (SELECT 1 FROM deliveries AS kept WHERE kept.id = NEW.id)",
            _FINAL,
        ),
        ("calls", "updated", "UPDATE", "", _CALLED),
        ("calls", "deleted", "DELETE", "", _CALLED),
        (
            "calls",
            "replaced",
            "INSERT",
            "WHEN EXISTS (SELECT 1 FROM calls AS kept WHERE kept.notice_id = NEW.notice_id)",
            _CALLED,
        ),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} FOR EACH ROW {when} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )


def _guard_on_postgresql() -> None:
    for table, name, event, each, when, message in (
        ("deliveries", "sent", "UPDATE", "ROW", "WHEN (OLD.state = 'sent')", _FINAL),
        ("deliveries", "deleted", "DELETE", "ROW", "", _FINAL),
        ("deliveries", "emptied", "TRUNCATE", "STATEMENT", "", _FINAL),
        ("calls", "updated", "UPDATE", "ROW", "", _CALLED),
        ("calls", "deleted", "DELETE", "ROW", "", _CALLED),
        ("calls", "emptied", "TRUNCATE", "STATEMENT", "", _CALLED),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} FOR EACH {each} {when} "
            f"EXECUTE FUNCTION passation_refuse('{message}')"
        )
