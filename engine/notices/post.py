"""
Where mail is handed over: a mail server, or a folder on this machine.

Every failure is a ``Trouble`` with a word and the server's number: never its text, which may quote the mail.
"""

import asyncio
import os
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Protocol

import aiosmtplib
from aiosmtplib import errors

from engine.mailserver import MailServer
from engine.records.tables.base import DeliveryTrouble

#: For each answer of the server.
_TIMEOUT_SECONDS: Final = 30.0
_PERMANENT: Final = 500


class Trouble(Exception):
    """A message was not taken: whether for good, and whether the server takes none at all for now."""

    def __init__(
        self, word: DeliveryTrouble, code: int | None = None, *, for_good: bool = False, for_all: bool = False
    ) -> None:
        super().__init__(word.value)
        self.word = word
        self.code = code
        self.for_good = for_good
        self.for_all = for_all


class Post(Protocol):
    """Takes mail."""

    #: Whether taking a message twice leaves one.
    takes_once: bool

    async def send(self, mail: EmailMessage, sender: str, recipient: str) -> None:
        """Hand a message over. Raises ``Trouble``."""

    async def close(self) -> None:
        """Let go of the connection."""


class ServerPost:
    """One connection to a mail server, opened when it is needed and used again."""

    takes_once = False

    def __init__(self, server: MailServer, *, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._server = server
        self._timeout = timeout
        self._smtp: aiosmtplib.SMTP | None = None

    async def send(self, mail: EmailMessage, sender: str, recipient: str) -> None:
        """Hand a message over. Raises ``Trouble``."""
        try:
            smtp = await self._connected()
            await smtp.send_message(mail, sender=sender, recipients=[recipient])
        except (errors.SMTPException, OSError, TimeoutError) as error:
            trouble = _understood(error)
            if trouble.for_all:
                await self.close()
            raise trouble from None

    async def close(self) -> None:
        """Let go of the connection, politely if the server still listens."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            if smtp.is_connected:
                async with asyncio.timeout(1):
                    await smtp.quit()
        except (errors.SMTPException, OSError, TimeoutError):
            pass
        finally:
            smtp.close()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._smtp is not None and self._smtp.is_connected:
            return self._smtp
        await self.close()
        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=None if server.security == "none" else _trusting(server.authority),
            timeout=self._timeout,
        )
        try:
            await smtp.connect()
        except BaseException:
            smtp.close()
            raise
        self._smtp = smtp
        return smtp


class FolderPost:
    """A folder on this machine: one file a message, named for it, so that a repeat replaces it."""

    takes_once = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: EmailMessage, sender: str, recipient: str) -> None:  # noqa: ARG002
        """Write the message to its file, whole or not at all. Raises ``Trouble``."""
        name = mail["Message-ID"].strip("<>").partition("@")[0]
        try:
            await asyncio.to_thread(self._write, f"{name}.eml", mail.as_bytes())
        except OSError:
            raise Trouble(DeliveryTrouble.UNREACHABLE, for_all=True) from None

    async def close(self) -> None:
        """Do nothing: a folder is not held open."""

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{name}.{os.getpid()}"
        draft.write_bytes(content)
        draft.replace(self._folder / name)


def _trusting(authority: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if authority is not None:
            context.load_verify_locations(authority)
    except (OSError, ssl.SSLError):
        raise Trouble(DeliveryTrouble.TLS, for_all=True) from None
    return context


def _understood(error: Exception) -> Trouble:
    """Say what an error means: for this message or for all, for now or for good."""
    word, for_all, for_good = DeliveryTrouble.UNREACHABLE, True, False
    code = _code(error)
    match error:
        case errors.SMTPAuthenticationError():
            word = DeliveryTrouble.CREDENTIALS
        case errors.SMTPSenderRefused():
            word = DeliveryTrouble.SENDER_REFUSED
        case errors.SMTPRecipientsRefused() | errors.SMTPRecipientRefused() | errors.SMTPDataError():
            for_all, for_good = False, code is not None and code >= _PERMANENT
            word = DeliveryTrouble.REFUSED if for_good else DeliveryTrouble.LATER
        case _ if _is_insecure(error):
            word = DeliveryTrouble.TLS
        case errors.SMTPTimeoutError() | TimeoutError():
            word = DeliveryTrouble.TIMEOUT
        case _:
            pass
    return Trouble(word, code, for_good=for_good, for_all=for_all)


def _is_insecure(error: Exception) -> bool:
    """Say whether there was no secure connection: none is offered, or nobody trusts its certificate."""
    # The library says "no STARTTLS here" with its bare base class.
    bare = type(error) in {errors.SMTPException, errors.SMTPNotSupported}
    return bare or isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError)


def _code(error: Exception) -> int | None:
    if isinstance(error, errors.SMTPRecipientsRefused):
        return error.recipients[0].code if error.recipients else None
    return error.code if isinstance(error, errors.SMTPResponseException) else None
