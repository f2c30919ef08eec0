"""Write records and their items; the caller has asked the rules, and logs what was done."""

import hashlib
import re
import unicodedata
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import String, cast, exists, func, insert, select, update
from sqlalchemy.orm import Session

from engine.errors import BadInput
from engine.records.locks import lock_log
from engine.records.tables.base import AppointmentState, HoldingState
from engine.records.tables.items import (
    Appointment,
    Content,
    Document,
    Invoice,
    ItemWithContent,
    Memo,
    Profile,
    RawDatum,
    Task,
)
from engine.records.tables.records import Holding, Record, RecordClient
from engine.rules.facts import MemberFacts, RecordFacts, RecordStatus, Relation

_LONGEST_APPOINTMENT = timedelta(days=1)
_FARTHEST_APPOINTMENT = timedelta(days=100 * 366)
_LARGEST_AMOUNT = 10**9
#: Three letters, as in ISO 4217.
_CURRENCY = re.compile("[A-Z]{3}")
#: A title, a name, a number: what stands on one line.
LONGEST_LINE = 300
#: Unicode's categories of control characters and of what begins another line.
_NOT_ON_A_LINE = frozenset({"Cc", "Zl", "Zp"})


def line_of(text: str, field: str) -> str:
    """Give a text that stands on one line, without the space around it. Raises ``BadInput``."""
    text = text.strip()
    if not text:
        raise BadInput("empty", field=field)
    if len(text) > LONGEST_LINE or any(unicodedata.category(sign) in _NOT_ON_A_LINE for sign in text):
        raise BadInput("one_line", field=field, most=LONGEST_LINE)
    return text


def add_record(  # noqa: PLR0913 - the details of a record
    session: Session,
    owner: MemberFacts,
    *,
    client_id: UUID,
    number: str | None,
    title: str,
    email: str | None,
    reason_for_consultation: str | None,
    confidential: bool,
    opened_on: date | None,
    now: datetime,
) -> UUID:
    """Write a record and its first holding, in its owner's hands. Raises ``BadInput``."""
    title = line_of(title, "title")
    number = _next_number(session, owner.organization_id) if number is None else line_of(number, "number")
    taken = exists().where(Record.organization_id == owner.organization_id, Record.number == number)
    if session.scalar(select(taken)):
        raise BadInput("number")
    record_id = uuid4()
    session.execute(
        insert(Record).values(
            id=record_id,
            organization_id=owner.organization_id,
            number=number,
            status=RecordStatus.ACTIVE,
            legal_hold=False,
            created_at=now,
        )
    )
    session.execute(insert(RecordClient).values(record_id=record_id, client_id=client_id))
    session.execute(
        insert(Holding).values(
            id=uuid4(),
            record_id=record_id,
            organization_id=owner.organization_id,
            owner_id=owner.id,
            state=HoldingState.LIVE,
            confidential=confidential,
            title=title,
            email=email,
            reason_for_consultation=reason_for_consultation,
            opened_on=(opened_on or now.date()).isoformat(),
            from_at=now,
        )
    )
    return record_id


def _next_number(session: Session, organization_id: UUID) -> str:
    # Two who open a record at once would both find the same number free.
    lock_log(session, organization_id)
    count = session.scalar(select(func.count()).where(Record.organization_id == organization_id)) or 0
    while True:
        count += 1
        number = f"D-{count:05}"
        taken = exists().where(Record.organization_id == organization_id, Record.number == number)
        if not session.scalar(select(taken)):
            return number


def live_holding(session: Session, record_id: UUID) -> Holding:
    """Read the holding that is in use."""
    return session.scalars(
        select(Holding).where(Holding.record_id == record_id, Holding.state == HoldingState.LIVE)
    ).one()


def keep(session: Session, organization_id: UUID, body: bytes) -> str:
    """Keep bytes once an organization, and give the SHA-256 that stands for them."""
    sha256 = hashlib.sha256(body).hexdigest()
    if session.get(Content, (organization_id, sha256)) is None:
        session.execute(insert(Content).values(organization_id=organization_id, sha256=sha256, body=body))
    return sha256


def add_document(
    session: Session,
    author: MemberFacts,
    record: RecordFacts,
    body: bytes,
    *,
    name: str,
    media_type: str,
    confidential: bool,
    now: datetime,
) -> UUID:
    """Write a file; a collaborator's confidential one is for its author alone (VIS-6)."""
    return add_item(
        session,
        Document,
        author,
        record,
        now,
        body,
        name=line_of(name, "name"),
        media_type=line_of(media_type, "media_type"),
        confidential=confidential,
        author_only=confidential and record.relation is not Relation.OWNER,
    )


def add_raw_data(
    session: Session,
    author: MemberFacts,
    record: RecordFacts,
    body: bytes,
    *,
    name: str,
    media_type: str,
    now: datetime,
) -> UUID:
    """Write uninterpreted test material."""
    named = {"name": line_of(name, "name"), "media_type": line_of(media_type, "media_type")}
    return add_item(session, RawDatum, author, record, now, body, **named)


def add_profile(
    session: Session,
    author: MemberFacts,
    record: RecordFacts,
    body: bytes,
    *,
    name: str,
    relationship: str,
    now: datetime,
) -> UUID:
    """Write a linked profile; ``body`` is its canonical JSON."""
    named = {"name": line_of(name, "name"), "relationship": line_of(relationship, "relationship")}
    return add_item(session, Profile, author, record, now, body, **named)


def add_task(
    session: Session,
    author: MemberFacts,
    record: RecordFacts,
    body: bytes,
    *,
    due_on: date | None,
    now: datetime,
) -> UUID:
    """Write something to do."""
    return add_item(
        session, Task, author, record, now, body, due_on=None if due_on is None else due_on.isoformat()
    )


def add_memo(
    session: Session, author: MemberFacts, record: RecordFacts, body: bytes, *, now: datetime
) -> UUID:
    """Write a reminder to oneself."""
    return add_item(session, Memo, author, record, now, body)


def add_item(
    session: Session,
    model: type[ItemWithContent],
    author: MemberFacts,
    record: RecordFacts,
    now: datetime,
    body: bytes | str,
    **columns: Any,  # noqa: ANN401 - the model's own
) -> UUID:
    """Write an item to the holding in use; its content is bytes, or the SHA-256 of some that are kept."""
    item_id = uuid4()
    session.execute(
        insert(model).values(
            holding_id=live_holding(session, record.id).id,
            item_id=item_id,
            organization_id=record.organization_id,
            created_at=now,
            author_id=author.id,
            sha256=body if isinstance(body, str) else keep(session, record.organization_id, body),
            **columns,
        )
    )
    return item_id


def add_invoice(
    session: Session,
    record: RecordFacts,
    *,
    number: str,
    amount_cents: int,
    currency: str,
    issued_on: date,
    now: datetime,
) -> UUID:
    """Write a bill. Raises ``BadInput``."""
    number = line_of(number, "invoice_number")
    if not 0 < amount_cents <= _LARGEST_AMOUNT:
        raise BadInput("amount")
    if not _CURRENCY.fullmatch(currency):
        raise BadInput("currency")
    item_id = uuid4()
    session.execute(
        insert(Invoice).values(
            holding_id=live_holding(session, record.id).id,
            item_id=item_id,
            organization_id=record.organization_id,
            created_at=now,
            number=number,
            amount_cents=amount_cents,
            currency=currency,
            issued_on=issued_on.isoformat(),
        )
    )
    return item_id


def add_appointment(
    session: Session,
    holder: MemberFacts,
    record: RecordFacts,
    *,
    client_id: UUID | None,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    sequence: int = 0,
) -> UUID:
    """
    Book an appointment: the owner's belongs to their holding, a collaborator's to the record.

    One that takes another's place goes on from its ``sequence``.
    """
    if not starts_at < ends_at <= starts_at + _LONGEST_APPOINTMENT:
        raise BadInput("appointment_ends")
    if abs(starts_at - now) > _FARTHEST_APPOINTMENT:
        raise BadInput("appointment_when")
    owners = record.relation is Relation.OWNER
    item_id = uuid4()
    session.execute(
        insert(Appointment).values(
            item_id=item_id,
            organization_id=record.organization_id,
            record_id=record.id,
            holding_id=live_holding(session, record.id).id if owners else None,
            practitioner_id=holder.id,
            client_id=client_id,
            starts_at=starts_at,
            ends_at=ends_at,
            state=AppointmentState.BOOKED,
            sequence=sequence,
            created_at=now,
        )
    )
    return item_id


def set_status(session: Session, record_id: UUID, status: RecordStatus) -> None:
    """Archive a record, or take it up again (ELIG-1)."""
    session.execute(update(Record).where(Record.id == record_id).values(status=status))


def appointment(session: Session, appointment_id: UUID) -> Appointment | None:
    """Read an appointment afresh."""
    return session.get(Appointment, appointment_id, populate_existing=True)


def cancel_appointment(session: Session, found: Appointment) -> int:
    """Cancel an appointment, and give the sequence number that its calendar has from now on."""
    sequence = found.sequence + 1
    session.execute(
        update(Appointment)
        .where(Appointment.item_id == found.item_id)
        .values(state=AppointmentState.CANCELLED, sequence=sequence)
    )
    return sequence


def record_named(session: Session, organization_id: UUID, name: str) -> UUID | None:
    """Find a record of an organization by its number or its id."""
    return session.scalar(
        select(Record.id).where(
            Record.organization_id == organization_id,
            (Record.number == name) | (cast(Record.id, String) == name.lower()),
        )
    )
