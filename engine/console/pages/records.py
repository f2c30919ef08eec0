"""A practitioner's records: the list, one record as its reader may see it, and the request for a transfer."""

import asyncio
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from engine.console.frame import Engine, Fields, Here, Posted, Visitor, identifier, named, page, redirect
from engine.errors import BadInput, EngineError, NotFound
from engine.pages import transfer as transfer_page
from engine.rules.content import ContentClass
from engine.rules.facts import RecordStatus, Relation
from engine.service import Service
from engine.states.choices import Basis, BasisForm, Options, Purpose, RawDataChoice, Role, WhichCopy
from engine.views import MemberView, PreviewView, RecordView

router = APIRouter(prefix="/records")

Name = Annotated[str, Path(alias="record", max_length=64)]
#: In which order a record is read: what was written about the person first.
_ORDER = tuple(ContentClass)


@router.get("")
def records(request: Request, visitor: Here, service: Engine) -> Response:
    """List the records that somebody may look into, by what they are to them."""
    found = service.desk.records(visitor.id)
    mine = [record for record in found if record.relation is Relation.OWNER and not record.archived]
    return page(
        request,
        "practice/records.html",
        active=[r for r in mine if r.open_transfer_id is None and r.status is RecordStatus.ACTIVE],
        moving=[r for r in mine if r.open_transfer_id is not None],
        put_away=[r for r in mine if r.open_transfer_id is None and r.status is not RecordStatus.ACTIVE],
        shared=[r for r in found if r.relation is Relation.COLLABORATOR and not r.archived],
        copies=[r for r in found if r.archived],
    )


@router.get("/{record}")
def show(
    request: Request,
    visitor: Here,
    service: Engine,
    record: Name,
    copy: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Show a record, or an archived copy of it, with every item that its reader may see."""
    which = None if copy is None else WhichCopy(identifier(copy))
    found = service.desk.record(visitor.id, _id(record), copy=which)
    groups: list[tuple[ContentClass, list[Any]]] = [
        (each, [item for item in found.items if item.item_class is each])
        for each in _ORDER
        if each is not ContentClass.DETAILS
    ]
    return page(
        request,
        "practice/record.html",
        record=found,
        groups=[(name, items) for name, items in groups if items],
        may_ask=_may_ask(visitor, found),
    )


@router.get("/{record}/items/{item}")
def content(
    visitor: Here, service: Engine, record: Name, item: Annotated[str, Path(max_length=64)]
) -> Response:
    """Give the bytes of one item, to be saved and never to be opened by the browser as a page of ours."""
    record_id, item_id = _id(record), named(item, NotFound("document"))
    body = service.desk.content(visitor.id, record_id, item_id)
    found = service.desk.record(visitor.id, record_id)
    name = next((each.label for each in found.items if each.id == item_id), None) or "document"
    return Response(
        body,
        media_type="application/octet-stream",
        headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"},
    )


@router.get("/{record}/transfer")
def choose(request: Request, visitor: Here, service: Engine, record: Name) -> Response:
    """Ask to whom, why, and what goes along; the cautious side is chosen (MOVE-1)."""
    found = service.desk.record(visitor.id, _id(record))
    return _form(request, visitor, service, found, _Asked())


@router.post("/{record}/transfer")
async def ask(request: Request, post: Posted, service: Engine, record: Name) -> Response:
    """Show what would happen, in plain words; once that was confirmed, ask."""
    record_id, asked = _id(record), _Asked(post.fields)
    try:
        to_id = asked.recipient()
        basis = asked.basis()
        purpose = asked.purpose_chosen()
        if not post.fields.flag("confirmed") or post.fields.flag("change"):
            seen = await asyncio.to_thread(
                service.desk.preview, post.visitor.id, record_id, to_id, asked.options
            )
            if not post.fields.flag("change"):
                return await asyncio.to_thread(_review, request, service, post.visitor, seen, asked)
        else:
            made = await service.request(
                post.visitor.id,
                record_id,
                to_id,
                purpose=purpose,
                options=asked.options,
                basis=basis,
                message=asked.message or None,
                key=post.key,
            )
            told = post.visitor.say("You asked %(name)s to take over this record.", name=made.new_owner or "")
            return redirect(request, transfer_page(made.id), told)
        told_wrong = None
    except NotFound:
        raise
    except EngineError as error:
        told_wrong = error
    found = await asyncio.to_thread(service.desk.record, post.visitor.id, record_id)
    return await asyncio.to_thread(_form, request, post.visitor, service, found, asked, told_wrong)


class _Asked:
    """What somebody chose so far, as it was sent; nothing at first."""

    def __init__(self, fields: Fields | None = None) -> None:
        self.to = "" if fields is None else fields.text("to")
        self.purpose = "" if fields is None else fields.text("purpose")
        self.include_confidential = fields is not None and fields.flag("include_confidential")
        self.raw_data = fields is not None and fields.flag("raw_data")
        self.keep_copy = fields is None or fields.flag("keep_copy")
        self.message = "" if fields is None else fields.text("message")
        self.basis_form = "" if fields is None else fields.text("basis_form")
        self.basis_text = "" if fields is None else fields.text("basis_text")
        self.basis_on = "" if fields is None else fields.text("basis_on")

    @property
    def options(self) -> Options:
        return Options(
            include_confidential=self.include_confidential,
            raw_data=RawDataChoice.INCLUDE if self.raw_data else RawDataChoice.EXCLUDE,
            keep_copy=self.keep_copy,
        )

    def recipient(self) -> UUID:
        found = identifier(self.to)
        if found is None:
            raise BadInput("empty", field="recipient")
        return found

    def purpose_chosen(self) -> Purpose:
        if self.purpose not in set(Purpose):
            raise BadInput("empty", field="purpose")
        return Purpose(self.purpose)

    def basis(self) -> Basis | None:
        if not self.basis_form and not self.basis_text and not self.basis_on:
            return None
        if self.basis_form not in set(BasisForm) or not self.basis_text:
            raise BadInput("basis")
        try:
            on = date.fromisoformat(self.basis_on) if self.basis_on else None
        except ValueError:
            raise BadInput("basis") from None
        return Basis(BasisForm(self.basis_form), self.basis_text, on)


def _form(
    request: Request,
    visitor: Visitor,
    service: Service,
    record: RecordView,
    asked: _Asked,
    error: EngineError | None = None,
) -> Response:
    policies = {policy.name: policy.value for policy in service.desk.policies(visitor.id)}
    return page(
        request,
        "practice/transfer.html",
        status=200 if error is None else error.status,
        record=record,
        colleagues=_colleagues(visitor, service.desk.members(visitor.id)),
        purposes=list(Purpose),
        forms=list(BasisForm),
        asked=asked,
        basis_required=policies.get("basis-required") == "yes",
        told=None if error is None else visitor.sentence(error),
    )


def _review(
    request: Request, service: Service, visitor: Visitor, seen: PreviewView, asked: _Asked
) -> Response:
    policies = {policy.name: policy.value for policy in service.desk.policies(visitor.id)}
    return page(
        request,
        "practice/review.html",
        preview=seen,
        asked=asked,
        answer_within=policies.get("answer-within", ""),
    )


def _colleagues(visitor: Visitor, members: list[MemberView]) -> list[MemberView]:
    found = [m for m in members if m.active and Role.PRACTITIONER in m.roles and m.id != visitor.id]
    return sorted(found, key=lambda m: (m.last_name.casefold(), m.first_name.casefold()))


def _may_ask(visitor: Visitor, record: RecordView) -> bool:
    """Say whether the page offers a transfer; whether there may be one is for the rules."""
    mine = record.relation is Relation.OWNER and not record.archived
    return mine and visitor.acts_as(Role.PRACTITIONER) and record.status is RecordStatus.ACTIVE


def _id(record: str) -> UUID:
    return named(record, NotFound("record"))
