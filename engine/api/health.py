"""Whether the process is well, and what it needs: for whatever starts it, balances it, and watches it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from engine.desk.desk import Desk
from engine.errors import EngineError
from engine.service import Service

logger = logging.getLogger(__name__)
router = APIRouter(tags=["health"])
_SECONDS: Final = 5.0


class Alive(BaseModel):
    """The process is there."""

    status: str = "ok"


class Ready(BaseModel):
    """Each thing that is needed: `ok`, or the code of what is wrong."""

    ready: bool
    parts: dict[str, str]


@router.get("/healthz", summary="Whether the process is there")
async def healthz() -> Alive:
    """Nothing else is asked."""
    return Alive()


@router.get("/readyz", summary="Whether everything that it needs answers", responses={503: {"model": Ready}})
async def readyz(request: Request) -> Ready:
    """The database at this version, the Temporal server with its search attributes, the issuer."""
    service: Service = request.app.state.service
    impatient = Desk(service.desk.database, patience=timedelta(0))

    async def database() -> None:
        await asyncio.to_thread(impatient.check_database_version)

    async def issuer() -> None:
        await request.app.state.provider.discover()

    parts: dict[str, Callable[[], Awaitable[object]]] = {
        "database": database,
        "temporal": service.check_server,
        "issuer": issuer,
    }
    found = dict(zip(parts, await asyncio.gather(*map(_asked, parts.values())), strict=True))
    for part, told in found.items():
        request.app.state.metrics.ready(part, ok=told == "ok")
    ready = Ready(ready=all(told == "ok" for told in found.values()), parts=found)
    if not ready.ready:
        return JSONResponse(ready.model_dump(), status_code=503)  # type: ignore[return-value]
    return ready


@router.get(
    "/metrics",
    summary="Counters, as Prometheus reads them",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """No id, name or address is in them."""
    told: Response = request.app.state.metrics.response()
    return told


async def _asked(check: Callable[[], Awaitable[object]]) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            await check()
    except EngineError as error:
        return error.key
    except TimeoutError:
        return "unavailable/no_answer"
    except Exception:
        # Whoever balances and restarts needs an answer, whatever is wrong.
        logger.exception("readyz.failed")
        return "internal"
    return "ok"
