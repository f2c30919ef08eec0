"""One Temporal server that can skip time, and for each test a clinic with its own database and worker."""

import logging
import os
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from engine import logs
from engine.records.database import Database
from tests.workflows import histories
from tests.workflows.clinic import Clinic, found_clinic
from tests.workflows.server import time_skipping_server


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("PASSATION_", "TEMPORAL_")):
                patch.delenv(name)
        patch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)
        yield


@pytest.fixture(scope="session")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A server whose workflows stay in real time until a test moves them."""
    async with await time_skipping_server() as running:
        with running.with_time_skipping_disabled():
            yield running


@pytest.fixture(scope="session")
def log_lines() -> logging.Formatter:
    """What our processes write of a log record."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    logs.configure(StringIO())
    formatter = root.handlers[0].formatter
    root.handlers[:] = handlers
    root.setLevel(level)
    assert formatter is not None
    return formatter


@pytest.fixture
def busy_seconds() -> float:
    """How long a writer waits for the lock; a module about outages makes it short."""
    return 5.0


@pytest.fixture
def cached() -> int:
    """How many workflows a worker remembers; without any, every task replays its history."""
    return 1000


@pytest.fixture
def clinic_database(database_file: Path, busy_seconds: float) -> Iterator[Database]:
    """The clinic's database."""
    opened = Database(database_file, busy_seconds=busy_seconds)
    yield opened
    opened.close()


@pytest.fixture
async def clinic(
    environment: WorkflowEnvironment,
    clinic_database: Database,
    cached: int,
    caplog: pytest.LogCaptureFixture,
    log_lines: logging.Formatter,
) -> AsyncIterator[Clinic]:
    """
    A clinic whose every free text and name holds a planted secret; its worker runs unless a test stops it.

    Whatever the test did: afterwards no task of a workflow has failed, every history replays, no secret is in
    a history or a log, every chain of the log is whole, and the independent checker finds nothing.
    """
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="engine")
    ready = found_clinic(environment, clinic_database)
    async with ready.worker(cached=cached):
        yield ready
    found = await ready.histories()
    assert [cause for history in found for cause in histories.failed_tasks(history)] == []
    await histories.replay(found)
    assert [history.workflow_id for history in found if histories.leaks(history.to_json())] == []
    lines = [log_lines.format(record) for when in ("setup", "call") for record in caplog.get_records(when)]
    assert [line for line in lines if histories.SECRET in line] == []
    ready.check()
    await ready.close()
