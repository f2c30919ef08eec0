"""Where the histories are: a folder for each release, in it one for each workflow; a path is two files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHistory

FOLDER: Final = Path(__file__).parent
#: The release whose paths are being recorded.
RELEASE: Final = "0.1"
_CHANGELOG: Final = FOLDER.parents[1] / "CHANGELOG.md"


@dataclass(frozen=True, slots=True, order=True)
class Recorded:
    """A path of a workflow under one release: its history, and the commands that belong to it."""

    release: str
    workflow: str
    name: str

    @property
    def history_file(self) -> Path:
        """What happened."""
        return FOLDER / self.release / self.workflow / f"{self.name}.json"

    @property
    def commands_file(self) -> Path:
        """What the workflow asked for."""
        return self.history_file.with_suffix(".txt")

    def history(self) -> WorkflowHistory:
        """Read what happened."""
        return WorkflowHistory.from_json(self.name, self.history_file.read_text(encoding="utf-8"))

    def __str__(self) -> str:
        return f"{self.release}/{self.workflow}/{self.name}"


def every() -> Iterator[Recorded]:
    """Find every path of every release."""
    for file in sorted(FOLDER.glob("*/*/*.json")):
        yield Recorded(file.parts[-3], file.parts[-2], file.stem)


def is_released() -> bool:
    """Say whether the release is out: transfers may have run under it, and what was recorded stays."""
    return f"\n## [{RELEASE}" in _CHANGELOG.read_text(encoding="utf-8")
