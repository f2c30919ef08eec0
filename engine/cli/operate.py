"""What runs Passation and looks after it: ``dev``, ``demo``, ``worker``, ``reconcile``, ``doctor``."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from engine.cli.context import Call, write
from engine.cli.options import As, command
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.cli.dev import DevStack
    from engine.cli.output import Page

Ui = Annotated[bool, typer.Option("--ui/--no-ui")]
Web = Annotated[bool, typer.Option("--web/--no-web")]
Host = Annotated[str | None, typer.Option("--host", metavar="HOST")]
Port = Annotated[int | None, typer.Option("--port", metavar="N", min=1, max=65535)]
Records = Annotated[int | None, typer.Option("--records", metavar="N", min=1)]
FromFhir = Annotated[Path | None, typer.Option("--from-fhir", metavar="PATH")]
Smtp = Annotated[str | None, typer.Option("--smtp", metavar="URL")]
Keep = Annotated[bool, typer.Option("--keep")]
_RESULTS: Final = {True: "word/ok", False: "word/problem", None: "word/unchecked"}


def register(app: typer.Typer) -> None:
    """Register the commands that belong to no noun."""
    command(app, "dev")(dev)
    command(app, "demo")(demo)
    command(app, "worker")(worker)
    command(app, "web")(web)
    command(app, "token")(token)
    command(app, "reconcile")(reconcile)
    command(app, "doctor")(doctor)


def dev(call: Call, ui: Ui = True, smtp: Smtp = None, web: Web = True) -> None:
    """Run server, database, worker, interface and console in one folder, until Ctrl-C."""
    from engine.cli.dev import run_dev

    if smtp is not None:
        from engine.mailserver import MailServer

        MailServer.of_url(smtp)
        # The worker is a process of its own, and reads its environment.
        os.environ["PASSATION_SMTP"] = smtp

    def ready(stack: "DevStack") -> None:
        server = stack.server
        told: dict[str, Any] = {
            "address": server.address,
            "ui_url": server.ui_url,
            "web_url": stack.web_url,
            "personas": _personas(call, stack.web_url),
            "data": call.settings.data,
        }

        def show(page: "Page") -> None:
            page.say("done/ready")
            facts = {
                "console": stack.web_url,
                "server": server.address,
                "web": server.ui_url,
                "data": str(call.settings.data),
            }
            page.facts({page.words(f"done/{name}"): value for name, value in facts.items() if value})
            page.facts({page.words(f"role/{role}"): url for role, url in told["personas"].items()})

        call.answer(told, show)

    raise typer.Exit(run_dev(call.settings, call.prepare, ready, ui=ui, web=web))


def _personas(call: Call, url: str | None) -> dict[str, str]:
    """Give a link for somebody of each role, which the issuer of the data folder lets anybody be."""
    if url is None or call.settings.issuer is not None:
        return {}
    found: dict[str, str] = {}
    for persona in call.desk.personas():
        for role in persona.roles:
            found.setdefault(role.value, f"{url}/sign-in/start?as={quote(persona.email)}")
    return found


def demo(call: Call, records: Records = None, keep: Keep = False, from_fhir: FromFhir = None) -> None:
    """Invent a clinic and watch records change hands."""
    from engine.cli.demo.command import run_demo

    code = run_demo(
        call.settings,
        records=records,
        keep=keep,
        language=call.language,
        as_json=call.as_json,
        from_fhir=from_fhir,
    )
    raise typer.Exit(code)


def worker(call: Call) -> None:
    """Become a worker: the process stays the same, so that signals reach it."""
    arguments = [sys.executable, "-P", "-m", "worker", "--data", str(call.settings.data)]
    os.execv(sys.executable, arguments)  # noqa: S606 - no shell is wanted


def web(call: Call, host: Host = None, port: Port = None) -> None:
    """Become the process of the interface and the console."""
    arguments = [sys.executable, "-P", "-m", "engine.web", "--data", str(call.settings.data)]
    arguments += [] if host is None else ["--host", host]
    arguments += [] if port is None else ["--port", str(port)]
    if call.settings.issuer is None:
        raise BadInput("setting", name="issuer")
    os.execv(sys.executable, arguments)  # noqa: S606 - no shell is wanted


def token(call: Call, actor: As) -> None:
    """Give an access token of the folder's own issuer, for trying the interface out."""
    from engine.identity.local import TOKEN_SECONDS, Keys, access_token, issuer_at

    running = call.settings.running()
    if running is None or running.web_url is None:
        raise BadInput("no_web")
    actor_id = call.actor(actor)
    issuer = issuer_at(call.settings.address or running.web_url)
    made = access_token(Keys(call.settings.issuer_key), issuer, actor_id)
    told = {"access_token": made, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "url": running.web_url}
    call.answer(told, lambda _page: write(made))


def reconcile(call: Call) -> None:
    """Bring rows and workflows together again."""
    found = asyncio.run(call.service.reconcile())
    call.answer(
        found,
        lambda page: page.say(
            "done/reconciled",
            open=found.open_transfers,
            restarted=found.restarted,
            woken=found.woken,
            texts=found.texts_swept,
            signed=found.receipts_signed,
            waiting=found.receipts_waiting,
        ),
    )


def doctor(call: Call) -> None:
    """Check everything that transfers need; exit with 1 where something is missing."""
    from engine.cli.doctor import Doctor

    found = Doctor(call)
    asyncio.run(found.examine())
    healthy = all(check.ok for check in found.checks)

    def show(page: "Page") -> None:
        rows = [
            (
                page.words(f"doctor/{check.name}"),
                page.words(_RESULTS[check.ok]),
                check.advice or "",
            )
            for check in found.checks
        ]
        page.lines(("checked", "result", "next"), rows)
        page.say("done/healthy" if healthy else "done/unhealthy")

    told = [{"name": check.name, "ok": check.ok, "advice": check.advice} for check in found.checks]
    call.answer({"healthy": healthy, "checks": told}, show)
    if not healthy:
        raise typer.Exit(1)
