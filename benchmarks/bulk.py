"""
Measure caseloads: throughput, processor time, memory, what a single transfer waits meanwhile, and kills.

``python -m benchmarks.bulk [--sizes 100 1000] [--runs 3] [--database sqlite] [--in-flight N]
[--only imposed accepted empty single killed]``: medians of so many runs, each on a folder, or a PostgreSQL
server, of its own. Records have forty items. What is measured:

imposed   handing every record over at once
accepted  asking for every record, then one gesture that accepts them all
empty     as many workflows that do nothing, started the same way
single    a colleague's request and its acceptance, idle and while a bulk of the largest size runs
killed    seconds from SIGKILL of worker, server or both until more is asked for than was under way
"""

import argparse
import asyncio
import logging
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import func, select

from benchmarks import caseload, empty, places, single, stacks
from benchmarks.caseload import Caseload
from benchmarks.stacks import Running
from engine.records.tables.transfers import Transfer
from engine.rules.bulk import BulkChoice
from engine.settings import Settings
from engine.states.bulk import Answer
from engine.states.choices import Purpose
from engine.states.transfer import TransferState
from tests.checker.checking import check

Figures = dict[str, float]
#: So many single transfers before and beside the bulk, if it lasts so long.
_IDLE, _BESIDE = 40, 400
_POLL = 0.1


def main() -> None:
    """Run what was asked for, and print each run and the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", choices=places.DATABASES, default="sqlite")
    parser.add_argument("--in-flight", type=int, default=Settings.model_fields["bulk_in_flight"].default)
    parser.add_argument("--only", nargs="+", choices=_MEASURES, default=list(_MEASURES))
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    os.environ["PASSATION_BULK_IN_FLIGHT"] = str(given.in_flight)
    for name in given.only:
        for size in given.sizes if name in {"imposed", "accepted", "empty"} else [max(given.sizes)]:
            title = f"{name}, {size} records, {given.in_flight} in flight, {given.database}"
            runs = []
            for number in range(given.runs):
                runs.append(_run(name, given.database, size, given.in_flight))
                _print(f"{title}: run {number + 1}, load {os.getloadavg()[0]:.1f}", runs[-1])
            _print(f"{title}: median", {key: statistics.median(run[key] for run in runs) for key in runs[0]})


def _print(title: str, figures: Figures) -> None:
    sys.stdout.write(
        f"{title}: " + ", ".join(f"{name} {value:.1f}" for name, value in figures.items()) + "\n"
    )
    sys.stdout.flush()


def _run(name: str, kind: str, records: int, in_flight: int) -> Figures:
    with stacks.running(kind) as running:
        if name == "empty":
            return asyncio.run(empty.measure(running, records, in_flight))
        made = caseload.make(running.database, records - 1, single=_IDLE + _BESIDE if name == "single" else 5)
        return asyncio.run(_MEASURES[name](running, made, in_flight))


async def _imposed(running: Running, made: Caseload, _in_flight: int) -> Figures:
    await single.one_by_one(running, made, iter(made.single), lambda: False)
    before, began = running.cost(), time.perf_counter()
    bulk_id, records = await _launch(running, made, impose=True)
    await _until(lambda: _count(running, bulk_id, TransferState.ACCEPTED) == records)
    figures = _rate("imposed", records, began) | running.cost().since(before, records)
    return figures | running.memory() | await _checked(running)


async def _accepted(running: Running, made: Caseload, _in_flight: int) -> Figures:
    await single.one_by_one(running, made, iter(made.single), lambda: False)
    figures: Figures = {}
    before, began = running.cost(), time.perf_counter()
    bulk_id, records = await _launch(running, made)
    await _until(lambda: _count(running, bulk_id) == records)
    figures |= _rate("asked", records, began) | running.cost().since(before, records)
    before, began = running.cost(), time.perf_counter()
    await running.service.bulks.answer(made.new_owner, bulk_id, Answer.ACCEPT)
    await _until(lambda: _count(running, bulk_id, TransferState.ACCEPTED) == records)
    figures |= _rate("accepted", records, began)
    figures |= {f"accept {name}": cost for name, cost in running.cost().since(before, records).items()}
    return figures | running.memory() | await _checked(running)


async def _single(running: Running, made: Caseload, _in_flight: int) -> Figures:
    records = iter(made.single)
    await single.one_by_one(running, made, (next(records) for _ in range(5)), lambda: False)
    idle = await single.one_by_one(running, made, (next(records) for _ in range(_IDLE - 5)), lambda: False)
    began = time.perf_counter()
    bulk_id, size = await _launch(running, made)
    asking = await single.one_by_one(running, made, records, lambda: _count(running, bulk_id) == size)
    await _until(lambda: _count(running, bulk_id) == size)
    figures = idle.figures("idle") | asking.figures("while asking") | _rate("asked", size, began)
    began = time.perf_counter()
    await running.service.bulks.answer(made.new_owner, bulk_id, Answer.ACCEPT)

    def is_accepted() -> bool:
        return _count(running, bulk_id, TransferState.ACCEPTED) == size

    accepting = await single.one_by_one(running, made, records, is_accepted)
    await _until(is_accepted)
    return figures | accepting.figures("while accepting") | _rate("accepted", size, began)


async def _killed(running: Running, made: Caseload, in_flight: int) -> Figures:
    stack, figures = running.stack, Figures()

    def both() -> None:
        stack.kill_server()
        stack.kill_worker()

    kills = {"worker": stack.kill_worker, "server": stack.kill_server, "both": both}
    bulk_id, size = await _launch(running, made)
    for number, (whom, kill) in enumerate(kills.items(), start=1):
        share = size * number // (len(kills) + 1)
        await _until(lambda share=share: _count(running, bulk_id) >= share)
        await asyncio.to_thread(kill)
        began, before = time.perf_counter(), _count(running, bulk_id)
        # What was under way may still be written by whoever was spared.
        await _until(lambda before=before: _count(running, bulk_id) > before + in_flight)
        figures[f"resumed after {whom} s"] = time.perf_counter() - began
    await _until(lambda: _count(running, bulk_id) == size)
    await running.service.bulks.answer(made.new_owner, bulk_id, Answer.ACCEPT)
    await _until(lambda: _count(running, bulk_id, TransferState.ACCEPTED) == size)
    return figures | await _checked(running)


async def _launch(running: Running, made: Caseload, *, impose: bool = False) -> tuple[UUID, int]:
    choice = BulkChoice(from_id=made.owner, to_ids=(made.new_owner,), impose=impose)
    started = await running.service.bulks.start(
        made.coordinator, choice, purpose=Purpose.DEPARTURE, reason="Left." if impose else None
    )
    return started.id, started.records


def _count(running: Running, bulk_id: UUID, state: TransferState | None = None) -> int:
    query = select(func.count()).where(Transfer.bulk_id == bulk_id)
    with running.database.read() as session:
        return session.scalar(query if state is None else query.where(Transfer.state == state)) or 0


async def _until(done: Callable[[], bool]) -> None:
    while not done():  # noqa: ASYNC110 - other processes do it
        await asyncio.sleep(_POLL)


def _rate(what: str, records: int, began: float) -> Figures:
    return {f"{what}/s": records / (time.perf_counter() - began)}


async def _checked(running: Running) -> Figures:
    """Count what the independent checker, which reads files, finds wrong afterwards."""
    if running.stack.settings.database is not None:
        return {}
    return {"violations": len(await asyncio.to_thread(check, running.database.file))}


async def _empty(running: Running, made: Caseload, in_flight: int) -> Figures:
    return await empty.measure(running, len(made.records), in_flight)


_MEASURES: dict[str, Callable[[Running, Caseload, int], Awaitable[Figures]]] = {
    "imposed": _imposed,
    "accepted": _accepted,
    "empty": _empty,
    "single": _single,
    "killed": _killed,
}

if __name__ == "__main__":
    main()
