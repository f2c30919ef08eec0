"""A bulk that asks me: answered in one gesture, or record by record (BULK-5)."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from engine.console.frame import Engine, Here, Posted, Visitor, named, page, redirect
from engine.errors import BadInput, EngineError, NotFound
from engine.states.bulk import Answer
from engine.states.transfer import TransferState
from engine.views import BulkItemView, BulkView

router = APIRouter(prefix="/bulk")

Name = Annotated[str, Path(alias="bulk", max_length=64)]


@router.get("/{bulk}/answer")
def show(request: Request, visitor: Here, service: Engine, bulk: Name) -> Response:
    """Show what a bulk asks of somebody."""
    bulk_id = _id(bulk)
    found = service.desk.bulk(visitor.id, bulk_id)
    return _page(request, visitor, found, service.desk.bulk_items(visitor.id, bulk_id))


@router.post("/{bulk}/answer")
async def answer(request: Request, post: Posted, service: Engine, bulk: Name) -> Response:
    """Accept or refuse all of it: what is asked now, and what is asked later."""
    bulk_id, visitor = _id(bulk), post.visitor
    try:
        chosen = post.fields.choice("answer", Answer)
        if chosen is None:
            raise BadInput("empty", field="answer")
        reason = post.fields.text("reason") or None
        if chosen is Answer.ACCEPT:
            reason = None
        await service.bulks.answer(visitor.id, bulk_id, chosen, reason=reason, key=post.key)
    except NotFound:
        raise
    except EngineError as error:
        found = await asyncio.to_thread(service.desk.bulk, visitor.id, bulk_id)
        items = await asyncio.to_thread(service.desk.bulk_items, visitor.id, bulk_id)
        return _page(request, visitor, found, items, error)
    said = visitor.say("Your answer is kept, and is carried out record by record.")
    return redirect(request, f"/bulk/{bulk_id}/answer", said)


def _page(
    request: Request,
    visitor: Visitor,
    found: BulkView,
    items: list[BulkItemView],
    error: EngineError | None = None,
) -> Response:
    mine = next((part.counts for part in found.recipients if part.id == visitor.id), {})
    return page(
        request,
        "practice/answer.html",
        status=200 if error is None else error.status,
        bulk=found,
        items=items,
        waiting=mine.get(TransferState.PENDING_ACCEPTANCE, 0),
        told=None if error is None else visitor.sentence(error),
    )


def _id(bulk: str) -> UUID:
    return named(bulk, NotFound("bulk"))
