"""Signing in and out."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.console.frame import Engine, Posted, page, redirect, session_cookie

router = APIRouter()


@router.get("/sign-in")
async def sign_in(request: Request) -> Response:
    """Show where one signs in."""
    return page(request, "sign-in.html", left=False)


@router.post("/sign-out")
async def sign_out(request: Request, post: Posted, service: Engine) -> Response:
    """End the session here; nothing that the browser keeps can bring it back."""
    await run_in_threadpool(service.desk.end_session, post.visitor.token)
    answer = redirect(request, "/sign-in?left=1")
    answer.delete_cookie(session_cookie(request), path="/")
    return answer
