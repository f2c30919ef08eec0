"""Transfers of a caseload: look before, launch, follow, pause, resume, stop, retry, answer."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.responses import StreamingResponse

from engine.api import bodies, progress
from engine.api.answers import Commanded
from engine.api.bodies import Body
from engine.api.pages import Listed
from engine.api.speaking import Caller, Speaks
from engine.errors import BadInput
from engine.states.bulk import Answer
from engine.states.choices import Purpose
from engine.views import AnswerView, BulkItemView, BulkPreviewView, BulkReportView, BulkView

router = APIRouter(prefix="/v1/bulk-transfers", tags=["bulk transfers"])

_MOST = 20_000
Records = Annotated[list[bodies.RecordRef], Field(min_length=1, max_length=_MOST)]


class SplitIn(Body):
    """Who is to have a record."""

    record: bodies.RecordRef
    to: bodies.MemberRef


class ChoiceIn(Body):
    """Whose records go, which of them, to whom."""

    source: Annotated[bodies.MemberRef, Field(alias="from")]
    to: Annotated[tuple[bodies.MemberRef, ...], Field(max_length=200)] = ()
    only: Records | None = Field(default=None, description="The records that go; all active ones otherwise.")
    split: Annotated[list[SplitIn], Field(min_length=1, max_length=_MOST)] | None = Field(
        default=None, description="Which record goes to whom, by e-mail; evenly otherwise."
    )
    include_confidential_records: bool = False
    reassign_open: bool = False
    insist: bool = False
    impose: bool = False
    options: bodies.OptionsIn = bodies.OptionsIn()

    def given(self, who: Caller) -> dict[str, Any]:
        """Give it as the desk takes it; lists as the lines of the files that they would be."""
        if self.only is not None and self.split is not None:
            raise BadInput("bulk_two_files")
        return {
            "from_id": who.member(self.source),
            "to_ids": [who.member(name) for name in self.to],
            "only_file": None if self.only is None else _lines([[record] for record in self.only]),
            "split_file": None if self.split is None else _lines([[s.record, s.to] for s in self.split]),
            "include_confidential_records": self.include_confidential_records,
            "reassign_open": self.reassign_open,
            "insist": self.insist,
            "impose": self.impose,
            "options": self.options.over(),
        }


class StartIn(ChoiceIn):
    """Launch what was looked at."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from": "alice@erables.example",
                    "to": ["bruno@erables.example", "chantal@erables.example"],
                    "purpose": "departure",
                    "fingerprint": "5f3a…",
                }
            ]
        }
    )

    purpose: Purpose
    fingerprint: bodies.Line | None = Field(
        default=None, description="Of the preview: the launch is denied where what matters has changed."
    )
    basis: bodies.BasisIn | None = None
    message: bodies.Text | None = None
    reason: bodies.Text | None = None


class StopIn(Body):
    """Start nothing more for good."""

    cancel_open: bool = False
    reason: bodies.Text | None = None


class AnswerIn(Body):
    """Accept or refuse what is asked, now and later, in one gesture (BULK-5)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"answer": "accept"}]})

    answer: Answer
    only: Records | None = None
    but: Annotated[Records | None, Field(alias="except")] = None
    reason: bodies.Text | None = None


@router.post("/preview", summary="What a caseload's transfer would do, record by record")
def preview(speaks: Speaks, body: ChoiceIn) -> BulkPreviewView:
    """Nothing is asked (BULK-1, BULK-2)."""
    return speaks.desk.bulk_preview(speaks.actor_id, **body.given(speaks))


@router.post("", status_code=201, summary="Launch the transfer of a caseload")
async def start(once: Commanded, body: StartIn) -> BulkView:
    """It goes on by itself (BULK-1)."""
    who = once.caller

    def work() -> Any:  # noqa: ANN401
        choice = who.service.bulks.choose(**body.given(who), has_basis=body.basis is not None)
        return who.service.bulks.start(
            who.actor_id,
            choice,
            purpose=body.purpose,
            fingerprint=body.fingerprint,
            basis=bodies.basis_of(body.basis),
            message=body.message,
            reason=body.reason,
            key=once.key,
        )

    return await once(work, status=201)  # type: ignore[return-value]


@router.get("", summary="The transfers of caseloads that one may know of, newest first")
def bulks(speaks: Speaks) -> Listed[BulkView]:
    """For coordinators, and for whom they ask."""
    return Listed(data=speaks.desk.bulks(speaks.actor_id))


@router.get("/{bulk_id}", summary="Where a caseload's transfer stands, in counts")
def show(speaks: Speaks, bulk_id: UUID) -> BulkView:
    """Counts by state of the transfers (BULK-4)."""
    return speaks.desk.bulk(speaks.actor_id, bulk_id)


@router.get("/{bulk_id}/items", summary="Every record of it, and where it stands")
def items(
    speaks: Speaks, bulk_id: UUID, stands: Annotated[bodies.Line | None, Query(max_length=40)] = None
) -> Listed[BulkItemView]:
    """All, or those that stand in one place, such as `blocked`."""
    return Listed(data=speaks.desk.bulk_items(speaks.actor_id, bulk_id, stands=stands))


@router.get("/{bulk_id}/report", summary="Everything there is to say of it")
def report(speaks: Speaks, bulk_id: UUID) -> BulkReportView:
    """For coordinators."""
    return speaks.desk.bulk_report(speaks.actor_id, bulk_id)


@router.get(
    "/{bulk_id}/progress",
    summary="Where it stands, again whenever that changes",
    response_class=StreamingResponse,
    responses=progress.RESPONSES,
)
async def follow(speaks: Speaks, bulk_id: UUID) -> StreamingResponse:
    """Server-sent events named `bulk`, each with the whole view; ends when it has."""
    return await progress.follow(
        speaks,
        "bulk",
        lambda: speaks.desk.bulk(speaks.actor_id, bulk_id),
        lambda view: not view.state.is_open,
    )


@router.post("/{bulk_id}/pause", summary="Ask for no further record for now")
async def pause(once: Commanded, bulk_id: UUID) -> BulkView:
    """What was asked for stays asked for."""
    who = once.caller
    return await once(lambda: who.service.bulks.pause(who.actor_id, bulk_id, key=once.key))  # type: ignore[return-value]


@router.post("/{bulk_id}/resume", summary="Go on; whoever resumes leads it from then on")
async def resume(once: Commanded, bulk_id: UUID) -> BulkView:
    """And take it over (ROLE-5)."""
    who = once.caller
    return await once(lambda: who.service.bulks.resume(who.actor_id, bulk_id, key=once.key))  # type: ignore[return-value]


@router.post("/{bulk_id}/retry", summary="Ask once more for what failed or was blocked")
async def retry(once: Commanded, bulk_id: UUID) -> BulkView:
    """And for nothing else; of an ended one, what it left is launched as another (BULK-4)."""
    who = once.caller
    return await once(lambda: who.service.bulks.retry(who.actor_id, bulk_id, key=once.key))  # type: ignore[return-value]


@router.post("/{bulk_id}/stop", summary="Ask for no further record for good")
async def stop(once: Commanded, bulk_id: UUID, body: StopIn | None = None) -> BulkView:
    """What is open stays open, unless it is to be cancelled for a reason."""
    who, given = once.caller, body or StopIn()

    def work() -> Any:  # noqa: ANN401
        return who.service.bulks.stop(
            who.actor_id, bulk_id, cancel_open=given.cancel_open, reason=given.reason, key=once.key
        )

    return await once(work)  # type: ignore[return-value]


@router.post("/{bulk_id}/answer", summary="Accept or decline everything that it asks, in one gesture")
async def answer(once: Commanded, bulk_id: UUID, body: AnswerIn) -> AnswerView:
    """Now and later; what a rule stops waits, with the rule (BULK-5)."""
    who = once.caller

    def work() -> Any:  # noqa: ANN401
        return who.service.bulks.answer(
            who.actor_id,
            bulk_id,
            body.answer,
            only_file=None if body.only is None else _lines([[record] for record in body.only]),
            except_file=None if body.but is None else _lines([[record] for record in body.but]),
            reason=body.reason,
            key=once.key,
        )

    return await once(work)  # type: ignore[return-value]


def _lines(rows: list[list[str]]) -> bytes:
    """Write what a file would hold, each cell in quotes, under a heading."""
    heading = "record\n" if len(rows[0]) == 1 else "record,to\n"
    quoted = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    return (heading + "\n".join(quoted)).encode()
