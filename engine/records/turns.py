"""One writer at a time, in the order in which they came: nobody is overtaken for seconds."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import Unavailable


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

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        with self._changing:
            return len(self._waiting)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a turn, and have it until the end. Raises ``Unavailable`` when patience runs out."""
        self._take()
        try:
            yield
        finally:
            self._give()

    def _take(self) -> None:
        with self._changing:
            if not self._taken:
                self._taken = True
                return
            place = threading.Lock()
            place.acquire()  # whoever is before us lets go of it
            self._waiting.append(place)
        if place.acquire(timeout=self._patience):
            return
        with self._changing:
            if place in self._waiting:
                self._waiting.remove(place)
                raise Unavailable("database_unavailable")

    def _give(self) -> None:
        with self._changing:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
