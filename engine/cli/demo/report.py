"""What the demo shows: each scene as it happens, then what was checked, and what to try next."""

import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Final
from uuid import UUID

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from engine.catalogue import label, sentence
from engine.cli.demo.checks import Finding
from engine.cli.demo.words import Words
from engine.errors import of_key
from engine.states.transfer import TransferState

DENIED: Final = "denied"
#: In the order of the columns.
OUTCOMES: Final = ("moved", "kept", "withheld", "cancelled", "deleted")

_INDENT: Final = "   "
_MOST_LINES: Final = 6
#: Of each scene in the table at the end.
_MOST_ROWS: Final = 6
_MOST_WRONG: Final = 3
_COLOURS: Final = {"accepted": "green", "pending_acceptance": "cyan", DENIED: "yellow"}
_WIDTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How one request ended."""

    scene: str
    record_number: str
    owner: str
    new_owner: str
    state: str
    seconds: float
    transfer_id: UUID | None = None
    rule: str | None = None
    imposed: bool = False
    counts: Counter[str] = field(default_factory=Counter)


class Report:
    """Writes to a terminal with live progress, elsewhere in plain lines."""

    def __init__(self, words: Words, *, to_stderr: bool) -> None:
        self.words = words
        self.console = Console(stderr=to_stderr, highlight=False)
        if not self.console.is_terminal:
            # Lines in a file are not cut to the width of a screen that is not there.
            self.console.width = _WIDTH
        self._scenes = 0
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def header(self, versions: str, where: str, web_ui: str | None) -> None:
        """Say what runs, and where."""
        self.console.print(Text(versions, style="bold"))
        facts = {"data": where} if web_ui is None else {"data": where, "web_ui": web_ui}
        width = max(len(self.words(name)) for name in facts)
        for name, fact in facts.items():
            line = Text.assemble((self.words(name).ljust(width + 2), "dim"), fact)
            self.console.print(line, soft_wrap=True)

    @contextmanager
    def working(self, key: str, total: int | None = None) -> Iterator[None]:
        """Show that something is under way, and how far it is; nothing of it stays on the screen."""
        self._progress = Progress(
            TextColumn(" "),
            SpinnerColumn(),
            TextColumn("{task.description}", style="dim"),
            _WhereCounted(BarColumn(bar_width=24)),
            _WhereCounted(MofNCompleteColumn()),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task(self.words(key), total=total)
        try:
            with self._progress:
                yield
        finally:
            self._progress = None

    def begin(self, key: str, total: int) -> None:
        """Show that the next part of what is under way begins."""
        if self._progress is not None:
            self._progress.reset(self._task, total=total, description=self.words(key))

    def stage(self, name: str, done: int, total: int) -> None:
        """Show how far a stage of an import is."""
        if done == 0:
            self.begin(f"import.{name}", total)
        else:
            self.advance()

    def advance(self) -> None:
        """Show that one more is done."""
        if self._progress is not None:
            self._progress.advance(self._task)

    def reach(self, done: int) -> None:
        """Show that so many are done."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done)

    @contextmanager
    def scene(self, key: str, **params: object) -> Iterator[None]:
        """Say in one sentence what happens now."""
        self._scenes += 1
        self.console.print()
        number = Text(str(self._scenes).ljust(len(_INDENT)), style="bold cyan")
        self._hanging(number, Text(self.words(f"scene.{key}", **params), style="bold"))
        with self.working("working"):
            yield

    def line(self, key: str, **params: object) -> None:
        """Say what happens inside a scene."""
        self._hanging(Text(f"{_INDENT}· ", style="dim"), Text(self.words(key, **params)))

    def tell(self, told: Sequence[Told]) -> None:
        """Say how a scene ended."""
        for one in told[:_MOST_LINES]:
            ended = Text.assemble(
                (one.record_number, "bold"),
                f"  {one.owner} → {one.new_owner}  ",
                self._state(one, self._words(one)),
                (f"  {self.words.seconds(one.seconds)}", "dim"),
            )
            self._hanging(Text(f"{_INDENT}✓ ", style="green"), ended)
            # Of many at once, the table at the end shows the numbers.
            if len(told) == 1:
                self._more(one)
        if len(told) > _MOST_LINES:
            self._aside(self.words("more", count=len(told) - _MOST_LINES))

    def _more(self, told: Told) -> None:
        """Say what became of the items, or what a person reads who is denied."""
        counts = [
            self.words(f"counts.{outcome}", count=told.counts[outcome])
            for outcome in OUTCOMES
            if told.counts[outcome]
        ]
        said = ", ".join(counts)
        if told.rule is not None:
            said = sentence(of_key(told.rule), self.words.language)
        if said:
            self._aside(said)

    def summary(self, told: Sequence[Told], findings: Sequence[Finding]) -> None:
        """Show every transfer in a table, then every check."""
        self.console.print()
        self.console.print(Text(self.words("transfers_title"), style="bold"))
        scenes = groupby(told, lambda one: one.scene)
        shown = [one for _, of_scene in scenes for one in islice(of_scene, _MOST_ROWS)]
        self._rows(self._transfers(shown))
        hidden = len(told) - len(shown)
        if hidden > 0:
            self._aside(self.words("more", count=hidden))
        self.console.print()
        self.console.print(Text(self.words("checks_title"), style="bold"))
        self._rows(self._checks(findings))

    def verdict(self, *, failed: int, seconds: float) -> None:
        """Say whether everything holds."""
        text, style = self.words("verdict.ok", seconds=self.words.seconds(seconds)), "bold green"
        if failed:
            text, style = self.words("verdict.failed", count=failed), "bold white on red"
        self.console.print()
        self.console.print(Text(text, style=style))

    def next_steps(self, steps: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Say what to try next: what for, and the command."""
        self.console.print()
        self.console.print(Text(self.words("next.title"), style="bold"))
        for what, command in steps:
            self.console.print(Text(f"{_INDENT}{what}", style="dim"))
            # Never broken: it is there to be copied.
            line = Text(f"{_INDENT}  {command_line(command)}")
            self.console.print(line, soft_wrap=True)

    def interrupted(self) -> None:
        """Say that somebody stopped it."""
        self.console.print()
        self.console.print(Text(self.words("interrupted"), style="yellow"))

    def _rows(self, table: Table) -> None:
        """Print a table under its title, without the blanks that would fill the last column."""
        with self.console.capture() as captured:
            self.console.print(Padding(table, (0, 0, 0, len(_INDENT)), expand=False))
        for line in captured.get().splitlines():
            self.console.out(line.rstrip(), highlight=False)

    def _aside(self, text: str) -> None:
        self._hanging(Text(f"{_INDENT}  "), Text(text, style="dim"))

    def _hanging(self, mark: Text, text: Text) -> None:
        """Print a paragraph whose later lines stand under its first word."""
        for line in text.wrap(self.console, self.console.width - len(mark)):
            line.rstrip()
            self.console.print(Text.assemble(mark, line), soft_wrap=True)
            mark = Text(" " * len(mark))

    def _words(self, told: Told) -> str:
        """Say how it ended; what was imposed never reads as an acceptance (OVR-1)."""
        return self.words("imposed") if told.imposed else label(f"state/{told.state}", self.words.language)

    def _state(self, told: Told, words: str) -> Text:
        if told.rule is not None:
            words = self.words("denied", rule=told.rule)
        return Text(words, style=_COLOURS.get(told.state, "magenta"))

    def _transfers(self, told: Sequence[Told]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for column in ("record", "from_to", "happened"):
            table.add_column(self.words(f"column.{column}"), no_wrap=True)
        for outcome in OUTCOMES:
            table.add_column(self.words(f"column.{outcome}"), justify="right", no_wrap=True)
        for one in told:
            numbers = (str(one.counts[outcome] or "·") if one.counts else "" for outcome in OUTCOMES)
            names = f"{_short(one.owner)} → {_short(one.new_owner)}"
            waits = one.state == TransferState.PENDING_ACCEPTANCE
            words = self.words("waiting") if waits else self._words(one)
            table.add_row(one.record_number, names, self._state(one, words), *numbers)
        return table

    def _checks(self, findings: Sequence[Finding]) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column()
        table.add_column(justify="right", no_wrap=True)
        for finding in findings:
            name = Text(self.words(f"check.{finding.key}"))
            counted = Text(self.words(f"counted.{finding.key}", count=finding.counted), style="dim")
            if finding.ok:
                table.add_row(Text("ok", style="green"), name, counted)
                continue
            shown = [*finding.wrong[:_MOST_WRONG], *(["…"] if len(finding.wrong) > _MOST_WRONG else [])]
            name.append(f"\n{', '.join(shown) or self.words('nothing_checked')}", style="red")
            table.add_row(Text(self.words("failed"), style="bold white on red"), name, counted)
        return table


class _WhereCounted(ProgressColumn):
    """A column for what is counted; what only takes its time has nothing there."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        """Draw the column, or nothing."""
        return Text("") if task.total is None else self._column.render(task)


def command_line(arguments: Sequence[str]) -> str:
    """Write a command of this program as it can be typed here."""
    return shlex.join([_program(), *arguments])


def _program() -> str:
    """Name this program; `uv run` finds it where the reader's shell does not."""
    if "UV" not in os.environ:
        return "passation"
    script = Path(sys.argv[0]).absolute()
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)


def _short(name: str) -> str:
    first, _, last = name.partition(" ")
    return f"{first[:1]}. {last}"
