"""A database of its own for each test, on the server of the run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.records.database import Database
from tests.postgresql import places
from tests.postgresql.places import Place
from tests.postgresql.server import Server


@pytest.fixture
def on_server(postgresql: Server, tmp_path: Path) -> Iterator[Place]:
    """An empty database of this version, which nobody has opened yet."""
    made = places.on_postgresql(postgresql, tmp_path)
    yield made
    places.drop(postgresql, made)


@pytest.fixture
def name(on_server: Place) -> str:
    """The name of that database."""
    return on_server.name


@pytest.fixture
def database(on_server: Place) -> Iterator[Database]:
    """That database, open."""
    opened = on_server.open()
    yield opened
    opened.close()


@pytest.fixture
def empty(postgresql: Server) -> Iterator[str]:
    """The name of a database without any table."""
    made = places.create(postgresql)
    yield made
    places.remove(postgresql, made)
