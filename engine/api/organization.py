"""The organization: who speaks, members and their roles, policies, quarantine, the log."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from engine.api import bodies
from engine.api.answers import Commanded
from engine.api.bodies import Body
from engine.api.pages import Done, Listed
from engine.api.speaking import Speaks
from engine.states.choices import RestorationCause, Role
from engine.views import (
    DueView,
    HeldView,
    HolderlessCopyView,
    LinkView,
    MemberView,
    OpeningView,
    OrganizationFactsView,
    PolicyView,
    QuarantineView,
    RoleView,
    TombstoneView,
)

router = APIRouter(prefix="/v1", tags=["organization"])

_CHUNK = 1 << 16
Tongue = Annotated[str, Field(pattern="^(fr|en)$")]


class MemberIn(Body):
    """A new member."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "bruno@erables.example",
                    "first_name": "Bruno",
                    "last_name": "Côté",
                    "title": "psychologue",
                    "language": "fr",
                    "roles": ["practitioner"],
                }
            ]
        }
    )

    email: bodies.Line
    first_name: bodies.Line
    last_name: bodies.Line
    title: bodies.Line
    language: Tongue = "fr"
    roles: tuple[Role, ...] = (Role.PRACTITIONER,)


class RoleIn(Body):
    """A role that is given or taken."""

    role: Role


class TitleIn(Body):
    """A professional title."""

    title: bodies.Line


class LinkIn(Body):
    """Who a member is for an OpenID Connect issuer."""

    issuer: bodies.Line
    subject: bodies.Line


class AcceptsIn(Body):
    """Whether one takes new records."""

    accepts: bool


class PolicyIn(Body):
    """What a policy is from now on, as it is typed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"values": ["45"]}]})

    values: Annotated[list[bodies.Line], Field(max_length=100)]


class RestoreIn(Body):
    """Why a quarantine is turned into an archived copy (MOVE-6)."""

    cause: RestorationCause
    reason: bodies.Text


class OpenIn(RestoreIn):
    """For whom a copy without a holder is opened, and for how many days (MOVE-6)."""

    reader: bodies.MemberRef
    days: Annotated[int, Field(ge=1, le=366)]


@router.get("/me", summary="Whoever speaks")
def me(speaks: Speaks) -> MemberView:
    """Who one is here, with one's roles."""
    found = speaks.desk.members(speaks.actor_id)
    return next(member for member in found if member.id == speaks.actor_id)


@router.post("/me/accepts", summary="Say for oneself whether one takes new records")
async def accepts(once: Commanded, body: AcceptsIn) -> MemberView:
    """It stops new requests, never an answer (ELIG-3)."""
    who = once.caller
    return await once(lambda: who.desk.set_accepts(who.actor_id, accepts=body.accepts))  # type: ignore[return-value]


@router.get("/organization", summary="One's organization")
def organization(speaks: Speaks) -> OrganizationFactsView:
    """What every member may know of it."""
    return speaks.desk.organization(speaks.actor_id)


@router.get("/members", tags=["members"], summary="The members")
def members(speaks: Speaks) -> Listed[MemberView]:
    """Active and inactive, with their roles."""
    return Listed(data=speaks.desk.members(speaks.actor_id))


@router.post("/members", tags=["members"], status_code=201, summary="Add a member")
async def add(once: Commanded, body: MemberIn) -> MemberView:
    """For administrators (ROLE-1)."""
    who = once.caller
    return await once(lambda: who.desk.add_member(who.actor_id, **body.model_dump()), status=201)  # type: ignore[return-value]


@router.get("/members/{member}/held", tags=["members"], summary="What a member still holds, in counts")
def held(speaks: Speaks, member: bodies.MemberRef) -> HeldView:
    """For administrators, before they take an access (ROLE-6)."""
    return speaks.desk.held(speaks.actor_id, speaks.member(member))


@router.get("/members/{member}/roles/{role}", tags=["members"], summary="What would wait without a role")
def role(speaks: Speaks, member: bodies.MemberRef, role: Role) -> RoleView:
    """For administrators, before they take one (ST-1)."""
    return speaks.desk.role(speaks.actor_id, speaks.member(member), role)


@router.post("/members/{member}/grant", tags=["members"], summary="Give a member a role")
async def grant(once: Commanded, member: bodies.MemberRef, body: RoleIn) -> RoleView:
    """For administrators; the member is told (ROLE-2)."""
    who = once.caller
    return await once(lambda: who.desk.grant(who.actor_id, who.member(member), body.role))  # type: ignore[return-value]


@router.post("/members/{member}/revoke", tags=["members"], summary="Take a role from a member")
async def revoke(once: Commanded, member: bodies.MemberRef, body: RoleIn) -> RoleView:
    """For administrators; never the last administrator's (ROLE-1)."""
    who = once.caller
    return await once(lambda: who.desk.revoke(who.actor_id, who.member(member), body.role))  # type: ignore[return-value]


@router.post("/members/{member}/deactivate", tags=["members"], summary="Take a member's access")
async def deactivate(once: Commanded, member: bodies.MemberRef) -> HeldView:
    """For administrators; nothing is reassigned (ROLE-6)."""
    who = once.caller
    return await once(lambda: who.desk.deactivate(who.actor_id, who.member(member)))  # type: ignore[return-value]


@router.post("/members/{member}/activate", tags=["members"], summary="Give a member their access back")
async def activate(once: Commanded, member: bodies.MemberRef) -> MemberView:
    """For administrators."""
    who = once.caller
    return await once(lambda: who.desk.activate(who.actor_id, who.member(member)))  # type: ignore[return-value]


@router.post("/members/{member}/title", tags=["members"], summary="Change a professional title")
async def title(once: Commanded, member: bodies.MemberRef, body: TitleIn) -> MemberView:
    """For administrators; raw data and restrictions depend on it (ELIG-4, ELIG-5)."""
    who = once.caller
    return await once(lambda: who.desk.set_title(who.actor_id, who.member(member), body.title))  # type: ignore[return-value]


@router.post("/members/{member}/link", tags=["members"], summary="Say who a member is for an issuer")
async def link(once: Commanded, member: bodies.MemberRef, body: LinkIn) -> LinkView:
    """For administrators: from then on that issuer's tokens speak for them."""
    who = once.caller
    return await once(  # type: ignore[return-value]
        lambda: who.desk.link_member(who.actor_id, who.member(member), body.issuer, body.subject)
    )


@router.post("/members/{member}/unlink", tags=["members"], summary="End a member's link to an issuer")
async def unlink(once: Commanded, member: bodies.MemberRef) -> LinkView:
    """For administrators: no token is theirs any more."""
    who = once.caller
    return await once(lambda: who.desk.unlink_member(who.actor_id, who.member(member)))  # type: ignore[return-value]


@router.get("/policies", summary="The organization's choices")
def policies(speaks: Speaks) -> Listed[PolicyView]:
    """Each with its default and its range."""
    return Listed(data=speaks.desk.policies(speaks.actor_id))


@router.post("/policies/{name}", summary="Change one choice")
async def set_policy(once: Commanded, name: bodies.Line, body: PolicyIn) -> PolicyView:
    """For administrators."""
    who = once.caller
    return await once(lambda: who.desk.change_policy(who.actor_id, name, body.values))  # type: ignore[return-value]


@router.get("/quarantine", tags=["quarantine"], summary="What is in quarantine, in counts")
def quarantine(speaks: Speaks) -> Listed[QuarantineView]:
    """For administrators; the reading is a line of the log (AUD-3)."""
    return Listed(data=speaks.desk.quarantines(speaks.actor_id))


@router.post("/quarantine/{holding_id}/restore", tags=["quarantine"], summary="Turn it into an archived copy")
async def restore(once: Commanded, holding_id: UUID, body: RestoreIn) -> Done:
    """Of its previous owner, who is told (MOVE-6)."""
    who = once.caller

    def work() -> Done:
        who.desk.restore(who.actor_id, holding_id, cause=body.cause, reason=body.reason)
        return Done()

    return await once(work)  # type: ignore[return-value]


@router.get("/quarantine/copies", tags=["quarantine"], summary="Archived copies whose holder has left")
def copies(speaks: Speaks) -> Listed[HolderlessCopyView]:
    """In counts, and for whom they are open; for administrators (MOVE-6)."""
    return Listed(data=speaks.desk.holderless_copies(speaks.actor_id))


@router.post("/quarantine/copies/{copy_id}/open", tags=["quarantine"], summary="Open one for a practitioner")
async def open_copy(once: Commanded, copy_id: UUID, body: OpenIn) -> OpeningView:
    """For some days and a reason; it is told (MOVE-6)."""
    who = once.caller
    return await once(  # type: ignore[return-value]
        lambda: who.desk.open_copy(
            who.actor_id,
            copy_id,
            reader_id=who.member(body.reader),
            days=body.days,
            cause=body.cause,
            reason=body.reason,
        )
    )


@router.post("/quarantine/openings/{opening_id}/close", tags=["quarantine"], summary="End an opening")
async def close_copy(once: Commanded, opening_id: UUID) -> Done:
    """Before its day (MOVE-6)."""
    who = once.caller

    def work() -> Done:
        who.desk.close_copy(who.actor_id, opening_id)
        return Done()

    return await once(work)  # type: ignore[return-value]


@router.get("/destruction/preview", tags=["quarantine"], summary="What will be destroyed, on which day")
def forecast(speaks: Speaks) -> Listed[DueView]:
    """For administrators, by class."""
    return Listed(data=speaks.desk.destruction_forecast(speaks.actor_id))


@router.get("/destruction/report", tags=["quarantine"], summary="What was destroyed")
def destroyed(speaks: Speaks) -> Listed[TombstoneView]:
    """For administrators, by class."""
    return Listed(data=speaks.desk.destruction_report(speaks.actor_id))


@router.get(
    "/audit/head", tags=["audit"], summary="The signed last line of the log", response_model=dict[str, Any]
)
def head(speaks: Speaks) -> Response:
    """For administrators, to be kept elsewhere (AUD-2)."""
    return JSONResponse(speaks.desk.head(speaks.actor_id))


@router.get(
    "/audit/export",
    tags=["audit"],
    summary="The whole log, one JSON object a line",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}},
)
def export(
    speaks: Speaks, from_seq: Annotated[int, Query(ge=1, description="Leave out the lines before.")] = 1
) -> StreamingResponse:
    """For administrators (VIS-12): a heading, then every line with its hash; docs/proof.md verifies it."""
    folder = tempfile.TemporaryDirectory(prefix="passation-log-")
    try:
        file = Path(folder.name) / "log.ndjson"
        speaks.desk.export_log(speaks.actor_id, file)
    except BaseException:
        folder.cleanup()
        raise
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="log.ndjson"'}
    return StreamingResponse(
        _lines(folder, file, from_seq), media_type="application/x-ndjson", headers=headers
    )


def _lines(folder: "tempfile.TemporaryDirectory[str]", file: Path, from_seq: int) -> Iterator[bytes]:
    with folder, file.open("rb") as found:
        yield found.readline()
        for _ in range(from_seq - 1):
            if not found.readline():
                return
        while chunk := found.read(_CHUNK):
            yield chunk
