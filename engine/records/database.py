"""The database: one file or one server, one transaction a step, nothing lost once it was announced."""

import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session

from engine.errors import Unavailable
from engine.records.backend import VERSION_TABLE, WRITES, Backend
from engine.records.sqlite import SQLite
from engine.records.tables import every  # noqa: F401 - a foreign key finds only tables that are loaded

_REVISION = re.compile(r'^(revision|down_revision) = (?:"(\w+)"|None)$', re.MULTILINE)
_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
#: How long a writer waits for another one before it gives up and is tried again from outside.
_BUSY_SECONDS = 5.0


class Database:
    """
    Sessions on one database: ``read`` sees one snapshot, ``write`` is a transaction of a writer.

    On SQLite a writer is alone; on PostgreSQL it takes the locks of ``engine.records.locks``, and may raise
    ``LostRace``. Both raise ``Unavailable`` where the database is locked, missing or of another version.
    """

    def __init__(self, place: Path | URL, *, busy_seconds: float = _BUSY_SECONDS) -> None:
        """Name the place: a file for SQLite, or a URL of PostgreSQL."""
        self._backend = _backend(place, busy_seconds)
        self.engine = self._backend.engine
        self._checked: Hashable = None

    @property
    def file(self) -> Path:
        """The file, of a database that is one."""
        if not isinstance(self._backend, SQLite):
            raise TypeError("this database is no file")
        return self._backend.file

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session on one snapshot; it cannot write."""
        with self._translated(writing=False):
            self._check_once()
            with Session(self.engine) as session:
                yield session

    @contextmanager
    def write(self, *, has_time: bool = False) -> Iterator[Session]:
        """Open a session in one transaction: all or nothing. Whoever has time lets others go first."""
        with self._translated(writing=True):
            self._check_once()
            with self._backend.turn(has_time=has_time), self.engine.connect() as connection:
                writer = connection.execution_options(**{WRITES: True})
                with Session(writer, expire_on_commit=False) as session, session.begin():
                    yield session

    def upgrade(self) -> None:
        """
        Create the database or bring it to this version; safe in several processes at once.

        Raises ``Unavailable`` if it is newer, or if it is something else.
        """
        self._backend.create()
        patient = self._backend.patient()
        with self._translated(writing=True):
            with patient.engine.connect() as connection:
                writer = connection.execution_options(**{WRITES: True})
                with writer.begin():
                    patient.lock_for_upgrade(writer)
                    if _found(writer) not in {None, *known_revisions()}:
                        raise Unavailable("database_newer")
                    # Loaded here: whoever only uses a database need not wait for Alembic.
                    from engine.records.migrating import migrate  # noqa: PLC0415

                    migrate(writer)
            # The next connection finds a database of ours: SQLite's then turns its write-ahead log on.
            patient.engine.dispose()
            with patient.engine.connect():
                pass
            patient.engine.dispose()
            self.close()
            self.check()

    def check(self) -> None:
        """Raise ``Unavailable`` unless the database answers and is of exactly this version."""
        with self._translated(writing=False), self.engine.connect() as connection:
            found = _found(connection)
        if found is None:
            raise Unavailable("database_empty")
        if found not in known_revisions():
            raise Unavailable("database_newer")
        if found != known_revisions()[-1]:
            raise Unavailable("database_older")

    def damage(self) -> list[str]:
        """Say what is wrong with the bytes on the disk, as far as the database can tell."""
        with self.read() as session:
            return self._backend.damage(session)

    def _check_once(self) -> None:
        identity = self._backend.identity()
        if identity is None or identity != self._checked:
            self.check()
            self._checked = identity

    def close(self) -> None:
        """Give every connection back to the system."""
        self.engine.dispose()
        self._checked = None

    @contextmanager
    def _translated(self, *, writing: bool) -> Iterator[None]:
        """Turn a database that does not answer into ``Unavailable``; an error that is neither passes."""
        try:
            yield
        except PoolExhausted as error:
            raise Unavailable("database_unavailable") from error
        except DBAPIError as error:
            meant = self._backend.translate(error, writing=writing)
            if meant is None:
                raise
            raise meant from error


def _backend(place: Path | URL, busy_seconds: float) -> Backend:
    if isinstance(place, Path):
        return SQLite(place, busy_seconds)
    # Loaded here: who works on a file does not need the driver.
    from engine.records.postgresql import PostgreSQL  # noqa: PLC0415

    return PostgreSQL(place, busy_seconds)


def _found(connection: Connection) -> str | None:
    """Say which migration the database is at. Raises ``Unavailable`` where it is somebody else's."""
    tables = set(inspect(connection).get_table_names())
    at: str | None = None
    if VERSION_TABLE in tables:
        at = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if at is None and tables - {VERSION_TABLE}:
        raise Unavailable("database_foreign")
    return at


@cache
def known_revisions() -> tuple[str, ...]:
    """Give every migration that this version knows, in the order in which they are made."""
    following: dict[str | None, str] = {}
    for file in _MIGRATIONS.glob("[0-9]*_*.py"):
        # Read, not imported: a command that asks waits for no Alembic.
        found = dict(_REVISION.findall(file.read_text(encoding="utf-8")))
        following[found["down_revision"] or None] = found["revision"]
    order: list[str] = []
    while (revision := following.pop(order[-1] if order else None, None)) is not None:
        order.append(revision)
    return tuple(order)
