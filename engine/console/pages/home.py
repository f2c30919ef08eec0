"""Where one arrives: what needs one, and what one may do."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from engine.console.frame import Engine, Here, page
from engine.pages import NEEDS_YOU

router = APIRouter()


@router.get("/")
async def home(request: Request, visitor: Here, service: Engine) -> Response:
    """Show somebody what waits for them, then the rooms of their roles."""
    found = await asyncio.to_thread(service.desk.needs, visitor.id)
    return page(request, "home.html", found=found)


@router.get(NEEDS_YOU)
async def needs(request: Request, visitor: Here, service: Engine) -> Response:
    """Show everything that waits for somebody."""
    found = await asyncio.to_thread(service.desk.needs, visitor.id)
    return page(request, "needs.html", found=found)
