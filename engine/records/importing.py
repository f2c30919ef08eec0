"""Write what another system knew of a client: one record with all its items, by sets of rows (MOVE-6)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

from sqlalchemy import exists, insert, select, tuple_, update
from sqlalchemy.orm import Session

from engine.errors import BadInput
from engine.records import people, writing
from engine.records.tables import (
    Appointment,
    AppointmentState,
    Became,
    Content,
    Document,
    Holding,
    Imported,
    Invoice,
    Member,
    Memo,
    Note,
    NoteState,
    Profile,
    RawDatum,
    Record,
    Task,
)
from engine.rules.content import ContentClass
from engine.rules.facts import MemberFacts
from engine.states.choices import Role

#: How many rows one statement writes or asks for.
_AT_ONCE: Final = 500
#: A resource of the other system: its type and its id there.
Key = tuple[str, str]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A practitioner of the other system."""

    resource_id: str
    sha256: str
    email: str | None
    #: Stands in for an address that is missing or somebody else's.
    made_email: str
    first_name: str
    last_name: str
    title: str
    language: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One item that a resource becomes; ``columns`` are those of its own table."""

    became: Became
    source: Key
    #: Of the resource's canonical JSON.
    sha256: str
    #: Tells the items of one resource apart.
    part: str = ""
    #: The practitioner who wrote it, by their id in the other system; the owner where there is none.
    author: str | None = None
    at: datetime | None = None
    body: bytes | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Everything that is to be written for one patient."""

    source: str
    patient: Key
    sha256: str
    name: str
    email: str | None
    language: str
    title: str
    opened_on: date | None
    #: Who will be responsible: a practitioner of the other system, unless a member was named.
    owner: str | None
    people: Sequence[Person]
    things: Sequence[Thing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written for one patient."""

    record_id: UUID
    number: str
    members: Sequence[UUID]
    counts: Mapping[str, int]


def known(
    session: Session, organization_id: UUID, source: str, keys: Iterable[Key]
) -> dict[Key, tuple[str, frozenset[Became]]]:
    """Say which resources were imported before, with their digest then and what they became."""
    found: dict[Key, tuple[str, frozenset[Became]]] = {}
    wanted = iter(sorted(set(keys)))
    while some := list(islice(wanted, _AT_ONCE)):
        rows = session.execute(
            select(Imported.resource_type, Imported.resource_id, Imported.sha256, Imported.became).where(
                Imported.organization_id == organization_id,
                Imported.source == source,
                tuple_(Imported.resource_type, Imported.resource_id).in_(some),
            )
        )
        for kind, resource_id, sha256, became in rows:
            before = found.get((kind, resource_id), (sha256, frozenset()))
            found[kind, resource_id] = (sha256, before[1] | {became})
    return found


def member_of(session: Session, organization_id: UUID, source: str, resource_id: str) -> UUID | None:
    """Find the member that a practitioner of the other system became."""
    return session.scalar(
        select(Imported.became_id).where(
            Imported.organization_id == organization_id,
            Imported.source == source,
            Imported.resource_type == "Practitioner",
            Imported.resource_id == resource_id,
            Imported.became == Became.MEMBER,
        )
    )


def existing_member(session: Session, organization_id: UUID, source: str, person: Person) -> UUID | None:
    """Find the member that a practitioner is already: imported before, or known by their own address."""
    before = member_of(session, organization_id, source, person.resource_id)
    if before is not None or person.email is None:
        return before
    member = select(Member.id).where(Member.organization_id == organization_id, Member.email == person.email)
    # An address that two practitioners share is no proof that they are one person.
    somebody_else = exists().where(Imported.became == Became.MEMBER, Imported.became_id == Member.id)
    return session.scalar(member.where(~somebody_else))


def add_person(
    session: Session, organization_id: UUID, source: str, person: Person, now: datetime
) -> tuple[UUID, bool]:
    """Give the member that a practitioner is, and whether they are new here."""
    before = member_of(session, organization_id, source, person.resource_id)
    if before is not None:
        return before, False
    found = existing_member(session, organization_id, source, person)
    member_id = found or _new_member(session, organization_id, person, now)
    _remember(
        session,
        organization_id,
        source,
        now,
        None,
        [(("Practitioner", person.resource_id), Became.MEMBER, member_id, person.sha256)],
    )
    return member_id, found is None


def _new_member(session: Session, organization_id: UUID, person: Person, now: datetime) -> UUID:
    taken = exists().where(Member.organization_id == organization_id, Member.email == person.email)
    free = person.email is not None and not session.scalar(select(taken))
    member_id = people.add_member(
        session,
        organization_id,
        email=person.email if free and person.email is not None else person.made_email,
        first_name=person.first_name,
        last_name=person.last_name,
        title=person.title,
        language=person.language,
        roles=[Role.PRACTITIONER],
        now=now,
    )
    if not person.active:
        session.execute(update(Member).where(Member.id == member_id).values(active=False))
    return member_id


def write_parcel(
    session: Session,
    owner: MemberFacts,
    parcel: Parcel,
    authors: Mapping[str, UUID],
    now: datetime,
) -> tuple[UUID, str, Counter[str]]:
    """Write a client, their record and every item; give the record, its number and counts by class."""
    organization_id = owner.organization_id
    client_id = people.add_client(
        session, organization_id, name=parcel.name, email=parcel.email, language=parcel.language, now=now
    )
    record_id = writing.add_record(
        session,
        owner,
        client_id=client_id,
        number=None,
        title=parcel.title,
        email=parcel.email,
        reason_for_consultation=None,
        confidential=False,
        opened_on=parcel.opened_on,
        now=now,
    )
    _remember(
        session,
        organization_id,
        parcel.source,
        now,
        record_id,
        [
            (parcel.patient, Became.CLIENT, client_id, parcel.sha256),
            (parcel.patient, Became.RECORD, record_id, parcel.sha256),
        ],
    )
    holding = writing.live_holding(session, record_id)
    counts = write_things(
        session, holding, parcel.source, parcel.things, authors, client_id=client_id, now=now
    )
    number = session.scalars(select(Record.number).where(Record.id == record_id)).one()
    return record_id, number, counts


def write_things(
    session: Session,
    holding: Holding,
    source: str,
    things: Sequence[Thing],
    authors: Mapping[str, UUID],
    *,
    client_id: UUID | None,
    now: datetime,
) -> Counter[str]:
    """Write items into a holding, remember what each came from, and count them by class."""
    organization_id = holding.organization_id
    digests = _keep(session, organization_id, (t.body for t in things if t.body is not None))
    rows: dict[type[Any], list[dict[str, Any]]] = {}
    counts: Counter[str] = Counter()
    remembered = []
    for thing in things:
        author_id = holding.owner_id if thing.author is None else authors[thing.author]
        item_id = uuid5(
            holding.id, f"{source}/{thing.source[0]}/{thing.source[1]}/{thing.became}/{thing.part}"
        )
        row = dict(thing.columns) | {"organization_id": organization_id, "created_at": thing.at or now}
        model = _MODELS[thing.became]
        if thing.became is Became.APPOINTMENT:
            # A collaborator's appointment belongs to the record itself, the owner's to the holding.
            of_owner = author_id == holding.owner_id
            row |= {
                "item_id": item_id,
                "record_id": holding.record_id,
                "holding_id": holding.id if of_owner else None,
                "practitioner_id": author_id,
                "client_id": client_id,
                "state": AppointmentState.BOOKED,
                "sequence": 0,
            }
        else:
            row |= {"item_id": item_id, "holding_id": holding.id}
        if thing.body is not None:
            row |= {"author_id": author_id, "sha256": digests[thing.body]}
        rows.setdefault(model, []).append(row)
        counts[_class_of(thing, row, now)] += 1
        remembered.append((thing.source, thing.became, item_id, thing.sha256))
    for model, written in rows.items():
        for some in _some(written):
            session.execute(insert(model), some)
    _remember(session, organization_id, source, now, holding.record_id, remembered)
    return counts


_MODELS: Final[Mapping[Became, type[Any]]] = {
    Became.NOTE: Note,
    Became.DOCUMENT: Document,
    Became.RAW_DATA: RawDatum,
    Became.PROFILE: Profile,
    Became.INVOICE: Invoice,
    Became.TASK: Task,
    Became.MEMO: Memo,
    Became.APPOINTMENT: Appointment,
}


def note_columns(*, signed_at: datetime | None, confidential: bool = False) -> dict[str, Any]:
    """Give what a note has of its own: signed, or a draft."""
    return {
        "state": NoteState.DRAFT if signed_at is None else NoteState.SIGNED,
        "confidential": confidential,
        "author_only": False,
        "signed_at": signed_at,
    }


def document_columns(name: str, media_type: str, *, confidential: bool = False) -> dict[str, Any]:
    """Give what a document has of its own. Raises ``BadInput`` for a name of several lines."""
    return {
        "name": writing.line_of(name, "name"),
        "media_type": media_type,
        "confidential": confidential,
        "author_only": False,
    }


def _class_of(thing: Thing, row: Mapping[str, Any], now: datetime) -> str:
    """Name the class that an item has at this moment (``MOVE-T``)."""
    match thing.became:
        case Became.APPOINTMENT if row["holding_id"] is None:
            found = ContentClass.COLLABORATOR_APPOINTMENT
        case Became.APPOINTMENT:
            upcoming = row["starts_at"] > now
            found = ContentClass.UPCOMING_APPOINTMENT if upcoming else ContentClass.PAST_APPOINTMENT
        case Became.NOTE if row["confidential"]:
            found = ContentClass.CONFIDENTIAL_NOTE
        case Became.NOTE if row["state"] is NoteState.DRAFT:
            found = ContentClass.DRAFT_NOTE
        case Became.DOCUMENT if row["confidential"]:
            found = ContentClass.CONFIDENTIAL_DOCUMENT
        case _:
            found = ContentClass(thing.became.value)
    return found.value


def _keep(session: Session, organization_id: UUID, bodies: Iterable[bytes]) -> dict[bytes, str]:
    """Keep bytes once an organization, and give their digests."""
    digests = {body: hashlib.sha256(body).hexdigest() for body in bodies}
    bodies_of = {sha256: body for body, sha256 in digests.items()}
    for some in _some(sorted(bodies_of)):
        there = set(
            session.scalars(
                select(Content.sha256).where(
                    Content.organization_id == organization_id, Content.sha256.in_(some)
                )
            )
        )
        missing = [
            {"organization_id": organization_id, "sha256": sha256, "body": bodies_of[sha256]}
            for sha256 in some
            if sha256 not in there
        ]
        if missing:
            session.execute(insert(Content), missing)
    return digests


def _remember(
    session: Session,
    organization_id: UUID,
    source: str,
    now: datetime,
    record_id: UUID | None,
    lines: Sequence[tuple[Key, Became, UUID, str]],
) -> None:
    rows = [
        {
            "organization_id": organization_id,
            "source": source,
            "resource_type": kind,
            "resource_id": resource_id,
            "became": became,
            "became_id": became_id,
            "record_id": record_id,
            "sha256": sha256,
            "imported_at": now,
        }
        for (kind, resource_id), became, became_id, sha256 in lines
    ]
    for some in _some(rows):
        session.execute(insert(Imported), some)


def _some(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def check_name(text: str, field_name: str) -> str:
    """Give a name that fits on one line, shortened where the other system wrote more. Raises ``BadInput``."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if not words:
        raise BadInput("empty", field=field_name)
    return words[: writing.LONGEST_LINE]
