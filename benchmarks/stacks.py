"""A server and a worker of a folder of their own to measure on, and what they cost meanwhile."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import URL

from benchmarks import places
from engine import wiring
from engine.cli.dev import DevStack
from engine.desk.desk import Desk
from engine.records.database import Database
from engine.service import Service
from engine.settings import Settings
from engine.temporal.connection import connect

_MEGA = 2**20


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of processor time of the server, the worker and this process."""

    server: float
    worker: float
    client: float

    def since(self, before: "Cost", count: int) -> dict[str, float]:
        """Give what each of so many things has cost since."""
        return {
            "server ms": (self.server - before.server) / count,
            "worker ms": (self.worker - before.worker) / count,
            "client ms": (self.client - before.client) / count,
        }


@dataclass(frozen=True, slots=True)
class Running:
    """A running engine, and the way to it."""

    stack: DevStack
    database: Database
    service: Service

    def cost(self) -> Cost:
        """Read what each process has cost so far."""
        pids = (self.stack.server_pid, self.stack.worker_pid, None)
        times = [psutil.Process(pid).cpu_times() for pid in pids]
        return Cost(*(1000 * (spent.user + spent.system) for spent in times))

    def memory(self) -> dict[str, float]:
        """Read the resident memory of server and worker."""
        return {
            name: psutil.Process(pid).memory_info().rss / _MEGA
            for name, pid in (("server MiB", self.stack.server_pid), ("worker MiB", self.stack.worker_pid))
        }


@contextmanager
def running(kind: str) -> Iterator[Running]:
    """Run the engine on an empty folder, or on a PostgreSQL server, until the end."""
    with tempfile.TemporaryDirectory() as folder, places.where(kind) as place:
        if isinstance(place, URL):
            # The worker is a process of its own, and reads where the database is from here.
            os.environ["PASSATION_DATABASE"] = place.render_as_string(hide_password=False)
        settings = Settings.load(data=Path(folder))
        database = wiring.open_database(settings)
        try:
            with DevStack(settings, database.upgrade) as stack:
                service = Service(Desk(database), lambda: connect(stack.settings))
                yield Running(stack, database, service)
        finally:
            database.close()
            os.environ.pop("PASSATION_DATABASE", None)
