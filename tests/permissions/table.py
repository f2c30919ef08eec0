"""
Reads the table of permissions, which is written by hand from the rules, and prints it as a page.

``python -m tests.permissions.table docs/permissions.md`` (``make docs``) writes the page.
"""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from engine.states.choices import Role
from tests.docs.markdown import table as markdown
from tests.permissions.cast import KINDS, RELATIONS, STATES

FILE: Final = Path(__file__).with_name("table.toml")
#: The most rows that somebody can be asked to review.
MOST_ROWS: Final = 165

P, COORDINATOR, ADMINISTRATOR = Role.PRACTITIONER, Role.COORDINATOR, Role.ADMINISTRATOR
#: The columns, and who stands in each: their roles, active, of this organization.
COLUMNS: Final = {
    "practitioner": frozenset({P}),
    "coordinator": frozenset({COORDINATOR}),
    "administrator": frozenset({ADMINISTRATOR}),
    "coordinator, practitioner": frozenset({COORDINATOR, P}),
    "administrator, coordinator": frozenset({ADMINISTRATOR, COORDINATOR}),
    "inactive": frozenset({P, COORDINATOR, ADMINISTRATOR}),
    "elsewhere": frozenset({P, COORDINATOR, ADMINISTRATOR}),
}
#: The last one: a row says nothing in a column, and the rows below it do.
YES, NOT_FOUND, NEVER = "yes", "not found", "-"


@dataclass(frozen=True, slots=True)
class Cell:
    """One question: who, standing where, in which column."""

    command: str
    relation: str
    state: str
    kind: str
    column: str

    def __str__(self) -> str:
        return f"{self.command} | {self.relation} | {self.kind}, {self.state} | {self.column}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: an answer for each column, wherever no line above it fits."""

    written: tuple[str, ...]
    answers: tuple[str, ...]
    commands: frozenset[str]
    relations: frozenset[str]
    kinds: frozenset[str]
    states: frozenset[str]

    def __str__(self) -> str:
        return " | ".join(self.written)

    def fits(self, cell: Cell) -> bool:
        """Say whether the line speaks of a cell; one that has no answer there leaves it to those below."""
        return (
            self.answers[list(COLUMNS).index(cell.column)] != NEVER
            and cell.command in self.commands
            and cell.relation in self.relations
            and cell.kind in self.kinds
            and cell.state in self.states
        )

    def answer(self, cell: Cell) -> str:
        """Give a cell's answer; dots stand for the command's last word, a star for the state."""
        answer = self.answers[list(COLUMNS).index(cell.column)]
        ended = "accepted" if cell.state == "quarantined" else cell.state
        return answer.replace("…", cell.command.partition(" ·")[0].rpartition(" ")[2]).replace("*", ended)


@dataclass(frozen=True, slots=True)
class Group:
    """Commands that are answered alike, why, and their lines, read from the top."""

    title: str
    why: str
    commands: tuple[str, ...]
    words: dict[str, list[str]]
    rows: tuple[Row, ...]


def possible(relation: str, column: str) -> bool:
    """
    Say whether somebody in this relation can stand in this column.

    Whoever is something to a record was a practitioner or the coordinator who asked, and may have lost that
    role since (ROLE-5).
    """
    return column != "elsewhere" or relation == "nobody"


@cache
def groups() -> tuple[Group, ...]:
    """Read the table."""
    return tuple(_groups())


def _groups() -> Iterator[Group]:
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    for group in content["group"]:
        commands, words = tuple(group["commands"]), group.get("words", {})
        known = (commands, RELATIONS, KINDS, STATES)
        names: list[dict[str, str]] = [
            {word: ", ".join(stands_for) for word, stands_for in words.items()},
            content["relations"] | group.get("relations", {}),
            {},
            content["states"],
        ]
        rows = tuple(_row(line, known, names) for line in group["rows"].strip().splitlines())
        yield Group(group["title"], " ".join(group["why"].split()), commands, words, rows)


def _row(line: str, known: Sequence[Sequence[str]], names: Sequence[dict[str, str]]) -> Row:
    cells = tuple(cell.strip() for cell in line.split("|"))
    written, answers = cells[:4], cells[4:]
    assert len(answers) == len(COLUMNS), line
    return Row(written, answers, *(_expanded(*each) for each in zip(written, known, names, strict=True)))


def _expanded(written: str, known: Sequence[str], names: dict[str, str]) -> frozenset[str]:
    found: set[str] = set()
    for word in (part.strip() for part in written.split(",")):
        if word in {"any", "all"}:
            found |= set(known)
        elif word in names:
            found |= _expanded(names[word], known, names)
        else:
            assert word in known, f"{word!r} is none of {known}"
            found.add(word)
    return frozenset(found)


def row_of(cell: Cell) -> Row | None:
    """Give the first line that speaks of a cell."""
    rows = (row for group in groups() if cell.command in group.commands for row in group.rows)
    return next((row for row in rows if row.fits(cell)), None)


def page() -> str:
    """Write the page."""
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    head = ["command", "who", "record", "state", *COLUMNS]
    parts = [_INTRODUCTION.strip() + "\n", "## Words\n"]
    words = [[f"*{word}*", meaning] for word, meaning in content["words"].items()]
    parts.append(markdown(["word", "stands for"], words))
    for group in groups():
        parts += [f"## {group.title}\n", f"{_sentences(group.why)}\n"]
        names = [["*all*", _named(group.commands)]]
        names += [[f"*{word}*", _named(stands_for)] for word, stands_for in group.words.items()]
        parts.append(markdown(["commands", "are"], names))
        lines = [
            [_named([row.written[0]]), *row.written[1:], *map(_shown, row.answers)] for row in group.rows
        ]
        parts.append(markdown(head, lines))
    return "\n".join(parts)


def _line(row: Row) -> list[str]:
    command, *where = row.written
    return [_named([command]), *where, *map(_shown, row.answers)]


def _sentences(text: str) -> str:
    """Give each sentence a line of its own."""
    return text.replace(". ", ".\n")


def _named(commands: Sequence[str]) -> str:
    words = {word for group in groups() for word in group.words} | {"all"}
    names = [name.strip() for written in commands for name in written.split(",")]
    return ", ".join(f"*{name}*" if name in words else f"`{name}`" for name in names)


def _shown(answer: str) -> str:
    if answer in {YES, NOT_FOUND, NEVER}:
        return {YES: "**yes**", NOT_FOUND: "not found", NEVER: ""}[answer]
    return f"`{answer}`"


_INTRODUCTION: Final = """
# Permissions

<!-- Written by `python -m tests.permissions.table docs/permissions.md`; a test compares. -->

Who may do what, to which record, in which state:
written by hand from the [rules](rules.md), in `tests/permissions/table.toml`, and never from the code.
Tests ask on a real database (one cell of each row, command and column in every run,
one cell in eight of all in `make test-slow`, every cell with `PASSATION_EVERY_CELL=1`):
what the product answers, what it answers of a thing that does not exist, and what the log says of both.

How to read it:

- Look for the command, then read the rows of its part **from the top**:
  the first that fits is the answer, and the rows below it speak of what is left.
- *Who* is what somebody is to the record and to its latest transfer;
  *record* and *state* are what the record is.
- The columns are the roles that the same person holds, an empty cell leaves the answer to the rows below.
  Whoever had, has or shares a record was a practitioner; in the other columns they have lost that role since.
  Somebody *inactive* or from *elsewhere* has every role in this table, and none of them helps.
- **yes**: it is done, or shown.
- *not found*: word for word what is told of a thing that does not exist ([VIS-11](rules.md#vis-11)).
- An id: the rule that denies, as [errors.md](errors.md) words it.
  Behind the slash stands which of its sentences; in `ST-T/…/from_*` the dots are the command's last word,
  the star is the state in which the transfer ended.
- A name with ` · ` is one part of what a command shows, or one use of it.
"""

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8", newline="\n")
