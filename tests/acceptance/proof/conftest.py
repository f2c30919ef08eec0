"""A clinic on a data folder, whose hand-overs are signed without a Temporal server; a receipt in a file."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from engine.activities.steps import Steps
from engine.audit.keys import Signer
from engine.records.database import Database
from tests.acceptance.command import Answer, Cli, inside
from tests.checker.checking import check
from tests.integration.handover.clinic import Clinic


@pytest.fixture
def cli(database_template: Path, tmp_path: Path) -> Cli:
    (tmp_path / "data").mkdir(mode=0o700)
    shutil.copy(database_template, tmp_path / "data" / "passation.db")
    return Cli(tmp_path / "data")


@pytest.fixture
def clinic(cli: Cli) -> Iterator[Clinic]:
    with closing(Database(cli.database)) as database:
        found = Clinic(database)
        found.steps = Steps(database, Signer(cli.data / "keys", may_create=True))
        yield found
    assert check(cli.database) == []


def email(clinic: Clinic, member: UUID) -> str:
    ((found,),) = clinic.rows("SELECT email FROM members WHERE id = :id", id=member)
    return str(found)


class Given:
    """A receipt and the keys, in files, and the command that verifies the one by the other."""

    def __init__(self, cli: Cli, clinic: Clinic, folder: Path) -> None:
        self.transfer = clinic.hand_over()
        self.owner = email(clinic, clinic.world.owner)
        self.file, self.key = folder / "receipt.json", folder / "keys.pem"
        cli.done("transfer", "receipt", str(self.transfer), "--as", self.owner, "--to", str(self.file))
        cli.done("org", "key", "--as", self.owner, "--to", str(self.key))

    def verify(self, *more: str) -> Answer:
        return inside("receipt", "verify", str(self.file), "--key", str(self.key), "--json", *more)


@pytest.fixture
def given(cli: Cli, clinic: Clinic, tmp_path: Path) -> Given:
    return Given(cli, clinic, tmp_path)
