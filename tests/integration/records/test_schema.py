"""The schema: the migration says what the models say; every trigger refuses what it must, nothing else."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from engine.audit import log
from engine.records.database import Database, known_revisions
from engine.records.migrating import alembic_config
from engine.records.tables.base import NoteState
from engine.records.tables.every import METADATA
from engine.records.tables.items import Appointment
from engine.records.tables.proof import Event
from engine.records.tables.records import Holding
from engine.records.tables.transfers import Transfer
from engine.states.transfer import FINAL_STATES, OPEN_STATES, TransferState
from tests import build

ITEMS: dict[str, Callable[..., UUID]] = {
    "notes": build.note,
    "documents": build.document,
    "raw_data": build.raw_datum,
    "profiles": build.profile,
    "invoices": build.invoice,
    "tasks": build.task,
    "memos": build.memo,
}
#: Nothing readable is left of a destroyed holding (MOVE-6).
DESTROYED = "state = 'destroyed', title = '', email = NULL, reason_for_consultation = NULL, opened_on = ''"
each_item_table = pytest.mark.parametrize("table", ITEMS)
each_closed_state = pytest.mark.parametrize("closed", ["archived", "quarantined", "destroyed"])


class Sql:
    """Raw statements on a database in which one record stands; nothing between them and the triggers."""

    def __init__(self, file: Path, world: build.World) -> None:
        self.world = world
        self.connection = sqlite3.connect(file, isolation_level=None)
        self.connection.execute("PRAGMA foreign_keys = ON")

    def allowed(self, statement: str, *parameters: object) -> None:
        """Execute a statement that must change something."""
        assert self.connection.execute(statement, _plain(parameters)).rowcount > 0

    def denied(self, rule: str, statement: str, *parameters: object) -> None:
        """Execute a statement that must be refused with the rule's id, and must have had a row to change."""
        before = self.connection.total_changes
        with pytest.raises(sqlite3.IntegrityError, match=f"^{re.escape(rule)}: "):
            self.connection.execute(statement, _plain(parameters))
        assert before == self.connection.total_changes

    def give_a_reason(self) -> None:
        """Write why a quarantine becomes a copy."""
        self.allowed(
            "INSERT INTO texts (id, organization_id, author_id, kind, body, created_at) "
            "SELECT id, organization_id, id, 'reason', 'erreur', 'then' FROM members WHERE id = ?",
            self.world.administrator,
        )
        self.allowed(
            "INSERT INTO restorations SELECT ?, 'mistake', id, author_id, 'then' FROM texts",
            self.world.holding,
        )

    def one(self, query: str, *parameters: object) -> tuple[Any, ...]:
        """Give the only row."""
        (row,) = self.connection.execute(query, _plain(parameters)).fetchall()
        found: tuple[Any, ...] = row
        return found

    def close_holding(self, state: str) -> None:
        """Bring the live holding to a closed state, by a way that is open."""
        self.allowed("UPDATE holdings SET state = 'quarantined', until_at = 'then' WHERE state = 'live'")
        if state != "quarantined":
            self.go_on(state)

    def go_on(self, state: str) -> None:
        """Bring the closed holding on, to its tombstone or to another state."""
        if state == "destroyed":
            self.allowed(
                "INSERT INTO tombstones (holding_id, item_class, organization_id, count, at, rule) "
                "SELECT id, 'details', organization_id, 1, 'then', 'retention' FROM holdings WHERE id = ?",
                self.world.holding,
            )
            self.allowed(f"UPDATE holdings SET {DESTROYED} WHERE id = ?", self.world.holding)
        else:
            if state == "archived":
                self.give_a_reason()
            self.allowed("UPDATE holdings SET state = ? WHERE id = ?", state, self.world.holding)


def _plain(parameters: tuple[object, ...]) -> list[Any]:
    return [str(value) if isinstance(value, UUID) else value for value in parameters]


@pytest.fixture
def world(database: Database) -> build.World:
    with database.write() as session:
        return build.world(session)


@pytest.fixture
def sql(database: Database, world: build.World) -> Iterator[Sql]:
    raw = Sql(database.file, world)
    yield raw
    raw.connection.close()


def schema_of(file: Path) -> dict[str, tuple[str, ...]]:
    """Read every table, index and trigger, as words whose order does not count."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT name, type, sql FROM sqlite_schema WHERE sql IS NOT NULL")
        return {name: _parts(sql) if kind == "table" else (sql,) for name, kind, sql in rows}


def _parts(sql: str) -> tuple[str, ...]:
    """Take a table apart at its own commas: a column that was added later shares a line with another."""
    before, _, after = sql.partition("(")
    inside, _, behind = after.rpartition(")")
    parts, depth = [""], 0
    for character in " ".join(inside.split()):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return (before.strip(), *sorted(part.strip() for part in parts), behind.strip())


class TestMigration:
    def test_models_and_migration_do_not_differ(self, database: Database) -> None:
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})

            assert compare_metadata(context, METADATA) == []

    def test_constraints_and_partial_indexes_do_not_differ_either(
        self, database: Database, tmp_path: Path
    ) -> None:
        """Alembic compares neither CHECK constraints nor conditions of indexes: SQLite's own text does."""
        modelled = tmp_path / "models.sqlite3"
        engine = create_engine(f"sqlite:///{modelled}")
        METADATA.create_all(engine)
        engine.dispose()
        migrated = schema_of(database.file)
        del migrated["alembic_version"]
        triggers = {name for name, lines in migrated.items() if lines[0].startswith("CREATE TRIGGER")}

        assert triggers
        assert schema_of(modelled) == {
            name: lines for name, lines in migrated.items() if name not in triggers
        }

    def test_file_names_say_what_alembic_reads_in_them(self) -> None:
        """Alembic is not loaded to check a version: what is read in the files must agree with it."""
        script = ScriptDirectory.from_config(alembic_config())

        assert known_revisions()[::-1] == tuple(found.revision for found in script.walk_revisions())
        assert known_revisions()[-1] == script.get_current_head()

    def test_upgrade_twice_changes_nothing(self, database: Database) -> None:
        before = schema_of(database.file)
        database.upgrade()

        assert before == schema_of(database.file)

    def test_downgrade_leaves_nothing_and_upgrade_brings_it_back(self, database: Database) -> None:
        before = schema_of(database.file)
        with database.write() as session:
            command.downgrade(alembic_config(session.connection()), "base")

        assert set(schema_of(database.file)) == {"alembic_version"}
        database.upgrade()
        assert before == schema_of(database.file)

    def test_every_table_is_strict(self, database: Database) -> None:
        with database.read() as session:
            tables = session.execute(text("PRAGMA table_list")).mappings().all()
        strict = {table["name"] for table in tables if table["strict"]}

        assert strict == {table.name for table in METADATA.sorted_tables}

    def test_every_constraint_has_a_name(self, database: Database) -> None:
        for lines in schema_of(database.file).values():
            for line in lines:
                assert not re.match(r"(PRIMARY KEY|UNIQUE|FOREIGN KEY|CHECK)\b", line)

    def test_imports_nothing_of_the_engine_that_could_change(self) -> None:
        versions = Path(__file__).parents[3] / "engine/records/migrations/versions"
        for file in versions.glob("[0-9]*.py"):
            imported = re.findall(r"^\s*(?:from|import) (engine[\w.]*)", file.read_text(), re.MULTILINE)
            assert set(imported) <= {"engine.records.types"}

    def test_every_trigger_cites_a_rule(self, database: Database) -> None:
        for name, lines in schema_of(database.file).items():
            if lines[0].startswith("CREATE TRIGGER"):
                assert re.search(r"RAISE\(ABORT, '[A-Z]+-[0-9T]+: ", lines[0]), name


class TestLog:
    @pytest.fixture(autouse=True)
    def _line(self, database: Database, world: build.World) -> None:
        entry = log.Entry(
            organization_id=world.organization,
            at=build.NOW,
            action="request",
            command_id=uuid4(),
            role="owner",
        )
        with database.write() as session:
            log.append(session, entry)

    def test_line_is_never_changed(self, sql: Sql) -> None:
        """AUD-2."""
        for column in Event.__table__.columns:
            sql.denied("AUD-2", f"UPDATE events SET {column.name} = {column.name}")

    def test_line_is_never_deleted(self, sql: Sql) -> None:
        """AUD-2."""
        sql.denied("AUD-2", "DELETE FROM events")

    @pytest.mark.parametrize(
        "other", ["'another' AS action, command_id", "action, command_id"], ids=["same seq", "same command"]
    )
    def test_line_is_never_replaced(self, sql: Sql, other: str) -> None:
        """AUD-2: INSERT OR REPLACE asks no DELETE trigger."""
        seq = "seq" if "another" in other else "seq + 1"
        sql.denied(
            "AUD-2",
            "INSERT OR REPLACE INTO events "
            "(organization_id, seq, at, action, command_id, outcome, role, prev_hash, hash) "
            f"SELECT organization_id, {seq}, at, {other}, 'forged', role, prev_hash, hash FROM events",
        )

    def test_line_is_appended(self, sql: Sql) -> None:
        sql.allowed(
            "INSERT INTO events "
            "(organization_id, seq, at, action, command_id, outcome, role, prev_hash, hash) "
            "SELECT organization_id, seq + 1, at, 'accept', command_id, outcome, role, prev_hash, hash "
            "FROM events"
        )


class TestManifest:
    @pytest.fixture(autouse=True)
    def _line(self, database: Database, world: build.World) -> None:
        with database.write() as session:
            transfer_id = build.transfer(session, world.record, world.new_owner)
            build.manifest_line(session, transfer_id, build.note(session, world.holding))

    def test_line_is_never_changed(self, sql: Sql) -> None:
        """MOVE-5."""
        sql.denied("MOVE-5", "UPDATE manifest SET outcome = 'withheld'")

    def test_line_is_never_deleted(self, sql: Sql) -> None:
        """MOVE-5."""
        sql.denied("MOVE-5", "DELETE FROM manifest")

    def test_line_is_never_replaced(self, sql: Sql) -> None:
        """MOVE-5."""
        sql.denied(
            "MOVE-5",
            "INSERT OR REPLACE INTO manifest (transfer_id, item_id, item_class, outcome) "
            "SELECT transfer_id, item_id, item_class, 'deleted' FROM manifest",
        )

    def test_line_is_added(self, sql: Sql) -> None:
        sql.allowed(
            "INSERT INTO manifest (transfer_id, item_id, item_class, outcome) "
            "SELECT transfer_id, 'another', item_class, outcome FROM manifest"
        )


class TestContent:
    @pytest.fixture(autouse=True)
    def _body(self, database: Database, world: build.World) -> None:
        with database.write() as session:
            build.content(session, world.organization, b"Bonjour")

    @pytest.mark.parametrize("column", ["body", "sha256", "organization_id"])
    def test_is_never_changed(self, sql: Sql, column: str) -> None:
        """MOVE-5: what moves is byte-identical."""
        sql.denied("MOVE-5", f"UPDATE content SET {column} = {column}")

    def test_is_never_replaced(self, sql: Sql) -> None:
        """MOVE-5."""
        sql.denied(
            "MOVE-5",
            "INSERT OR REPLACE INTO content "
            "SELECT organization_id, sha256, CAST('Adieu' AS BLOB) FROM content",
        )

    def test_same_bytes_may_be_given_again(self, sql: Sql) -> None:
        sql.connection.execute("INSERT INTO content SELECT * FROM content WHERE true ON CONFLICT DO NOTHING")
        assert sql.one("SELECT body FROM content") == (b"Bonjour",)

    def test_may_be_destroyed(self, sql: Sql) -> None:
        sql.allowed("DELETE FROM content")

    def test_is_kept_while_an_item_refers_to_it(
        self, database: Database, world: build.World, sql: Sql
    ) -> None:
        with database.write() as session:
            build.note(session, world.holding, body="Bonjour")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            sql.connection.execute("DELETE FROM content")


@each_item_table
class TestItems:
    @pytest.fixture(autouse=True)
    def _item(self, database: Database, world: build.World, table: str) -> None:
        with database.write() as session:
            ITEMS[table](session, world.holding)

    def test_in_a_live_holding_are_written_and_deleted(self, sql: Sql, table: str) -> None:
        sql.allowed(f"UPDATE {table} SET organization_id = organization_id")
        sql.allowed(f"DELETE FROM {table}")

    @each_closed_state
    def test_are_not_inserted_into_a_closed_holding(
        self, database: Database, world: build.World, sql: Sql, table: str, closed: str
    ) -> None:
        """MOVE-4."""
        sql.close_holding(closed)

        def insert() -> None:
            with database.write() as session:
                ITEMS[table](session, world.holding)

        with pytest.raises(IntegrityError, match="MOVE-4: "):
            insert()

    @each_closed_state
    def test_in_a_closed_holding_are_not_changed(self, sql: Sql, table: str, closed: str) -> None:
        """MOVE-4."""
        sql.close_holding(closed)
        columns = [column.name for column in METADATA.tables[table].columns]
        for column in columns:
            sql.denied("MOVE-4", f"UPDATE {table} SET {column} = {column}")
        sql.denied("MOVE-4", f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")

    @pytest.mark.parametrize("closed", ["archived", "quarantined"])
    def test_in_a_copy_or_in_quarantine_are_not_deleted(self, sql: Sql, table: str, closed: str) -> None:
        """MOVE-4."""
        sql.close_holding(closed)
        sql.denied("MOVE-4", f"DELETE FROM {table}")

    def test_in_a_destroyed_holding_are_deleted(self, sql: Sql, table: str) -> None:
        """MOVE-6."""
        sql.close_holding("destroyed")
        sql.allowed(f"DELETE FROM {table}")

    def test_are_not_carried_from_a_copy_into_a_live_holding(
        self, database: Database, world: build.World, sql: Sql, table: str
    ) -> None:
        """MOVE-5: nor, MOVE-4, out of a copy, were that rule not there."""
        sql.close_holding("archived")
        with database.write() as session:
            live = build.holding(session, world.record, world.new_owner)
        sql.denied("MOVE-5", f"UPDATE {table} SET holding_id = ?", live)
        sql.connection.execute(f"DROP TRIGGER {table}_moved")
        sql.denied("MOVE-4", f"UPDATE {table} SET holding_id = ?", live)

    def test_keep_their_holding_and_their_id(
        self, database: Database, world: build.World, sql: Sql, table: str
    ) -> None:
        """MOVE-5: the same item has the same id in every holding, and is copied, not carried."""
        with database.write() as session:
            other = build.record(session, world.owner)
        sql.denied("MOVE-5", f"UPDATE {table} SET holding_id = ?", other.holding_id)
        sql.denied("MOVE-5", f"UPDATE {table} SET item_id = ?", uuid4())

    def test_are_copied_from_a_copy_into_a_live_holding(
        self, database: Database, world: build.World, sql: Sql, table: str
    ) -> None:
        sql.close_holding("archived")
        with database.write() as session:
            live = build.holding(session, world.record, world.new_owner)
        columns = [column.name for column in METADATA.tables[table].columns if column.name != "holding_id"]
        listed = ", ".join(columns)
        sql.allowed(f"INSERT INTO {table} (holding_id, {listed}) SELECT ?, {listed} FROM {table}", live)


class TestAppointments:
    @pytest.fixture
    def theirs(self, database: Database, world: build.World) -> UUID:
        """One of the owner's, in their holding."""
        with database.write() as session:
            return build.appointment(session, world.record, world.owner)

    @pytest.fixture
    def collaborators(self, database: Database, world: build.World) -> UUID:
        """One of a collaborator's, of the record itself."""
        with database.write() as session:
            return build.appointment(session, world.record, world.new_owner)

    def test_in_a_live_holding_are_written_and_deleted(self, sql: Sql, theirs: UUID) -> None:
        sql.allowed("UPDATE appointments SET state = 'cancelled' WHERE item_id = ?", theirs)
        sql.allowed("DELETE FROM appointments WHERE item_id = ?", theirs)

    @each_closed_state
    def test_in_a_closed_holding_are_not_written(self, sql: Sql, theirs: UUID, closed: str) -> None:
        """MOVE-4."""
        sql.close_holding(closed)
        for column in Appointment.__table__.columns:
            sql.denied("MOVE-4", f"UPDATE appointments SET {column.name} = {column.name}")
        sql.denied("MOVE-4", "UPDATE appointments SET holding_id = NULL")
        sql.denied("MOVE-4", "INSERT OR REPLACE INTO appointments SELECT * FROM appointments")

    @pytest.mark.parametrize("closed", ["archived", "quarantined"])
    def test_in_a_copy_or_in_quarantine_are_not_deleted(self, sql: Sql, theirs: UUID, closed: str) -> None:
        """MOVE-4."""
        sql.close_holding(closed)
        sql.denied("MOVE-4", "DELETE FROM appointments")
        sql.denied(
            "MOVE-4",
            "INSERT OR REPLACE INTO appointments (item_id, organization_id, record_id, holding_id, "
            "practitioner_id, starts_at, ends_at, state, sequence, created_at) "
            "SELECT item_id, organization_id, record_id, NULL, practitioner_id, starts_at, ends_at, state, "
            "sequence, created_at FROM appointments",
        )

    def test_in_a_destroyed_holding_are_deleted(self, sql: Sql, theirs: UUID) -> None:
        """MOVE-6."""
        sql.close_holding("destroyed")
        sql.allowed("DELETE FROM appointments")

    def test_of_a_collaborator_follow_the_record(self, sql: Sql, collaborators: UUID) -> None:
        """MOVE-13: without a holding, they are written whatever becomes of the record."""
        sql.close_holding("archived")
        sql.allowed("UPDATE appointments SET sequence = sequence + 1")
        sql.allowed("DELETE FROM appointments")

    def test_of_a_collaborator_who_becomes_the_owner_enter_the_live_holding(
        self, database: Database, world: build.World, sql: Sql, collaborators: UUID
    ) -> None:
        """VIS-9."""
        sql.close_holding("archived")
        sql.denied("MOVE-4", "UPDATE appointments SET holding_id = ?", world.holding)
        with database.write() as session:
            live = build.holding(session, world.record, world.new_owner)
        sql.allowed("UPDATE appointments SET holding_id = ?", live)

    def test_keep_their_id(self, sql: Sql, theirs: UUID) -> None:
        """MOVE-5."""
        sql.denied("MOVE-5", "UPDATE appointments SET item_id = ?", uuid4())


class TestSignedNotes:
    @pytest.fixture
    def signed(self, database: Database, world: build.World) -> UUID:
        with database.write() as session:
            return build.note(session, world.holding)

    @pytest.fixture
    def draft(self, database: Database, world: build.World) -> UUID:
        with database.write() as session:
            return build.note(session, world.holding, state=NoteState.DRAFT)

    @pytest.mark.parametrize(
        "change",
        [
            "sha256 = 'other'",
            "author_id = (SELECT id FROM members WHERE id <> author_id)",
            "created_at = '2020-01-01T00:00:00.000000Z'",
            "signed_at = '2020-01-01T00:00:00.000000Z'",
            "signed_at = NULL",
            "state = 'draft'",
        ],
    )
    def test_never_change(self, sql: Sql, signed: UUID, change: str) -> None:
        """VIS-5."""
        sql.denied("VIS-5", f"UPDATE notes SET {change}")

    def test_are_never_replaced(self, sql: Sql, signed: UUID) -> None:
        """VIS-5."""
        columns = (
            "holding_id, item_id, organization_id, state, confidential, author_only, signed_at, author_id"
        )
        sql.denied(
            "VIS-5",
            f"INSERT OR REPLACE INTO notes ({columns}, sha256, created_at) "
            f"SELECT {columns}, sha256, '2020-01-01T00:00:00.000000Z' FROM notes",
        )

    def test_may_be_marked_confidential(self, sql: Sql, signed: UUID) -> None:
        sql.allowed("UPDATE notes SET confidential = 1, author_only = 1")

    def test_draft_is_rewritten_and_signed(
        self, database: Database, world: build.World, sql: Sql, draft: UUID
    ) -> None:
        with database.write() as session:
            sha256 = build.content(session, world.organization, b"Mieux dit")
        sql.allowed("UPDATE notes SET sha256 = ?", sha256)
        sql.allowed("UPDATE notes SET state = 'signed', signed_at = created_at")
        sql.denied("VIS-5", "UPDATE notes SET state = 'draft'")


class TestNotesOnTheirWay:
    """Approval, adoption, setting aside (VIS-5, VIS-10)."""

    def _note(self, database: Database, world: build.World, state: NoteState) -> UUID:
        with database.write() as session:
            return build.note(session, world.holding, state=state)

    @pytest.mark.parametrize("change", ["state = 'draft'", "sha256 = 'other'", "signed_at = NULL"])
    def test_vis_5_one_that_waits_is_approved_and_nothing_else(
        self, database: Database, world: build.World, sql: Sql, change: str
    ) -> None:
        self._note(database, world, NoteState.WAITING_APPROVAL)
        sql.denied("VIS-5", f"UPDATE notes SET {change}")
        approved = "state = 'signed', approved_at = created_at, approved_by_id = author_id"
        sql.allowed(f"UPDATE notes SET {approved}")
        sql.denied("VIS-5", "UPDATE notes SET approved_at = '2020-01-01T00:00:00.000000Z'")

    def test_vis_10_the_first_author_stays(self, database: Database, world: build.World, sql: Sql) -> None:
        self._note(database, world, NoteState.DRAFT)
        sql.denied("VIS-10", "UPDATE notes SET first_author_id = author_id")

    @pytest.mark.parametrize("change", ["state = 'draft'", "state = 'signed'", "sha256 = 'other'"])
    def test_vis_10_what_was_set_aside_stays(
        self, database: Database, world: build.World, sql: Sql, change: str
    ) -> None:
        self._note(database, world, NoteState.DRAFT)
        sql.allowed("UPDATE notes SET state = 'set_aside'")
        sql.denied("VIS-10", f"UPDATE notes SET {change}")
        sql.denied("VIS-10", "DELETE FROM notes")
        columns = (
            "holding_id, item_id, organization_id, confidential, author_only, author_id, created_at, sha256"
        )
        sql.denied(
            "VIS-10",
            f"INSERT OR REPLACE INTO notes ({columns}, state) SELECT {columns}, 'draft' FROM notes",
        )

    @pytest.mark.parametrize("state", [NoteState.SIGNED, NoteState.WAITING_APPROVAL])
    def test_only_a_draft_is_set_aside(
        self, database: Database, world: build.World, sql: Sql, state: NoteState
    ) -> None:
        """VIS-5, VIS-10."""
        self._note(database, world, state)
        with pytest.raises(sqlite3.IntegrityError, match=r"^VIS-(5|10): "):
            sql.connection.execute("UPDATE notes SET state = 'set_aside'")


class TestHolds:
    """A hold is set, and released once (MOVE-11)."""

    @pytest.fixture
    def hold(self, database: Database, world: build.World) -> UUID:
        with database.write() as session:
            return build.hold(session, world.record, world.administrator)

    RELEASE = "UPDATE holds SET released_at = set_at, released_by_id = set_by_id, release_reason = 'close'"

    def test_move_11_nothing_but_the_release(self, sql: Sql, hold: UUID) -> None:
        sql.denied("MOVE-11", "UPDATE holds SET reason = 'autre'")
        sql.denied("MOVE-11", "DELETE FROM holds")
        columns = "record_id, set_by_id, set_at, reason"
        sql.denied("MOVE-11", f"INSERT INTO holds (id, {columns}) SELECT ?, {columns} FROM holds", uuid4())
        sql.denied("MOVE-11", f"INSERT OR REPLACE INTO holds (id, {columns}) SELECT id, {columns} FROM holds")
        sql.allowed(self.RELEASE)
        sql.denied("MOVE-11", "UPDATE holds SET release_reason = 'autre'")

    def test_move_11_a_record_is_marked_as_its_holds_say(self, sql: Sql, hold: UUID) -> None:
        held = "WHERE legal_hold = 1"
        sql.denied("MOVE-11", f"UPDATE records SET legal_hold = 0 {held}")
        sql.allowed(self.RELEASE)
        sql.allowed(f"UPDATE records SET legal_hold = 0 {held}")
        sql.denied("MOVE-11", "UPDATE records SET legal_hold = 1")


class TestHoldings:
    def test_details_are_written_while_live(self, sql: Sql) -> None:
        sql.allowed("UPDATE holdings SET title = 'Autre', email = NULL, confidential = 1")

    @pytest.mark.parametrize("column", ["id", "owner_id", "record_id", "organization_id", "from_at"])
    def test_keep_what_they_are_while_live(self, sql: Sql, column: str) -> None:
        """MOVE-2: a record changes hands by a new holding, never by another owner on the old one."""
        sql.denied("MOVE-2", f"UPDATE holdings SET {column} = 'another'")
        sql.denied("MOVE-2", f"UPDATE holdings SET {column} = 'another', state = 'archived'")

    @pytest.mark.parametrize("closed", ["archived", "quarantined"])
    def test_are_closed(self, database: Database, world: build.World, sql: Sql, closed: str) -> None:
        with database.write() as session:
            transfer_id = build.transfer(session, world.record, world.new_owner)
        sql.allowed("UPDATE holdings SET state = ?, until_at = 'then', closed_by_id = ?", closed, transfer_id)

    @each_closed_state
    @pytest.mark.parametrize(
        "column", [column.name for column in Holding.__table__.columns if column.name != "state"]
    )
    def test_never_change_once_closed(self, sql: Sql, closed: str, column: str) -> None:
        """MOVE-4: every column there is, so that one added later is not forgotten."""
        sql.close_holding(closed)
        other = "1 - confidential" if column == "confidential" else "'another'"
        sql.denied("MOVE-4", f"UPDATE holdings SET {column} = {other}")

    @each_closed_state
    def test_never_live_again(self, sql: Sql, closed: str) -> None:
        """MOVE-4."""
        sql.close_holding(closed)
        sql.denied("MOVE-4", "UPDATE holdings SET state = 'live'")

    @pytest.mark.parametrize(
        ("closed", "to"),
        [("archived", "quarantined"), ("destroyed", "archived"), ("destroyed", "quarantined")],
    )
    def test_never_go_back_once_closed(self, sql: Sql, closed: str, to: str) -> None:
        """MOVE-6."""
        sql.close_holding(closed)
        sql.denied("MOVE-6", "UPDATE holdings SET state = ?", to)

    @pytest.mark.parametrize(
        ("closed", "to"),
        [("archived", "destroyed"), ("quarantined", "archived"), ("quarantined", "destroyed")],
    )
    def test_go_on_once_closed(self, sql: Sql, closed: str, to: str) -> None:
        """MOVE-6."""
        sql.close_holding(closed)
        sql.go_on(to)

    @pytest.mark.parametrize("state", ["live", "archived", "quarantined", "destroyed"])
    def test_are_never_deleted(self, sql: Sql, state: str) -> None:
        """MOVE-6: a tombstone stays."""
        if state != "live":
            sql.close_holding(state)
        sql.denied("MOVE-6", "DELETE FROM holdings")

    def test_are_never_replaced(self, sql: Sql) -> None:
        """MOVE-4."""
        sql.denied("MOVE-4", "INSERT OR REPLACE INTO holdings SELECT * FROM holdings")
        sql.close_holding("archived")
        sql.denied("MOVE-4", "INSERT OR REPLACE INTO holdings SELECT * FROM holdings")

    def test_one_of_a_record_is_live(self, database: Database, world: build.World, sql: Sql) -> None:
        def second() -> None:
            with database.write() as session:
                build.holding(session, world.record, world.new_owner)

        with pytest.raises(IntegrityError):
            second()
        sql.close_holding("archived")
        second()
        with pytest.raises(IntegrityError):
            second()


class TestRestrictions:
    """ELIG-4: each entry says who set it, when and on what basis, also once it is ended."""

    @pytest.fixture(autouse=True)
    def _restriction(self, database: Database, world: build.World) -> None:
        with database.write() as session:
            build.restriction(session, world.client, world.owner, title="Psychologue")

    @pytest.mark.parametrize(
        "column", ["id", "client_id", "member_id", "title", "set_by_id", "set_at", "basis"]
    )
    def test_are_never_rewritten(self, sql: Sql, column: str) -> None:
        sql.denied("ELIG-4", f"UPDATE restrictions SET {column} = 'another'")

    def test_are_ended_once(self, sql: Sql, world: build.World) -> None:
        sql.allowed("UPDATE restrictions SET ended_at = 'then', ended_by_id = ?", world.owner)
        sql.denied("ELIG-4", "UPDATE restrictions SET ended_at = NULL, ended_by_id = NULL")

    def test_are_never_deleted(self, sql: Sql) -> None:
        sql.denied("ELIG-4", "DELETE FROM restrictions")

    def test_are_never_replaced(self, sql: Sql) -> None:
        sql.denied("ELIG-4", "INSERT OR REPLACE INTO restrictions SELECT * FROM restrictions")


class TestBulks:
    """BULK-1, BULK-4, BULK-5: what was started, fixed and answered stays so."""

    @pytest.fixture(autouse=True)
    def _bulk(self, database: Database, world: build.World, sql: "Sql") -> None:
        with database.write() as session:
            build.transfer(session, world.record, world.new_owner)
        sql.allowed(
            "INSERT INTO bulks (id, organization_id, from_id, recipients, started_by_id, led_by_id, state,"
            " purpose, include_confidential, raw_data, keep_copy, include_confidential_records,"
            " reassign_open, fingerprint, records, confidential_left_out, not_selected, started_at)"
            " SELECT 'bulk', organization_id, from_id, '[]', from_id, from_id, 'running', purpose, 0,"
            " raw_data, 1, 0, 0, 'f', 1, 0, 0, 'now' FROM transfers"
        )
        sql.allowed(
            "INSERT INTO bulk_items (bulk_id, position, record_id, attempt, transfer_id)"
            " SELECT 'bulk', 0, record_id, 1, id FROM transfers"
        )
        sql.allowed(
            "INSERT INTO bulk_answers (id, organization_id, bulk_id, member_id, answer, scope, given_at)"
            " SELECT 'answer', organization_id, 'bulk', to_id, 'accept', 'all', 'now' FROM transfers"
        )
        sql.allowed("INSERT INTO bulk_answer_records SELECT 'answer', record_id FROM transfers")
        sql.allowed("INSERT INTO bulk_answer_denials SELECT 'answer', id, 'ELIG-4', 'now' FROM transfers")
        sql.allowed(
            "INSERT INTO bulk_lists SELECT 'list', organization_id, to_id, '[]', 'now' FROM transfers"
        )

    @pytest.mark.parametrize("table", ["bulks", "bulk_items", "bulk_answers"])
    def test_are_never_deleted_or_replaced(self, sql: "Sql", table: str) -> None:
        rule = {"bulks": "BULK-4", "bulk_items": "BULK-1", "bulk_answers": "BULK-5"}[table]
        sql.denied(rule, f"DELETE FROM {table}")
        sql.denied(rule, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")

    def test_the_start_never_changes(self, sql: "Sql") -> None:
        for column in (
            *("from_id", "started_by_id", "purpose", "records", "fingerprint", "keep_copy"),
            *("impose", "insist", "reason_id"),
        ):
            sql.denied("BULK-1", f"UPDATE bulks SET {column} = 7")
        sql.denied("BULK-1", "UPDATE bulk_lists SET lines = ''")
        sql.allowed("UPDATE bulks SET state = 'paused', paused_rule = 'ROLE-5'")

    @pytest.mark.parametrize("state", ["stopped", "finished"])
    def test_a_final_state_is_never_left(self, sql: "Sql", state: str) -> None:
        sql.allowed("UPDATE bulks SET state = ?", state)
        sql.denied("BULK-4", "UPDATE bulks SET state = 'running'")

    def test_the_caseload_is_fixed(self, sql: "Sql") -> None:
        sql.denied(
            "BULK-1",
            "INSERT INTO bulk_items (bulk_id, position, record_id, attempt, transfer_id)"
            " SELECT 'bulk', 1, id, 1, id FROM members LIMIT 1",
        )
        sql.denied("BULK-1", "UPDATE bulk_items SET record_id = 'another'")
        sql.allowed("UPDATE bulk_items SET rule = 'ELIG-4', attempt = 2, transfer_id = 'another'")

    def test_an_answer_ends_once(self, sql: "Sql") -> None:
        for column in ("answer", "scope", "member_id", "reason_id"):
            sql.denied("BULK-5", f"UPDATE bulk_answers SET {column} = 'another'")
        sql.allowed("UPDATE bulk_answers SET ended_at = 'then'")
        sql.denied("BULK-5", "UPDATE bulk_answers SET ended_at = NULL")
        sql.denied("BULK-5", "UPDATE bulk_answer_records SET record_id = 'another'")
        sql.denied("BULK-5", "DELETE FROM bulk_answer_denials")


class TestTransfers:
    @pytest.fixture
    def transfer(self, database: Database, world: build.World) -> UUID:
        with database.write() as session:
            return build.transfer(session, world.record, world.new_owner)

    @pytest.mark.parametrize("final", sorted(FINAL_STATES))
    def test_final_state_is_never_left(self, sql: Sql, transfer: UUID, final: TransferState) -> None:
        """ST-T."""
        sql.allowed("UPDATE transfers SET state = ?", final.value)
        for other in sorted(set(TransferState) - {final}):
            sql.denied("ST-T", "UPDATE transfers SET state = ?", other.value)
        sql.allowed("UPDATE transfers SET state = ?, stuck_cause = NULL", final.value)

    def test_open_state_is_left(self, sql: Sql, transfer: UUID) -> None:
        for state in sorted(OPEN_STATES):
            sql.allowed("UPDATE transfers SET state = ?", state.value)

    @pytest.mark.parametrize(
        "column",
        ["id", "organization_id", "record_id", "from_id", "asked_by_id", "asked_role", "bulk_id", "purpose"],
    )
    def test_what_was_asked_never_changes(self, sql: Sql, transfer: UUID, column: str) -> None:
        """AUD-1."""
        sql.denied("AUD-1", f"UPDATE transfers SET {column} = 'another'")

    def test_the_rest_may_change(self, sql: Sql, world: build.World, transfer: UUID) -> None:
        sql.allowed(
            "UPDATE transfers SET to_id = ?, keep_copy = 0, respond_by = 'later', version = version + 1",
            world.coordinator,
        )

    @pytest.mark.parametrize("state", sorted(TransferState))
    def test_is_never_deleted(self, sql: Sql, transfer: UUID, state: TransferState) -> None:
        """AUD-1."""
        sql.allowed("UPDATE transfers SET state = ?", state.value)
        sql.denied("AUD-1", "DELETE FROM transfers")

    def test_is_never_replaced(self, sql: Sql, transfer: UUID) -> None:
        """AUD-1, OVR-3."""
        columns = ", ".join(column.name for column in Transfer.__table__.columns if column.name != "id")
        sql.allowed("UPDATE transfers SET state = 'accepted'")
        sql.denied("AUD-1", "INSERT OR REPLACE INTO transfers SELECT * FROM transfers")
        opened = columns.replace("state,", "'requested',", 1)
        sql.allowed(f"INSERT INTO transfers (id, {columns}) SELECT 'second', {opened} FROM transfers")
        sql.denied(
            "OVR-3",
            f"INSERT OR REPLACE INTO transfers (id, {columns}) SELECT 'third', {columns} FROM transfers "
            "WHERE id = 'second'",
        )

    def test_what_was_imposed_stays_so(self, sql: Sql, transfer: UUID) -> None:
        """OVR-1."""
        sql.allowed("UPDATE transfers SET state = 'accepted', imposed = 1")
        sql.denied("OVR-1", "UPDATE transfers SET imposed = 0")

    def test_who_was_asked_before_is_remembered(self, sql: Sql, transfer: UUID) -> None:
        """OVR-1."""
        sql.allowed(
            "INSERT INTO askings (transfer_id, version, member_id, asked_at, respond_by, answer, ended_at)"
            " SELECT id, version, to_id, asked_at, respond_by, 'refused', asked_at FROM transfers"
        )
        sql.denied("OVR-1", "UPDATE askings SET answer = 'expired'")
        sql.denied("OVR-1", "DELETE FROM askings")
        sql.denied("OVR-1", "INSERT OR REPLACE INTO askings SELECT * FROM askings")

    @pytest.mark.parametrize("state", sorted(OPEN_STATES))
    def test_one_of_a_record_is_open(
        self, database: Database, world: build.World, sql: Sql, transfer: UUID, state: TransferState
    ) -> None:
        """OVR-3."""

        def second() -> None:
            with database.write() as session:
                build.transfer(session, world.record, world.new_owner, state=state)

        with pytest.raises(IntegrityError):
            second()
        sql.allowed("UPDATE transfers SET state = 'refused'")
        second()

    def test_final_ones_may_be_many(self, database: Database, world: build.World) -> None:
        for state in sorted(FINAL_STATES):
            with database.write() as session:
                build.transfer(session, world.record, world.new_owner, state=state)
