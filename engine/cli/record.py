"""``passation record``: clients' records."""

from typing import Annotated

import typer

from engine.cli.context import Call, typed
from engine.cli.options import (
    As,
    Confidential,
    CopyId,
    Day,
    Level,
    NewestCopy,
    Reason,
    RecordName,
    Target,
    Title,
    command,
    which_copy,
)

app = typer.Typer()

Client = Annotated[str, typer.Option("--client", metavar="NAME")]
ClientEmail = Annotated[str | None, typer.Option("--client-email", metavar="EMAIL")]
Number = Annotated[str | None, typer.Option("--number", metavar="NUMBER")]
RecordEmail = Annotated[str | None, typer.Option("--email", metavar="EMAIL")]
Colleague = Annotated[str, typer.Argument(metavar="EMAIL")]
Words = Annotated[str, typer.Argument(metavar="WORDS")]
OwnerEmail = Annotated[str, typer.Option("--owner", metavar="EMAIL")]
Approval = Annotated[bool, typer.Option("--approval")]
Consultation = Annotated[str | None, typer.Option("--reason", metavar="TEXT")]


@command(app, "add")
def add(
    call: Call,
    *,
    actor: As,
    title: Title,
    client: Client,
    client_email: ClientEmail = None,
    number: Number = None,
    email: RecordEmail = None,
    reason: Consultation = None,
    confidential: Confidential = False,
    opened_on: Day = None,
) -> None:
    """Open a record for a client; the actor becomes responsible for it."""
    actor_id = call.actor(actor)
    record = call.desk.add_record(
        actor_id,
        title=title,
        client=client,
        client_email=client_email,
        client_language=call.desk.reader(actor_id).language,
        number=number,
        email=email,
        reason_for_consultation=reason,
        confidential=confidential,
        opened_on=opened_on,
    )
    call.answer(record, lambda page: page.say("done/record", number=record.number))


@command(app, "list")
def list_all(call: Call, actor: As) -> None:
    """List the records that the actor may look into."""
    records = call.desk.records(call.actor(actor))
    call.answer({"records": records}, lambda page: page.records(records))


@command(app, "find")
def find(call: Call, words: Words, *, actor: As, owner: OwnerEmail) -> None:
    """Find a practitioner's record by title or number, to transfer it; a coordinator's command."""
    actor_id = call.actor(actor)
    found = call.desk.find_records(actor_id, call.colleague(actor_id, owner), words)
    call.answer(found, lambda page: page.found(found))


@command(app, "show")
def show(
    call: Call, record: RecordName, *, actor: As, copy: NewestCopy = False, copy_id: CopyId = None
) -> None:
    """Show a record, or an archived copy of it, with what the actor may see."""
    actor_id = call.actor(actor)
    record_id = call.record(actor_id, record)
    found = call.desk.record(actor_id, record_id, copy=which_copy(copy, copy_id))
    call.answer(found, lambda page: page.record(found))


@command(app, "open-emergency")
def open_emergency(call: Call, record: RecordName, *, actor: As, reason: Reason) -> None:
    """Open a frozen record as its collaborator, for a while and with a reason."""
    actor_id = call.actor(actor)
    opened = call.desk.open_emergency(actor_id, call.record(actor_id, record), typed(reason))
    call.answer(
        opened, lambda page: page.say("done/emergency", until=page.instant(opened.until_at, zone=True))
    )


@command(app, "export")
def export(
    call: Call,
    record: RecordName,
    *,
    actor: As,
    to: Target,
    copy: NewestCopy = False,
    copy_id: CopyId = None,
) -> None:
    """Write everything that the actor may see of a record to a folder."""
    actor_id = call.actor(actor)
    record_id = call.record(actor_id, record)
    with call.progress("export/progress") as progress:
        count = call.desk.export_record(
            actor_id,
            record_id,
            to,
            language=call.language,
            copy=which_copy(copy, copy_id),
            progress=progress,
        )
    call.answer(
        {"folder": to.absolute(), "items": count},
        lambda page: page.say("done/export", count=count, folder=str(to.absolute())),
    )


@command(app, "share")
def share(
    call: Call, record: RecordName, email: Colleague, *, actor: As, level: Level, approval: Approval = False
) -> None:
    """Give a colleague access to a record, or another access than before."""
    actor_id = call.actor(actor)
    share_id = call.desk.share(
        actor_id,
        call.record(actor_id, record),
        call.colleague(actor_id, email),
        level=level,
        approval=approval,
    )
    call.answer(
        {"id": share_id},
        lambda page: page.say("done/shared", name=email.strip(), level=page.words(f"level/{level}")),
    )


@command(app, "unshare")
def unshare(call: Call, record: RecordName, email: Colleague, actor: As) -> None:
    """End a colleague's access to a record."""
    actor_id = call.actor(actor)
    record_id = call.record(actor_id, record)
    call.desk.unshare(actor_id, record_id, call.colleague(actor_id, email))
    call.answer({"id": record_id}, lambda page: page.say("done/unshared", name=email.strip()))


@command(app, "archive")
def archive(call: Call, record: RecordName, actor: As) -> None:
    """Archive a record."""
    actor_id = call.actor(actor)
    record_id = call.record(actor_id, record)
    call.desk.archive(actor_id, record_id)
    call.answer({"id": record_id}, lambda page: page.say("done/archived"))


@command(app, "reactivate")
def reactivate(call: Call, record: RecordName, actor: As) -> None:
    """Take an archived record up again."""
    actor_id = call.actor(actor)
    record_id = call.record(actor_id, record)
    call.desk.reactivate(actor_id, record_id)
    call.answer({"id": record_id}, lambda page: page.say("done/reactivated"))


@command(app, "hold")
def hold(call: Call, record: RecordName, actor: As, reason: Reason) -> None:
    """Put a record under legal hold."""
    actor_id = call.actor(actor)
    record_id = call.desk.record_to_hold(actor_id, record.strip())
    call.desk.hold(actor_id, record_id, typed(reason))
    call.answer({"id": record_id}, lambda page: page.say("done/held"))


@command(app, "release")
def release(call: Call, record: RecordName, actor: As, reason: Reason) -> None:
    """End the legal hold of a record."""
    actor_id = call.actor(actor)
    record_id = call.desk.record_to_hold(actor_id, record.strip())
    call.desk.release(actor_id, record_id, typed(reason))
    call.answer({"id": record_id}, lambda page: page.say("done/released"))


@command(app, "holds")
def holds(call: Call, actor: As) -> None:
    """List the legal holds that stand."""
    found = call.desk.holds(call.actor(actor))
    call.answer({"holds": found}, lambda page: page.holds(found))
