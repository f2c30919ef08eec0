"""What is written can be read again: dates, lines, durations."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput
from tests import build
from tests.integration.handover.clinic import Clinic


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    return Desk(clinic.database)


@pytest.mark.parametrize(
    ("starts", "lasts", "why"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), timedelta(minutes=50), "appointment_when"),
        (datetime(9999, 12, 30, tzinfo=UTC), timedelta(minutes=50), "appointment_when"),
        (datetime(2027, 1, 1, 9, tzinfo=UTC), timedelta(days=700), "appointment_ends"),
        (datetime(2027, 1, 1, 9, tzinfo=UTC), timedelta(0), "appointment_ends"),
    ],
)
def test_an_appointment_has_a_possible_time(
    clinic: Clinic, desk: Desk, starts: datetime, lasts: timedelta, why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        desk.add_appointment(
            clinic.world.owner, clinic.world.record, starts_at=starts, ends_at=starts + lasts
        )

    desk.record(clinic.world.owner, clinic.world.record)


def test_the_earliest_instant_is_read_as_it_was_written(clinic: Clinic, desk: Desk) -> None:
    """A year of one digit is written with four, or it neither sorts nor is read again."""
    earliest = datetime(1, 1, 1, 5, tzinfo=UTC)
    with clinic.database.write() as session:
        build.appointment(session, clinic.world.record, clinic.world.owner, starts_at=earliest)

    assert earliest in {item.at for item in desk.record(clinic.world.owner, clinic.world.record).items}


@pytest.mark.parametrize("title", ["x" * 301, "two\nlines", "\x1b[31mred", "  "])
def test_a_title_stands_on_one_line(clinic: Clinic, desk: Desk, title: str) -> None:
    with pytest.raises(BadInput):
        desk.add_record(clinic.world.owner, title=title, client="Camille")


def test_a_title_may_have_the_spaces_that_french_has(clinic: Clinic, desk: Desk) -> None:
    assert desk.add_record(clinic.world.owner, title="Suivi « court »", client="Camille").title


def test_a_policy_of_no_time_is_refused(clinic: Clinic, desk: Desk) -> None:
    for answer_within in (timedelta(days=-3), timedelta(seconds=0.5)):
        with pytest.raises(BadInput, match="policy"):
            desk.set_policy(clinic.world.administrator, answer_within=answer_within)
