"""A clinic with its desk, and another organization beyond the wall; every test ends with the checker."""

from pathlib import Path

import pytest

from engine.desk.desk import Desk
from engine.records.database import Database
from tests.integration.handover.clinic import Clinic
from tests.integration.handover.conftest import _rules_hold, clinic, database

__all__ = ["_rules_hold", "clinic", "database"]


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    """The desk on the clinic's database."""
    return Desk(clinic.database, os_uid=1000)


@pytest.fixture
def elsewhere(database: Database, database_file: Path) -> Clinic:
    """Another organization in the same database (VIS-8)."""
    assert database_file.exists()
    return Clinic(database)
