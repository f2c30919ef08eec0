"""The clinic of the hand-overs with a folder of keys; every test ends with the independent checker."""

from pathlib import Path

import pytest

from engine.activities.steps import Steps
from engine.audit.keys import Signer
from engine.desk.desk import Desk
from tests.integration.handover.clinic import Clinic
from tests.integration.handover.conftest import _rules_hold, clinic, database

__all__ = ["_rules_hold", "clinic", "database"]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A folder of keys that does not exist yet."""
    return Signer(tmp_path / "keys", may_create=True)


@pytest.fixture
def signing(clinic: Clinic, signer: Signer) -> Clinic:
    """The clinic whose steps sign."""
    clinic.steps = Steps(clinic.database, signer)
    return clinic


@pytest.fixture
def desk(clinic: Clinic, signer: Signer) -> Desk:
    """The desk on the clinic's database and keys."""
    return Desk(clinic.database, os_uid=1000, signer=signer)
