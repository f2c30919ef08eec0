"""Many things done by one activity, a few at once: what protects single transfers (BULK-6)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from temporalio import activity

_T = TypeVar("_T")
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
