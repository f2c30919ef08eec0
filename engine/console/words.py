"""
What pages say, in the reader's language: English sentences are the keys, French ones stand in the catalogues.

``locale/fr/*.po``, one file an area, are read at the start; no compiled file can lag behind them. Names of
states, classes and rules are those of the TOML catalogues, which every door shares.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po

FOLDER: Final = Path(__file__).parent / "locale"
#: Dates as they are written here.
_LOCALES: Final = {"fr": "fr_CA", "en": "en_CA"}
_DAY: Final = {"fr": "d MMMM y", "en": "MMMM d, y"}
_SHORT: Final = {"fr": "d MMM y", "en": "MMM d, y"}
_INSTANT: Final = {"fr": "d MMMM y, HH 'h' mm", "en": "MMMM d, y, h:mm a"}


def say(language: str, sentence: str, /, **values: str | int) -> str:
    """Give a sentence in a language, with its values in their places."""
    told = _sentences(language).get((sentence, 0), sentence)
    return told % values if values else told


def gettext(language: str, sentence: str) -> str:
    """Give a sentence in a language, as it stands in the catalogue."""
    return _sentences(language).get((sentence, 0), sentence)


def ngettext(language: str, one: str, many: str, count: int) -> str:
    """Give a sentence about a number of things; in French, none is singular."""
    plural = count > 1 if language == "fr" else count != 1
    return _sentences(language).get((one, int(plural) + 1), many if plural else one)


def day(language: str, found: date, *, short: bool = False) -> str:
    """Write a day."""
    return format_date(found, (_SHORT if short else _DAY)[language], locale=_LOCALES[language])


def instant(language: str, found: datetime, zone: str) -> str:
    """Write an instant as clocks in the organization show it."""
    return format_datetime(found, _INSTANT[language], tzinfo=ZoneInfo(zone), locale=_LOCALES[language])


def local_day(language: str, found: datetime, zone: str) -> str:
    """Write the day of an instant, as calendars in the organization show it."""
    return day(language, found.astimezone(ZoneInfo(zone)).date())


@cache
def _sentences(language: str) -> Mapping[tuple[str, int], str]:
    """Give every sentence: 0 for one without a number, 1 and 2 for the forms of one with a number."""
    found: dict[tuple[str, int], str] = {}
    for file in sorted((FOLDER / language).glob("*.po")):
        with file.open("rb") as stream:
            for message in read_po(stream, locale=language):
                if not message.id:
                    continue
                if isinstance(message.id, str):
                    found[message.id, 0] = str(message.string)
                else:
                    found |= {(message.id[0], form + 1): text for form, text in enumerate(message.string)}
    return found
