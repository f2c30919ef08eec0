"""Many things done by one activity, a few at once: what protects single transfers (BULK-6)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

from temporalio import activity

_T = TypeVar("_T")


class UnderWay:
    """
    The transfers that a bulk has under way in this process.

    Their steps let others write first (BULK-6): nobody looks on while a bulk works.
    """

    def __init__(self) -> None:
        self._ids: Counter[UUID] = Counter()

    def __contains__(self, transfer_id: UUID) -> bool:
        return transfer_id in self._ids

    @contextmanager
    def one(self, transfer_id: UUID) -> Iterator[None]:
        """Have a transfer under way, until the end."""
        self._ids[transfer_id] += 1
        try:
            yield
        finally:
            self._ids[transfer_id] -= 1
            if not self._ids[transfer_id]:
                del self._ids[transfer_id]


_BEAT = 2.0


async def few_at_once(items: Sequence[_T], run: Callable[[_T], Awaitable[None]], in_flight: int) -> None:
    """
    Run for each, as many at once as said, and let the server know that this activity lives.

    Raises the first error, after all that was under way has ended.
    """
    slots = asyncio.Semaphore(in_flight)

    async def in_a_slot(item: _T) -> None:
        async with slots:
            await run(item)

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_BEAT)

    beating = asyncio.create_task(beat())
    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(in_a_slot(item))
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    finally:
        beating.cancel()
