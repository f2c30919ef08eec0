"""Databases to measure on: a file that waits for the disk, or a PostgreSQL server of our own that does."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from engine.records.database import Database
from tests.postgresql import places
from tests.postgresql.server import Server

DATABASES = ("sqlite", "postgresql")


@contextmanager
def where(kind: str) -> Iterator[Path | URL]:
    """Say where an empty database may be made, and remove it afterwards."""
    # A short path: a socket's has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="passation-", dir="/tmp") as folder:
        if kind == "sqlite":
            yield Path(folder) / "passation.db"
            return
        server = Server(Path(folder), durable=True)
        server.start()
        try:
            yield server.url(places.create(server))
        finally:
            server.close()


@contextmanager
def database(kind: str) -> Iterator[Database]:
    """Open an empty database of this version."""
    with where(kind) as place:
        opened = Database(place)
        opened.upgrade()
        yield opened
        opened.close()
