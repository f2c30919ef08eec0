"""A clinic whose notices are sent to a real mail server on this machine; every test ends with the checker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from engine.desk.desk import Desk
from tests.integration.handover.clinic import Clinic
from tests.integration.handover.conftest import _rules_hold, clinic, database
from tests.integration.notices.server import MailServerOfTests

__all__ = ["_rules_hold", "clinic", "database"]


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    """The desk on the clinic's database."""
    return Desk(clinic.database, os_uid=1000)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="session")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its certificate, for who trusts it."""
    file = tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def server() -> Iterator[MailServerOfTests]:
    """A mail server in the clear, which takes everything until it is told otherwise."""
    with MailServerOfTests() as started:
        yield started
