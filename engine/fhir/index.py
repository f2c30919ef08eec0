"""
The first pass: read everything once, judge it, and remember where each resource is and whom it is about.

What was read is kept in a file without a name, as canonical bytes; memory holds a line for each resource.
"""

import hashlib
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from engine.errors import BadInput
from engine.fhir import canonical, checking, files
from engine.fhir.files import Entry

Key = tuple[str, str]
#: Types that are people who write, not part of anybody's record.
PEOPLE: Final = frozenset({"Practitioner", "PractitionerRole"})
#: The most resources that one patient's transaction writes.
MOST_RESOURCES: Final = 20_000
_SUBJECTS: Final = ("subject", "patient", "beneficiary", "individual")
_VERSION: Final = re.compile(r"/_history/[^/]+$")
_RELATIVE: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_CONDITIONAL: Final = re.compile(r"([A-Z][A-Za-z]+)\?identifier=(?:([^|]*)\|)?(.+)")


def _spool() -> Any:  # noqa: ANN401 - a file in binary mode
    return tempfile.TemporaryFile(prefix="passation-")


@dataclass(slots=True)
class Line:
    """What the index remembers of one resource."""

    key: Key
    file: str
    entry: int
    sha256: bytes
    offset: int
    length: int
    #: Numbers of the references that it makes.
    references: tuple[int, ...]
    #: The reference that says whom it is about, if it says so.
    subject: int | None
    patient: Key | None = None


@dataclass(slots=True)
class Index:
    """Every resource of the input, and what is known of it; ``close`` when done."""

    lines: dict[Key, Line] = field(default_factory=dict)
    read: Counter[str] = field(default_factory=Counter)
    #: Resources of each patient, in the order of the input.
    of_patient: dict[Key, list[Key]] = field(default_factory=dict)
    #: Why a resource is in nobody's record.
    skipped: dict[Key, str] = field(default_factory=dict)
    #: For each patient, the practitioner of the most recent encounter.
    last_practitioner: dict[Key, Key] = field(default_factory=dict)
    #: For each practitioner, the roles that name them.
    roles: dict[Key, list[Key]] = field(default_factory=lambda: defaultdict(list))
    #: What the input refers to and an earlier import brought.
    earlier: set[Key] = field(default_factory=set)
    files: int = 0
    _urls: dict[str, Key] = field(default_factory=dict)
    _identifiers: dict[tuple[str, str | None, str], set[Key]] = field(
        default_factory=lambda: defaultdict(set)
    )
    _numbers: dict[str, int] = field(default_factory=dict)
    _targets: list[Key | None] = field(default_factory=list)
    #: Numbers of the references to patients whom an earlier import brought.
    _of_before: set[int] = field(default_factory=set)
    _encounters: list[tuple[Key, datetime, list[str]]] = field(default_factory=list)
    _spool: Any = field(default_factory=_spool)

    def close(self) -> None:
        """Give the space back."""
        self._spool.close()

    def add(self, entry: Entry, now: datetime) -> None:
        """Judge one resource and take it in. Raises ``BadInput``."""
        key = checking.check(entry, now)
        self.read[key[0]] += 1
        name = "/".join(key)
        try:
            written = canonical.write(entry.resource)
        except ValueError:
            raise BadInput("fhir_not_json", file=entry.file, entry=entry.entry) from None
        sha256 = hashlib.sha256(written).digest()
        if entry.full_url is not None and self._urls.setdefault(entry.full_url, key) != key:
            raise BadInput("fhir_twice", file=entry.file, entry=entry.entry, resource=name)
        before = self.lines.get(key)
        if before is not None:
            if before.sha256 != sha256:
                raise BadInput("fhir_twice", file=entry.file, entry=entry.entry, resource=name)
            self.read[key[0]] -= 1
            return
        offset = self._spool.tell()
        self._spool.write(written)
        references, inside = _references(entry.resource)
        if not inside:
            raise BadInput("fhir_reference", file=entry.file, entry=entry.entry, resource=name)
        subject = next(
            (
                entry.resource[word]["reference"]
                for word in _SUBJECTS
                if isinstance(entry.resource.get(word), dict)
                and isinstance(entry.resource[word].get("reference"), str)
            ),
            None,
        )
        self.lines[key] = Line(
            key,
            entry.file,
            entry.entry,
            sha256,
            offset,
            len(written),
            tuple(self._number(reference) for reference in references),
            None if subject is None or subject.startswith("#") else self._number(subject),
        )
        for system, value in _identifiers(entry.resource):
            self._identifiers[key[0], system, value].add(key)
            self._identifiers[key[0], None, value].add(key)
        if key[0] == "Encounter":
            self._note_encounter(key, entry.resource)

    def content(self, key: Key) -> bytes:
        """Read a resource's canonical bytes again."""
        line = self.lines[key]
        self._spool.seek(line.offset)
        found: bytes = self._spool.read(line.length)
        return found

    def resource(self, key: Key) -> Any:  # noqa: ANN401 - JSON
        """Read a resource again."""
        return canonical.read(self.content(key).decode())

    def sha256(self, key: Key) -> str:
        """Give the digest of a resource's canonical bytes."""
        return self.lines[key].sha256.hex()

    def resolve(self, reference: Any) -> Key | None:  # noqa: ANN401 - what a resource says
        """Find what a reference leads to in the input."""
        if isinstance(reference, dict) and isinstance(reference.get("identifier"), dict):
            identifier = reference["identifier"]
            system, value = identifier.get("system"), identifier.get("value")
            right = isinstance(value, str) and (system is None or isinstance(system, str))
            by_identifier = self._one("Practitioner", system, value) if right else None
            if "reference" not in reference:
                return by_identifier
        if isinstance(reference, dict):
            reference = reference.get("reference")
        return self._target(reference) if isinstance(reference, str) else None

    def practitioner(self, reference: Any) -> Key | None:  # noqa: ANN401 - what a resource says
        """Find the practitioner that a reference leads to: directly, by a role, or imported before."""
        found = self.resolve(reference)
        if found is None and isinstance(reference, dict):
            found = self._earlier(reference.get("reference"))
        if found is not None and found[0] == "PractitionerRole":
            found = self.resolve(self.resource(found).get("practitioner"))
        return found if found is not None and found[0] == "Practitioner" else None

    def settle(self, imported: Callable[[Iterable[Key]], Iterable[Key]]) -> None:
        """
        Follow every reference, and find out to whose record each resource belongs.

        Raises ``BadInput`` for a reference that leads nowhere: not in the input, and not imported before.
        """
        self._targets = [self._target(reference) for reference in self._numbers]
        self._refuse_dangling(imported)
        self._find_patients()
        for key in self.lines:
            if key[0] == "PractitionerRole":
                practitioner = self.resolve(self.resource(key).get("practitioner"))
                if practitioner is not None:
                    self.roles[practitioner].append(key)
        self._find_last_practitioners()
        for patient, keys in self.of_patient.items():
            if len(keys) > MOST_RESOURCES:
                line = self.lines[patient]
                raise BadInput(
                    "fhir_patient_too_large",
                    file=line.file,
                    entry=line.entry,
                    resource="/".join(patient),
                    most=MOST_RESOURCES,
                )

    def _number(self, reference: str) -> int:
        return self._numbers.setdefault(reference, len(self._numbers))

    def _note_encounter(self, key: Key, resource: dict[str, Any]) -> None:
        period = resource.get("period")
        start = checking.instant(period.get("start") if isinstance(period, dict) else None, UTC)
        found = [
            reference
            for participant in listed(resource.get("participant"))
            if isinstance(participant.get("individual"), dict)
            and isinstance(reference := participant["individual"].get("reference"), str)
        ]
        if start is not None and found:
            self._encounters.append((key, start, found))

    def _one(self, kind: str, system: str | None, value: str) -> Key | None:
        found = self._identifiers.get((kind, system, value), set())
        return next(iter(found)) if len(found) == 1 else None

    def _target(self, reference: str) -> Key | None:
        if reference in self._urls:
            return self._urls[reference]
        conditional = _CONDITIONAL.fullmatch(reference)
        if conditional is not None:
            return self._one(conditional[1], conditional[2], conditional[3])
        named = _named(reference)
        return named if named in self.lines else None

    def _earlier(self, reference: Any) -> Key | None:  # noqa: ANN401 - what a resource says
        named = _named(reference) if isinstance(reference, str) else None
        return named if named in self.earlier else None

    def _refuse_dangling(self, imported: Callable[[Iterable[Key]], Iterable[Key]]) -> None:
        texts = list(self._numbers)
        missing = {number for number, target in enumerate(self._targets) if target is None}
        named = {number: key for number in missing if (key := _named(texts[number])) is not None}
        self.earlier = set(imported(named.values()))
        nowhere = {number for number in missing if named.get(number) not in self.earlier}
        if not nowhere:
            return
        for line in self.lines.values():
            found = next((number for number in line.references if number in nowhere), None)
            if found is not None:
                name = "/".join(line.key)
                if found in named:
                    raise BadInput("fhir_reference", file=line.file, entry=line.entry, resource=name)
                # What is named otherwise than by type and id has a meaning inside one import only.
                raise BadInput("fhir_reference_inside", file=line.file, entry=line.entry, resource=name)

    def _find_patients(self) -> None:
        self._of_before = {
            number
            for number, text in enumerate(self._numbers)
            if self._targets[number] is None and (_named(text) or ("",))[0] == "Patient"
        }
        for line in self.lines.values():
            if line.key[0] == "Patient":
                line.patient = line.key
            elif line.key[0] not in PEOPLE:
                self._ask_directly(line)
        self._ask_neighbours()
        shared = self._reached()
        for key, line in self.lines.items():
            if line.patient is not None:
                self.of_patient.setdefault(line.patient, []).append(key)
        for patient, keys in shared.items():
            self.of_patient[patient] += sorted(keys)
        everywhere = {key for keys in shared.values() for key in keys}
        for key, line in self.lines.items():
            if line.patient is None and key not in everywhere and key[0] not in PEOPLE:
                self.skipped.setdefault(key, "no_patient")

    def _ask_directly(self, line: Line) -> None:
        subject = None if line.subject is None else self._targets[line.subject]
        if subject is not None and subject[0] == "Patient":
            line.patient = subject
            return
        if line.subject in self._of_before:
            self.skipped[line.key] = "later"
            return
        found = {target for number in line.references if (target := self._targets[number]) is not None}
        patients = {target for target in found if target[0] == "Patient"}
        if len(patients) == 1:
            (line.patient,) = patients
        elif patients:
            self.skipped[line.key] = "several_patients"

    def _ask_neighbours(self) -> None:
        """What refers to the resources of one patient alone is about them too, such as a provenance."""
        changed = True
        while changed:
            changed = False
            for line in self.lines.values():
                if line.patient is None and line.key[0] not in PEOPLE and line.key not in self.skipped:
                    about = {
                        patient
                        for number in line.references
                        if (target := self._targets[number]) is not None
                        and (patient := self.lines[target].patient) is not None
                    }
                    if len(about) == 1:
                        (line.patient,) = about
                        changed = True

    def _reached(self) -> dict[Key, set[Key]]:
        """Find what is nobody's own but referred to: an organization, a medication; in each such record."""
        found: dict[Key, set[Key]] = defaultdict(set)
        waiting = [(line.patient, line) for line in self.lines.values() if line.patient is not None]
        while waiting:
            patient, line = waiting.pop()
            for number in line.references:
                target = self._targets[number]
                if target is None or target[0] in PEOPLE or target in self.skipped:
                    continue
                if self.lines[target].patient is None and target not in found[patient]:
                    found[patient].add(target)
                    waiting.append((patient, self.lines[target]))
        return found

    def _find_last_practitioners(self) -> None:
        latest: dict[Key, datetime] = {}
        for key, start, references in self._encounters:
            patient = self.lines[key].patient
            if patient is None or start <= latest.get(patient, datetime.min.replace(tzinfo=UTC)):
                continue
            found = next(filter(None, (self.practitioner({"reference": text}) for text in references)), None)
            if found is not None:
                latest[patient], self.last_practitioner[patient] = start, found


def read_all(
    paths: list[Path],
    now: datetime,
    imported: Callable[[Iterable[Key]], Iterable[Key]],
    progress: Callable[[int, int], None],
) -> Index:
    """Read every file into an index, and settle it. Raises ``BadInput``; nothing is written."""
    index = Index()
    try:
        found = files.find(paths)
        for number, file in enumerate(found):
            progress(number, len(found))
            for entry in files.read(file):
                index.add(entry, now)
        index.files = len(found)
        progress(len(found), len(found))
        index.settle(imported)
    except BaseException:
        index.close()
        raise
    return index


def listed(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - what a resource says
    """Give the objects of a list, whatever stands there."""
    return [inner for inner in value if isinstance(inner, dict)] if isinstance(value, list) else []


def _named(reference: str) -> Key | None:
    """Give what a reference of the form Type/id names, be it behind an address or of one version."""
    found = _RELATIVE.fullmatch(_VERSION.sub("", reference))
    return None if found is None else (found[1], found[2])


def _identifiers(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    found = resource.get("identifier")
    for identifier in listed(found) or listed([found]):
        if isinstance(identifier.get("value"), str):
            yield str(identifier.get("system", "")), identifier["value"]


def _references(resource: dict[str, Any]) -> tuple[list[str], bool]:
    """List the references to other resources, and say whether those inside this one lead somewhere."""
    contained = {f"#{inner.get('id')}" for inner in listed(resource.get("contained"))} | {"#"}
    found: dict[str, None] = {}
    inside = True
    waiting: list[Any] = [resource]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            reference = value.get("reference")
            if isinstance(reference, str):
                if reference.startswith("#"):
                    inside = inside and reference in contained
                else:
                    found[reference] = None
            waiting += value.values()
    return list(found), inside
