"""An organization may tell its clients who is responsible for them now; none does by itself (NOTE-2)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from engine.catalogue import labels
from engine.desk.desk import Desk
from engine.notices import deliveries
from engine.notices.envelope import envelope
from engine.notices.letters import Letter, write_letter
from engine.states.choices import Role
from tests import build
from tests.integration.handover.clinic import Clinic
from tests.integration.notices.caseload import asked_one_by_one

NOW = datetime(2040, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def announcing(clinic: Clinic, desk: Desk) -> Clinic:
    """A clinic that announces; one client has two records."""
    desk.set_policy(clinic.world.administrator, announce_practitioner=True)
    return clinic


def announcements(clinic: Clinic) -> list[Letter]:
    with clinic.database.write() as session:
        deliveries.plan(session, NOW)
        taken = deliveries.claim(session, NOW + timedelta(days=1), limit=100)
    with clinic.database.read() as session:
        found = [write_letter(session, one, NOW, address="https://passation.example") for one in taken]
    subjects = {
        labels(language)["mail_subject/practitioner_announced"].partition("{")[0] for language in ("fr", "en")
    }
    return [letter for letter in found if letter.subject.startswith(tuple(subjects))]


def name_of(clinic: Clinic, member: UUID) -> str:
    ((first, last),) = clinic.rows("SELECT first_name, last_name FROM members WHERE id = :id", id=member)
    return f"{first} {last}"


def test_nobody_is_told_unless_the_organization_chose_it(clinic: Clinic) -> None:
    clinic.hand_over()

    assert clinic.rows("SELECT id FROM outbox WHERE client_id IS NOT NULL") == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_client_reads_a_name_and_nothing_else(announcing: Clinic, language: str) -> None:
    """In their language, from the organization, nothing clinical: neither a title nor a number."""
    record = announcing.full_record().record
    announcing.change("UPDATE clients SET language = :language", language=language)
    announcing.change("UPDATE members SET title = 'CANARI titre'")
    announcing.change("UPDATE holdings SET title = 'CANARI', reason_for_consultation = 'CANARI'")
    announcing.change("UPDATE records SET number = 'CANARI-1' WHERE id = :id", id=record)
    announcing.hand_over(record=record)
    (letter,) = announcements(announcing)

    assert letter.language == language
    assert name_of(announcing, announcing.world.new_owner) in letter.text
    assert letter.from_name in letter.text
    assert letter.cancelled is None
    written = envelope(letter, "passation@clinique.example").as_string()
    assert "CANARI" not in written
    assert "passation.example/" not in written


def test_nothing_is_told_before_the_hand_over_nor_after_a_refusal(announcing: Clinic) -> None:
    """MOVE-7."""
    announcing.refuse(announcing.ask())

    assert announcements(announcing) == []


def test_imposed_is_announced_too(announcing: Clinic) -> None:
    third = announcing.colleague(first_name="Robin", last_name="Gagnon")
    assert announcing.impose(announcing.ask(), third).state == "accepted"
    (letter,) = announcements(announcing)

    assert "Robin Gagnon" in letter.text


def test_each_client_of_a_record_is_told_and_who_has_no_address_is_not(announcing: Clinic) -> None:
    with announcing.database.write() as session:
        clients = [
            build.client(session, announcing.world.organization, email=email)
            for email in ("sasha@courriel.example", "noa@courriel.example", None)
        ]
        record = build.record(session, announcing.world.owner, clients).record_id
    announcing.hand_over(record=record)

    assert sorted(letter.to for letter in announcements(announcing)) == [
        "noa@courriel.example",
        "sasha@courriel.example",
    ]


def test_one_message_for_everything_of_a_caseload(announcing: Clinic) -> None:
    """NOTE-3: one digest a person, clients too; the name stands there once."""
    for transfer in asked_one_by_one(announcing, 3):
        announcing.accept(transfer)
    (letter,) = announcements(announcing)

    assert letter.text.count(name_of(announcing, announcing.world.new_owner)) == 1


def test_whoever_is_added_as_a_coordinator_is_told(clinic: Clinic, desk: Desk) -> None:
    """ROLE-2: a coordinator is told so, whichever way they became one; other newcomers are not written to."""
    person = {"first_name": "Robin", "last_name": "Gagnon", "title": "", "language": "en"}
    added = [
        desk.add_member(
            clinic.world.administrator, email=f"{role}@clinique.example", roles=[role], **person
        ).id
        for role in Role
    ]
    found = [
        (UUID(member), kind)
        for member, kind in clinic.rows("SELECT member_id, kind FROM outbox")
        if UUID(member) in added
    ]

    assert found == [(added[list(Role).index(Role.COORDINATOR)], "role_granted")]
