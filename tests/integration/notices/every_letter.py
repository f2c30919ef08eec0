"""Every message that Passation sends, in both languages, about people who never change."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from engine.notices.letters import Letter, write_letter
from engine.notices.outbox import NoticeKind
from engine.records.database import Database
from engine.records.tables.base import DeliveryState
from engine.records.tables.outbox import Delivery, Notice
from engine.records.tables.people import Client, Member
from tests import build

LANGUAGES: Final = ("en", "fr")
ADDRESS: Final = "https://passation.example"
#: Besides one message for each kind: a digest of several things, and one of more than can be told.
DIGESTS: Final = ("several", "many")
_AT: Final = datetime(2040, 6, 1, 12, 0, tzinfo=UTC)
_TRANSFER: Final = UUID("00000000-0000-4000-8000-000000000001")
_OF_ROLES: Final = frozenset({NoticeKind.ROLE_GRANTED, NoticeKind.ROLE_REVOKED})
_OF_BULKS: Final = frozenset({NoticeKind.BULK_PAUSED, NoticeKind.BULK_FINISHED})
_OF_COPIES: Final = frozenset({NoticeKind.COPY_OPENED, NoticeKind.COPY_CLOSED})
_TO_CLIENTS: Final = frozenset({NoticeKind.APPOINTMENT_CANCELLED, NoticeKind.PRACTITIONER_ANNOUNCED})


class _Undone(Exception):
    """Nothing of it stays."""


def every_letter(database: Database) -> dict[tuple[str, str], Letter]:
    """Write every message, by kind and language; nothing stays in the database."""
    found: dict[tuple[str, str], Letter] = {}
    try:
        with database.write() as session:
            found = dict(_letters(session))
            raise _Undone  # noqa: TRY301 - what was written is taken back
    except _Undone:
        return found


def _letters(session: Session) -> Iterator[tuple[tuple[str, str], Letter]]:
    organization = build.organization(session, name="Clinique des Érables")
    people = [
        build.member(
            session, organization, first_name=first, last_name=last, email=f"{first.lower()}@erables.example"
        )
        for first, last in (("Alice", "Roy"), ("Bruno", "Côté"))
    ]
    client = build.client(session, organization, name="Dominique Tremblay")
    record, _ = build.record(session, people[0], [client], number="D-00042")
    starts_at = datetime(2040, 6, 12, 14, 30, tzinfo=UTC)
    appointment = build.appointment(session, record, people[0], client_id=client, starts_at=starts_at)
    transfer = build.transfer(
        session, record, people[1], asked_at=_AT, respond_by=_AT + timedelta(days=14, hours=16)
    )
    about = {
        **dict.fromkeys(_OF_ROLES | _OF_COPIES | {NoticeKind.PRACTITIONER_ANNOUNCED}, people[1]),
        **dict.fromkeys(_OF_BULKS, _TRANSFER),
        NoticeKind.APPOINTMENT_CANCELLED: appointment,
    }
    for language in LANGUAGES:
        session.execute(update(Member).values(language=language))
        session.execute(update(Client).values(language=language))
        for name in [*NoticeKind, *DIGESTS]:
            kinds = {
                "several": [NoticeKind.ASKED, NoticeKind.ACCEPTED, NoticeKind.REFUSED],
                "many": [NoticeKind.ASKED] * 23,
            }.get(name, [NoticeKind(name)] if name in set(NoticeKind) else [])
            reader = {"member_id": None, "client_id": client} if kinds[0] in _TO_CLIENTS else {
                "member_id": people[0], "client_id": None
            }  # fmt: skip
            delivery = _delivery(session, organization, reader)
            for kind in kinds:
                apart = kind in _OF_ROLES | _OF_BULKS or kind is NoticeKind.NAME_COORDINATOR
                session.execute(
                    insert(Notice).values(
                        organization_id=organization,
                        kind=kind.value,
                        cause_id=uuid4(),
                        transfer_id=None if apart else transfer,
                        recipient_id=reader["member_id"] or reader["client_id"],
                        subject_id=about.get(kind, transfer),
                        sequence=1,
                        created_at=_AT,
                        delivery_id=delivery,
                        **reader,
                    )
                )
            letter = write_letter(session, delivery, _AT, address=ADDRESS)
            yield (str(name), language), _steady(letter, transfer)


def _delivery(session: Session, organization: UUID, reader: dict[str, UUID | None]) -> UUID:
    delivery_id = uuid4()
    session.execute(
        insert(Delivery).values(
            id=delivery_id,
            organization_id=organization,
            topic="test",
            state=DeliveryState.WAITING,
            attempts=0,
            due_at=_AT,
            created_at=_AT,
            **reader,
        )
    )
    session.flush()
    return delivery_id


def _steady(letter: Letter, transfer: UUID) -> Letter:
    """Give a message as it is, but for the transfer's id."""
    text, html = (part.replace(str(transfer), str(_TRANSFER)) for part in (letter.text, letter.html))
    return replace(letter, text=text, html=html)
