"""Deadlines and reminders (ST-3), against the calendar on the wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.deadline import next_reminder, respond_by

ZONES = ["America/Toronto", "America/Vancouver", "Europe/Paris", "America/Nuuk", "UTC", "Pacific/Auckland"]
instants = st.datetimes(datetime(2020, 1, 1), datetime(2045, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@given(asked_at=instants, days=st.integers(1, 90), zone=st.sampled_from(ZONES))
def test_st_3_whole_days_end_with_the_day(asked_at: datetime, days: int, zone: str) -> None:
    """ST-3: the last second of the day that many days after the day of the asking, in that place."""
    deadline = respond_by(asked_at, timedelta(days=days), zone)

    place = ZoneInfo(zone)
    last_day = asked_at.astimezone(place).date() + timedelta(days=days)
    assert deadline.astimezone(place).date() == last_day
    assert (deadline + SECOND).astimezone(place).date() == last_day + DAY
    assert deadline.microsecond == 0
    assert deadline > asked_at


@given(asked_at=instants, within=st.integers(1, 10**7), zone=st.sampled_from(ZONES))
def test_st_3_a_shorter_time_is_taken_as_it_is(asked_at: datetime, within: int, zone: str) -> None:
    """ST-3: seconds are seconds, whatever the clocks do."""
    if within % 86_400:
        assert respond_by(asked_at, timedelta(seconds=within), zone) - asked_at == timedelta(seconds=within)


@pytest.mark.parametrize(
    ("zone", "asked_at", "days", "expected"),
    [
        ("America/Toronto", "2026-03-02T14:00:00+00:00", 14, "2026-03-17T03:59:59+00:00"),  # spring forward
        ("America/Toronto", "2026-10-26T14:00:00+00:00", 14, "2026-11-10T04:59:59+00:00"),  # fall back
        (
            "America/Toronto",
            "2026-06-02T02:00:00+00:00",
            1,
            "2026-06-03T03:59:59+00:00",
        ),  # still June 1 there
        ("America/Vancouver", "2026-06-02T02:00:00+00:00", 14, "2026-06-16T06:59:59+00:00"),
        ("America/Vancouver", "2026-03-01T18:00:00+00:00", 7, "2026-03-09T06:59:59+00:00"),  # the 8th: change
        ("America/Vancouver", "2026-10-25T18:00:00+00:00", 7, "2026-11-02T07:59:59+00:00"),  # the 1st: change
        ("America/Toronto", "2026-03-01T18:00:00+00:00", 7, "2026-03-09T03:59:59+00:00"),  # the 8th: change
        ("America/Toronto", "2026-10-25T18:00:00+00:00", 7, "2026-11-02T04:59:59+00:00"),  # the 1st: change
        ("Europe/Paris", "2026-03-28T23:30:00+00:00", 1, "2026-03-30T21:59:59+00:00"),  # the 29th there
        ("Europe/Paris", "2026-10-24T12:00:00+00:00", 1, "2026-10-25T22:59:59+00:00"),
        ("America/Nuuk", "2026-10-23T12:00:00+00:00", 1, "2026-10-25T01:59:59+00:00"),  # 23:59:59 comes twice
        ("America/Nuuk", "2026-03-27T12:00:00+00:00", 1, "2026-03-29T00:59:59+00:00"),  # ... and never
    ],
)
def test_st_3_examples(zone: str, asked_at: str, days: int, expected: str) -> None:
    """ST-3: worked out by hand."""
    deadline = respond_by(datetime.fromisoformat(asked_at), timedelta(days=days), zone)

    assert deadline.isoformat() == expected


@given(
    asked_at=instants,
    reminders=st.lists(st.integers(1, 30).map(lambda days: timedelta(days=days)), max_size=6),
    within=st.integers(1, 30),
)
def test_st_3_each_reminder_once_in_order_and_before_the_deadline(
    asked_at: datetime, reminders: list[timedelta], within: int
) -> None:
    """ST-3: as many as fall before the deadline, whatever the order that the policy names them in."""
    deadline = asked_at + timedelta(days=within)
    sent: list[datetime] = []
    while (due := next_reminder(asked_at, reminders, len(sent), deadline)) is not None:
        sent.append(due)

    assert len(sent) == sum(after < timedelta(days=within) for after in reminders)
    assert sent == sorted(sent)
    assert {at - asked_at for at in sent} <= set(reminders)
    assert all(at < deadline for at in sent)
