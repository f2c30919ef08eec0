"""
Measure transfers on an embedded server: throughput, processor time, statements, latency.

``python -m benchmarks [--transfers 400] [--runs 3] [--database sqlite]``: medians of so many runs, each on a
folder, or a PostgreSQL server, of its own. ``python -m benchmarks.handover`` measures one hand-over by size.
"""

import argparse
import asyncio
import logging
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psutil
from sqlalchemy import URL, event

from benchmarks import caseload, places
from benchmarks.caseload import Caseload
from engine import wiring
from engine.activities.steps import Steps
from engine.cli.dev import DevStack
from engine.desk.desk import Desk
from engine.messages.transfer import Accept, StepInput, TransferRequest
from engine.records.database import Database
from engine.service import Service
from engine.settings import Settings
from engine.states.choices import Purpose
from engine.temporal.connection import connect

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
        steps, now = Steps(database), datetime.now(UTC)
        request = TransferRequest(
            transfer_id=uuid4(),
            organization_id=made.organization,
            record_id=made.records[0],
            actor_id=made.owner,
            to_id=made.new_owner,
            purpose=Purpose.CONTINUITY,
        )
        steps.open(StepInput[TransferRequest](what=request, at=now))
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
    with tempfile.TemporaryDirectory() as folder, places.where(kind) as place:
        if isinstance(place, URL):
            # The worker is a process of its own, and reads where the database is from here.
            os.environ["PASSATION_DATABASE"] = place.render_as_string(hide_password=False)
        settings = Settings.load(data=Path(folder))
        database = wiring.open_database(settings)
        with DevStack(settings, database.upgrade) as stack:
            made = caseload.make(database, transfers + _IDLE_TRANSFERS)
            figures = asyncio.run(_measure(stack, database, made, transfers))
        database.close()
        return figures


async def _measure(stack: DevStack, database: Database, made: Caseload, transfers: int) -> dict[str, float]:
    service = Service(Desk(database), lambda: connect(stack.settings))
    idle = [await _one(service, made, record) for record in made.records[:_IDLE_TRANSFERS]]
    gate = asyncio.Semaphore(_IN_FLIGHT)

    async def gated(record_index: int) -> None:
        async with gate:
            await _one(service, made, made.records[record_index])

    before, started = _processor_ms(stack), time.perf_counter()
    await asyncio.gather(*(gated(_IDLE_TRANSFERS + index) for index in range(transfers)))
    seconds = time.perf_counter() - started
    after = _processor_ms(stack)
    return {
        "transfers/s": transfers / seconds,
        "server ms/transfer": (after[0] - before[0]) / transfers,
        "worker ms/transfer": (after[1] - before[1]) / transfers,
        "client ms/transfer": (after[2] - before[2]) / transfers,
        "idle request p50 ms": statistics.median(request for request, _ in idle),
        "idle accept p50 ms": statistics.median(accept for _, accept in idle),
        "idle accept p95 ms": sorted(accept for _, accept in idle)[int(0.95 * len(idle))],
    }


async def _one(service: Service, made: Caseload, record: UUID) -> tuple[float, float]:
    """Ask and accept; give the milliseconds of both."""
    start = time.perf_counter()
    view = await service.request(made.owner, record, made.new_owner, purpose=Purpose.CONTINUITY)
    asked = time.perf_counter()
    await service.accept(made.new_owner, view.id)
    return 1000 * (asked - start), 1000 * (time.perf_counter() - asked)


def _processor_ms(stack: DevStack) -> tuple[float, float, float]:
    pids = (stack.server_pid, stack.worker_pid, None)
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    server, worker, client = (1000 * (spent.user + spent.system) for spent in times)
    return server, worker, client


if __name__ == "__main__":
    main()
