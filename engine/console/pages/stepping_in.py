"""Ongoing transfers as a coordinator watches them, and steps in: reassign, impose, extend, cancel (OVR-1)."""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response

from engine.console.frame import Posted, named, redirect
from engine.console.pages.asking import (
    SIGNED_IN,
    TEXTS,
    ask,
    basis_of,
    basis_required,
    could_take_over,
    day_of,
    desk,
    service,
    show,
    typed,
    visitor,
)
from engine.errors import BadInput, EngineError, NotFound
from engine.states.transfer import OPEN_STATES, TransferState
from engine.views import TransferView

router = APIRouter(prefix="/oversight", dependencies=SIGNED_IN)

_FILTERS: Final = ("state", "from", "to", "older")
_FIELDS: Final = (*TEXTS, "to", "until", "insist", "withhold_raw_data", "version")
_STEPS: Final = ("reassign", "impose", "extend", "cancel")


@router.get("")
async def ongoing(request: Request) -> Response:
    """List the transfers that fit the filters, newest first, a page at a time."""
    form = typed(request.query_params, (*_FILTERS, "after"), state=TransferState.PENDING_ACCEPTANCE.value)
    people = await ask(desk(request).practitioners, visitor(request).id)
    found, error = None, None
    try:
        found = await ask(
            desk(request).transfers,
            visitor(request).id,
            _state(form["state"]),
            older_than_days=_days(form["older"]),
            from_id=named(form["from"], NotFound("colleague")) if form["from"] else None,
            to_id=named(form["to"], NotFound("colleague")) if form["to"] else None,
            after=named(form["after"], NotFound("transfer")) if form["after"] else None,
        )
    except EngineError as problem:
        error = problem
    chosen = {name: form[name] for name in _FILTERS if form[name]}
    after = None if found is None else found.after
    return show(
        request,
        "coordination/transfers.html",
        status=200 if error is None else error.status,
        form=form,
        filtered=len(chosen) > 1,
        people=people,
        states=list(TransferState),
        found=found,
        next=f"/oversight?{urlencode({**chosen, 'after': str(after)})}",
        error=error,
    )


@router.get("/{transfer_id}")
async def one(request: Request, transfer_id: str) -> Response:
    """Show a transfer without content, with the ways to step in."""
    found = await _transfer(request, transfer_id)
    return show(
        request, "coordination/transfer.html", transfer=found, open=found.state in OPEN_STATES, error=None
    )


@router.get("/{transfer_id}/{step}")
async def before(request: Request, transfer_id: str, step: str) -> Response:
    """Ask for what a step needs, and say what follows from it."""
    form = typed(request.query_params, _FIELDS)
    return await _form(request, transfer_id, step, form)


@router.post("/{transfer_id}/{step}")
async def take(request: Request, sent: Posted, transfer_id: str, step: str) -> Response:
    """Step in, on the state that was shown (MOVE-3)."""
    form = typed(sent.fields, _FIELDS)
    try:
        await _take(request, named(transfer_id, NotFound("transfer")), step, form, sent.key)
    except EngineError as error:
        # What is shown again is what stands now.
        form["version"] = ""
        return await _form(request, transfer_id, step, form, error=error)
    return redirect(request, f"/oversight/{transfer_id}", _done(request)[step])


async def _take(
    request: Request, transfer_id: UUID, step: str, form: dict[str, Any], key: str | None
) -> TransferView:
    actor_id = visitor(request).id
    seen: dict[str, Any] = {"seen_version": _version(form["version"]), "key": key}
    reason = form["reason"]
    match step:
        case "reassign" | "impose":
            to_id = named(form["to"], NotFound("colleague")) if form["to"] else None
            choice: dict[str, Any] = {
                "reason": reason,
                "basis": basis_of(form),
                "insist": bool(form["insist"]),
                "withhold_raw_data": bool(form["withhold_raw_data"]),
            }
            if step == "impose":
                return await service(request).impose(actor_id, transfer_id, to_id, **choice, **seen)
            if to_id is None:
                raise BadInput("recipient")
            return await service(request).reassign(actor_id, transfer_id, to_id, **choice, **seen)
        case "extend":
            until = day_of(form["until"])
            return await service(request).extend(actor_id, transfer_id, until, reason=reason or None, **seen)
        case "cancel":
            return await service(request).cancel(actor_id, transfer_id, reason=reason or None, **seen)
    raise NotFound("transfer")


async def _form(
    request: Request,
    transfer_id: str,
    step: str,
    form: dict[str, Any],
    *,
    error: EngineError | None = None,
) -> Response:
    if step not in _STEPS:
        raise NotFound("transfer")
    found = await _transfer(request, transfer_id)
    everybody = await ask(desk(request).practitioners, visitor(request).id)
    heading, consequence, action = _words(request, found)[step]
    return show(
        request,
        "coordination/step.html",
        status=200 if error is None else error.status,
        transfer=found,
        step=step,
        form={**form, "version": form["version"] or found.version},
        # Who the owner is, is not said by id: the rules stop the one who chooses them.
        colleagues=could_take_over(everybody, but=None),
        basis_required=await basis_required(request),
        heading=heading,
        consequence=consequence,
        action=action,
        error=error,
    )


async def _transfer(request: Request, transfer_id: str) -> TransferView:
    return await ask(desk(request).transfer, visitor(request).id, named(transfer_id, NotFound("transfer")))


def _words(request: Request, found: TransferView) -> dict[str, tuple[str, str, str]]:
    """Say what each step is, what follows from it, and what its button says."""
    _ = visitor(request).say
    asked = found.new_owner or _("nobody")
    owner = found.owner or _("the owner")
    return {
        "reassign": (
            _("Ask somebody else"),
            _(
                "%(asked)s is no longer asked and is told so. Whoever you choose is asked in their place,"
                " with a new deadline; nothing moves before they accept."
            )
            % {"asked": asked},
            _("Ask this person"),
        ),
        "impose": (
            _("Impose the transfer"),
            _(
                "The record changes hands at once, without an acceptance: the log, the receipt and both"
                " people are told that you decided. It cannot be undone."
            ),
            _("Impose the transfer"),
        ),
        "extend": (
            _("Give more time"),
            _("%(asked)s may answer until the end of the day that you choose. Nothing else changes.")
            % {"asked": asked},
            _("Give more time"),
        ),
        "cancel": (
            _("Cancel the transfer"),
            _(
                "The record stays with %(owner)s, as it was. Nothing was moved, and no client is told"
                " anything."
            )
            % {"owner": owner},
            _("Cancel the transfer"),
        ),
    }


def _done(request: Request) -> dict[str, str]:
    _ = visitor(request).say
    return {
        "reassign": _("Somebody else is asked now, and everybody concerned is told."),
        "impose": _("The record has changed hands, and everybody concerned is told."),
        "extend": _("There is more time to answer now."),
        "cancel": _("The transfer is cancelled, and everybody concerned is told."),
    }


def _state(text: str) -> TransferState | None:
    return TransferState(text) if text in set(TransferState) else None


def _days(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 5:  # noqa: PLR2004
        raise BadInput("days", most=36_500)
    return int(text)


def _version(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004
