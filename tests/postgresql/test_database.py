"""The database on a server: it answers, or says plainly that it does not, and loses nothing silently."""

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InternalError, ProgrammingError
from sqlalchemy.orm import Session

from engine.errors import Unavailable
from engine.records.database import Database
from engine.records.races import LostRace, racing
from engine.records.tables.people import Organization
from tests import build
from tests.postgresql.server import Server

pytestmark = pytest.mark.postgresql

SECRET = "Tremblay-514-555-0199"


@contextmanager
def unavailable(outage: str = "database_unavailable") -> Iterator[None]:
    with pytest.raises(Unavailable) as caught:
        yield
    assert caught.value.key == f"unavailable/{outage}"
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def organizations(session: Session) -> int | None:
    return session.scalar(select(func.count()).select_from(Organization))


def add_organization(database: Database, name: str | None = None) -> None:
    with database.write() as session:
        build.organization(session, name=name)


class TestSessions:
    def test_read_sees_one_snapshot(self, database: Database) -> None:
        with database.read() as session:
            assert organizations(session) == 0
            add_organization(database)
            assert organizations(session) == 0
        with database.read() as session:
            assert organizations(session) == 1

    def test_read_cannot_write(self, database: Database) -> None:
        def write() -> None:
            with database.read() as session:
                build.organization(session)
                session.commit()

        with pytest.raises(InternalError, match="read-only"):
            write()

    def test_write_commits_whole_or_not_at_all(self, database: Database) -> None:
        def fail() -> None:
            with database.write() as session:
                build.organization(session)
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        with database.read() as session:
            assert organizations(session) == 0

    def test_commit_waits_for_the_disk_and_a_dead_client_lets_go(self, database: Database) -> None:
        settings = ("synchronous_commit", "idle_in_transaction_session_timeout", "TimeZone", "lock_timeout")
        with database.write() as session:
            found = [session.scalar(text(f"SHOW {name}")) for name in settings]

        assert found == ["on", "5min", "UTC", "5s"]

    def test_mistake_in_a_statement_is_no_outage(self, database: Database) -> None:
        def ask() -> None:
            with database.read() as session:
                session.execute(text("SELECT nothing FROM nowhere"))

        with pytest.raises(ProgrammingError):
            ask()


class TestOutages:
    def test_nobody_listens(self, tmp_path: Path) -> None:
        nowhere = make_url(f"postgresql://x:{SECRET}@/passation?host={tmp_path}")
        with unavailable(), Database(nowhere).read():
            pass

    def test_no_such_database(self, postgresql: Server) -> None:
        with unavailable(), Database(postgresql.url("absent")).read():
            pass

    def test_connection_is_ended_in_the_middle(
        self, postgresql: Server, database: Database, name: str
    ) -> None:
        def write() -> None:
            with database.write() as session:
                build.organization(session)
                session.flush()
                end_sessions(postgresql, name)

        with unavailable():
            write()
        with database.read() as session:
            assert organizations(session) == 0

    def test_pooled_connections_were_ended_meanwhile(
        self, postgresql: Server, database: Database, name: str
    ) -> None:
        add_organization(database)
        end_sessions(postgresql, name)

        add_organization(database)

        with database.read() as session:
            assert organizations(session) == 2

    def test_no_connection_left(self, postgresql: Server, database: Database, name: str) -> None:
        with postgresql.connect("postgres") as connection:
            connection.execute("CREATE ROLE few LOGIN")
            connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0".encode())
        few = Database(postgresql.url(name).set(username="few"))
        with unavailable(), few.read():
            pass

        with postgresql.connect("postgres") as connection:
            connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1".encode())
            connection.execute("DROP ROLE few")

    def test_lock_is_not_given_in_time(self, postgresql: Server, name: str) -> None:
        impatient = Database(postgresql.url(name), busy_seconds=0.1)
        with postgresql.connect(name, autocommit=False) as other:
            other.execute("LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE")
            with unavailable():
                add_organization(impatient)
        impatient.close()

    def test_standby_that_cannot_be_written_to(
        self, postgresql: Server, name: str, database: Database
    ) -> None:
        with postgresql.connect("postgres") as connection:
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        with unavailable():
            add_organization(database)


def end_sessions(server: Server, name: str) -> None:
    with server.connect("postgres") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


class TestRaces:
    def test_one_of_two_that_wait_for_each_other_begins_again(self, database: Database) -> None:
        with database.write() as session:
            both = [build.organization(session), build.organization(session)]
        barrier, lost = threading.Barrier(2), []

        def change(order: list[Any]) -> None:
            tries = 0

            def once() -> None:
                nonlocal tries
                tries += 1
                with database.write() as session:
                    for place, organization in enumerate(order):
                        session.execute(
                            text("UPDATE organizations SET language = 'en' WHERE id = :id"),
                            {"id": organization},
                        )
                        if place == 0 and tries == 1:
                            barrier.wait(10)

            racing(once)
            lost.append(tries - 1)

        run_all(lambda: change(both), lambda: change(both[::-1]))

        assert sum(lost) == 1

    def test_whoever_always_comes_second_is_told_to_ask_again(self) -> None:
        def lose() -> None:
            raise LostRace

        with unavailable():
            racing(lose)


def run_all(*steps: Callable[[], None]) -> None:
    """Run in threads, and raise what any of them raised."""
    failed: list[BaseException] = []

    def run(step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failed:
        raise failed[0]


class TestUpgrade:
    def test_empty_database(self, postgresql: Server, empty: str) -> None:
        new = Database(postgresql.url(empty))
        with unavailable("database_empty"):
            new.check()
        new.upgrade()
        add_organization(new)
        new.close()

    def test_several_at_once(self, postgresql: Server, empty: str) -> None:
        several = [Database(postgresql.url(empty)) for _ in range(4)]
        run_all(*(each.upgrade for each in several))
        for each in several:
            each.check()
            each.close()

    def test_somebody_elses_database_is_left_alone(self, postgresql: Server, empty: str) -> None:
        with postgresql.connect(empty) as other:
            other.execute("CREATE TABLE customers (id int)")
        foreign = Database(postgresql.url(empty))
        with unavailable("database_foreign"):
            foreign.upgrade()
        with postgresql.connect(empty) as other:
            rows = other.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert rows == [("customers",)]
        foreign.close()

    def test_newer_database_is_left_alone(self, postgresql: Server, name: str) -> None:
        with postgresql.connect(name) as other:
            other.execute("UPDATE alembic_version SET version_num = '9999'")
        later = Database(postgresql.url(name))
        for attempt in (later.check, later.upgrade):
            with unavailable("database_newer"):
                attempt()
        later.close()

    def test_changed_by_another_process_is_noticed_at_the_next_connection(
        self, postgresql: Server, name: str, database: Database
    ) -> None:
        add_organization(database)
        with postgresql.connect(name) as other:
            other.execute("UPDATE alembic_version SET version_num = '9999'")
        end_sessions(postgresql, name)
        for _ in range(2):
            with pytest.raises(Unavailable):
                add_organization(database)
