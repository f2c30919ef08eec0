"""``passation document``: documents and raw data."""

import mimetypes
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.context import Call, identifier
from engine.cli.options import As, Confidential, CopyId, NewestCopy, RecordName, Target, command, which_copy
from engine.errors import BadInput, NotFound

app = typer.Typer()

DocumentId = Annotated[str, typer.Argument(metavar="DOCUMENT")]
File = Annotated[Path, typer.Argument(metavar="FILE")]
Raw = Annotated[bool, typer.Option("--raw-data")]
FileName = Annotated[str | None, typer.Option("--name", metavar="TEXT")]
MediaType = Annotated[str | None, typer.Option("--media-type", metavar="TYPE")]


@command(app, "add")
def add(
    call: Call,
    record: RecordName,
    file: File,
    *,
    actor: As,
    confidential: Confidential = False,
    raw_data: Raw = False,
    name: FileName = None,
    media_type: MediaType = None,
) -> None:
    """Add a file to a record."""
    try:
        body = file.read_bytes()
    except OSError:
        raise BadInput("file") from None
    actor_id = call.actor(actor)
    item_id = call.desk.add_document(
        actor_id,
        call.record(actor_id, record),
        body,
        name=name or file.name,
        media_type=media_type or mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        confidential=confidential,
        raw_data=raw_data,
    )
    done = "done/raw_data" if raw_data else "done/document"
    call.answer({"id": item_id}, lambda page: page.say(done, id=str(item_id)))


@command(app, "export")
def export(
    call: Call,
    record: RecordName,
    document: DocumentId,
    *,
    actor: As,
    to: Target,
    copy: NewestCopy = False,
    copy_id: CopyId = None,
) -> None:
    """Write the exact bytes of a document, or of another item that has some, to a new file."""
    actor_id = call.actor(actor)
    record_id = call.record(actor_id, record)
    item_id = identifier(document, NotFound("document"))
    size = call.desk.export_document(actor_id, record_id, item_id, to, copy=which_copy(copy, copy_id))
    call.answer(
        {"file": to.absolute(), "size": size},
        lambda page: page.say("done/document_export", file=str(to.absolute()), size=size),
    )
