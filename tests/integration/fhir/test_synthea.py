"""Real input: what was in the files is in the database, and a second import writes nothing."""

import base64
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.desk.desk import Desk
from engine.errors import Denied
from engine.fhir.importing import Report, import_fhir
from engine.records.database import Database
from engine.states.choices import Role
from tests import build
from tests.checker.checking import check

DATA = Path(__file__).parents[4] / "shared" / "data" / "synthea"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/synthea is not here")


def resources() -> Iterator[dict[str, Any]]:
    for file in sorted(DATA.glob("*.json")):
        yield from (entry["resource"] for entry in json.loads(file.read_text())["entry"])


class Imported:
    """The data, imported into an organization of their own."""

    def __init__(self, database: Database) -> None:
        self.file = database.file
        self.desk = Desk(database)
        with database.write() as session:
            self.world = build.world(session)
        self.report = self.run()

    def run(self) -> Report:
        return import_fhir(self.desk, self.world.administrator, [DATA])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def imported(database: Database) -> Imported:
    return Imported(database)


def test_every_resource_is_counted_and_none_is_lost(imported: Imported) -> None:
    read = Counter(resource["resourceType"] for resource in resources())
    mapped = dict(
        imported.rows(
            "SELECT resource_type, count(DISTINCT resource_id) FROM imported GROUP BY resource_type"
        )
    )
    report = imported.report

    assert dict(report.read) == dict(read)
    for kind, count in read.items():
        if kind != "PractitionerRole":
            assert mapped.get(kind, 0) + sum(report.skipped[kind].values()) == count, kind


def test_every_note_has_the_bytes_the_author_and_the_date_of_its_document(imported: Imported) -> None:
    expected = {
        resource["id"]: hashlib.sha256(
            base64.b64decode(resource["content"][0]["attachment"]["data"])
        ).hexdigest()
        for resource in resources()
        if resource["resourceType"] == "DocumentReference"
    }
    found = imported.rows(
        "SELECT i.resource_id, n.sha256, c.body, n.state FROM imported i"
        " JOIN notes n ON n.item_id = i.became_id JOIN content c ON c.sha256 = n.sha256"
        " WHERE i.resource_type = 'DocumentReference'"
    )

    assert {row[0]: row[1] for row in found} == expected
    assert all(hashlib.sha256(body).hexdigest() == sha256 for _, sha256, body, _ in found)
    assert {row[3] for row in found} == {"signed"}


def test_the_checker_finds_nothing_and_a_second_import_writes_nothing(imported: Imported) -> None:
    assert check(imported.file) == []
    tables = [row[0] for row in imported.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    before = {table: imported.rows(f"SELECT * FROM {table}") for table in tables}

    again = imported.run()

    assert before == {table: imported.rows(f"SELECT * FROM {table}") for table in tables}
    assert (again.records, again.imported_before, again.changed, again.later) == ([], 8, {}, {})


def test_only_an_administrator_imports(imported: Imported) -> None:
    """ROLE-4."""
    with pytest.raises(Denied, match="ROLE-4/administrator"):
        import_fhir(imported.desk, imported.world.coordinator, [DATA])


def test_the_owner_is_an_active_practitioner(imported: Imported, database: Database) -> None:
    """ROLE-4."""
    with database.write() as session:
        gone = build.member(session, imported.world.organization, Role.PRACTITIONER, active=False)
    with pytest.raises(Denied, match="ROLE-4/import_owner"):
        import_fhir(imported.desk, imported.world.administrator, [DATA], owner_id=gone)
