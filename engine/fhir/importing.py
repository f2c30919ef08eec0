"""The whole import: read and judge everything, then write one transaction a patient."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from engine.desk.desk import Desk
from engine.desk.importing import Enriched
from engine.errors import BadInput
from engine.fhir.enriching import Enricher
from engine.fhir.index import PEOPLE, Index, Key, read_all
from engine.fhir.mapping import Mapper
from engine.records.enriching import Overlay

#: What bundles may refer to as ``urn:uuid:`` without its type.
_SOURCE: Final = "fhir"


@dataclass(slots=True)
class Report:
    """What was read, and what became of it."""

    files: int = 0
    read: Counter[str] = field(default_factory=Counter)
    #: By type of resource, and by what it became.
    became: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    #: By type of resource, and by the reason.
    skipped: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    records: list[str] = field(default_factory=list)
    members: int = 0
    imported_before: int = 0
    #: Resources that say something else than when they were imported; not overwritten.
    changed: dict[str, None] = field(default_factory=dict)
    #: Resources that are new for a record which was imported before; not written.
    later: dict[str, None] = field(default_factory=dict)
    #: What was overlaid because it was invented, by class, and on how many records.
    invented: Counter[str] = field(default_factory=Counter)
    enriched: int = 0
    #: Records that were not overlaid: somebody works with them.
    in_use: int = 0
    #: What was imported before and is the same; a resource may be in several records.
    same: set[Key] = field(default_factory=set)


def import_fhir(
    desk: Desk,
    actor_id: UUID,
    paths: Sequence[Path],
    *,
    owner_id: UUID | None = None,
    source: str = _SOURCE,
    seed: int | None = None,
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _all: None,
) -> Report:
    """
    Import the patients of FHIR R4 files into the actor's organization.

    With a seed, each record is overlaid once with what is invented for trials.

    Raises ``BadInput`` before anything is written, ``Denied`` ROLE-4. What was imported before is left alone,
    so that a run that was killed is simply run again.
    """
    desk.check_import(actor_id, owner_id)
    now = datetime.now(UTC)
    index = read_all(
        list(paths),
        now,
        lambda keys: _imported_before(desk, actor_id, source, keys),
        lambda done, total: progress("reading", done, total),
    )
    try:
        return _write(desk, actor_id, index, owner_id, source, seed, now, progress)
    finally:
        index.close()


def _imported_before(desk: Desk, actor_id: UUID, source: str, keys: Iterable[Key]) -> set[Key]:
    return set(desk.imported(actor_id, source, keys))


def _write(
    desk: Desk,
    actor_id: UUID,
    index: Index,
    owner_id: UUID | None,
    source: str,
    seed: int | None,
    now: datetime,
    progress: Callable[[str, int, int], None],
) -> Report:
    reader = desk.reader(actor_id)
    mapper = Mapper(index, source, ZoneInfo(reader.time_zone), reader.language, now)
    enricher = None if seed is None else Enricher(source, seed, reader.language, now)
    report = Report(files=index.files, read=index.read)
    there = desk.imported(actor_id, source, index.of_patient)
    waiting = [patient for patient in index.of_patient if patient not in there]
    if owner_id is None:
        _check_owners(desk, actor_id, index, mapper, source, waiting)
    for done, patient in enumerate(waiting):
        # Made once in vain: whatever is wrong with it is found before anything is written.
        progress("judging", done, len(waiting))
        mapper.parcel(patient)
    if waiting:
        progress("judging", len(waiting), len(waiting))
    used: set[Key] = set()
    for done, patient in enumerate(index.of_patient):
        progress("writing", done, len(index.of_patient))
        overlay = None if enricher is None else enricher.overlay(patient)
        parcel = None if patient in there else mapper.parcel(patient)
        written = None if parcel is None else desk.import_patient(actor_id, parcel, owner_id, overlay)
        if parcel is None or written is None:
            _compare(desk, actor_id, index, source, patient, report)
            if overlay is not None:
                _enrich(desk, actor_id, overlay, report)
            continue
        report.records.append(written.number)
        report.members += len(written.members)
        report.became["Patient"].update(["record", "client"])
        used |= {person.key for person in parcel.people}
        for thing in parcel.things:
            report.became[thing.source[0]][thing.became.value] += 1
        if written.invented is not None:
            report.enriched += 1
            report.invented.update(written.invented)
    progress("writing", len(index.of_patient), len(index.of_patient))
    if used:
        report.became["Practitioner"]["member"] = len(used)
    people = [key for key in index.lines if key[0] == "Practitioner" and key not in used]
    _count_skipped(index, report, used, set(desk.imported(actor_id, source, people)))
    return report


def _check_owners(
    desk: Desk, actor_id: UUID, index: Index, mapper: Mapper, source: str, patients: Iterable[Key]
) -> None:
    owners: dict[Key, None] = {}
    for patient in patients:
        owner = index.last_practitioner.get(patient)
        if owner is None:
            line = index.lines[patient]
            raise BadInput("fhir_no_owner", file=line.file, entry=line.entry, resource="/".join(patient))
        owners[owner] = None
    here = [mapper.person(owner) for owner in owners if owner not in index.earlier]
    desk.check_import_owners(actor_id, source, here, [owner for owner in owners if owner in index.earlier])


def _enrich(desk: Desk, actor_id: UUID, overlay: Overlay, report: Report) -> None:
    """Overlay what was imported before."""
    ended, counts = desk.enrich_patient(actor_id, overlay)
    report.enriched += ended is Enriched.DONE
    report.in_use += ended is Enriched.IN_USE
    report.invented.update(counts)


def _compare(desk: Desk, actor_id: UUID, index: Index, source: str, patient: Key, report: Report) -> None:
    """Say what has changed since a record was imported; it is not overwritten."""
    keys = index.of_patient[patient]
    before = desk.imported(actor_id, source, keys)
    report.imported_before += 1
    for key in keys:
        if key not in before:
            report.later["/".join(key)] = None
        elif before[key][0] not in {index.sha256(key), None}:
            report.changed["/".join(key)] = None
        else:
            report.same.add(key)


def _count_skipped(index: Index, report: Report, used: set[Key], before: set[Key]) -> None:
    report.later |= {"/".join(key): None for key, reason in index.skipped.items() if reason == "later"}
    for reason, names in (("changed", report.changed), ("later", report.later)):
        for name in names:
            report.skipped[name.partition("/")[0]][reason] += 1
    for key in report.same:
        report.skipped[key[0]]["before"] += 1
    for key, reason in index.skipped.items():
        if reason == "later":
            continue
        report.skipped[key[0]][reason] += 1
    for key in index.lines:
        if key[0] in PEOPLE:
            _count_person(index, report, key, used, before)


def _count_person(index: Index, report: Report, key: Key, used: set[Key], before: set[Key]) -> None:
    practitioner = key if key[0] == "Practitioner" else index.practitioner({"reference": "/".join(key)})
    if practitioner in before:
        report.skipped[key[0]]["before"] += 1
    elif practitioner not in used:
        report.skipped[key[0]]["not_referred"] += 1
    elif key[0] == "PractitionerRole":
        report.became[key[0]]["member"] += 1
