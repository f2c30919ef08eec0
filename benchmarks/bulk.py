"""
Measure a caseload on the embedded default: asking for every record, then one gesture that accepts them all.

``python -m benchmarks.bulk [--records 1000] [--in-flight 8]``: one run on a folder of its own. Meanwhile
somebody else asks and accepts single transfers, whose latency is told beside that of an idle system (BULK-6).
"""

import argparse
import asyncio
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from engine.cli.dev import DevStack
from engine.desk.desk import Desk
from engine.records import bulks
from engine.records.database import Database
from engine.rules.bulk import BulkChoice
from engine.service import Service
from engine.settings import Settings
from engine.states.bulk import Answer
from engine.states.choices import Purpose
from engine.temporal.connection import connect
from tests import build
from tests.build import World

_NOTES, _SINGLE, _PAUSE = 10, 30, 0.2


def main() -> None:
    """Run once, and print each figure as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=8)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    os.environ["PASSATION_BULK_IN_FLIGHT"] = str(given.in_flight)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        database = Database(settings.database_file)
        with DevStack(settings, database.upgrade) as stack:
            made = _make(database, given.records)
            print(f"{given.records} records of {_NOTES} notes, {given.in_flight} in flight", flush=True)
            asyncio.run(_measure(stack, database, made))
        database.close()


@dataclass(frozen=True, slots=True)
class _Made:
    """A caseload, and beside it a colleague's records, to be transferred one by one to another."""

    world: World
    other: UUID
    colleague: UUID
    single: Sequence[UUID]


def _make(database: Database, records: int) -> _Made:
    """Write everything in one transaction."""
    with database.write() as session:
        world = build.world(session)
        for _ in range(records - 1):
            _record(session, world.owner, world.client)
        other = build.member(session, world.organization)
        colleague = build.member(session, world.organization)
        single = [_record(session, other, world.client) for _ in range(3 * _SINGLE)]
    return _Made(world, other, colleague, single)


def _record(session: Session, owner: UUID, client: UUID) -> UUID:
    record_id, holding = build.record(session, owner, [client])
    for number in range(_NOTES):
        build.note(session, holding, body=f"{record_id} note {number} " + "x" * 2000)
    return record_id


async def _measure(stack: DevStack, database: Database, made: _Made) -> None:
    desk = Desk(database)
    service = Service(desk, lambda: connect(stack.settings))
    world, other, colleague = made.world, made.other, made.colleague
    shares = [made.single[number::3] for number in range(3)]
    await _ones(service, other, colleague, shares[0][:5], lambda: False)
    idle = await _ones(service, other, colleague, shares[0][5:], lambda: False)
    print(f"idle: one request and acceptance, median {statistics.median(idle):.0f} ms", flush=True)

    begun = time.perf_counter()
    choice = BulkChoice(from_id=world.owner, to_ids=(world.new_owner,))
    started = await service.bulks.start(world.coordinator, choice, purpose=Purpose.DEPARTURE)
    print(f"launch: {time.perf_counter() - begun:.2f} s", flush=True)

    def stand() -> dict[str, int]:
        with database.read() as session:
            return bulks.counts(session, started.id)

    begun = time.perf_counter()
    busy = await _beside(service, other, colleague, shares[1], lambda: "waiting" not in stand())
    _tell("asked for", started.records, begun, busy)
    begun = time.perf_counter()
    await service.bulks.answer(world.new_owner, started.id, Answer.ACCEPT)
    busy = await _beside(
        service, other, colleague, shares[2], lambda: stand() == {"accepted": started.records}
    )
    _tell("accepted", started.records, begun, busy)


async def _beside(
    service: Service, owner: UUID, to: UUID, records: Sequence[UUID], done: Callable[[], bool]
) -> list[float]:
    """Transfer single records until the bulk is done, and give how long each took."""
    took = await _ones(service, owner, to, records, done)
    while not done():  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(_PAUSE)
    return took


async def _ones(
    service: Service, owner: UUID, to: UUID, records: Sequence[UUID], done: Callable[[], bool]
) -> list[float]:
    took = []
    for record in records:
        if done():
            break
        start = time.perf_counter()
        view = await service.request(owner, record, to, purpose=Purpose.CONTINUITY)
        await service.accept(to, view.id)
        took.append(1000 * (time.perf_counter() - start))
        await asyncio.sleep(_PAUSE)
    return took


def _tell(what: str, records: int, begun: float, busy: list[float]) -> None:
    seconds = time.perf_counter() - begun
    beside = f"; beside it {len(busy)} single ones, median {statistics.median(busy):.0f} ms" if busy else ""
    print(f"{what}: {records / seconds:.1f} transfers/s ({seconds:.1f} s){beside}", flush=True)


if __name__ == "__main__":
    main()
