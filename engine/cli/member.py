"""``passation member``: the members of an organization."""

import sys
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from engine.cli.context import Call
from engine.cli.options import As, Roles, Title, Tongue, command, one_of, roles
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.states.choices import NoticePace, Role
    from engine.views import RoleView

app = typer.Typer()

Email = Annotated[str, typer.Argument(metavar="EMAIL")]
First = Annotated[str, typer.Option("--first-name", metavar="TEXT")]
Last = Annotated[str, typer.Option("--last-name", metavar="TEXT")]

Subject = Annotated[str, typer.Option("--subject", metavar="TEXT")]
Issuer = Annotated[str | None, typer.Option("--issuer", metavar="URL")]
RoleName = Annotated[Any, typer.Argument(metavar="ROLE", parser=one_of(roles))]
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
    yes: Yes = False,
) -> None:
    """Add a member; an administrator's command, which asks before it gives a role over others (ROLE-2)."""
    from engine.states.choices import Role

    actor_id = call.actor(actor)
    for given in sorted({*(role or [])} - {Role.PRACTITIONER}):
        _confirm(call, yes, "word/confirm_grant", email.strip(), given)
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


@command(app, "grant")
def grant(call: Call, email: Email, role: RoleName, *, actor: As, yes: Yes = False) -> None:
    """Give a member a role, after a confirmation; an administrator's command."""
    actor_id = call.actor(actor)
    _grant(call, actor_id, email, role, yes=yes)


@command(app, "revoke")
def revoke(call: Call, email: Email, role: RoleName, *, actor: As, yes: Yes = False) -> None:
    """Take a role from a member, after a confirmation; an administrator's command."""
    actor_id = call.actor(actor)
    _revoke(call, actor_id, email, role, yes=yes)


@command(app, "grant-coordinator")
def grant_coordinator(call: Call, email: Email, *, actor: As, yes: Yes = False) -> None:
    """Give a member the coordinator role, as ``grant`` does."""
    from engine.states.choices import Role

    _grant(call, call.actor(actor), email, Role.COORDINATOR, yes=yes)


@command(app, "revoke-coordinator")
def revoke_coordinator(call: Call, email: Email, *, actor: As, yes: Yes = False) -> None:
    """Take the coordinator role from a member, as ``revoke`` does."""
    from engine.states.choices import Role

    _revoke(call, call.actor(actor), email, Role.COORDINATOR, yes=yes)


@command(app, "title")
def set_title(call: Call, email: Email, *, actor: As, title: Title) -> None:
    """Change a member's professional title."""
    actor_id = call.actor(actor)
    member = call.desk.set_title(actor_id, call.colleague(actor_id, email), title)
    call.answer(member, lambda page: page.say("done/title", name=member.name, title=member.title))


@command(app, "link")
def link(call: Call, email: Email, *, actor: As, subject: Subject, issuer: Issuer = None) -> None:
    """Say who a member is for the organization's issuer."""
    actor_id = call.actor(actor)
    issuer = issuer or call.settings.issuer
    if issuer is None:
        raise BadInput("missing", name="--issuer")
    linked = call.desk.link_member(actor_id, call.colleague(actor_id, email), issuer, subject)
    call.answer(linked, lambda page: page.say("done/linked", name=linked.member.name, issuer=issuer))


@command(app, "unlink")
def unlink(call: Call, email: Email, *, actor: As) -> None:
    """End a member's link, so that no token is theirs."""
    actor_id = call.actor(actor)
    linked = call.desk.unlink_member(actor_id, call.colleague(actor_id, email))
    call.answer(linked, lambda page: page.say("done/unlinked", name=linked.member.name))


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


def _grant(call: Call, actor_id: UUID, email: str, role: "Role", *, yes: bool) -> None:
    member_id = call.colleague(actor_id, email)
    if not yes:
        _confirm(call, yes, "word/confirm_grant", call.desk.role(actor_id, member_id, role).member.name, role)
    _tell(call, call.desk.grant(actor_id, member_id, role), "granted")


def _revoke(call: Call, actor_id: UUID, email: str, role: "Role", *, yes: bool) -> None:
    member_id = call.colleague(actor_id, email)
    if not yes:
        stake = call.desk.role(actor_id, member_id, role)
        if sys.stdin.isatty():
            call.show(lambda page: page.waits(stake))
        _confirm(call, yes, "word/confirm_revoke", stake.member.name, role)
    _tell(call, call.desk.revoke(actor_id, member_id, role), "revoked")


def _confirm(call: Call, yes: bool, question: str, name: str, role: "Role") -> None:
    """Ask before a role is given or taken (ROLE-2). Raises ``BadInput`` where there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("confirmation")
    asked = call.words(question, name=name, role=call.words(f"role/{role}"))
    typer.confirm(asked, abort=True, err=True)


def _tell(call: Call, found: "RoleView", done: str) -> None:
    def show(page: "Page") -> None:
        key = done if found.changed else f"{done}_already"
        page.say(f"done/{key}", name=found.member.name, role=page.words(f"role/{found.role}"))
        page.waits(found)

    call.answer(found, show)
