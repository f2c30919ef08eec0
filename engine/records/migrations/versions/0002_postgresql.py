"""
What SQLite's triggers refuse since the first schema, PostgreSQL refuses too; nothing changes on SQLite.

PostgreSQL has no ``INSERT OR REPLACE``: a second row under a key that is taken is refused by the key, and
what updates it instead asks the UPDATE trigger. It has TRUNCATE, which asks no row: hence ``..._emptied``.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: The items that always have a holding; an appointment may be without one.
_ITEM_TABLES = ("notes", "documents", "raw_data", "profiles", "invoices", "tasks", "memos")
_FINAL = "('accepted', 'refused', 'cancelled', 'expired', 'failed')"
_WRITTEN = "MOVE-4: only a live holding is written to"
_LOST = "MOVE-4: a copy or a quarantine loses nothing"
_MANIFEST = "MOVE-5: a manifest never changes"
_CONTENT = "MOVE-5: content is never rewritten"
_LOG = "AUD-2: the log is append-only"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(_REFUSE)
    op.execute(_STATE_OF_HOLDING)
    for name, event, table, message, when in _triggers():
        each = "STATEMENT" if event == "TRUNCATE" else "ROW"
        condition = "" if when is None else f"WHEN ({when}) "
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} {condition}"
            f"EXECUTE FUNCTION passation_refuse('{message}')"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for name, _, table, _, _ in _triggers():
        op.execute(f"DROP TRIGGER {name} ON {table}")
    op.execute("DROP FUNCTION passation_state_of_holding(uuid)")
    op.execute("DROP FUNCTION passation_refuse()")


_REFUSE = """
CREATE FUNCTION passation_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        MESSAGE = TG_ARGV[0], DETAIL = TG_NAME, ERRCODE = 'integrity_constraint_violation';
END
$$
"""
#: VOLATILE, and so with a snapshot of its own: it sees what was committed while its statement waited.
_STATE_OF_HOLDING = """
CREATE FUNCTION passation_state_of_holding(holding uuid) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT state FROM holdings WHERE id = holding);
END
$$
"""

_Trigger = tuple[str, str, str, str, str | None]


def _triggers() -> list[_Trigger]:
    return [
        ("events_updated", "UPDATE", "events", _LOG, None),
        ("events_deleted", "DELETE", "events", _LOG, None),
        ("events_emptied", "TRUNCATE", "events", _LOG, None),
        ("manifest_updated", "UPDATE", "manifest", _MANIFEST, None),
        ("manifest_deleted", "DELETE", "manifest", _MANIFEST, None),
        ("manifest_emptied", "TRUNCATE", "manifest", _MANIFEST, None),
        ("content_updated", "UPDATE", "content", _CONTENT, None),
        ("content_emptied", "TRUNCATE", "content", _CONTENT, None),
        *(trigger for table in _ITEM_TABLES for trigger in _of_items(table, "holding_id", "item_id")),
        # A collaborator's appointment enters a holding when they become the owner (VIS-9): its id is fixed.
        *_of_items("appointments", "item_id"),
        _of_signed_notes(),
        *_of_holdings(),
        *_of_transfers(),
    ]


def _changed(*columns: str) -> str:
    return "(" + " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns) + ")"


def _closed(row: str) -> str:
    state = f"passation_state_of_holding({row}.holding_id)"
    return f"({row}.holding_id IS NOT NULL AND {state} IS DISTINCT FROM 'live')"


def _of_items(table: str, *key: str) -> list[_Trigger]:
    kept = f"{_closed('OLD')} AND passation_state_of_holding(OLD.holding_id) <> 'destroyed'"
    return [
        (f"{table}_inserted", "INSERT", table, _WRITTEN, _closed("NEW")),
        (f"{table}_updated", "UPDATE", table, _WRITTEN, f"{_closed('OLD')} OR {_closed('NEW')}"),
        (f"{table}_deleted", "DELETE", table, _LOST, kept),
        (f"{table}_emptied", "TRUNCATE", table, _LOST, None),
        (f"{table}_moved", "UPDATE", table, "MOVE-5: an item keeps its holding and its id", _changed(*key)),
    ]


def _of_signed_notes() -> _Trigger:
    other = _changed("sha256", "author_id", "created_at", "signed_at", "state")
    message = "VIS-5: a signed note never changes"
    return ("notes_signed", "UPDATE", "notes", message, f"OLD.state = 'signed' AND {other}")


def _of_holdings() -> list[_Trigger]:
    fixed = ("id", "record_id", "organization_id", "owner_id", "from_at")
    details = ("confidential", "title", "email", "reason_for_consultation", "opened_on")
    end = ("until_at", "closed_by_id")
    ways_on = (
        "(OLD.state = 'archived' AND NEW.state = 'destroyed') OR "
        "(OLD.state = 'quarantined' AND NEW.state IN ('archived', 'destroyed'))"
    )
    tombstone = "MOVE-6: a holding leaves a tombstone"
    return [
        (
            "holdings_handed_over",
            "UPDATE",
            "holdings",
            "MOVE-2: a holding keeps its owner, its record and its beginning",
            f"OLD.state = 'live' AND {_changed(*fixed)}",
        ),
        (
            "holdings_closed",
            "UPDATE",
            "holdings",
            "MOVE-4: a closed holding never changes",
            f"OLD.state <> 'live' AND {_changed(*fixed, *details, *end)}",
        ),
        (
            "holdings_reopened",
            "UPDATE",
            "holdings",
            "MOVE-4: a closed holding never lives again",
            "OLD.state <> 'live' AND NEW.state = 'live'",
        ),
        (
            "holdings_state",
            "UPDATE",
            "holdings",
            "MOVE-6: a closed holding becomes a copy or is destroyed, nothing else",
            f"OLD.state <> 'live' AND NEW.state NOT IN (OLD.state, 'live') AND NOT ({ways_on})",
        ),
        ("holdings_deleted", "DELETE", "holdings", tombstone, None),
        ("holdings_emptied", "TRUNCATE", "holdings", tombstone, None),
    ]


def _of_transfers() -> list[_Trigger]:
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
    kept = "AUD-1: a transfer is never deleted"
    return [
        (
            "transfers_final",
            "UPDATE",
            "transfers",
            "ST-T: a final state is never left",
            f"OLD.state IN {_FINAL} AND NEW.state <> OLD.state",
        ),
        (
            "transfers_asked",
            "UPDATE",
            "transfers",
            "AUD-1: what was asked, by whom and why never changes",
            _changed(*asked),
        ),
        ("transfers_deleted", "DELETE", "transfers", kept, None),
        ("transfers_emptied", "TRUNCATE", "transfers", kept, None),
    ]
