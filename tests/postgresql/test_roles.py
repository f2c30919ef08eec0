"""A role is taken while its holder acts: what comes out is what one order or the other would have made."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

import pytest

from engine.activities.steps import Steps
from engine.desk.desk import Desk
from engine.errors import EngineError
from engine.messages.transfer import StepInput, TransferRequest
from engine.records.database import Database
from engine.states.choices import Purpose, Role
from tests.checker.checking import check
from tests.postgresql import scenes
from tests.postgresql.places import Place
from tests.postgresql.scenes import COMMANDS, Play, Scene, told
from tests.postgresql.server import Server
from tests.postgresql.test_pairs import Outcome, left, together

pytestmark = pytest.mark.postgresql


def _scene(database: Database, *, hurried: bool) -> Scene:
    """Set the scene of the other pairs; whoever loses a role keeps another one."""
    of = scenes.scene(database, hurried=hurried)
    desk = Desk(database)
    desk.grant(of.world.administrator, of.world.new_owner, Role.COORDINATOR)
    desk.grant(of.world.administrator, of.world.coordinator, Role.PRACTITIONER)
    return of


def _asks_as_coordinator(database: Database, of: Scene, _which: str) -> str:
    request = TransferRequest(
        transfer_id=uuid4(),
        organization_id=of.world.organization,
        record_id=of.free.record_id,
        actor_id=of.world.coordinator,
        to_id=of.colleague,
        purpose=Purpose.DEPARTURE,
    )
    return told(Steps(database).open(StepInput(what=request, at=datetime(2020, 1, 1, tzinfo=UTC))))


def _change(do: Callable[[Desk, Scene], object]) -> Play:
    def play(database: Database, of: Scene, _which: str) -> str:
        try:
            do(Desk(database), of)
        except EngineError as denial:
            return denial.key
        return "done"

    return play


_STOPS_COORDINATING: Final = _change(
    lambda desk, of: desk.revoke(of.world.administrator, of.world.coordinator, Role.COORDINATOR)
)
_STOPS_PRACTISING: Final = _change(
    lambda desk, of: desk.revoke(of.world.administrator, of.world.new_owner, Role.PRACTITIONER)
)
_GIVES: Final = _change(lambda desk, of: desk.grant(of.world.administrator, of.colleague, Role.COORDINATOR))
_PAIRS: Final[dict[str, tuple[Play, Play]]] = {
    "a coordinator asks": (_STOPS_COORDINATING, _asks_as_coordinator),
    **{
        f"{name} by who stops practising": (_STOPS_PRACTISING, COMMANDS[name])
        for name in ("accept", "refuse", "expire", "hand over", "deactivate", "change title")
    },
    "given twice": (_GIVES, _GIVES),
}


@pytest.mark.parametrize("reverse", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("name", _PAIRS)
def test_at_once_is_as_one_after_the_other(
    postgresql: Server, on_server: Place, database: Database, name: str, reverse: bool
) -> None:
    """ROLE-2, ROLE-5, ELIG-3, ST-4: a command is before the revocation or after it, and no third thing."""
    one, other = _PAIRS[name][::-1] if reverse else _PAIRS[name]
    of = [_scene(database, hurried="expire" in name) for _ in range(3)]

    answers = [
        (one(database, of[0], "first"), other(database, of[0], "second")),
        (other(database, of[1], "second"), one(database, of[1], "first"))[::-1],
        together(
            postgresql,
            on_server,
            lambda own: one(own, of[2], "first"),
            lambda own: other(own, of[2], "second"),
        ),
    ]

    file = on_server.file()
    in_order, reversed_, at_once = (
        Outcome(*answer, left(file, scene)) for answer, scene in zip(answers, of, strict=True)
    )
    assert at_once in (in_order, reversed_)
    assert check(file) == []


def test_two_administrators_who_take_each_others_role_leave_one(
    postgresql: Server, on_server: Place, database: Database
) -> None:
    """ROLE-1: at every moment; who lost the role first may not take any (ROLE-5)."""
    of = _scene(database, hurried=False)
    first, second = of.world.administrator, of.colleague
    Desk(database).grant(first, second, Role.ADMINISTRATOR)
    Desk(database).grant(first, first, Role.COORDINATOR)

    def takes(who: UUID, whom: UUID) -> Callable[[Database], str]:
        play = _change(lambda desk, _: desk.revoke(who, whom, Role.ADMINISTRATOR))
        return lambda own: play(own, of, "")

    answers = together(postgresql, on_server, takes(first, second), takes(second, first))

    assert sorted(answers) == ["ROLE-4/administrator", "done"]
    assert check(on_server.file()) == []
