"""Transfers of caseloads under way: progress, pause, resume, stop, retry, and what needs a human (BULK-4)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from engine.console.frame import Posted, named, redirect
from engine.console.pages.asking import (
    SIGNED_IN,
    ask,
    desk,
    number_of,
    service,
    show,
    typed,
    visitor,
)
from engine.errors import EngineError, NotFound
from engine.states.bulk import STANDS, UNSETTLED
from engine.states.choices import Role
from engine.views import BulkItemView, BulkView

router = APIRouter(prefix="/bulk", dependencies=SIGNED_IN)

#: Where a record stands that does not move without somebody.
_HUMAN: Final = ("coordinator_override", "refused", "cancelled", "expired", "blocked")
_LINES: Final = 100
#: What of its records is shown, most needed first.
_FILTERS: Final = ("human", "all", "pending_acceptance", "accepted")


@router.get("")
async def every_one(request: Request) -> Response:
    """List the transfers of caseloads, newest first."""
    found = await ask(desk(request).bulks, visitor(request).id)
    return show(request, "coordination/caseloads.html", bulks=[(bulk, _settled(bulk)) for bulk in found])


@router.get("/{bulk_id}")
async def one(request: Request, bulk_id: str) -> Response:
    """Show where a transfer of a caseload stands, and its records; whom it asks, their part of it."""
    if not visitor(request).acts_as(Role.COORDINATOR):
        return redirect(request, f"/bulk/{named(bulk_id, NotFound('bulk'))}/answer")
    return await _one(request, bulk_id)


@router.get("/{bulk_id}/live")
async def live(request: Request, bulk_id: str) -> Response:
    """Show the progress alone, for a page that is open."""
    bulk = await ask(desk(request).bulk, visitor(request).id, named(bulk_id, NotFound("bulk")))
    answer = show(request, "coordination/live.html", **_progress(bulk))
    if not bulk.state.is_open:
        # It has ended: the whole page says what is left.
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/{bulk_id}/pause")
async def pause(request: Request, _sent: Posted, bulk_id: str) -> Response:
    """Start nothing more for now."""
    _ = visitor(request).say
    return await _decide(request, bulk_id, service(request).bulks.pause, _("It is paused."))


@router.post("/{bulk_id}/resume")
async def resume(request: Request, _sent: Posted, bulk_id: str) -> Response:
    """Go on, and lead it from now on (ROLE-5)."""
    _ = visitor(request).say
    return await _decide(request, bulk_id, service(request).bulks.resume, _("It goes on, and you lead it."))


@router.post("/{bulk_id}/retry")
async def retry(request: Request, _sent: Posted, bulk_id: str) -> Response:
    """Ask once more for what failed, was blocked, or ended without a new owner."""
    _ = visitor(request).say
    return await _decide(
        request, bulk_id, service(request).bulks.retry, _("What did not go through is asked for again.")
    )


@router.post("/{bulk_id}/stop")
async def stop(request: Request, sent: Posted, bulk_id: str) -> Response:
    """Start nothing more for good, and cancel what is open if that was ticked, for a reason."""
    _ = visitor(request).say
    form = typed(sent.fields, ("cancel_open", "reason"))

    async def do(actor_id: UUID, bulk: UUID) -> BulkView:
        return await service(request).bulks.stop(
            actor_id, bulk, cancel_open=bool(form["cancel_open"]), reason=form["reason"] or None
        )

    return await _decide(request, bulk_id, do, _("It is stopped for good."), form=form)


@router.get("/{bulk_id}/report.csv")
async def as_csv(request: Request, bulk_id: str) -> Response:
    """Give the report as a spreadsheet reads it."""
    found = await ask(desk(request).bulk_report, visitor(request).id, named(bulk_id, NotFound("bulk")))
    # The mark tells spreadsheets that it is UTF-8.
    content = "\ufeff" + service(request).bulks.as_csv(found)
    return _file(content, "text/csv; charset=utf-8", f"passation-{found.bulk.id}.csv")


@router.get("/{bulk_id}/report.json")
async def as_json(request: Request, bulk_id: str) -> Response:
    """Give the report as a program reads it."""
    found = await ask(desk(request).bulk_report, visitor(request).id, named(bulk_id, NotFound("bulk")))
    return _file(found.model_dump_json(indent=1), "application/json", f"passation-{found.bulk.id}.json")


async def _one(
    request: Request, bulk_id: str, *, form: dict[str, Any] | None = None, error: EngineError | None = None
) -> Response:
    found = await ask(desk(request).bulk_report, visitor(request).id, named(bulk_id, NotFound("bulk")))
    stand = request.query_params.get("show") or "human"
    items = [item for item in found.items if _is_shown(item, stand)]
    pages = max(1, -(-len(items) // _LINES))
    number = min(max(number_of(request.query_params.get("page") or "", 1), 1), pages)
    return show(
        request,
        "coordination/caseload.html",
        status=200 if error is None else error.status,
        **_progress(found.bulk),
        items=items[(number - 1) * _LINES : number * _LINES],
        left=found.left[:_LINES],
        filters=_FILTERS,
        shown=stand,
        pages=pages,
        number=number,
        form=form or {"cancel_open": "", "reason": ""},
        stopping=form is not None,
        error=error,
    )


async def _decide(
    request: Request,
    bulk_id: str,
    do: Callable[[UUID, UUID], Awaitable[BulkView]],
    told: str,
    *,
    form: dict[str, Any] | None = None,
) -> Response:
    try:
        bulk = await do(visitor(request).id, named(bulk_id, NotFound("bulk")))
    except EngineError as error:
        return await _one(request, bulk_id, form=form, error=error)
    return redirect(request, f"/bulk/{bulk.id}", told)


def _progress(bulk: BulkView) -> dict[str, Any]:
    return {
        "bulk": bulk,
        "settled": _settled(bulk),
        "stands": [(name, bulk.counts[name]) for name in STANDS if bulk.counts.get(name)],
    }


def _settled(bulk: BulkView) -> int:
    return bulk.records - sum(bulk.counts.get(name, 0) for name in UNSETTLED)


def _is_shown(item: BulkItemView, show: str) -> bool:
    if show == "human":
        return item.stands in _HUMAN or item.rule is not None
    return show in {"all", item.stands}


def _file(content: str, media_type: str, name: str) -> Response:
    return Response(
        content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
