"""
An answer of every command: typed on a fresh folder, as `scenario.toml` says, and kept in `examples.json`.

What differs from run to run (ids, instants, ports, hashes) is replaced by stand-ins.
"""

import json
import re
import shlex
import subprocess
import sysconfig
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple

from tests.acceptance.command import environment, inside
from tests.docs.commands import named

FOLDER: Final = Path(__file__).parent
RECORDED: Final = FOLDER / "examples.json"
SCENARIO: Final = FOLDER / "scenario.toml"

#: Commands that answer nothing, and why.
WITHOUT_ANSWER: Final[Mapping[str, str]] = {
    "worker": "it runs until it is told to stop, and writes a log.",
    "web": "it runs until it is told to stop, and writes a log.",
}
_SCRIPT: Final = str(Path(sysconfig.get_path("scripts")) / "passation")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: What differs from run to run, and what stands there instead; the first that fits a place counts.
_STAND_INS: Final = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), "2026-11-30T15:00:00Z"),
    (re.compile(r"(?<![\w/.-])20[23]\d-\d\d-\d\d(?![\w-])"), "2026-11-30"),
    (re.compile(r"(?<!\d)20\d{6}T\d{6}Z"), "20261130T150000Z"),
    (re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----"), "-----BEGIN PUBLIC KEY-----…"),
    (re.compile(r"ey[\w-]+\.[\w-]+\.[\w-]+"), "eyJ0eXAi…"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:7233"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"), "e3b0c442…"),
    (re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{40,}={0,2}(?![\w+/=-])"), "MEUCIQ…"),
    (re.compile(r"(?<=: )\d+\.\d+(?=[,\n}\]])"), "0.5"),
)
_READY_SECONDS: Final = 120
#: A day a month ahead; it is shown as every day is.
_LATER: Final = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
_SHOWN: Final = "2026-11-30"


class Example(NamedTuple):
    """A command line as it was typed, how it ended, and its answer."""

    line: str
    code: int
    answer: Any

    def shown(self) -> str:
        """Give it as the page shows it."""
        typed = f"```console\n$ passation {self.line} --json\n```\n"
        ended = "" if self.code == 0 else f"\nEnds with {self.code}.\n"
        return f"{typed}\n```json\n{json.dumps(self.answer, ensure_ascii=False, indent=2)}\n```\n{ended}"


def recorded() -> dict[str, Example]:
    """Read the answers that were kept, by the command's words."""
    kept = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    return {path: Example(**example) for path, example in kept.items()}


def record(told: Callable[[str], object] = lambda _line: None) -> None:
    """Type the scenario and keep the answers."""
    found = {path: example._asdict() for path, example in play(told).items()}
    RECORDED.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def play(told: Callable[[str], object] = lambda _line: None) -> dict[str, Example]:
    """Type the scenario on a fresh folder, and give an answer of every command that it types."""
    steps = tomllib.loads(SCENARIO.read_text(encoding="utf-8"))["step"]
    with tempfile.TemporaryDirectory(prefix="passation-docs-") as name:
        folder = Path(name)
        player = _Player(folder)
        with _running(folder) as ready:
            player.keep("dev", 0, ready)
            for step in steps:
                told(step["run"])
                player.type(step)
        return player.found


class _Player:
    """Types line after line; remembers what later lines name, and the first answer of each command."""

    def __init__(self, folder: Path) -> None:
        self.found: dict[str, Example] = {}
        self._folder = folder
        self._names = {"FOLDER": str(folder), "LATER": _LATER}

    def type(self, step: Mapping[str, Any]) -> None:
        for name, text in step.get("files", {}).items():
            (self._folder / name).write_text(text, encoding="utf-8")
        line = Template(step["run"]).substitute(self._names)
        data = [] if "--data" in line else ["--data", str(self._folder / "passation-data")]
        code, answer = self._answered(line, data, step)
        for name, path in step.get("keep", {}).items():
            self._names[name] = str(_at(answer, path))
        if step.get("show", True):
            self.keep(line, code, answer)

    def _answered(self, line: str, data: list[str], step: Mapping[str, Any]) -> tuple[int, Any]:
        """Type a line; where the step waits for something that the engine does by itself, type it again."""
        until = time.monotonic() + _READY_SECONDS
        while True:
            done = inside(*shlex.split(line), *data, "--json", "--lang", "en")
            assert done.code == step.get("code", 0), f"{line}: {done.code} {done.err}"
            answer = json.loads(done.out or done.err)
            if all(_at(answer, path) == value for path, value in step.get("until", {}).items()):
                return done.code, answer
            assert time.monotonic() < until, f"{line}: {answer}"

    def keep(self, line: str, code: int, answer: Any) -> None:  # noqa: ANN401 - any JSON
        path = named(line)
        if path not in self.found:
            self.found[path] = _calm(Example(line, code, answer), str(self._folder))


def _at(answer: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    for part in path.split("."):
        if isinstance(answer, dict) and part not in answer:
            return None
        answer = answer[int(part)] if part.isdigit() else answer[part]
    return answer


def _calm(example: Example, folder: str) -> Example:
    """Replace what differs from run to run; an id keeps one stand-in, in the line and in its answer."""
    ids: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        return ids.setdefault(found[0], f"00000000-0000-4000-8000-{len(ids) + 1:012}")

    texts = [example.line, json.dumps(example.answer, ensure_ascii=False, indent=1)]
    for number, text in enumerate(texts):
        calm = _UUID.sub(stand_in, text.replace(f"{folder}/", "").replace(_LATER, _SHOWN))
        for pattern, instead in _STAND_INS if number else ():
            calm = pattern.sub(instead, calm)
        texts[number] = calm
    return Example(texts[0], example.code, json.loads(texts[1]))


@contextmanager
def _running(folder: Path) -> Iterator[Any]:
    """Run ``passation dev`` on the folder; give what it says when it is ready."""
    arguments = [_SCRIPT, "dev", "--json", "--data", str(folder / "passation-data")]
    with (folder / "dev.err").open("wb") as errors:
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=errors, env=environment(), cwd=folder
        )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, (folder / "dev.err").read_text(encoding="utf-8")
        yield json.loads(first)
    finally:
        process.terminate()
        process.communicate(timeout=_READY_SECONDS)
