"""Server, database and worker in one folder: real processes, killed and started again."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.cli.dev import DevStack
from engine.errors import BadInput
from engine.records.database import Database
from engine.settings import Settings
from engine.temporal.embedded import EmbeddedServer

pytestmark = pytest.mark.slow

#: As the command `passation dev` does it.
SUPERVISOR = """
import sys
from pathlib import Path
from engine.cli.dev import run_dev
from engine.records.database import Database
from engine.settings import Settings
settings = Settings(data=Path(sys.argv[1]))
prepare = Database(settings.database_file).upgrade
sys.exit(run_dev(settings, prepare, lambda stack: print("ready", flush=True)))
"""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("PASSATION_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def prepare(settings: Settings) -> Callable[[], None]:
    def upgrade() -> None:
        database = Database(settings.database_file)
        database.upgrade()
        database.close()

    return upgrade


def eventually(fact: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_gone(pid: int | None) -> bool:
    assert pid is not None
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def process(*command: str | Path) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-P", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


def worker_lines(stderr: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, stderr.splitlines()) if line["logger"] == "worker"]


class TestSupervisor:
    def test_stops_when_asked_and_comes_back_on_the_same_ports(self, settings: Settings) -> None:
        runs = []
        for asked in (signal.SIGINT, signal.SIGTERM):
            with process("-c", SUPERVISOR, settings.data) as dev:
                assert dev.stdout is not None
                assert dev.stdout.readline() == "ready\n"
                running = settings.running()

                assert running is not None
                assert dev.pid == running.supervisor_pid
                assert not is_gone(running.server_pid)
                assert not is_gone(running.worker_pid)

                dev.send_signal(asked)

                assert dev.wait(30) == 0
                assert is_gone(running.server_pid)
                assert is_gone(running.worker_pid)
                assert settings.running() is None

            runs.append(running)
        first, second = runs

        assert first.ports == second.ports
        assert first.ui_url is not None
        assert settings.worker_log.read_text().count('"worker.stopped"') == 2

    def test_second_one_on_a_folder_is_refused(self, settings: Settings) -> None:
        with DevStack(settings, prepare(settings)) as first:
            with pytest.raises(BadInput) as told:
                DevStack(settings, prepare(settings)).start()

            assert told.value.key == "bad_input/already_running"
            assert first.is_ready()

    def test_killed_it_leaves_nobody_behind(self, settings: Settings) -> None:
        with process("-c", SUPERVISOR, settings.data) as dev:
            assert dev.stdout is not None
            assert dev.stdout.readline() == "ready\n"
            running = settings.running()
            dev.kill()

        assert running is not None
        assert eventually(lambda: is_gone(running.server_pid) and is_gone(running.worker_pid))
        assert settings.running() is None

    def test_starts_again_whatever_is_killed(self, settings: Settings) -> None:
        with DevStack(settings, prepare(settings)) as stack:
            address = stack.server.address
            worker, server = stack.worker_pid, stack.server_pid
            stack.kill_worker()
            stack.wait_ready()

            assert worker != stack.worker_pid
            assert server == stack.server_pid

            worker = stack.worker_pid
            stack.kill_server()
            stack.wait_ready()

            assert worker == stack.worker_pid
            assert server != stack.server_pid
            assert address == stack.server.address

            stack.kill_server()
            stack.kill_worker()
            stack.wait_ready()
            running = settings.running()

            assert running is not None
            assert (running.server_pid, running.worker_pid) == (stack.server_pid, stack.worker_pid)

    def test_variables_are_for_one_life_of_the_worker(self, settings: Settings) -> None:
        def variables() -> dict[str, str]:
            assert stack.worker_pid is not None
            return psutil.Process(stack.worker_pid).environ()

        with DevStack(settings, prepare(settings)) as stack:
            stack.kill_worker({"PASSATION_KILL_AT": "nowhere"})
            stack.wait_ready()

            assert variables()["PASSATION_KILL_AT"] == "nowhere"

            stack.kill_worker()
            stack.wait_ready()

            assert "PASSATION_KILL_AT" not in variables()


class TestWorker:
    def test_waits_for_the_database_and_the_server(self, settings: Settings) -> None:
        settings.make_folder()
        server = EmbeddedServer(settings)
        with process("-m", "worker", "--data", settings.data) as worker:
            assert worker.stderr is not None
            first = json.loads(worker.stderr.readline())
            prepare(settings)()
            line = first
            while line["waits_for"] == "database":
                line = json.loads(worker.stderr.readline())
            with server:
                # The supervisor's part: say where the server is.
                settings.write_run(server.described().model_copy(update={"supervisor_pid": os.getpid()}))
                while line["event"] == "worker.waiting":
                    line = json.loads(worker.stderr.readline())
                worker.send_signal(signal.SIGTERM)
                _, rest = worker.communicate(timeout=30)

        assert first["event"] == "worker.waiting"
        assert first["code"] == "unavailable/database_unavailable"
        assert line["event"] == "worker.started"
        assert worker.returncode == 0
        assert [told["event"] for told in worker_lines(rest)] == ["worker.stopping", "worker.stopped"]

    def test_stops_while_it_waits(self, settings: Settings) -> None:
        settings.make_folder()
        with process("-m", "worker", "--data", settings.data) as worker:
            assert worker.stderr is not None
            worker.stderr.readline()
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=10)

        assert worker.returncode == 0

    def test_newer_database_is_fatal(self, settings: Settings) -> None:
        settings.make_folder()
        prepare(settings)()
        with sqlite3.connect(settings.database_file) as raw:
            raw.execute("UPDATE alembic_version SET version_num = 'from the future'")
        raw.close()
        with process("-m", "worker", "--data", settings.data) as worker:
            _, stderr = worker.communicate(timeout=30)
        (told,) = worker_lines(stderr)

        assert worker.returncode == 1
        assert (told["event"], told["code"]) == ("worker.failed", "unavailable/database_newer")

    def test_server_without_search_attributes_is_fatal(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prepare(settings)()
        # They belong to a namespace: this one has none of ours.
        monkeypatch.setenv("PASSATION_TEMPORAL_NAMESPACE", "temporal-system")
        with EmbeddedServer(settings) as server:
            monkeypatch.setenv("PASSATION_TEMPORAL_ADDRESS", server.address)
            with process("-m", "worker", "--data", settings.data) as worker:
                _, stderr = worker.communicate(timeout=30)
        (told,) = worker_lines(stderr)

        assert worker.returncode == 1
        assert (told["event"], told["code"]) == ("worker.failed", "unavailable/search_attributes")
        assert "TransferState" in told["missing"]

    def test_wrong_setting_is_fatal(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PASSATION_LANGUAGE", "tlh")
        with process("-m", "worker", "--data", settings.data) as worker:
            _, stderr = worker.communicate(timeout=30)
        (told,) = worker_lines(stderr)

        assert worker.returncode == 1
        assert (told["code"], told["name"]) == ("bad_input/setting", "language")
