"""A clinic behind the interface; every test ends with the checker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.desk.desk import Desk
from tests.integration.api.client import Http
from tests.integration.handover.clinic import Clinic
from tests.integration.handover.conftest import _rules_hold, clinic, database
from tests.integration.people.conftest import elsewhere

__all__ = ["_rules_hold", "clinic", "database", "elsewhere"]


@pytest.fixture
def http(clinic: Clinic, tmp_path: Path) -> Http:
    """The interface on the clinic's database."""
    return Http(clinic.database, tmp_path / "data")


@pytest.fixture
def desk(http: Http) -> Iterator[Desk]:
    """The desk behind it."""
    return http.desk  # type: ignore[return-value]
