"""Where a test's database is: a file for SQLite, or a database of its own on the server of the session."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg import sql
from sqlalchemy import URL

from engine.records.database import Database
from tests.postgresql import copying
from tests.postgresql.server import Server

TEMPLATE = "passation_template"


@dataclass(frozen=True, slots=True)
class Place:
    """A database that nobody has opened yet, and a way to read it without the engine."""

    where: Path | URL
    #: Gives a file that the checker can read.
    file: Callable[[], Path]
    server: Server | None = None

    @property
    def name(self) -> str:
        """The name of a database on the server."""
        assert isinstance(self.where, URL)
        return str(self.where.database)

    def open(self, **more: Any) -> Database:  # noqa: ANN401 - of ``Database``
        """Open it."""
        return Database(self.where, **more)


def on_sqlite(template: Path, folder: Path) -> Place:
    """Copy the empty database."""
    file = Path(shutil.copy(template, folder / "passation.sqlite3"))
    return Place(file, lambda: file)


def on_postgresql(server: Server, folder: Path) -> Place:
    """Make a database after the template."""
    name = create(server, TEMPLATE)

    def copied() -> Path:
        with server.connect(name) as connection:
            return copying.copy(connection, folder / f"copy_{uuid4().hex}.sqlite3")

    return Place(server.url(name), copied, server)


def prepare(server: Server) -> None:
    """Migrate the template once."""
    create(server, name=TEMPLATE)
    template = Database(server.url(TEMPLATE))
    template.upgrade()
    template.close()


def drop(server: Server, place: Place) -> None:
    """Remove a test's database, and whoever still is connected to it."""
    remove(server, place.name)


def create(server: Server, template: str = "template0", *, name: str | None = None) -> str:
    """Make a database, and give its name."""
    name = name or f"test_{uuid4().hex}"
    with server.connect("postgres") as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    return name


def remove(server: Server, name: str) -> None:
    """Remove a database, and whoever still is connected to it."""
    with server.connect("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
