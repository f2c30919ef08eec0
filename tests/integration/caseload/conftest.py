"""A clinic with its desk, and another organization beyond the wall; every test ends with the checker."""

import pytest

from tests.integration.caseload.running import Caseload
from tests.integration.handover.clinic import Clinic
from tests.integration.handover.conftest import _rules_hold, clinic, database
from tests.integration.people.conftest import desk, elsewhere

__all__ = ["_rules_hold", "caseload", "clinic", "database", "desk", "elsewhere"]


@pytest.fixture
def caseload(clinic: Clinic) -> Caseload:
    """The owner's caseload, not launched yet."""
    return Caseload(clinic)
