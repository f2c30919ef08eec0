"""The table of permissions: every cell asked on a real database, and no command left out (ROLE-4, VIS-11)."""

import inspect
import os
import zlib

import pytest

from engine.catalogue import errors
from engine.desk.desk import Desk
from engine.service import Service
from tests.docs.commands import commands
from tests.permissions import table
from tests.permissions.asking import Asking
from tests.permissions.cast import IMPOSSIBLE, KINDS, STATES
from tests.permissions.doors import DOORS, NO_COMMAND, NOT_IN_TABLE
from tests.permissions.table import COLUMNS, NEVER, NOT_FOUND, YES, Cell

#: The whole product takes a quarter of an hour.
EVERY = os.environ.get("PASSATION_EVERY_CELL") == "1"
STAGES = [(state, kind) for kind in KINDS for state in STATES if (state, kind) not in IMPOSSIBLE]


class TestAnswers:
    """What somebody is told, what of a thing that does not exist, and what the log says of both."""

    def test_of_every_row_one_cell_of_each_command_in_each_column(self, asking: Asking) -> None:
        assert asking.wrong(asking.one_of_each()) == []

    @pytest.mark.slow
    @pytest.mark.parametrize(("state", "kind"), STAGES)
    def test_of_every_cell(
        self, asking: Asking, state: str, kind: str, request: pytest.FixtureRequest
    ) -> None:
        """Of one cell in eight, always the same, fewer on PostgreSQL; PASSATION_EVERY_CELL=1: of all."""
        among = 1 if EVERY else 64 if "postgresql" in request.node.name else 8
        questions = (each for each in asking.cells() if (each.cell.state, each.cell.kind) == (state, kind))

        assert asking.wrong(each for each in questions if _is_one_of(each.cell, among)) == []


class TestTable:
    def test_can_be_reviewed(self) -> None:
        assert sum(len(group.rows) for group in table.groups()) <= table.MOST_ROWS

    def test_every_cell_is_answered_and_every_answer_is_given(self, asking: Asking) -> None:
        """No question without an answer, and no answer that nobody can get."""
        cells = [question.cell for question in asking.cells()]
        used = {(str(table.row_of(cell)), cell.column) for cell in cells}
        written = {
            (str(row), column)
            for group in table.groups()
            for row in group.rows
            for column, answer in zip(COLUMNS, row.answers, strict=True)
            if answer != NEVER
        }

        assert [str(cell) for cell in cells if _answer(cell) == NEVER] == []
        assert sorted(written - used) == []

    def test_every_rule_is_one_that_somebody_can_be_told(self, asking: Asking) -> None:
        """Or, of a part that is not shown, one of the rules of who sees what."""
        answers = {_answer(question.cell) for question in asking.cells()} - {YES, NOT_FOUND}

        assert sorted(answers - errors("en").keys() - {"VIS-2", "VIS-12"}) == []

    def test_every_command_is_there_or_is_not_about_a_record(self) -> None:
        named = {name.partition(" ·")[0] for name in DOORS}

        assert sorted({command.path for command in commands()} - named - NOT_IN_TABLE.keys()) == []
        assert sorted((named | NOT_IN_TABLE.keys()) - {command.path for command in commands()}) == []
        assert {name for group in table.groups() for name in group.commands} == DOORS.keys()

    def test_every_method_of_the_desk_and_the_service_is_asked(self) -> None:
        public = {
            name
            for facade in (Desk, Service)
            for name, _ in inspect.getmembers(facade, inspect.isfunction)
            if not name.startswith("_")
        }
        covered = {name for door in DOORS.values() for name in door.covers}

        assert covered & NO_COMMAND.keys() == set()
        assert covered | NO_COMMAND.keys() == public


def _is_one_of(cell: Cell, among: int) -> bool:
    return zlib.crc32(str(cell).encode()) % among == 0


def _answer(cell: Cell) -> str:
    row = table.row_of(cell)
    return NEVER if row is None else row.answer(cell)
