"""
The issuer of a data folder, for trying things out: anybody who reaches its page may be anybody.

Its keys are real and stay in the folder; its subjects are the ids of members, which need no link.
"""

import html
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from engine.catalogue import label
from engine.identity.oidc import Client, challenge

ALGORITHM: Final = "ES256"
CLIENT_ID: Final = "passation-console"
AUDIENCE: Final = "passation"
_CODE_SECONDS: Final = 60
_ID_TOKEN_SECONDS: Final = 300
#: How long `passation token` is good for.
TOKEN_SECONDS: Final = 3600
_MOST_CODES: Final = 1000
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Persona(Protocol):
    """A member who may be chosen."""

    @property
    def id(self) -> UUID:
        """Who it is: the subject of their tokens."""
        ...

    @property
    def email(self) -> str:
        """What a ``login_hint`` names."""
        ...

    @property
    def name(self) -> str:
        """First and last name."""
        ...

    @property
    def organization(self) -> str:
        """The organization's name."""
        ...

    @property
    def roles(self) -> Sequence[str]:
        """The roles that they hold."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an authorization was asked for."""

    client_id: str
    redirect_uri: str
    state: str
    nonce: str
    challenge: str


@dataclass(frozen=True, slots=True)
class _Granted:
    asked: _Asked
    subject: UUID
    until: float


class Keys:
    """The key of a data folder's issuer; made when there is none, for its owner only."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.key = self._read()

    def sign(self, claims: dict[str, Any], *, kind: str = "JWT") -> str:
        """Sign a token."""
        header = {"alg": ALGORITHM, "kid": self.key.thumbprint(), "typ": kind}
        return jwt.encode(header, claims, self.key, algorithms=[ALGORITHM])

    def published(self) -> dict[str, Any]:
        """Give the public half, as issuers publish it."""
        public = self.key.as_dict(private=False)
        return {"keys": [{**public, "kid": self.key.thumbprint(), "use": "sig", "alg": ALGORITHM}]}

    def _read(self) -> ECKey:
        if not self._file.exists():
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._file.with_name(f".{self._file.name}.{secrets.token_hex(8)}")
            draft.touch(mode=0o600)
            draft.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
            # Whoever was quicker made the key of this folder.
            with suppress(FileExistsError):
                self._file.hardlink_to(draft)
            draft.unlink(missing_ok=True)
        return ECKey.import_key(self._file.read_bytes())


def access_token(keys: Keys, issuer: str, member_id: UUID, *, seconds: int = TOKEN_SECONDS) -> str:
    """Sign an access token for the interface."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": str(member_id),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + seconds,
        "jti": secrets.token_urlsafe(16),
        "client_id": CLIENT_ID,
    }
    return keys.sign(claims, kind="at+jwt")


def client_of(address: str) -> Client:
    """Say what the local issuer at an address calls us."""
    return Client(
        issuer=issuer_at(address),
        client_id=CLIENT_ID,
        client_secret=None,
        audience=AUDIENCE,
        algorithm=ALGORITHM,
        local=True,
    )


def issuer_at(address: str) -> str:
    """Name the local issuer of the application at an address."""
    return f"{address.rstrip('/')}/issuer"


class LocalIssuer:
    """
    The issuer's pages: discovery, keys, the choice of a member, and the exchange of a code.

    Args:
        address: Of the application; only pages there are sent a code.
        keys: Sign its tokens.
        personas: Gives the active members, in a thread.
    """

    def __init__(self, address: str, keys: Keys, personas: Callable[[], Sequence[Persona]]) -> None:
        self.address = address.rstrip("/")
        self.issuer = issuer_at(address)
        self._keys = keys
        self._personas = personas
        self._codes: dict[str, _Granted] = {}
        self.app = Starlette(
            routes=[
                _route("/.well-known/openid-configuration", self._discovery, "GET"),
                _route("/keys", self._published, "GET"),
                _route("/authorize", self._ask, "GET"),
                _route("/authorize", self._choose, "POST"),
                _route("/issuer.css", self._style, "GET"),
                _route("/token", self._exchange, "POST"),
            ]
        )

    async def _discovery(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
                "scopes_supported": ["openid"],
            }
        )

    async def _published(self, _request: Request) -> Response:
        return JSONResponse(self._keys.published())

    async def _style(self, _request: Request) -> Response:
        return Response(_STYLE, media_type="text/css")

    async def _ask(self, request: Request) -> Response:
        """Let somebody choose who they are; a ``login_hint`` is a choice that was made elsewhere."""
        query = request.query_params
        asked = self._asked({name: query.get(name, "") for name in _FIELDS})
        if asked is None:
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        people = await run_in_threadpool(self._personas)
        hint = query.get("login_hint", "").strip().lower()
        chosen = [person for person in people if hint and person.email == hint]
        if len(chosen) == 1:
            return self._granted(asked, chosen[0].id)
        language = "en" if query.get("ui_locales", "fr").startswith("en") else "fr"
        return HTMLResponse(_page(people, {n: query.get(n, "") for n in _FIELDS}, language), headers=_HEADERS)

    async def _choose(self, request: Request) -> Response:
        form = await _form(request)
        asked = self._asked({name: form.get(name, "") for name in _FIELDS})
        people = await run_in_threadpool(self._personas)
        chosen = next((person for person in people if str(person.id) == form.get("member")), None)
        if asked is None or chosen is None:
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        return self._granted(asked, chosen.id)

    def _asked(self, given: dict[str, str]) -> _Asked | None:
        target, ours = urlsplit(given["redirect_uri"]), urlsplit(self.address)
        at_home = (target.scheme, target.netloc) == (ours.scheme, ours.netloc)
        pkce = given["code_challenge_method"] == "S256" and given["code_challenge"]
        if not (at_home and pkce and given["client_id"] == CLIENT_ID and given["response_type"] == "code"):
            return None
        return _Asked(
            client_id=given["client_id"],
            redirect_uri=given["redirect_uri"],
            state=given["state"],
            nonce=given["nonce"],
            challenge=given["code_challenge"],
        )

    def _granted(self, asked: _Asked, subject: UUID) -> Response:
        now = time.time()
        self._codes = {code: granted for code, granted in self._codes.items() if granted.until > now}
        while len(self._codes) >= _MOST_CODES:
            self._codes.pop(next(iter(self._codes)))
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Granted(asked, subject, now + _CODE_SECONDS)
        separator = "&" if urlsplit(asked.redirect_uri).query else "?"
        target = f"{asked.redirect_uri}{separator}{urlencode({'code': code, 'state': asked.state})}"
        return RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})

    async def _exchange(self, request: Request) -> Response:
        """Exchange a code, once, for tokens; whoever asked must know what they derived the challenge from."""
        form = await _form(request)
        granted = self._codes.pop(form.get("code", ""), None)
        now = int(time.time())
        if (
            granted is None
            or granted.until <= now
            or form.get("grant_type") != "authorization_code"
            or form.get("client_id") != granted.asked.client_id
            or form.get("redirect_uri") != granted.asked.redirect_uri
            or not secrets.compare_digest(challenge(form.get("code_verifier", "")), granted.asked.challenge)
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        claims = {
            "iss": self.issuer,
            "sub": str(granted.subject),
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + _ID_TOKEN_SECONDS,
            "nonce": granted.asked.nonce,
        }
        told = {
            "access_token": access_token(self._keys, self.issuer, granted.subject),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": self._keys.sign(claims),
        }
        return JSONResponse(told, headers={"Cache-Control": "no-store"})


_FIELDS: Final = (
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)

_STYLE: Final = """\
:root { color-scheme: light dark; }
body { font: 1.0625rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 34rem; padding: 2rem 1rem; }
button { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem;
  background: none; cursor: pointer; color: inherit; font: inherit; margin: .25rem 0;
  min-height: 2.75rem; padding: .5rem 1rem; text-align: start; width: 100%; }
button:hover, button:focus-visible { border-color: currentColor; outline: 2px solid currentColor; }
small { display: block; opacity: .75; }
"""


def _route(path: str, handler: Callable[[Request], Awaitable[Response]], method: str) -> Route:
    return Route(path, handler, methods=[method])


async def _form(request: Request) -> dict[str, str]:
    found = parse_qs((await request.body()).decode("ascii", "replace"))
    return {name: values[0] for name, values in found.items()}


def _page(people: Sequence[Persona], asked: dict[str, str], language: str) -> str:
    def say(key: str) -> str:
        return html.escape(label(key, language))

    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in asked.items()
    )
    sections: dict[str, list[Persona]] = {}
    for person in people:
        sections.setdefault(person.organization, []).append(person)
    body = ""
    for organization, members in sections.items():
        body += f"<h2>{html.escape(organization)}</h2>"
        for person in members:
            roles = ", ".join(say(f"role/{role}") for role in person.roles)
            body += (
                f'<button name="member" value="{person.id}">{html.escape(person.name)}'
                f"<small>{roles} · {html.escape(person.email)}</small></button>"
            )
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{say("identity/title")}</title>'
        f'<link rel="stylesheet" href="issuer.css"><main><h1>{say("identity/title")}</h1>'
        f'<p>{say("identity/explained")}</p><form method="post" action="authorize">{hidden}'
        f"{body or say('identity/nobody')}</form></main></html>"
    )
