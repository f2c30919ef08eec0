"""``passation org``: organizations."""

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.context import Call, write
from engine.cli.options import As, MaybeTarget, Tongue, command, group

if TYPE_CHECKING:
    from engine.cli.output import Page

app = typer.Typer()
policy = typer.Typer()
group(policy)
app.add_typer(policy, name="policy", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Administrator = Annotated[str, typer.Option("--administrator", metavar="EMAIL")]
TimeZone = Annotated[str, typer.Option("--time-zone", metavar="ZONE")]
MaybeFirst = Annotated[str | None, typer.Option("--first-name", metavar="TEXT")]
PolicyName = Annotated[str, typer.Argument(metavar="POLICY")]
Values = Annotated[list[str], typer.Argument(metavar="VALUE...")]
ReplyTo = Annotated[str, typer.Argument(metavar="ADDRESS")]
Replace = Annotated[bool, typer.Option("--replace")]
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


@command(app, "show")
def show(call: Call, actor: As) -> None:
    """Show the actor's organization."""
    found = call.desk.organization(call.actor(actor))
    call.answer(found, lambda page: page.organization(found))


@command(app, "key")
def key(call: Call, *, actor: As, to: MaybeTarget = None, replace: Replace = False) -> None:
    """Show the public keys that verify the organization's receipts, or write them to a file."""
    actor_id = call.actor(actor)
    found = call.desk.replace_key(actor_id, to) if replace else call.desk.keys(actor_id, to)

    def show(page: "Page") -> None:
        rows = [
            (one.key_id, page.instant(one.since), page.words("word/yes" if one.in_use else "word/no"))
            for one in found
        ]
        page.lines(("key_id", "since", "signs_now"), rows)
        if to is None:
            write("".join(one.pem for one in found).rstrip())
        else:
            page.say("done/key_written", file=str(to))

    call.answer({"keys": found, "file": None if to is None else str(to)}, show)


@command(policy, "show")
def show_policies(call: Call, actor: As) -> None:
    """Show every policy of the organization, with its default and its range."""
    found = call.desk.policies(call.actor(actor))
    call.answer({"policies": found}, lambda page: page.policies(found))


@command(policy, "set")
def set_policy(call: Call, name: PolicyName, values: Values, actor: As) -> None:
    """Change one policy; an administrator's command."""
    changed = call.desk.change_policy(call.actor(actor), name, values)
    call.answer(changed, lambda page: page.say("done/policy", policy=changed.name, value=changed.value))


@command(app, "reply-to")
def reply_to(call: Call, address: ReplyTo, actor: As) -> None:
    """Say where clients' answers to our messages go; an administrator's command."""
    chosen = None if address.strip().lower() in {"none", "aucune"} else address
    call.desk.set_reply_to(call.actor(actor), chosen)
    call.answer(
        {"reply_to": chosen}, lambda page: page.say("done/reply_to" if chosen else "done/no_reply_to")
    )


def _names(email: str) -> tuple[str, str]:
    """Guess a name from an address, for somebody who gave none."""
    words = [word.capitalize() for word in email.partition("@")[0].replace("_", ".").split(".") if word]
    return (words[0] if words else "Admin"), (" ".join(words[1:]) or "Admin")
