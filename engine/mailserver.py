"""Which mail server is used, read from one URL."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from engine.errors import BadInput

_DEFAULT_PORTS: Final[Mapping[str, int]] = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server and how it is spoken to."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    security: Literal["tls", "starttls", "none"] = "starttls"
    #: A file of certificates that are trusted besides the system's.
    authority: Path | None = None

    @classmethod
    def of_url(cls, url: str) -> Self:
        """
        Read ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://host:465`` (TLS).

        ``?tls=no`` sends in the clear, for a server on the same machine; ``?authority=FILE`` trusts a
        certificate authority of one's own. Raises ``BadInput``, which repeats nothing of the URL.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise BadInput("smtp_url") from None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.path.strip("/"):
            raise BadInput("smtp_url")
        options = parse_qs(parts.query)
        tls = options.pop("tls", ["yes"])
        authority = options.pop("authority", [None])[0]
        in_the_clear = tls == ["no"]
        if options or tls not in (["yes"], ["no"]) or (in_the_clear and parts.scheme == "smtps"):
            raise BadInput("smtp_url")
        return cls(
            host=parts.hostname,
            port=port or _DEFAULT_PORTS[parts.scheme],
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            security="tls" if parts.scheme == "smtps" else "none" if in_the_clear else "starttls",
            authority=None if authority is None else Path(authority),
        )
