"""A database whose transactions can all be taken back: one preparation serves thousands of cells."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.orm import Session

from engine.records.backend import WRITES
from engine.records.database import Database


class UndoingDatabase(Database):
    """
    Runs each transaction of the engine as a savepoint of one that is never committed.

    Constraints and triggers answer as ever; a lock waits for nobody, since there is one connection.
    """

    def __init__(self, where: Path | URL) -> None:
        super().__init__(where)
        if isinstance(where, Path):
            # No power fails here.
            event.listen(self.engine, "connect", lambda db, _: db.execute("PRAGMA synchronous = OFF"))
        self._connection: Connection | None = None

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """Take back, at the end, whatever is written until then; calls may be nested."""
        if self._connection is not None:
            with self._connection.begin_nested() as inner:
                yield
                inner.rollback()
            return
        with self.engine.connect() as connection:
            self._connection = connection.execution_options(**{WRITES: True})
            outer = self._connection.begin()
            try:
                yield
            finally:
                self._connection = None
                outer.rollback()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Read on the one connection."""
        if self._connection is None:
            with super().read() as session:
                yield session
            return
        # A reader that is closed leaves the transaction alone.
        reader = Session(self._connection, join_transaction_mode="rollback_only")
        with self._translated(writing=False), reader as session:
            yield session

    @contextmanager
    def write(self, *, has_time: bool = False) -> Iterator[Session]:
        """Write in a savepoint, kept or taken back as the transaction would be."""
        if self._connection is None:
            with super().write(has_time=has_time) as session:
                yield session
            return
        writer = Session(self._connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        with self._translated(writing=True), writer as session, session.begin():
            yield session

    def rows(self, query: str) -> Sequence[Any]:
        """Read plain rows, past the engine, within what will be taken back."""
        assert self._connection is not None
        return self._connection.exec_driver_sql(query).all()
