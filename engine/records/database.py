"""The database: one file or one server, one transaction a step, nothing lost once it was announced."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from engine.errors import Unavailable

_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
_VERSION_TABLE = "alembic_version"  # Alembic's own name for it
#: How long a writer waits for another one before it gives up and is tried again from outside.
_BUSY_SECONDS = 5.0
#: SQLite's words for "not now" and "not there"; what else it says is a mistake in a statement.
_OUTAGES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
#: Waiting does not mend these.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: A reader that tries to write is a mistake, not an outage.
_READERS_OUTAGES = _OUTAGES - {sqlite3.SQLITE_READONLY}


class Database:
    """
    Sessions on one database: ``read`` sees one snapshot, ``write`` is a transaction under the writer's lock.

    Both raise ``Unavailable`` where the database is locked, missing or of another version.
    """

    def __init__(self, file: Path, *, busy_seconds: float = _BUSY_SECONDS) -> None:
        self.file = file.absolute()
        self.engine = _sqlite_engine(self.file, busy_seconds)
        self._checked: tuple[int, int] | None = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session on one snapshot; it cannot write."""
        with _outages_named(_READERS_OUTAGES):
            self._check_once()
            with Session(self.engine) as session:
                yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session in one transaction that holds the writer's lock; commit at the end, or nothing."""
        with _outages_named():
            self._check_once()
            with self.engine.connect() as connection:
                writer = connection.execution_options(passation_write=True)
                with Session(writer, expire_on_commit=False) as session, session.begin():
                    yield session

    def upgrade(self) -> None:
        """
        Create the database or bring it to this version; safe in several processes at once.

        Raises ``Unavailable`` if it is newer, or if the file is something else.
        """
        _create(self.file)
        with _outages_named():
            with self.engine.connect() as connection:
                writer = connection.execution_options(passation_write=True)
                with writer.begin():
                    if _found(writer) not in {None, *known_revisions()}:
                        raise Unavailable("database_newer")
                    # Loaded here: whoever only uses a database need not wait for Alembic.
                    from engine.records.migrating import migrate  # noqa: PLC0415

                    migrate(writer)
            # The next connection finds a database of ours and turns its write-ahead log on.
            self.close()
            self.check()

    def check(self) -> None:
        """Raise ``Unavailable`` unless the database answers and is of exactly this version."""
        with _outages_named(_READERS_OUTAGES), self.engine.connect() as connection:
            found = _found(connection)
        if found is None:
            raise Unavailable("database_empty")
        if found not in known_revisions():
            raise Unavailable("database_newer")
        if found != known_revisions()[-1]:
            raise Unavailable("database_older")

    def _check_once(self) -> None:
        identity = _identity(self.file)
        if identity is None or identity != self._checked:
            self.check()
            self._checked = identity

    def close(self) -> None:
        """Give every connection back to the system."""
        self.engine.dispose()
        self._checked = None


def _found(connection: Connection) -> str | None:
    """Say which migration the database is at. Raises ``Unavailable`` where it is somebody else's."""
    tables = set(inspect(connection).get_table_names())
    at: str | None = None
    if _VERSION_TABLE in tables:
        at = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if at is None and tables - {_VERSION_TABLE}:
        raise Unavailable("database_foreign")
    return at


@cache
def known_revisions() -> tuple[str, ...]:
    """Give every migration that this version knows, in order: the number that its file's name begins with."""
    return tuple(sorted(file.stem.partition("_")[0] for file in _MIGRATIONS.glob("[0-9]*_*.py")))


def _create(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            file.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise Unavailable("database_unavailable") from error


def _sqlite_engine(file: Path, busy_seconds: float) -> Engine:
    def connect() -> _Connection:
        # Taken before the file is opened: one that is exchanged meanwhile is noticed at the checkout.
        identity = _identity(file)
        if identity is None:
            raise Unavailable("database_unavailable")
        connection = sqlite3.connect(
            # mode=rw: a database that is missing is an outage; only ``upgrade`` may create one.
            f"{file.resolve().as_uri()}?mode=rw",
            uri=True,
            timeout=busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
        connection.identity = identity
        return connection

    engine = create_engine(
        "sqlite+pysqlite://",
        creator=connect,
        hide_parameters=True,
        # Without a file in the URL, SQLAlchemy takes it for a database in memory.
        poolclass=QueuePool,
        pool_size=16,
        max_overflow=16,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: _Connection, entry: ConnectionPoolEntry) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # INSERT OR REPLACE then asks the DELETE triggers too.
        connection.execute("PRAGMA recursive_triggers = ON")
        _write_ahead(connection, busy_seconds)
        entry.info["identity"] = connection.identity

    @event.listens_for(engine, "checkout")
    def _still_there(_connection: _Connection, entry: ConnectionPoolEntry, _proxy: Any) -> None:  # noqa: ANN401
        # A file that was moved away stays writable through an old handle: what is written there is lost.
        if entry.info["identity"] != _identity(file):
            raise DisconnectionError

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("passation_write", False)
        connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    @event.listens_for(engine, "commit")
    def _still_there_at_the_end(connection: Connection) -> None:
        # The wait for the writer's lock is long enough to move the file away.
        if connection.info["identity"] != _identity(file):
            raise Unavailable("database_unavailable")

    return engine


class _Connection(sqlite3.Connection):
    """A connection that knows which file it opened, whatever stands under its name now."""

    identity: tuple[int, int]


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Turn the write-ahead log on in a database of ours; a file that is somebody else's stays as it is."""
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        return
    ours = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (_VERSION_TABLE,))
    if ours.fetchone() == (0,):
        return
    give_up_at = time.monotonic() + busy_seconds
    while True:
        # SQLite does not always wait by itself here when another connection has the same wish.
        with suppress(sqlite3.OperationalError):
            if connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",):
                return
        if time.monotonic() > give_up_at:
            raise Unavailable("database_unavailable")
        time.sleep(0.01)


@contextmanager
def _outages_named(outages: frozenset[int] = _OUTAGES) -> Iterator[None]:
    """Turn a database that does not answer into ``Unavailable``; any other error passes."""
    try:
        yield
    except PoolExhausted as error:
        raise Unavailable("database_unavailable") from error
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _DAMAGED:
            raise Unavailable("database_damaged") from error
        if error.connection_invalidated or (code is not None and code & 0xFF in outages):
            raise Unavailable("database_unavailable") from error
        raise
