"""
What every page shares: who visits, how a page is made, what a form sends, where one goes next.

A page is a function of a router in ``pages``. It asks for a ``Visitor`` (``Here``), or, where something is
sent, for ``Posted``, whose token was checked; it asks the service (``Engine``), and answers with ``page`` or
``redirect``. It decides nothing, and lets ``EngineError`` pass: the frame shows it as a page.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

from fastapi import Depends, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine import catalogue
from engine.console import navigation, words
from engine.errors import BadInput, EngineError, NotFound
from engine.pages import NEEDS_YOU
from engine.service import Service
from engine.states.choices import Role

TEMPLATES: Final = Path(__file__).parent / "templates"
STATIC: Final = Path(__file__).parent / "static"
_FLASH: Final = "passation-said"
_FLASH_SECONDS: Final = 60
_MOST_FIELDS: Final = 500
_LONGEST_TOKEN: Final = 128
_W = TypeVar("_W", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who is signed in; their roles are those of this very moment (ROLE-2)."""

    id: UUID
    name: str
    email: str
    roles: frozenset[Role]
    language: str
    organization: str
    time_zone: str
    needs: int
    accepts_records: bool
    #: What a form of theirs must carry.
    csrf: str
    #: What their browser holds; only the frame uses it.
    token: str

    def acts_as(self, role: Role) -> bool:
        """Say whether they hold a role."""
        return role in self.roles

    def say(self, sentence: str, /, **values: str | int) -> str:
        """Give a sentence in their language."""
        return words.say(self.language, sentence, **values)

    def label(self, key: str, /, **values: str | int) -> str:
        """Give a label of the shared catalogues in their language."""
        return catalogue.label(key, self.language, **values)

    def sentence(self, error: EngineError) -> str:
        """Say what is wrong and what to do next, in their language."""
        return catalogue.sentence(error, self.language)


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer."""


class Refused(Exception):
    """A form did not come from a page of ours: its token is missing or another session's."""


class Fields:
    """What a form sent; a reading that fails raises ``BadInput``."""

    def __init__(self, form: FormData) -> None:
        self._form = form

    def text(self, name: str) -> str:
        """Give a text, as it was typed but for blanks around it; nothing where it is missing."""
        found = self._form.get(name)
        return found.replace("\r\n", "\n").strip() if isinstance(found, str) else ""

    def texts(self, name: str) -> list[str]:
        """Give every text of that name."""
        return [found for found in self._form.getlist(name) if isinstance(found, str)]

    def flag(self, name: str) -> bool:
        """Say whether a box is ticked."""
        return bool(self.text(name))

    def number(self, name: str) -> int | None:
        """Give a whole number; nothing where there is none."""
        found = self.text(name)
        return int(found) if found.isascii() and found.isdigit() else None

    def identifier(self, name: str) -> UUID | None:
        """Give an id; nothing where there is none."""
        return identifier(self.text(name))

    def choice(self, name: str, among: type[_W]) -> _W | None:
        """Give one word of a vocabulary; nothing where it is missing, or another."""
        found = self.text(name)
        return among(found) if found in set(among) else None

    async def file(self, name: str) -> bytes | None:
        """Give the bytes of a file; nothing where none was chosen."""
        found = self._form.get(name)
        return await found.read() or None if isinstance(found, UploadFile) else None


@dataclass(frozen=True, slots=True)
class Post:
    """What somebody sent with a form of ours."""

    visitor: Visitor
    fields: Fields

    @property
    def key(self) -> str | None:
        """The form's own key: sent twice, it is one command (MOVE-3)."""
        return self.fields.text("key")[:64] or None


def service_of(request: Request) -> Service:
    """Give the service that every page asks."""
    found: Service = request.app.state.service
    return found


def visitor_of(request: Request) -> Visitor:
    """Say who visits. Raises ``SignInNeeded``."""
    token = request.cookies.get(session_cookie(request), "")
    if not token or len(token) > _LONGEST_TOKEN:
        raise SignInNeeded
    seen = service_of(request).desk.visitor(token)
    if seen is None:
        raise SignInNeeded
    member = seen.member
    visitor = Visitor(
        id=member.id,
        name=member.name,
        email=member.email,
        roles=frozenset(member.roles),
        language="en" if member.language == "en" else "fr",
        organization=seen.organization,
        time_zone=seen.time_zone,
        needs=seen.needs,
        accepts_records=member.accepts_records,
        csrf=_sealed(token, b"form"),
        token=token,
    )
    request.state.visitor = visitor
    return visitor


async def _posted(request: Request) -> Post:
    visitor = await run_in_threadpool(visitor_of, request)
    fields = await sent(request, visitor.csrf)
    return Post(visitor, fields)


Here = Annotated[Visitor, Depends(visitor_of)]
Posted = Annotated[Post, Depends(_posted)]
Engine = Annotated[Service, Depends(service_of)]


async def sent(request: Request, csrf: str) -> Fields:
    """Read a form that carries a token. Raises ``Refused`` for any other."""
    check_origin(request)
    form = await request.form(max_files=2, max_fields=_MOST_FIELDS)
    given = form.get("csrf")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), csrf.encode()):
        raise Refused
    return Fields(form)


def check_origin(request: Request) -> None:
    """Refuse what a page of another site sends, where the browser says so; the token is checked besides."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused
    origin = request.headers.get("origin")
    if origin is None:
        return
    ours = {request.headers.get("host", "")}
    address = request.app.state.settings.address
    if address is not None:
        ours.add(urlsplit(address).netloc)
    if urlsplit(origin).netloc not in ours:
        raise Refused


def identifier(text: str) -> UUID | None:
    """Read an id; nothing where it is none."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def named(text: str, missing: NotFound) -> UUID:
    """Read the id of an address; something else names nothing (VIS-11)."""
    found = identifier(text)
    if found is None:
        raise missing
    return found


# -- pages -------------------------------------------------------------------------------------------------


def page(request: Request, template: str, /, status: int = 200, **values: object) -> HTMLResponse:
    """Make a page of a template; somebody who is signed in finds their menu and their bell in it."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    language = visitor.language if visitor else language_of(request)
    said = None if visitor is None else _said(request, visitor)
    text = (
        _environment(language)
        .get_template(template)
        .render(
            request=request,
            path=request.url.path,
            visitor=visitor,
            menu=list(navigation.menu(visitor.roles)) if visitor else [],
            needs_you=NEEDS_YOU,
            said=said,
            label=partial(_label, language),
            day=partial(words.day, language),
            written_day=lambda found: words.day(language, date.fromisoformat(found)),
            instant=lambda found: words.instant(language, found, visitor.time_zone if visitor else "UTC"),
            local_day=lambda found: words.local_day(language, found, visitor.time_zone if visitor else "UTC"),
            once=lambda: secrets.token_urlsafe(16),
            **values,
        )
    )
    answer = HTMLResponse(text, status_code=status, headers={"Content-Language": language})
    if said is not None:
        answer.delete_cookie(_FLASH, path="/")
    return answer


def redirect(request: Request, path: str, said: str | None = None, *, bad: bool = False) -> RedirectResponse:
    """Go on to a page with the next request, which shows once what was said, in the visitor's language."""
    answer = RedirectResponse(path, status_code=303)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if said is not None and visitor is not None:
        body = base64.urlsafe_b64encode(json.dumps([said, bad]).encode()).decode()
        value = f"{body}.{_sealed(visitor.token, body.encode())}"
        set_cookie(request, answer, _FLASH, value, max_age=_FLASH_SECONDS)
    return answer


def failed(request: Request, error: EngineError, *, back: str | None = None) -> HTMLResponse:
    """Show an error as a page: what is wrong, what to do next, and a way back."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    language = visitor.language if visitor else language_of(request)
    told = catalogue.sentence(error, language)
    return page(request, "error.html", status=error.status, told=told, kind=error.status, back=back)


def language_of(request: Request) -> str:
    """Give the language of somebody who is not known yet: French, unless their browser prefers English."""
    for wanted in request.headers.get("accept-language", "").split(","):
        code = wanted.split(";")[0].strip().lower()[:2]
        if code in catalogue.LANGUAGES:
            return code
    return "fr"


def required(found: _W | None, field: str) -> _W:
    """Insist on a choice. Raises ``BadInput``."""
    if found is None:
        raise BadInput("empty", field=field)
    return found


@cache
def version() -> str:
    """Name what the static files are now: a browser asks for them again when it changes."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


@cache
def _environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]
        partial(words.gettext, language), partial(words.ngettext, language), newstyle=True
    )
    made.globals |= {"language": language, "version": version()}
    made.filters["initials"] = lambda name: "".join(word[0] for word in name.split()[:2]).upper()
    made.filters["role"] = lambda role: catalogue.label(f"role/{role}", language)
    return made


def _label(language: str, key: str, /, **values: str | int) -> str:
    return catalogue.label(key, language, **values)


# -- cookies -----------------------------------------------------------------------------------------------


def session_cookie(request: Request) -> str:
    """Name the cookie of a session; over HTTPS the name binds it to this very host."""
    return "__Host-passation" if is_secure(request) else "passation"


def is_secure(request: Request) -> bool:
    """Say whether people reach us by HTTPS, here or at a proxy before us."""
    address: str | None = request.app.state.settings.address
    return request.url.scheme == "https" or (address or "").startswith("https://")


def set_cookie(request: Request, answer: Response, name: str, value: str, *, max_age: int) -> None:
    """Give the browser something to hold, which no script reads and no other site makes it send."""
    answer.set_cookie(
        name, value, max_age=max_age, path="/", httponly=True, samesite="lax", secure=is_secure(request)
    )


def _said(request: Request, visitor: Visitor) -> Mapping[str, Any] | None:
    """Give what the last request said, if it was said to this session."""
    body, _, seal = request.cookies.get(_FLASH, "").partition(".")
    if not body or not hmac.compare_digest(seal.encode(), _sealed(visitor.token, body.encode()).encode()):
        return None
    text, bad = json.loads(base64.urlsafe_b64decode(body))
    return {"text": text, "bad": bad}


def _sealed(token: str, what: bytes) -> str:
    """Derive something from a session that nobody else can."""
    made = hmac.new(token.encode(), what, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def sign_in_address(path: str) -> str:
    """Give the page to sign in at, which leads back."""
    return "/sign-in" if path == "/" else f"/sign-in?next={quote(path)}"
