"""Single transfers, asked for and accepted one after the other: how long each waits (BULK-6)."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from benchmarks.caseload import Caseload
from benchmarks.stacks import Running
from engine.states.choices import Purpose

_PAUSE = 0.2


@dataclass(slots=True)
class Waits:
    """The milliseconds of each request and of each acceptance."""

    requests: list[float] = field(default_factory=list)
    accepts: list[float] = field(default_factory=list)

    def figures(self, when: str) -> dict[str, float]:
        """Give the median and the 95th percentile of both."""
        return {
            f"{what} {when} p{percent} ms": percentile(found, percent)
            for what, found in (("request", self.requests), ("accept", self.accepts))
            if found
            for percent in (50, 95)
        }


def percentile(found: list[float], percent: int) -> float:
    """Give the smallest value that so many in a hundred do not exceed."""
    return sorted(found)[math.ceil(len(found) * percent / 100) - 1]


async def one_by_one(
    running: Running, made: Caseload, records: Iterator[UUID], done: Callable[[], bool]
) -> Waits:
    """Transfer records of the colleague until it is done, or until there are none left."""
    waits = Waits()
    while not done():
        record = next(records, None)
        if record is None:
            break
        began = time.perf_counter()
        view = await running.service.request(
            made.colleague, record, made.successor, purpose=Purpose.CONTINUITY
        )
        asked = time.perf_counter()
        await running.service.accept(made.successor, view.id)
        waits.requests.append(1000 * (asked - began))
        waits.accepts.append(1000 * (time.perf_counter() - asked))
        await asyncio.sleep(_PAUSE)
    return waits
