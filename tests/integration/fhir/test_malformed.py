"""A malformed bundle is written whole or not at all, whatever is wrong with it; on both databases."""

import contextlib
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from engine.desk.desk import Desk
from engine.errors import BadInput
from engine.fhir.importing import import_fhir
from tests.checker.checking import check
from tests.conftest import BOTH
from tests.integration.fhir.odd import spoilt
from tests.integration.handover.clinic import Clinic, hurried
from tests.postgresql import places

_serial = count(1)


class Ground:
    """One database for every example; each has a source of its own."""

    def __init__(self, place: places.Place, folder: Path) -> None:
        self.place = place
        self.clinic = Clinic(hurried(place))
        self.desk = Desk(self.clinic.database)
        self.folder = folder

    def counts(self) -> list[Any]:
        tables = ("imported", "records", "clients", "members", "notes", "documents", "content", "events")
        return self.clinic.rows(
            "SELECT " + ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in tables)
        )


@pytest.fixture(scope="module", params=BOTH)
def ground(
    request: pytest.FixtureRequest, database_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("malformed")
    if request.param == "sqlite":
        found = Ground(places.on_sqlite(database_template, folder), folder)
    else:
        found = Ground(places.on_postgresql(request.getfixturevalue("postgresql"), folder), folder)
    yield found
    assert check(found.place.file()) == []
    found.clinic.database.close()


@given(content=spoilt())
@settings(max_examples=80, deadline=None)
def test_nothing_is_half_written(ground: Ground, content: dict[str, Any]) -> None:
    file = ground.folder / "a.json"
    file.write_text(json.dumps(content))
    before, source = ground.counts(), f"source {next(_serial)}"

    report = None
    with contextlib.suppress(BadInput):
        report = import_fhir(ground.desk, ground.clinic.world.administrator, [file], source=source)

    if report is None:
        assert ground.counts() == before
        return
    patients = ground.clinic.rows(
        "SELECT became_id FROM imported WHERE source = :source AND became = 'record'", source=source
    )
    assert len(patients) == len(report.records) == report.read["Patient"]
