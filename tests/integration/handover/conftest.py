"""The clinic of each test; every test ends with the independent checker finding nothing."""

from collections.abc import Iterator

import pytest

from engine.records.database import Database
from tests.checker.checking import check
from tests.integration.handover.clinic import Clinic, hurried
from tests.postgresql.places import Place


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """An empty database of this version that does not wait for the disk: no power fails here."""
    opened = hurried(place)
    yield opened
    opened.close()


@pytest.fixture
def clinic(database: Database) -> Clinic:
    """One organization on an empty database."""
    return Clinic(database)


@pytest.fixture(autouse=True)
def _rules_hold(place: Place) -> Iterator[None]:
    yield
    assert check(place.file()) == []
