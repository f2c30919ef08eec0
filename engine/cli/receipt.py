"""``passation receipt``: proofs that were given out, verified with a public key alone (AUD-4)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.context import Call
from engine.cli.options import command
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.proof import Flaw

app = typer.Typer()

File = Annotated[Path, typer.Argument(metavar="FILE")]
KeyFile = Annotated[Path, typer.Option("--key", metavar="FILE")]
Deep = Annotated[bool, typer.Option("--deep")]


@command(app, "verify")
def verify(call: Call, file: File, *, key: KeyFile, deep: Deep = False) -> None:
    """Verify a receipt, by the two files alone unless ``--deep``; exit with 1 where it does not hold."""
    from engine import proof

    keys = read_keys(key)
    document = proof.read_json(read_file(file))
    found = proof.verify(document, proof.key_for(document, keys))
    if deep and not found and document is not None:
        found = call.desk.check_receipt(document)
    told = {"valid": not found, "flaws": flaws(call, found), **_said(document if not found else None)}
    call.answer(told, lambda page: _show(page, told, deep=deep))
    if found:
        raise typer.Exit(1)


def read_keys(file: Path) -> list[str]:
    """Read the public keys of a file. Raises ``BadInput`` where it holds none, or something else too."""
    from engine import proof

    try:
        found = proof.read_keys(read_file(file).decode())
    except UnicodeDecodeError:
        found = []
    if not found:
        raise BadInput("no_key")
    return found


def read_file(file: Path) -> bytes:
    """Read a file. Raises ``BadInput`` where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError:
        raise BadInput("file") from None


def flaws(call: Call, found: "Sequence[Flaw]") -> list[dict[str, str]]:
    """Say in words what is wrong, and where."""
    return [
        {"what": flaw.what, "where": flaw.where, "message": call.words(f"flaw/{flaw.what}")} for flaw in found
    ]


def _said(document: Mapping[str, Any] | None) -> dict[str, Any]:
    if document is None:
        return {}
    statement, lines = document["statement"], document["manifest"]["lines"]
    return {
        "organization": statement["organization"]["name"],
        "transfer": statement["transfer"],
        "previous_owner": statement["previous_owner"]["name"],
        "new_owner": statement["new_owner"]["name"],
        "asked_by": statement["asked_by"]["name"],
        "decided_by": statement["decided_by"]["name"],
        "accepted_at": statement["accepted_at"],
        "lines": len(lines),
        "opened": sum("salt" in line for line in lines),
        "manifest": statement["manifest"]["hash"],
        "line_of_log": statement["chain"]["seq"],
        "key": statement["key"],
    }


def _show(page: "Page", told: Mapping[str, Any], *, deep: bool) -> None:
    from engine.cli.output import harmless_text

    if not told["valid"]:
        page.say("done/receipt_bad")
        page.lines(
            ("what", "where"), [(flaw["message"], harmless_text(flaw["where"])) for flaw in told["flaws"]]
        )
        return
    page.say("done/receipt_read_again" if deep else "done/receipt_good")
    names = ("organization", "previous_owner", "new_owner", "asked_by", "accepted_at", "lines", "opened")
    shown = {page.words(f"receipt/{name}"): str(told[name]) for name in (*names, "line_of_log", "transfer")}
    page.facts({name: harmless_text(value) for name, value in shown.items()})
