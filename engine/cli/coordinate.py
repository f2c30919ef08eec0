"""What somebody looks over: ``practitioners``, ``needs-you``."""

import typer

from engine.cli.context import Call
from engine.cli.options import As, command


def register(app: typer.Typer) -> None:
    """Register the commands that belong to no noun."""
    command(app, "practitioners")(practitioners)
    command(app, "needs-you")(needs_you)


def practitioners(call: Call, actor: As) -> None:
    """List the practitioners with the numbers of their records and open transfers."""
    found = call.desk.practitioners(call.actor(actor))
    call.answer({"practitioners": found}, lambda page: page.practitioners(found))


def needs_you(call: Call, actor: As) -> None:
    """Say what waits for the actor: to answer, to decide, to look at again."""
    found = call.desk.needs(call.actor(actor))
    call.answer(found, lambda page: page.needs(found))
