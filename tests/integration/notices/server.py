"""A real mail server on loopback that does what it is told: take, put off, refuse, hang up, hang."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "passation", "un mot de passe: à lui"


class _OnSocket(Controller):
    """Listens on a socket that is bound already, so that nobody takes the port meanwhile."""

    def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        more |= {"hostname": "127.0.0.1", "port": self._socket.getsockname()[1]}
        super().__init__(*args, **more)

    def _create_server(self) -> Any:  # noqa: ANN401
        return self.loop.create_server(self._factory_invoker, sock=self._socket, ssl=self.ssl_context)


class MailServerOfTests:
    """Keeps what it takes; ``answer`` may be replaced by what it says to the next messages."""

    def __init__(
        self,
        *,
        authority: trustme.CA | None = None,
        tls: bool = False,
        login: bool = False,
    ) -> None:
        self.taken: list[bytes] = []
        self.connections = 0
        self.answer: Callable[[Envelope], str] = lambda _: "250 taken"
        self.at_recipient: Callable[[str], str] = lambda _: "250 ok"
        context = None
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        more: dict[str, Any] = {}
        if login:
            more = {"authenticator": _login, "auth_required": True, "auth_require_tls": True}
        if context is not None and not tls:
            more["tls_context"] = context
            more["require_starttls"] = True
        self._controller = _OnSocket(self, ssl_context=context if tls else None, **more)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop(no_assert=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._controller.port

    @property
    def url(self) -> str:
        """How it is named, in the clear."""
        return f"smtp://127.0.0.1:{self.port}?tls=no"

    @property
    def mails(self) -> list[EmailMessage]:
        """What it took, read."""
        return [message_from_bytes(raw, _class=EmailMessage, policy=default) for raw in self.taken]

    @property
    def by_id(self) -> Counter[str]:
        """How often each message was taken."""
        return Counter(str(mail["Message-ID"]) for mail in self.mails)

    # -- what aiosmtpd calls -------------------------------------------------------------------------------

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Count who comes."""
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer for a recipient."""
        said = self.at_recipient(address)
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message, or not."""
        said = self.answer(envelope)
        if said == "hang":
            await asyncio.sleep(3600)
        if said == "hang up":
            assert server.transport is not None
            server.transport.close()
            return "421 gone"
        if said.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.taken.append(envelope.content)
        return said


def _login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: Any) -> AuthResult:  # noqa: ANN401
    known = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=auth_data == known, handled=auth_data == known)
