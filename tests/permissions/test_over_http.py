"""The table of permissions again, through the door over HTTP (ROLE-4, VIS-11)."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.permissions.asking import Asking, Question
from tests.permissions.doors import DOORS
from tests.permissions.over_http import COMMANDS, HttpDoors


def questions(asking: Asking, among: int) -> Iterator[Question]:
    """Give one question in so many; whoever is inactive gets no further than the door (test_speaking)."""
    for question in asking.one_of_each():
        cell = question.cell
        chosen = zlib.crc32(str(cell).encode()) % among == 0
        if chosen and cell.command in COMMANDS and cell.column != "inactive":
            yield question


def test_commands_are_those_of_the_table() -> None:
    assert COMMANDS - DOORS.keys() == set()


def test_a_sample_of_the_table(asking: Asking, tmp_path: Path) -> None:
    with asking.through(HttpDoors, tmp_path):
        assert asking.wrong(questions(asking, 12)) == []


@pytest.mark.slow
def test_of_every_row_one_cell_of_each_command_in_each_column(asking: Asking, tmp_path: Path) -> None:
    with asking.through(HttpDoors, tmp_path):
        assert asking.wrong(questions(asking, 1)) == []
