"""``passation org``: organizations."""

from typing import Annotated

import typer

from engine.cli.context import Call
from engine.cli.options import Tongue, command

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME")]
Administrator = Annotated[str, typer.Option("--administrator", metavar="EMAIL")]
TimeZone = Annotated[str, typer.Option("--time-zone", metavar="ZONE")]
MaybeFirst = Annotated[str | None, typer.Option("--first-name", metavar="TEXT")]
MaybeLast = Annotated[str | None, typer.Option("--last-name", metavar="TEXT")]


@command(app, "create")
def create(
    call: Call,
    name: Name,
    *,
    administrator: Administrator,
    first_name: MaybeFirst = None,
    last_name: MaybeLast = None,
    language: Tongue = None,
    time_zone: TimeZone = "America/Toronto",
) -> None:
    """Create an organization with its first administrator, and the database where there is none."""
    call.prepare()
    first, last = _names(administrator)
    made = call.desk.create_organization(
        name,
        administrator=administrator,
        first_name=first_name or first,
        last_name=last_name or last,
        language=language or call.language,
        time_zone=time_zone,
    )
    call.answer(made, lambda page: page.say("done/organization", name=made.name, email=administrator))


def _names(email: str) -> tuple[str, str]:
    """Guess a name from an address, for somebody who gave none."""
    words = [word.capitalize() for word in email.partition("@")[0].replace("_", ".").split(".") if word]
    return (words[0] if words else "Admin"), (" ".join(words[1:]) or "Admin")
