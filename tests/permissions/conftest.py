"""Every stage of the table on one database, prepared once; for other attacks a clinic of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.desk.desk import Desk
from tests.checker.checking import check
from tests.conftest import BOTH
from tests.integration.handover.clinic import Clinic, hurried
from tests.permissions.asking import Asking
from tests.permissions.nearby import Nearby
from tests.postgresql import places
from tests.postgresql.places import Place


@pytest.fixture(scope="session", params=BOTH)
def asking(
    request: pytest.FixtureRequest, database_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asking]:
    """Every stage of the table on one database, prepared once: whatever is asked is taken back."""
    folder = tmp_path_factory.mktemp("permissions")
    if request.param == "sqlite":
        place = places.on_sqlite(database_template, folder)
    else:
        place = places.on_postgresql(request.getfixturevalue("postgresql"), folder)
    prepared = Asking(place, folder)
    assert check(place.file()) == []
    yield prepared
    prepared.close()


@pytest.fixture
def clinic(place: Place) -> Iterator[Clinic]:
    """One organization on a database of its own; what an attack leaves obeys the rules."""
    database = hurried(place)
    yield Clinic(database)
    database.close()
    assert check(place.file()) == []


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    """The desk of that clinic."""
    return Desk(clinic.database)


@pytest.fixture
def service(clinic: Clinic, desk: Desk) -> Nearby:
    """The service of that clinic."""
    return Nearby(desk, clinic.database)
