"""The organization: who leads it, the keys that sign its receipts, where clients' answers go."""

from fastapi import APIRouter, Request, Response

from engine.console.frame import Posted, redirect
from engine.console.pages.asking import (
    SIGNED_IN,
    ask,
    desk,
    show,
    typed,
    visitor,
)
from engine.errors import EngineError, Unavailable
from engine.states.choices import Role

router = APIRouter(prefix="/management/organization", dependencies=SIGNED_IN)


@router.get("")
async def organization(request: Request) -> Response:
    """Show the organization."""
    return await _organization(request, {"address": ""})


@router.get("/keys.pem")
async def keys(request: Request) -> Response:
    """Give the public keys, with which a receipt is verified anywhere (AUD-4)."""
    found = await ask(desk(request).keys, visitor(request).id)
    return Response(
        "".join(one.pem for one in found),
        media_type="application/x-pem-file",
        headers={"Content-Disposition": 'attachment; filename="passation-keys.pem"'},
    )


@router.post("/reply-to")
async def reply_to(request: Request, sent: Posted) -> Response:
    """Say where clients' answers go, or that nobody reads them."""
    _ = visitor(request).say
    form = typed(sent.fields, ("address",))
    try:
        await ask(desk(request).set_reply_to, visitor(request).id, form["address"] or None)
    except EngineError as error:
        return await _organization(request, form, error)
    return redirect(request, "/management/organization", _("Answers of clients go where you said."))


async def _organization(request: Request, form: dict[str, str], error: EngineError | None = None) -> Response:
    actor = visitor(request)
    found, missing = [], None
    try:
        found = await ask(desk(request).keys, actor.id)
    except Unavailable as outage:
        # The keys may be on another machine; the rest of the page needs none.
        missing = outage
    return show(
        request,
        "management/organization.html",
        status=200 if error is None else error.status,
        organization=await ask(desk(request).organization, actor.id),
        keys=found,
        missing=missing,
        administers=actor.acts_as(Role.ADMINISTRATOR),
        form=form,
        error=error,
    )
