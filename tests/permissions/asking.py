"""Asks the desk and the service what the table says, cell by cell, and takes everything back."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import delete, insert, update

from engine.catalogue import LANGUAGES, sentence
from engine.cli.output import plain
from engine.errors import EngineError, NotFound
from engine.records.tables.people import Member, MemberRole
from engine.states.choices import Role
from tests.permissions import table
from tests.permissions.cast import Cast, Stage, Target
from tests.permissions.doors import DOORS, Absent, Door, Doors, Hidden, Run
from tests.permissions.table import COLUMNS, NEVER, NOT_FOUND, YES, Cell
from tests.permissions.undoing import UndoingDatabase
from tests.postgresql.places import Place

_HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command: ``yes``, ``not found`` or a rule, and what somebody was told."""

    said: str
    #: The error's key, and its sentences in every language; nothing where there was no error.
    key: str | None = None
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a command left in the log."""

    outcome: str
    rule: str | None
    role: str


class Question(NamedTuple):
    """One cell, who acts, and what they name."""

    cell: Cell
    actor: UUID
    target: Target


Shown: TypeAlias = tuple[object, list[Line]]
#: What is shown whole, and looked at part by part.
_INSIDE: Final = frozenset({"VIS-11/note", "VIS-11/document", "VIS-11/restriction"})
_WHOLES: Final = {door.run for name, door in DOORS.items() if "·" in name and door.part}


class Asking:
    """One prepared database, and every question that the table answers."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.database = UndoingDatabase(place.where)
        self.cast = Cast(self.database)
        #: What was shown to the one who acts, by command and record.
        self._shown: dict[tuple[Run, UUID], Shown] = {}
        #: What is told of things that do not exist, by command and column.
        self._told: dict[tuple[str, str], Answer] = {}
        self._runner = asyncio.Runner()
        self._doors = Doors(self.database, self.cast, folder, self._runner)

    @contextmanager
    def through(self, doors: type[Doors], folder: Path) -> Iterator[None]:
        """Ask through another door for a while."""
        before, self._doors = self._doors, doors(self.database, self.cast, folder, self._runner)
        self._told.clear()
        try:
            yield
        finally:
            self._doors = before
            self._told.clear()

    def close(self) -> None:
        """Give everything back."""
        self._runner.close()
        self.database.close()

    def cells(self) -> Iterator[Question]:
        """Give every cell of the table, with who acts and what they name."""
        for stage in self.cast.stages:
            for relation, person in stage.people.items():
                for column in COLUMNS:
                    actor = self.cast.outsider if column == "elsewhere" else person
                    for command, door in DOORS.items():
                        if is_asked(door, stage, relation, column):
                            cell = Cell(command, relation, stage.state, stage.kind, column)
                            yield Question(cell, actor, stage.target)

    def one_of_each(self) -> Iterator[Question]:
        """Give for every row one cell of each command in each column: every answer that is written, once."""
        seen = set()
        for question in self.cells():
            cell = question.cell
            key = str(table.row_of(cell)), cell.command, cell.column
            if key not in seen:
                seen.add(key)
                yield question

    def wrong(self, questions: Iterable[Question]) -> list[str]:
        """Ask questions, and say which are not answered as it is written."""
        wrong = []
        for (_, _, _, actor, column), group in groupby(questions, key=_who):
            with self.database.undoing():
                self._become(actor, column)
                self._shown.clear()
                for question in group:
                    wrong += self._wrong(question.cell, actor, question.target)
        return wrong

    def heard(self, question: Question) -> str:
        """Give everything that comes back from a command: what is shown, told and written to files."""
        self._doors.written()
        with self.database.undoing():
            self._become(question.actor, question.cell.column)
            door = DOORS[question.cell.command]
            result, _ = self._run(door, question.actor, question.target)
        files = [path.read_bytes().decode(errors="replace") for path in self._doors.written()]
        return "\n".join([_told(result), *files])

    def _wrong(self, cell: Cell, actor: UUID, target: Target) -> list[str]:
        door, row = DOORS[cell.command], table.row_of(cell)
        expected = NEVER if row is None else row.answer(cell)
        given, lines = self._ask(door, actor, target)
        wrong = []
        if given.said != expected and not (given.said == _HIDDEN and expected not in {YES, NOT_FOUND, NEVER}):
            wrong.append(f"{given.key or given.said}, and the table says {expected}")
        denied = [line.rule for line in lines if line.outcome == "denied"]
        if denied != ([] if given.key is None else [given.key]):
            wrong.append(f"{given.key or given.said}, and the log says {denied} (AUD-1)")
        if any(Role(line.role) not in COLUMNS[cell.column] for line in lines):
            wrong.append(f"logged in the role {[line.role for line in lines]}, which is not theirs (AUD-1)")
        if given.key is not None and given.said == NOT_FOUND:
            unknown = self._unknown(cell, actor, target, given.key)
            if unknown != given:
                wrong.append(f"{given.sentences}, and of what does not exist {unknown.sentences} (VIS-11)")
        return [f"{cell}: {what}" for what in wrong]

    def _unknown(self, cell: Cell, actor: UUID, target: Target, key: str) -> Answer:
        """Say what is told of a thing that does not exist: to whom the record is known, of a thing in it."""
        if key in _INSIDE:
            return self._ask(DOORS[cell.command], actor, target.with_nothing_in_it())[0]
        asked = cell.command, cell.column
        if asked not in self._told:
            self._told[asked], _ = self._ask(DOORS[cell.command], actor, target.elsewhere())
        return self._told[asked]

    def _ask(self, door: Door, actor: UUID, target: Target) -> tuple[Answer, list[Line]]:
        """Give the command; what was shown is looked at again for each of its parts."""
        shown = self._shown.get((door.run, target.record))
        if shown is None:
            with self.database.undoing():
                shown = self._run(door, actor, target)
        if door.run in _WHOLES:
            self._shown[door.run, target.record] = shown
        result, lines = shown
        return _answer(door, result, target), lines

    def _run(self, door: Door, actor: UUID, target: Target) -> Shown:
        before = self._head(actor)
        try:
            result = door.run(self._doors, actor, target)
        except EngineError as error:
            result = error
        return result, self._lines(actor, before)

    def _become(self, actor: UUID, column: str) -> None:
        """Give a member the roles of a column."""
        if column == "elsewhere":
            return
        with self.database.write() as session:
            session.execute(delete(MemberRole).where(MemberRole.member_id == actor))
            roles = [{"member_id": actor, "role": role} for role in COLUMNS[column]]
            session.execute(insert(MemberRole), roles)
            if column == "inactive":
                session.execute(update(Member).where(Member.id == actor).values(active=False))

    def _head(self, actor: UUID) -> int:
        """Give the number of lines of the actor's organization."""
        ((seq,),) = self.database.rows(
            "SELECT h.seq FROM audit_heads h JOIN members m ON m.organization_id = h.organization_id"
            f" WHERE m.id = '{actor}'"
        )
        return int(seq)

    def _lines(self, actor: UUID, after: int) -> list[Line]:
        return [
            Line(outcome, rule, role)
            for outcome, rule, role in self.database.rows(
                f"SELECT outcome, rule, role FROM events WHERE actor_id = '{actor}' AND seq > {after}"
            )
        ]


def _told(result: object) -> str:
    if isinstance(result, EngineError):
        return "\n".join([*(sentence(result, language) for language in LANGUAGES), str(dict(result.params))])
    if isinstance(result, bytes):
        return result.decode(errors="replace")
    return json.dumps(plain(result), ensure_ascii=False)


def _answer(door: Door, result: object, target: Target) -> Answer:
    if isinstance(result, EngineError):
        told = tuple(sentence(result, language) for language in LANGUAGES)
        return Answer(NOT_FOUND if isinstance(result, NotFound) else result.key, result.key, told)
    try:
        if door.part is not None:
            door.part(result, target)
    except Absent:
        return Answer(NOT_FOUND)
    except Hidden:
        return Answer(_HIDDEN)
    return Answer(YES)


def _who(question: Question) -> tuple[str, str, str, UUID, str]:
    cell = question.cell
    return cell.state, cell.kind, cell.relation, question.actor, cell.column


def is_asked(door: Door, stage: Stage, relation: str, column: str) -> bool:
    """Say whether there is such a question: somebody who can stand there, and something to name."""
    if door.by_role:
        once = (stage.state, stage.kind, relation) == ("free", "institutional", "nobody")
        return once and (column != "elsewhere" or door.names_member)
    if (door.transfer and stage.target.transfer is None) or stage.state not in door.states:
        return False
    return table.possible(relation, column)
