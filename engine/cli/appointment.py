"""``passation appointment``: appointments with clients."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from engine.cli.context import Call, identifier
from engine.cli.options import As, RecordName, command
from engine.errors import BadInput, NotFound

if TYPE_CHECKING:
    from engine.cli.output import Page

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
    appointment_id = _named(appointment)
    call.desk.cancel_appointment(actor_id, appointment_id)
    call.answer({"id": appointment_id}, lambda page: page.say("done/appointment_cancelled"))


@command(app, "held")
def held(call: Call, actor: As) -> None:
    """List cancelled appointments whose clients are not told before a decision."""
    found = call.desk.held_appointments(call.actor(actor))

    def show(page: "Page") -> None:
        rows = [
            (
                page.instant(one.starts_at),
                one.record_number or page.words("word/hidden"),
                one.was_with,
                one.responsible,
                page.words("word/offered" if one.offered else "word/undecided"),
                str(one.id),
            )
            for one in found
        ]
        page.lines(("appointment", "number", "was_with", "responsible", "where", "id"), rows)

    call.answer({"held": found}, show)


@command(app, "release")
def release(call: Call, appointment: AppointmentId, actor: As) -> None:
    """Let the client be told that an appointment is cancelled."""
    appointment_id = _named(appointment)
    call.desk.release_appointment(call.actor(actor), appointment_id)
    call.answer({"id": appointment_id}, lambda page: page.say("done/appointment_released"))


@command(app, "offer")
def offer(call: Call, appointment: AppointmentId, actor: As) -> None:
    """Ask the new owner to take an appointment over."""
    appointment_id = _named(appointment)
    call.desk.offer_appointment(call.actor(actor), appointment_id)
    call.answer({"id": appointment_id}, lambda page: page.say("done/appointment_offered"))


@command(app, "take")
def take(call: Call, appointment: AppointmentId, actor: As) -> None:
    """Take over an appointment that one is asked to."""
    appointment_id = _named(appointment)
    taken = call.desk.take_appointment(call.actor(actor), appointment_id)
    call.answer({"id": taken}, lambda page: page.say("done/appointment_taken", id=str(taken)))


@command(app, "decline")
def decline(call: Call, appointment: AppointmentId, actor: As) -> None:
    """Decline an appointment that one is asked to take over."""
    appointment_id = _named(appointment)
    call.desk.decline_appointment(call.actor(actor), appointment_id)
    call.answer({"id": appointment_id}, lambda page: page.say("done/appointment_declined"))


def _named(appointment: str) -> UUID:
    return identifier(appointment, NotFound("appointment"))


def _in(zone: ZoneInfo, instant: datetime) -> datetime:
    return instant.replace(tzinfo=zone) if instant.tzinfo is None else instant
