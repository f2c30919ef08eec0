"""Quarantine, copies without a holder, and destruction: what an administrator looks after (MOVE-6)."""

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from engine.console.frame import Posted, named, redirect
from engine.console.pages.asking import (
    SIGNED_IN,
    ask,
    desk,
    number_of,
    show,
    typed,
    visitor,
)
from engine.errors import BadInput, EngineError, NotFound
from engine.states.choices import RestorationCause, Role

router = APIRouter(prefix="/management", dependencies=SIGNED_IN)

_FIELDS: Final = ("cause", "reason", "reader", "days")


@router.get("/quarantine")
async def quarantines(request: Request) -> Response:
    """List what is in quarantine, in numbers."""
    found = await ask(desk(request).quarantines, visitor(request).id)
    return show(request, "management/quarantine.html", quarantines=found, error=None)


@router.get("/quarantine/{holding_id}")
async def before_restoring(request: Request, holding_id: str) -> Response:
    """Ask why a quarantine is to become a copy."""
    return await _restoring(request, holding_id, typed(request.query_params, _FIELDS))


@router.post("/quarantine/{holding_id}")
async def restore(request: Request, sent: Posted, holding_id: str) -> Response:
    """Turn a quarantine into an archived copy of its previous owner, who is told."""
    _ = visitor(request).say
    form = typed(sent.fields, _FIELDS)
    try:
        wanted = named(holding_id, NotFound("quarantine"))
        cause = _cause(form)
        await ask(desk(request).restore, visitor(request).id, wanted, cause=cause, reason=form["reason"])
    except EngineError as error:
        return await _restoring(request, holding_id, form, error)
    return redirect(request, "/management/quarantine", _("It is an archived copy of the previous owner now."))


@router.get("/copies")
async def copies(request: Request) -> Response:
    """List the archived copies whose holder has left, and for whom they are open."""
    found = await ask(desk(request).holderless_copies, visitor(request).id)
    return show(request, "management/copies.html", copies=found, error=None)


@router.get("/copies/{copy_id}")
async def before_opening(request: Request, copy_id: str) -> Response:
    """Ask for whom, for how long and why a copy is opened."""
    return await _opening(request, copy_id, typed(request.query_params, _FIELDS, days="7"))


@router.post("/copies/{copy_id}")
async def open_copy(request: Request, sent: Posted, copy_id: str) -> Response:
    """Open a copy for a practitioner and some days; logged and told."""
    _ = visitor(request).say
    form = typed(sent.fields, _FIELDS)
    try:
        opened = await ask(
            desk(request).open_copy,
            visitor(request).id,
            named(copy_id, NotFound("holderless_copy")),
            reader_id=named(form["reader"], NotFound("colleague")),
            days=number_of(form["days"], 0),
            cause=_cause(form),
            reason=form["reason"],
        )
    except EngineError as error:
        return await _opening(request, copy_id, form, error)
    told = _("%(name)s may read it now, for the days that you chose.") % {"name": opened.reader}
    return redirect(request, "/management/copies", told)


@router.post("/openings/{opening_id}/close")
async def close(request: Request, _sent: Posted, opening_id: str) -> Response:
    """End an opening before its time."""
    _ = visitor(request).say
    try:
        await ask(desk(request).close_copy, visitor(request).id, named(opening_id, NotFound("opening")))
    except EngineError as error:
        found = await ask(desk(request).holderless_copies, visitor(request).id)
        return show(request, "management/copies.html", status=error.status, copies=found, error=error)
    return redirect(request, "/management/copies", _("It is closed."))


@router.get("/destruction")
async def destruction(request: Request) -> Response:
    """Say what will be destroyed on which day, and what was."""
    due = await ask(desk(request).destruction_forecast, visitor(request).id)
    destroyed = await ask(desk(request).destruction_report, visitor(request).id)
    return show(request, "management/destruction.html", due=due, destroyed=destroyed)


async def _restoring(
    request: Request, holding_id: str, form: dict[str, Any], error: EngineError | None = None
) -> Response:
    wanted: UUID = named(holding_id, NotFound("quarantine"))
    listed = await ask(desk(request).quarantines, visitor(request).id)
    found = next((one for one in listed if one.id == wanted), None)
    if found is None:
        raise error or NotFound("quarantine")
    _ = visitor(request).say
    return show(
        request,
        "management/cause.html",
        status=200 if error is None else error.status,
        heading=_("Make a copy of what is in quarantine"),
        consequence=_(
            "It becomes an archived copy that the previous owner reads, and nobody else. They are told, and"
            " the log says it."
        ),
        action=f"/management/quarantine/{wanted}",
        back="/management/quarantine",
        submit=_("Make the copy"),
        found=found,
        form=form,
        causes=_causes(request),
        error=error,
    )


async def _opening(
    request: Request, copy_id: str, form: dict[str, Any], error: EngineError | None = None
) -> Response:
    wanted: UUID = named(copy_id, NotFound("holderless_copy"))
    listed = await ask(desk(request).holderless_copies, visitor(request).id)
    found = next((one for one in listed if one.id == wanted), None)
    if found is None:
        raise error or NotFound("holderless_copy")
    members = await ask(desk(request).members, visitor(request).id)
    _ = visitor(request).say
    return show(
        request,
        "management/cause.html",
        status=200 if error is None else error.status,
        heading=_("Open a copy for somebody"),
        consequence=_(
            "This person reads the whole copy for the days that you choose. Each reading is logged."
        ),
        action=f"/management/copies/{wanted}",
        back="/management/copies",
        submit=_("Open the copy"),
        found=found,
        readers=[one for one in members if one.active and Role.PRACTITIONER in one.roles],
        form=form,
        causes=_causes(request),
        error=error,
    )


def _cause(form: dict[str, Any]) -> RestorationCause:
    if form["cause"] not in set(RestorationCause):
        raise BadInput("cause")
    return RestorationCause(form["cause"])


def _causes(request: Request) -> list[dict[str, str]]:
    _ = visitor(request).say
    words = {
        RestorationCause.ACCESS_REQUEST: _("A client asks for access to it"),
        RestorationCause.ORDER: _("An order of a court or an authority"),
        RestorationCause.MISTAKE: _("It was excluded by mistake"),
    }
    return [{"value": cause.value, "words": words[cause]} for cause in RestorationCause]
