"""The ``passation`` command on a data folder of its own: as a process, or quicker inside this one."""

import io
import json
import os
import shutil
import subprocess
import sysconfig
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from engine.cli.app import run

SCRIPT = shutil.which("passation", path=sysconfig.get_path("scripts")) or "passation"

ADMIN = "admin@nord.example"
LEA = "lea@nord.example"
MAX = "max@nord.example"
COORDINATOR = "coord@nord.example"
INACTIVE = "ina@nord.example"
FOREIGN = "zoe@sud.example"
UNKNOWN = "nobody@nord.example"
#: Somebody who works in both organizations.
BOTH = "both@travail.example"


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The one object on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:  # noqa: ANN401 - any JSON
        """The error on stderr."""
        return json.loads(self.err)["error"]


def environment(**more: str) -> dict[str, str]:
    """Give an environment in which nothing speaks of another folder, server or language."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("PASSATION_", "TEMPORAL_", "LC_", "LANG"))
    }
    return {**kept, "LANG": "C.UTF-8", "TEMPORAL_CONFIG_FILE": os.devnull, **more}


def inside(*arguments: str, stdin: bytes = b"", **variables: str) -> Answer:
    """Run the very arguments inside this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment(**variables), clear=True),
        patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run(arguments)
    return Answer(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True, slots=True)
class Cli:
    """The command on one data folder."""

    data: Path

    @property
    def database(self) -> Path:
        return self.data / "passation.db"

    def process(self, *arguments: str, **variables: str) -> Answer:
        """Type a command: a process of its own."""
        done = subprocess.run(
            [SCRIPT, *arguments, "--data", str(self.data)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment(**variables),
            timeout=60,
            check=False,
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def __call__(self, *arguments: str, stdin: bytes = b"", **variables: str) -> Answer:
        """Run a command inside this process, which is quicker."""
        return inside(*arguments, "--data", str(self.data), stdin=stdin, **variables)

    def done(self, *arguments: str) -> Any:  # noqa: ANN401 - any JSON
        """Run a command that must succeed, and give its object."""
        answer = self(*arguments, "--json")
        assert (answer.code, answer.err) == (0, "")
        return answer.json
