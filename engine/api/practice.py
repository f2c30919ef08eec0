"""Practitioners, records as one may see them, and clients' restrictions."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict
from starlette.responses import Response

from engine.api import bodies
from engine.api.answers import Commanded
from engine.api.bodies import Body
from engine.api.pages import Done, Listed
from engine.api.speaking import Speaks
from engine.states.choices import ShareLevel, WhichCopy
from engine.views import (
    EmergencyView,
    FoundRecordsView,
    HoldView,
    PractitionerView,
    RecordView,
    RestrictionView,
)

router = APIRouter(prefix="/v1", tags=["records"])


class RecordIn(Body):
    """A record for a client; whoever opens it becomes responsible for it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Suivi individuel", "client": "Camille T."}]}
    )

    title: bodies.Line
    client: bodies.Line
    client_email: bodies.Line | None = None
    client_language: Annotated[str, bodies.Field(pattern="^(fr|en)$")] = "fr"
    number: bodies.Line | None = None
    email: bodies.Line | None = None
    reason_for_consultation: bodies.Text | None = None
    confidential: bool = False
    opened_on: date | None = None


class ShareIn(Body):
    """Whom a record is shared with, and how far."""

    member: bodies.MemberRef
    level: ShareLevel
    approval: bool = False


class UnshareIn(Body):
    """Whose access ends."""

    member: bodies.MemberRef


class ReasonIn(Body):
    """A reason (ST-2)."""

    reason: bodies.Text


class RestrictIn(Body):
    """Whom the record's clients do not want: a member, or a professional title (ELIG-4)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Psychologue", "basis": "Demande de la cliente."}]}
    )

    member: bodies.MemberRef | None = None
    title: bodies.Line | None = None
    basis: bodies.Text


@router.get("/practitioners", tags=["organization"], summary="The practitioners, with numbers")
def practitioners(speaks: Speaks) -> Listed[PractitionerView]:
    """For coordinators: also whoever has left and still has records (ROLE-6, VIS-1)."""
    return Listed(data=speaks.desk.practitioners(speaks.actor_id))


@router.get("/practitioners/{member}/records", summary="A practitioner's institutional records, by words")
def find(
    speaks: Speaks, member: bodies.MemberRef, words: Annotated[bodies.Line, Query(max_length=200)]
) -> FoundRecordsView:
    """For coordinators; a confidential one is never found (VIS-2)."""
    return speaks.desk.find_records(speaks.actor_id, speaks.member(member), words)


@router.get("/records", summary="The records that one may look into")
def records(speaks: Speaks) -> Listed[RecordView]:
    """One's own, shared ones, archived copies; without what is in them."""
    return Listed(data=speaks.desk.records(speaks.actor_id))


@router.get("/records/{record}", summary="One record, with every item that one may see")
def show(
    speaks: Speaks,
    record: bodies.RecordRef,
    *,
    copy: Annotated[bool, Query(description="The newest archived copy instead.")] = False,
    copy_id: Annotated[UUID | None, Query(description="That archived copy instead.")] = None,
) -> RecordView:
    """Reading a frozen record or a copy is a line of the log (AUD-3, VIS-7)."""
    chosen = WhichCopy(copy_id) if copy or copy_id is not None else None
    return speaks.desk.record(speaks.actor_id, speaks.record(record), copy=chosen)


@router.get(
    "/records/{record}/items/{item_id}/content",
    summary="The bytes of one item",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}},
)
def content(speaks: Speaks, record: bodies.RecordRef, item_id: UUID) -> Response:
    """As they were written; never shown by a browser, always saved."""
    body = speaks.desk.content(speaks.actor_id, speaks.record(record), item_id)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": "attachment",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, media_type="application/octet-stream", headers=headers)


@router.post("/records", status_code=201, summary="Open a record for a client")
async def add(once: Commanded, body: RecordIn) -> RecordView:
    """Whoever opens it becomes responsible for it."""
    who = once.caller
    return await once(lambda: who.desk.add_record(who.actor_id, **body.model_dump()), status=201)  # type: ignore[return-value]


@router.post("/records/{record}/archive", summary="Archive a record")
async def archive(once: Commanded, record: bodies.RecordRef) -> Done:
    """It is read, not written to, and not transferred (ELIG-1)."""
    who = once.caller

    def work() -> Done:
        who.desk.archive(who.actor_id, who.record(record))
        return Done()

    return await once(work)  # type: ignore[return-value]


@router.post("/records/{record}/reactivate", summary="Take an archived record up again")
async def reactivate(once: Commanded, record: bodies.RecordRef) -> Done:
    """Never an archived copy (MOVE-4)."""
    who = once.caller

    def work() -> Done:
        who.desk.reactivate(who.actor_id, who.record(record))
        return Done()

    return await once(work)  # type: ignore[return-value]


@router.post("/records/{record}/share", summary="Share a record with a colleague")
async def share(once: Commanded, record: bodies.RecordRef, body: ShareIn) -> Done:
    """Or change how far; while a transfer is open a share is never widened (VIS-4)."""
    who = once.caller

    def work() -> Done:
        record_id = who.record(record)
        who.desk.share(
            who.actor_id, record_id, who.member(body.member), level=body.level, approval=body.approval
        )
        return Done()

    return await once(work)  # type: ignore[return-value]


@router.post("/records/{record}/unshare", summary="End a colleague's access to a record")
async def unshare(once: Commanded, record: bodies.RecordRef, body: UnshareIn) -> Done:
    """Also on a frozen one (VIS-4)."""
    who = once.caller

    def work() -> Done:
        who.desk.unshare(who.actor_id, who.record(record), who.member(body.member))
        return Done()

    return await once(work)  # type: ignore[return-value]


@router.post("/records/{record}/emergency", summary="Look into a frozen record, for a reason and a while")
async def emergency(once: Commanded, record: bodies.RecordRef, body: ReasonIn) -> EmergencyView:
    """It is logged and told (VIS-4)."""
    who = once.caller
    return await once(  # type: ignore[return-value]
        lambda: who.desk.open_emergency(who.actor_id, who.record(record), body.reason)
    )


@router.post("/records/{record}/hold", summary="Put a record under legal hold")
async def hold(once: Commanded, record: bodies.RecordRef, body: ReasonIn) -> Done:
    """For administrators, who see nothing of it (MOVE-11)."""
    who = once.caller

    def work() -> Done:
        who.desk.hold(who.actor_id, who.desk.record_to_hold(who.actor_id, record), body.reason)
        return Done()

    return await once(work)  # type: ignore[return-value]


@router.post("/records/{record}/release", summary="End the legal hold of a record")
async def release(once: Commanded, record: bodies.RecordRef, body: ReasonIn) -> Done:
    """For administrators (MOVE-11)."""
    who = once.caller

    def work() -> Done:
        who.desk.release(who.actor_id, who.desk.record_to_hold(who.actor_id, record), body.reason)
        return Done()

    return await once(work)  # type: ignore[return-value]


@router.get("/holds", summary="The legal holds that stand")
def holds(speaks: Speaks) -> Listed[HoldView]:
    """For administrators."""
    return Listed(data=speaks.desk.holds(speaks.actor_id))


@router.get("/records/{record}/restrictions", tags=["restrictions"], summary="Whom its clients do not want")
def restrictions(speaks: Speaks, record: bodies.RecordRef) -> Listed[RestrictionView]:
    """Also what is ended: who, when, on what basis (ELIG-4)."""
    return Listed(data=speaks.desk.restrictions(speaks.actor_id, speaks.record(record)))


@router.post(
    "/records/{record}/restrictions",
    tags=["restrictions"],
    status_code=201,
    summary="Note that its clients do not want somebody, or a title",
)
async def restrict(once: Commanded, record: bodies.RecordRef, body: RestrictIn) -> Listed[RestrictionView]:
    """Every record of the clients is guarded (ELIG-4)."""
    who = once.caller

    def work() -> Any:  # noqa: ANN401
        member_id = None if body.member is None else who.member(body.member)
        found = who.desk.restrict(
            who.actor_id, who.record(record), member_id=member_id, title=body.title, basis=body.basis
        )
        return Listed(data=found)

    return await once(work, status=201)  # type: ignore[return-value]


@router.post(
    "/records/{record}/restrictions/{restriction_id}/end", tags=["restrictions"], summary="End a restriction"
)
async def unrestrict(once: Commanded, record: bodies.RecordRef, restriction_id: UUID) -> RestrictionView:
    """It stays in the list."""
    who = once.caller
    return await once(  # type: ignore[return-value]
        lambda: who.desk.unrestrict(who.actor_id, who.record(record), restriction_id)
    )
