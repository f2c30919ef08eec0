"""``passation member``: the members of an organization."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.context import Call
from engine.cli.options import As, Roles, Title, Tongue, command, one_of
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.states.choices import NoticePace

app = typer.Typer()

Email = Annotated[str, typer.Argument(metavar="EMAIL")]
First = Annotated[str, typer.Option("--first-name", metavar="TEXT")]
Last = Annotated[str, typer.Option("--last-name", metavar="TEXT")]

Yes = Annotated[bool, typer.Option("--yes")]
Accepts = Annotated[bool, typer.Option("--yes/--no", show_default=False)]


_PACES = {"at_once": "done/notices_at_once", "daily": "done/notices_daily"}


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


def _paces() -> "type[NoticePace]":
    from engine.states.choices import NoticePace

    return NoticePace


Pace = Annotated[Any, typer.Argument(metavar="at-once|daily", parser=one_of(_paces))]


@command(app, "deactivate")
def deactivate(call: Call, email: Email, *, actor: As, yes: Yes = False) -> None:
    """Take a member's access, after a look at what they still hold; nothing is reassigned."""
    actor_id = call.actor(actor)
    member_id = call.colleague(actor_id, email)
    if not yes:
        held = call.desk.held(actor_id, member_id)
        if not sys.stdin.isatty():
            raise BadInput("confirmation")
        call.show(lambda page: page.held(held))
        typer.confirm(call.words("word/confirm_deactivate", name=held.member.name), abort=True, err=True)
    left = call.desk.deactivate(actor_id, member_id)

    def show(page: "Page") -> None:
        if yes:
            page.held(left)
        page.say("done/deactivated", name=left.member.name)

    call.answer(left, show)


@command(app, "activate")
def activate(call: Call, email: Email, actor: As) -> None:
    """Give a member their access back."""
    actor_id = call.actor(actor)
    member = call.desk.activate(actor_id, call.colleague(actor_id, email))
    call.answer(member, lambda page: page.say("done/activated", name=member.name))


@command(app, "title")
def set_title(call: Call, email: Email, *, actor: As, title: Title) -> None:
    """Change a member's professional title."""
    actor_id = call.actor(actor)
    member = call.desk.set_title(actor_id, call.colleague(actor_id, email), title)
    call.answer(member, lambda page: page.say("done/title", name=member.name, title=member.title))


@command(app, "accepts")
def accepts(call: Call, *, actor: As, yes: Accepts) -> None:
    """Say for oneself whether one takes new records."""
    member = call.desk.set_accepts(call.actor(actor), accepts=yes)
    call.answer(member, lambda page: page.say("done/accepting" if yes else "done/not_accepting"))


@command(app, "notices")
def notices(call: Call, pace: Pace, actor: As) -> None:
    """Choose for oneself how often messages come that need no action."""
    call.desk.set_notices(call.actor(actor), pace)
    call.answer({"notices": pace}, lambda page: page.say(_PACES[pace.value]))
