"""
When what nobody uses any more may be destroyed: the days, pure and decided on the day (MOVE-6).

A period ends with its last day in the organization's time zone; destruction begins on the day after. A year
after the 29th of February ends on the 1st of March: never a day early.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: Destruction begins on the day after the last one.
ONE_DAY = timedelta(days=1)


def day_there(instant: datetime, time_zone: str) -> date:
    """Give the day of an instant, there."""
    return instant.astimezone(ZoneInfo(time_zone)).date()


def grace_ends(closed_at: datetime, grace_days: int, time_zone: str) -> date:
    """Give the last day on which a mistake can still be undone."""
    return day_there(closed_at, time_zone) + timedelta(days=grace_days)


def retention_ends(last_service_at: datetime, years: int, time_zone: str) -> date:
    """Give the last day on which a record must be kept."""
    return _years_after(day_there(last_service_at, time_zone), years)


def due_on(
    closed_at: datetime, last_service_at: datetime, *, grace_days: int, years: int, time_zone: str
) -> date:
    """Give the first day on which a closed holding may be destroyed, if it is under no hold then."""
    grace = grace_ends(closed_at, grace_days, time_zone)
    return max(grace, retention_ends(last_service_at, years, time_zone)) + ONE_DAY


def closed_before(today: date, grace_days: int, time_zone: str) -> datetime:
    """Give the instant before which a holding must have been closed for its grace period to be over."""
    return _begins(today - timedelta(days=grace_days), time_zone)


def served_before(today: date, years: int, time_zone: str) -> datetime:
    """Give the instant before which the last service must have been for its retention to be over."""
    first = date(today.year - years, today.month, min(today.day, 28)) + timedelta(days=3)
    while _years_after(first - ONE_DAY, years) >= today:
        first -= ONE_DAY
    return _begins(first, time_zone)


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def _begins(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(time_zone))
