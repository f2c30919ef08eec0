"""PostgreSQL: many writers at once, each holding the rows that its decision stands on."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from engine.errors import Unavailable
from engine.records.backend import writes
from engine.records.races import LostRace

#: Any number that others on the same database do not use: the first bytes of "passation".
_UPGRADE_LOCK: Final = 0x7061737361746
_UPGRADE_SECONDS: Final = 60
#: Of two transactions that wait for each other, one is told to begin again.
_RACES: Final = frozenset({"40001", "40P01"})
#: "Not now" and "not there": connection, resources, a lock not given in time, shutdown and start, the disk.
_OUTAGE_CLASSES: Final = ("08", "53", "57P", "58")
_OUTAGES: Final = frozenset({"25P03", "28000", "28P01", "3D000", "55P03", "42501"})
#: A server that follows another one cannot be written to, until it leads.
_READ_ONLY: Final = "25006"
_DAMAGED: Final = ("XX001", "XX002")
_SETTINGS: Final = {
    "TimeZone": "UTC",
    # What was announced survives a power cut, whatever the server's default is.
    "synchronous_commit": "on",
    # A client that stopped in the middle must not hold its rows for ever.
    "idle_in_transaction_session_timeout": "5min",
}
_CONNECTING: Final[dict[str, Any]] = {
    "application_name": "passation",
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class PostgreSQL:
    """A database on a server."""

    def __init__(self, url: URL, busy_seconds: float) -> None:
        self._connections = 0
        try:
            self.engine = create_engine(
                url.set(drivername="postgresql+psycopg"),
                hide_parameters=True,
                # One round trip finds the connections that a restarted server has forgotten.
                pool_pre_ping=True,
                pool_size=16,
                max_overflow=16,
                isolation_level="READ COMMITTED",
                connect_args={name: value for name, value in _CONNECTING.items() if name not in url.query},
            )
        except ModuleNotFoundError as error:
            raise Unavailable("database_driver") from error
        settings = {**_SETTINGS, "lock_timeout": f"{int(busy_seconds * 1000)}ms"}

        @event.listens_for(self.engine, "connect")
        def _prepare(connection: Any, _entry: object) -> None:  # noqa: ANN401 - SQLAlchemy's adaptation
            connection.autocommit = True
            with connection.cursor() as cursor:
                for name, value in settings.items():
                    cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
            connection.autocommit = False
            self._connections += 1

        @event.listens_for(self.engine, "begin")
        def _begin(connection: Connection) -> None:
            if not writes(connection):
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def identity(self) -> int:
        """Number the connections: a new one may lead to another database, or one that was restored."""
        return self._connections

    def create(self) -> None:
        """Leave it to the administrators of the server, who give a database and its owner."""

    def patient(self) -> "PostgreSQL":
        """Give itself: the lock of an upgrade has a patience of its own."""
        return self

    def turn(self, *, has_time: bool) -> AbstractContextManager[None]:  # noqa: ARG002
        """The server lets each wait for what it needs, and for nothing else."""
        return nullcontext()

    def lock_for_upgrade(self, connection: Connection) -> None:
        """Wait for another upgrade, and for those who still use what it changes."""
        connection.execute(text(f"SET LOCAL lock_timeout = '{_UPGRADE_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _UPGRADE_LOCK})

    def translate(self, error: DBAPIError, *, writing: bool) -> Exception | None:
        """Read the SQLSTATE; an operational error without one is a connection that broke or never was."""
        code = getattr(error.orig, "sqlstate", None)
        if code in _DAMAGED:
            return Unavailable("database_damaged")
        if code in _RACES:
            return LostRace()
        silent = code is None and isinstance(error, OperationalError | InterfaceError)
        if error.connection_invalidated or silent or (writing and code == _READ_ONLY):
            return Unavailable("database_unavailable")
        if code is not None and (code.startswith(_OUTAGE_CLASSES) or code in _OUTAGES):
            return Unavailable("database_unavailable")
        return None

    def damage(self, session: Session) -> list[str]:
        """Ask the server for blocks whose checksum did not hold; a server without checksums knows of none."""
        query = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
        failures = session.scalar(text(query)) or 0
        return [f"checksum failures: {failures}"] if failures else []
