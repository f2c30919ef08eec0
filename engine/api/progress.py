"""Live progress: what somebody may know of something, sent again whenever it changes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, TypeVar

from fastapi.encoders import jsonable_encoder
from starlette.responses import StreamingResponse

from engine.api.speaking import Caller
from engine.errors import EngineError, Unavailable

_T = TypeVar("_T")
_POLL_SECONDS: Final = 1.0
#: So often something is sent even where nothing changes: proxies cut what is silent.
_ALIVE_SECONDS: Final = 15.0
#: Then the reader connects again, and is recognized again.
_LONGEST_SECONDS: Final = 900.0

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events, each with the whole view as JSON.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'retry: 2000\n\nevent: transfer\ndata: {"id": "…", "state": "accepted"}\n\n',
            }
        },
    }
}


async def follow(
    caller: Caller, name: str, look: Callable[[], _T], ended: Callable[[_T], bool]
) -> StreamingResponse:
    """
    Send what ``look`` gives, at once and whenever it differs, until it has ended or the token has.

    Each look asks the desk again what the reader may know; the first one's error is an answer of its own.
    """
    first = await asyncio.to_thread(look)
    events = _events(caller, name, look, ended, first)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(
    caller: Caller, name: str, look: Callable[[], _T], ended: Callable[[_T], bool], found: _T
) -> AsyncIterator[str]:
    last, spoken, begun = "", time.monotonic(), time.monotonic()
    yield "retry: 2000\n\n"
    while True:
        told = json.dumps(jsonable_encoder(found), ensure_ascii=False)
        if told != last:
            last, spoken = told, time.monotonic()
            yield f"event: {name}\ndata: {told}\n\n"
        elif time.monotonic() - spoken > _ALIVE_SECONDS:
            spoken = time.monotonic()
            yield ": nothing new\n\n"
        over = caller.until is not None and time.time() > caller.until
        if ended(found) or over or time.monotonic() - begun > _LONGEST_SECONDS:
            return
        await asyncio.sleep(_POLL_SECONDS)
        try:
            found = await asyncio.to_thread(look)
        except Unavailable:
            continue
        except EngineError:
            # They may no longer know of it: the reader asks again, and is told so.
            return
