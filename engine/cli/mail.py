"""``passation mail`` and ``passation call``: what was sent, what was not, and whom to call instead."""

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.context import Call
from engine.cli.options import As, command
from engine.errors import NotFound

if TYPE_CHECKING:
    from engine.cli.mailbox import Mail
    from engine.cli.output import Page

app = typer.Typer()
calls = typer.Typer()

Recipient = Annotated[str | None, typer.Option("--to", metavar="EMAIL")]
MailId = Annotated[str, typer.Argument(metavar="MAIL")]
CallId = Annotated[int, typer.Argument(metavar="CALL")]


@command(app, "list")
def list_all(call: Call, to: Recipient = None) -> None:
    """List the messages in the folder where mail goes that no mail server is named for, the latest first."""
    from engine.cli.mailbox import mails

    found = mails(call.settings.mail_folder, to)

    def show(page: "Page") -> None:
        rows = [(page.instant(one.at), one.to, one.subject, one.id) for one in found]
        page.lines(("when", "address", "message", "id"), rows)

    call.answer({"mails": [_facts(one) for one in found]}, show)


@command(app, "show")
def show_one(call: Call, mail: MailId) -> None:
    """Show one message of that folder."""
    from engine.cli.mailbox import mails

    found = next((one for one in mails(call.settings.mail_folder, None) if one.id == mail), None)
    if found is None:
        raise NotFound("mail")

    def show(page: "Page") -> None:
        page.facts(
            {
                page.words("column/address"): found.to,
                page.words("column/message"): found.subject,
                page.words("column/when"): page.instant(found.at),
            }
        )
        page.text(found.text)
        if found.calendar is not None:
            page.text(found.calendar)

    call.answer({**_facts(found), "text": found.text, "calendar": found.calendar}, show)


@command(app, "troubles")
def troubles(call: Call, actor: As) -> None:
    """List the messages that were given up or had to wait; for coordinators."""
    found = call.desk.mail_troubles(call.actor(actor))

    def show(page: "Page") -> None:
        rows = [
            (
                page.instant(one.since),
                one.member or page.words("word/a_client"),
                page.words(f"trouble/{one.trouble}"),
                str(one.attempts),
                page.words("word/given_up") if one.next_at is None else page.instant(one.next_at),
            )
            for one in found
        ]
        page.lines(("since", "to", "cause", "attempts", "next"), rows)

    call.answer({"troubles": found}, show)


@command(calls, "list")
def list_calls(call: Call, actor: As) -> None:
    """List the clients whom somebody must call about an appointment that is cancelled."""
    found = call.desk.calls(call.actor(actor))

    def show(page: "Page") -> None:
        rows = [
            (
                page.instant(one.starts_at),
                one.client,
                one.record_number,
                page.words(f"call/{one.why}"),
                str(one.id if one.id is not None else one.appointment_id),
            )
            for one in found
        ]
        page.lines(("appointment", "client", "number", "cause", "id"), rows)

    call.answer({"calls": found}, show)


@command(calls, "done")
def done(call: Call, number: CallId, actor: As) -> None:
    """Note that a client was told by telephone."""
    call.desk.called(call.actor(actor), number)
    call.answer({"id": number}, lambda page: page.say("done/called"))


def _facts(mail: "Mail") -> dict[str, str]:
    return {"id": mail.id, "at": mail.at.isoformat(), "to": mail.to, "subject": mail.subject}
