"""Transfers: what is asked of me, what I asked for, and one transfer from its beginning to its end."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Awaitable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from engine.console.frame import Engine, Here, Post, Posted, Visitor, identifier, named, page, redirect
from engine.errors import EngineError, NotFound
from engine.pages import transfer as transfer_page
from engine.service import Service
from engine.states.choices import Options, RawDataChoice
from engine.states.transfer import TransferState
from engine.views import BulkView, TransferView

router = APIRouter(prefix="/transfers")

Name = Annotated[str, Path(alias="transfer", max_length=64)]
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@router.get("")
def transfers(
    request: Request,
    visitor: Here,
    service: Engine,
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Show what waits for my answer, what I wait for, and what is over."""
    desk = service.desk
    pending = TransferState.PENDING_ACCEPTANCE
    incoming = desk.transfers(visitor.id, pending, to_id=visitor.id, limit=200).transfers
    outgoing = [
        each
        for state in (TransferState.COORDINATOR_OVERRIDE, TransferState.REQUESTED, pending)
        for each in desk.transfers(visitor.id, state, from_id=visitor.id, limit=200).transfers
    ]
    history = desk.transfers(visitor.id, after=identifier(after or ""))
    return page(
        request,
        "practice/transfers.html",
        incoming=incoming,
        outgoing=outgoing,
        bulks=[bulk for bulk in desk.bulks(visitor.id) if _asks(bulk, visitor.id)],
        history=[each for each in history.transfers if not each.state.is_open and _is_theirs(each, visitor)],
        after=history.after,
    )


@router.get("/{transfer}")
def show(request: Request, visitor: Here, service: Engine, transfer: Name) -> Response:
    """Show one transfer as a timeline, and what its reader may do about it."""
    return _shown(request, visitor, service.desk.transfer(visitor.id, _id(transfer)))


@router.post("/{transfer}/accept")
async def accept(request: Request, post: Posted, service: Engine, transfer: Name) -> Response:
    """Take over the record."""
    deciding = service.accept(post.visitor.id, _id(transfer), seen_version=_version(post), key=post.key)
    said = post.visitor.say("The record is yours now.")
    return await _decided(request, post, service, transfer, deciding, said)


@router.post("/{transfer}/refuse")
async def refuse(request: Request, post: Posted, service: Engine, transfer: Name) -> Response:
    """Decline the record."""
    deciding = service.refuse(
        post.visitor.id,
        _id(transfer),
        reason=post.fields.text("reason"),
        seen_version=_version(post),
        key=post.key,
    )
    said = post.visitor.say("You refused. Whoever sent the record is told, and reads your reason.")
    return await _decided(request, post, service, transfer, deciding, said)


@router.post("/{transfer}/cancel")
async def cancel(request: Request, post: Posted, service: Engine, transfer: Name) -> Response:
    """Take a request back."""
    deciding = service.cancel(
        post.visitor.id,
        _id(transfer),
        reason=post.fields.text("reason") or None,
        seen_version=_version(post),
        key=post.key,
    )
    said = post.visitor.say("The request is taken back. The record is as it was.")
    return await _decided(request, post, service, transfer, deciding, said)


@router.post("/{transfer}/narrow")
async def narrow(request: Request, post: Posted, service: Engine, transfer: Name) -> Response:
    """Move less than was asked."""
    fields = post.fields
    options = Options(
        include_confidential=fields.flag("include_confidential"),
        raw_data=fields.choice("raw_data", RawDataChoice) or RawDataChoice.EXCLUDE,
        keep_copy=fields.flag("keep_copy"),
    )
    deciding = service.narrow(
        post.visitor.id, _id(transfer), options, seen_version=_version(post), key=post.key
    )
    said = post.visitor.say("Less will move than was asked first.")
    return await _decided(request, post, service, transfer, deciding, said)


@router.get("/{transfer}/receipt")
def receipt(visitor: Here, service: Engine, transfer: Name) -> Response:
    """Give the receipt of an accepted transfer, as a page to read and print."""
    text = service.desk.receipt_page(visitor.id, _id(transfer), visitor.language)
    styles = " ".join(f"'sha256-{_digest(style)}'" for style in _STYLE.findall(text))
    policy = (
        f"default-src 'none'; style-src {styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    # Its style stands in it, since it is given out as one file too: this very style is allowed alone.
    return Response(text, media_type="text/html", headers={"content-security-policy": policy})


@router.get("/{transfer}/receipt.json")
def signed(visitor: Here, service: Engine, transfer: Name) -> Response:
    """Give the signed receipt as the file that is verified."""
    transfer_id = _id(transfer)
    found = service.desk.receipt(visitor.id, transfer_id)
    return JSONResponse(
        json.loads(json.dumps(found)),
        headers={"content-disposition": f'attachment; filename="receipt-{transfer_id}.json"'},
    )


async def _decided(
    request: Request,
    post: Post,
    service: Service,
    transfer: str,
    deciding: Awaitable[TransferView],
    said: str,
) -> Response:
    """Carry out a decision, and show the transfer; what stopped it is said there, with what was typed."""
    try:
        made = await deciding
    except NotFound:
        raise
    except EngineError as error:
        seen = await asyncio.to_thread(service.desk.transfer, post.visitor.id, _id(transfer))
        return _shown(request, post.visitor, seen, error=error, typed=post.fields.text("reason"))
    if made.state is TransferState.COORDINATOR_OVERRIDE:
        said = post.visitor.say("The record cannot go back: a coordinator decides what comes next.")
    return redirect(request, transfer_page(made.id), said)


def _shown(
    request: Request,
    visitor: Visitor,
    seen: TransferView,
    *,
    error: EngineError | None = None,
    typed: str = "",
) -> Response:
    wanted = seen.options is None or seen.options.keep_copy
    # Invoices stay in any case; whatever else is kept is kept in a copy (MOVE-8, MOVE-11).
    by_rule = any(line.outcome == "kept" and line.item_class != "invoice" for line in seen.items)
    asked = seen.new_owner_id == visitor.id and seen.state is TransferState.PENDING_ACCEPTANCE
    theirs = visitor.id in {seen.owner_id, seen.asked_by_id} and seen.state.is_open
    return page(
        request,
        "practice/one_transfer.html",
        status=200 if error is None else error.status,
        transfer=seen,
        copy_kept=wanted or by_rule,
        asked=asked,
        theirs=theirs and not asked,
        may_narrow=theirs and seen.asked_by_id == visitor.id and seen.options is not None,
        told=None if error is None else visitor.sentence(error),
        typed=typed,
    )


def _asks(bulk: BulkView, member_id: UUID) -> bool:
    return any(
        part.id == member_id and part.counts.get(TransferState.PENDING_ACCEPTANCE, 0)
        for part in bulk.recipients
    )


def _is_theirs(transfer: TransferView, visitor: Visitor) -> bool:
    """Leave out what a coordinator may know of beside their own practice; that is another page."""
    parties = {transfer.owner_id, transfer.new_owner_id, transfer.asked_by_id}
    return transfer.owner_id is None or visitor.id in parties


def _version(post: Post) -> int | None:
    return post.fields.number("version")


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def _id(transfer: str) -> UUID:
    return named(transfer, NotFound("transfer"))
