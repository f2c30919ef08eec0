"""A coordinator steps in while somebody answers, leaves, or takes their role: one order or the other."""

from collections.abc import Callable
from typing import Final

import pytest

from engine.records.database import Database
from tests.checker.checking import check
from tests.postgresql.places import Place
from tests.postgresql.scenes import Play, Scene
from tests.postgresql.server import Server
from tests.postgresql.stepping_in import MEETS, STEPPING_IN, stepping_scene
from tests.postgresql.test_pairs import Outcome, left, together

pytestmark = pytest.mark.postgresql

PLAYS: Final = STEPPING_IN | MEETS
PAIRS: Final = [
    *((first, second) for first in STEPPING_IN for second in PLAYS),
    *((first, second) for first in MEETS for second in STEPPING_IN),
]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda name: str(name).replace(" ", "-"))
def test_at_once_is_as_one_after_the_other(
    postgresql: Server, on_server: Place, database: Database, first: str, second: str
) -> None:
    """OVR-1, OVR-2, ROLE-5, MOVE-2, MOVE-3, ELIG-3, ELIG-4: no order shows that is none."""
    scenes = [stepping_scene(database) for _ in range(3)]
    one, other = PLAYS[first], PLAYS[second]

    answers = [
        (one(database, scenes[0], "first"), other(database, scenes[0], "second")),
        (other(database, scenes[1], "second"), one(database, scenes[1], "first"))[::-1],
        together(postgresql, on_server, _bound(one, scenes[2], "first"), _bound(other, scenes[2], "second")),
    ]

    file = on_server.file()
    in_order, reversed_, at_once = (
        Outcome(*answer, left(file, of)) for answer, of in zip(answers, scenes, strict=True)
    )
    assert at_once in (in_order, reversed_)
    assert check(file) == []


def _bound(play: Play, of: Scene, which: str) -> Callable[[Database], str]:
    return lambda database: play(database, of, which)
