"""
A copy whose holder is gone is opened for a time; what a collaborator who left kept for themself is set apart.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import re

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OPENING = "MOVE-6: an opening ends once, and nothing else of it ever changes"
_OPENED = "MOVE-6: only an archived copy whose holder is inactive is opened"
_WRITTEN = "MOVE-4: only a live holding is written to"
_KEPT = ("id", "organization_id", "holding_id", "reader_id", "cause", "reason_id", "by_id", "opened_at")
_STATE = "(SELECT state FROM holdings WHERE id = NEW.holding_id)"


def upgrade() -> None:
    op.create_table(
        "openings",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("reader_id", Id(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reason_id", Id(), nullable=False),
        sa.Column("by_id", Id(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("until_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "cause IN ('access_request', 'order', 'mistake')", name=op.f("ck_openings_cause_word")
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) OR (ended_at >= opened_at)", name=op.f("ck_openings_ended_after")
        ),
        sa.CheckConstraint("until_at > opened_at", name=op.f("ck_openings_for_a_time")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_openings_organization_id")
        ),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_openings_holding_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["members.id"], name=op.f("fk_openings_reader_id")),
        sa.ForeignKeyConstraint(["reason_id"], ["texts.id"], name=op.f("fk_openings_reason_id")),
        sa.ForeignKeyConstraint(["by_id"], ["members.id"], name=op.f("fk_openings_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openings")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_openings_reader_id_holding_id"), "openings", ["reader_id", "holding_id"])
    op.create_index(op.f("ix_openings_holding_id"), "openings", ["holding_id"])
    for table in ("notes", "documents"):
        _drop(f"{table}_inserted", table)
    for trigger in (*_openings(), *map(_inserted, ("notes", "documents"))):
        _create(*trigger)


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in ("notes", "documents"):
        _drop(f"{table}_inserted", table)
        if sqlite:
            _create(f"{table}_inserted", "INSERT", table, _WRITTEN, _closed())
        else:
            op.execute(f"DROP FUNCTION {table}_inserted()")
            op.execute(
                f"CREATE TRIGGER {table}_inserted BEFORE INSERT ON {table} FOR EACH ROW "
                f"WHEN ({_on_postgresql(_closed())}) EXECUTE FUNCTION passation_refuse('{_WRITTEN}')"
            )
    op.drop_table("openings")
    if not sqlite:
        for name, *_ in _openings():
            op.execute(f"DROP FUNCTION {name}()")


_Trigger = tuple[str, str, str, str, str | None]


def _openings() -> list[_Trigger]:
    other = _changed(*_KEPT, "until_at")
    holder = (
        "(SELECT active FROM members AS holder JOIN holdings AS held ON held.owner_id = holder.id "
        "WHERE held.id = NEW.holding_id)"
    )
    return [
        (
            "openings_updated",
            "UPDATE",
            "openings",
            _OPENING,
            f"OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL OR {other}",
        ),
        ("openings_deleted", "DELETE", "openings", _OPENING, None),
        ("openings_emptied", "TRUNCATE", "openings", _OPENING, None),
        # INSERT OR REPLACE asks no DELETE trigger.
        (
            "openings_replaced",
            "INSERT",
            "openings",
            _OPENING,
            "EXISTS (SELECT 1 FROM openings AS kept WHERE kept.id = NEW.id)",
        ),
        (
            "openings_of_copies",
            "INSERT",
            "openings",
            _OPENED,
            f"{_STATE} IS NOT 'archived' OR {holder} <> 0 OR NEW.ended_at IS NOT NULL",
        ),
    ]


def _inserted(table: str) -> _Trigger:
    """
    Let a confidential item of a collaborator be copied, as it is, into a holding that begins as their own.

    That holding has no transfer behind it, and is in quarantine until it is said why it becomes a copy.
    """
    apart = (
        f"EXISTS (SELECT 1 FROM holdings AS apart JOIN {table} AS own ON own.item_id = NEW.item_id "  # noqa: S608
        "JOIN holdings AS live ON live.id = own.holding_id AND live.record_id = apart.record_id "
        "AND live.state = 'live' WHERE apart.id = NEW.holding_id AND apart.state = 'quarantined' "
        "AND apart.closed_by_id IS NULL AND apart.owner_id = NEW.author_id AND own.author_only <> 0 "
        "AND NEW.author_only <> 0 AND own.author_id = NEW.author_id AND own.sha256 = NEW.sha256)"
    )
    return (f"{table}_inserted", "INSERT", table, _WRITTEN, f"{_closed()} AND NOT {apart}")


def _closed() -> str:
    return f"(NEW.holding_id IS NOT NULL AND {_STATE} IS NOT 'live')"


def _changed(*columns: str) -> str:
    return "(" + " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns) + ")"


def _drop(name: str, table: str) -> None:
    op.execute(f"DROP TRIGGER {name}" + ("" if op.get_bind().dialect.name == "sqlite" else f" ON {table}"))


def _create(name: str, event: str, table: str, message: str, when: str | None) -> None:
    """Create a trigger; PostgreSQL wants a function for a condition that asks other rows."""
    if op.get_bind().dialect.name == "sqlite":
        condition = "" if when is None else f"WHEN {when} "
        if event != "TRUNCATE":
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {condition}"
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        return
    asks = "true" if when is None else _on_postgresql(when)
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {asks} THEN RAISE EXCEPTION USING MESSAGE = '{message}', DETAIL = TG_NAME, "
        "ERRCODE = 'integrity_constraint_violation'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    each = "STATEMENT" if event == "TRUNCATE" else "ROW"
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}()")


def _on_postgresql(condition: str) -> str:
    """Say a condition in PostgreSQL's words; the state of a holding is asked with a snapshot of its own."""
    said = re.sub(r" IS NOT (?!NULL)", " IS DISTINCT FROM ", condition)
    said = said.replace("author_only <> 0", "author_only").replace(") <> 0", ")")
    return said.replace(_STATE, "passation_state_of_holding(NEW.holding_id)")
