"""One writer at a time, in the order in which they came: nobody is overtaken for seconds."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from engine.errors import Unavailable

#: How often whoever has time is passed over before they have a turn all the same.
_PASSED_OVER: Final = 4


class Turns:
    """
    The turns of this process's writers.

    SQLite has no queue: whoever waits for its lock sleeps longer and longer, and others come first meanwhile.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._changing = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()
        #: Those who have time: what a bulk does, which nobody looks on (BULK-6).
        self._having_time: deque[threading.Lock] = deque()
        self._passed_over = 0

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        with self._changing:
            return len(self._waiting) + len(self._having_time)

    @contextmanager
    def one(self, *, has_time: bool = False) -> Iterator[None]:
        """
        Wait for a turn, and have it until the end; others come first where one has time.

        Raises ``Unavailable`` when patience runs out.
        """
        self._take(self._having_time if has_time else self._waiting)
        try:
            yield
        finally:
            self._give()

    def _take(self, queue: deque[threading.Lock]) -> None:
        with self._changing:
            if not self._taken:
                self._taken = True
                return
            place = threading.Lock()
            place.acquire()  # whoever is before us lets go of it
            queue.append(place)
        if place.acquire(timeout=self._patience):
            return
        with self._changing:
            if place in queue:
                queue.remove(place)
                raise Unavailable("database_unavailable")

    def _give(self) -> None:
        with self._changing:
            if self._having_time and (not self._waiting or self._passed_over >= _PASSED_OVER):
                self._passed_over = 0
                self._having_time.popleft().release()
            elif self._waiting:
                self._passed_over += bool(self._having_time)
                self._waiting.popleft().release()
            else:
                self._taken = False
