"""What a kind of database must say of itself; ``Database`` does the rest in the same way for each."""

from collections.abc import Hashable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

#: Alembic's own name for its table.
VERSION_TABLE: Final = "alembic_version"
#: The execution option of a connection that may write.
WRITES: Final = "passation_write"


class Backend(Protocol):
    """One kind of database: how it is opened, locked and examined, and what its errors mean."""

    engine: Engine

    def identity(self) -> Hashable:
        """Name the database that answers now; another name, or ``None``, means that it must be checked."""

    def create(self) -> None:
        """Make the place for a database where there is none. Raises ``Unavailable``."""

    def patient(self) -> "Backend":
        """Give one that waits for as long as somebody else's upgrade takes."""

    def turn(self, *, has_time: bool) -> AbstractContextManager[None]:
        """Wait for the turn to write; others go first where one has time. Raises ``Unavailable``."""

    def lock_for_upgrade(self, connection: Connection) -> None:
        """Be the only one who upgrades, until the commit."""

    def translate(self, error: DBAPIError, *, writing: bool) -> Exception | None:
        """Say what an error means: an outage, a lost race; ``None`` for a mistake in a statement."""

    def damage(self, session: Session) -> list[str]:
        """Say what is wrong with the bytes on the disk, as far as the database can tell."""


def writes(connection: Connection) -> bool:
    """Say whether a connection was opened to write."""
    return bool(connection.get_execution_options().get(WRITES, False))
