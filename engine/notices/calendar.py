"""A calendar's cancellation of an appointment: iTIP ``METHOD:CANCEL`` (RFC 5546), nothing clinical in it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from icalendar import Calendar, Event, vCalAddress, vText


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """An appointment that is cancelled, and what a calendar calls it."""

    appointment_id: UUID
    #: One more at each change, so that a calendar takes the latest.
    sequence: int
    starts_at: datetime
    ends_at: datetime
    cancelled_at: datetime
    summary: str


def cancellation(cancelled: Cancelled, *, organizer: str, organizer_name: str, attendee: str) -> bytes:
    """Write the cancellation; the same appointment at the same sequence gives the same bytes."""
    event = Event()
    event.add("uid", f"{cancelled.appointment_id}@passation")
    event.add("sequence", cancelled.sequence)
    event.add("dtstamp", cancelled.cancelled_at.astimezone(UTC))
    event.add("dtstart", cancelled.starts_at.astimezone(UTC))
    event.add("dtend", cancelled.ends_at.astimezone(UTC))
    event.add("status", "CANCELLED")
    event.add("summary", cancelled.summary)
    from_whom = vCalAddress(f"mailto:{organizer}")
    from_whom.params["cn"] = vText(organizer_name)
    event.add("organizer", from_whom)
    event.add("attendee", vCalAddress(f"mailto:{attendee}"))
    calendar = Calendar()
    calendar.add("prodid", "-//Passation//Passation//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL")
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written
