"""Which rules there are, and which files of the project cite them."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from engine.rules.content import ContentClass
from engine.states.transfer import TransferTrigger
from tests.docs.markdown import ROOT, rows

FAMILIES: Final = ("ROLE", "VIS", "ELIG", "MOVE", "ST", "OVR", "BULK", "AUD", "NOTE")
RULES_PAGE: Final = ROOT / "docs" / "rules.md"

_ID: Final = re.compile(rf"(?<![\w-])(?:(?:MOVE|ST)-T/[a-z_]+|(?:{'|'.join(FAMILIES)})-\d+(?!\d))")
_SUFFIXES: Final = frozenset({".py", ".sql", ".toml"})
#: What speaks of rules without enforcing or proving any.
_NOT_CITING: Final = ("tests/docs", "engine/catalogues", "engine/cli/demo")


def ids(text: str) -> set[str]:
    """Give the rules that a text cites; a denial's key cites its rule."""
    return set(_ID.findall(text))


def documented() -> dict[str, str]:
    """Give every rule of docs/rules.md with its sentence."""
    found = (row for row in rows(RULES_PAGE.read_text(encoding="utf-8")) if len(row) == 2)
    return {anchor[1]: row[1] for row in found if (anchor := re.search(r"`([A-Z]+-\d+)`", row[0]))}


def listed() -> set[str]:
    """Give every rule id that exists: of docs/rules.md, of the classes of content, of the state table."""
    tables = {f"MOVE-T/{name}" for name in ContentClass} | {f"ST-T/{name}" for name in TransferTrigger}
    return documented().keys() | tables


def in_product() -> dict[str, list[Path]]:
    """Give the files of the product that cite each rule."""
    return _citing("engine", "worker.py")


def in_tests() -> dict[str, list[Path]]:
    """Give the files of the tests that cite each rule."""
    return _citing("tests")


@cache
def _citing(*names: str) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in _files(*names):
        for rule in ids(file.read_text(encoding="utf-8")) | _in_names(file):
            found.setdefault(rule, []).append(file.relative_to(ROOT))
    return found


def _files(*names: str) -> Iterator[Path]:
    for name in names:
        path = ROOT / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            place = file.relative_to(ROOT).as_posix()
            if file.suffix in _SUFFIXES and not place.startswith(_NOT_CITING):
                yield file


def _in_names(file: Path) -> set[str]:
    """Give the rules that the names of tests cite, such as ``test_elig_3_…``."""
    if file.suffix != ".py":
        return set()
    families = "|".join(FAMILIES).lower()
    found = re.findall(rf"def test_({families})_(\d+)(?=_|\()", file.read_text(encoding="utf-8"))
    return {f"{family.upper()}-{number}" for family, number in found}
