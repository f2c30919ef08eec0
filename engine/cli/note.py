"""``passation note``: progress notes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from engine.cli.context import Call, identifier, typed
from engine.cli.options import As, Confidential, MaybeText, NoteId, RecordName, command
from engine.errors import Denied, NotFound, Unavailable

app = typer.Typer()

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
    with _given_back(call, body):
        actor_id = call.actor(actor)
        note_id = call.desk.add_note(
            actor_id, call.record(actor_id, record), body, confidential=confidential, signed=signed
        )
    done = "done/note_signed" if signed else "done/note"
    call.answer({"id": note_id}, lambda page: page.say(done, id=str(note_id)))


@command(app, "edit")
def edit(call: Call, record: RecordName, note: NoteId, actor: As, text: MaybeText = None) -> None:
    """Give a draft another text."""
    body = typed(text, missing="--text")
    with _given_back(call, body):
        actor_id = call.actor(actor)
        note_id = identifier(note, NotFound("note"))
        call.desk.edit_note(actor_id, call.record(actor_id, record), note_id, body)
    call.answer({"id": note_id}, lambda page: page.say("done/note_edited"))


@command(app, "sign")
def sign(call: Call, record: RecordName, note: NoteId, actor: As) -> None:
    """Sign a draft."""
    actor_id = call.actor(actor)
    note_id = identifier(note, NotFound("note"))
    call.desk.sign_note(actor_id, call.record(actor_id, record), note_id)
    call.answer({"id": note_id}, lambda page: page.say("done/note_signature"))


@contextmanager
def _given_back(call: Call, text: str) -> Iterator[None]:
    """Give the text back when it could not be saved, so that nobody writes it twice (VIS-4)."""
    try:
        yield
    except (Denied, Unavailable):
        call.give_back(text)
        raise
