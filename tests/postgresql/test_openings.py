"""A copy is opened while something happens that forbids it: one after the other, in either order (MOVE-6)."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from engine.activities.destruction import destroy_holding
from engine.activities.steps import Steps
from engine.desk.desk import Desk
from engine.errors import EngineError
from engine.messages.transfer import Accept, StepInput, TransferRequest
from engine.records.database import Database
from engine.states.choices import Purpose, RestorationCause
from tests import build
from tests.build import World
from tests.checker.checking import check
from tests.postgresql.places import Place
from tests.postgresql.server import Server
from tests.postgresql.test_pairs import together

pytestmark = pytest.mark.postgresql

_LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
_LONG_AFTER: Final = datetime(2050, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scene:
    """A record whose previous owner kept a copy and left, as a collaborator did; who could read it."""

    world: World
    copy: UUID
    reader: UUID
    collaborator: UUID


def _scene(database: Database) -> Scene:
    with database.write() as session:
        world = build.world(session)
        build.note(session, world.holding, confidential=True)
        reader, collaborator = (build.member(session, world.organization) for _ in range(2))
        build.share(session, world.record, collaborator)
        build.note(session, world.holding, author_id=collaborator, author_only=True)
        build.restriction(session, world.client, world.administrator, title="Conseillère")
    request = TransferRequest(
        transfer_id=uuid4(),
        organization_id=world.organization,
        record_id=world.record,
        actor_id=world.owner,
        to_id=world.new_owner,
        purpose=Purpose.DEPARTURE,
    )
    accept = Accept(transfer_id=request.transfer_id, command_id=uuid4(), actor_id=world.new_owner)
    steps = Steps(database)
    assert steps.open(StepInput(what=request, at=_LONG_AGO)).denied is None
    assert steps.accept(StepInput(what=accept, at=_LONG_AGO)).denied is None
    for gone in (world.owner, collaborator):
        Desk(database).deactivate(world.administrator, gone)
    return Scene(world, world.holding, reader, collaborator)


def _open(desk: Desk, of: Scene) -> object:
    given: dict[str, Any] = {"days": 3, "cause": RestorationCause.ORDER, "reason": "ordonnance"}
    return desk.open_copy(of.world.administrator, of.copy, reader_id=of.reader, **given)


def _recover(desk: Desk, of: Scene) -> object:
    given: dict[str, Any] = {"cause": RestorationCause.ORDER, "reason": "ordonnance"}
    return desk.recover(of.world.administrator, of.world.record, author_id=of.collaborator, **given)


_FORBIDDING: Final[dict[str, Callable[[Desk, Scene], object]]] = {
    "restrict": lambda desk, of: desk.restrict(
        of.world.new_owner, of.world.record, member_id=of.reader, title=None, basis="demandé"
    ),
    "change title": lambda desk, of: desk.set_title(of.world.administrator, of.reader, "Conseillère"),
    "deactivate": lambda desk, of: desk.deactivate(of.world.administrator, of.reader),
    "activate": lambda desk, of: desk.activate(of.world.administrator, of.world.owner),
    "destroy": lambda desk, of: destroy_holding(desk.database, of.copy, _LONG_AFTER),
    "open again": _open,
}
_AGAINST_RECOVERY: Final[dict[str, Callable[[Desk, Scene], object]]] = {
    "activate": lambda desk, of: desk.activate(of.world.administrator, of.collaborator),
    "destroy": _FORBIDDING["destroy"],
    "recover again": _recover,
}
_PAIRS: Final = [
    *(("open", _open, name, play) for name, play in _FORBIDDING.items()),
    *((name, play, "open", _open) for name, play in _FORBIDDING.items()),
    *(("recover", _recover, name, play) for name, play in _AGAINST_RECOVERY.items()),
    *((name, play, "recover", _recover) for name, play in _AGAINST_RECOVERY.items()),
]
_LEFT: Final = (
    "SELECT 'opening', ended_at IS NULL FROM openings WHERE organization_id = :organization",
    "SELECT 'holding', state, closed_by_id IS NULL FROM holdings WHERE organization_id = :organization",
    "SELECT h.state FROM notes n JOIN holdings h ON h.id = n.holding_id WHERE h.record_id = :record",
    "SELECT action, outcome, rule FROM events WHERE organization_id = :organization",
    "SELECT kind FROM outbox WHERE organization_id = :organization",
)


def _said(play: Callable[[Desk, Scene], object], of: Scene) -> Callable[[Database], str]:
    def run(database: Database) -> str:
        try:
            play(Desk(database), of)
        except EngineError as denial:
            return denial.key
        return "done"

    return run


def _left(file: Path, of: Scene) -> list[list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(file)) as db:
        given = {"organization": str(of.world.organization), "record": str(of.world.record)}
        return [sorted(db.execute(query, given), key=repr) for query in _LEFT]


@pytest.mark.parametrize(
    ("one", "other"),
    [pytest.param(one, other, id=f"{a}-{b}".replace(" ", "-")) for a, one, b, other in _PAIRS],
)
def test_at_once_is_as_one_after_the_other(
    postgresql: Server,
    on_server: Place,
    database: Database,
    one: Callable[[Desk, Scene], object],
    other: Callable[[Desk, Scene], object],
) -> None:
    """MOVE-6, ELIG-4, VIS-6, ROLE-5: nobody reads what they may no more, whichever came first."""
    scenes = [_scene(database) for _ in range(3)]

    answers = [
        (_said(one, scenes[0])(database), _said(other, scenes[0])(database)),
        (_said(other, scenes[1])(database), _said(one, scenes[1])(database))[::-1],
        together(postgresql, on_server, _said(one, scenes[2]), _said(other, scenes[2])),
    ]

    file = on_server.file()
    in_order, reversed_, at_once = (
        (answer, _left(file, of)) for answer, of in zip(answers, scenes, strict=True)
    )
    assert at_once in (in_order, reversed_)
    assert check(file) == []
