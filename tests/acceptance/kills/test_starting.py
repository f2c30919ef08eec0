"""A worker that comes before what it needs waits, then works; a database from the future is not touched."""

import hashlib
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from subprocess import Popen

import pytest

from engine import processes, wiring
from engine.errors import Unavailable
from engine.settings import Settings
from engine.temporal.embedded import EmbeddedServer
from tests.acceptance.kills.clinic import EXPECTED, Clinic
from tests.acceptance.kills.running import Stack, log_lines, processes_on, until


@contextmanager
def worker(settings: Settings) -> Iterator[Popen[bytes]]:
    """Start a worker, as an operator would on a machine of its own."""
    settings.make_folder()
    command = [sys.executable, "-P", "-m", "worker", "--data", str(settings.data)]
    started = processes.start(command, log=settings.worker_log)
    try:
        yield started
    finally:
        processes.kill(started)


def announce(server: EmbeddedServer) -> None:
    """Say where the server is: the supervisor's part."""
    server.settings.write_run(server.described().model_copy(update={"supervisor_pid": os.getpid()}))


def told(settings: Settings) -> list[tuple[str, str | None]]:
    """Read what the worker has said about itself: the event, and what it waits for."""
    lines = log_lines(settings.worker_log)
    return [(line["event"], line.get("waits_for")) for line in lines if line["logger"] == "worker"]


async def test_it_waits_for_a_database_then_for_a_server_then_works(settings: Settings) -> None:
    with worker(settings) as waiting:
        await until(lambda: ("worker.waiting", "database") in told(settings), "a wait for a database")
        wiring.prepare_database(settings)
        await until(lambda: ("worker.waiting", "temporal") in told(settings), "a wait for a server")
        with EmbeddedServer(settings) as server, closing(Clinic(settings)) as clinic:
            announce(server)
            practice = clinic.practice()
            asked = await clinic.request(practice, clinic.record(practice))
            await clinic.command("accept", practice, asked.id)

            assert clinic.footprint(practice, asked.id) == EXPECTED["accept"]
            assert told(settings)[-1] == ("worker.started", None)

            waiting.send_signal(signal.SIGTERM)
            await until(lambda: waiting.poll() is not None, "the worker's end")
            clinic.check()

    assert waiting.returncode == 0


async def test_it_waits_for_a_server_that_died(settings: Settings) -> None:
    """The transfers of the run before are there when both are back."""
    wiring.prepare_database(settings)
    clinic = Clinic(settings)
    practice = clinic.practice()
    with Stack(settings):
        asked = await clinic.request(practice, clinic.record(practice))
    clinic.close()
    server = EmbeddedServer(settings)
    server.start()
    server.wait_ready()
    announce(server)
    server.kill()
    before = len(told(settings))
    with worker(settings):
        await until(lambda: ("worker.waiting", "temporal") in told(settings)[before:], "a wait for a server")

        assert ("worker.started", None) not in told(settings)[before:]

        with server, closing(Clinic(settings)) as clinic:
            await clinic.command("accept", practice, asked.id)

            assert clinic.footprint(practice, asked.id) == EXPECTED["accept"]

            clinic.check()


async def test_a_newer_database_ends_it_and_stays_as_it_is(settings: Settings) -> None:
    wiring.prepare_database(settings)
    with closing(Clinic(settings)) as clinic:
        clinic.record(clinic.practice())
    with closing(sqlite3.connect(settings.database_file)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    before = _bytes_and_rows(settings)
    with worker(settings) as refusing:
        await until(lambda: refusing.poll() is not None, "the worker's end")
    (line,) = log_lines(settings.worker_log)

    assert refusing.returncode == 1
    assert (line["event"], line["level"], line["code"]) == (
        "worker.failed",
        "error",
        "unavailable/database_newer",
    )
    assert _bytes_and_rows(settings) == before

    with pytest.raises(Unavailable, match="database_newer"):
        Stack(settings).start()

    assert processes_on(settings.data) == []
    assert _bytes_and_rows(settings) == before


def _bytes_and_rows(settings: Settings) -> tuple[str, list[str]]:
    with closing(sqlite3.connect(f"{settings.database_file.as_uri()}?mode=ro", uri=True)) as raw:
        rows = list(raw.iterdump())
    return hashlib.sha256(settings.database_file.read_bytes()).hexdigest(), rows
