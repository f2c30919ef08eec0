"""A data folder with server and worker, for the examples of the pages."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine import wiring
from engine.cli.dev import DevStack
from engine.settings import Settings
from tests.acceptance.command import Answer, environment, inside
from tests.docs.markdown import ROOT

#: What the README types before the record is asked for.
PEOPLE: Final = (
    "org create Érables --administrator admin@erables.example",
    "member add alice@erables.example --as admin@erables.example --first-name A --last-name R --title x",
    "member add bruno@erables.example --as admin@erables.example --first-name B --last-name C --title x",
    "record add --as alice@erables.example --title Suivi --client Camille",
    "note add D-00001 --as alice@erables.example --text Rencontre. --signed",
)


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs on one data folder, and how to type commands on it."""

    settings: Settings
    address: str

    def passation(self, *arguments: str) -> Answer:
        """Type a command."""
        return inside(*arguments, "--data", str(self.settings.data))

    def done(self, *arguments: str) -> Any:  # noqa: ANN401 - any JSON
        """Type a command that must succeed, and give its object."""
        answer = self.passation(*arguments, "--json")
        assert answer.code == 0, answer.err
        return answer.json

    def python(self, program: str) -> str:
        """Run a program of a page in a process of its own, and give what it prints."""
        variables = environment(PASSATION_DATA=str(self.settings.data), PYTHONPATH=str(ROOT))
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, env=variables, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """Run server and worker on a fresh data folder."""
    settings = Settings.load(data=folder / "passation-data")
    with DevStack(settings, lambda: wiring.prepare_database(settings)) as dev:
        yield Stack(settings, dev.server.address)


def with_people(stack: Stack) -> Stack:
    """Make the people and the record of the README."""
    for line in PEOPLE:
        stack.done(*line.split())
    return stack
