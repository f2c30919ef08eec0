"""All records of one practitioner: choose, divide, look, confirm by typing the number (BULK-1, BULK-2)."""

from collections import defaultdict
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from engine.console.frame import Fields, Posted, named, redirect
from engine.console.pages.asking import (
    CONTENT,
    SIGNED_IN,
    TEXTS,
    ask,
    basis_of,
    basis_required,
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
from engine.errors import BadInput, Denied, EngineError, NotFound
from engine.states.choices import Purpose
from engine.views import BulkLineView, BulkPreviewView

router = APIRouter(prefix="/coordination/people/{person_id}/all", dependencies=SIGNED_IN)

#: What the first step chooses; later steps carry it on.
_FLAGS: Final = ("confidential_records", "reassign_open", *CONTENT, "insist", "impose")
_KEPT: Final = ("purpose", *_FLAGS)
_LISTED: Final = ("how", "listed")
_OUTCOMES: Final = ("moved", "kept", "cancelled", "withheld", "deleted")
_Form = dict[str, Any]


@router.get("")
async def choose(request: Request, person_id: str) -> Response:
    """Choose what moves, and why."""
    form = _chosen(request)
    everybody = await ask(desk(request).practitioners, visitor(request).id)
    return show(
        request,
        "coordination/choose.html",
        person=the_person(everybody, named(person_id, NotFound("colleague"))),
        form=form,
        purposes=list(Purpose),
        error=None,
    )


@router.get("/split")
async def split(request: Request, person_id: str) -> Response:
    """Choose who takes over, and who has which records."""
    return await _split(request, person_id, _chosen(request))


@router.post("/preview")
async def look(request: Request, sent: Posted, person_id: str) -> Response:
    """Show what would happen. Without a list all is in the address, so that a reload shows it again."""
    form = await _sent(sent.fields)
    if form["listed"]:
        return await _preview(request, person_id, form)
    return redirect(request, f"/coordination/people/{person_id}/all/preview?{_address(form)}")


@router.get("/preview")
async def look_again(request: Request, person_id: str) -> Response:
    """Show what would happen, as the address says it."""
    return await _preview(request, person_id, _chosen(request))


@router.post("")
async def start(request: Request, sent: Posted, person_id: str) -> Response:
    """Launch what was shown, once its number is typed; what has changed since is shown again (BULK-2)."""
    form = await _sent(sent.fields)
    count, fingerprint = typed(sent.fields, ("count", "fingerprint")).values()
    try:
        preview = await _seen(request, person_id, form)
        if preview.fingerprint != fingerprint:
            raise Denied("BULK-2", "changed")
        if count != str(preview.going):
            raise BadInput("count", count=preview.going)
        basis = basis_of(form)
        choice = service(request).bulks.choose(
            named(person_id, NotFound("colleague")),
            [named(one, NotFound("colleague")) for one in form["to"]],
            **_files(form),
            include_confidential_records=bool(form["confidential_records"]),
            reassign_open=bool(form["reassign_open"]),
            insist=bool(form["insist"]),
            impose=bool(form["impose"]),
            options=content_options(form),
            has_basis=basis is not None,
        )
        started = await service(request).bulks.start(
            visitor(request).id,
            choice,
            purpose=purpose_of(form),
            fingerprint=fingerprint,
            basis=basis,
            message=form["message"] or None,
            reason=form["reason"] or None,
        )
    except EngineError as error:
        return await _preview(request, person_id, form, error=error)
    _ = visitor(request).say
    told = _("The transfer has started. It goes on by itself: you may leave this page.")
    return redirect(request, f"/bulk/{started.id}", told)


async def _split(
    request: Request, person_id: str, form: _Form, *, error: EngineError | None = None
) -> Response:
    everybody = await ask(desk(request).practitioners, visitor(request).id)
    whose = the_person(everybody, named(person_id, NotFound("colleague")))
    return show(
        request,
        "coordination/split.html",
        status=200 if error is None else error.status,
        person=whose,
        form=form,
        kept=_KEPT,
        colleagues=could_take_over(everybody, but=whose.id),
        back=f"/coordination/people/{whose.id}/all?{_address(form)}",
        error=error,
    )


async def _preview(
    request: Request, person_id: str, form: _Form, *, error: EngineError | None = None
) -> Response:
    try:
        preview = await _seen(request, person_id, form)
    except EngineError as problem:
        return await _split(request, person_id, form, error=error or problem)
    everybody = await ask(desk(request).practitioners, visitor(request).id)
    going = [line for line in preview.lines if line.blocked is None]
    return show(
        request,
        "coordination/preview.html",
        status=200 if error is None else error.status,
        person=the_person(everybody, named(person_id, NotFound("colleague"))),
        form=form,
        kept=_KEPT,
        preview=preview,
        destroyed=sum(line.count for line in preview.destroyed_later),
        blocked=_by_rule(preview.lines),
        going=going,
        shown_outcomes=[one for one in _OUTCOMES if any(line.outcome == one for line in preview.items)],
        basis_required=await basis_required(request),
        back=f"/coordination/people/{person_id}/all/split?{_address(form)}",
        error=error,
    )


async def _seen(request: Request, person_id: str, form: _Form) -> BulkPreviewView:
    if not form["to"] and not form["listed"]:
        raise BadInput("bulk_no_recipient")
    return await ask(
        desk(request).bulk_preview,
        visitor(request).id,
        named(person_id, NotFound("colleague")),
        [named(one, NotFound("colleague")) for one in form["to"]],
        **_files(form),
        include_confidential_records=bool(form["confidential_records"]),
        reassign_open=bool(form["reassign_open"]),
        insist=bool(form["insist"]),
        impose=bool(form["impose"]),
        options=content_options(form),
    )


def _files(form: _Form) -> dict[str, bytes | None]:
    """Give the list as the file that it is to the desk: a part of the records, or who has which."""
    listed = form["listed"].encode() if isinstance(form["listed"], str) else form["listed"]
    each = form["how"] == "each"
    return {
        "only_file": listed if listed and not each else None,
        "split_file": listed if listed and each else None,
    }


def _chosen(request: Request) -> _Form:
    """Read the choice out of the address: ids and ticks, never a list (which may name clients)."""
    asked = request.query_params
    form = typed(asked, (*_KEPT, *_LISTED, *TEXTS), purpose=Purpose.DEPARTURE, how="only")
    return {**form, "to": asked.getlist("to"), "listed": ""}


async def _sent(sent: Fields) -> _Form:
    """Read the choice out of a form; a file that came with it is its list."""
    form = {**typed(sent, (*_KEPT, *_LISTED, *TEXTS), how="only"), "to": sent.texts("to")}
    file = await sent.file("file")
    if file is not None:
        try:
            form["listed"] = file.decode("utf-8-sig")
        except UnicodeDecodeError:
            # The desk says on which line.
            form["listed"] = file
    return form


def _address(form: _Form) -> str:
    """Write a choice as an address: ids and ticks, no text."""
    chosen = [(name, form[name]) for name in _KEPT if form[name]]
    return urlencode([*chosen, *(("to", one) for one in form["to"])])


def _by_rule(lines: list[BulkLineView]) -> list[tuple[str, list[BulkLineView]]]:
    found: dict[str, list[BulkLineView]] = defaultdict(list)
    for line in lines:
        if line.blocked is not None:
            found[line.blocked].append(line)
    return sorted(found.items())
