"""The schema on a server: it says what the models say, and refuses what SQLite's triggers refuse."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg.errors import IntegrityConstraintViolation

from engine.audit import log
from engine.records.database import Database
from engine.records.migrating import alembic_config
from engine.records.tables.base import NoteState, TextKind
from engine.records.tables.every import METADATA
from engine.states.transfer import FINAL_STATES
from tests import build
from tests.postgresql.server import Server

pytestmark = pytest.mark.postgresql

VERSIONS: Final = Path(__file__).parents[2] / "engine/records/migrations/versions"
ITEMS: Final[dict[str, Callable[..., UUID]]] = {
    "notes": build.note,
    "documents": build.document,
    "raw_data": build.raw_datum,
    "profiles": build.profile,
    "invoices": build.invoice,
    "tasks": build.task,
    "memos": build.memo,
}
#: What another value is, by type.
OTHER: Final = {
    "uuid": "gen_random_uuid()",
    "text": "'another'",
    "boolean": "NOT {}",
    "timestamp with time zone": "'2001-01-01T00:00:00Z'",
}
_SCHEMA: Final = """
SELECT 'constraint ' || conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'column ' || table_name || '.' || column_name, data_type || ' ' || is_nullable
    FROM information_schema.columns WHERE table_schema = 'public'
"""
_TRIGGERS: Final = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"


@dataclass
class Sql:
    """Raw statements, each refused or allowed; remembers which triggers have refused one."""

    connection: "psycopg.Connection[Any]"
    tried: set[str] = field(default_factory=set)

    def allowed(self, statement: str, **given: Any) -> None:  # noqa: ANN401 - any column's value
        with self.connection.transaction():
            assert self.connection.execute(statement.encode(), given).rowcount > 0

    def denied(self, rule: str, statement: str, **given: Any) -> None:  # noqa: ANN401
        with pytest.raises(IntegrityConstraintViolation) as refused, self.connection.transaction():
            self.connection.execute(statement.encode(), given)
        assert str(refused.value.diag.message_primary).startswith(f"{rule}: ")
        self.tried.add(str(refused.value.diag.message_detail))

    def unguarded(self, statement: str, **given: Any) -> None:  # noqa: ANN401
        """Write what no trigger and no reference is asked about: somebody else's mistake, or half a row."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")
            assert self.connection.execute(statement.encode(), given).rowcount > 0

    def rows(self, query: str) -> set[tuple[Any, ...]]:
        return set(self.connection.execute(query.encode()).fetchall())


@pytest.fixture
def sql(postgresql: Server, name: str) -> Iterator[Sql]:
    with postgresql.connect(name) as connection:
        yield Sql(connection)


def schema(server: Server, name: str) -> dict[str, str]:
    """Read every column, constraint and index, as the server words them."""
    with server.connect(name) as connection:
        found = dict(connection.execute(_SCHEMA).fetchall())
    return {key: words for key, words in found.items() if "alembic_version" not in key}


class TestMigration:
    def test_models_and_migrations_do_not_differ(
        self, postgresql: Server, database: Database, name: str, empty: str
    ) -> None:
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, METADATA) == []
        modelled = Database(postgresql.url(empty))
        with modelled.engine.connect().execution_options(passation_write=True) as connection:
            METADATA.create_all(connection)
            connection.commit()
        modelled.close()

        assert schema(postgresql, empty) == schema(postgresql, name)

    def test_downgrade_leaves_nothing_and_upgrade_brings_it_back(
        self, postgresql: Server, database: Database, name: str, sql: Sql
    ) -> None:
        before, triggers = schema(postgresql, name), sql.rows(_TRIGGERS)
        with database.write() as session:
            command.downgrade(alembic_config(session.connection()), "base")

        assert schema(postgresql, name) == {}
        assert sql.rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == set()
        database.upgrade()
        assert (before, triggers) == (schema(postgresql, name), sql.rows(_TRIGGERS))

    def test_every_trigger_of_sqlite_has_its_like(self, database_template: Path, sql: Sql) -> None:
        """But those against INSERT OR REPLACE, which is SQLite's own: there the unique keys refuse."""
        with closing(sqlite3.connect(database_template)) as file:
            found = file.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        wanted = {name for (name,) in found if not name.endswith("_replaced")} - {"transfers_second"}

        assert len(wanted) > 40
        assert wanted <= {name for (name,) in sql.rows(_TRIGGERS)}


def test_every_trigger_refuses_what_it_must_and_nothing_else(database: Database, sql: Sql) -> None:
    """AUD-1, AUD-2, ELIG-4, MOVE-2, MOVE-4 to MOVE-6, ST-T, VIS-5: each trigger is met at least once."""
    with database.write() as session:
        world = build.world(session)
        closed = build.record(session, world.owner)
        for holding in (world.holding, closed.holding_id):
            for make in ITEMS.values():
                make(session, holding)
        appointments = {
            holding: build.appointment(session, record, world.owner)
            for record, holding in ((world.record, world.holding), closed)
        }
        assert len(appointments) == 2
        transfer = build.transfer(session, world.record, world.new_owner)
        build.manifest_line(session, transfer, uuid4())
        build.restriction(session, world.client, world.owner, title="Avocate")
        entry = log.Entry(
            organization_id=world.organization, at=build.NOW, action="a", command_id=uuid4(), role="owner"
        )
        log.append(session, entry)

    _log_and_content(sql)
    sql.allowed("UPDATE notes SET confidential = true WHERE holding_id = %(live)s", live=world.holding)
    for column, other in (
        ("sha256", "'other'"),
        ("author_id", "gen_random_uuid()"),
        ("created_at", "now()"),
        ("signed_at", "NULL"),
        ("state", "'draft'"),
    ):
        sql.denied("VIS-5", f"UPDATE notes SET {column} = {other}")
    for table in (*ITEMS, "appointments"):
        _live_items(sql, table, world.holding)
    _live_holding(sql, world.holding)
    sql.allowed(
        "UPDATE holdings SET state = 'archived', until_at = now() WHERE id = %(id)s", id=closed.holding_id
    )
    for table in (*ITEMS, "appointments"):
        _closed_items(sql, table, closed.holding_id)
    _closed_holding(sql, closed.holding_id)
    _transfer(sql)
    _restriction(sql)
    _drafts_and_holds(sql, database, world)
    _append_only(sql, world.organization)
    _bulks(sql)

    assert " ".join(sorted({name for (name,) in sql.rows(_TRIGGERS)} - sql.tried)) == ""


def _log_and_content(sql: Sql) -> None:
    for table, rule in (("events", "AUD-2"), ("manifest", "MOVE-5")):
        sql.denied(rule, f"UPDATE {table} SET outcome = 'other'")
        sql.denied(rule, f"DELETE FROM {table}")
        sql.denied(rule, f"TRUNCATE {table} CASCADE")
    sql.denied("MOVE-5", "UPDATE content SET body = body")
    sql.denied("MOVE-5", "TRUNCATE content CASCADE")
    sql.denied(
        "MOVE-5",
        "INSERT INTO content SELECT * FROM content"
        " ON CONFLICT (organization_id, sha256) DO UPDATE SET body = 'forged'",
    )


def _live_items(sql: Sql, table: str, holding: Any) -> None:  # noqa: ANN401
    of = f"{table} WHERE holding_id = %(holding)s"
    sql.denied("MOVE-5", f"UPDATE {table} SET item_id = gen_random_uuid()")
    if table != "appointments":
        sql.denied("MOVE-5", f"UPDATE {table} SET holding_id = gen_random_uuid()")
    sql.denied("MOVE-4", f"TRUNCATE {table}")
    sql.allowed(f"UPDATE {of.replace(' WHERE', ' SET created_at = created_at WHERE')}", holding=holding)
    sql.allowed(f"DELETE FROM {of}", holding=holding)


def _closed_items(sql: Sql, table: str, holding: Any) -> None:  # noqa: ANN401
    for (column,) in sql.rows(
        f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
    ):
        sql.denied("MOVE-4", f"UPDATE {table} SET {column} = {column}")
    sql.denied("MOVE-4", f"DELETE FROM {table} WHERE holding_id = %(holding)s", holding=holding)
    sql.denied("MOVE-4", f"INSERT INTO {table} SELECT * FROM {table}")


def _live_holding(sql: Sql, holding: Any) -> None:  # noqa: ANN401
    where = "WHERE id = %(id)s"
    for column in ("id", "owner_id", "record_id", "organization_id"):
        sql.denied("MOVE-2", f"UPDATE holdings SET {column} = gen_random_uuid() {where}", id=holding)
    sql.denied("MOVE-2", f"UPDATE holdings SET from_at = now() {where}", id=holding)
    sql.denied("MOVE-6", "DELETE FROM holdings")
    sql.denied("MOVE-6", "TRUNCATE holdings CASCADE")
    sql.allowed(f"UPDATE holdings SET title = 'Autre', email = NULL {where}", id=holding)


def _closed_holding(sql: Sql, holding: Any) -> None:  # noqa: ANN401
    where = "WHERE id = %(id)s"
    columns = sql.rows(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'holdings'"
    )
    for column, kind in columns - {("state", "text")}:
        other = OTHER[kind].format(column)
        sql.denied("MOVE-4", f"UPDATE holdings SET {column} = {other} {where}", id=holding)
    sql.denied("MOVE-4", f"UPDATE holdings SET state = 'live' {where}", id=holding)
    sql.denied("MOVE-6", f"UPDATE holdings SET state = 'quarantined' {where}", id=holding)
    emptied = "title = '', email = NULL, reason_for_consultation = NULL, opened_on = ''"
    stone = (
        "INSERT INTO tombstones (holding_id, item_class, organization_id, count, at, rule) "
        "SELECT id, 'details', organization_id, 1, now(), 'retention' FROM holdings "
    )
    sql.denied("MOVE-6", f"UPDATE holdings SET state = 'destroyed', {emptied} {where}", id=holding)
    sql.denied("MOVE-6", f"{stone} WHERE state = 'live'")
    sql.allowed(f"{stone} {where}", id=holding)
    sql.denied("MOVE-6", f"UPDATE holdings SET state = 'destroyed' {where}", id=holding)
    sql.allowed(f"UPDATE holdings SET state = 'destroyed', {emptied} {where}", id=holding)
    sql.denied("MOVE-6", f"UPDATE holdings SET state = 'archived' {where}", id=holding)
    for table in ITEMS:
        sql.allowed(f"DELETE FROM {table} WHERE holding_id = %(id)s", id=holding)


def _transfer(sql: Sql) -> None:
    for column in ("id", "organization_id", "record_id", "from_id", "asked_by_id", "bulk_id"):
        sql.denied("AUD-1", f"UPDATE transfers SET {column} = gen_random_uuid()")
    for column in ("asked_role", "purpose"):
        sql.denied("AUD-1", f"UPDATE transfers SET {column} = 'another'")
    sql.denied("AUD-1", "DELETE FROM transfers")
    sql.denied("AUD-1", "TRUNCATE transfers CASCADE")
    sql.allowed("UPDATE transfers SET state = 'accepted', imposed = true, version = version + 1")
    sql.denied("OVR-1", "UPDATE transfers SET imposed = false")
    for state in sorted(FINAL_STATES):
        if state.value != "accepted":
            sql.denied("ST-T", f"UPDATE transfers SET state = '{state.value}'")
    sql.denied("ST-T", "UPDATE transfers SET state = 'pending_acceptance'")


def _restriction(sql: Sql) -> None:
    for column in ("id", "client_id", "member_id", "set_by_id"):
        sql.denied("ELIG-4", f"UPDATE restrictions SET {column} = gen_random_uuid()")
    for column, other in (("title", "'another'"), ("basis", "'another'"), ("set_at", "now()")):
        sql.denied("ELIG-4", f"UPDATE restrictions SET {column} = {other}")
    sql.denied("ELIG-4", "DELETE FROM restrictions")
    sql.denied("ELIG-4", "TRUNCATE restrictions")
    sql.allowed("UPDATE restrictions SET ended_at = now(), ended_by_id = set_by_id")
    sql.denied("ELIG-4", "UPDATE restrictions SET ended_at = NULL, ended_by_id = NULL")


def _drafts_and_holds(sql: Sql, database: Database, world: build.World) -> None:
    with database.write() as session:
        hidden, held = (build.record(session, world.owner) for _ in range(2))
        for state in NoteState:
            build.note(session, hidden.holding_id, state=state)
        build.note(session, held.holding_id)
        build.hold(session, held.record_id, world.administrator)
        reason = build.text(session, world.administrator, TextKind.REASON)
    of = "WHERE state ="
    sql.denied("VIS-10", f"UPDATE notes SET first_author_id = author_id {of} 'draft'")
    sql.denied("VIS-10", f"UPDATE notes SET state = 'set_aside' {of} 'signed'")
    sql.denied("VIS-10", f"UPDATE notes SET state = 'draft' {of} 'set_aside'")
    sql.denied("VIS-10", f"DELETE FROM notes {of} 'set_aside'")
    sql.denied("VIS-10", f"INSERT INTO notes SELECT * FROM notes {of} 'set_aside'")
    sql.denied("VIS-5", f"UPDATE notes SET state = 'draft' {of} 'waiting_approval'")
    sql.denied("VIS-5", f"UPDATE notes SET approved_at = now() {of} 'signed'")
    sql.denied("MOVE-11", "UPDATE holds SET reason = 'another'")
    sql.denied("MOVE-11", "DELETE FROM holds")
    sql.denied("MOVE-11", "TRUNCATE holds")
    sql.denied("MOVE-11", "INSERT INTO holds SELECT * FROM holds")
    sql.denied("MOVE-11", "UPDATE records SET legal_hold = false WHERE legal_hold")

    close = "UPDATE holdings SET state = 'quarantined', until_at = now() WHERE id = %(id)s"
    for built in (hidden, held):
        sql.allowed(close, id=built.holding_id)
    why = (
        "INSERT INTO restorations (holding_id, cause, reason_id, by_id, at)"
        " SELECT %(holding)s, 'mistake', %(reason)s, %(by)s, now()"
    )
    given = {"reason": reason, "by": world.administrator}
    sql.denied("MOVE-6", why, holding=world.holding, **given)
    sql.denied("MOVE-6", "UPDATE holdings SET state = 'archived' WHERE id = %(id)s", id=hidden.holding_id)
    sql.allowed(why, holding=hidden.holding_id, **given)
    sql.denied("MOVE-6", why, holding=hidden.holding_id, **given)
    sql.allowed("UPDATE holdings SET state = 'archived' WHERE id = %(id)s", id=hidden.holding_id)
    opened = (
        "INSERT INTO openings (id, organization_id, holding_id, reader_id, cause, reason_id, by_id,"
        " opened_at, until_at) SELECT gen_random_uuid(), organization_id, id, %(by)s, 'order', %(reason)s,"
        " %(by)s, now(), now() + interval '1 day' FROM holdings WHERE id = %(holding)s"
    )
    sql.denied("MOVE-6", opened, holding=hidden.holding_id, **given)
    sql.allowed("UPDATE members SET active = false WHERE id = %(id)s", id=world.owner)
    sql.denied("MOVE-6", opened, holding=world.holding, **given)
    sql.allowed(opened, holding=hidden.holding_id, **given)
    sql.denied("MOVE-6", "UPDATE openings SET until_at = now()")
    sql.denied("MOVE-6", "INSERT INTO openings SELECT * FROM openings")
    sql.allowed("UPDATE openings SET ended_at = now() + interval '1 hour'")
    stone = (
        "INSERT INTO tombstones (holding_id, item_class, organization_id, count, at, rule)"
        " SELECT id, 'details', organization_id, 1, now(), 'retention' FROM holdings WHERE id = %(id)s"
    )
    sql.denied("MOVE-11", stone, id=held.holding_id)
    sql.unguarded(stone, id=held.holding_id)
    emptied = "title = '', email = NULL, reason_for_consultation = NULL, opened_on = ''"
    sql.denied(
        "MOVE-11", f"UPDATE holdings SET state = 'destroyed', {emptied} WHERE id = %(id)s", id=held.holding_id
    )
    sql.allowed(stone, id=hidden.holding_id)
    sql.denied("MOVE-6", stone, id=hidden.holding_id)


def _append_only(sql: Sql, organization: UUID) -> None:
    """What is written once: a row of each, whatever it refers to, then every way to change or lose it."""
    some = {"organization": organization}
    sql.unguarded(
        "INSERT INTO emergencies (id, organization_id, record_id, transfer_id, member_id, reason, opened_at,"
        " until_at) SELECT gen_random_uuid(), organization_id, record_id, id, to_id, 'r', now(), now()"
        " FROM transfers"
    )
    sql.unguarded("INSERT INTO seals (transfer_id, commitment, annex) SELECT id, 'c', false FROM transfers")
    sql.unguarded(
        "INSERT INTO receipts (transfer_id, organization_id, manifest_hash, lines, annex, record_salt,"
        " event_seq, event_hash) SELECT id, organization_id, 'h', 1, 'a', 's', 1, 'h' FROM transfers"
    )
    sql.unguarded(
        "INSERT INTO organization_keys (organization_id, number, public_key, created_at)"
        " SELECT %(organization)s, 1, 'k', now()",
        **some,
    )
    sql.unguarded(
        "INSERT INTO imported (organization_id, source, resource_type, resource_id, became, became_id,"
        " sha256, imported_at) SELECT %(organization)s, 's', 'Patient', '1', 'client',"
        " gen_random_uuid(), 'h', now()",
        **some,
    )
    sql.unguarded(
        "INSERT INTO rejoined (transfer_id, item_id, holding_id, item_class)"
        " SELECT t.id, gen_random_uuid(), h.id, 'note' FROM transfers t, holdings h LIMIT 1"
    )
    sql.unguarded(
        "INSERT INTO askings (transfer_id, version, member_id, asked_at, respond_by, answer, ended_at)"
        " SELECT id, 1, to_id, now(), now(), 'refused', now() FROM transfers"
    )
    sql.unguarded(
        "INSERT INTO deliveries (id, organization_id, member_id, topic, state, attempts, due_at, created_at,"
        " sent_at) SELECT gen_random_uuid(), organization_id, to_id, 't', 'sent', 1, now(), now(), now()"
        " FROM transfers"
    )
    sql.unguarded(
        "INSERT INTO held_cancellations (appointment_id, organization_id, record_id, transfer_id, client_id,"
        " calendar_id, state, decided_by_id, decided_at) SELECT gen_random_uuid(), organization_id,"
        " record_id, id, to_id, gen_random_uuid(), 'released', to_id, now() FROM transfers"
    )
    sql.unguarded(
        "INSERT INTO calls (notice_id, organization_id, by_id, at)"
        " SELECT 1, organization_id, to_id, now() FROM transfers LIMIT 1"
    )
    for table, rule, change in (
        ("askings", "OVR-1", "answer = 'expired'"),
        ("deliveries", "NOTE-3", "state = 'waiting', sent_at = NULL"),
        ("calls", "NOTE-2", "at = now()"),
        ("held_cancellations", "NOTE-2", "decided_at = now()"),
        ("emergencies", "VIS-4", "reason = 'another'"),
        ("seals", "AUD-4", "annex = NOT annex"),
        ("receipts", "AUD-4", "lines = lines + 1"),
        ("organization_keys", "AUD-4", "public_key = 'another'"),
        ("imported", "MOVE-6", "sha256 = 'another'"),
        ("imported", "MOVE-6", "sha256 = NULL, source = 'another'"),
        ("rejoined", "MOVE-10", "item_class = 'document'"),
        ("restorations", "MOVE-6", "cause = 'order'"),
        ("openings", "MOVE-6", "ended_at = now()"),
        ("tombstones", "MOVE-6", "count = count + 1"),
    ):
        sql.denied(rule, f"UPDATE {table} SET {change}")
        sql.denied(rule, f"DELETE FROM {table}")
        sql.denied(rule, f"TRUNCATE {table} CASCADE")
    sql.denied(
        "AUD-4", "INSERT INTO seals (transfer_id, commitment, annex) SELECT id, 'd', false FROM transfers"
    )
    sql.denied("MOVE-10", "INSERT INTO rejoined SELECT * FROM rejoined")


def _bulks(sql: Sql) -> None:
    """Of a bulk: nothing of its start, of its items and of an answer changes; a final state is never left."""
    sql.unguarded(
        "INSERT INTO bulk_lists (id, organization_id, author_id, lines, created_at)"
        " SELECT gen_random_uuid(), organization_id, to_id, '[]', now() FROM transfers"
    )
    sql.unguarded(
        "INSERT INTO bulks (id, organization_id, from_id, recipients, started_by_id, led_by_id, state,"
        " purpose, include_confidential, raw_data, keep_copy, include_confidential_records, reassign_open,"
        " fingerprint, records, confidential_left_out, not_selected, started_at) SELECT id, organization_id,"
        " from_id, '[]', from_id, from_id, 'running', purpose, false, raw_data, true, false, false, 'f', 1,"
        " 0, 0, now() FROM transfers"
    )
    item = (
        "INSERT INTO bulk_items (bulk_id, position, record_id, attempt, transfer_id)"
        " SELECT id, {}, record_id, 1, id FROM transfers"
    )
    sql.allowed(item.format(0))
    sql.denied("BULK-1", item.format(1))
    sql.unguarded(
        "INSERT INTO bulk_answers (id, organization_id, bulk_id, member_id, answer, scope, given_at)"
        " SELECT id, organization_id, id, to_id, 'accept', 'all', now() FROM transfers"
    )
    sql.unguarded(
        "INSERT INTO bulk_answer_records (answer_id, record_id) SELECT id, record_id FROM transfers"
    )
    sql.unguarded(
        "INSERT INTO bulk_answer_denials (answer_id, transfer_id, rule, at)"
        " SELECT id, id, 'ELIG-4', now() FROM transfers"
    )
    for table, rule, change in (
        ("bulks", "BULK-1", "records = 2"),
        ("bulks", "BULK-1", "impose = true"),
        ("bulk_items", "BULK-1", "position = 7"),
        ("bulk_lists", "BULK-1", "lines = 'another'"),
        ("bulk_answers", "BULK-5", "answer = 'refuse'"),
        ("bulk_answer_records", "BULK-5", "record_id = gen_random_uuid()"),
        ("bulk_answer_denials", "BULK-5", "rule = 'another'"),
    ):
        sql.denied(rule, f"UPDATE {table} SET {change}")
        if table != "bulk_lists":
            kept = "BULK-4" if table == "bulks" else rule
            sql.denied(kept, f"DELETE FROM {table}")
            sql.denied(kept, f"TRUNCATE {table} CASCADE")
    sql.allowed("UPDATE bulk_items SET attempt = 2, rule = 'ELIG-4'")
    sql.allowed("UPDATE bulk_answers SET ended_at = now()")
    sql.denied("BULK-5", "UPDATE bulk_answers SET ended_at = NULL")
    sql.allowed("UPDATE bulks SET state = 'paused', led_by_id = started_by_id")
    sql.allowed("UPDATE bulks SET state = 'stopped'")
    sql.denied("BULK-4", "UPDATE bulks SET state = 'running'")


def test_every_refusal_begins_with_its_rule(sql: Sql) -> None:
    """Whether its message stands in the trigger or, where it asks other rows, in a function of its own."""
    found = sql.rows("""
        SELECT t.tgname, CASE WHEN t.tgnargs > 0 THEN encode(t.tgargs, 'escape')
            ELSE substring(p.prosrc FROM 'MESSAGE = ''([^'']*)') END
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal
    """)
    assert [name for name, words in found if not re.match(r"[A-Z]+-[0-9T]+: ", words or "")] == []
