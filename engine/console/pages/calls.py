"""Clients to call about an appointment that is cancelled (NOTE-2)."""

from fastapi import APIRouter, Request, Response

from engine.console.frame import Posted, redirect
from engine.console.pages.asking import (
    SIGNED_IN,
    ask,
    desk,
    number_of,
    show,
    visitor,
)
from engine.errors import EngineError, NotFound

router = APIRouter(prefix="/calls", dependencies=SIGNED_IN)


@router.get("")
async def calls(request: Request) -> Response:
    """List the clients whom somebody must call about a cancelled appointment (NOTE-2)."""
    return await _calls(request)


@router.post("/{call_id}")
async def called(request: Request, _sent: Posted, call_id: str) -> Response:
    """Note that a client was told by telephone."""
    _ = visitor(request).say
    try:
        number = number_of(call_id, -1)
        if number < 0:
            raise NotFound("call")
        await ask(desk(request).called, visitor(request).id, number)
    except EngineError as error:
        return await _calls(request, error)
    return redirect(request, "/calls", _("Noted: this client knows."))


async def _calls(request: Request, error: EngineError | None = None) -> Response:
    return show(
        request,
        "coordination/calls.html",
        status=200 if error is None else error.status,
        calls=await ask(desk(request).calls, visitor(request).id),
        error=error,
    )
