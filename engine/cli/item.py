"""``passation task``, ``memo`` and ``profile``: the smaller things in a record."""

from typing import Annotated, Any

import typer

from engine.cli.context import Call, typed
from engine.cli.options import As, DueOn, MaybeText, RecordName, command

tasks = typer.Typer()
memos = typer.Typer()
profiles = typer.Typer()


def _detail(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise typer.BadParameter("")
    return name.strip(), value.strip()


Name = Annotated[str, typer.Option("--name", metavar="TEXT")]
Relationship = Annotated[str, typer.Option("--relationship", metavar="TEXT")]
Details = Annotated[list[Any] | None, typer.Option("--detail", metavar="NAME=TEXT", parser=_detail)]


@command(tasks, "add")
def add_task(call: Call, record: RecordName, actor: As, text: MaybeText = None, due_on: DueOn = None) -> None:
    """Note something to do."""
    body = typed(text, missing="--text")
    with call.giving_back(body):
        actor_id = call.actor(actor)
        item_id = call.desk.add_task(actor_id, call.record(actor_id, record), body, due_on=due_on)
    call.answer({"id": item_id}, lambda page: page.say("done/task", id=str(item_id)))


@command(memos, "add")
def add_memo(call: Call, record: RecordName, actor: As, text: MaybeText = None) -> None:
    """Write a reminder to oneself."""
    body = typed(text, missing="--text")
    with call.giving_back(body):
        actor_id = call.actor(actor)
        item_id = call.desk.add_memo(actor_id, call.record(actor_id, record), body)
    call.answer({"id": item_id}, lambda page: page.say("done/memo", id=str(item_id)))


@command(profiles, "add")
def add_profile(
    call: Call,
    record: RecordName,
    *,
    actor: As,
    name: Name,
    relationship: Relationship,
    detail: Details = None,
) -> None:
    """Link a profile to a record."""
    import rfc8785

    actor_id = call.actor(actor)
    details = dict(detail or []) | {"name": name.strip(), "relationship": relationship.strip()}
    item_id = call.desk.add_profile(
        actor_id,
        call.record(actor_id, record),
        name=name,
        relationship=relationship,
        details=rfc8785.dumps(details),
    )
    call.answer({"id": item_id}, lambda page: page.say("done/profile", id=str(item_id)))
