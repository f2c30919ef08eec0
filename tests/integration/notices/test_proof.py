"""A caseload of three hundred, and a mail server away for a day: each message once (NOTE-2, NOTE-3)."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
import vobject

from engine.activities.notices import Mailing, Sending
from engine.mailserver import MailServer
from engine.notices import deliveries
from engine.notices.post import ServerPost
from tests import build
from tests.integration.handover.clinic import Clinic
from tests.integration.notices.caseload import asked_one_by_one
from tests.integration.notices.server import MailServerOfTests

SENDER = "passation@clinique.example"
RECORDS, APPOINTMENTS, WITHOUT_ADDRESS = 300, 200, 20
#: Planted in what is content, and in clients' names: no colleague may read the second, nobody the first.
SECRET, NAME = "CANARI-contenu", "CANARI-nom"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def turn(clinic: Clinic, server: MailServerOfTests, clock: Clock) -> tuple[int, int, int]:
    """Let the sender send what is due by that clock."""
    post = ServerPost(MailServer.of_url(server.url), timeout=10)
    done = asyncio.run(
        Sending(clinic.database, Mailing(post=post, sender=SENDER, rate=None), clock=clock).turn(0)
    )
    return done.sent, done.later, done.failed


def calendar_of(mail: EmailMessage) -> str | None:
    parts = (part for part in mail.walk() if part.get_content_type() == "text/calendar")
    return next((part.get_content() for part in parts), None)


def read(mail: EmailMessage) -> str:
    """Everything that a reader could find in a message: its bytes, its headers and each part decoded."""
    parts = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    return "\n".join([mail.as_string(), *map(str, mail.values()), *parts])


def visited(clinic: Clinic, transfer: UUID, number: int) -> UUID | None:
    """Plant secrets in a record that is asked for; two in three have an upcoming appointment."""
    record = UUID(clinic.column(transfer, "record_id"))
    holding, owner = clinic.live(record)
    email = None if number < WITHOUT_ADDRESS else f"client{number}@courriel.example"
    with clinic.database.write() as session:
        client = build.client(session, clinic.world.organization, name=f"{NAME} {number}", email=email)
        build.note(session, holding, body=SECRET, created_at=clinic.now)
        build.document(session, holding, name=f"{SECRET}.pdf", body=SECRET.encode(), created_at=clinic.now)
        if number >= APPOINTMENTS:
            return None
        starts_at = clinic.now + timedelta(days=3 + number % 20, minutes=number)
        return build.appointment(session, record, owner, client_id=client, starts_at=starts_at)


@pytest.mark.slow
def test_three_hundred_records_and_two_hundred_appointments(
    clinic: Clinic, server: MailServerOfTests
) -> None:
    """One mail for each appointment with an address; of everything else one digest a person."""
    world, booked = clinic.world, {}
    clinic.change("UPDATE clients SET name = :name", name=NAME)
    for number, transfer in enumerate(asked_one_by_one(clinic, RECORDS)):
        clinic.change(
            "UPDATE holdings SET title = :secret, reason_for_consultation = :secret WHERE state = 'live'"
            " AND record_id = (SELECT record_id FROM transfers WHERE id = :id)",
            secret=SECRET,
            id=transfer,
        )
        appointment = visited(clinic, transfer, number)
        if appointment is not None and number >= WITHOUT_ADDRESS:
            booked[str(appointment)] = f"client{number}@courriel.example"
        assert clinic.accept(transfer, by=world.new_owner).state == "accepted"
    clock = Clock()
    first = turn(clinic, server, clock)
    clock.now += deliveries.QUIET + timedelta(seconds=1)
    second = turn(clinic, server, clock)
    mails = server.mails
    cancelled = [(mail, vobject.readOne(text)) for mail in mails if (text := calendar_of(mail)) is not None]

    # Clients at once; then their digest to the three whom it concerns; who has no address is to be called.
    assert first == (len(booked), 0, WITHOUT_ADDRESS)
    assert (second[1:], turn(clinic, server, clock)) == ((0, 0), (0, 0, 0))
    assert set(server.by_id.values()) == {1}
    assert {
        calendar.vevent.uid.value.removesuffix("@passation"): mail["To"].addresses[0].addr_spec
        for mail, calendar in cancelled
    } == booked
    assert len(cancelled) == len(booked) == APPOINTMENTS - WITHOUT_ADDRESS
    assert {calendar.vevent.sequence.value for _, calendar in cancelled} == {"1"}
    digests = [mail for mail in mails if calendar_of(mail) is None]
    assert len(digests) == second[0]
    assert set(Counter(mail["To"].addresses[0].addr_spec for mail in digests).values()) == {1}
    assert [mail["Subject"] for mail in mails if SECRET in read(mail)] == []
    assert [mail["Subject"] for mail in digests if NAME in read(mail)] == []


def test_a_mail_server_that_is_away_for_a_day_delays_messages_and_nothing_else(clinic: Clinic) -> None:
    """Hour by hour nothing is lost or given up; then each comes once, and transfers went on meanwhile."""
    clock, server = Clock(), MailServerOfTests()
    with server:
        pass
    attempts = 0
    for hour in range(24):
        if hour % 6 == 0:
            assert clinic.accept(clinic.ask(record_id=clinic.full_record().record)).state == "accepted"
        sent, later, failed = turn(clinic, server, clock)
        assert (sent, failed) == (0, 0)
        attempts += later
        clock.now += timedelta(hours=1)
    waiting = clinic.rows("SELECT id FROM deliveries")
    assert clinic.rows("SELECT id FROM outbox WHERE delivery_id IS NULL OR sent_at IS NOT NULL") == []
    with MailServerOfTests() as back:
        clock.now += timedelta(hours=1)
        sent, later, failed = turn(clinic, back, clock)

        assert (later, failed) == (0, 0)
        assert sent == len(back.taken) == len(waiting) == 4 * 3
        assert set(back.by_id.values()) == {1}
    assert attempts >= 20
    assert clinic.rows("SELECT id FROM outbox WHERE sent_at IS NULL") == []
