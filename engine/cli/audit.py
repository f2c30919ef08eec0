"""``passation audit``: the log that proves what happened."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.context import Call, write
from engine.cli.options import As, MaybeTarget, Target, command

if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.views import ChainView, GivenView

app = typer.Typer()

Receipts = Annotated[list[Path] | None, typer.Option("--receipts", metavar="FILE")]
Heads = Annotated[list[Path] | None, typer.Option("--head", metavar="FILE")]
MaybeKeyFile = Annotated[Path | None, typer.Option("--key", metavar="FILE")]


@command(app, "verify")
def verify(call: Call, *, receipts: Receipts = None, head: Heads = None, key: MaybeKeyFile = None) -> None:
    """Walk every log and hold it against what was given out; exit with 1 where it differs (AUD-2)."""
    from engine.cli.receipt import read_keys

    given = [
        (str(file), _read(file), is_head)
        for files, is_head in ((receipts, False), (head, True))
        for file in files or []
    ]
    keys = None if key is None else read_keys(key)
    checked, marks = call.desk.check_given(given, keys)
    with call.progress("progress/verify") as told:
        chains = call.desk.verify_log(marks, told)
    whole = all(chain.first_break is None for chain in chains)
    good = all(not one.flaws for one in checked)
    call.answer(
        {"whole": whole and good, "chains": chains, "files": _in_words(call, checked)},
        lambda page: _show(page, chains, checked),
    )
    if not (whole and good):
        raise typer.Exit(1)


@command(app, "head")
def head(call: Call, *, actor: As, to: MaybeTarget = None) -> None:
    """Give the signed last line of the organization's log, to be kept elsewhere."""
    found = call.desk.head(call.actor(actor), to)
    if to is None:
        write(json.dumps(found, ensure_ascii=False, indent=1))
        return
    told = {"file": str(to), "seq": found["statement"]["seq"]}
    call.answer(told, lambda page: page.say("done/head", file=str(to), line=told["seq"]))


@command(app, "export")
def export(call: Call, *, actor: As, to: Target) -> None:
    """Write the organization's log to a new file."""
    actor_id = call.actor(actor)
    with call.progress("progress/export") as told:
        lines = call.desk.export_log(actor_id, to, told)
    told_at_last = {"file": str(to), "events": lines}
    call.answer(told_at_last, lambda page: page.say("done/log_export", file=str(to), count=lines))


def _read(file: Path) -> dict[str, Any] | None:
    from engine import proof
    from engine.cli.receipt import read_file

    return proof.read_json(read_file(file))


def _in_words(call: Call, checked: "Sequence[GivenView]") -> list[Mapping[str, Any]]:
    return [
        {
            "file": one.file,
            "flaws": [
                {"what": flaw.what, "where": flaw.where, "message": call.words(f"flaw/{flaw.what}")}
                for flaw in one.flaws
            ],
        }
        for one in checked
    ]


def _show(page: "Page", chains: "Sequence[ChainView]", checked: "Sequence[GivenView]") -> None:
    from engine.cli.output import harmless_text

    rows = [
        (
            chain.organization,
            str(chain.events),
            page.words("word/ok" if chain.first_break is None else "word/problem"),
        )
        for chain in chains
    ]
    page.lines(("chain", "events", "result"), rows)
    flaws = [
        (one.file, page.words(f"flaw/{flaw.what}"), harmless_text(flaw.where))
        for one in checked
        for flaw in one.flaws
    ]
    if flaws:
        page.lines(("file", "what", "where"), flaws)
        page.say("done/given_bad")
    for chain in chains:
        if chain.first_break is not None:
            page.say("done/broken", line=chain.first_break)
    if all(chain.first_break is None for chain in chains):
        page.say("done/whole_as_given" if checked and not flaws else "done/whole", count=len(checked))
