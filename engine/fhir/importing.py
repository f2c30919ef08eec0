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
from engine.errors import BadInput
from engine.fhir.index import PEOPLE, Index, Key, read_all
from engine.fhir.mapping import Mapper

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
    #: What was imported before and is the same; a resource may be in several records.
    same: set[Key] = field(default_factory=set)


def import_fhir(
    desk: Desk,
    actor_id: UUID,
    paths: Sequence[Path],
    *,
    owner_id: UUID | None = None,
    source: str = _SOURCE,
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _all: None,
) -> Report:
    """
    Import the patients of FHIR R4 files into the actor's organization.

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
        return _write(desk, actor_id, index, owner_id, source, now, progress)
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
    now: datetime,
    progress: Callable[[str, int, int], None],
) -> Report:
    reader = desk.reader(actor_id)
    mapper = Mapper(index, source, ZoneInfo(reader.time_zone), reader.language, now)
    report = Report(files=index.files, read=index.read)
    there = desk.imported(actor_id, source, index.of_patient)
    waiting = [patient for patient in index.of_patient if patient not in there]
    if owner_id is None:
        _check_owners(desk, actor_id, index, mapper, source, waiting)
    used: set[str] = set()
    for done, patient in enumerate(index.of_patient):
        progress("writing", done, len(index.of_patient))
        if patient in there:
            _compare(desk, actor_id, index, source, patient, report)
            continue
        parcel = mapper.parcel(patient)
        written = desk.import_patient(actor_id, parcel, owner_id)
        if written is None:
            _compare(desk, actor_id, index, source, patient, report)
            continue
        report.records.append(written.number)
        report.members += len(written.members)
        report.became["Patient"].update(["record", "client"])
        used |= {person.resource_id for person in parcel.people}
        for thing in parcel.things:
            report.became[thing.source[0]][thing.became.value] += 1
    progress("writing", len(index.of_patient), len(index.of_patient))
    if used:
        report.became["Practitioner"]["member"] = len(used)
    people = [key for key in index.lines if key[0] == "Practitioner" and key[1] not in used]
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
    desk.check_import_owners(actor_id, source, [mapper.person(owner) for owner in owners])


def _compare(desk: Desk, actor_id: UUID, index: Index, source: str, patient: Key, report: Report) -> None:
    """Say what has changed since a record was imported; it is not overwritten."""
    keys = index.of_patient[patient]
    before = desk.imported(actor_id, source, keys)
    report.imported_before += 1
    for key in keys:
        if key not in before:
            report.later["/".join(key)] = None
        elif before[key][0] != index.sha256(key):
            report.changed["/".join(key)] = None
        else:
            report.same.add(key)


def _count_skipped(index: Index, report: Report, used: set[str], before: set[Key]) -> None:
    for reason, names in (("changed", report.changed), ("later", report.later)):
        for name in names:
            report.skipped[name.partition("/")[0]][reason] += 1
    for key in report.same:
        report.skipped[key[0]]["before"] += 1
    for key, reason in index.skipped.items():
        report.skipped[key[0]][reason] += 1
    for key in index.lines:
        if key[0] in PEOPLE:
            practitioner = (
                key if key[0] == "Practitioner" else index.practitioner({"reference": "/".join(key)})
            )
            if practitioner in before:
                report.skipped[key[0]]["before"] += 1
            elif practitioner is None or practitioner[1] not in used:
                report.skipped[key[0]]["not_referred"] += 1
            elif key[0] == "PractitionerRole":
                report.became[key[0]]["member"] += 1
