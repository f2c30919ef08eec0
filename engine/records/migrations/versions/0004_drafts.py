"""
Drafts that are adopted or set aside, notes that are approved (VIS-10), and legal holds (MOVE-11).

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from engine.records.types import Flag, Id, Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_notes(_columns(), _foreign_keys())
    else:
        for column in _NEW_COLUMNS():
            op.add_column("notes", column)
        for name in _NEW_MEMBERS:
            op.create_foreign_key(op.f(f"fk_notes_{name}"), "notes", "members", [name], ["id"])
    _holds()
    for name, (table, events, condition, message) in _TRIGGERS.items():
        _create_trigger(name, table, events, condition, message)
    if op.get_bind().dialect.name != "sqlite":
        op.execute(
            "CREATE TRIGGER holds_emptied BEFORE TRUNCATE ON holds FOR EACH STATEMENT "
            "EXECUTE FUNCTION passation_refuse('MOVE-11: a hold is never deleted')"
        )


def downgrade() -> None:
    for name, (table, *_) in _TRIGGERS.items():
        _drop_trigger(name, table)
    op.drop_table("holds")
    # The older version knows no draft that was set aside.
    _without_triggers("UPDATE notes SET state = 'draft' WHERE state = 'set_aside'")
    if op.get_bind().dialect.name == "sqlite":
        new = {column.name for column in _NEW_COLUMNS()}
        kept = [column for column in _columns() if column.name not in new]
        _rebuild_notes(kept, [key for key in _foreign_keys() if not new & set(key.column_keys)])
    else:
        for column in _NEW_COLUMNS():
            op.drop_column("notes", column.name)


_NEW_MEMBERS = ("first_author_id", "approved_by_id")


def _NEW_COLUMNS() -> list[sa.Column[Any]]:  # noqa: N802 - columns belong to one table each: made anew
    return [
        sa.Column("first_author_id", Id(), nullable=True),
        sa.Column("approved_by_id", Id(), nullable=True),
        sa.Column("approved_at", Instant(), nullable=True),
    ]


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("confidential", Flag(), nullable=False),
        sa.Column("author_only", Flag(), nullable=False),
        sa.Column("signed_at", Instant(), nullable=True),
        *_NEW_COLUMNS(),
        sa.Column("author_id", Id(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
    ]


def _foreign_keys() -> list[sa.ForeignKeyConstraint]:
    return [
        *(
            sa.ForeignKeyConstraint([name], ["members.id"], name=op.f(f"fk_notes_{name}"))
            for name in ("author_id", *_NEW_MEMBERS)
        ),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_notes_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "sha256"],
            ["content.organization_id", "content.sha256"],
            name=op.f("fk_notes_organization_id_sha256"),
        ),
    ]


def _rebuild_notes(columns: Sequence[sa.Column[Any]], keys: Sequence[sa.ForeignKeyConstraint]) -> None:
    """
    Make the table again with other columns, as SQLite cannot change one's foreign keys.

    A dropped table takes its triggers along, and asks none of them: they are read before and made again.
    """
    bind = op.get_bind()
    triggers = bind.scalars(
        sa.text("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'notes' ORDER BY rowid")
    ).all()
    had = {row.name for row in bind.execute(sa.text("PRAGMA table_info(notes)"))}
    op.execute("CREATE TEMP TABLE notes_before AS SELECT * FROM notes")
    op.drop_table("notes")
    op.create_table(
        "notes",
        *columns,
        *keys,
        sa.PrimaryKeyConstraint("holding_id", "item_id", name=op.f("pk_notes")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_notes_organization_id_sha256"), "notes", ["organization_id", "sha256"])
    both = ", ".join(column.name for column in columns if column.name in had)
    op.execute(f"INSERT INTO notes ({both}) SELECT {both} FROM notes_before")  # noqa: S608 - words of this file
    op.execute("DROP TABLE notes_before")
    for trigger in triggers:
        op.execute(sa.text(trigger.replace(":", r"\:")))


def _without_triggers(statement: str) -> None:
    """Change what the triggers of the older version keep in closed holdings too."""
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        op.execute("ALTER TABLE notes DISABLE TRIGGER USER")
        op.execute(statement)
        op.execute("ALTER TABLE notes ENABLE TRIGGER USER")
        return
    triggers = bind.execute(
        sa.text(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'notes' ORDER BY rowid"
        )
    ).all()
    for name, _ in triggers:
        op.execute(f"DROP TRIGGER {name}")
    op.execute(statement)
    for _, trigger in triggers:
        op.execute(sa.text(trigger.replace(":", r"\:")))


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("set_by_id", Id(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_by_id", Id(), nullable=True),
        sa.Column("released_at", Instant(), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(released_at IS NULL) = (released_by_id IS NULL)"
            " AND (released_at IS NULL) = (release_reason IS NULL)",
            name=op.f("ck_holds_released_whole"),
        ),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_holds_record_id")),
        sa.ForeignKeyConstraint(["set_by_id"], ["members.id"], name=op.f("fk_holds_set_by_id")),
        sa.ForeignKeyConstraint(["released_by_id"], ["members.id"], name=op.f("fk_holds_released_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_holds_current",
        "holds",
        ["record_id"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    _hold_what_is_held()


def _hold_what_is_held() -> None:
    """Give a hold to every record that has been marked so far: by its owner, who is the one it names."""
    bind = op.get_bind()
    found = bind.execute(
        sa.text(
            "SELECT r.id, h.owner_id, r.created_at FROM records r"
            " JOIN holdings h ON h.record_id = r.id AND h.state = 'live' WHERE r.legal_hold"
        )
    ).all()
    for record_id, owner_id, at in found:
        bind.execute(
            sa.text(
                "INSERT INTO holds (id, record_id, set_by_id, set_at, reason)"
                " VALUES (:record, :record, :owner, :at, 'before holds were kept')"
            ),
            {"record": record_id, "owner": owner_id, "at": at},
        )


def _changed(*columns: str) -> str:
    # IS DISTINCT FROM is read by PostgreSQL and, from 3.39 on, by SQLite.
    return "(" + " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns) + ")"


_TEXT = ("sha256", "author_id", "created_at", "confidential", "author_only")
_SIGNED = ("sha256", "author_id", "created_at", "signed_at")
_NOT_APPROVED = "NEW.state NOT IN ('waiting_approval', 'signed')"
_KEPT_ALREADY = (
    "EXISTS (SELECT 1 FROM notes AS kept WHERE kept.holding_id = NEW.holding_id"
    " AND kept.item_id = NEW.item_id AND kept.state IN ('set_aside', 'waiting_approval'))"
)
_HELD_ALREADY = (
    "EXISTS (SELECT 1 FROM holds AS kept WHERE kept.id = NEW.id"
    " OR (kept.record_id = NEW.record_id AND kept.released_at IS NULL))"
)
_OTHERWISE_THAN_HELD = (
    "(CASE WHEN NEW.legal_hold THEN 0 ELSE 1 END)"
    " = (SELECT count(*) FROM holds WHERE record_id = NEW.id AND released_at IS NULL)"
)
_HELD = ("id", "record_id", "set_by_id", "set_at", "reason")

#: By name: the table, when, under which condition, and what is said; the same on both databases.
_TRIGGERS = {
    "notes_first_author": (
        "notes",
        "UPDATE",
        _changed("first_author_id"),
        "VIS-10: a note keeps the first author that it names",
    ),
    "notes_approved": (
        "notes",
        "UPDATE",
        f"OLD.state = 'signed' AND {_changed('approved_by_id', 'approved_at')}",
        "VIS-5: the approval of a signed note never changes",
    ),
    "notes_waiting": (
        "notes",
        "UPDATE",
        f"OLD.state = 'waiting_approval' AND ({_NOT_APPROVED} OR {_changed(*_SIGNED)})",
        "VIS-5: a note that waits for approval keeps its text, its author and its signature",
    ),
    "notes_set_aside": (
        "notes",
        "UPDATE",
        f"OLD.state = 'set_aside' AND (NEW.state <> 'set_aside' OR {_changed(*_TEXT)})",
        "VIS-10: a draft that was set aside stays as it was",
    ),
    "notes_not_set_aside": (
        "notes",
        "UPDATE",
        "NEW.state = 'set_aside' AND OLD.state NOT IN ('draft', 'set_aside')",
        "VIS-10: only a draft is set aside",
    ),
    "notes_set_aside_deleted": (
        "notes",
        "DELETE",
        "OLD.state = 'set_aside' AND (SELECT state FROM holdings WHERE id = OLD.holding_id) <> 'destroyed'",
        "VIS-10: a draft that was set aside stays",
    ),
    "notes_set_aside_replaced": (
        "notes",
        "INSERT",
        _KEPT_ALREADY,
        "VIS-10: a draft that was set aside, or a note that waits, is never replaced",
    ),
    "holds_changed": (
        "holds",
        "UPDATE",
        f"OLD.released_at IS NOT NULL OR {_changed(*_HELD)}",
        "MOVE-11: a hold is released once and never changes otherwise",
    ),
    "holds_deleted": ("holds", "DELETE", "1 = 1", "MOVE-11: a hold is never deleted"),
    "holds_replaced": (
        "holds",
        "INSERT",
        _HELD_ALREADY,
        "MOVE-11: a record has one hold at a time, which is never replaced",
    ),
    "records_released": (
        "records",
        "UPDATE",
        f"{_changed('legal_hold')} AND {_OTHERWISE_THAN_HELD}",
        "MOVE-11: a record is under legal hold as long as a hold stands",
    ),
}


def _create_trigger(name: str, table: str, event: str, condition: str, message: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    # A WHEN clause of PostgreSQL may not ask other tables: the condition stands inside.
    kept = "OLD" if event == "DELETE" else "NEW"
    op.execute(
        sa.text(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF {condition} THEN RAISE EXCEPTION USING MESSAGE = '{message}', DETAIL = TG_NAME,"
            f" ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {kept}; END $$".replace(":", r"\:")
        )
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _drop_trigger(name: str, table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {name}")
    else:
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}()")
