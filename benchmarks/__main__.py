"""
Measure transfers on an embedded server: throughput, processor time, statements, latency.

``python -m benchmarks [--transfers 400] [--runs 3] [--database sqlite]``: medians of so many runs, each on a
folder, or a PostgreSQL server, of its own. ``python -m benchmarks.handover`` measures one hand-over by size.
"""

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import event

from benchmarks import caseload, places, stacks
from benchmarks.caseload import Caseload
from benchmarks.single import percentile
from benchmarks.stacks import Running
from engine import wiring
from engine.activities.steps import Steps
from engine.messages.transfer import Accept, StepInput, TransferRequest
from engine.records.database import Database
from engine.service import Service
from engine.settings import Settings
from engine.states.choices import Purpose

_IN_FLIGHT = 60
_IDLE_TRANSFERS = 30


def main() -> None:
    """Run every measurement, and print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=400)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", choices=places.DATABASES, default="sqlite")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    print(
        f"statements per hand-over: {statements(10)} for 10 items, {statements(1000)} for 1,000", flush=True
    )
    runs = []
    for number in range(given.runs):
        runs.append(_on_a_stack(given.database, given.transfers))
        print(f"run {number + 1}: " + _line(runs[-1]), flush=True)
    print("median: " + _line({name: statistics.median(run[name] for run in runs) for name in runs[0]}))


def _line(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in figures.items())


def statements(items: int) -> int:
    """Count the SQL statements of one accept, of a record with so many items."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "passation.db")
        database.upgrade()
        made = caseload.make(database, 1, notes=items)
        signer = wiring.open_signer(Settings(data=Path(folder)), may_create=True)
        steps, now = Steps(database, signer), datetime.now(UTC)
        request = TransferRequest(
            transfer_id=uuid4(),
            organization_id=made.organization,
            record_id=made.records[0],
            actor_id=made.owner,
            to_id=made.new_owner,
            purpose=Purpose.CONTINUITY,
        )
        steps.open(StepInput[TransferRequest](what=request, at=now))
        # The first receipt makes its organization's key.
        signer.provide(database, made.organization)
        counted = 0

        def count(*_: object) -> None:
            nonlocal counted
            counted += 1

        event.listen(database.engine, "before_cursor_execute", count)
        command = Accept(transfer_id=request.transfer_id, command_id=uuid4(), actor_id=made.new_owner)
        steps.accept(StepInput[Accept](what=command, at=now))
        database.close()
        return counted


def _on_a_stack(kind: str, transfers: int) -> dict[str, float]:
    with stacks.running(kind) as running:
        made = caseload.make(running.database, transfers + _IDLE_TRANSFERS)
        return asyncio.run(_measure(running, made, transfers))


async def _measure(running: Running, made: Caseload, transfers: int) -> dict[str, float]:
    idle = [await _one(running.service, made, record) for record in made.records[:_IDLE_TRANSFERS]]
    gate = asyncio.Semaphore(_IN_FLIGHT)

    async def gated(record_index: int) -> None:
        async with gate:
            await _one(running.service, made, made.records[record_index])

    before, started = running.cost(), time.perf_counter()
    await asyncio.gather(*(gated(_IDLE_TRANSFERS + index) for index in range(transfers)))
    seconds = time.perf_counter() - started
    accepts = [accept for _, accept in idle]
    return {
        "transfers/s": transfers / seconds,
        **running.cost().since(before, transfers),
        "idle request p50 ms": statistics.median(request for request, _ in idle),
        "idle accept p50 ms": statistics.median(accepts),
        "idle accept p95 ms": percentile(accepts, 95),
    }


async def _one(service: Service, made: Caseload, record: UUID) -> tuple[float, float]:
    """Ask and accept; give the milliseconds of both."""
    start = time.perf_counter()
    view = await service.request(made.owner, record, made.new_owner, purpose=Purpose.CONTINUITY)
    asked = time.perf_counter()
    await service.accept(made.new_owner, view.id)
    return 1000 * (asked - start), 1000 * (time.perf_counter() - asked)


if __name__ == "__main__":
    main()
