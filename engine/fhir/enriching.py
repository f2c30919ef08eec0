"""
What Synthea lacks, invented for trials: drafts, confidential items, raw data, shares, tasks, and so on.

The same seed invents the same for the same patient. Every text and name says that it is invented;
`imported` names every thing under a type that FHIR does not have (docs/import.md).
"""

import hashlib
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from engine.catalogue import label
from engine.records.enriching import InventedRestriction, InventedShare, Overlay
from engine.records.imported import INVENTED, Key
from engine.records.importing import Person, Thing, document_columns, note_columns
from engine.records.tables.base import Became
from engine.rules.writing import Access
from engine.states.choices import ShareLevel

#: How many sentences the catalogues have for texts.
SENTENCES: Final = 8
_READER, _WRITER, _FULL = (
    (INVENTED, "colleague/reader"),
    (INVENTED, "colleague/writer"),
    (INVENTED, "colleague/full"),
)
#: First names of women and of men, in French and in English.
_NAMES: Final = {"reader": "Camille", "writer": "Dominique", "full": "Claude"}
_SHARES: Final = {
    _READER: Access(level=ShareLevel.READ, approval=False),
    _WRITER: Access(level=ShareLevel.WRITE, approval=True),
    _FULL: Access(level=ShareLevel.FULL, approval=False),
}
_TEXT: Final = "text/plain; charset=utf-8"
_TABLE: Final = "text/csv; charset=utf-8"
_QUESTIONS: Final = 40
_LIKELY_RESTRICTED: Final = 0.5


def mark(seed: int) -> str:
    """Give the word that stands in everything that a seed invents."""
    return f"invented-{seed}"


class Enricher:
    """Invents an overlay for each patient."""

    def __init__(self, source: str, seed: int, language: str, now: datetime) -> None:
        self._source = source
        self._seed = seed
        self._language = language
        self._now = now

    def overlay(self, patient: Key) -> Overlay:
        """Invent what a patient's record lacks."""
        invention = _Invention(self._seed, self._language, self._now, patient)
        return Overlay(
            source=self._source,
            patient=patient,
            colleagues=[self._colleague(key) for key in _SHARES],
            shares=[
                InventedShare(source=invention.key("share"), colleague=colleague, access=access)
                for colleague, access in _SHARES.items()
            ],
            restrictions=list(invention.restrictions()),
            things=list(invention.things()),
        )

    def _colleague(self, key: Key) -> Person:
        name = key[1].rpartition("/")[2]
        own = hashlib.sha256(self._source.encode()).hexdigest()[:8]
        return Person(
            key=key,
            sha256=None,
            email=None,
            made_email=f"invented-{name}-{own}@import.invalid",
            first_name=_NAMES[name],
            last_name=self._word("surname"),
            title=self._word(f"title_{name}"),
            language=self._language,
            active=True,
        )

    def _word(self, name: str) -> str:
        return label(f"invented/{name}", self._language)


class _Invention:
    """What is drawn for one patient, in a fixed order."""

    def __init__(self, seed: int, language: str, now: datetime, patient: Key) -> None:
        self._chance = random.Random(f"{seed}/{patient[1]}")  # noqa: S311 - to be repeated, not to be secret
        self._seed = seed
        self._language = language
        self._now = now
        self._patient = patient
        self._count = 0

    def key(self, what: str) -> Key:
        """Name the next thing; no id of FHIR has a slash."""
        self._count += 1
        return INVENTED, f"{self._patient[1]}/{self._seed}/{what}-{self._count}"

    def restrictions(self) -> Iterator[InventedRestriction]:
        """Restrict about every second patient: a title, or the colleague who may only read."""
        if self._chance.random() < _LIKELY_RESTRICTED:
            named = self._chance.random() < _LIKELY_RESTRICTED
            yield InventedRestriction(
                source=self.key("restriction"),
                colleague=_READER if named else None,
                title=None if named else self._words("title_nobody"),
                basis=self._text(),
            )

    def things(self) -> Iterator[Thing]:
        """Give at least one item of every class that the source has none of."""
        for _ in self._some(2):
            yield self._note(signed=False)
        for _ in self._some(2):
            yield self._note(confidential=True)
        yield self._document(confidential=True)
        for _ in self._some(2):
            yield self._raw_data()
        for _ in self._some(2):
            yield self._thing(Became.TASK, body=self._text().encode(), columns={"due_on": self._due_on()})
        for _ in self._some(2):
            yield self._thing(Became.MEMO, body=self._text().encode())
        for _ in self._some(2):
            yield self._appointment(None)
        yield self._appointment(_FULL)
        yield self._note(author=_FULL, signed=False)
        yield self._note(author=_FULL, confidential=True)
        yield self._document(author=_FULL, confidential=True)
        yield self._note(author=_WRITER)

    def _some(self, most: int) -> range:
        return range(self._chance.randint(1, most))

    def _thing(self, became: Became, author: Key | None = None, **more: Any) -> Thing:  # noqa: ANN401 - its own
        return Thing(became=became, source=self.key(became.value), sha256=None, author=author, **more)

    def _note(self, author: Key | None = None, *, signed: bool = True, confidential: bool = False) -> Thing:
        columns = note_columns(
            signed_at=self._now if signed else None,
            confidential=confidential,
            # A collaborator's confidential note is for its author alone (VIS-6), and waits for nobody.
            author_only=confidential and author is not None,
            waits=author is not None and _SHARES[author].approval and not confidential,
        )
        return self._thing(Became.NOTE, author, body=self._text().encode(), columns=columns)

    def _document(self, author: Key | None = None, *, confidential: bool) -> Thing:
        columns = document_columns(
            self._name("txt"),
            _TEXT,
            confidential=confidential,
            author_only=confidential and author is not None,
        )
        return self._thing(Became.DOCUMENT, author, body=self._text().encode(), columns=columns)

    def _raw_data(self) -> Thing:
        answers = "\n".join(f"{number};{self._chance.randint(0, 4)}" for number in range(1, _QUESTIONS + 1))
        columns = {"name": self._name("csv"), "media_type": _TABLE}
        return self._thing(Became.RAW_DATA, body=f"{mark(self._seed)}\n{answers}\n".encode(), columns=columns)

    def _appointment(self, author: Key | None) -> Thing:
        day = self._now.replace(minute=0, second=0, microsecond=0) + timedelta(
            days=self._chance.randint(2, 60)
        )
        starts = day.replace(hour=self._chance.randint(13, 20))
        columns = {"starts_at": starts, "ends_at": starts + timedelta(minutes=50)}
        return self._thing(Became.APPOINTMENT, author, columns=columns)

    def _due_on(self) -> str:
        return (self._now.date() + timedelta(days=self._chance.randint(1, 30))).isoformat()

    def _name(self, ending: str) -> str:
        return f"{mark(self._seed)}-{self._chance.randrange(10**6):06}.{ending}"

    def _text(self) -> str:
        """Put two sentences together, and say that they are invented; for each patient other bytes."""
        numbers = self._chance.sample(range(1, SENTENCES + 1), 2)
        sentences = " ".join(self._words(f"sentence_{number}") for number in numbers)
        return f"{sentences} ({self._words('said')}, {mark(self._seed)}, {self._chance.randrange(10**6):06})"

    def _words(self, name: str) -> str:
        return label(f"invented/{name}", self._language)
