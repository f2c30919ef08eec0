"""What each resource of a patient becomes here (docs/import.md); nothing is dropped without a word."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from engine.catalogue import label
from engine.fhir import canonical, checking
from engine.fhir.index import Index, Key, listed
from engine.records.importing import Parcel, Person, Thing, document_columns, note_columns, one_line
from engine.records.tables.base import Became

JSON: Final = "application/fhir+json"
#: What a bill says stays with the one who wrote it, unless confidential items move (MOVE-T/invoice).
_BILLING: Final = frozenset({"Claim", "ClaimResponse", "ExplanationOfBenefit", "Invoice", "PaymentNotice"})
_PROFILES: Final = frozenset({"RelatedPerson", "Organization"})
_STANDS: Final = frozenset(
    {
        *("planned", "arrived", "triaged", "in-progress", "onleave", "finished"),
        *("booked", "fulfilled", "checked-in"),
    }
)
#: Where a resource names the practitioner who wrote it, or whose it is.
_AUTHORS: Final = (
    "author",
    "performer",
    "recorder",
    "asserter",
    "requester",
    "provider",
    "participant",
    "actor",
)
_DATES: Final = (
    *("date", "issued", "effectiveDateTime", "recorded", "recordedDate", "authoredOn", "occurrenceDateTime"),
    *("performedDateTime", "created", "onsetDateTime"),
)
_PERIODS: Final = ("period", "performedPeriod", "effectivePeriod", "billablePeriod", "occurrencePeriod")
_MOST_CENTS: Final = 10**12
_LONGEST_ADDRESS: Final = 254
_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


class Mapper:
    """Makes the parcels of patients from an index."""

    def __init__(self, index: Index, source: str, zone: tzinfo, language: str, now: datetime) -> None:
        self._index = index
        self._source = source
        self._zone = zone
        self._language = language
        self._now = now
        self._people: dict[Key, Person] = {}

    def parcel(self, patient: Key) -> Parcel:
        """Make everything that is to be written for one patient."""
        index = self._index
        resource = index.resource(patient)
        things = [thing for key in index.of_patient[patient] for thing in self._things(key)]
        owner = index.last_practitioner.get(patient)
        needed = {thing.author for thing in things if thing.author is not None}
        needed |= set() if owner is None else {owner}
        begun = [thing.at for thing in things if thing.at is not None and thing.became is Became.APPOINTMENT]
        return Parcel(
            source=self._source,
            patient=patient,
            sha256=index.sha256(patient),
            name=_name(resource, "/".join(patient)),
            email=_email(resource),
            language=_language(resource, self._language),
            title=label("import/title", self._language),
            opened_on=min(begun).astimezone(self._zone).date() if begun else None,
            owner=owner,
            people=[self.person(key) for key in sorted(needed - index.earlier)],
            earlier=sorted(needed & index.earlier),
            things=things,
        )

    def person(self, key: Key) -> Person:
        """Make a member of a practitioner."""
        if key not in self._people:
            self._people[key] = self._person(key)
        return self._people[key]

    def _person(self, key: Key) -> Person:
        resource = self._index.resource(key)
        roles = [self._index.resource(role) for role in self._index.roles.get(key, [])]
        first, last = _names(resource)
        stands_in = hashlib.sha256(f"{self._source}/{key[1]}".encode()).hexdigest()[:16]
        return Person(
            key=key,
            sha256=self._index.sha256(key),
            email=next(filter(None, (_email(found) for found in [resource, *roles])), None),
            made_email=f"practitioner-{stands_in}@import.invalid",
            first_name=one_line(first, "?"),
            last_name=one_line(last, "?"),
            title=_title(resource, roles),
            language=_language(resource, self._language),
            active=resource.get("active", True) is not False,
        )

    def _things(self, key: Key) -> Iterator[Thing]:
        resource = self._index.resource(key)
        author = self._author(resource)
        at = self._at(resource)
        own = list(self._own(key, resource, author, at))
        yield from own
        if key[0] in _PROFILES:
            return
        yield Thing(
            became=Became.DOCUMENT,
            source=key,
            sha256=self._index.sha256(key),
            part="json",
            author=author,
            at=at,
            body=self._rest(key, resource, {thing.part for thing in own}),
            columns=document_columns(f"{key[0]}-{key[1]}.json", JSON, confidential=key[0] in _BILLING),
        )

    def _own(self, key: Key, resource: Any, author: Key | None, at: datetime | None) -> Iterator[Thing]:  # noqa: ANN401 - JSON
        match key[0]:
            case "DocumentReference" | "DiagnosticReport":
                yield from self._attachments(key, resource, author, at)
            case "Encounter":
                yield from self._appointment(key, resource, resource.get("period"), author)
            case "Appointment":
                yield from self._appointment(key, resource, resource, author)
            case "Claim":
                yield from self._invoice(key, resource, at)
            case "RelatedPerson" | "Organization":
                yield self._thing(
                    Became.PROFILE,
                    key,
                    at=at,
                    body=self._index.content(key),
                    columns={
                        "name": one_line(_any_name(resource), "/".join(key)),
                        "relationship": _relationship(key, resource),
                    },
                )

    def _thing(self, became: Became, key: Key, **more: Any) -> Thing:  # noqa: ANN401 - the thing's own
        return Thing(became=became, source=key, sha256=self._index.sha256(key), **more)

    def _attachments(
        self, key: Key, resource: dict[str, Any], author: Key | None, at: datetime | None
    ) -> Iterator[Thing]:
        for part, attachment in _attachments(key, resource):
            body = checking.unpack(attachment["data"])
            said = attachment.get("contentType")
            media_type = one_line(said if isinstance(said, str) else "", "application/octet-stream")
            # Who did not write here, or when, cannot be guessed: then it is a file, not a signed note.
            written = author is not None and at is not None
            if key[0] == "DocumentReference" and written and _is_text(media_type, body):
                columns = note_columns(signed_at=at)
                yield self._thing(
                    Became.NOTE, key, part=part, author=author, at=at, body=body, columns=columns
                )
            else:
                title = attachment.get("title")
                name = one_line(title if isinstance(title, str) else "", "-".join(key))
                columns = document_columns(name, media_type)
                yield self._thing(
                    Became.DOCUMENT, key, part=part, author=author, at=at, body=body, columns=columns
                )

    def _rest(self, key: Key, resource: dict[str, Any], parts: set[str]) -> bytes:
        """Give a resource's JSON; without the data of attachments that became items of their own."""
        taken = [attachment for part, attachment in _attachments(key, resource) if part in parts]
        if not taken:
            return self._index.content(key)
        for attachment in taken:
            del attachment["data"]
        return canonical.write(resource)

    def _appointment(self, key: Key, resource: Any, period: Any, author: Key | None) -> Iterator[Thing]:  # noqa: ANN401 - JSON
        # Compared one by one: what stands there may be a list, which no set can be asked for.
        stands = any(resource.get("status") == word for word in _STANDS)
        if not isinstance(period, dict) or not stands or author is None:
            return
        starts, ends = (checking.instant(period.get(word), self._zone) for word in ("start", "end"))
        if starts is not None and ends is not None and starts <= ends:
            yield self._thing(
                Became.APPOINTMENT,
                key,
                author=author,
                at=min(starts, self._now),
                columns={"starts_at": starts, "ends_at": ends},
            )

    def _invoice(self, key: Key, resource: dict[str, Any], at: datetime | None) -> Iterator[Thing]:
        total = resource.get("total")
        issued = checking.day(resource.get("created"))
        if not isinstance(total, dict) or issued is None:
            return
        cents, currency = _cents(total.get("value")), total.get("currency")
        if cents is None or not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
            return
        columns = {
            "number": key[1],
            "amount_cents": cents,
            "currency": currency,
            "issued_on": issued.isoformat(),
        }
        yield self._thing(Became.INVOICE, key, at=at, columns=columns)

    def _author(self, resource: dict[str, Any]) -> Key | None:
        for word in _AUTHORS:
            found = resource.get(word)
            for reference in listed(found if isinstance(found, list) else [found]):
                for named in (reference, *(reference.get(inner) for inner in ("individual", "actor"))):
                    practitioner = self._index.practitioner(named) if isinstance(named, dict) else None
                    if practitioner is not None:
                        return practitioner
        return None

    def _at(self, resource: dict[str, Any]) -> datetime | None:
        """Say when a resource says that it was; nothing is later than now."""
        periods = [resource[word].get("start") for word in _PERIODS if isinstance(resource.get(word), dict)]
        for text in [*(resource.get(word) for word in _DATES), *periods]:
            found = checking.instant(text, self._zone)
            if found is not None:
                return found if resource["resourceType"] == "DocumentReference" else min(found, self._now)
        return None


def _attachments(key: Key, resource: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """List the attachments that bring their bytes along, each with its place."""
    if key[0] == "DocumentReference":
        found = [content.get("attachment") for content in listed(resource.get("content"))]
    elif key[0] == "DiagnosticReport":
        found = list(listed(resource.get("presentedForm")))
    else:
        found = []
    return [
        (f"attachment {place}", attachment)
        for place, attachment in enumerate(found)
        if isinstance(attachment, dict)
        and isinstance(attachment.get("data"), str)
        and attachment["data"].strip()
    ]


def _is_text(media_type: str, body: bytes) -> bool:
    if not media_type.lower().startswith("text/") or not body.strip():
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _cents(value: Any) -> int | None:  # noqa: ANN401 - what a resource says
    try:
        cents = (Decimal(value) * 100).quantize(Decimal(1), ROUND_HALF_UP) if value is not None else None
    except (ArithmeticError, TypeError, ValueError):
        return None
    return None if cents is None or not -_MOST_CENTS < cents < _MOST_CENTS else int(cents)


def _human(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    names = listed(resource.get("name"))
    official = [name for name in names if name.get("use") in ("official", "usual")]
    return next(iter(official or names), {})


def _names(resource: Mapping[str, Any]) -> tuple[str, str]:
    name = _human(resource)
    given, family, text = name.get("given"), name.get("family"), name.get("text")
    words = [word for word in given if isinstance(word, str)] if isinstance(given, list) else []
    otherwise = text if isinstance(text, str) else ""
    return " ".join(words), family if isinstance(family, str) else otherwise


def _name(resource: Mapping[str, Any], otherwise: str) -> str:
    return one_line(" ".join(filter(None, _names(resource))), otherwise)


def _any_name(resource: Mapping[str, Any]) -> str:
    name = resource.get("name")
    return name if isinstance(name, str) else " ".join(filter(None, _names(resource)))


def _email(resource: Mapping[str, Any]) -> str | None:
    for contact in listed(resource.get("telecom")):
        value = contact.get("value")
        if contact.get("system") == "email" and isinstance(value, str):
            address = value.strip().lower()
            if _ADDRESS.fullmatch(address) and address.isprintable() and len(address) <= _LONGEST_ADDRESS:
                return address
    return None


def _language(resource: Mapping[str, Any], otherwise: str) -> str:
    for communication in listed(resource.get("communication")):
        spoken = communication.get("language", communication)
        for coding in listed(spoken.get("coding") if isinstance(spoken, dict) else None):
            code = str(coding.get("code", ""))[:2].lower()
            if code in {"fr", "en"}:
                return code
    return otherwise


def _title(resource: Mapping[str, Any], roles: Sequence[Mapping[str, Any]]) -> str:
    concepts = [
        *(concept for role in roles for word in ("code", "specialty") for concept in listed(role.get(word))),
        *(
            found["code"]
            for found in listed(resource.get("qualification"))
            if isinstance(found.get("code"), dict)
        ),
    ]
    return one_line(next(filter(None, map(_words, concepts)), ""), "")


def _words(concept: Mapping[str, Any]) -> str:
    text = concept.get("text")
    if isinstance(text, str) and text.strip():
        return text
    shown = (coding.get("display") for coding in listed(concept.get("coding")))
    return next((words for words in shown if isinstance(words, str) and words), "")


def _relationship(key: Key, resource: Mapping[str, Any]) -> str:
    if key[0] == "Organization":
        return "organization"
    words = next(filter(None, map(_words, listed(resource.get("relationship")))), "")
    return one_line(words, "related person")
