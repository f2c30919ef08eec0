"""``passation bulk``, once it is launched: start, watch, pause, resume, stop, retry, report."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from engine.cli.bulk import (
    Confidential,
    From,
    Imposes,
    Only,
    Reassign,
    Recipients,
    SplitBy,
    app,
    files,
    read_file,
)
from engine.cli.context import Call, identifier, typed, write
from engine.cli.options import (
    As,
    Basis,
    BasisForAnybody,
    BasisOn,
    BasisText,
    IncludeConfidential,
    Insist,
    Key,
    MaybeReason,
    Message,
    NoCopy,
    Purposes,
    RawData,
    Reason,
    command,
    options,
    stated_basis,
)
from engine.errors import BadInput, NotFound

if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.states.bulk import Answer
    from engine.views import BulkView

__all__ = ["app"]

BulkId = Annotated[str, typer.Argument(metavar="BULK")]
Yes = Annotated[bool, typer.Option("--yes")]
Fingerprint = Annotated[str | None, typer.Option("--fingerprint", metavar="HASH")]
Follow = Annotated[bool, typer.Option("--follow")]
CancelOpen = Annotated[bool, typer.Option("--cancel-open")]
Except = Annotated[Path | None, typer.Option("--except", metavar="FILE")]
Stands = Annotated[str | None, typer.Option("--stands", metavar="WHERE")]
AsCsv = Annotated[bool, typer.Option("--csv")]
_LOOK_EVERY: Final = 1.0
_LOOK_SOON: Final = 0.2
#: How long somebody is shown how their answer is carried out; it goes on without them.
_PATIENCE: Final = 60.0


@command(app, "start")
def start(
    call: Call,
    source: From,
    *,
    actor: As,
    purpose: Purposes,
    to: Recipients = None,
    split: SplitBy = None,
    only: Only = None,
    include_confidential_records: Confidential = False,
    reassign_open: Reassign = False,
    insist: Insist = False,
    impose: Imposes = False,
    reason: MaybeReason = None,
    include_confidential: IncludeConfidential = None,
    raw_data: RawData = None,
    no_copy: NoCopy = None,
    message: Message = None,
    basis: Basis = None,
    basis_text: BasisText = None,
    basis_on: BasisOn = None,
    basis_for_anybody: BasisForAnybody = False,
    fingerprint: Fingerprint = None,
    yes: Yes = False,
    key: Key = None,
) -> None:
    """Launch the transfer of a caseload; the number of records is typed to confirm."""
    stated = stated_basis(basis, basis_text, basis_on, for_anybody=basis_for_anybody)
    actor_id = call.actor(actor)
    source_id = call.colleague(actor_id, source)
    to_ids = [call.colleague(actor_id, address) for address in to or ()]
    chosen: dict[str, Any] = {
        **files(only, split),
        "include_confidential_records": include_confidential_records,
        "reassign_open": reassign_open,
        "insist": insist,
        "impose": impose,
        "options": options(include_confidential, raw_data, no_copy),
    }
    if not yes:
        fingerprint = _confirmed(call, actor_id, source_id, to_ids, chosen, fingerprint)
    choice = call.service.bulks.choose(source_id, to_ids, **chosen, has_basis=stated is not None)
    started = asyncio.run(
        call.service.bulks.start(
            actor_id,
            choice,
            purpose=purpose,
            fingerprint=fingerprint,
            basis=stated,
            message=None if message is None else typed(message),
            reason=None if reason is None else typed(reason),
            key=key,
        )
    )
    _tell(call, started, "bulk_started")


def _confirmed(
    call: Call,
    actor_id: UUID,
    source_id: UUID,
    to_ids: list[UUID],
    chosen: dict[str, Any],
    fingerprint: str | None,
) -> str:
    """Show what would happen and have the number typed; what is confirmed is what was shown (BULK-2)."""
    from engine.cli import bulk_running_page as pages

    seen = call.desk.bulk_preview(actor_id, source_id, to_ids, **chosen)
    if not sys.stdin.isatty():
        raise BadInput("confirmation")
    call.show(lambda page: pages.confirm(page, seen))
    if typer.prompt(call.words("caseload/type_count"), err=True).strip() != str(seen.going):
        raise typer.Abort
    return fingerprint or seen.fingerprint


@command(app, "list")
def list_all(call: Call, actor: As) -> None:
    """List the transfers of caseloads, newest first."""
    from engine.cli import bulk_running_page as pages

    found = call.desk.bulks(call.actor(actor))
    call.answer({"bulks": found}, lambda page: pages.bulks(page, found))


@command(app, "status")
def status(call: Call, bulk: BulkId, actor: As, *, follow: Follow = False) -> None:
    """Show where the transfer of a caseload stands; with --follow until it has ended."""
    from engine.cli import bulk_running_page as pages

    actor_id, bulk_id = call.actor(actor), _id(bulk)
    found = call.desk.bulk(actor_id, bulk_id)
    if follow:
        found = _follow(call, actor_id, found)
    call.answer(found, lambda page: pages.bulk(page, found))


@command(app, "items")
def items(call: Call, bulk: BulkId, actor: As, *, stands: Stands = None) -> None:
    """Show every record of it, and of what does not move the rule and what to do."""
    from engine.cli import bulk_running_page as pages

    found = call.desk.bulk_items(call.actor(actor), _id(bulk), stands=stands)
    call.answer({"items": found}, lambda page: pages.items(page, found))


@command(app, "pause")
def pause(call: Call, bulk: BulkId, actor: As, *, key: Key = None) -> None:
    """Start no further transfer for now."""
    actor_id = call.actor(actor)
    _tell(call, asyncio.run(call.service.bulks.pause(actor_id, _id(bulk), key=key)), "bulk_paused")


@command(app, "resume")
def resume(call: Call, bulk: BulkId, actor: As, *, key: Key = None) -> None:
    """Go on, and lead it from now on."""
    actor_id = call.actor(actor)
    _tell(call, asyncio.run(call.service.bulks.resume(actor_id, _id(bulk), key=key)), "bulk_resumed")


@command(app, "stop")
def stop(
    call: Call,
    bulk: BulkId,
    actor: As,
    *,
    cancel_open: CancelOpen = False,
    reason: MaybeReason = None,
    key: Key = None,
) -> None:
    """Start no further transfer for good; what is open stays open unless told otherwise."""
    actor_id = call.actor(actor)
    stopped = asyncio.run(
        call.service.bulks.stop(
            actor_id,
            _id(bulk),
            cancel_open=cancel_open,
            reason=None if reason is None else typed(reason),
            key=key,
        )
    )
    _tell(call, stopped, "bulk_stopped")


@command(app, "retry")
def retry(call: Call, bulk: BulkId, actor: As, *, key: Key = None) -> None:
    """Ask once more for what failed, was blocked, or ended without a new owner."""
    actor_id = call.actor(actor)
    _tell(call, asyncio.run(call.service.bulks.retry(actor_id, _id(bulk), key=key)), "bulk_retried")


@command(app, "report")
def report(call: Call, bulk: BulkId, actor: As, *, as_csv: AsCsv = False, follow: Follow = False) -> None:
    """Report on every record, and on what of the practitioner's does not move."""
    from engine.cli import bulk_running_page as pages

    actor_id, bulk_id = call.actor(actor), _id(bulk)
    if follow:
        _follow(call, actor_id, call.desk.bulk(actor_id, bulk_id))
    found = call.desk.bulk_report(actor_id, bulk_id)
    if as_csv and not call.as_json:
        write(call.service.bulks.as_csv(found).rstrip("\n"))
        return
    call.answer(found, lambda page: pages.report(page, found))


@command(app, "accept")
def accept(
    call: Call, bulk: BulkId, actor: As, *, only: Only = None, but: Except = None, key: Key = None
) -> None:
    """Accept everything that it asks of you, now and later, in one gesture."""
    from engine.states.bulk import Answer

    _answer(call, bulk, actor, Answer.ACCEPT, only, but, None, key)


@command(app, "refuse")
def refuse(
    call: Call,
    bulk: BulkId,
    actor: As,
    *,
    reason: Reason,
    only: Only = None,
    but: Except = None,
    key: Key = None,
) -> None:
    """Decline everything that it asks of you, now and later, with a reason."""
    from engine.states.bulk import Answer

    _answer(call, bulk, actor, Answer.REFUSE, only, but, typed(reason), key)


def _answer(
    call: Call,
    bulk: str,
    actor: str,
    answer: "Answer",
    only: Path | None,
    but: Path | None,
    reason: str | None,
    key: str | None,
) -> None:
    """Give the answer, and look on while it is carried out; leaving changes nothing (BULK-5)."""
    from engine.cli import bulk_running_page as pages

    actor_id = call.actor(actor)
    given = asyncio.run(
        call.service.bulks.answer(
            actor_id,
            _id(bulk),
            answer,
            only_file=read_file(only),
            except_file=read_file(but),
            reason=reason,
            key=key,
        )
    )
    until = time.monotonic() + _PATIENCE
    whole = given.deciding
    with call.progress("caseload/decided") as advance:
        while given.deciding and time.monotonic() < until:
            advance(max(whole - given.deciding, 0), whole)
            time.sleep(_LOOK_SOON)
            given = call.desk.bulk_answer(actor_id, given.id)
    call.answer(given, lambda page: pages.answer(page, given))


def _follow(call: Call, actor_id: UUID, found: "BulkView") -> "BulkView":
    """Look until it has ended; leaving with Ctrl-C changes nothing (BULK-4)."""
    from engine.cli import bulk_running_page as pages
    from engine.states.bulk import UNSETTLED

    plain = not call.as_json and not sys.stderr.isatty()
    told = ""
    with call.progress("caseload/settled") as advance:
        while True:
            open_ones = sum(found.counts.get(name, 0) for name in UNSETTLED)
            advance(found.records - open_ones, found.records)
            counted = pages.counted(call.words, found.counts)
            if plain and told != counted:
                write(counted, sys.stderr)
            told = counted
            if not found.state.is_open:
                return found
            time.sleep(_LOOK_EVERY)
            found = call.desk.bulk(actor_id, found.id)


def _id(bulk: str) -> UUID:
    return identifier(bulk, NotFound("bulk"))


def _tell(call: Call, bulk: "BulkView", done: str) -> None:
    """Say what became of it in one line, then show it."""
    from engine.cli import bulk_running_page as pages

    def show(page: "Page") -> None:
        page.say(f"done/{done}", name=bulk.source, count=bulk.records)
        pages.bulk(page, bulk)

    call.answer(bulk, show)
