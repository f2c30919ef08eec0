"""``passation audit``: the log that proves what happened."""

import typer

from engine.cli.context import Call
from engine.cli.options import command

app = typer.Typer()


@command(app, "verify")
def verify(call: Call) -> None:
    """Walk every organization's log; exit with 1 where one is broken (AUD-2)."""
    from engine.cli.output import Page

    chains = call.desk.verify_log()
    whole = all(chain.first_break is None for chain in chains)

    def show(page: Page) -> None:
        rows = [
            (
                chain.organization,
                str(chain.events),
                page.words("word/ok" if chain.first_break is None else "word/problem"),
            )
            for chain in chains
        ]
        page.lines(("chain", "events", "result"), rows)
        for chain in chains:
            if chain.first_break is not None:
                page.say("done/broken", line=chain.first_break)
        if whole:
            page.say("done/whole")

    call.answer({"whole": whole, "chains": chains}, show)
    if not whole:
        raise typer.Exit(1)
