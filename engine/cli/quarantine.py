"""``passation quarantine`` and ``passation destruction``: what nobody uses any more (MOVE-6)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.context import Call, identifier, typed
from engine.cli.options import As, Reason, RecordName, command, one_of
from engine.errors import NotFound

if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.states.choices import RestorationCause
    from engine.views import CountLine, OpeningView

app = typer.Typer()
destruction = typer.Typer()


def _causes() -> "type[RestorationCause]":
    from engine.states.choices import RestorationCause

    return RestorationCause


QuarantineId = Annotated[str, typer.Argument(metavar="QUARANTINE")]
HeldCopy = Annotated[str, typer.Argument(metavar="COPY")]
OpeningId = Annotated[str, typer.Argument(metavar="OPENING")]
For = Annotated[str, typer.Option("--for", metavar="EMAIL")]
Author = Annotated[str, typer.Option("--author", metavar="EMAIL")]
Days = Annotated[int, typer.Option("--days", metavar="N", min=1, max=30)]
Cause = Annotated[
    Any, typer.Option("--cause", metavar="access-request|order|mistake", parser=one_of(_causes))
]


@command(app, "list")
def list_all(call: Call, actor: As) -> None:
    """List what is in quarantine, with the day on which it is destroyed."""
    found = call.desk.quarantines(call.actor(actor))

    def show(page: "Page") -> None:
        rows = [
            (
                one.record_number or "",
                page.instant(one.since),
                page.words("word/held") if one.held else one.due_on.isoformat(),
                _classes(page, one.items),
                str(one.id),
            )
            for one in found
        ]
        page.lines(("number", "since", "destroyed_on", "what", "id"), rows)

    call.answer({"quarantines": found}, show)


@command(app, "restore")
def restore(call: Call, quarantine: QuarantineId, *, actor: As, cause: Cause, reason: Reason) -> None:
    """Turn a quarantine into an archived copy of its previous owner."""
    actor_id = call.actor(actor)
    holding_id = identifier(quarantine, NotFound("quarantine"))
    call.desk.restore(actor_id, holding_id, cause=cause, reason=typed(reason))
    call.answer({"id": str(holding_id)}, lambda page: page.say("done/restored"))


@command(app, "recover")
def recover(
    call: Call, record: RecordName, *, actor: As, author: Author, cause: Cause, reason: Reason
) -> None:
    """Make an archived copy of what somebody who has left kept for themself in a record."""
    actor_id = call.actor(actor)
    record_id = call.desk.record_to_hold(actor_id, record.strip())
    author_id = call.colleague(actor_id, author)
    copy_id = call.desk.recover(actor_id, record_id, author_id=author_id, cause=cause, reason=typed(reason))
    call.answer({"id": str(copy_id)}, lambda page: page.say("done/recovered", id=str(copy_id)))


@command(app, "copies")
def copies(call: Call, actor: As) -> None:
    """List the archived copies whose holder is inactive, and for whom they are open."""
    found = call.desk.holderless_copies(call.actor(actor))

    def show(page: "Page") -> None:
        rows = [
            (
                one.record_number or "",
                one.holder,
                page.words("word/held") if one.held else one.due_on.isoformat(),
                _classes(page, one.items),
                "\n".join(_opening(page, opening) for opening in one.openings),
                str(one.id),
            )
            for one in found
        ]
        page.lines(("number", "holder", "destroyed_on", "what", "open_for", "id"), rows)

    call.answer({"copies": found}, show)


@command(app, "open")
def open_copy(
    call: Call, copy: HeldCopy, *, actor: As, reader: For, days: Days, cause: Cause, reason: Reason
) -> None:
    """Open an archived copy whose holder is inactive, for a practitioner and some days."""
    actor_id = call.actor(actor)
    holding_id = identifier(copy, NotFound("holderless_copy"))
    opened = call.desk.open_copy(
        actor_id,
        holding_id,
        reader_id=call.colleague(actor_id, reader),
        days=days,
        cause=cause,
        reason=typed(reason),
    )
    call.answer(
        opened,
        lambda page: page.say(
            "done/opened",
            name=opened.reader,
            until=page.instant(opened.until_at, zone=True),
            id=str(opened.id),
        ),
    )


@command(app, "close")
def close_copy(call: Call, opening: OpeningId, *, actor: As) -> None:
    """End the opening of a copy before its time."""
    actor_id = call.actor(actor)
    opening_id = identifier(opening, NotFound("opening"))
    call.desk.close_copy(actor_id, opening_id)
    call.answer({"id": str(opening_id)}, lambda page: page.say("done/closed"))


@command(destruction, "preview")
def preview(call: Call, actor: As) -> None:
    """Say what will be destroyed, on which day."""
    found = call.desk.destruction_forecast(call.actor(actor))

    def show(page: "Page") -> None:
        rows = [
            (
                page.words("word/held") if one.on is None else one.on.isoformat(),
                str(one.holdings),
                _classes(page, one.items),
            )
            for one in found
        ]
        page.lines(("destroyed_on", "count", "what"), rows)

    call.answer({"due": found}, show)


@command(destruction, "report")
def report(call: Call, actor: As) -> None:
    """Say what was destroyed, and when."""
    found = call.desk.destruction_report(call.actor(actor))

    def show(page: "Page") -> None:
        rows = [
            (one.record_number or "", page.instant(one.at), _classes(page, one.items), str(one.id))
            for one in found
        ]
        page.lines(("number", "destroyed_on", "what", "id"), rows)

    call.answer({"destroyed": found}, show)


def _classes(page: "Page", items: "Iterable[CountLine]") -> str:
    return "\n".join(f"{page.words(f'class/{line.item_class}')} ({line.count})" for line in items)


def _opening(page: "Page", opening: "OpeningView") -> str:
    until = page.instant(opening.until_at)
    return f"{opening.reader} → {until} · {opening.id}"
