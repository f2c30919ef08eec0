"""A database that is locked, or away, for a while: an accept is late, and happens once."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final
from uuid import UUID, uuid4

import pytest
from temporalio.api.enums.v1 import EventType

from engine.activities import sweep
from engine.messages.transfer import Accept, workflow_id
from engine.settings import Settings
from engine.temporal import commands
from engine.temporal.connection import TASK_QUEUE
from tests.acceptance.kills.clinic import EXPECTED, PATIENCE, Clinic
from tests.acceptance.kills.running import Stack, log_lines, python

#: Another program that holds the file, until its standard input ends.
HOLDER: Final = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""
#: How much later than the outage an answer may come: the longest pause between two tries, and more.
_LATE: Final = 60.0


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Let another process hold the writer's lock."""
    with python("-c", HOLDER, settings.database_file) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.communicate(timeout=30)


@contextmanager
def away(settings: Settings) -> Iterator[None]:
    """Move the database away, with what belongs to it, and back."""
    main = settings.database_file
    # The main file goes first and comes back last: nobody may open it without its write-ahead log.
    parts = [main, *(main.with_name(f"{main.name}-{part}") for part in ("wal", "shm"))]
    elsewhere = settings.data / "elsewhere"
    elsewhere.mkdir()
    for part in parts:
        part.rename(elsewhere / part.name)
    try:
        yield
    finally:
        assert not main.exists(), "nobody may create another database meanwhile"
        for part in reversed(parts):
            if (elsewhere / part.name).exists():
                (elsewhere / part.name).rename(part)


@pytest.mark.parametrize("seconds", [6, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("outage", [locked, pytest.param(away, marks=pytest.mark.slow)])
async def test_an_accept_outlives_it(
    stack: Stack, clinic: Clinic, outage: Callable[[Settings], AbstractContextManager[None]], seconds: int
) -> None:
    """One accept comes to a worker that has no database; another finds none to ask the rules with."""
    practice = clinic.practice()
    met, patient = [(await clinic.request(practice, clinic.record(practice))).id for _ in range(2)]
    client = await clinic.client()
    with clinic.database.read() as session:
        start = sweep.request_of(session, met)
    command = Accept(transfer_id=met, command_id=uuid4(), actor_id=practice.world.new_owner)
    began = time.monotonic()
    with outage(stack.settings):
        sent = asyncio.create_task(
            commands.send(
                client,
                "accept",
                command,
                update_id=f"{command.command_id}",
                start=start,
                task_queue=TASK_QUEUE,
                patience=PATIENCE,
            )
        )
        asked = asyncio.create_task(clinic.command("accept", practice, patient))
        done, _ = await asyncio.wait({sent, asked}, timeout=seconds)

        assert done == set(), "nothing can be decided meanwhile"
    outcome, view = await sent, await asked

    assert seconds <= time.monotonic() - began <= seconds + _LATE
    assert (outcome.state, outcome.version, outcome.denied) == ("accepted", 2, None)
    assert (view.state, view.version) == ("accepted", 2)
    assert clinic.footprint(practice, met) == EXPECTED["accept"]
    assert clinic.footprint(practice, patient) == EXPECTED["accept"]

    # The outage was met: the worker kept the decision and tried it again, and is the same process still.
    assert await _tries(clinic, met) > 1
    assert stack.worker.poll() is None
    assert {line["event"] for line in log_lines(stack.settings.worker_log)}.isdisjoint(
        {"step.failed", "transfer.stuck"}
    )

    settled = await clinic.settled()
    assert (settled.open_transfers, settled.restarted, settled.woken) == (0, 0, 0)
    assert clinic.select("PRAGMA integrity_check") == [("ok",)]
    clinic.check()


async def _tries(clinic: Clinic, transfer_id: UUID) -> int:
    """Count how often the step of a transfer was tried, at once and later."""
    client = await clinic.client()
    history = await client.get_workflow_handle(workflow_id(transfer_id)).fetch_history()
    most = 0
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            (told,) = event.marker_recorded_event_attributes.details["data"].payloads
            most = max(most, json.loads(told.data)["attempt"])
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            # Those that come before the regular activity were tried too, without success.
            most = max(most, 1 + event.activity_task_started_event_attributes.attempt)
    return most
