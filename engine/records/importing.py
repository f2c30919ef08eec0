"""Write what another system knew of a client: one record with all its items, by sets of rows (MOVE-6)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session

from engine.records import imported, people, writing
from engine.records.imported import Key
from engine.records.tables.base import AppointmentState, Became, NoteState
from engine.records.tables.items import Content
from engine.records.tables.people import Member
from engine.records.tables.records import Holding, Record
from engine.rules.content import ContentClass
from engine.rules.facts import MemberFacts
from engine.states.choices import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A practitioner of the other system."""

    key: Key
    sha256: str | None
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
    sha256: str | None
    #: Tells the items of one resource apart.
    part: str = ""
    #: The practitioner of the other system who wrote it; the owner where there is none.
    author: Key | None = None
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
    owner: Key | None
    people: Sequence[Person]
    #: Practitioners whom it needs and who came with an earlier import.
    earlier: Sequence[Key]
    things: Sequence[Thing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written for one patient."""

    record_id: UUID
    number: str
    members: Sequence[UUID]
    counts: Mapping[str, int]
    #: What was overlaid, by class, if that was wished.
    invented: Mapping[str, int] | None = None


def existing_member(session: Session, organization_id: UUID, source: str, person: Person) -> UUID | None:
    """Find the member that a practitioner is already: imported before, or known by their own address."""
    before = imported.became(session, organization_id, source, person.key, Became.MEMBER)
    if before is not None or person.email is None:
        return before
    member = select(Member.id).where(Member.organization_id == organization_id, Member.email == person.email)
    # An address that two practitioners share is no proof that they are one person.
    return session.scalar(member.where(~imported.is_of_import(Member.id)))


def add_person(
    session: Session, organization_id: UUID, source: str, person: Person, now: datetime
) -> tuple[UUID, bool]:
    """Give the member that a practitioner is, and whether they are new here."""
    before = imported.became(session, organization_id, source, person.key, Became.MEMBER)
    if before is not None:
        return before, False
    found = existing_member(session, organization_id, source, person)
    member_id = found or _new_member(session, organization_id, person, now)
    line = (person.key, person.sha256, Became.MEMBER, member_id)
    imported.remember(session, organization_id, source, now, None, [line])
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
    authors: Mapping[Key, UUID],
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
    lines = [
        (parcel.patient, parcel.sha256, Became.CLIENT, client_id),
        (parcel.patient, parcel.sha256, Became.RECORD, record_id),
    ]
    imported.remember(session, organization_id, parcel.source, now, record_id, lines)
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
    authors: Mapping[Key, UUID],
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
        model = imported.MODELS[thing.became]
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
        # What is its author's alone is in no count (VIS-6).
        if not row.get("author_only"):
            counts[_class_of(thing, row, now)] += 1
        remembered.append((thing.source, thing.sha256, thing.became, item_id))
    for model, written in rows.items():
        for some in imported.in_turns(written):
            session.execute(insert(model), some)
    imported.remember(session, organization_id, source, now, holding.record_id, remembered)
    return counts


def note_columns(
    *, signed_at: datetime | None, confidential: bool = False, author_only: bool = False, waits: bool = False
) -> dict[str, Any]:
    """Give what a note has of its own: a draft, or signed, be it with the owner's approval yet or not."""
    signed = NoteState.WAITING_APPROVAL if waits else NoteState.SIGNED
    return {
        "state": NoteState.DRAFT if signed_at is None else signed,
        "confidential": confidential,
        "author_only": author_only,
        "signed_at": signed_at,
    }


def document_columns(
    name: str, media_type: str, *, confidential: bool = False, author_only: bool = False
) -> dict[str, Any]:
    """Give what a document has of its own. Raises ``BadInput`` for a name of several lines."""
    return {
        "name": writing.line_of(name, "name"),
        "media_type": media_type,
        "confidential": confidential,
        "author_only": author_only,
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
    for some in imported.in_turns(sorted(bodies_of)):
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


def one_line(text: str, otherwise: str) -> str:
    """Give a text that fits on one line, shortened where the other system wrote more; or something else."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return words[: writing.LONGEST_LINE].strip() or otherwise
