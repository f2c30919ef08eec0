"""``passation transfer``: records that change hands."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

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
    MaybeTarget,
    MaybeTo,
    Message,
    NoCopy,
    Purposes,
    RawData,
    Reason,
    RecordName,
    State,
    To,
    TransferId,
    Until,
    Version,
    WithholdRawData,
    command,
    options,
    stated_basis,
)
from engine.errors import BadInput, NotFound

if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.views import TransferView

app = typer.Typer()

Html = Annotated[bool, typer.Option("--html")]
OlderThan = Annotated[int | None, typer.Option("--older-than", metavar="DAYS")]
Sender = Annotated[str | None, typer.Option("--from", metavar="EMAIL")]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N")]
After = Annotated[str | None, typer.Option("--after", metavar="ID")]


@command(app, "preview")
def preview(
    call: Call,
    record: RecordName,
    *,
    to: To,
    actor: As,
    include_confidential: IncludeConfidential = None,
    raw_data: RawData = None,
    no_copy: NoCopy = None,
) -> None:
    """Show what a transfer would do; nothing is asked."""
    actor_id = call.actor(actor)
    chosen = options(include_confidential, raw_data, no_copy)
    shown = call.desk.preview(actor_id, call.record(actor_id, record), call.colleague(actor_id, to), chosen)
    call.answer(shown, lambda page: page.preview(shown))


@command(app, "request")
def request(
    call: Call,
    record: RecordName,
    *,
    to: To,
    actor: As,
    purpose: Purposes,
    include_confidential: IncludeConfidential = None,
    raw_data: RawData = None,
    no_copy: NoCopy = None,
    message: Message = None,
    basis: Basis = None,
    basis_text: BasisText = None,
    basis_on: BasisOn = None,
    basis_for_anybody: BasisForAnybody = False,
    reason: MaybeReason = None,
    insist: Insist = False,
    key: Key = None,
) -> None:
    """Ask a practitioner to take over a record."""
    stated = stated_basis(basis, basis_text, basis_on, for_anybody=basis_for_anybody)
    actor_id = call.actor(actor)
    asked = asyncio.run(
        call.service.request(
            actor_id,
            call.record(actor_id, record),
            call.colleague(actor_id, to),
            purpose=purpose,
            options=options(include_confidential, raw_data, no_copy),
            basis=stated,
            message=None if message is None else typed(message),
            reason=None if reason is None else typed(reason),
            insist=insist,
            key=key,
        )
    )
    _tell(call, asked, "requested")


@command(app, "accept")
def accept(call: Call, transfer: TransferId, actor: As, key: Key = None, version: Version = None) -> None:
    """Take over the record."""
    actor_id, transfer_id = call.actor(actor), _id(transfer)
    accepted = asyncio.run(call.service.accept(actor_id, transfer_id, seen_version=version, key=key))
    _tell(call, accepted, "accepted")


@command(app, "refuse")
def refuse(
    call: Call, transfer: TransferId, actor: As, reason: Reason, key: Key = None, version: Version = None
) -> None:
    """Decline the record, with a reason."""
    actor_id, transfer_id = call.actor(actor), _id(transfer)
    why = typed(reason)
    refused = asyncio.run(
        call.service.refuse(actor_id, transfer_id, reason=why, seen_version=version, key=key)
    )
    _tell(call, refused, "refused")


@command(app, "cancel")
def cancel(
    call: Call,
    transfer: TransferId,
    actor: As,
    reason: MaybeReason = None,
    key: Key = None,
    version: Version = None,
) -> None:
    """Take a request back."""
    actor_id, transfer_id = call.actor(actor), _id(transfer)
    why = None if reason is None else typed(reason)
    cancelled = asyncio.run(
        call.service.cancel(actor_id, transfer_id, reason=why, seen_version=version, key=key)
    )
    _tell(call, cancelled, "cancelled")


@command(app, "narrow")
def narrow(
    call: Call,
    transfer: TransferId,
    actor: As,
    include_confidential: IncludeConfidential = None,
    raw_data: RawData = None,
    no_copy: NoCopy = None,
    key: Key = None,
    version: Version = None,
) -> None:
    """Move less than was asked; what is not named stays as it is."""
    if include_confidential is None and raw_data is None and no_copy is None:
        raise BadInput("nothing_to_narrow")
    actor_id, transfer_id = call.actor(actor), _id(transfer)
    before = call.desk.transfer(actor_id, transfer_id)
    chosen = options(include_confidential, raw_data, no_copy, before.options)
    # The options that were not named are those that stand now: somebody else's change since is not undone.
    seen = version or before.version
    narrowed = asyncio.run(call.service.narrow(actor_id, transfer_id, chosen, seen_version=seen, key=key))
    _tell(call, narrowed, "narrowed")


@command(app, "reassign")
def reassign(
    call: Call,
    transfer: TransferId,
    *,
    to: To,
    actor: As,
    reason: Reason,
    basis: Basis = None,
    basis_text: BasisText = None,
    basis_on: BasisOn = None,
    basis_for_anybody: BasisForAnybody = False,
    insist: Insist = False,
    withhold_raw_data: WithholdRawData = False,
    key: Key = None,
    version: Version = None,
) -> None:
    """Ask somebody else to take over the record, as a coordinator."""
    stated = stated_basis(basis, basis_text, basis_on, for_anybody=basis_for_anybody)
    actor_id, transfer_id = call.actor(actor), _id(transfer)
    reassigned = asyncio.run(
        call.service.reassign(
            actor_id,
            transfer_id,
            call.colleague(actor_id, to),
            reason=typed(reason),
            basis=stated,
            insist=insist,
            withhold_raw_data=withhold_raw_data,
            seen_version=version,
            key=key,
        )
    )
    _tell(call, reassigned, "reassigned")


@command(app, "impose")
def impose(
    call: Call,
    transfer: TransferId,
    *,
    actor: As,
    reason: Reason,
    to: MaybeTo = None,
    basis: Basis = None,
    basis_text: BasisText = None,
    basis_on: BasisOn = None,
    basis_for_anybody: BasisForAnybody = False,
    insist: Insist = False,
    withhold_raw_data: WithholdRawData = False,
    key: Key = None,
    version: Version = None,
) -> None:
    """Hand the record over in the place of the new practitioner, as a coordinator."""
    stated = stated_basis(basis, basis_text, basis_on, for_anybody=basis_for_anybody)
    actor_id, transfer_id = call.actor(actor), _id(transfer)
    imposed = asyncio.run(
        call.service.impose(
            actor_id,
            transfer_id,
            None if to is None else call.colleague(actor_id, to),
            reason=typed(reason),
            basis=stated,
            insist=insist,
            withhold_raw_data=withhold_raw_data,
            seen_version=version,
            key=key,
        )
    )
    _tell(call, imposed, "imposed")


@command(app, "extend")
def extend(
    call: Call,
    transfer: TransferId,
    *,
    until: Until,
    actor: As,
    reason: MaybeReason = None,
    key: Key = None,
    version: Version = None,
) -> None:
    """Give the one who is asked more time, as a coordinator."""
    actor_id, transfer_id = call.actor(actor), _id(transfer)
    why = None if reason is None else typed(reason)
    extended = asyncio.run(
        call.service.extend(actor_id, transfer_id, until, reason=why, seen_version=version, key=key)
    )
    _tell(call, extended, "extended")


@command(app, "show")
def show(call: Call, transfer: TransferId, actor: As) -> None:
    """Show a transfer."""
    found = call.desk.transfer(call.actor(actor), _id(transfer))
    call.answer(found, lambda page: page.transfer(found))


@command(app, "receipt")
def receipt(
    call: Call, transfer: TransferId, *, actor: As, to: MaybeTarget = None, html: Html = False
) -> None:
    """Give the signed receipt of an accepted transfer, on the screen or in a file."""
    actor_id, transfer_id = call.actor(actor), _id(transfer)
    if html:
        text = call.desk.receipt_page(actor_id, transfer_id, call.language, to)
    else:
        text = json.dumps(call.desk.receipt(actor_id, transfer_id, to), ensure_ascii=False, indent=1)
    if to is None:
        write(text)
    else:
        call.answer({"file": str(to)}, lambda page: page.say("done/receipt", file=str(to)))


@command(app, "list")
def list_all(
    call: Call,
    *,
    actor: As,
    state: State = None,
    older_than: OlderThan = None,
    sender: Sender = None,
    to: MaybeTo = None,
    limit: Limit = None,
    after: After = None,
) -> None:
    """List the transfers that the actor may know of, newest first, page by page."""
    from engine.desk.watching import PAGE

    actor_id = call.actor(actor)
    found = call.desk.transfers(
        actor_id,
        state,
        older_than_days=older_than,
        from_id=None if sender is None else call.colleague(actor_id, sender),
        to_id=None if to is None else call.colleague(actor_id, to),
        after=None if after is None else _id(after),
        limit=PAGE if limit is None else limit,
    )
    call.answer(found, lambda page: page.transfer_page(found))


def _id(transfer: str) -> UUID:
    return identifier(transfer, NotFound("transfer"))


def _tell(call: Call, transfer: "TransferView", done: str) -> None:
    """Say what became of it in one line, then show it."""
    escalated = done in {"refused", "cancelled"} and transfer.state == "coordinator_override"
    key = "done/escalated" if escalated else f"done/{done}"

    def show(page: "Page") -> None:
        page.say(key, number=transfer.record_number or "", to=transfer.new_owner or "")
        page.transfer(transfer)

    call.answer(transfer, show)
