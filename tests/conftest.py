"""What every tier uses: a database of this version, in a file of its own, or on a server."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.records.database import Database

if TYPE_CHECKING:
    from tests.postgresql.places import Place
    from tests.postgresql.server import Server

# A worker of pytest-xdist is told a width; what the commands print here is as wide as in a pipe.
os.environ.pop("COLUMNS", None)

#: For tests that run on both databases: SQLite in every run, PostgreSQL in `make test-all`.
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="session")
def database_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one empty database; the others are copies of its file."""
    file = tmp_path_factory.mktemp("template") / "passation.sqlite3"
    template = Database(file)
    template.upgrade()
    # The last connection that closes brings the write-ahead log home.
    template.close()
    assert not file.with_name(f"{file.name}-wal").exists()
    return file


@pytest.fixture
def database_file(database_template: Path, tmp_path: Path) -> Path:
    """An empty database of this version, which nobody has opened yet."""
    return Path(shutil.copy(database_template, tmp_path / "passation.sqlite3"))


@pytest.fixture
def database(database_file: Path) -> Iterator[Database]:
    """An empty database of this version, open."""
    opened = Database(database_file)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator["Server"]:
    """A PostgreSQL server for the whole run, with an empty database of this version to copy."""
    from tests.postgresql import places
    from tests.postgresql.server import Server

    # Not in pytest's folders: these are closed to `nobody`, and too long a path for a socket.
    with tempfile.TemporaryDirectory(prefix="passation-pg-", dir="/tmp") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            places.prepare(server)
            yield server
        finally:
            server.close()


@pytest.fixture(params=BOTH)
def place(request: pytest.FixtureRequest, database_template: Path, tmp_path: Path) -> Iterator["Place"]:
    """An empty database of this version, which nobody has opened yet: on SQLite, then on PostgreSQL."""
    from tests.postgresql import places

    if request.param == "sqlite":
        yield places.on_sqlite(database_template, tmp_path)
        return
    server: Server = request.getfixturevalue("postgresql")
    found = places.on_postgresql(server, tmp_path)
    yield found
    places.drop(server, found)
