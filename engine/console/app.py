"""The console: pages for people, on the service. Translates, and decides nothing."""

import logging
from collections.abc import Iterator
from importlib import import_module
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.console.frame import (
    STATIC,
    Refused,
    SignInNeeded,
    failed,
    page,
    redirect,
    sign_in_address,
)
from engine.console.throttle import Throttle
from engine.errors import EngineError
from engine.identity.oidc import Provider
from engine.service import Service
from engine.settings import Settings

logger = logging.getLogger(__name__)

#: Each area of pages; a module of ``pages`` with a ``router``.
AREAS: Final = (
    "home",
    "signing",
    "records",
    "transfers",
    "answers",
    "preferences",
    "coordination",
    "caseload",
    "caseloads",
    "stepping_in",
    "calls",
    "members",
    "policies",
    "quarantine",
    "organization",
)
#: What somebody may send at most: a form, or a list of records as a file.
_LONGEST_BODY: Final = 2_000_000
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
#: The addresses of static files name their version.
_CACHED: Final = "public, max-age=31536000, immutable"
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def console(service: Service, provider: Provider, settings: Settings) -> FastAPI:
    """
    Make the console.

    Args:
        service: What every page asks.
        provider: Says who signs in.
        settings: Of this installation.
    """
    app = FastAPI(
        title="Passation",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"auto_configure": False},
    )
    app.state.service, app.state.provider, app.state.settings = service, provider, settings
    app.state.throttle = Throttle()
    for router in _routers():
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(EngineError, _engine_error)
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(_Guarded)
    return app


def _routers() -> Iterator[APIRouter]:
    for area in AREAS:
        yield import_module(f"engine.console.pages.{area}").router


async def _engine_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, EngineError)  # noqa: S101 - registered for it
    return failed(request, error)


async def _sign_in(request: Request, _error: Exception) -> Response:
    """Lead somebody who is nobody yet to where they sign in, and back to the page that they wanted."""
    if request.method not in {"GET", "HEAD"}:
        return redirect(request, "/sign-in")
    return redirect(request, sign_in_address(request.url.path))


async def _refused(request: Request, _error: Exception) -> Response:
    return page(request, "error.html", status=403, told=None, kind="form", back=None)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return page(request, "error.html", status=status, told=None, kind=status, back=None)


async def _fault(request: Request, error: Exception) -> Response:
    """Show a page for what should not happen; the log has its kind, and no word of anybody's content."""
    logger.error("console.failed", extra={"error": type(error).__name__}, exc_info=error)
    try:
        return page(request, "error.html", status=500, told=None, kind=500, back=None)
    except Exception:  # noqa: BLE001 - the page itself may be what fails
        return PlainTextResponse("500", status_code=500)


class _TooLong(HTTPException):
    """More was sent than any form of ours can hold."""

    def __init__(self) -> None:
        super().__init__(413)


class _Guarded:
    """Every answer carries the headers, that to a fault too; nothing longer than a form is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sending = _Sending(send, cached=scope["path"].startswith("/static/"))
        try:
            await self.app(scope, _counted(scope, receive), sending)
        except Exception as error:
            if sending.begun:
                raise
            request = Request(scope)
            answer = (
                page(request, "error.html", status=413, told=None, kind=413, back=None)
                if isinstance(error, _TooLong)
                else await _fault(request, error)
            )
            await answer(scope, receive, sending)


class _Sending:
    """Passes an answer on, with the headers that every answer carries."""

    def __init__(self, send: Send, *, cached: bool) -> None:
        self._send = send
        self._cached = cached
        self.begun = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            cached = self._cached and message["status"] in {200, 304}
            headers.setdefault("cache-control", _CACHED if cached else "no-store")
        await self._send(message)


def _counted(scope: Scope, receive: Receive) -> Receive:
    """Read no more than a form of ours can hold."""
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdigit() or int(length) > _LONGEST_BODY:
        raise _TooLong
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > _LONGEST_BODY:
            raise _TooLong
        return message

    return counted
