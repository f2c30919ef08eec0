"""What a person reads at the terminal of what they may not know: byte for byte what of nothing (VIS-11)."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import ADMIN, COORDINATOR, FOREIGN, LEA, MAX, Cli
from tests.acceptance.conftest import cli, clinic_template

__all__ = ["cli", "clinic_template"]

SECRET, UNKNOWN = "D-70707", "D-80808"
#: Commands that name a record, and what they would be typed with.
RECORD_COMMANDS = (
    ("record", "show"), ("record", "export", "--to", "OUT"), ("record", "archive"), ("record", "reactivate"),
    ("record", "share", MAX, "--level", "read"), ("record", "unshare", MAX),
    ("record", "open-emergency", "--reason", "urgence"),
    ("client", "restrictions"), ("client", "restrict", "--title", "Psychologue", "--basis-text", "non"),
    ("note", "add", "--text", "bonjour"), ("task", "add", "--text", "appeler"),
    ("memo", "add", "--text", "penser"),
    ("transfer", "preview", "--to", MAX), ("transfer", "request", "--to", MAX, "--purpose", "continuity"),
)  # fmt: skip
#: Commands that name a colleague.
MEMBER_COMMANDS = (
    ("member", "title", "--title", "T"), ("member", "deactivate", "--yes"), ("member", "activate"),
    ("member", "grant-coordinator", "--yes"), ("member", "revoke-coordinator", "--yes"),
)  # fmt: skip
#: A colleague, who administers, who coordinates, and somebody of another organization.
STRANGERS = (MAX, ADMIN, COORDINATOR, FOREIGN)


@pytest.fixture
def secret(cli: Cli) -> str:
    """The id of a confidential record of Léa's."""
    made = cli.done(
        "record", "add", "--as", LEA, "--number", SECRET, "--title", "Deuil", "--confidential",
        "--client", "Dominique Tremblay",
    )  # fmt: skip
    return str(made["id"])


def typed(command: tuple[str, ...], name: str, out: Path) -> list[str]:
    """Put the name of a thing where a command wants it."""
    words = [str(out) if word == "OUT" else word for word in command]
    return [*words[:2], name, *words[2:]]


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("form", [("--lang", "fr"), ("--lang", "en", "--json")], ids=["fr", "json"])
def test_a_confidential_record_by_number_and_by_id(
    cli: Cli, secret: str, tmp_path: Path, who: str, form: tuple[str, ...]
) -> None:
    for command in RECORD_COMMANDS:
        for known, unknown in ((SECRET, UNKNOWN), (secret, str(uuid4()))):
            answers = {
                cli(*typed(command, name, tmp_path / "out"), "--as", who, *form) for name in (known, unknown)
            }

            assert len(answers) == 1, command
            (answer,) = answers
            assert (answer.code, "VIS-11/record" in answer.err) == (1, True), (command, answer)
            assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", [("--lang", "fr"), ("--lang", "en", "--json")], ids=["fr", "json"])
def test_anything_of_another_organization(cli: Cli, tmp_path: Path, form: tuple[str, ...]) -> None:
    """VIS-8: an institutional record, a member, whatever the command."""
    for command in RECORD_COMMANDS:
        answers = [
            cli(*typed(command, name, tmp_path / "out"), "--as", FOREIGN, *form)
            for name in ("D-00001", UNKNOWN)
        ]

        assert answers[0] == answers[1], command
    for command in (
        ("member", "title", "--title", "T"),
        ("member", "deactivate", "--yes"),
        ("member", "activate"),
    ):
        answers = [
            cli(*typed(command, name, tmp_path), "--as", "admin@sud.example", *form)
            for name in (LEA, "nulle@part.example")
        ]

        assert answers[0] == answers[1], command
        assert "VIS-11/colleague" in answers[0].err


def test_a_search_that_nearly_finds(cli: Cli, secret: str) -> None:
    """VIS-2: neither by title nor by number, for the coordinator."""
    answers = {
        cli("record", "find", words, "--owner", LEA, "--as", COORDINATOR, "--lang", "fr")
        for words in ("Deuil", SECRET, "707", UNKNOWN, "rien de tel")
    }

    assert len(answers) == 1
