"""
Rows for tests, with sensible defaults: each function inserts one thing and gives its id.

They write to the session that they are given and never commit. They ask no rule: what may not be is for the
database, and for the test, to say.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from engine.audit import log
from engine.records.tables.base import AppointmentState, HoldingState, NoteState, TextKind
from engine.records.tables.items import (
    Appointment,
    Content,
    Document,
    Invoice,
    Memo,
    Note,
    Profile,
    RawDatum,
    Task,
)
from engine.records.tables.people import (
    Client,
    Member,
    MemberRole,
    Organization,
    Policy,
    RawDataTitle,
    Restriction,
)
from engine.records.tables.records import Hold, Holding, Record, RecordClient, Share
from engine.records.tables.transfers import FreeText, ManifestLine, Transfer
from engine.rules.content import ContentClass, Outcome
from engine.rules.facts import RecordStatus, same_title
from engine.states.choices import BasisForm, Options, Purpose, RawDataChoice, Role, ShareLevel
from engine.states.transfer import OPEN_STATES, TransferState

#: When everything happens, unless a test says otherwise: a Monday morning in Montréal.
NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)

_serial = count(1)


class BuiltRecord(NamedTuple):
    """A record and its live holding."""

    record_id: UUID
    holding_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The smallest organization in which a record can change hands."""

    organization: UUID
    administrator: UUID
    coordinator: UUID
    owner: UUID
    new_owner: UUID
    client: UUID
    record: UUID
    holding: UUID


def world(session: Session) -> World:
    """Insert an organization, one member for each role, a second practitioner, a client and their record."""
    organization_id = organization(session)
    owner = member(session, organization_id)
    client_id = client(session, organization_id)
    built = record(session, owner, [client_id])
    return World(
        organization=organization_id,
        administrator=member(session, organization_id, Role.ADMINISTRATOR),
        coordinator=member(session, organization_id, Role.COORDINATOR),
        owner=owner,
        new_owner=member(session, organization_id),
        client=client_id,
        record=built.record_id,
        holding=built.holding_id,
    )


def organization(
    session: Session,
    *,
    name: str | None = None,
    answer_within: timedelta = timedelta(days=14),
    reminders: Iterable[timedelta] = (timedelta(days=3), timedelta(days=7)),
    basis_required: bool = False,
    raw_data_titles: Iterable[str] = ("psychologue",),
    time_zone: str = "America/Toronto",
) -> UUID:
    """Insert an organization with its policy and the beginning of its log."""
    organization_id = uuid4()
    session.execute(
        insert(Organization).values(
            id=organization_id,
            name=name or f"Clinique {next(_serial)}",
            language="fr",
            time_zone=time_zone,
            created_at=NOW,
        )
    )
    session.execute(
        insert(Policy).values(
            organization_id=organization_id,
            answer_within=int(answer_within.total_seconds()),
            reminders=json.dumps([int(reminder.total_seconds()) for reminder in reminders]),
            basis_required=basis_required,
        )
    )
    for title in raw_data_titles:
        session.execute(insert(RawDataTitle).values(organization_id=organization_id, title=same_title(title)))
    log.start(session, organization_id)
    return organization_id


def member(
    session: Session,
    organization_id: UUID,
    *roles: Role,
    title: str = "Psychologue",
    email: str | None = None,
    first_name: str = "Camille",
    last_name: str = "Roy",
    language: str = "fr",
    active: bool = True,
    accepts_records: bool = True,
) -> UUID:
    """Insert a member; without a role named, a practitioner."""
    member_id = uuid4()
    session.execute(
        insert(Member).values(
            id=member_id,
            organization_id=organization_id,
            email=email or f"member{next(_serial)}@clinique.example",
            first_name=first_name,
            last_name=last_name,
            title=title,
            language=language,
            active=active,
            accepts_records=accepts_records,
            created_at=NOW,
        )
    )
    for role in roles or (Role.PRACTITIONER,):
        session.execute(insert(MemberRole).values(member_id=member_id, role=role))
    return member_id


def client(
    session: Session,
    organization_id: UUID,
    *,
    name: str = "Dominique Tremblay",
    email: str | None = "dominique@courriel.example",
) -> UUID:
    """Insert a client."""
    client_id = uuid4()
    session.execute(
        insert(Client).values(
            id=client_id,
            organization_id=organization_id,
            name=name,
            email=email,
            language="fr",
            created_at=NOW,
        )
    )
    return client_id


def restriction(
    session: Session,
    client_id: UUID,
    set_by_id: UUID,
    *,
    member_id: UUID | None = None,
    title: str | None = None,
    set_at: datetime = NOW,
) -> UUID:
    """Insert who may not become responsible for a client's records: a member or a title."""
    restriction_id = uuid4()
    session.execute(
        insert(Restriction).values(
            id=restriction_id,
            client_id=client_id,
            member_id=member_id,
            title=None if title is None else same_title(title),
            set_by_id=set_by_id,
            set_at=set_at,
            basis="à la demande de la personne",
        )
    )
    return restriction_id


def record(
    session: Session,
    owner_id: UUID,
    client_ids: Iterable[UUID] = (),
    *,
    number: str | None = None,
    status: RecordStatus = RecordStatus.ACTIVE,
    legal_hold: bool = False,
    confidential: bool = False,
    title: str = "Suivi individuel",
    opened: datetime = NOW - timedelta(days=400),
) -> BuiltRecord:
    """Insert a record with its live holding."""
    organization_id = session.scalars(select(Member.organization_id).where(Member.id == owner_id)).one()
    record_id = uuid4()
    session.execute(
        insert(Record).values(
            id=record_id,
            organization_id=organization_id,
            number=number or f"D-{next(_serial):05}",
            status=status,
            legal_hold=False,
            created_at=opened,
        )
    )
    if legal_hold:
        hold(session, record_id, owner_id, set_at=opened)
    for client_id in client_ids:
        session.execute(insert(RecordClient).values(record_id=record_id, client_id=client_id))
    holding_id = holding(session, record_id, owner_id, confidential=confidential, title=title, opened=opened)
    return BuiltRecord(record_id, holding_id)


def hold(session: Session, record_id: UUID, set_by_id: UUID, *, set_at: datetime = NOW) -> UUID:
    """Insert a legal hold, and mark the record."""
    hold_id = uuid4()
    session.execute(
        insert(Hold).values(
            id=hold_id, record_id=record_id, set_by_id=set_by_id, set_at=set_at, reason="enquête en cours"
        )
    )
    session.execute(update(Record).where(Record.id == record_id).values(legal_hold=True))
    return hold_id


def holding(
    session: Session,
    record_id: UUID,
    owner_id: UUID,
    *,
    confidential: bool = False,
    title: str = "Suivi individuel",
    opened: datetime = NOW - timedelta(days=400),
) -> UUID:
    """Insert a live holding of a record; the one before must be closed."""
    organization_id = session.scalars(select(Record.organization_id).where(Record.id == record_id)).one()
    holding_id = uuid4()
    session.execute(
        insert(Holding).values(
            id=holding_id,
            record_id=record_id,
            organization_id=organization_id,
            owner_id=owner_id,
            state=HoldingState.LIVE,
            confidential=confidential,
            title=title,
            email="dominique@courriel.example",
            reason_for_consultation="anxiété",
            opened_on=opened.date().isoformat(),
            from_at=opened,
        )
    )
    return holding_id


def share(
    session: Session,
    record_id: UUID,
    member_id: UUID,
    *,
    level: ShareLevel = ShareLevel.WRITE,
    approval: bool = False,
    ended_at: datetime | None = None,
) -> UUID:
    """Insert a collaborator's access to a record."""
    share_id = uuid4()
    session.execute(
        insert(Share).values(
            id=share_id,
            record_id=record_id,
            member_id=member_id,
            level=level,
            approval=approval,
            since=NOW - timedelta(days=100),
            ended_at=ended_at,
        )
    )
    return share_id


def content(session: Session, organization_id: UUID, body: bytes) -> str:
    """Insert text or bytes, unless the organization has them already, and give their digest."""
    sha256 = hashlib.sha256(body).hexdigest()
    same = select(Content.sha256).where(Content.organization_id == organization_id, Content.sha256 == sha256)
    if session.scalar(same) is None:
        session.execute(insert(Content).values(organization_id=organization_id, sha256=sha256, body=body))
    return sha256


def note(
    session: Session,
    holding_id: UUID,
    *,
    author_id: UUID | None = None,
    body: str | None = None,
    state: NoteState = NoteState.SIGNED,
    confidential: bool = False,
    author_only: bool = False,
    created_at: datetime = NOW - timedelta(days=30),
    item_id: UUID | None = None,
) -> UUID:
    """Insert a progress note, the owner's own and signed unless the test says otherwise."""
    return _with_content(
        session,
        Note,
        holding_id,
        author_id,
        (body or f"Note d'évolution {next(_serial)}").encode(),
        created_at,
        item_id,
        state=state,
        confidential=confidential or author_only,
        author_only=author_only,
        signed_at=created_at if state in {NoteState.SIGNED, NoteState.WAITING_APPROVAL} else None,
    )


def document(
    session: Session,
    holding_id: UUID,
    *,
    author_id: UUID | None = None,
    body: bytes | None = None,
    name: str = "rapport.pdf",
    media_type: str = "application/pdf",
    confidential: bool = False,
    author_only: bool = False,
    created_at: datetime = NOW - timedelta(days=30),
    item_id: UUID | None = None,
) -> UUID:
    """Insert a document."""
    return _with_content(
        session,
        Document,
        holding_id,
        author_id,
        body or f"%PDF {next(_serial)}".encode(),
        created_at,
        item_id,
        name=name,
        media_type=media_type,
        confidential=confidential or author_only,
        author_only=author_only,
    )


def raw_datum(
    session: Session,
    holding_id: UUID,
    *,
    author_id: UUID | None = None,
    body: bytes | None = None,
    name: str = "protocole.csv",
    media_type: str = "text/csv",
    created_at: datetime = NOW - timedelta(days=30),
    item_id: UUID | None = None,
) -> UUID:
    """Insert uninterpreted test material."""
    return _with_content(
        session,
        RawDatum,
        holding_id,
        author_id,
        body or f"item,score\n1,{next(_serial)}\n".encode(),
        created_at,
        item_id,
        name=name,
        media_type=media_type,
    )


def profile(
    session: Session,
    holding_id: UUID,
    *,
    author_id: UUID | None = None,
    name: str = "École des Érables",
    relationship: str = "school",
    created_at: datetime = NOW - timedelta(days=30),
    item_id: UUID | None = None,
) -> UUID:
    """Insert a linked profile."""
    body = json.dumps({"name": name, "serial": next(_serial)}, separators=(",", ":")).encode()
    return _with_content(
        session,
        Profile,
        holding_id,
        author_id,
        body,
        created_at,
        item_id,
        name=name,
        relationship=relationship,
    )


def task(
    session: Session,
    holding_id: UUID,
    *,
    author_id: UUID | None = None,
    body: str | None = None,
    due_on: str | None = "2026-03-15",
    created_at: datetime = NOW - timedelta(days=5),
    item_id: UUID | None = None,
) -> UUID:
    """Insert something to do."""
    text = (body or f"Rappeler {next(_serial)}").encode()
    return _with_content(session, Task, holding_id, author_id, text, created_at, item_id, due_on=due_on)


def memo(
    session: Session,
    holding_id: UUID,
    *,
    author_id: UUID | None = None,
    body: str | None = None,
    created_at: datetime = NOW - timedelta(days=5),
    item_id: UUID | None = None,
) -> UUID:
    """Insert a reminder to oneself."""
    text = (body or f"Penser à {next(_serial)}").encode()
    return _with_content(session, Memo, holding_id, author_id, text, created_at, item_id)


def invoice(
    session: Session,
    holding_id: UUID,
    *,
    number: str | None = None,
    amount_cents: int = 12_000,
    created_at: datetime = NOW - timedelta(days=30),
    item_id: UUID | None = None,
) -> UUID:
    """Insert a bill."""
    item_id = item_id or uuid4()
    session.execute(
        insert(Invoice).values(
            holding_id=holding_id,
            item_id=item_id,
            organization_id=_holding(session, Holding.id == holding_id).organization_id,
            created_at=created_at,
            number=number or f"F-{next(_serial):05}",
            amount_cents=amount_cents,
            currency="CAD",
            issued_on=created_at.date().isoformat(),
        )
    )
    return item_id


def appointment(
    session: Session,
    record_id: UUID,
    practitioner_id: UUID,
    *,
    client_id: UUID | None = None,
    starts_at: datetime = NOW + timedelta(days=7),
    state: AppointmentState = AppointmentState.BOOKED,
) -> UUID:
    """Insert an appointment of an hour: in the live holding if it is the owner's, otherwise the record's."""
    live = _holding(session, Holding.record_id == record_id, Holding.state == HoldingState.LIVE)
    item_id = uuid4()
    session.execute(
        insert(Appointment).values(
            item_id=item_id,
            organization_id=live.organization_id,
            record_id=record_id,
            holding_id=live.id if live.owner_id == practitioner_id else None,
            practitioner_id=practitioner_id,
            client_id=client_id,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=1),
            state=state,
            sequence=0,
            created_at=NOW - timedelta(days=10),
        )
    )
    return item_id


def text(
    session: Session,
    author_id: UUID,
    kind: TextKind,
    body: str = "Départ en congé",
    *,
    basis_form: BasisForm | None = None,
    created_at: datetime = NOW,
) -> UUID:
    """Insert a free text: a reason, a basis or a message."""
    organization_id = session.scalars(select(Member.organization_id).where(Member.id == author_id)).one()
    text_id = uuid4()
    session.execute(
        insert(FreeText).values(
            id=text_id,
            organization_id=organization_id,
            author_id=author_id,
            kind=kind,
            body=body,
            basis_form=basis_form,
            basis_on=None if basis_form is None else created_at.date().isoformat(),
            created_at=created_at,
        )
    )
    return text_id


def transfer(
    session: Session,
    record_id: UUID,
    to_id: UUID,
    *,
    asked_by_id: UUID | None = None,
    asked_role: Role = Role.PRACTITIONER,
    state: TransferState = TransferState.PENDING_ACCEPTANCE,
    options: Options | None = None,
    purpose: Purpose = Purpose.CONTINUITY,
    asked_at: datetime = NOW,
    respond_by: datetime = NOW + timedelta(days=14),
) -> UUID:
    """Insert a transfer of the live holding, asked by its owner unless the test says otherwise."""
    live = _holding(session, Holding.record_id == record_id, Holding.state == HoldingState.LIVE)
    chosen = options or Options()
    transfer_id = uuid4()
    session.execute(
        insert(Transfer).values(
            id=transfer_id,
            organization_id=live.organization_id,
            record_id=record_id,
            from_id=live.owner_id,
            to_id=to_id,
            asked_by_id=asked_by_id or live.owner_id,
            asked_role=asked_role,
            state=state,
            version=1,
            purpose=purpose,
            include_confidential=chosen.include_confidential,
            raw_data=RawDataChoice(chosen.raw_data),
            keep_copy=chosen.keep_copy,
            asked_at=asked_at,
            respond_by=respond_by,
            reminders_sent=0,
            decided_at=None if state in OPEN_STATES else asked_at,
        )
    )
    return transfer_id


def manifest_line(
    session: Session,
    transfer_id: UUID,
    item_id: UUID,
    *,
    item_class: ContentClass = ContentClass.NOTE,
    outcome: Outcome = Outcome.MOVED,
    sha256: str | None = None,
) -> None:
    """Insert what became of one item."""
    session.execute(
        insert(ManifestLine).values(
            transfer_id=transfer_id, item_id=item_id, item_class=item_class, outcome=outcome, sha256=sha256
        )
    )


class _Held(NamedTuple):
    id: UUID
    organization_id: UUID
    owner_id: UUID


def _holding(session: Session, *conditions: ColumnElement[bool]) -> _Held:
    # Columns, not the entity: what a test reads later is not what was remembered here.
    found = session.execute(select(Holding.id, Holding.organization_id, Holding.owner_id).where(*conditions))
    return _Held(*found.one())


def _with_content(
    session: Session,
    model: type[Note | Document | RawDatum | Profile | Task | Memo],
    holding_id: UUID,
    author_id: UUID | None,
    body: bytes,
    created_at: datetime,
    item_id: UUID | None,
    **more: object,
) -> UUID:
    held = _holding(session, Holding.id == holding_id)
    item_id = item_id or uuid4()
    session.execute(
        insert(model).values(
            holding_id=holding_id,
            item_id=item_id,
            organization_id=held.organization_id,
            created_at=created_at,
            author_id=author_id or held.owner_id,
            sha256=content(session, held.organization_id, body),
            **more,
        )
    )
    return item_id
