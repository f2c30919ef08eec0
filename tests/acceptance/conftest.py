"""A small clinic, made by the commands themselves; each test has a copy of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import ADMIN, BOTH, COORDINATOR, FOREIGN, INACTIVE, LEA, MAX, Cli
from tests.checker.checking import check

RECORD = "D-00001"
ADDED = (
    (ADMIN, LEA, "Léa", "Roy", "Psychologue", "practitioner"),
    (ADMIN, MAX, "Max", "Côté", "Travailleur social", "practitioner"),
    (ADMIN, COORDINATOR, "Coralie", "Dubois", "", "coordinator"),
    (ADMIN, INACTIVE, "Ina", "Gagnon", "Psychologue", "practitioner"),
    (ADMIN, BOTH, "Bo", "Lavoie", "Psychologue", "practitioner"),
    ("admin@sud.example", FOREIGN, "Zoé", "Fortin", "Psychologue", "practitioner"),
    ("admin@sud.example", BOTH, "Bo", "Lavoie", "Psychologue", "practitioner"),
)


@pytest.fixture(scope="session")
def clinic_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make two organizations with their members, once."""
    cli = Cli(tmp_path_factory.mktemp("clinic") / "data")
    for side in ("nord", "sud"):
        cli.done(
            "org", "create", f"Clinique du {side.capitalize()}", "--administrator", f"admin@{side}.example",
            "--language", "fr",
        )  # fmt: skip
    for administrator, email, first, last, title, role in ADDED:
        cli.done(
            "member", "add", email, "--as", administrator, "--first-name", first, "--last-name", last,
            "--title", title, "--role", role, "--yes",
        )  # fmt: skip
    _add_record(cli)
    cli.done("member", "deactivate", INACTIVE, "--as", ADMIN, "--yes")
    return cli.data


@pytest.fixture
def cli(clinic_template: Path, tmp_path: Path) -> Iterator[Cli]:
    """The command on a clinic of the test's own; what the test leaves obeys the rules."""
    copy = Cli(Path(shutil.copytree(clinic_template, tmp_path / "data")))
    yield copy
    assert check(copy.database) == []


@pytest.fixture
def record() -> str:
    """The number of a record of Léa's: a signed note, a confidential draft, raw data, an appointment."""
    return RECORD


def _add_record(cli: Cli) -> None:
    cli.done(
        "record", "add", "--as", LEA, "--number", RECORD, "--title", "Anxiété",
        "--client", "Dominique Tremblay", "--client-email", "dominique@courriel.example",
    )  # fmt: skip
    cli.done("note", "add", RECORD, "--as", LEA, "--text", "Première rencontre.", "--signed")
    cli.done("note", "add", RECORD, "--as", LEA, "--text", "À revoir.", "--confidential")
    file = cli.data.parent / "test.csv"
    file.write_text("1;2;3\n")
    cli.done("document", "add", RECORD, str(file), "--as", LEA, "--raw-data")
    cli.done("appointment", "add", RECORD, "--as", LEA, "--starts", "2099-01-05T10:00", "--minutes", "50")
