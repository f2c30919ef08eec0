"""Signing in at the organization's OpenID Connect issuer, and out again."""

import json
import secrets
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from engine.console.frame import (
    Engine,
    Posted,
    SignInNeeded,
    failed,
    is_secure,
    language_of,
    page,
    redirect,
    session_cookie,
    set_cookie,
    visitor_of,
)
from engine.desk.sessions import LONGEST
from engine.errors import EngineError
from engine.identity.oidc import Provider
from engine.identity.speaking import speaker

router = APIRouter()

#: What a browser holds between leaving for the issuer and coming back.
_WAY: Final = "passation-way"
_WAY_SECONDS: Final = 600
_BACK: Final = "/sign-in/back"

Next = Annotated[str, Query(alias="next", max_length=500)]


@router.get("/sign-in")
async def sign_in(request: Request, onward: Next = "/", left: str = "") -> Response:
    """Show where one signs in; somebody who is signed in goes on."""
    if not left:
        try:
            await run_in_threadpool(visitor_of, request)
        except SignInNeeded:
            pass
        else:
            return redirect(request, _of_ours(onward))
    return page(request, "sign-in.html", left=bool(left), onward=_of_ours(onward))


@router.get("/sign-in/start")
async def start(
    request: Request,
    onward: Next = "/",
    who: Annotated[str | None, Query(alias="as", max_length=320)] = None,
) -> Response:
    """Go to the issuer; ``as`` is a choice made beforehand, which only the issuer of a data folder takes."""
    if not _may_try(request):
        return page(request, "error.html", status=429, told=None, kind=429, back="/sign-in")
    provider = _provider(request)
    way = {
        "state": secrets.token_urlsafe(24),
        "nonce": secrets.token_urlsafe(24),
        "verifier": secrets.token_urlsafe(48),
        "next": _of_ours(onward),
    }
    target = await provider.authorization_url(
        redirect_uri=_address(request) + _BACK,
        state=way["state"],
        nonce=way["nonce"],
        verifier=way["verifier"],
        language=language_of(request),
        login_hint=who if provider.client.local else None,
    )
    answer = RedirectResponse(target, status_code=303)
    set_cookie(request, answer, _WAY, json.dumps(way), max_age=_WAY_SECONDS)
    return answer


@router.get(_BACK)
async def come_back(request: Request, service: Engine, state: str = "", code: str = "") -> Response:
    """Begin a session for whom the issuer names, under a new token: none that was there before is kept."""
    if not _may_try(request):
        return page(request, "error.html", status=429, told=None, kind=429, back="/sign-in")
    way = _way(request)
    if way is None or not code or not secrets.compare_digest(state.encode(), way["state"].encode()):
        # Begun elsewhere, too long ago, or given up at the issuer.
        answer: Response = page(request, "sign-in.html", status=400, left=False, onward="/", again=True)
        answer.delete_cookie(_WAY, path="/")
        return answer
    provider = _provider(request)
    try:
        identity = await provider.exchange(
            code, redirect_uri=_address(request) + _BACK, verifier=way["verifier"], nonce=way["nonce"]
        )
        member_id = await run_in_threadpool(speaker, service.desk, provider, identity)
        before = request.cookies.get(session_cookie(request))
        if before:
            await run_in_threadpool(service.desk.end_session, before)
        token = await run_in_threadpool(service.desk.begin_session, member_id)
    except EngineError as error:
        answer = failed(request, error, back="/sign-in")
    else:
        answer = RedirectResponse(way["next"], status_code=303)
        seconds = int(LONGEST.total_seconds())
        set_cookie(request, answer, session_cookie(request), token, max_age=seconds)
    answer.delete_cookie(_WAY, path="/")
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, post: Posted, service: Engine) -> Response:
    """End the session here; nothing that the browser keeps can bring it back."""
    await run_in_threadpool(service.desk.end_session, post.visitor.token)
    answer = redirect(request, "/sign-in?left=1")
    answer.delete_cookie(session_cookie(request), path="/", secure=is_secure(request), httponly=True)
    return answer


def _provider(request: Request) -> Provider:
    found: Provider = request.app.state.provider
    return found


def _address(request: Request) -> str:
    """Give the address of the console, as the settings name it, or as it was asked for."""
    named: str | None = request.app.state.settings.address
    return (named or f"{request.url.scheme}://{request.url.netloc}").rstrip("/")


def _may_try(request: Request) -> bool:
    allowed: bool = request.app.state.throttle.allows(request.client.host if request.client else "")
    return allowed


def _way(request: Request) -> dict[str, str] | None:
    """Read what the browser held meanwhile; it may hold anything."""
    try:
        found: Any = json.loads(request.cookies.get(_WAY, ""))
        way = {name: str(found[name]) for name in ("state", "nonce", "verifier", "next")}
    except (ValueError, KeyError, TypeError):
        return None
    return way | {"next": _of_ours(way["next"])} if way["state"] else None


def _of_ours(path: str) -> str:
    """Give a path of the console; anything that could lead elsewhere becomes its home."""
    parts = urlsplit(path)
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain and not parts.scheme and not parts.netloc and "\\" not in path else "/"
