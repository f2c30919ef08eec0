"""``passation note``: progress notes."""

from typing import Annotated
from uuid import UUID

import typer

from engine.cli.context import Call, identifier, typed
from engine.cli.options import As, Confidential, MaybeText, NoteId, RecordName, command
from engine.errors import NotFound

app = typer.Typer()

_ADDED = {"draft": "done/note", "signed": "done/note_signed", "waiting_approval": "done/note_waiting"}
_SIGNED = {"signed": "done/note_signature", "waiting_approval": "done/note_waiting"}

Signed = Annotated[bool, typer.Option("--signed")]


@command(app, "add")
def add(
    call: Call,
    record: RecordName,
    actor: As,
    text: MaybeText = None,
    confidential: Confidential = False,
    signed: Signed = False,
) -> None:
    """Write a note, as a draft unless it is signed at once."""
    body = typed(text, missing="--text")
    with call.giving_back(body):
        actor_id = call.actor(actor)
        record_id = call.record(actor_id, record)
        note_id = call.desk.add_note(actor_id, record_id, body, confidential=confidential, signed=signed)
    state = _state(call, actor_id, record_id, note_id) if signed else "draft"
    call.answer({"id": note_id, "state": state}, lambda page: page.say(_ADDED[state], id=str(note_id)))


@command(app, "edit")
def edit(call: Call, record: RecordName, note: NoteId, actor: As, text: MaybeText = None) -> None:
    """Give a draft another text."""
    body = typed(text, missing="--text")
    with call.giving_back(body):
        actor_id = call.actor(actor)
        note_id = identifier(note, NotFound("note"))
        call.desk.edit_note(actor_id, call.record(actor_id, record), note_id, body)
    call.answer({"id": note_id}, lambda page: page.say("done/note_edited"))


@command(app, "sign")
def sign(call: Call, record: RecordName, note: NoteId, actor: As) -> None:
    """Sign a draft."""
    actor_id = call.actor(actor)
    note_id = identifier(note, NotFound("note"))
    state = str(call.desk.sign_note(actor_id, call.record(actor_id, record), note_id))
    call.answer({"id": note_id, "state": state}, lambda page: page.say(_SIGNED[state], id=str(note_id)))


@command(app, "approve")
def approve(call: Call, record: RecordName, note: NoteId, actor: As) -> None:
    """Approve a collaborator's signed note."""
    actor_id = call.actor(actor)
    note_id = identifier(note, NotFound("note"))
    call.desk.approve_note(actor_id, call.record(actor_id, record), note_id)
    call.answer({"id": note_id}, lambda page: page.say("done/note_approved"))


@command(app, "adopt")
def adopt(call: Call, record: RecordName, note: NoteId, actor: As) -> None:
    """Take over a draft whose author has lost access."""
    actor_id = call.actor(actor)
    note_id = identifier(note, NotFound("note"))
    adopted = call.desk.adopt_note(actor_id, call.record(actor_id, record), note_id)
    call.answer({"id": adopted}, lambda page: page.say("done/note_adopted", id=str(adopted)))


@command(app, "set-aside")
def set_aside(call: Call, record: RecordName, note: NoteId, actor: As) -> None:
    """Set a draft aside whose author has lost access."""
    actor_id = call.actor(actor)
    note_id = identifier(note, NotFound("note"))
    call.desk.set_note_aside(actor_id, call.record(actor_id, record), note_id)
    call.answer({"id": note_id}, lambda page: page.say("done/note_set_aside"))


def _state(call: Call, actor_id: UUID, record_id: UUID, note_id: UUID) -> str:
    """Say how far a note has come that was just written: a signature may wait for approval."""
    items = call.desk.record(actor_id, record_id).items
    return next((item.state for item in items if item.id == note_id and item.state), "signed")
