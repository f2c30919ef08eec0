"""``passation quarantine`` and ``passation destruction``: what nobody uses any more (MOVE-6)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.context import Call, identifier, typed
from engine.cli.options import As, Reason, command, one_of
from engine.errors import NotFound

if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.states.choices import RestorationCause
    from engine.views import CountLine

app = typer.Typer()
destruction = typer.Typer()


def _causes() -> "type[RestorationCause]":
    from engine.states.choices import RestorationCause

    return RestorationCause


QuarantineId = Annotated[str, typer.Argument(metavar="QUARANTINE")]
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
