"""
Makes pictures of every message, to be looked at: narrow and wide, light and dark.

``python -m tests.integration.notices.pictures FOLDER`` writes them there; ``--letters`` writes the snapshots.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.notices.letters import Letter
from engine.records.database import Database
from tests.integration.notices.every_letter import LANGUAGES, every_letter

LETTERS: Final = Path(__file__).parent / "letters"
_CHROMIUM: Final = "/usr/bin/chromium"
_WIDTHS: Final = (390, 700)
_SCHEMES: Final = ("light", "dark")
_Letters = Mapping[tuple[str, str], Letter]


def as_text(found: _Letters, language: str) -> str:
    """Put the texts of a language one after the other, each under its subject."""
    told = (
        f"==== {kind}\nTo: {letter.to_name} <{letter.to}>\nSubject: {letter.subject}\n\n{letter.text}"
        for (kind, spoken), letter in found.items()
        if spoken == language
    )
    return "\n".join(told)


def as_page(found: _Letters, language: str) -> str:
    """Put the pages of a language one after the other."""
    told = (
        f"<!-- {kind} -->\n{letter.html}" for (kind, spoken), letter in found.items() if spoken == language
    )
    return "\n".join(told)


def written() -> dict[tuple[str, str], Letter]:
    """Write every message on a database that nobody needs afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "passation.sqlite3")
        database.upgrade()
        try:
            return every_letter(database)
        finally:
            database.close()


def draw(found: _Letters, folder: Path) -> int:
    """Draw each message in each width and scheme; return how many pictures there are."""
    from playwright.sync_api import sync_playwright

    count = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        for width in _WIDTHS:
            for scheme in _SCHEMES:
                page = browser.new_page(
                    viewport={"width": width, "height": 200},
                    color_scheme="dark" if scheme == "dark" else "light",
                )
                for (kind, language), letter in found.items():
                    page.set_content(letter.html)
                    page.screenshot(path=folder / f"{kind}-{language}-{width}-{scheme}.png", full_page=True)
                    count += 1
        browser.close()
    return count


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--letters", action="store_true")
    given = parser.parse_args()
    found = written()
    if given.letters:
        LETTERS.mkdir(exist_ok=True)
        for language in LANGUAGES:
            (LETTERS / f"{language}.txt").write_text(as_text(found, language), encoding="utf-8")
            (LETTERS / f"{language}.html").write_text(as_page(found, language), encoding="utf-8")
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        sys.stdout.write(f"{draw(found, given.folder)} pictures in {given.folder}\n")


if __name__ == "__main__":
    main()
