"""``passation client``: whom a client's records may not go to."""

from typing import Annotated

import typer

from engine.cli.context import Call, identifier, typed
from engine.cli.options import As, RecordName, command
from engine.errors import NotFound

app = typer.Typer()

Member = Annotated[str | None, typer.Option("--member", metavar="EMAIL")]
MaybeTitle = Annotated[str | None, typer.Option("--title", metavar="TEXT")]
BasisText = Annotated[str, typer.Option("--basis-text", metavar="TEXT")]
RestrictionId = Annotated[str, typer.Argument(metavar="RESTRICTION")]


@command(app, "restrict")
def restrict(
    call: Call,
    record: RecordName,
    *,
    actor: As,
    basis_text: BasisText,
    member: Member = None,
    title: MaybeTitle = None,
) -> None:
    """Note that the record's clients do not want somebody, or a title, as their practitioner."""
    actor_id = call.actor(actor)
    made = call.desk.restrict(
        actor_id,
        call.record(actor_id, record),
        member_id=None if member is None else call.colleague(actor_id, member),
        title=title,
        basis=typed(basis_text),
    )
    call.answer({"restrictions": made}, lambda page: page.say("done/restricted", count=len(made)))


@command(app, "unrestrict")
def unrestrict(call: Call, record: RecordName, restriction: RestrictionId, actor: As) -> None:
    """End a restriction; it stays readable."""
    actor_id = call.actor(actor)
    ended = call.desk.unrestrict(
        actor_id, call.record(actor_id, record), identifier(restriction, NotFound("restriction"))
    )
    call.answer(ended, lambda page: page.say("done/unrestricted"))


@command(app, "restrictions")
def restrictions(call: Call, record: RecordName, actor: As) -> None:
    """List the restrictions of the record's clients, with who set each, when and on what basis."""
    actor_id = call.actor(actor)
    found = call.desk.restrictions(actor_id, call.record(actor_id, record))
    call.answer({"restrictions": found}, lambda page: page.restrictions(found))
