"""The picture: the committed page is the generated one, and French lacks no word."""

from pathlib import Path

import pytest

from engine.states.bulk import BULK_TABLE
from engine.states.mermaid import bulk_diagram, diagram, main, page
from engine.states.transfer import TABLE, TransferState

DOCS = Path(__file__).parents[3] / "docs" / "states.md"


def test_committed_page_is_the_generated_one() -> None:
    """A change of the table changes docs/states.md: `python -m engine.states.mermaid docs/states.md`."""
    assert DOCS.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_edge_is_one_arrow(lang: str) -> None:
    """Both languages draw every row of the table, one start, and an end for each final state."""
    lines = diagram("fr" if lang == "fr" else "en").splitlines()
    arrows = [line.strip().split(" : ")[0] for line in lines if "-->" in line]
    ends = [f"{state} --> [*]" for state in TransferState if state.is_final]

    assert ["[*] --> requested", *(f"{edge.source} --> {edge.target}" for edge in TABLE), *ends] == arrows


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_edge_of_a_bulk_is_one_arrow(lang: str) -> None:
    lines = bulk_diagram("fr" if lang == "fr" else "en").splitlines()
    arrows = [line.strip().split(" : ")[0] for line in lines if "-->" in line]

    edges = [f"{edge.source} --> {edge.target}" for edge in BULK_TABLE]
    assert ["[*] --> running", *edges, "stopped --> [*]", "finished --> [*]"] == arrows


def test_labels_say_trigger_guard_and_who() -> None:
    """A label is the trigger, its guards in brackets, and who fires it, in the reader's language."""
    english, french = diagram(), diagram("fr")

    assert " : impose [policy allows, rules pass] by coordinator\n" in english
    assert " : override by coordinator\n" in english
    assert " : imposer [la politique le permet, les règles le permettent] par coordonnateur·trice\n" in french
    assert '    state "demandé" as requested\n' in french


def test_command_writes_the_file_or_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes the page where it is told, and prints it otherwise."""
    main([str(tmp_path / "states.md")])
    main([])

    assert page() == (tmp_path / "states.md").read_text(encoding="utf-8") == capsys.readouterr().out
