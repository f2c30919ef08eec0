"""How often somebody may try to sign in from one address; each process counts for itself."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

#: Tries within a window: a person who mistypes stays far below, a program that guesses does not.
TRIES: Final = 30
WINDOW_SECONDS: Final = 60.0
_MOST_ADDRESSES: Final = 10_000


class Throttle:
    """
    Counts tries by address, and forgets the oldest when there are too many addresses to remember.

    Args:
        clock: Seconds that only go on; tests move it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Count a try; say whether it is one too many."""
        now = self._clock()
        tries = self._tries.setdefault(address, deque())
        self._tries.move_to_end(address)
        while len(self._tries) > _MOST_ADDRESSES:
            self._tries.popitem(last=False)
        while tries and now - tries[0] >= WINDOW_SECONDS:
            tries.popleft()
        if len(tries) >= TRIES:
            return False
        tries.append(now)
        return True
