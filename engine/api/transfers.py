"""Transfers: ask, look, decide."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response, StreamingResponse

from engine.api import bodies, progress
from engine.api.answers import Commanded
from engine.api.speaking import Caller, Speaks
from engine.errors import BadInput, Denied
from engine.states.choices import Options
from engine.states.transfer import FINAL_STATES, TransferState
from engine.views import NeedsView, PreviewView, TransfersView, TransferView

router = APIRouter(prefix="/v1", tags=["transfers"])

_MOST: int = 500


@router.post("/transfers/preview", summary="What a transfer would do; nothing is asked")
def preview(speaks: Speaks, body: bodies.PreviewIn) -> PreviewView:
    """Show what moves, what is withheld, which appointments are cancelled."""
    record_id = speaks.record(body.record)
    return speaks.desk.preview(speaks.actor_id, record_id, speaks.member(body.to), body.options.over())


@router.post("/transfers", status_code=201, summary="Ask a practitioner to take over a record")
async def request(once: Commanded, body: bodies.RequestIn) -> TransferView:
    """The record freezes until the answer (ELIG-1 to ELIG-9)."""
    who = once.caller

    def work() -> Any:  # noqa: ANN401 - awaited by the caller
        return who.service.request(
            who.actor_id,
            who.record(body.record),
            who.member(body.to),
            purpose=body.purpose,
            options=body.options.over(),
            basis=bodies.basis_of(body.basis),
            message=body.message,
            reason=body.reason,
            insist=body.insist,
            key=once.key,
        )

    return await once(work, status=201)  # type: ignore[return-value]


@router.get("/transfers", summary="The transfers that one may know of, newest first")
def transfers(
    speaks: Speaks,
    *,
    state: TransferState | None = None,
    sender: Annotated[bodies.MemberRef | None, Query(alias="from")] = None,
    to: bodies.MemberRef | None = None,
    older_than_days: Annotated[int | None, Query(ge=0, le=36_500)] = None,
    after: Annotated[UUID | None, Query(description="`after` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 50,
) -> TransfersView:
    """A page by key: what is new meanwhile moves nothing. Go on with `after` until it is null."""
    return speaks.desk.transfers(
        speaks.actor_id,
        state,
        older_than_days=older_than_days,
        from_id=None if sender is None else speaks.member(sender),
        to_id=None if to is None else speaks.member(to),
        after=after,
        limit=limit,
    )


@router.get("/needs", summary="What needs whoever asks")
def needs(speaks: Speaks) -> NeedsView:
    """Transfers to answer or to decide, what came back, what cannot go on; for coordinators what was left."""
    return speaks.desk.needs(speaks.actor_id)


@router.get("/transfers/{transfer_id}", summary="One transfer, as one may know it")
def show(speaks: Speaks, transfer_id: UUID) -> TransferView:
    """What the reader may not know is null (VIS-3, VIS-12)."""
    return speaks.desk.transfer(speaks.actor_id, transfer_id)


@router.get(
    "/transfers/{transfer_id}/receipt",
    summary="The signed receipt of an accepted transfer",
    response_model=dict[str, Any],
)
def receipt(speaks: Speaks, transfer_id: UUID) -> Response:
    """What docs/proof.md describes; giving it is a line of the log (AUD-4)."""
    return JSONResponse(speaks.desk.receipt(speaks.actor_id, transfer_id))


@router.get(
    "/transfers/{transfer_id}/progress",
    summary="One transfer, again whenever it changes",
    response_class=StreamingResponse,
    responses=progress.RESPONSES,
)
async def follow(speaks: Speaks, transfer_id: UUID) -> StreamingResponse:
    """Server-sent events named `transfer`, each with the whole view; ends when the transfer has."""
    return await progress.follow(
        speaks,
        "transfer",
        lambda: speaks.desk.transfer(speaks.actor_id, transfer_id),
        lambda view: view.state in FINAL_STATES,
    )


@router.post("/transfers/{transfer_id}/accept", summary="Take over the record")
async def accept(once: Commanded, transfer_id: UUID, body: bodies.Decision | None = None) -> TransferView:
    """The decision and the hand-over are one transaction (ST-T/accept)."""
    who, given = once.caller, body or bodies.Decision()

    def work() -> Any:  # noqa: ANN401
        seen = _seen(who, transfer_id, given)
        return who.service.accept(who.actor_id, transfer_id, seen_version=seen, key=once.key)

    return await once(work)  # type: ignore[return-value]


@router.post("/transfers/{transfer_id}/refuse", summary="Decline the record, with a reason")
async def refuse(once: Commanded, transfer_id: UUID, body: bodies.RefuseIn) -> TransferView:
    """The owner reads the reason (ST-2)."""
    who = once.caller

    def work() -> Any:  # noqa: ANN401
        seen = _seen(who, transfer_id, body)
        return who.service.refuse(
            who.actor_id, transfer_id, reason=body.reason, seen_version=seen, key=once.key
        )

    return await once(work)  # type: ignore[return-value]


@router.post("/transfers/{transfer_id}/cancel", summary="Take a request back")
async def cancel(once: Commanded, transfer_id: UUID, body: bodies.ReasonedIn | None = None) -> TransferView:
    """The record is as it was (MOVE-7)."""
    who, given = once.caller, body or bodies.ReasonedIn()

    def work() -> Any:  # noqa: ANN401
        seen = _seen(who, transfer_id, given)
        return who.service.cancel(
            who.actor_id, transfer_id, reason=given.reason, seen_version=seen, key=once.key
        )

    return await once(work)  # type: ignore[return-value]


@router.post("/transfers/{transfer_id}/narrow", summary="Move less than was asked")
async def narrow(once: Commanded, transfer_id: UUID, body: bodies.NarrowIn) -> TransferView:
    """What is not named stays as it is (MOVE-1)."""
    who = once.caller
    if body.options == bodies.OptionsIn():
        raise BadInput("nothing_to_narrow")

    def work() -> Any:  # noqa: ANN401
        before = who.desk.transfer(who.actor_id, transfer_id)
        # What was not named is what stands now: somebody else's change since is not undone.
        seen = _seen(who, transfer_id, body) or before.version or None
        options = body.options.over(before.options or Options())
        return who.service.narrow(who.actor_id, transfer_id, options, seen_version=seen, key=once.key)

    return await once(work)  # type: ignore[return-value]


@router.post("/transfers/{transfer_id}/reassign", summary="Ask somebody else, as a coordinator")
async def reassign(once: Commanded, transfer_id: UUID, body: bodies.ReassignIn) -> TransferView:
    """A pending transfer is overridden (OVR-1)."""
    who = once.caller

    def work() -> Any:  # noqa: ANN401
        seen = _seen(who, transfer_id, body)
        return who.service.reassign(
            who.actor_id,
            transfer_id,
            who.member(body.to),
            reason=body.reason,
            basis=bodies.basis_of(body.basis),
            insist=body.insist,
            withhold_raw_data=body.withhold_raw_data,
            seen_version=seen,
            key=once.key,
        )

    return await once(work)  # type: ignore[return-value]


@router.post(
    "/transfers/{transfer_id}/impose", summary="Hand over in the new owner's place, as a coordinator"
)
async def impose(once: Commanded, transfer_id: UUID, body: bodies.ImposeIn) -> TransferView:
    """It never looks like an acceptance (OVR-1)."""
    who = once.caller

    def work() -> Any:  # noqa: ANN401
        seen = _seen(who, transfer_id, body)
        return who.service.impose(
            who.actor_id,
            transfer_id,
            None if body.to is None else who.member(body.to),
            reason=body.reason,
            basis=bodies.basis_of(body.basis),
            insist=body.insist,
            withhold_raw_data=body.withhold_raw_data,
            seen_version=seen,
            key=once.key,
        )

    return await once(work)  # type: ignore[return-value]


@router.post("/transfers/{transfer_id}/extend", summary="Give more time to answer, as a coordinator")
async def extend(once: Commanded, transfer_id: UUID, body: bodies.ExtendIn) -> TransferView:
    """Until the end of a day, in the organization's time zone (ST-3)."""
    who = once.caller

    def work() -> Any:  # noqa: ANN401
        seen = _seen(who, transfer_id, body)
        return who.service.extend(
            who.actor_id, transfer_id, body.until, reason=body.reason, seen_version=seen, key=once.key
        )

    return await once(work)  # type: ignore[return-value]


def _seen(who: Caller, transfer_id: UUID, given: bodies.Decision) -> int | None:
    """Give the version that a decision is made on; an expected state fixes the one that it is found in."""
    if given.expected_state is None:
        return given.seen_version
    found = who.desk.transfer(who.actor_id, transfer_id)
    if found.state is not given.expected_state:
        raise Denied("MOVE-3", "changed")
    return given.seen_version or found.version or None
