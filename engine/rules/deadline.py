"""When an answer is due, and when to remind (ST-3)."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def respond_by(asked_at: datetime, answer_within: timedelta, time_zone: str) -> datetime:
    """
    Give the instant of the deadline.

    Whole days end with the day in the organization's time zone; a shorter time is taken as it is.
    """
    if answer_within % _DAY:
        return asked_at + answer_within
    zone = ZoneInfo(time_zone)
    last_day = (asked_at.astimezone(zone) + answer_within).date()
    # Where clocks change at midnight 23:59:59 comes twice or never; in both cases the day ends with `fold=1`.
    return datetime.combine(last_day, time(23, 59, 59, fold=1), zone).astimezone(asked_at.tzinfo)


def next_reminder(
    asked_at: datetime, reminders: Sequence[timedelta], sent: int, deadline: datetime
) -> datetime | None:
    """Give the instant of the next reminder; ``None`` when none is left before the deadline."""
    due = [asked_at + after for after in sorted(reminders) if asked_at + after < deadline]
    return due[sent] if sent < len(due) else None
