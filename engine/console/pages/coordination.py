"""Record management: who practises, with how many records, and one record's transfer (ROLE-3, VIS-1)."""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response

from engine.console.frame import Posted, named, redirect
from engine.console.pages.asking import (
    CONTENT,
    SIGNED_IN,
    TEXTS,
    ask,
    basis_of,
    basis_required,
    by_words,
    content_options,
    could_take_over,
    desk,
    purpose_of,
    service,
    show,
    the_person,
    typed,
    visitor,
)
from engine.errors import BadInput, EngineError, NotFound
from engine.states.choices import Purpose
from engine.views import FoundRecordsView, PractitionerView

router = APIRouter(prefix="/coordination", dependencies=SIGNED_IN)

_CHOSEN: Final = ("to", "purpose", *CONTENT, "insist")


@router.get("")
async def practitioners(request: Request) -> Response:
    """List the practitioners with their numbers."""
    return await _practitioners(request, "")


@router.post("")
async def search(request: Request, sent: Posted) -> Response:
    """List those who were looked for; what was typed is in no address."""
    return await _practitioners(request, typed(sent.fields, ("words",))["words"])


async def _practitioners(request: Request, words: str) -> Response:
    everybody = await ask(desk(request).practitioners, visitor(request).id)
    return show(
        request, "coordination/practitioners.html", practitioners=by_words(everybody, words), words=words
    )


@router.get("/people/{person_id}")
async def person(request: Request, person_id: str) -> Response:
    """Show a practitioner in numbers, with what may be done."""
    return show(
        request,
        "coordination/person.html",
        person=await find_person(request, person_id),
        words="",
        found=None,
        error=None,
    )


@router.post("/people/{person_id}")
async def find_record(request: Request, sent: Posted, person_id: str) -> Response:
    """Find a practitioner's record by number or title; a confidential one never (VIS-2)."""
    whose = await find_person(request, person_id)
    words = typed(sent.fields, ("words",))["words"]
    found: FoundRecordsView | None = None
    error: EngineError | None = None
    try:
        found = await ask(desk(request).find_records, visitor(request).id, whose.id, words)
    except BadInput as problem:
        error = problem
    return show(
        request,
        "coordination/person.html",
        status=200 if error is None else error.status,
        person=whose,
        words=words,
        found=found,
        error=error,
    )


@router.get("/people/{person_id}/records/{record_id}")
async def record(request: Request, person_id: str, record_id: str) -> Response:
    """Choose who takes over; once somebody is chosen, show what would happen."""
    form = typed(request.query_params, (*_CHOSEN, *TEXTS), purpose=Purpose.CONTINUITY)
    changing = bool(request.query_params.get("change"))
    return await _record(request, person_id, record_id, form, look=bool(form["to"]) and not changing)


@router.post("/people/{person_id}/records/{record_id}")
async def transfer(request: Request, sent: Posted, person_id: str, record_id: str) -> Response:
    """Ask for the transfer that was shown."""
    form = typed(sent.fields, (*_CHOSEN, *TEXTS))
    try:
        asked = await service(request).request(
            visitor(request).id,
            named(record_id, NotFound("record")),
            named(form["to"], NotFound("colleague")),
            purpose=purpose_of(form),
            options=content_options(form),
            basis=basis_of(form),
            message=form["message"] or None,
            reason=form["reason"] or None,
            insist=bool(form["insist"]),
            key=sent.key,
        )
    except EngineError as error:
        return await _record(request, person_id, record_id, form, look=True, error=error)
    _ = visitor(request).say
    told = _("The transfer is asked for. You are told when it is answered.")
    return redirect(request, f"/oversight/{asked.id}", told)


async def _record(
    request: Request,
    person_id: str,
    record_id: str,
    form: dict[str, Any],
    *,
    look: bool,
    error: EngineError | None = None,
) -> Response:
    actor_id, found = visitor(request).id, named(record_id, NotFound("record"))
    everybody = await ask(desk(request).practitioners, actor_id)
    whose = the_person(everybody, named(person_id, NotFound("colleague")))
    preview = None
    if look:
        try:
            to_id = named(form["to"], NotFound("colleague"))
            preview = await ask(desk(request).preview, actor_id, found, to_id, content_options(form))
        except EngineError as problem:
            error = error or problem
    chosen = {name: form[name] for name in _CHOSEN if form[name]}
    return show(
        request,
        "coordination/record.html",
        status=200 if error is None else error.status,
        person=whose,
        record_id=found,
        form=form,
        colleagues=could_take_over(everybody, but=whose.id),
        purposes=list(Purpose),
        preview=preview,
        to_self=form["to"] == str(actor_id),
        basis_required=await basis_required(request),
        back=f"/coordination/people/{whose.id}/records/{found}?{urlencode({**chosen, 'change': 1})}",
        error=error,
    )


async def find_person(request: Request, person_id: str) -> PractitionerView:
    """Find a practitioner for a coordinator. Raises ``Denied``, ``NotFound``."""
    wanted: UUID = named(person_id, NotFound("colleague"))
    return the_person(await ask(desk(request).practitioners, visitor(request).id), wanted)
