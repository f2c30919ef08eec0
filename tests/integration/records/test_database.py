"""The database as a file: it answers, or says plainly that it does not, and loses nothing silently."""

import shutil
import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import op
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from engine.errors import Unavailable
from engine.records.database import Database
from engine.records.tables.people import Organization
from tests import build

SECRET = "Tremblay-514-555-0199"


@contextmanager
def unavailable(outage: str) -> Iterator[None]:
    with pytest.raises(Unavailable) as caught:
        yield
    assert caught.value.key == f"unavailable/{outage}"


def organizations(session: Session) -> int | None:
    return session.scalar(select(func.count()).select_from(Organization))


def add_organization(database: Database, name: str | None = None) -> None:
    with database.write() as session:
        build.organization(session, name=name)


@contextmanager
def locked(file: Path, *, timeout: float = 5) -> Iterator[None]:
    """Hold the writer's lock of a file from another connection."""
    with closing(sqlite3.connect(file, timeout=timeout, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class TestConnections:
    @pytest.mark.parametrize(
        ("pragma", "value"),
        [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("recursive_triggers", 1)],
    )
    def test_every_pooled_connection_is_prepared(
        self, database: Database, pragma: str, value: str | int
    ) -> None:
        with database.read() as first, database.read() as second, database.write() as writer:
            for session in (first, second, writer):
                assert value == session.scalar(text(f"PRAGMA {pragma}"))
        with database.read() as again:
            assert value == again.scalar(text(f"PRAGMA {pragma}"))

    def test_database_restored_without_its_log_gets_it_back(self, database: Database, tmp_path: Path) -> None:
        backup = tmp_path / "backup.sqlite3"
        with closing(sqlite3.connect(database.file)) as connection:
            connection.execute("VACUUM INTO ?", (str(backup),))
        with closing(sqlite3.connect(backup)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)

        restored = Database(backup)
        with restored.read() as session:
            assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        restored.close()

    def test_path_with_every_odd_character(self, tmp_path: Path) -> None:
        odd = Database(tmp_path / "dossiers d'été 100% #1?mode=memory" / "passation.sqlite3")
        odd.upgrade()
        add_organization(odd)

        assert odd.file.stat().st_size > 0
        odd.close()


class TestRead:
    def test_sees_one_snapshot(self, database: Database) -> None:
        with database.read() as session:
            assert organizations(session) == 0
            add_organization(database)
            assert organizations(session) == 0
        with database.read() as session:
            assert organizations(session) == 1

    def test_cannot_write(self, database: Database) -> None:
        with pytest.raises(OperationalError, match="readonly"), database.read() as session:
            build.organization(session)
        with database.read() as session:
            assert organizations(session) == 0

    def test_connection_that_read_can_write_afterwards(self, database: Database) -> None:
        with database.read() as session:
            organizations(session)
        add_organization(database)
        with database.read() as session:
            assert organizations(session) == 1

    def test_does_not_wait_for_a_writer(self, database: Database) -> None:
        with database.write() as writer:
            build.organization(writer)
            with database.read() as session:
                assert organizations(session) == 0


class TestWrite:
    def test_commits_at_the_end(self, database: Database) -> None:
        add_organization(database)
        with closing(sqlite3.connect(database.file)) as other:
            assert other.execute("SELECT count(*) FROM organizations").fetchone() == (1,)

    def test_rolls_back_on_any_error(self, database: Database) -> None:
        def fail_midway() -> None:
            with database.write() as session:
                build.organization(session)
                raise RuntimeError("midway")

        with pytest.raises(RuntimeError, match="midway"):
            fail_midway()
        with database.read() as session:
            assert organizations(session) == 0

    def test_first_statement_takes_the_writers_lock(self, database: Database) -> None:
        with database.write() as session:
            organizations(session)
            with pytest.raises(sqlite3.OperationalError, match="locked"), locked(database.file, timeout=0):
                pass

    def test_waits_for_another_writer(self, database: Database) -> None:
        begun = threading.Event()
        go_on = threading.Event()

        def hold() -> None:
            with database.write() as session:
                build.organization(session)
                begun.set()
                go_on.wait(10)

        holder = threading.Thread(target=hold)
        holder.start()
        begun.wait(10)
        threading.Timer(0.2, go_on.set).start()
        with database.write() as session:
            assert organizations(session) == 1
        holder.join()

    def test_locked_for_longer_than_it_waits(self, database_file: Path) -> None:
        impatient = Database(database_file, busy_seconds=0.05)
        with locked(database_file), unavailable("database_unavailable"):
            add_organization(impatient)
        add_organization(impatient)
        with impatient.read() as session:
            assert organizations(session) == 1
        impatient.close()

    def test_broken_rule_of_the_database_is_no_outage(self, database: Database) -> None:
        add_organization(database, "Clinique")
        with pytest.raises(IntegrityError):
            add_organization(database, "Clinique")

    def test_mistake_in_a_statement_is_no_outage(self, database: Database) -> None:
        with pytest.raises(OperationalError, match="no such table"), database.write() as session:
            session.execute(text("SELECT * FROM no_such_thing"))

    def test_errors_name_no_value(self, database: Database) -> None:
        add_organization(database, SECRET)
        with pytest.raises(IntegrityError) as caught:
            add_organization(database, SECRET)

        assert "organizations.name" in str(caught.value)
        assert SECRET not in "".join(traceback.format_exception_only(caught.value))
        assert SECRET not in "".join(traceback.format_exception_only(caught.value.__cause__))


class TestOutage:
    def test_missing_file_is_not_created(self, tmp_path: Path) -> None:
        missing = Database(tmp_path / "none" / "passation.sqlite3")
        with unavailable("database_unavailable"):
            missing.check()
        with unavailable("database_unavailable"), missing.read():
            pass
        with unavailable("database_unavailable"), missing.write():
            pass

        assert list(tmp_path.iterdir()) == []

    def test_moved_file_is_not_written_to(self, database: Database, tmp_path: Path) -> None:
        add_organization(database)
        away = database.file.rename(tmp_path / "away.sqlite3")
        with unavailable("database_unavailable"):
            add_organization(database)
        with unavailable("database_unavailable"), database.read() as session:
            organizations(session)
        assert not database.file.exists()

        away.rename(database.file)
        add_organization(database)
        with database.read() as session:
            assert organizations(session) == 2

    def test_exchanged_file_is_opened_anew(
        self, database: Database, database_template: Path, tmp_path: Path
    ) -> None:
        add_organization(database)
        database.file.rename(tmp_path / "away.sqlite3")
        for log in ("-wal", "-shm"):
            database.file.with_name(database.file.name + log).rename(tmp_path / f"away.sqlite3{log}")
        shutil.copy(database_template, database.file)

        with database.read() as session:
            assert organizations(session) == 0

    def test_exchanged_file_is_checked_anew(self, database: Database, tmp_path: Path) -> None:
        add_organization(database)
        database.file.rename(tmp_path / "away.sqlite3")
        database.file.touch()

        with unavailable("database_empty"), database.read():
            pass

    def test_file_moved_during_a_transaction_is_not_committed_to(
        self, database: Database, tmp_path: Path
    ) -> None:
        with unavailable("database_unavailable"), database.write() as session:
            build.organization(session)
            away = database.file.rename(tmp_path / "away.sqlite3")

        away.rename(database.file)
        with database.read() as session:
            assert organizations(session) == 0

    def test_directory_in_the_place_of_the_file(self, tmp_path: Path) -> None:
        directory = Database(tmp_path)
        with unavailable("database_unavailable"):
            directory.check()
        with unavailable("database_unavailable"):
            directory.upgrade()

    def test_file_in_the_place_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "data").touch()
        with unavailable("database_unavailable"):
            Database(tmp_path / "data" / "passation.sqlite3").upgrade()

    def test_file_that_is_no_database(self, tmp_path: Path) -> None:
        file = tmp_path / "letter.txt"
        file.write_text("Madame, Monsieur,\n" * 100)
        letter = Database(file)
        with unavailable("database_damaged"):
            letter.check()
        with unavailable("database_damaged"):
            letter.upgrade()

        assert file.read_text() == "Madame, Monsieur,\n" * 100

    def test_empty_file(self, tmp_path: Path) -> None:
        file = tmp_path / "passation.sqlite3"
        file.touch()
        empty = Database(file)
        with unavailable("database_empty"):
            empty.check()
        with unavailable("database_empty"), empty.write():
            pass

        assert file.stat().st_size == 0
        empty.close()

    def test_database_of_another_program_is_left_as_it_is(self, tmp_path: Path) -> None:
        file = tmp_path / "other.sqlite3"
        with closing(sqlite3.connect(file)) as other:
            other.execute("CREATE TABLE songs (title TEXT)")
        before = file.read_bytes()
        foreign = Database(file)
        with unavailable("database_foreign"):
            foreign.check()
        with unavailable("database_foreign"):
            foreign.upgrade()

        foreign.close()
        assert before == file.read_bytes()

    def test_newer_database(self, database: Database) -> None:
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        later = Database(database.file)
        for attempt in (later.check, later.upgrade):
            with unavailable("database_newer"):
                attempt()
        with unavailable("database_newer"), later.write():
            pass
        later.close()


class TestUpgrade:
    def test_creates_a_file_for_its_owner_only(self, tmp_path: Path) -> None:
        new = Database(tmp_path / "deep" / "folder" / "passation.sqlite3")
        new.upgrade()
        new.check()

        assert new.file.stat().st_mode & 0o077 == 0
        new.close()

    def test_failed_migration_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        execute = op.execute

        def fail_late(statement: str) -> None:
            if "transfers_second" in statement:
                raise RuntimeError("power cut")
            execute(statement)

        new = Database(tmp_path / "passation.sqlite3")
        with monkeypatch.context() as patch:
            patch.setattr(op, "execute", fail_late)
            with pytest.raises(RuntimeError, match="power cut"):
                new.upgrade()
        with unavailable("database_empty"):
            new.check()
        new.upgrade()
        new.check()
        new.close()

    def test_waits_for_somebody_elses_upgrade_longer_than_for_a_writer(self, tmp_path: Path) -> None:
        file = tmp_path / "passation.sqlite3"
        with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            done = threading.Timer(0.5, other.rollback)
            done.start()
            database = Database(file, busy_seconds=0.05)
            database.upgrade()
            done.join()

        database.check()
        database.close()

    def test_several_processes_at_once(self, tmp_path: Path) -> None:
        file = tmp_path / "data" / "passation.sqlite3"
        go = tmp_path / "go"
        program = (
            "import pathlib, sys, time\n"
            "from engine.records.database import Database\n"
            "print('ready', flush=True)\n"
            "while not pathlib.Path(sys.argv[2]).exists():\n"
            "    time.sleep(0.0005)\n"
            "database = Database(pathlib.Path(sys.argv[1]))\n"
            "database.upgrade()\n"
            "database.check()\n"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(file), str(go)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[3],
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        go.touch()
        errors = [process.communicate(timeout=60)[1] for process in processes]

        assert [(p.returncode, error) for p, error in zip(processes, errors, strict=True)] == [(0, "")] * 4
        upgraded = Database(file)
        upgraded.check()
        upgraded.close()
