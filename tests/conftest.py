"""What every tier uses: a database of this version, in a file of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.records.database import Database


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
