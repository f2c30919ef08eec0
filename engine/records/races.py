"""Races that a transaction lost: it is run again, on what the others left."""

from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy.exc import IntegrityError

from engine.errors import Unavailable

_T = TypeVar("_T")
_TIMES: Final = 5


class LostRace(Exception):
    """Somebody else changed what this transaction stands on; run again, it sees what they left."""


def racing(run: Callable[[], _T]) -> _T:
    """
    Run a transaction again where it lost a race: a deadlock, a row that changed, a name that was taken.

    A rule that denies what the others left is told as that rule. Raises ``Unavailable`` where others always
    come first, and the error itself where it is no race.
    """
    for _ in range(_TIMES):
        try:
            return run()
        except (LostRace, IntegrityError):
            continue
    try:
        return run()
    except LostRace as race:
        raise Unavailable("database_unavailable") from race
