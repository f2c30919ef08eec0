"""A clinic with its desk, and another organization beyond the wall; every test ends with the checker."""

import pytest

from engine.desk.desk import Desk
from tests.integration.handover.clinic import Clinic
from tests.integration.handover.conftest import _rules_hold, clinic, database

__all__ = ["_rules_hold", "clinic", "database"]


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    """The desk on the clinic's database."""
    return Desk(clinic.database, os_uid=1000)


@pytest.fixture
def elsewhere(clinic: Clinic) -> Clinic:
    """Another organization in the same database (VIS-8)."""
    return Clinic(clinic.database)
