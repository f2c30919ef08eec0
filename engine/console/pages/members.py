"""User management: who is here, roles given and taken, access removed (ROLE-1 to ROLE-6)."""

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from engine.catalogue import label
from engine.console.frame import Posted, named, redirect
from engine.console.pages.asking import (
    SIGNED_IN,
    ask,
    desk,
    show,
    the_member,
    typed,
    visitor,
)
from engine.errors import BadInput, EngineError, NotFound
from engine.states.choices import Role
from engine.views import HeldView, MemberView, RoleView

router = APIRouter(prefix="/management/members", dependencies=SIGNED_IN)

_FIELDS: Final = ("email", "first_name", "last_name", "title", "language")
#: As the menu lists them: the one that is given most often first.
_ROLES: Final = (Role.COORDINATOR, Role.PRACTITIONER, Role.ADMINISTRATOR)


@router.get("")
async def members(request: Request) -> Response:
    """List the active members, or those who are no longer."""
    found = await ask(desk(request).members, visitor(request).id)
    inactive = request.query_params.get("show") == "inactive"
    return show(
        request,
        "management/members.html",
        members=sorted(
            (one for one in found if one.active is not inactive),
            key=lambda one: (one.last_name, one.first_name),
        ),
        inactive=inactive,
        active_count=sum(one.active for one in found),
        inactive_count=sum(not one.active for one in found),
        roles=[role.value for role in _ROLES],
        administers=Role.ADMINISTRATOR in visitor(request).roles,
        error=None,
    )


@router.get("/new")
async def new(request: Request) -> Response:
    """Ask who comes."""
    nobody = {**dict.fromkeys(_FIELDS, ""), "language": visitor(request).language}
    return await _new(request, {**nobody, "roles": [Role.PRACTITIONER.value]})


@router.post("/new")
async def add(request: Request, sent: Posted) -> Response:
    """Add a member; a role over others is ticked twice (ROLE-2)."""
    fields = sent.fields
    form = {**typed(fields, (*_FIELDS, "sure"), language="fr"), "roles": fields.texts("roles")}
    _ = visitor(request).say
    try:
        roles = [Role(one) for one in form["roles"] if one in set(Role)]
        if {*roles} - {Role.PRACTITIONER} and not form["sure"]:
            raise BadInput("role_sure")
        given = {name: form[name] for name in _FIELDS}
        added = await ask(desk(request).add_member, visitor(request).id, **given, roles=roles)
    except EngineError as error:
        return await _new(request, form, error)
    return redirect(request, "/management/members", _("%(name)s is a member now.") % {"name": added.name})


@router.get("/{member_id}/grant/{role}")
async def before_grant(request: Request, member_id: str, role: str) -> Response:
    """Say what a role means before it is given (ROLE-2)."""
    return await _role(request, member_id, role, gives=True)


@router.post("/{member_id}/grant/{role}")
async def grant(request: Request, _sent: Posted, member_id: str, role: str) -> Response:
    """Give the role."""
    return await _change_role(request, member_id, role, gives=True)


@router.get("/{member_id}/revoke/{role}")
async def before_revoke(request: Request, member_id: str, role: str) -> Response:
    """Say what follows from taking a role, and what would wait for nobody (ST-1)."""
    return await _role(request, member_id, role, gives=False)


@router.post("/{member_id}/revoke/{role}")
async def revoke(request: Request, _sent: Posted, member_id: str, role: str) -> Response:
    """Take the role."""
    return await _change_role(request, member_id, role, gives=False)


@router.get("/{member_id}/remove")
async def before_removal(request: Request, member_id: str) -> Response:
    """Show what a member still holds, before their access goes (ROLE-6)."""
    return await _removal(request, member_id)


@router.post("/{member_id}/remove")
async def remove(request: Request, _sent: Posted, member_id: str) -> Response:
    """Take the access; nothing is reassigned."""
    _ = visitor(request).say
    try:
        held = await ask(
            desk(request).deactivate, visitor(request).id, named(member_id, NotFound("colleague"))
        )
    except EngineError as error:
        return await _removal(request, member_id, error)
    told = _("%(name)s no longer has access. Everything stays in place.") % {"name": held.member.name}
    return redirect(request, "/management/members?show=inactive", told)


@router.get("/{member_id}/held")
async def held(request: Request, member_id: str) -> Response:
    """Show what somebody who has left still holds."""
    found = await ask(desk(request).held, visitor(request).id, named(member_id, NotFound("colleague")))
    _ = visitor(request).say
    heading = _("What %(name)s still holds") % {"name": found.member.name}
    note = _("Nothing is reassigned by itself: a coordinator moves these records under “Record management”.")
    return _confirm(request, heading, [note], None, held=found)


@router.get("/{member_id}/activate")
async def before_activation(request: Request, member_id: str) -> Response:
    """Ask before somebody has access again."""
    return await _activation(request, member_id)


@router.post("/{member_id}/activate")
async def activate(request: Request, _sent: Posted, member_id: str) -> Response:
    """Give the access back."""
    _ = visitor(request).say
    try:
        found = await ask(
            desk(request).activate, visitor(request).id, named(member_id, NotFound("colleague"))
        )
    except EngineError as error:
        return await _activation(request, member_id, error)
    return redirect(request, "/management/members", _("%(name)s has access again.") % {"name": found.name})


@router.get("/{member_id}/title")
async def before_title(request: Request, member_id: str) -> Response:
    """Ask for a professional title."""
    return await _title(request, member_id, None)


@router.post("/{member_id}/title")
async def set_title(request: Request, sent: Posted, member_id: str) -> Response:
    """Change the professional title (ELIG-4, ELIG-5)."""
    _ = visitor(request).say
    form = typed(sent.fields, ("title",))
    try:
        wanted = named(member_id, NotFound("colleague"))
        await ask(desk(request).set_title, visitor(request).id, wanted, form["title"])
    except EngineError as error:
        return await _title(request, member_id, form, error)
    return redirect(request, "/management/members", _("The professional title is changed."))


async def _new(request: Request, form: dict[str, Any], error: EngineError | None = None) -> Response:
    return show(
        request,
        "management/member_new.html",
        status=200 if error is None else error.status,
        form=form,
        roles=[role.value for role in Role],
        error=error,
    )


async def _title(
    request: Request, member_id: str, form: dict[str, Any] | None, error: EngineError | None = None
) -> Response:
    member = await _member(request, member_id)
    return show(
        request,
        "management/member_title.html",
        status=200 if error is None else error.status,
        member=member,
        form=form or {"title": member.title},
        error=error,
    )


async def _removal(request: Request, member_id: str, error: EngineError | None = None) -> Response:
    found = await ask(desk(request).held, visitor(request).id, named(member_id, NotFound("colleague")))
    _ = visitor(request).say
    consequences = [
        _("This person can no longer sign in, from the next click on."),
        _(
            "Nothing is reassigned: their records stay in place, and stand under “Needs you” until they are"
            " moved."
        ),
        _("What waits for their answer goes to a coordinator, or its owner is told."),
    ]
    heading = _("Remove the access of %(name)s?") % {"name": found.member.name}
    address = f"/management/members/{found.member.id}/remove"
    return _confirm(request, heading, consequences, address, held=found, danger=True, error=error)


async def _activation(request: Request, member_id: str, error: EngineError | None = None) -> Response:
    member = await _member(request, member_id)
    _ = visitor(request).say
    consequences = [
        _("This person can sign in again, with the roles they had."),
        _("Copies of theirs that were opened for colleagues are closed."),
    ]
    heading = _("Give %(name)s access again?") % {"name": member.name}
    address = f"/management/members/{member.id}/activate"
    return _confirm(request, heading, consequences, address, error=error)


async def _role(
    request: Request, member_id: str, role: str, *, gives: bool, error: EngineError | None = None
) -> Response:
    found = await ask(
        desk(request).role, visitor(request).id, named(member_id, NotFound("colleague")), _role_named(role)
    )
    _ = visitor(request).say
    name, words = found.member.name, label(f"role/{found.role}", visitor(request).language)
    if gives:
        heading = _("Give %(name)s the role “%(role)s”?") % {"name": name, "role": words}
    else:
        heading = _("Take the role “%(role)s” from %(name)s?") % {"name": name, "role": words}
    address = f"/management/members/{found.member.id}/{'grant' if gives else 'revoke'}/{found.role}"
    consequences = _given(request, found) if gives else _taken(request, found)
    waits = None if gives else _waits(request, found)
    return _confirm(request, heading, consequences, address, waits=waits, danger=not gives, error=error)


async def _change_role(request: Request, member_id: str, role: str, *, gives: bool) -> Response:
    _ = visitor(request).say
    change = desk(request).grant if gives else desk(request).revoke
    try:
        found = await ask(
            change, visitor(request).id, named(member_id, NotFound("colleague")), _role_named(role)
        )
    except EngineError as error:
        return await _role(request, member_id, role, gives=gives, error=error)
    key = f"done/{'granted' if gives else 'revoked'}{'' if found.changed else '_already'}"
    language = visitor(request).language
    words = label(key, language, name=found.member.name, role=label(f"role/{found.role}", language))
    return redirect(request, "/management/members", words)


def _given(request: Request, found: RoleView) -> list[str]:
    _ = visitor(request).say
    meaning = {
        Role.COORDINATOR: _(
            "A coordinator may transfer one or all records of anybody here, watches every open"
            " transfer and may step in. They see numbers, never content."
        ),
        Role.ADMINISTRATOR: _(
            "An administrator gives and takes access and roles, and changes policies. They never see content."
        ),
        Role.PRACTITIONER: _("A practitioner may hold records, and be asked to take over others."),
    }[found.role]
    return [
        meaning,
        _("It counts from the next click on, and this person is told."),
        _("It can be taken back at any time, by the same steps."),
    ]


def _taken(request: Request, found: RoleView) -> list[str]:
    _ = visitor(request).say
    meaning = {
        Role.COORDINATOR: _(
            "What this person already asked for stands. Transfers of caseloads that they lead"
            " pause until another coordinator resumes them."
        ),
        Role.ADMINISTRATOR: _(
            "This person no longer gives access or roles. One administrator always remains."
        ),
        Role.PRACTITIONER: _(
            "What waits for their answer goes to a coordinator, or its owner is told. Their"
            " records stay in place."
        ),
    }[found.role]
    return [
        meaning,
        _("It counts from the next click on, and this person is told."),
        _("It can be given back at any time, by the same steps."),
    ]


def _waits(request: Request, found: RoleView | HeldView) -> str | None:
    waiting, left = found.waiting, found.left_records
    if not waiting and not left:
        return None
    language = visitor(request).language
    return label("held/waiting", language, transfers=waiting, records=left)


def _confirm(
    request: Request,
    heading: str,
    consequences: list[str],
    action: str | None,
    *,
    held: HeldView | None = None,
    waits: str | None = None,
    danger: bool = False,
    error: EngineError | None = None,
) -> Response:
    return show(
        request,
        "management/confirm.html",
        status=200 if error is None else error.status,
        heading=heading,
        consequences=consequences,
        action=action,
        held=held,
        waits=_waits(request, held) if held is not None else waits,
        danger=danger,
        error=error,
    )


def _role_named(role: str) -> Role:
    if role not in set(Role):
        raise NotFound("colleague")
    return Role(role)


async def _member(request: Request, member_id: str) -> MemberView:
    wanted: UUID = named(member_id, NotFound("colleague"))
    return the_member(await ask(desk(request).members, visitor(request).id), wanted)
