"""What the pages of coordinators and administrators share: what was typed, and who may be chosen."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from engine.console import words
from engine.console.frame import Fields, Visitor, page, service_of, visitor_of
from engine.desk.desk import Desk
from engine.errors import BadInput, EngineError, NotFound, of_key
from engine.service import Service
from engine.states.choices import Basis, BasisForm, Options, Purpose, RawDataChoice
from engine.views import MemberView, PractitionerView

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: What a text about a transfer is called in forms.
TEXTS: Final = ("message", "reason", "basis", "basis_text", "basis_on", "basis_for_anybody")
#: What the boxes about content are called.
CONTENT: Final = ("confidential_items", "raw_data", "no_copy")


#: Of every router here: nobody sees a page without being signed in.
SIGNED_IN: Final = (Depends(visitor_of),)


def visitor(request: Request) -> Visitor:
    """Give who is signed in."""
    found: Visitor = request.state.visitor
    return found


def service(request: Request) -> Service:
    """Give the service that every page asks."""
    return service_of(request)


def desk(request: Request) -> Desk:
    """Give the desk that every page asks."""
    return service_of(request).desk


def plural(request: Request) -> Callable[[str, str, int], str]:
    """Give what finds the form of a sentence that goes with a number."""
    return partial(words.ngettext, visitor(request).language)


def show(request: Request, template: str, *, status: int = 200, **values: object) -> Response:
    """Make a page; errors in it are said as pages say them."""
    return page(
        request,
        template,
        status,
        told=partial(worded, request),
        told_key=lambda key: worded(request, of_key(key)),
        **values,
    )


async def ask(do: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Ask the desk, which waits for the database, without holding up anybody else."""
    return await asyncio.to_thread(do, *args, **kwargs)


def typed(form: Fields | QueryParams, names: Iterable[str], **defaults: str) -> dict[str, Any]:
    """Give what was typed under these names, to be shown again and read."""
    read = form.text if isinstance(form, Fields) else lambda name: form.get(name, "").strip()
    return {name: read(name) or defaults.get(name, "") for name in names}


def content_options(form: Mapping[str, Any]) -> Options:
    """Read what is to move beside the ordinary content; the cautious side where nothing is ticked."""
    return Options(
        include_confidential=bool(form["confidential_items"]),
        raw_data=RawDataChoice.IF_ALLOWED if form["raw_data"] else RawDataChoice.EXCLUDE,
        keep_copy=not form["no_copy"],
    )


def purpose_of(form: Mapping[str, Any]) -> Purpose:
    """Read the purpose. Raises ``BadInput``."""
    try:
        return Purpose(form["purpose"])
    except ValueError:
        raise BadInput("empty", field="purpose") from None


def basis_of(form: Mapping[str, Any]) -> Basis | None:
    """Read a legal basis, or that there is none. Raises ``BadInput`` for half of one (ELIG-8)."""
    if not form["basis"] and not form["basis_text"]:
        return None
    if form["basis"] not in set(BasisForm) or not form["basis_text"]:
        raise BadInput("basis")
    return Basis(
        BasisForm(form["basis"]),
        form["basis_text"],
        day_of(form["basis_on"]) if form["basis_on"] else None,
        for_anybody=bool(form["basis_for_anybody"]),
    )


def day_of(text: str) -> date:
    """Read a day. Raises ``BadInput``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("day") from None


def number_of(text: str, otherwise: int) -> int:
    """Read a number of a page, or give the one that stands for nothing sensible."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else otherwise  # noqa: PLR2004


def could_take_over(
    everybody: Iterable[PractitionerView], *, but: UUID | str | None
) -> list[PractitionerView]:
    """Give the practitioners who may be chosen: those who are here, without the owner."""
    return [one for one in everybody if not one.inactive and str(one.id) != str(but)]


def by_words(everybody: Iterable[PractitionerView], words: str) -> list[PractitionerView]:
    """Give the practitioners whose name, address or title has every word that was typed."""
    wanted = words.casefold().split()
    return [
        one
        for one in everybody
        if all(word in f"{one.name} {one.email} {one.title}".casefold() for word in wanted)
    ]


def the_member(members: Iterable[MemberView], member_id: UUID) -> MemberView:
    """Find a colleague. Raises ``NotFound`` (VIS-8)."""
    found = next((one for one in members if one.id == member_id), None)
    if found is None:
        raise NotFound("colleague")
    return found


def the_person(people: Iterable[PractitionerView], person_id: UUID) -> PractitionerView:
    """Find a practitioner. Raises ``NotFound`` (VIS-8)."""
    found = next((one for one in people if one.id == person_id), None)
    if found is None:
        raise NotFound("colleague")
    return found


async def basis_required(request: Request) -> bool:
    """Say whether the organization wants a legal basis on every transfer (ELIG-8)."""
    found = await ask(desk(request).policies, visitor(request).id)
    return any(one.name == "basis-required" and one.value == "yes" for one in found)


def worded(request: Request, error: EngineError) -> str:
    """Say an error as a page says it: no command, no option; anything else as everywhere."""
    _ = visitor(request).say
    here = {
        "ELIG-3/insist": _(
            "This practitioner takes no new records for now. Choose somebody else, or speak with them and"
            " tick that you ask all the same."
        ),
        "ROLE-1/last_role": _(
            "This is their only role, and everybody holds one at least. Give them another role first,"
            " or remove their access."
        ),
        "MOVE-6/reader": _("A copy is opened for an active practitioner of your organization. Choose one."),
        "bad_input/basis": _("A legal basis has a form and a text. Fill both in, or neither."),
        "bad_input/bulk_no_recipient": _(
            "Nobody is chosen to take over. Tick at least one colleague, or list who has which record."
        ),
        "bad_input/days": _("This is not a number of days. Correct the filter."),
    }
    return here.get(error.key) or visitor(request).sentence(error)
