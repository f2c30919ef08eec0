"""
The first schema: members and clients, records and holdings, items, transfers, log and outbox.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Flag, Id, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _people()
    _records()
    _transfers()
    _holdings()
    _items()
    _proof()
    if op.get_bind().dialect.name == "sqlite":
        for trigger in _sqlite_triggers():
            op.execute(trigger)


def downgrade() -> None:
    # A table takes its indexes and triggers along; children go before their parents.
    for table in _TABLES_CHILDREN_FIRST:
        op.drop_table(table)


_TABLES_CHILDREN_FIRST = (
    "outbox",
    "audit_heads",
    "events",
    "manifest",
    "appointments",
    "memos",
    "tasks",
    "invoices",
    "profiles",
    "raw_data",
    "documents",
    "notes",
    "content",
    "holdings",
    "transfers",
    "texts",
    "shares",
    "record_clients",
    "records",
    "restrictions",
    "clients",
    "member_roles",
    "members",
    "raw_data_titles",
    "policies",
    "organizations",
)


def _people() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("name", name=op.f("uq_organizations_name")),
        sqlite_strict=True,
    )
    op.create_table(
        "policies",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("answer_within", sa.Integer(), nullable=False),
        sa.Column("reminders", sa.Text(), nullable=False),
        sa.Column("basis_required", Flag(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_policies_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_policies")),
        sqlite_strict=True,
    )
    op.create_table(
        "raw_data_titles",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_raw_data_titles_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "title", name=op.f("pk_raw_data_titles")),
        sqlite_strict=True,
    )
    op.create_table(
        "members",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("active", Flag(), nullable=False),
        sa.Column("accepts_records", Flag(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_members_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("organization_id", "email", name=op.f("uq_members_organization_id_email")),
        sqlite_strict=True,
    )
    op.create_table(
        "member_roles",
        sa.Column("member_id", Id(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "role IN ('practitioner', 'coordinator', 'administrator')", name=op.f("ck_member_roles_role_word")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_member_roles_member_id")),
        sa.PrimaryKeyConstraint("member_id", "role", name=op.f("pk_member_roles")),
        sqlite_strict=True,
    )
    op.create_table(
        "clients",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_clients_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        sqlite_strict=True,
    )
    op.create_table(
        "restrictions",
        sa.Column("id", Id(), nullable=False),
        sa.Column("client_id", Id(), nullable=False),
        sa.Column("member_id", Id(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("set_by_id", Id(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(member_id IS NULL) <> (title IS NULL)", name=op.f("ck_restrictions_member_or_title")
        ),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_restrictions_client_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_restrictions_member_id")),
        sa.ForeignKeyConstraint(["set_by_id"], ["members.id"], name=op.f("fk_restrictions_set_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restrictions")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_restrictions_client_id"), "restrictions", ["client_id"])


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("legal_hold", Flag(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'archived', 'deleted')", name=op.f("ck_records_status_word")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_records_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_records_organization_id_number")),
        sqlite_strict=True,
    )
    op.create_table(
        "record_clients",
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("client_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_record_clients_client_id")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_record_clients_record_id")),
        sa.PrimaryKeyConstraint("record_id", "client_id", name=op.f("pk_record_clients")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_record_clients_client_id"), "record_clients", ["client_id"])
    op.create_table(
        "shares",
        sa.Column("id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("member_id", Id(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("approval", Flag(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.CheckConstraint("level IN ('read', 'write', 'full')", name=op.f("ck_shares_level_word")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_shares_member_id")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_shares_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_shares_current",
        "shares",
        ["record_id", "member_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _transfers() -> None:
    op.create_table(
        "texts",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("basis_form", sa.Text(), nullable=True),
        sa.Column("basis_on", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("kind IN ('reason', 'basis', 'message')", name=op.f("ck_texts_kind_word")),
        sa.ForeignKeyConstraint(["author_id"], ["members.id"], name=op.f("fk_texts_author_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_texts_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_texts")),
        sqlite_strict=True,
    )
    op.create_table(
        "transfers",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("from_id", Id(), nullable=False),
        sa.Column("to_id", Id(), nullable=False),
        sa.Column("asked_by_id", Id(), nullable=False),
        sa.Column("asked_role", sa.Text(), nullable=False),
        sa.Column("bulk_id", Id(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("include_confidential", Flag(), nullable=False),
        sa.Column("raw_data", sa.Text(), nullable=False),
        sa.Column("keep_copy", Flag(), nullable=False),
        sa.Column("basis_id", Id(), nullable=True),
        sa.Column("message_id", Id(), nullable=True),
        sa.Column("reason_id", Id(), nullable=True),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("respond_by", Instant(), nullable=False),
        sa.Column("reminders_sent", sa.Integer(), nullable=False),
        sa.Column("decided_by_id", Id(), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("failed_rule", sa.Text(), nullable=True),
        sa.Column("stuck_cause", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'pending_acceptance', 'coordinator_override', 'accepted', "
            "'refused', 'cancelled', 'expired', 'failed')",
            name=op.f("ck_transfers_state_word"),
        ),
        sa.ForeignKeyConstraint(["asked_by_id"], ["members.id"], name=op.f("fk_transfers_asked_by_id")),
        sa.ForeignKeyConstraint(["basis_id"], ["texts.id"], name=op.f("fk_transfers_basis_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["members.id"], name=op.f("fk_transfers_decided_by_id")),
        sa.ForeignKeyConstraint(["from_id"], ["members.id"], name=op.f("fk_transfers_from_id")),
        sa.ForeignKeyConstraint(["message_id"], ["texts.id"], name=op.f("fk_transfers_message_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_transfers_organization_id")
        ),
        sa.ForeignKeyConstraint(["reason_id"], ["texts.id"], name=op.f("fk_transfers_reason_id")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_transfers_record_id")),
        sa.ForeignKeyConstraint(["to_id"], ["members.id"], name=op.f("fk_transfers_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_transfers_from_id"), "transfers", ["from_id"])
    op.create_index(op.f("ix_transfers_to_id"), "transfers", ["to_id"])
    op.create_index(
        "uq_transfers_open",
        "transfers",
        ["record_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('coordinator_override', 'pending_acceptance', 'requested')"),
        postgresql_where=sa.text("state IN ('coordinator_override', 'pending_acceptance', 'requested')"),
    )


def _holdings() -> None:
    op.create_table(
        "holdings",
        sa.Column("id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("owner_id", Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("confidential", Flag(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("reason_for_consultation", sa.Text(), nullable=True),
        sa.Column("opened_on", sa.Text(), nullable=False),
        sa.Column("from_at", Instant(), nullable=False),
        sa.Column("until_at", Instant(), nullable=True),
        sa.Column("closed_by_id", Id(), nullable=True),
        sa.CheckConstraint(
            "state IN ('live', 'archived', 'quarantined', 'destroyed')", name=op.f("ck_holdings_state_word")
        ),
        sa.ForeignKeyConstraint(["closed_by_id"], ["transfers.id"], name=op.f("fk_holdings_closed_by_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_holdings_organization_id")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["members.id"], name=op.f("fk_holdings_owner_id")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_holdings_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holdings")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_holdings_owner_id_state"), "holdings", ["owner_id", "state"])
    op.create_index(op.f("ix_holdings_record_id"), "holdings", ["record_id"])
    op.create_index(
        "uq_holdings_live",
        "holdings",
        ["record_id"],
        unique=True,
        sqlite_where=sa.text("state = 'live'"),
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_table(
        "content",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_content_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "sha256", name=op.f("pk_content")),
        sqlite_strict=True,
    )


def _items() -> None:
    op.create_table(
        "notes",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("confidential", Flag(), nullable=False),
        sa.Column("author_only", Flag(), nullable=False),
        sa.Column("signed_at", Instant(), nullable=True),
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["members.id"], name=op.f("fk_notes_author_id")),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_notes_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "sha256"],
            ["content.organization_id", "content.sha256"],
            name=op.f("fk_notes_organization_id_sha256"),
        ),
        sa.PrimaryKeyConstraint("holding_id", "item_id", name=op.f("pk_notes")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_notes_organization_id_sha256"), "notes", ["organization_id", "sha256"])
    op.create_table(
        "documents",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("confidential", Flag(), nullable=False),
        sa.Column("author_only", Flag(), nullable=False),
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["members.id"], name=op.f("fk_documents_author_id")),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_documents_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "sha256"],
            ["content.organization_id", "content.sha256"],
            name=op.f("fk_documents_organization_id_sha256"),
        ),
        sa.PrimaryKeyConstraint("holding_id", "item_id", name=op.f("pk_documents")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_documents_organization_id_sha256"), "documents", ["organization_id", "sha256"])
    op.create_table(
        "raw_data",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["members.id"], name=op.f("fk_raw_data_author_id")),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_raw_data_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "sha256"],
            ["content.organization_id", "content.sha256"],
            name=op.f("fk_raw_data_organization_id_sha256"),
        ),
        sa.PrimaryKeyConstraint("holding_id", "item_id", name=op.f("pk_raw_data")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_raw_data_organization_id_sha256"), "raw_data", ["organization_id", "sha256"])
    op.create_table(
        "profiles",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("relationship", sa.Text(), nullable=False),
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["members.id"], name=op.f("fk_profiles_author_id")),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_profiles_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "sha256"],
            ["content.organization_id", "content.sha256"],
            name=op.f("fk_profiles_organization_id_sha256"),
        ),
        sa.PrimaryKeyConstraint("holding_id", "item_id", name=op.f("pk_profiles")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_profiles_organization_id_sha256"), "profiles", ["organization_id", "sha256"])
    op.create_table(
        "invoices",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Text(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_invoices_holding_id")),
        sa.PrimaryKeyConstraint("holding_id", "item_id", name=op.f("pk_invoices")),
        sqlite_strict=True,
    )
    op.create_table(
        "tasks",
        sa.Column("due_on", sa.Text(), nullable=True),
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["members.id"], name=op.f("fk_tasks_author_id")),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_tasks_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "sha256"],
            ["content.organization_id", "content.sha256"],
            name=op.f("fk_tasks_organization_id_sha256"),
        ),
        sa.PrimaryKeyConstraint("holding_id", "item_id", name=op.f("pk_tasks")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_tasks_organization_id_sha256"), "tasks", ["organization_id", "sha256"])
    op.create_table(
        "memos",
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["members.id"], name=op.f("fk_memos_author_id")),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_memos_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "sha256"],
            ["content.organization_id", "content.sha256"],
            name=op.f("fk_memos_organization_id_sha256"),
        ),
        sa.PrimaryKeyConstraint("holding_id", "item_id", name=op.f("pk_memos")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_memos_organization_id_sha256"), "memos", ["organization_id", "sha256"])
    op.create_table(
        "appointments",
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("holding_id", Id(), nullable=True),
        sa.Column("practitioner_id", Id(), nullable=False),
        sa.Column("client_id", Id(), nullable=True),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("state IN ('booked', 'cancelled')", name=op.f("ck_appointments_state_word")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_appointments_client_id")),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_appointments_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_appointments_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["members.id"], name=op.f("fk_appointments_practitioner_id")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_appointments_record_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_appointments")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_appointments_holding_id"), "appointments", ["holding_id"])
    op.create_index(op.f("ix_appointments_record_id"), "appointments", ["record_id"])


def _proof() -> None:
    op.create_table(
        "manifest",
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("item_class", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("author_id", Id(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "item_class IN ('details', 'note', 'document', 'draft_note', 'profile', "
            "'confidential_note', 'confidential_document', 'raw_data', 'collaborator_confidential', "
            "'invoice', 'past_appointment', 'upcoming_appointment', 'collaborator_appointment', "
            "'task', 'memo', 'share')",
            name=op.f("ck_manifest_item_class_word"),
        ),
        sa.CheckConstraint(
            "outcome IN ('moved', 'kept', 'cancelled', 'withheld', 'deleted')",
            name=op.f("ck_manifest_outcome_word"),
        ),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_manifest_transfer_id")),
        sa.PrimaryKeyConstraint("transfer_id", "item_id", name=op.f("pk_manifest")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_manifest_item_id"), "manifest", ["item_id"])
    op.create_table(
        "events",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("actor_id", Id(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("os_uid", sa.Integer(), nullable=True),
        sa.Column("command_id", Id(), nullable=False),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("transfer_id", Id(), nullable=True),
        sa.Column("record_id", Id(), nullable=True),
        sa.Column("subject_id", Id(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("state_from", sa.Text(), nullable=True),
        sa.Column("state_to", sa.Text(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_events_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "seq", name=op.f("pk_events")),
        sa.UniqueConstraint("command_id", "action", "side", name=op.f("uq_events_command_id_action_side")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_events_transfer_id"), "events", ["transfer_id"])
    op.create_index(
        "uq_events_command",
        "events",
        ["command_id", "action"],
        unique=True,
        sqlite_where=sa.text("side IS NULL"),
        postgresql_where=sa.text("side IS NULL"),
    )
    op.create_table(
        "audit_heads",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_audit_heads_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_audit_heads")),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause_id", Id(), nullable=False),
        sa.Column("transfer_id", Id(), nullable=True),
        sa.Column("recipient_id", Id(), nullable=False),
        sa.Column("member_id", Id(), nullable=True),
        sa.Column("client_id", Id(), nullable=True),
        sa.Column("subject_id", Id(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "(member_id IS NULL) <> (client_id IS NULL)", name=op.f("ck_outbox_one_recipient")
        ),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_outbox_client_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_outbox_member_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_outbox_organization_id")
        ),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_outbox_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint(
            "cause_id",
            "kind",
            "recipient_id",
            "subject_id",
            name=op.f("uq_outbox_cause_id_kind_recipient_id_subject_id"),
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_outbox_transfer_id"), "outbox", ["transfer_id"])


#: The items that always have a holding; an appointment may be without one.
_ITEM_TABLES = ("notes", "documents", "raw_data", "profiles", "invoices", "tasks", "memos")


def _sqlite_triggers() -> list[str]:
    """
    Give the triggers in SQLite's words.

    ``INSERT OR REPLACE`` removes a row without asking its DELETE trigger (unless ``recursive_triggers`` is
    on): what may not be deleted must not be replaced either, hence the triggers ``..._replaced``.
    """
    return [
        *_log_triggers(),
        *_content_triggers(),
        *(trigger for table in _ITEM_TABLES for trigger in _item_triggers(table)),
        *_appointment_triggers(),
        *_note_triggers(),
        *_holding_triggers(),
        *_transfer_triggers(),
    ]


def _trigger(name: str, event: str, table: str, message: str, *, when: str | None = None) -> str:
    condition = "" if when is None else f"WHEN {when} "
    return (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {condition}"
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _exists(table: str, condition: str) -> str:
    return f"EXISTS (SELECT 1 FROM {table} AS kept WHERE {condition})"  # noqa: S608 - words of this file


def _changed(*columns: str) -> str:
    return "(" + " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns) + ")"


def _state_of_holding(row: str) -> str:
    return f"(SELECT state FROM holdings WHERE id = {row}.holding_id)"  # noqa: S608 - words of this file


def _closed(row: str) -> str:
    return f"({row}.holding_id IS NOT NULL AND {_state_of_holding(row)} IS NOT 'live')"


def _log_triggers() -> list[str]:
    log = "AUD-2: the log is append-only"
    manifest = "MOVE-5: a manifest never changes"
    same_line = "kept.organization_id = NEW.organization_id AND kept.seq = NEW.seq"
    same_command = "kept.command_id = NEW.command_id AND kept.action = NEW.action AND kept.side IS NEW.side"
    same_item = "kept.transfer_id = NEW.transfer_id AND kept.item_id = NEW.item_id"
    replaced = f"{_exists('events', same_line)} OR {_exists('events', same_command)}"
    return [
        _trigger("events_updated", "UPDATE", "events", log),
        _trigger("events_deleted", "DELETE", "events", log),
        _trigger("events_replaced", "INSERT", "events", log, when=replaced),
        _trigger("manifest_updated", "UPDATE", "manifest", manifest),
        _trigger("manifest_deleted", "DELETE", "manifest", manifest),
        _trigger("manifest_replaced", "INSERT", "manifest", manifest, when=_exists("manifest", same_item)),
    ]


def _content_triggers() -> list[str]:
    message = "MOVE-5: content is never rewritten"
    other_body = (
        "kept.organization_id = NEW.organization_id AND kept.sha256 = NEW.sha256 AND kept.body <> NEW.body"
    )
    return [
        _trigger("content_updated", "UPDATE", "content", message),
        _trigger("content_replaced", "INSERT", "content", message, when=_exists("content", other_body)),
    ]


def _item_triggers(table: str, *key: str) -> list[str]:
    written = "MOVE-4: only a live holding is written to"
    lost = "MOVE-4: a copy or a quarantine loses nothing"
    destructible = f"{_closed('OLD')} AND {_state_of_holding('OLD')} <> 'destroyed'"
    return [
        _trigger(f"{table}_inserted", "INSERT", table, written, when=_closed("NEW")),
        _trigger(f"{table}_updated", "UPDATE", table, written, when=f"{_closed('OLD')} OR {_closed('NEW')}"),
        _trigger(f"{table}_deleted", "DELETE", table, lost, when=destructible),
        _trigger(
            f"{table}_moved",
            "UPDATE",
            table,
            "MOVE-5: an item keeps its holding and its id",
            when=_changed(*(key or ("holding_id", "item_id"))),
        ),
    ]


def _appointment_triggers() -> list[str]:
    # A collaborator's appointment enters a holding when they become the owner (VIS-9): its id alone is fixed.
    in_a_copy = (
        "kept.item_id = NEW.item_id AND "
        "kept.holding_id IN (SELECT id FROM holdings WHERE state IN ('archived', 'quarantined'))"
    )
    return [
        *_item_triggers("appointments", "item_id"),
        _trigger(
            "appointments_replaced",
            "INSERT",
            "appointments",
            "MOVE-4: a copy or a quarantine loses nothing",
            when=_exists("appointments", in_a_copy),
        ),
    ]


def _note_triggers() -> list[str]:
    message = "VIS-5: a signed note never changes"
    signed = ("sha256", "author_id", "created_at", "signed_at", "state")
    other = " OR ".join(f"NEW.{column} IS NOT kept.{column}" for column in signed)
    same_note = "kept.holding_id = NEW.holding_id AND kept.item_id = NEW.item_id AND kept.state = 'signed'"
    return [
        _trigger(
            "notes_signed",
            "UPDATE",
            "notes",
            message,
            when=f"OLD.state = 'signed' AND {_changed(*signed)}",
        ),
        _trigger(
            "notes_replaced",
            "INSERT",
            "notes",
            message,
            when=_exists("notes", f"{same_note} AND ({other})"),
        ),
    ]


def _holding_triggers() -> list[str]:
    fixed = ("id", "record_id", "organization_id", "owner_id", "from_at")
    details = ("confidential", "title", "email", "reason_for_consultation", "opened_on")
    end = ("until_at", "closed_by_id")
    same_id = _exists("holdings", "kept.id = NEW.id")
    second_live = "NEW.state = 'live' AND " + _exists(
        "holdings", "kept.record_id = NEW.record_id AND kept.state = 'live'"
    )
    ways_on = (
        "(OLD.state = 'archived' AND NEW.state = 'destroyed') OR "
        "(OLD.state = 'quarantined' AND NEW.state IN ('archived', 'destroyed'))"
    )
    return [
        _trigger(
            "holdings_handed_over",
            "UPDATE",
            "holdings",
            "MOVE-2: a holding keeps its owner, its record and its beginning",
            when=f"OLD.state = 'live' AND {_changed(*fixed)}",
        ),
        _trigger(
            "holdings_closed",
            "UPDATE",
            "holdings",
            "MOVE-4: a closed holding never changes",
            when=f"OLD.state <> 'live' AND {_changed(*fixed, *details, *end)}",
        ),
        _trigger(
            "holdings_reopened",
            "UPDATE",
            "holdings",
            "MOVE-4: a closed holding never lives again",
            when="OLD.state <> 'live' AND NEW.state = 'live'",
        ),
        _trigger(
            "holdings_state",
            "UPDATE",
            "holdings",
            "MOVE-6: a closed holding becomes a copy or is destroyed, nothing else",
            when=f"OLD.state <> 'live' AND NEW.state NOT IN (OLD.state, 'live') AND NOT ({ways_on})",
        ),
        _trigger("holdings_deleted", "DELETE", "holdings", "MOVE-6: a holding leaves a tombstone"),
        _trigger(
            "holdings_replaced",
            "INSERT",
            "holdings",
            "MOVE-4: a holding is never replaced",
            when=f"{same_id} OR ({second_live})",
        ),
    ]


def _transfer_triggers() -> list[str]:
    asked = (
        "id",
        "organization_id",
        "record_id",
        "from_id",
        "asked_by_id",
        "asked_role",
        "bulk_id",
        "purpose",
    )
    final = "('accepted', 'refused', 'cancelled', 'expired', 'failed')"
    not_final = "('requested', 'pending_acceptance', 'coordinator_override')"
    same_id = _exists("transfers", "kept.id = NEW.id")
    second_open = f"NEW.state IN {not_final} AND " + _exists(
        "transfers", f"kept.record_id = NEW.record_id AND kept.state IN {not_final}"
    )
    return [
        _trigger(
            "transfers_final",
            "UPDATE",
            "transfers",
            "ST-T: a final state is never left",
            when=f"OLD.state IN {final} AND NEW.state <> OLD.state",
        ),
        _trigger(
            "transfers_asked",
            "UPDATE",
            "transfers",
            "AUD-1: what was asked, by whom and why never changes",
            when=_changed(*asked),
        ),
        _trigger("transfers_deleted", "DELETE", "transfers", "AUD-1: a transfer is never deleted"),
        _trigger(
            "transfers_replaced", "INSERT", "transfers", "AUD-1: a transfer is never replaced", when=same_id
        ),
        _trigger(
            "transfers_second",
            "INSERT",
            "transfers",
            "OVR-3: one open transfer a record at most",
            when=second_open,
        ),
    ]
