"""
As many workflows that do nothing, started by a worker as a bulk starts its transfers: the floor.

``python -m benchmarks.empty --data FOLDER`` is that worker; ``measure`` starts it on a running engine.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psutil
from temporalio import activity, workflow
from temporalio.worker import Worker

from benchmarks.stacks import Cost, Running
from engine import processes
from engine.activities.few_at_once import few_at_once
from engine.settings import Settings
from engine.temporal.connection import connect
from engine.temporal.plugin import PassationPlugin

_QUEUE = "empty"


@workflow.defn(name="Empty")
class Empty:
    """Does nothing."""

    @workflow.run
    async def run(self) -> None:
        """Return at once."""


@workflow.defn(name="EmptyPage")
class EmptyPage:
    """Has so many of them started."""

    @workflow.run
    async def run(self, given: tuple[int, int]) -> None:
        """Run the one activity."""
        await workflow.execute_activity(
            "empty.page",
            given,
            start_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=timedelta(seconds=30),
        )


@activity.defn(name="empty.page")
async def page(given: tuple[int, int]) -> None:
    """Start so many, so many at once, and wait for each."""
    records, in_flight = given
    client = activity.client()

    async def one(number: UUID) -> None:
        await client.execute_workflow("Empty", id=f"empty/{number}", task_queue=_QUEUE)

    await few_at_once([uuid4() for _ in range(records)], one, in_flight)


async def measure(running: Running, records: int, in_flight: int) -> dict[str, float]:
    """Give how many of them end in a second, and what each costs."""
    settings = running.stack.settings
    command = [sys.executable, "-P", "-m", "benchmarks.empty", "--data", str(settings.data)]
    environment = dict(os.environ) | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    worker = processes.start(command, log=settings.data / "empty.log", environment=environment)
    try:
        client = await connect(settings)
        await client.execute_workflow("EmptyPage", (20, in_flight), id=f"warm/{uuid4()}", task_queue=_QUEUE)

        def cost() -> Cost:
            times = [psutil.Process(pid).cpu_times() for pid in (running.stack.server_pid, worker.pid, None)]
            return Cost(*(1000 * (spent.user + spent.system) for spent in times))

        before, began = cost(), time.perf_counter()
        await client.execute_workflow(
            "EmptyPage", (records, in_flight), id=f"page/{uuid4()}", task_queue=_QUEUE
        )
        seconds = time.perf_counter() - began
        return {"empty/s": records / seconds} | {
            f"empty {name}": value for name, value in cost().since(before, records).items()
        }
    finally:
        processes.end(worker, patience=10)


async def _work(settings: Settings) -> None:
    client = await connect(settings, plugin=PassationPlugin(sandboxed=False))
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with Worker(client, task_queue=_QUEUE, workflows=[Empty, EmptyPage], activities=[page]):
        await stopping.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    asyncio.run(_work(Settings.load(data=parser.parse_args().data)))
