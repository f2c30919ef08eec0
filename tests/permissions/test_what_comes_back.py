"""Words planted in every field: whatever somebody tries, with every id in their hands, none comes back."""

import re
from typing import Final

import pytest

from tests.permissions.asking import Asking, Question
from tests.permissions.cast import KINDS, STATES

_WORD: Final = re.compile(r"zq([a-z]+)(\d+)x")
OPEN: Final = ("pending (owner)", "pending (coordinator)", "override")
#: Who tries, in which column, and which words of any record they may come across, by kind of record. Nothing
#: of what is not named here is for them, in no command, no list, no error and no file.
READERS: Final = {
    # Nobody to the record.
    ("nobody", "practitioner"): {"institutional": "", "confidential": ""},
    ("nobody", "elsewhere"): {"institutional": "", "confidential": ""},
    ("nobody", "inactive"): {"institutional": "", "confidential": ""},
    # VIS-1, VIS-2: to find a record, and to decide.
    ("nobody", "coordinator"): {"institutional": "title number reason", "confidential": "reason"},
    # MOVE-6, MOVE-11: of what they look after, the number.
    ("nobody", "administrator"): {"institutional": "number", "confidential": "number"},
    # VIS-3; a collaborator who is asked no more than anybody else (VIS-9).
    ("asked", "practitioner"): {"institutional": "number", "confidential": "number"},
    ("asked collaborator", "practitioner"): {"institutional": "number", "confidential": "number"},
    # VIS-12: that they were asked, and when.
    ("former", "practitioner"): {"institutional": "", "confidential": ""},
    ("named", "practitioner"): {"institutional": "", "confidential": ""},
    # VIS-7: who had it once knows its number from their own transfers.
    ("without copy", "practitioner"): {"institutional": "number", "confidential": "number"},
}
#: For every run; the others are slow.
_QUICK: Final = ("pending (owner)", "override")


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        pytest.param(state, kind, marks=[] if state in _QUICK else [pytest.mark.slow])
        for state in STATES
        for kind in KINDS
    ],
)
def test_nothing_that_is_not_for_them(asking: Asking, state: str, kind: str) -> None:
    kinds = {stage.serial: stage.kind for stage in asking.cast.stages}
    found = set()
    for question in asking.cells():
        allowed = _allowed(question, state, kind)
        if allowed is not None:
            for what, serial in _WORD.findall(asking.heard(question)):
                if what not in allowed[kinds[int(serial)]].split():
                    found.add(f"{question.cell}: {what}, of a record that is {kinds[int(serial)]}")

    assert sorted(found) == []


def _allowed(question: Question, state: str, kind: str) -> dict[str, str] | None:
    cell = question.cell
    if (cell.state, cell.kind) != (state, kind):
        return None
    if cell.relation == "without copy" and cell.state == "quarantined":
        return None  # a party: reads what was said to them
    if cell.command == "transfer accept" and cell.relation.startswith("asked"):
        return None  # reads everything from then on
    return READERS.get((cell.relation, cell.column))


def test_the_words_are_there_for_who_may_read_them(asking: Asking) -> None:
    """Otherwise the test above would find nothing anywhere."""
    heard = {
        what
        for question in asking.cells()
        if (question.cell.relation, question.cell.column, question.cell.state)
        in {("owner", "practitioner", "override"), ("writer", "practitioner", "free")}
        for what, _ in _WORD.findall(asking.heard(question))
    }

    assert heard >= {
        "title", "number", "client", "draft", "note", "left", "file", "document", "confidential", "raw",
        "profile", "invoice", "task", "memo", "own", "message", "basis", "reason",
    }  # fmt: skip
