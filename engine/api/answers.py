"""A command is carried out once: the same key gives the same answer, also after a restart (MOVE-3)."""

import asyncio
import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import uuid5

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from starlette.responses import Response

from engine.api.problems import MEDIA_TYPE, language_of, problem, status_of
from engine.api.speaking import Caller, Speaks
from engine.desk.base import commanding
from engine.errors import EngineError, Unavailable, Unidentified
from engine.views import AnswerOnceView

Work = Callable[[], Awaitable[Any] | Any]


class Once:
    """Carries a command out for whoever speaks, once for a key."""

    def __init__(self, request: Request, caller: Caller, key: str | None) -> None:
        self.caller = caller
        self.key = key
        self._request = request

    async def __call__(self, work: Work, *, status: int = 200) -> Response:
        """
        Carry it out, or give the answer that it had.

        A command that did not end, since the process died, is carried out again: the service knows it by
        its key, the desk by an id made of the key, so that it never happens twice.
        """
        commanding.set(None)
        if self.key is None:
            return _response(status, json.dumps(jsonable_encoder(await _done(work))))
        desk, actor_id, digest = self.caller.desk, self.caller.actor_id, await self._digest()
        begun = await asyncio.to_thread(desk.begin_once, actor_id, self.key, digest)
        if isinstance(begun, AnswerOnceView):
            return _response(begun.status, begun.body, repeated=True)
        commanding.set(uuid5(actor_id, f"http/{self.key}"))
        try:
            found = await _done(work)
        except EngineError as error:
            if isinstance(error, Unavailable | Unidentified) or error.status >= 500:  # noqa: PLR2004
                # Nothing was decided: the same command may be sent again.
                await asyncio.to_thread(desk.forget_once, actor_id, self.key)
                raise
            body = json.dumps(problem(error, language_of(self._request)), ensure_ascii=False)
            await asyncio.to_thread(desk.end_once, actor_id, self.key, status_of(error), body)
            return _response(status_of(error), body)
        except BaseException:
            await asyncio.to_thread(desk.forget_once, actor_id, self.key)
            raise
        body = json.dumps(jsonable_encoder(found), ensure_ascii=False)
        await asyncio.to_thread(desk.end_once, actor_id, self.key, status, body)
        return _response(status, body)

    async def _digest(self) -> str:
        """Hash what was asked: where, and the body whatever its spaces and order."""
        raw = await self._request.body()
        try:
            said = json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":")) if raw else ""
        except ValueError:
            said = raw.decode(errors="replace")
        return hashlib.sha256(f"{self._request.url.path}\n{said}".encode()).hexdigest()


def _response(status: int, body: str, *, repeated: bool = False) -> Response:
    failed = status >= 400  # noqa: PLR2004
    headers = {"Cache-Control": "no-store"} | ({"Idempotent-Replayed": "true"} if repeated else {})
    return Response(
        body, status_code=status, media_type=MEDIA_TYPE if failed else "application/json", headers=headers
    )


async def _done(work: Work) -> Any:  # noqa: ANN401 - whatever the command answers
    # What the desk does blocks, so it has a thread; what the service does is awaited.
    if inspect.iscoroutinefunction(work):
        return await work()
    found = await asyncio.to_thread(work)
    return await found if inspect.isawaitable(found) else found


async def _once(
    request: Request,
    caller: Speaks,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=200,
            pattern=r"^[\x21-\x7e]+$",
            description="Names the command: sent again with the same key and body, it has the same answer.",
        ),
    ] = None,
) -> Once:
    return Once(request, caller, key)


Commanded = Annotated[Once, Depends(_once)]
