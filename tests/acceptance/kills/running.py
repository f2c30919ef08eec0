"""Real processes to be killed: a server and a worker that die where a test says, and what waits for them."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Final

import psutil
import pytest

from engine import wiring
from engine.activities.killpoints import WHERE, WHOM
from engine.cli import dev
from engine.cli.dev import DevStack
from engine.settings import Settings
from engine.temporal.embedded import EmbeddedServer

#: How long anything may take on a busy machine before a test gives up.
DEADLINE: Final = 90.0
_POLL: Final = 0.02


class Whom(StrEnum):
    """Who dies at a kill point."""

    WORKER = "worker"
    SERVER = "server"
    BOTH = "both"


class HastyServer(EmbeddedServer):
    """A server that takes a worker for dead after three silent seconds instead of ten."""

    def _arguments(self) -> list[str]:
        return [*super()._arguments(), '--dynamic-config-value=history.defaultWorkflowTaskTimeout="3s"']


@dataclass(frozen=True, slots=True)
class Armed:
    """The two processes that live now, the worker with its kill point."""

    whom: Whom
    worker: Popen[bytes]
    server: Popen[bytes]

    @property
    def doomed(self) -> list[Popen[bytes]]:
        """Those that the kill point kills."""
        return [
            *([] if self.whom is Whom.SERVER else [self.worker]),
            *([] if self.whom is Whom.WORKER else [self.server]),
        ]

    @property
    def spared(self) -> list[Popen[bytes]]:
        """Those that it does not."""
        return [process for process in (self.worker, self.server) if process not in self.doomed]

    async def strike(self) -> None:
        """Wait for the deaths; nothing else than a SIGKILL will do, and of nobody else."""
        await until(lambda: all(process.poll() is not None for process in self.doomed), "the kill point")

        assert [process.returncode for process in self.doomed] == [-signal.SIGKILL] * len(self.doomed)
        assert [process.poll() for process in self.spared] == [None] * len(self.spared)


class Stack(DevStack):
    """Server and worker of a folder, started again without the delays that spare a machine."""

    def __init__(self, settings: Settings, *, hasty: bool = True) -> None:
        super().__init__(settings, lambda: wiring.prepare_database(settings))
        if hasty:
            self.server = HastyServer(settings)

    @property
    def worker(self) -> Popen[bytes]:
        """The worker's process."""
        assert self._worker is not None
        return self._worker

    @property
    def server_process(self) -> Popen[bytes]:
        """The server's process."""
        assert self.server._process is not None
        return self.server._process

    def started_workers(self) -> set[int]:
        """Read in the log which workers said that they had started."""
        return {
            line["pid"] for line in log_lines(self.settings.worker_log) if line["event"] == "worker.started"
        }

    async def ready(self) -> None:
        """Wait until both are ready."""
        await asyncio.to_thread(self.wait_ready, DEADLINE)

    async def arm(self, point: str, whom: Whom) -> Armed:
        """Give the next worker a kill point, and wait until it and the server are at work."""
        await self.ready()
        server = self.server_process
        pids = {Whom.WORKER: "self", Whom.SERVER: f"{server.pid}", Whom.BOTH: f"{server.pid},self"}[whom]
        before = self.worker.pid
        await asyncio.to_thread(self.kill_worker, {WHERE: point, WHOM: pids})
        await self.ready()

        assert before != self.worker.pid
        assert psutil.Process(self.worker.pid).environ()[WHERE] == point
        assert server is self.server_process

        return Armed(whom, self.worker, server)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Start nothing again meanwhile: time to look at what the dead left."""
        with self._changing:
            yield


def log_lines(log: Path) -> list[dict[str, Any]]:
    """Read what a process of ours has told so far; a line that is being written is not a line yet."""
    whole = log.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


async def until(fact: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Wait for a fact."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        await asyncio.sleep(_POLL)


def is_gone(pid: int | None) -> bool:
    """Say whether a process has ended."""
    assert pid is not None
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def processes_on(folder: Path) -> list[int]:
    """Find every living process that was started on a folder, whoever started it."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in words):
            found.append(process.pid)
    return found


def python(*arguments: str | Path) -> Popen[str]:
    """Start a Python process that is talked to through pipes; end it with ``with``."""
    command = [sys.executable, "-P", *map(str, arguments)]
    return Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)


@contextmanager
def our_environment(cache: Path) -> Iterator[None]:
    """
    Run processes without settings from outside, and without the delays that protect a machine.

    They share a folder of compiled modules, so that a worker starts in a second.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("PASSATION_", "TEMPORAL_")):
                patch.delenv(name)
        patch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(cache))
        patch.setattr(dev, "_LONGEST_WAIT", 0.2)
        yield
