"""What messages say: enough to act, nothing of a record's content, in both languages (NOTE-1, NOTE-2)."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import vobject

from engine.catalogue import labels
from engine.desk.desk import Desk
from engine.notices import deliveries
from engine.notices.envelope import envelope
from engine.notices.letters import Letter, Undeliverable, write_letter
from engine.records.tables.base import DeliveryTrouble, TextKind
from engine.states.choices import Role
from tests import build
from tests.integration.handover.clinic import UPCOMING, Clinic
from tests.integration.notices.caseload import asked_one_by_one

NOW = datetime(2040, 6, 1, 12, 0, tzinfo=UTC)
SENDER = "passation@clinique.example"


def letters(clinic: Clinic, address: str | None = None) -> list[Letter]:
    with clinic.database.write() as session:
        deliveries.plan(session, NOW)
        taken = deliveries.claim(session, NOW + timedelta(days=1), limit=100)
    with clinic.database.read() as session:
        return [write_letter(session, one, NOW, address=address) for one in taken]


def of(found: list[Letter], subject: str) -> Letter:
    return next(letter for letter in found if letter.subject == subject)


class TestToMembers:
    def test_who_asks_whom_about_which_record_by_when(self, clinic: Clinic) -> None:
        clinic.change("UPDATE members SET language = 'en' WHERE id = :id", id=clinic.world.new_owner)
        clinic.ask()
        (letter,) = letters(clinic)
        number = clinic.rows("SELECT number FROM records WHERE id = :id", id=clinic.world.record)[0][0]

        assert letter.subject == labels("en")["mail_subject/asked"]
        assert f"record {number}" in letter.text
        assert re.search(r"An answer is expected by \w+day \d+ \w+ 2040\.", letter.text)
        assert letter.from_name in letter.html

    def test_role_that_was_given_and_taken(self, clinic: Clinic, desk: Desk) -> None:
        for change in (desk.grant, desk.revoke):
            change(clinic.world.administrator, clinic.world.owner, Role.COORDINATOR)
        first, last = clinic.rows(
            "SELECT first_name, last_name FROM members WHERE id = :id", id=clinic.world.owner
        )[0]
        found = [letter for letter in letters(clinic) if f"{first} {last} " in letter.text]

        assert {letter.subject for letter in found} >= {
            labels(letter.language)[f"mail_subject/{kind}"]
            for letter in found
            for kind in ("role_granted", "role_revoked")
        }

    def test_links_carry_an_id_and_nothing_else(self, clinic: Clinic) -> None:
        transfer = clinic.ask()
        (letter,) = letters(clinic, "https://passation.example")

        assert f"https://passation.example/transfers/{transfer}\n" in letter.text
        assert f'href="https://passation.example/transfers/{transfer}"' in letter.html

    def test_nothing_of_the_content_and_no_client(self, clinic: Clinic) -> None:
        """NOTE-1: planted in every text column of the record; searched in every message to a colleague."""
        full = clinic.full_record()
        clinic.change("UPDATE clients SET name = 'CANARI client'")
        clinic.change("UPDATE holdings SET title = 'CANARI titre', reason_for_consultation = 'CANARI motif'")
        transfer = clinic.ask(record_id=full.record)
        clinic.refuse(
            transfer, reason_id=clinic.text(clinic.world.new_owner, TextKind.REASON, "CANARI refus")
        )
        clinic.accept(clinic.ask(record_id=full.record))
        found = [letter for letter in letters(clinic) if letter.cancelled is None]

        assert len(found) >= 4
        for letter in found:
            assert "CANARI" not in envelope(letter, SENDER).as_string()

    def test_number_of_a_confidential_record_is_not_told_to_coordinators(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """VIS-2."""
        full = clinic.full_record(confidential=True)
        number = clinic.rows("SELECT number FROM records WHERE id = :id", id=full.record)[0][0]
        transfer = clinic.ask(record_id=full.record)
        desk.deactivate(clinic.world.administrator, clinic.world.owner)
        clinic.refuse(transfer)
        coordinator = clinic.rows(
            "SELECT m.email FROM members m JOIN member_roles r ON r.member_id = m.id"
            " WHERE r.role = 'coordinator'"
        )[0][0]
        found = [letter for letter in _deliverable(clinic) if letter.to == coordinator]

        assert found
        for letter in found:
            assert number not in letter.text

    def test_more_than_one_can_read_is_counted(self, clinic: Clinic) -> None:
        list(asked_one_by_one(clinic, 23))
        new_owner = clinic.rows("SELECT email FROM members WHERE id = :id", id=clinic.world.new_owner)[0][0]
        (letter,) = (letter for letter in letters(clinic) if letter.to == new_owner)

        assert letter.text.count(labels(letter.language)["mail_next/asked"].partition("{")[0]) == 20
        assert labels(letter.language)["mail_word/more"].format(count=3) in letter.text

    def test_nobody_who_has_left_is_written_to(self, clinic: Clinic, desk: Desk) -> None:
        transfer = clinic.ask()
        clinic.refuse(transfer)
        with clinic.database.write() as session:
            deliveries.plan(session, NOW)
            taken = deliveries.claim(session, NOW, limit=100)
        desk.deactivate(clinic.world.administrator, clinic.world.owner)
        troubles = []
        with clinic.database.read() as session:
            for one in taken:
                try:
                    write_letter(session, one, NOW, address=None)
                except Undeliverable as nobody:
                    troubles.append(nobody.trouble)

        assert troubles == [DeliveryTrouble.INACTIVE]


class TestToClients:
    def letter(self, clinic: Clinic) -> Letter:
        clinic.accept(clinic.ask(record_id=clinic.full_record().record))
        return next(letter for letter in letters(clinic) if letter.cancelled is not None)

    @pytest.mark.parametrize(
        ("zone", "clock"),
        [("America/Toronto", "11 h 00"), ("America/Vancouver", "8 h 00"), ("Europe/Paris", "16 h 00")],
    )
    def test_when_it_was_where_the_organization_is(self, clinic: Clinic, zone: str, clock: str) -> None:
        """The appointment is in March: Montréal has put its clocks forward by then, Paris has not."""
        clinic.change("UPDATE organizations SET time_zone = :zone", zone=zone)
        clinic.change("UPDATE clients SET language = 'fr'")
        letter = self.letter(clinic)

        there = UPCOMING.astimezone(ZoneInfo(zone))
        assert f"{there.day} mars 2040 à {clock}" in letter.text

    @pytest.mark.parametrize(
        ("zone", "instant", "clock"),
        [
            ("America/Toronto", "2040-03-11T06:30:00+00:00", "1 h 30"),
            ("America/Toronto", "2040-03-11T07:30:00+00:00", "3 h 30"),
            ("America/Toronto", "2040-11-04T05:30:00+00:00", "1 h 30"),
            ("America/Toronto", "2040-11-04T06:30:00+00:00", "1 h 30"),
            ("America/Toronto", "2040-11-04T18:00:00+00:00", "13 h 00"),
            ("America/Vancouver", "2040-03-11T09:30:00+00:00", "1 h 30"),
            ("America/Vancouver", "2040-03-11T10:30:00+00:00", "3 h 30"),
            ("America/Vancouver", "2040-11-04T08:30:00+00:00", "1 h 30"),
            ("America/Vancouver", "2040-11-04T21:00:00+00:00", "13 h 00"),
            ("Europe/Paris", "2040-03-25T00:30:00+00:00", "1 h 30"),
            ("Europe/Paris", "2040-03-25T01:30:00+00:00", "3 h 30"),
            ("Europe/Paris", "2040-10-28T00:30:00+00:00", "2 h 30"),
            ("Europe/Paris", "2040-10-28T12:00:00+00:00", "13 h 00"),
        ],
    )
    def test_on_the_days_on_which_clocks_change(
        self, clinic: Clinic, zone: str, instant: str, clock: str
    ) -> None:
        """The client reads the clock on the wall; the calendar has the instant, and an hour is an hour."""
        clinic.change("UPDATE organizations SET time_zone = :zone", zone=zone)
        clinic.change("UPDATE clients SET language = 'fr'")
        starts_at = datetime.fromisoformat(instant)
        world = clinic.world
        with clinic.database.write() as session:
            build.appointment(session, world.record, world.owner, client_id=world.client, starts_at=starts_at)
        clinic.accept(clinic.ask())
        letter = next(found for found in letters(clinic) if found.cancelled is not None)
        mail = envelope(letter, SENDER)
        part = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
        event = vobject.readOne(part.get_content()).vevent

        assert f"{starts_at.astimezone(ZoneInfo(zone)).day} " in letter.text
        assert f" à {clock} " in letter.text
        assert (event.dtstart.value, event.dtend.value - event.dtstart.value) == (
            starts_at,
            timedelta(hours=1),
        )

    def test_calendar_takes_the_appointment_out(self, clinic: Clinic) -> None:
        """Read by another library than the one that wrote it (RFC 5546)."""
        mail = envelope(self.letter(clinic), SENDER)
        part = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
        calendar = vobject.readOne(part.get_content())
        event = calendar.vevent
        appointment, sequence = clinic.rows(
            "SELECT a.item_id, a.sequence FROM appointments a JOIN outbox o ON o.subject_id = a.item_id"
        )[0]

        assert part.get_param("method") == "CANCEL"
        assert (calendar.method.value, event.status.value) == ("CANCEL", "CANCELLED")
        assert event.uid.value == f"{appointment}@passation"
        assert int(event.sequence.value) == sequence == 1
        assert event.dtstart.value == UPCOMING
        assert mail.get_content_type() == "multipart/alternative"

    def test_answers_go_to_the_organization(self, clinic: Clinic, desk: Desk) -> None:
        desk.set_reply_to(clinic.world.administrator, "Accueil@clinique.example ")
        mail = envelope(self.letter(clinic), SENDER)
        part = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")

        assert mail["Reply-To"].addresses[0].addr_spec == "accueil@clinique.example"
        assert mail["From"].addresses[0].addr_spec == SENDER
        assert "mailto:accueil@clinique.example" in vobject.readOne(part.get_content()).serialize()

    def test_same_message_however_often_it_is_written(self, clinic: Clinic) -> None:
        """NOTE-3: the same Message-ID, UID and SEQUENCE."""
        letter = self.letter(clinic)
        first, second = envelope(letter, SENDER), envelope(letter, SENDER)

        assert first["Message-ID"] == second["Message-ID"] == f"<{letter.id}@passation>"
        assert first["Date"] == second["Date"]
        assert [part.get_content() for part in first.iter_parts()] == [
            part.get_content() for part in second.iter_parts()
        ]

    @pytest.mark.parametrize(
        "address", ["", "@", "not an address", "a@b@c", "camille@exemple\nBcc: x@y.example"]
    )
    def test_address_that_is_none(self, clinic: Clinic, address: str) -> None:
        letter = self.letter(clinic)
        clinic.change("UPDATE clients SET email = :address", address=address)

        with pytest.raises(Undeliverable) as raised, clinic.database.read() as session:
            envelope(write_letter(session, letter.id, NOW, address=None), SENDER)

        assert raised.value.trouble is DeliveryTrouble.NO_ADDRESS


def _deliverable(clinic: Clinic) -> list[Letter]:
    with clinic.database.write() as session:
        deliveries.plan(session, NOW)
        taken = deliveries.claim(session, NOW + timedelta(days=1), limit=100)
    found = []
    with clinic.database.read() as session:
        for one in taken:
            try:
                found.append(write_letter(session, one, NOW, address=None))
            except Undeliverable:
                continue
    return found
