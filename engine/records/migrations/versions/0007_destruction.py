"""
Destruction leaves a tombstone: triggers let go what is destroyed, and nothing else.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import re

import sqlalchemy as sa
from alembic import op

from engine.records.types import Id, Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tombstones",
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_class", sa.Text(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "item_class IN ('details', 'note', 'document', 'draft_note', 'profile', "
            "'confidential_note', 'confidential_document', 'raw_data', 'collaborator_confidential', "
            "'invoice', 'past_appointment', 'upcoming_appointment', 'collaborator_appointment', "
            "'task', 'memo', 'share')",
            name=op.f("ck_tombstones_item_class_word"),
        ),
        sa.CheckConstraint("rule IN ('grace', 'retention')", name=op.f("ck_tombstones_rule_word")),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_tombstones_holding_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_tombstones_organization_id")
        ),
        sa.PrimaryKeyConstraint("holding_id", "item_class", name=op.f("pk_tombstones")),
        sqlite_strict=True,
    )
    op.create_table(
        "rejoined",
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("item_id", Id(), nullable=False),
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("item_class", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "item_class IN ('details', 'note', 'document', 'draft_note', 'profile', "
            "'confidential_note', 'confidential_document', 'raw_data', 'collaborator_confidential', "
            "'invoice', 'past_appointment', 'upcoming_appointment', 'collaborator_appointment', "
            "'task', 'memo', 'share')",
            name=op.f("ck_rejoined_item_class_word"),
        ),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_rejoined_holding_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_rejoined_transfer_id")),
        sa.PrimaryKeyConstraint("transfer_id", "item_id", name=op.f("pk_rejoined")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_rejoined_holding_id_item_id"), "rejoined", ["holding_id", "item_id"])
    op.create_table(
        "restorations",
        sa.Column("holding_id", Id(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reason_id", Id(), nullable=False),
        sa.Column("by_id", Id(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint(
            "cause IN ('access_request', 'order', 'mistake')", name=op.f("ck_restorations_cause_word")
        ),
        sa.ForeignKeyConstraint(["holding_id"], ["holdings.id"], name=op.f("fk_restorations_holding_id")),
        sa.ForeignKeyConstraint(["reason_id"], ["texts.id"], name=op.f("fk_restorations_reason_id")),
        sa.ForeignKeyConstraint(["by_id"], ["members.id"], name=op.f("fk_restorations_by_id")),
        sa.PrimaryKeyConstraint("holding_id", name=op.f("pk_restorations")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_tombstones_organization_id"), "tombstones", ["organization_id"])
    op.create_index(
        op.f("ix_holdings_organization_id_state_id"), "holdings", ["organization_id", "state", "id"]
    )
    for name, table in _REPLACED.items():
        _drop(name, table)
    for trigger in (*_replacing(), *_added()):
        _create(trigger)


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, table, _, _ in (*_replacing(), *_added()):
        if event != "TRUNCATE" or not sqlite:
            _drop(name, table)
            if not sqlite:
                op.execute(f"DROP FUNCTION {name}()")
    for trigger in _before():
        _create(trigger, function="passation_refuse")
    op.drop_index(op.f("ix_holdings_organization_id_state_id"), "holdings")
    op.drop_table("rejoined")
    op.drop_table("restorations")
    op.drop_table("tombstones")


_REPLACED = {
    "manifest_updated": "manifest",
    "appointments_updated": "appointments",
    "tasks_deleted": "tasks",
    "memos_deleted": "memos",
    "holdings_closed": "holdings",
}
_MANIFEST = "MOVE-5: a manifest never changes"
_LOST = "MOVE-4: a copy or a quarantine loses nothing"
_CLOSED = "MOVE-4: a closed holding never changes"
_HELD = "MOVE-11: what is under legal hold is not destroyed"
_REASON = "MOVE-6: why a quarantine became a copy never changes"
_REJOINED = "MOVE-10: what rejoined a record did so once, and it stays known"
_TOMBSTONE = "MOVE-6: a tombstone never changes"
_FIXED = ("id", "record_id", "organization_id", "owner_id", "from_at", "confidential")
_DETAILS = ("title", "email", "reason_for_consultation", "opened_on")
_END = ("until_at", "closed_by_id")
_WRITTEN = "MOVE-4: only a live holding is written to"
_APPOINTMENT = (
    "item_id",
    "organization_id",
    "record_id",
    "practitioner_id",
    "client_id",
    "starts_at",
    "ends_at",
    "state",
    "sequence",
    "created_at",
)
_CONTENT = ("notes", "documents", "raw_data", "profiles", "tasks", "memos")
_EMPTY = "NEW.title = '' AND NEW.email IS NULL AND NEW.reason_for_consultation IS NULL AND NEW.opened_on = ''"


_Trigger = tuple[str, str, str, str, str | None]


def _trigger(name: str, event: str, table: str, message: str, *, when: str | None = None) -> _Trigger:
    return name, event, table, message, when


def _drop(name: str, table: str) -> None:
    op.execute(f"DROP TRIGGER {name}" + ("" if op.get_bind().dialect.name == "sqlite" else f" ON {table}"))


def _create(trigger: _Trigger, *, function: str | None = None) -> None:
    """Create a trigger; PostgreSQL wants a function for a condition that asks other rows."""
    name, event, table, message, when = trigger
    if op.get_bind().dialect.name == "sqlite":
        condition = "" if when is None else f"WHEN {when} "
        if event != "TRUNCATE":
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {condition}"
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        return
    each = "STATEMENT" if event == "TRUNCATE" else "ROW"
    asks = None if when is None else _on_postgresql(when)
    if function is not None:
        asked = "" if asks is None else f"WHEN ({asks}) "
        called = f"{function}('{message}')"
    else:
        asked, called = "", f"{name}()"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {asks or 'true'} THEN RAISE EXCEPTION USING MESSAGE = '{message}', DETAIL = TG_NAME, "
            "ERRCODE = 'integrity_constraint_violation'; END IF; "
            "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
        )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} {asked}EXECUTE FUNCTION {called}"
    )


def _on_postgresql(condition: str) -> str:
    """Say a condition in PostgreSQL's words; the state of a holding is asked with a snapshot of its own."""
    said = re.sub(r" IS NOT (?!NULL)", " IS DISTINCT FROM ", condition)
    said = said.replace("record.legal_hold <> 0", "record.legal_hold")
    return re.sub(
        r"\(SELECT state FROM holdings WHERE id = (\w+\.holding_id)\)",
        r"passation_state_of_holding(\1)",
        said,
    )


def _changed(*columns: str) -> str:
    return "(" + " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns) + ")"


def _deletable(table: str) -> str:
    state = "(SELECT state FROM holdings WHERE id = OLD.holding_id)"
    return f"OLD.holding_id IS NOT NULL AND {state} IS NOT 'live' AND {state} <> 'destroyed'" + (
        "" if table == "" else f" AND NOT {_let_go(table)}"
    )


def _let_go(table: str) -> str:
    """Say that a task or memo was deleted at the hand-over, and that its tombstone is there."""
    word = {"tasks": "task", "memos": "memo"}[table]
    return (
        "(EXISTS (SELECT 1 FROM tombstones AS stone WHERE stone.holding_id = OLD.holding_id "  # noqa: S608
        f"AND stone.item_class = '{word}' AND stone.rule = 'grace') "
        "AND EXISTS (SELECT 1 FROM manifest AS line JOIN holdings AS held ON held.closed_by_id = "
        "line.transfer_id WHERE held.id = OLD.holding_id AND line.item_id = OLD.item_id "
        "AND line.outcome = 'deleted'))"
    )


def _still_there() -> str:
    """Say that some item of the record has the digest that a line of the manifest is to lose."""
    record = "(SELECT record_id FROM transfers WHERE id = OLD.transfer_id)"
    return " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} AS item JOIN holdings AS held ON held.id = item.holding_id "  # noqa: S608
        f"WHERE held.record_id = {record} AND item.item_id = OLD.item_id AND item.sha256 = OLD.sha256)"
        for table in _CONTENT
    )


def _on_hold(holding: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM holdings AS held JOIN records AS record ON record.id = held.record_id "  # noqa: S608
        f"WHERE held.id = {holding} AND record.legal_hold <> 0)"
    )


def _replacing() -> list[_Trigger]:
    lines = ("transfer_id", "item_id", "item_class", "outcome", "author_id")
    kept = f"NEW.sha256 IS NOT NULL OR {_changed(*lines)} OR {_still_there()}"
    closed = (
        f"OLD.state <> 'live' AND ({_changed(*_FIXED, *_END)} OR ({_changed(*_DETAILS)} "
        f"AND NOT (OLD.state <> 'destroyed' AND NEW.state = 'destroyed' AND {_EMPTY})))"
    )
    return [
        _trigger("manifest_updated", "UPDATE", "manifest", _MANIFEST, when=kept),
        *(
            _trigger(f"{table}_deleted", "DELETE", table, _LOST, when=_deletable(table))
            for table in ("tasks", "memos")
        ),
        _trigger("holdings_closed", "UPDATE", "holdings", _CLOSED, when=closed),
        _trigger(
            "appointments_updated",
            "UPDATE",
            "appointments",
            _WRITTEN,
            when=f"({_not_live('OLD')} OR {_not_live('NEW')}) AND NOT {_rejoins()}",
        ),
    ]


def _not_live(row: str) -> str:
    state = f"(SELECT state FROM holdings WHERE id = {row}.holding_id)"  # noqa: S608 - words of this file
    return f"({row}.holding_id IS NOT NULL AND {state} IS NOT 'live')"


def _rejoins() -> str:
    """Say that an appointment goes from its owner's quarantine into their live holding, as it is."""
    return (
        "(EXISTS (SELECT 1 FROM holdings AS was JOIN holdings AS now ON now.record_id = was.record_id "  # noqa: S608
        "AND now.owner_id = was.owner_id WHERE was.id = OLD.holding_id AND was.state = 'quarantined' "
        f"AND now.id = NEW.holding_id AND now.state = 'live') AND NOT {_changed(*_APPOINTMENT)})"
    )


def _added() -> list[_Trigger]:
    stone = "SELECT 1 FROM tombstones AS kept WHERE kept.holding_id = "
    destroyed = "OLD.state <> 'destroyed' AND NEW.state = 'destroyed'"
    state = "(SELECT state FROM holdings WHERE id = NEW.holding_id)"
    why = "SELECT 1 FROM restorations AS kept WHERE kept.holding_id = NEW.holding_id"
    live = "(SELECT state FROM holdings WHERE id = NEW.holding_id) NOT IN ('archived', 'quarantined')"
    return [
        _trigger(
            "holdings_destroyed_held",
            "UPDATE",
            "holdings",
            _HELD,
            when=f"{destroyed} AND {_on_hold('OLD.id')}",
        ),
        _trigger(
            "holdings_destroyed",
            "UPDATE",
            "holdings",
            "MOVE-6: what is destroyed leaves a tombstone and nothing readable",
            when=f"{destroyed} AND (NOT ({_EMPTY}) OR NOT EXISTS ({stone} OLD.id "
            "AND kept.item_class = 'details'))",
        ),
        _trigger(
            "holdings_restored",
            "UPDATE",
            "holdings",
            "MOVE-6: a quarantine becomes a copy for a reason only",
            when="OLD.state = 'quarantined' AND NEW.state = 'archived' AND NOT EXISTS "
            "(SELECT 1 FROM restorations AS why WHERE why.holding_id = OLD.id)",
        ),
        *(
            _trigger(f"restorations_{name}", event, "restorations", _REASON, when=when)
            for name, event, when in (
                ("updated", "UPDATE", None),
                ("deleted", "DELETE", None),
                ("replaced", "INSERT", f"{state} IS NOT 'quarantined' OR EXISTS ({why})"),
            )
        ),
        _trigger("rejoined_updated", "UPDATE", "rejoined", _REJOINED),
        _trigger("rejoined_deleted", "DELETE", "rejoined", _REJOINED),
        _trigger(
            "rejoined_replaced",
            "INSERT",
            "rejoined",
            _REJOINED,
            when="EXISTS (SELECT 1 FROM rejoined AS kept WHERE kept.item_id = NEW.item_id "
            "AND NEW.holding_id = kept.holding_id)",
        ),
        _trigger("tombstones_held", "INSERT", "tombstones", _HELD, when=_on_hold("NEW.holding_id")),
        _trigger("tombstones_early", "INSERT", "tombstones", _TOMBSTONE, when=live),
        _trigger("tombstones_updated", "UPDATE", "tombstones", _TOMBSTONE),
        _trigger("tombstones_deleted", "DELETE", "tombstones", _TOMBSTONE),
        _trigger("tombstones_emptied", "TRUNCATE", "tombstones", _TOMBSTONE),
        _trigger("rejoined_emptied", "TRUNCATE", "rejoined", _REJOINED),
        _trigger("restorations_emptied", "TRUNCATE", "restorations", _REASON),
        _trigger(
            "tombstones_replaced",
            "INSERT",
            "tombstones",
            _TOMBSTONE,
            when=f"EXISTS ({stone} NEW.holding_id AND kept.item_class = NEW.item_class)",
        ),
    ]


def _before() -> list[_Trigger]:
    """Give what 0001 said."""
    changed = _changed(*_FIXED[:-1], "confidential", *_DETAILS, *_END)
    return [
        _trigger("manifest_updated", "UPDATE", "manifest", _MANIFEST),
        _trigger(
            "appointments_updated",
            "UPDATE",
            "appointments",
            _WRITTEN,
            when=f"{_not_live('OLD')} OR {_not_live('NEW')}",
        ),
        *(
            _trigger(f"{table}_deleted", "DELETE", table, _LOST, when=_deletable(""))
            for table in ("tasks", "memos")
        ),
        _trigger("holdings_closed", "UPDATE", "holdings", _CLOSED, when=f"OLD.state <> 'live' AND {changed}"),
    ]
