"""``passation service`` and ``passation openapi``: for those who build on the interface over HTTP."""

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from engine.cli.context import Call, identifier, write
from engine.cli.options import As, command
from engine.errors import NotFound

if TYPE_CHECKING:
    from engine.cli.output import Page

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="SERVICE")]
_STANDS: Final = {True: "status/active", False: "word/revoked"}
ServiceId = Annotated[str, typer.Argument(metavar="SERVICE-ID")]


@command(app, "add")
def add(call: Call, name: Name, *, actor: As) -> None:
    """Add a service that speaks in members' names; its token is shown once."""
    made = call.desk.add_service(call.actor(actor), name)

    def show(page: "Page") -> None:
        page.say("done/service", name=made.service.name)
        write(made.token)

    call.answer(made, show)


@command(app, "list")
def list_all(call: Call, *, actor: As) -> None:
    """List the services of the organization."""
    found = call.desk.services(call.actor(actor))

    def show(page: "Page") -> None:
        rows = [
            (service.name, str(service.id), service.added_by, page.words(_STANDS[service.revoked_at is None]))
            for service in found
        ]
        page.lines(("name", "id", "set_by", "status"), rows)

    call.answer({"services": found}, show)


@command(app, "revoke")
def revoke(call: Call, service: ServiceId, *, actor: As) -> None:
    """Revoke a service: its token is nobody's any more."""
    actor_id = call.actor(actor)
    found = call.desk.revoke_service(actor_id, identifier(service, NotFound("service")))
    call.answer(found, lambda page: page.say("done/service_revoked", name=found.name))


def openapi(call: Call) -> None:
    """Print the description of the interface over HTTP (OpenAPI 3.1)."""
    from engine.api.app import described

    del call
    write(json.dumps(described().openapi(), ensure_ascii=False, indent=2))
