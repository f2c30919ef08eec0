"""SQLite: one file, one writer at a time, which takes its lock before it reads."""

import sqlite3
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from engine.errors import Unavailable
from engine.records.backend import VERSION_TABLE, writes
from engine.records.turns import Turns

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
#: How long somebody else's upgrade may take: all of it is one transaction, which others wait for.
_UPGRADE_SECONDS = 60.0
#: Waiting does not mend these.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: A reader that tries to write is a mistake, not an outage.
_READERS_OUTAGES = _OUTAGES - {sqlite3.SQLITE_READONLY}


class SQLite:
    """A database in one file."""

    def __init__(self, file: Path, busy_seconds: float) -> None:
        self.file = file.absolute()
        self.engine = _sqlite_engine(self.file, busy_seconds)
        self._turns = Turns(busy_seconds)

    def identity(self) -> tuple[int, int] | None:
        """Name the file that stands there now, by its inode; ``None`` where there is none."""
        return _identity(self.file)

    def create(self) -> None:
        """Make an empty file for its owner alone, where there is none."""
        _create(self.file)

    def patient(self) -> "SQLite":
        """Give one that waits for as long as somebody else's upgrade takes."""
        return SQLite(self.file, _UPGRADE_SECONDS)

    def turn(self, *, has_time: bool) -> AbstractContextManager[None]:
        """One at a time, first come, first served; other processes wait for the lock of the file."""
        return self._turns.one(has_time=has_time)

    def lock_for_upgrade(self, connection: Connection) -> None:
        """The writer's lock does it."""

    def translate(self, error: DBAPIError, *, writing: bool) -> Exception | None:
        """Read SQLite's own code."""
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _DAMAGED:
            return Unavailable("database_damaged")
        outages = _OUTAGES if writing else _READERS_OUTAGES
        if error.connection_invalidated or (code is not None and code & 0xFF in outages):
            return Unavailable("database_unavailable")
        return None

    def damage(self, session: Session) -> list[str]:
        """Read the file from its first page to its last."""
        found = session.scalars(text("PRAGMA quick_check(10)")).all()
        return [str(line) for line in found if line != "ok"]


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
        writing = writes(connection)
        connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writing else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

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
    ours = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (VERSION_TABLE,))
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
