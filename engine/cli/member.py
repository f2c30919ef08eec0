"""``passation member``: the members of an organization."""

from typing import Annotated

import typer

from engine.cli.context import Call
from engine.cli.options import As, Roles, Title, Tongue, command

app = typer.Typer()

Email = Annotated[str, typer.Argument(metavar="EMAIL")]
First = Annotated[str, typer.Option("--first-name", metavar="TEXT")]
Last = Annotated[str, typer.Option("--last-name", metavar="TEXT")]


@command(app, "add")
def add(
    call: Call,
    email: Email,
    *,
    actor: As,
    first_name: First,
    last_name: Last,
    title: Title,
    role: Roles = None,
    language: Tongue = None,
) -> None:
    """Add a member; an administrator's command."""
    from engine.states.choices import Role

    actor_id = call.actor(actor)
    member = call.desk.add_member(
        actor_id,
        email=email,
        first_name=first_name,
        last_name=last_name,
        title=title,
        language=language or call.desk.reader(actor_id).language,
        roles=role or [Role.PRACTITIONER],
    )
    call.answer(member, lambda page: page.say("done/member", name=member.name))


@command(app, "list")
def list_all(call: Call, actor: As) -> None:
    """List the members of the actor's organization."""
    members = call.desk.members(call.actor(actor))
    call.answer({"members": members}, lambda page: page.members(members))
