"""``passation appointment``: appointments with clients."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from engine.cli.context import Call, identifier
from engine.cli.options import As, RecordName, command
from engine.errors import BadInput, NotFound

app = typer.Typer()


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("") from None


AppointmentId = Annotated[str, typer.Argument(metavar="APPOINTMENT")]
Starts = Annotated[datetime, typer.Option("--starts", metavar="INSTANT", parser=_instant)]
Ends = Annotated[datetime | None, typer.Option("--ends", metavar="INSTANT", parser=_instant)]
Minutes = Annotated[int | None, typer.Option("--minutes", metavar="N", min=1, max=24 * 60)]


@command(app, "add")
def add(
    call: Call, record: RecordName, actor: As, starts: Starts, ends: Ends = None, minutes: Minutes = None
) -> None:
    """Book an appointment; an instant without a time zone is one of the organization's."""
    if (ends is None) == (minutes is None):
        raise BadInput("appointment_length")
    actor_id = call.actor(actor)
    zone = ZoneInfo(call.time_zone)
    starts_at = _in(zone, starts)
    ends_at = _in(zone, ends) if ends is not None else starts_at + timedelta(minutes=minutes or 0)
    item_id = call.desk.add_appointment(
        actor_id, call.record(actor_id, record), starts_at=starts_at, ends_at=ends_at
    )
    call.answer({"id": item_id}, lambda page: page.say("done/appointment", id=str(item_id)))


@command(app, "cancel")
def cancel(call: Call, appointment: AppointmentId, actor: As) -> None:
    """Cancel an appointment; the client is told once."""
    actor_id = call.actor(actor)
    appointment_id = identifier(appointment, NotFound("appointment"))
    call.desk.cancel_appointment(actor_id, appointment_id)
    call.answer({"id": appointment_id}, lambda page: page.say("done/appointment_cancelled"))


def _in(zone: ZoneInfo, instant: datetime) -> datetime:
    return instant.replace(tzinfo=zone) if instant.tzinfo is None else instant
