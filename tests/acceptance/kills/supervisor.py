"""The supervisor as a process of its own, as the command ``passation dev`` runs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen
from typing import Final

from engine.settings import Running, Settings
from tests.acceptance.kills.running import python

_SCRIPT: Final = """
import sys
from pathlib import Path
from engine import wiring
from engine.cli.dev import run_dev
from engine.settings import Settings
settings = Settings(data=Path(sys.argv[1]))
prepare = lambda: wiring.prepare_database(settings)
sys.exit(run_dev(settings, prepare, lambda stack: print("ready", flush=True), ui=False))
"""


@contextmanager
def supervised(settings: Settings) -> Iterator[tuple[Popen[str], Running]]:
    """Run a supervisor, its server and its worker; kill it at the end if nobody has ended it."""
    with python("-c", _SCRIPT, settings.data) as supervisor:
        try:
            assert supervisor.stdout is not None
            assert supervisor.stdout.readline() == "ready\n"
            running = settings.running()
            assert running is not None
            assert running.supervisor_pid == supervisor.pid
            yield supervisor, running
        finally:
            supervisor.kill()
