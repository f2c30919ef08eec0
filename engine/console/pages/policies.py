"""What the organization chose, each choice with its effect in plain words."""

import re
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from engine.console.frame import Posted, redirect
from engine.console.pages.asking import (
    SIGNED_IN,
    ask,
    desk,
    plural,
    show,
    typed,
    visitor,
)
from engine.errors import EngineError, NotFound
from engine.states.choices import Role
from engine.views import PolicyView

router = APIRouter(prefix="/management/policies", dependencies=SIGNED_IN)

#: What is typed for each.
_KINDS: Final = {
    "answer-within": "duration",
    "reminders": "durations",
    "basis-required": "flag",
    "raw-data-titles": "titles",
    "impose-allowed": "flag",
    "coordinator-may-receive": "flag",
    "remind-coordinators": "duration",
    "announce-practitioner": "flag",
    "hold-cancellations": "flag",
    "grace-days": "days",
    "retention-years": "years",
}
_DURATION: Final = re.compile(r"([0-9]+)([dhms])")


@router.get("")
async def policies(request: Request) -> Response:
    """Show every choice, and what follows from it."""
    found = await ask(desk(request).policies, visitor(request).id)
    return show(
        request,
        "management/policies.html",
        policies=[_shown(request, one) for one in found],
        administers=Role.ADMINISTRATOR in visitor(request).roles,
    )


@router.get("/{name}")
async def policy(request: Request, name: str) -> Response:
    """Ask for a new value."""
    return await _policy(request, name, None)


@router.post("/{name}")
async def change(request: Request, sent: Posted, name: str) -> Response:
    """Change one choice."""
    form = typed(sent.fields, ("value",))
    kind = _KINDS.get(name)
    words = form["value"].splitlines() if kind == "titles" else form["value"].replace(",", " ").split()
    try:
        await ask(
            desk(request).change_policy,
            visitor(request).id,
            name,
            [one for one in words if one.strip()] or ["none"],
        )
    except EngineError as error:
        return await _policy(request, name, form, error)
    _ = visitor(request).say
    return redirect(
        request, "/management/policies", _("The policy is changed. The log says what it was set to.")
    )


async def _policy(
    request: Request, name: str, form: dict[str, Any] | None, error: EngineError | None = None
) -> Response:
    found = await ask(desk(request).policies, visitor(request).id)
    wanted = next((one for one in found if one.name == name), None)
    if wanted is None:
        raise error or NotFound("organization")
    return show(
        request,
        "management/policy.html",
        status=200 if error is None else error.status,
        policy=_shown(request, wanted),
        form=form or {"value": _typed(wanted)},
        error=error,
    )


def _typed(policy: PolicyView) -> str:
    # Titles hold spaces, and so would not come apart again: they are written anew.
    return "" if _KINDS.get(policy.name) == "titles" else policy.value


def _shown(request: Request, policy: PolicyView) -> dict[str, Any]:
    kind = _KINDS.get(policy.name, "text")
    return {
        "view": policy,
        "kind": kind,
        "effect": _effects(request).get(policy.name, ""),
        "value": _in_words(request, kind, policy.value),
        "default": _in_words(request, kind, policy.default),
        "least": None if policy.least is None else _in_words(request, kind, policy.least),
        "most": None if policy.most is None else _in_words(request, kind, policy.most),
    }


def _in_words(request: Request, kind: str, value: str) -> str:
    """Write a value as a person says it: 14 days, 36 hours, yes."""
    _, ngettext = visitor(request).say, plural(request)
    if value == "none":
        return _("none")
    if kind == "flag":
        return _("yes") if value == "yes" else _("no")
    if kind == "days":
        return ngettext("%(num)s day", "%(num)s days", int(value)) % {"num": value}
    if kind == "years":
        return ngettext("%(num)s year", "%(num)s years", int(value)) % {"num": value}
    if kind in {"duration", "durations"}:
        return ", ".join(_duration(request, one) for one in value.split())
    return value


def _duration(request: Request, value: str) -> str:
    found = _DURATION.fullmatch(value)
    if found is None:
        return value
    ngettext, number = plural(request), int(found[1])
    words = {
        "d": ngettext("%(num)s day", "%(num)s days", number),
        "h": ngettext("%(num)s hour", "%(num)s hours", number),
        "m": ngettext("%(num)s minute", "%(num)s minutes", number),
        "s": ngettext("%(num)s second", "%(num)s seconds", number),
    }
    return words[found[2]] % {"num": number}


def _effects(request: Request) -> dict[str, str]:
    _ = visitor(request).say
    return {
        "answer-within": _(
            "Whoever is asked has until the end of that day. Then the record goes back, or a"
            " coordinator decides. What is already asked keeps its deadline."
        ),
        "reminders": _(
            "Whoever has not answered is reminded after that time, as long as the deadline is ahead."
        ),
        "basis-required": _(
            "With “yes”, a transfer without a legal basis is refused, and a coordinator who"
            " reassigns states it again where it names a person."
        ),
        "raw-data-titles": _(
            "Raw data go only to somebody with one of these titles. With none, they never move."
        ),
        "impose-allowed": _(
            "With “no”, a coordinator may reassign or cancel, but nobody becomes responsible"
            " without accepting."
        ),
        "coordinator-may-receive": _(
            "With “yes”, a coordinator may give a record to themself where nobody else"
            " could take it; administrators and the previous owner are told."
        ),
        "remind-coordinators": _("Coordinators are reminded of what waits for them at this pace."),
        "announce-practitioner": _(
            "With “yes”, clients are told who their new practitioner is once a transfer is accepted."
        ),
        "hold-cancellations": _(
            "With “yes”, a coordinator decides about each cancelled appointment before the client is told: to"
            " tell them, or to offer it to whoever is responsible now."
        ),
        "grace-days": _(
            "What a transfer excludes and nobody keeps stays in quarantine for this time at least;"
            " until then it can be restored."
        ),
        "retention-years": _(
            "Nothing of a record is destroyed before this time has passed since its last"
            " service. A shorter time may destroy more, at the next daily sweep."
        ),
    }
