"""
Transfers of a caseload: a bulk, its items fixed at its start, and what recipients answer to it as a whole.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Flag, Id, Instant

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_LIST = "BULK-1: what was listed never changes"
_STARTED = "BULK-1: what was started, and by whom, never changes"
_FINAL = "BULK-4: a final state is never left"
_KEPT = "BULK-4: a bulk is never deleted"
_FIXED = "BULK-1: the caseload is fixed at the start"
_ANSWER = "BULK-5: an answer never changes"
_CHOSEN = (
    "id",
    "organization_id",
    "from_id",
    "recipients",
    "started_by_id",
    "purpose",
    "include_confidential",
    "raw_data",
    "keep_copy",
    "include_confidential_records",
    "reassign_open",
    "basis_id",
    "message_id",
    "list_id",
    "fingerprint",
    "records",
    "started_at",
)
_ANSWERED = ("id", "organization_id", "bulk_id", "member_id", "answer", "scope", "reason_id", "given_at")
_TABLES = ("bulk_answer_denials", "bulk_answer_records", "bulk_answers", "bulk_items", "bulks", "bulk_lists")


def upgrade() -> None:
    op.create_table(
        "bulk_lists",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        _key("bulk_lists", "organization_id", "organizations"),
        _key("bulk_lists", "author_id", "members"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_lists")),
        sqlite_strict=True,
    )
    op.create_table(
        "bulks",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("from_id", Id(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("started_by_id", Id(), nullable=False),
        sa.Column("led_by_id", Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("include_confidential", Flag(), nullable=False),
        sa.Column("raw_data", sa.Text(), nullable=False),
        sa.Column("keep_copy", Flag(), nullable=False),
        sa.Column("include_confidential_records", Flag(), nullable=False),
        sa.Column("reassign_open", Flag(), nullable=False),
        sa.Column("basis_id", Id(), nullable=True),
        sa.Column("message_id", Id(), nullable=True),
        sa.Column("list_id", Id(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("confidential_left_out", sa.Integer(), nullable=False),
        sa.Column("not_selected", sa.Integer(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("paused_rule", sa.Text(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("cancels_by_id", Id(), nullable=True),
        sa.Column("cancel_reason_id", Id(), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'paused', 'stopped', 'finished')", name=op.f("ck_bulks_state_word")
        ),
        _key("bulks", "organization_id", "organizations"),
        _key("bulks", "from_id", "members"),
        _key("bulks", "started_by_id", "members"),
        _key("bulks", "led_by_id", "members"),
        _key("bulks", "basis_id", "texts"),
        _key("bulks", "message_id", "texts"),
        _key("bulks", "list_id", "bulk_lists"),
        _key("bulks", "cancels_by_id", "members"),
        _key("bulks", "cancel_reason_id", "texts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulks")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_bulks_organization_id_started_at"), "bulks", ["organization_id", "started_at"])
    op.create_index(
        "ix_bulks_open",
        "bulks",
        ["state"],
        sqlite_where=sa.text("state IN ('running', 'paused')"),
        postgresql_where=sa.text("state IN ('running', 'paused')"),
    )
    op.create_table(
        "bulk_items",
        sa.Column("bulk_id", Id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("to_id", Id(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        _key("bulk_items", "bulk_id", "bulks"),
        _key("bulk_items", "record_id", "records"),
        _key("bulk_items", "to_id", "members"),
        sa.PrimaryKeyConstraint("bulk_id", "position", name=op.f("pk_bulk_items")),
        sa.UniqueConstraint("bulk_id", "record_id", name=op.f("uq_bulk_items_bulk_id_record_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_bulk_items_transfer_id"), "bulk_items", ["transfer_id"])
    _answers()
    for trigger in _postgresql() if op.get_bind().dialect.name == "postgresql" else _sqlite():
        op.execute(trigger)


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION passation_bulk_item_added()")


def _answers() -> None:
    op.create_table(
        "bulk_answers",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("bulk_id", Id(), nullable=False),
        sa.Column("member_id", Id(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason_id", Id(), nullable=True),
        sa.Column("given_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.CheckConstraint("answer IN ('accept', 'refuse')", name=op.f("ck_bulk_answers_answer_word")),
        sa.CheckConstraint("scope IN ('all', 'only', 'except')", name=op.f("ck_bulk_answers_scope_word")),
        _key("bulk_answers", "organization_id", "organizations"),
        _key("bulk_answers", "bulk_id", "bulks"),
        _key("bulk_answers", "member_id", "members"),
        _key("bulk_answers", "reason_id", "texts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_answers")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_bulk_answers_bulk_id_member_id"), "bulk_answers", ["bulk_id", "member_id"])
    op.create_table(
        "bulk_answer_records",
        sa.Column("answer_id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        _key("bulk_answer_records", "answer_id", "bulk_answers"),
        _key("bulk_answer_records", "record_id", "records"),
        sa.PrimaryKeyConstraint("answer_id", "record_id", name=op.f("pk_bulk_answer_records")),
        sqlite_strict=True,
    )
    op.create_table(
        "bulk_answer_denials",
        sa.Column("answer_id", Id(), nullable=False),
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        _key("bulk_answer_denials", "answer_id", "bulk_answers"),
        _key("bulk_answer_denials", "transfer_id", "transfers"),
        sa.PrimaryKeyConstraint("answer_id", "transfer_id", name=op.f("pk_bulk_answer_denials")),
        sqlite_strict=True,
    )


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def _refused() -> list[tuple[str, str, str, str, str | None]]:
    """Give each trigger: name, event, table, message, and the columns or the condition it depends on."""
    refused = [
        ("bulks_started", "UPDATE", "bulks", _STARTED, _changed(*_CHOSEN)),
        (
            "bulks_final",
            "UPDATE",
            "bulks",
            _FINAL,
            "OLD.state IN ('stopped', 'finished') AND NEW.state <> OLD.state",
        ),
        ("bulks_deleted", "DELETE", "bulks", _KEPT, None),
        ("bulk_items_fixed", "UPDATE", "bulk_items", _FIXED, _changed("bulk_id", "position", "record_id")),
        ("bulk_items_deleted", "DELETE", "bulk_items", _FIXED, None),
        ("bulk_lists_updated", "UPDATE", "bulk_lists", _LIST, None),
        (
            "bulk_answers_updated",
            "UPDATE",
            "bulk_answers",
            _ANSWER,
            f"{_changed(*_ANSWERED)} OR OLD.ended_at IS NOT NULL",
        ),
        ("bulk_answers_deleted", "DELETE", "bulk_answers", _ANSWER, None),
    ]
    for table in ("bulk_answer_records", "bulk_answer_denials"):
        refused += [
            (f"{table}_updated", "UPDATE", table, _ANSWER, None),
            (f"{table}_deleted", "DELETE", table, _ANSWER, None),
        ]
    return refused


def _changed(*columns: str) -> str:
    return "(" + " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns) + ")"


def _sqlite() -> list[str]:
    """Refuse changes; `INSERT OR REPLACE` removes a row without asking the trigger for deletions."""
    replaced = {
        "bulks": ("id", _KEPT),
        "bulk_lists": ("id", _LIST),
        "bulk_answers": ("id", _ANSWER),
        "bulk_answer_records": ("answer_id record_id", _ANSWER),
        "bulk_answer_denials": ("answer_id transfer_id", _ANSWER),
    }
    triggers = list(_refused())
    for table, (key, message) in replaced.items():
        same = " AND ".join(f"kept.{column} = NEW.{column}" for column in key.split())
        kept = f"EXISTS (SELECT 1 FROM {table} AS kept WHERE {same})"  # noqa: S608 - words of this file
        triggers.append((f"{table}_replaced", "INSERT", table, message, kept))
    added = (
        "NEW.position >= (SELECT records FROM bulks WHERE id = NEW.bulk_id) OR EXISTS (SELECT 1 FROM "
        "bulk_items AS kept WHERE kept.bulk_id = NEW.bulk_id AND "
        "(kept.position = NEW.position OR kept.record_id = NEW.record_id))"
    )
    triggers.append(("bulk_items_added", "INSERT", "bulk_items", _FIXED, added))
    return [
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW "
        + ("" if when is None else f"WHEN {when} ")
        + f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for name, event, table, message, when in triggers
    ]


def _postgresql() -> list[str]:
    triggers = []
    for name, event, table, message, when in _refused():
        asked = "" if when is None else f"WHEN ({_distinct(when)}) "
        triggers.append(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {asked}"
            f"EXECUTE FUNCTION passation_refuse('{message}')"
        )
        if event == "DELETE":
            triggers.append(
                f"CREATE TRIGGER {table}_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
                f"EXECUTE FUNCTION passation_refuse('{message}')"
            )
    # A condition that asks another table wants a function.
    triggers.append(
        "CREATE FUNCTION passation_bulk_item_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608
        "IF NEW.position >= (SELECT records FROM bulks WHERE id = NEW.bulk_id) THEN "
        f"RAISE EXCEPTION USING MESSAGE = '{_FIXED}', DETAIL = TG_NAME, "
        "ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
    )
    triggers.append(
        "CREATE TRIGGER bulk_items_added BEFORE INSERT ON bulk_items FOR EACH ROW "
        "EXECUTE FUNCTION passation_bulk_item_added()"
    )
    return triggers


def _distinct(condition: str) -> str:
    """Say in PostgreSQL's words that a value changed."""
    return condition.replace(" IS NOT OLD.", " IS DISTINCT FROM OLD.")
