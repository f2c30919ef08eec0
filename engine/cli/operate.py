"""What runs Passation and looks after it: ``dev``, ``demo``, ``worker``, ``reconcile``, ``doctor``."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from engine.cli.context import Call
from engine.cli.options import command

if TYPE_CHECKING:
    from engine.cli.dev import DevStack
    from engine.cli.output import Page

Ui = Annotated[bool, typer.Option("--ui/--no-ui")]
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
    command(app, "reconcile")(reconcile)
    command(app, "doctor")(doctor)


def dev(call: Call, ui: Ui = True, smtp: Smtp = None) -> None:
    """Run server, database and worker in one folder, until Ctrl-C."""
    from engine.cli.dev import run_dev

    if smtp is not None:
        from engine.mailserver import MailServer

        MailServer.of_url(smtp)
        # The worker is a process of its own, and reads its environment.
        os.environ["PASSATION_SMTP"] = smtp

    def ready(stack: "DevStack") -> None:
        server = stack.server
        told = {"address": server.address, "ui_url": server.ui_url, "data": call.settings.data}

        def show(page: "Page") -> None:
            page.say("done/ready")
            facts = {"server": server.address, "web": server.ui_url, "data": str(call.settings.data)}
            page.facts({page.words(f"done/{name}"): value for name, value in facts.items() if value})

        call.answer(told, show)

    raise typer.Exit(run_dev(call.settings, call.prepare, ready, ui=ui))


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
