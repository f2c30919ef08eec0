"""When an answer is due, and when to remind (ST-3)."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
#: By how much a deadline may be moved: as far as the policy goes, and the rest of that day.
LONGEST: Final = timedelta(days=366)


def respond_by(asked_at: datetime, answer_within: timedelta, time_zone: str) -> datetime:
    """
    Give the instant of the deadline.

    Whole days end with the day in the organization's time zone; a shorter time is taken as it is.
    """
    if answer_within % _DAY:
        return asked_at + answer_within
    last_day = (asked_at.astimezone(ZoneInfo(time_zone)) + answer_within).date()
    return end_of(last_day, time_zone).astimezone(asked_at.tzinfo)


def end_of(day: date, time_zone: str) -> datetime:
    """Give the last instant of a day in a time zone."""
    # Where clocks change at midnight 23:59:59 comes twice or never; in both cases the day ends with `fold=1`.
    return datetime.combine(day, time(23, 59, 59, fold=1), ZoneInfo(time_zone))


def next_reminder(
    asked_at: datetime, reminders: Sequence[timedelta], sent: int, deadline: datetime
) -> datetime | None:
    """Give the instant of the next reminder; ``None`` when none is left before the deadline."""
    due = [asked_at + after for after in sorted(reminders) if asked_at + after < deadline]
    return due[sent] if sent < len(due) else None


def next_nudge(waits_since: datetime, every: timedelta, sent: int) -> datetime:
    """Give the instant at which what waits for a coordinator is brought to mind again (ST-1)."""
    return waits_since + every * (sent + 1)


def nudges_due(waits_since: datetime, every: timedelta, now: datetime) -> int:
    """Count how often that was due by now; what was missed in an outage is made up for once."""
    return max((now - waits_since) // every, 0)
