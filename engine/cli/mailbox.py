"""Reads the folder where mail goes that no mail server is named for: one file a message."""

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message, as its reader sees it."""

    id: str
    at: datetime
    to: str
    subject: str
    text: str
    #: The calendar's part, where there is one.
    calendar: str | None


def mails(folder: Path, to: str | None) -> list[Mail]:
    """Read every message of the folder, or those to one address, the latest first."""
    found = [_read(file) for file in folder.glob("*.eml")]
    wanted = [one for one in found if to is None or one.to.lower() == to.strip().lower()]
    return sorted(wanted, key=lambda one: (one.at, one.id), reverse=True)


def _read(file: Path) -> Mail:
    message = message_from_bytes(file.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - the policy makes them
    body = message.get_body(("plain",))
    calendar = next((part for part in message.walk() if part.get_content_type() == "text/calendar"), None)
    return Mail(
        id=file.stem,
        at=message["Date"].datetime,
        to=message["To"].addresses[0].addr_spec,
        subject=str(message["Subject"]),
        text="" if body is None else body.get_content(),
        calendar=None if calendar is None else calendar.get_content(),
    )
