"""MOVE-6: the days on which a period ends, in the organization's time zone."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.retention import closed_before, due_on, grace_ends, retention_ends, served_before

MONTREAL = "America/Toronto"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_day_is_the_one_there() -> None:
    """Two in the morning in Greenwich is the evening before in Montréal."""
    assert grace_ends(at("2026-03-02T02:00"), 30, MONTREAL) == date(2026, 3, 31)
    assert grace_ends(at("2026-03-02T02:00"), 30, "UTC") == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("served", "years", "expected"),
    [
        ("2024-02-29T15:00", 5, date(2029, 3, 1)),
        ("2024-02-29T15:00", 4, date(2028, 2, 29)),
        ("2023-02-28T15:00", 5, date(2028, 2, 28)),
        ("2026-11-24T15:00", 0, date(2026, 11, 24)),
    ],
)
def test_a_leap_day_is_never_a_day_early(served: str, years: int, expected: date) -> None:
    assert retention_ends(at(served), years, MONTREAL) == expected


def test_the_later_of_the_two_periods_counts() -> None:
    due = partial(due_on, grace_days=30, years=5, time_zone=MONTREAL)

    assert due(at("2026-03-02T15:00"), at("2026-03-01T15:00")) == date(2031, 3, 2)
    assert due(at("2026-03-02T15:00"), at("2010-03-01T15:00")) == date(2026, 4, 2)


instants = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants, st.integers(0, 40), st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_the_instant_that_a_query_compares_with_says_the_same(
    instant: datetime, length: int, today: date
) -> None:
    assert (grace_ends(instant, length, MONTREAL) < today) == (
        instant < closed_before(today, length, MONTREAL)
    )
    assert (retention_ends(instant, length, MONTREAL) < today) == (
        instant < served_before(today, length, MONTREAL)
    )


@given(st.integers(0, 40), st.integers(-2, 2), st.integers(2004, 2060))
def test_around_a_leap_day_too(length: int, offset: int, year: int) -> None:
    today = date(year, 3, 1) + timedelta(days=offset)
    for days in range(-4, 4):
        instant = at(f"{year - length}-02-28T17:00") + timedelta(days=days)
        assert (retention_ends(instant, length, MONTREAL) < today) == (
            instant < served_before(today, length, MONTREAL)
        )
