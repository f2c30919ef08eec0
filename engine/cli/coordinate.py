"""What coordinators look over: ``practitioners``."""

import typer

from engine.cli.context import Call
from engine.cli.options import As, command


def register(app: typer.Typer) -> None:
    """Register the commands that belong to no noun."""
    command(app, "practitioners")(practitioners)


def practitioners(call: Call, actor: As) -> None:
    """List the practitioners with the numbers of their records and open transfers."""
    found = call.desk.practitioners(call.actor(actor))
    call.answer({"practitioners": found}, lambda page: page.practitioners(found))
