"""Which messages are made of notices, when each is due, and what becomes of it (NOTE-1, NOTE-3)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from engine.desk.desk import Desk
from engine.notices import deliveries
from engine.records.tables.base import DeliveryTrouble
from engine.states.choices import NoticePace
from tests.integration.handover.clinic import Clinic
from tests.integration.notices.caseload import asked_one_by_one

NOW = datetime(2040, 6, 1, 12, 0, tzinfo=UTC)
SOON = timedelta(seconds=1)


def plan(clinic: Clinic, at: datetime = NOW) -> int:
    with clinic.database.write() as session:
        return deliveries.plan(session, at)


def claim(clinic: Clinic, at: datetime = NOW, limit: int = 100) -> Sequence[UUID]:
    with clinic.database.write() as session:
        return deliveries.claim(session, at, limit=limit)


def waiting(clinic: Clinic) -> list[tuple[str, str, int]]:
    """Every message: whose it is, what it is about, how many notices it carries."""
    rows = clinic.rows(
        "SELECT coalesce(m.email, c.email) AS who, d.topic, count(o.id) AS notices FROM deliveries d"
        " LEFT JOIN members m ON m.id = d.member_id LEFT JOIN clients c ON c.id = d.client_id"
        " JOIN outbox o ON o.delivery_id = d.id GROUP BY d.id, m.email, c.email, d.topic ORDER BY 1, 2"
    )
    return [(who, topic.partition("/")[0], notices) for who, topic, notices in rows]


def email(clinic: Clinic, member: UUID) -> str:
    found: str = clinic.rows("SELECT email FROM members WHERE id = :id", id=member)[0][0]
    return found


def state(clinic: Clinic, delivery_id: UUID) -> tuple[str, int, str | None]:
    query = "SELECT state, attempts, trouble FROM deliveries WHERE id = :id"
    return tuple(clinic.rows(query, id=delivery_id)[0])


class TestPlan:
    def test_one_message_a_person_and_cause(self, clinic: Clinic) -> None:
        clinic.ask()
        clinic.ask(to=clinic.colleague(), record_id=clinic.full_record().record)

        assert plan(clinic) == 2
        assert plan(clinic) == 0
        assert [(topic, notices) for _, topic, notices in waiting(clinic)] == [("cause", 1), ("cause", 1)]

    def test_one_message_for_each_appointment_of_a_client(self, clinic: Clinic) -> None:
        record = clinic.full_record().record
        clinic.accept(clinic.ask(record_id=record))
        plan(clinic)

        assert [notices for _, topic, notices in waiting(clinic) if topic == "appointment"] == [1]

    def test_once_a_day_for_who_chose_so_but_not_what_needs_an_action(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """NOTE-1: what needs an action cannot be switched off."""
        for member in (clinic.world.owner, clinic.world.new_owner):
            desk.set_notices(member, NoticePace.DAILY)
        first = clinic.ask()
        clinic.refuse(first)
        clinic.refuse(clinic.ask())
        plan(clinic)

        assert waiting(clinic) == sorted(
            [
                (email(clinic, clinic.world.owner), "day", 2),
                (email(clinic, clinic.world.new_owner), "cause", 1),
                (email(clinic, clinic.world.new_owner), "cause", 1),
            ]
        )

    @pytest.mark.parametrize(
        ("now", "due"),
        [
            # Montréal is four hours behind in June, five in December.
            ("2040-06-01T10:59:00+00:00", "2040-06-01T11:00:00+00:00"),
            ("2040-06-01T11:00:00+00:00", "2040-06-02T11:00:00+00:00"),
            ("2040-12-01T12:30:00+00:00", "2040-12-02T12:00:00+00:00"),
            # The night in which the clocks go back has an hour more.
            ("2040-11-03T23:00:00+00:00", "2040-11-04T12:00:00+00:00"),
        ],
    )
    def test_a_day_begins_at_seven_where_the_organization_is(
        self, clinic: Clinic, desk: Desk, now: str, due: str
    ) -> None:
        desk.set_notices(clinic.world.owner, NoticePace.DAILY)
        clinic.refuse(clinic.ask())
        with clinic.database.write() as session:
            deliveries.plan(session, datetime.fromisoformat(now))

        instant = datetime.fromisoformat(due)
        early, late = claim(clinic, instant - SOON), claim(clinic, instant)
        assert (len(early), len(late)) == (1, 1)

    def test_what_a_bulk_causes_is_gathered_until_it_is_quiet(self, clinic: Clinic) -> None:
        """NOTE-3: one digest a person, not hundreds of mails."""
        for step, _ in enumerate(asked_one_by_one(clinic, 3)):
            plan(clinic, NOW + timedelta(seconds=20 * step))
        last = NOW + timedelta(seconds=40)

        new_owner = email(clinic, clinic.world.new_owner)
        assert [one for one in waiting(clinic) if one[0] == new_owner] == [(new_owner, "bulk", 3)]
        assert claim(clinic, last + deliveries.QUIET - SOON) == []
        assert len(claim(clinic, last + deliveries.QUIET)) == 2

    def test_what_comes_after_the_digest_is_in_another_one(self, clinic: Clinic) -> None:
        asking = asked_one_by_one(clinic, 2)
        next(asking)
        plan(clinic)
        claim(clinic, NOW + deliveries.QUIET)
        next(asking)
        plan(clinic, NOW + deliveries.QUIET)

        new_owner = email(clinic, clinic.world.new_owner)
        assert [one[2] for one in waiting(clinic) if one[0] == new_owner] == [1, 1]

    def test_gathering_ends(self, clinic: Clinic) -> None:
        for minute, _ in enumerate(asked_one_by_one(clinic, 20)):
            plan(clinic, NOW + timedelta(minutes=minute))
            if minute < 15:
                assert claim(clinic, NOW + timedelta(minutes=minute)) == []

        # Who is asked, and the owner who is told of it.
        assert len(claim(clinic, NOW + deliveries.GATHERED)) == 2


class TestClaim:
    def test_nobody_else_takes_it_until_the_claim_ends(self, clinic: Clinic) -> None:
        clinic.ask()
        plan(clinic)
        (taken,) = claim(clinic)

        assert claim(clinic, NOW + deliveries.CLAIM - SOON) == []
        assert claim(clinic, NOW + deliveries.CLAIM) == [taken]
        assert state(clinic, taken) == ("waiting", 2, None)

    def test_put_back_untouched_is_due_at_once(self, clinic: Clinic) -> None:
        clinic.ask()
        plan(clinic)
        taken = claim(clinic)
        with clinic.database.write() as session:
            deliveries.untouched(session, taken)

        assert state(clinic, taken[0]) == ("waiting", 0, None)
        assert claim(clinic) == taken


class TestSettle:
    def test_sent_is_final(self, clinic: Clinic) -> None:
        clinic.ask()
        plan(clinic)
        taken = claim(clinic)
        with clinic.database.write() as session:
            deliveries.sent(session, taken, NOW)

        assert state(clinic, taken[0]) == ("sent", 1, None)
        assert clinic.rows("SELECT id FROM outbox WHERE sent_at IS NULL") == []
        assert claim(clinic, NOW + timedelta(days=400)) == []
        for statement in (
            "UPDATE deliveries SET state = 'waiting', sent_at = NULL",
            "DELETE FROM deliveries",
        ):
            with pytest.raises(DBAPIError, match="NOTE-3"):
                clinic.change(statement)

    def test_next_attempts_come_ever_later_for_as_long_as_it_takes(self, clinic: Clinic) -> None:
        """A mail server that is away for three days delays messages, and loses none."""
        clinic.ask()
        plan(clinic)
        now, pauses = NOW, []
        (message,) = clinic.rows("SELECT id FROM deliveries")[0]
        while now < NOW + timedelta(days=3):
            (taken,) = claim(clinic, now)
            with clinic.database.write() as session:
                deliveries.later(session, taken, now, DeliveryTrouble.UNREACHABLE, None)
            due = next(
                instant
                for instant in (
                    now + timedelta(seconds=seconds) for seconds in (15, 60, 300, 900, 1800, 3600)
                )
                if deliverable(clinic, instant)
            )
            pauses.append((due - now).total_seconds())
            now = due

        assert pauses[:6] == [15, 60, 300, 900, 1800, 3600]
        assert set(pauses[6:]) == {3600}
        assert state(clinic, message)[::2] == ("waiting", "unreachable")

    def test_given_up_is_never_tried_again(self, clinic: Clinic) -> None:
        clinic.ask()
        plan(clinic)
        (taken,) = claim(clinic)
        with clinic.database.write() as session:
            deliveries.failed(session, taken, DeliveryTrouble.REFUSED, 550)

        assert state(clinic, taken) == ("failed", 1, "refused")
        assert claim(clinic, NOW + timedelta(days=400)) == []


def deliverable(clinic: Clinic, at: datetime) -> bool:
    with clinic.database.read() as session:
        return deliveries.anything_to_do(session, at)
