"""A letter as a mail: the same letter is the same message, whenever it is sent (NOTE-3)."""

from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final
from uuid import UUID

from engine.notices.calendar import cancellation
from engine.notices.letters import Letter, Undeliverable
from engine.records.tables.base import DeliveryTrouble

_DOMAIN: Final = "passation"


def message_id(delivery_id: UUID) -> str:
    """Give the identity of a message, which mail servers and readers know it by."""
    return f"<{delivery_id}@{_DOMAIN}>"


def envelope(letter: Letter, sender: str) -> EmailMessage:
    """
    Put a letter into an envelope: text, HTML, and a calendar's cancellation where there is one.

    Args:
        letter: What is said.
        sender: The address that every message comes from; it bears the organization's name.

    Raises ``Undeliverable`` where the reader's address is none.
    """
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = message_id(letter.id)
    mail["Date"] = letter.created_at
    mail["From"] = Address(letter.from_name, addr_spec=sender)
    try:
        mail["To"] = Address(letter.to_name, addr_spec=letter.to)
    except (ValueError, MessageError, IndexError):
        raise Undeliverable(DeliveryTrouble.NO_ADDRESS) from None
    if letter.reply_to is not None:
        mail["Reply-To"] = Address(letter.from_name, addr_spec=letter.reply_to)
    mail["Subject"] = letter.subject
    mail["Content-Language"] = letter.language
    # So that no holiday message answers it (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    if letter.cancelled is not None:
        calendar = cancellation(
            letter.cancelled,
            organizer=letter.reply_to or sender,
            organizer_name=letter.from_name,
            attendee=letter.to,
        )
        mail.add_alternative(calendar.decode(), subtype="calendar", params={"method": "CANCEL"})
    return mail
