"""The console on a real database, asked as a browser asks; nobody's session but those that a test begins."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from engine.console.app import console
from engine.desk.desk import Desk
from engine.records.database import Database
from engine.service import Service
from engine.settings import Settings
from engine.web import local_issuer
from tests.integration.handover.clinic import Clinic, hurried
from tests.postgresql.places import Place

HOST = "http://console.test"


async def no_server() -> Any:  # noqa: ANN401
    """Reach no Temporal server: what must be durable is tried elsewhere."""
    raise AssertionError


class Form(HTMLParser):
    """The forms of a page, with the fields that a browser would send."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self._form: dict[str, str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = {"": found.get("action", "")}
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and "name" in found:
            ticks = found.get("type") in {"checkbox", "radio"}
            if not ticks or "checked" in found:
                self._form[found["name"]] = found.get("value", "on" if ticks else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


@dataclass
class Browser:
    """Somebody at the console."""

    http: httpx2.AsyncClient
    token: str | None = None
    pages: list[str] = field(default_factory=list)

    async def get(self, path: str, **more: Any) -> httpx2.Response:  # noqa: ANN401
        return await self.http.get(path, **more)

    async def post(self, path: str, /, **fields: str) -> httpx2.Response:
        """Send a form, with the token of the visitor's pages."""
        csrf = Form((await self.get("/")).text).forms[0]["csrf"]
        return await self.http.post(path, data={"csrf": csrf, **fields})


@dataclass
class Console:
    """The application, the clinic behind it, and a browser for anybody."""

    app: FastAPI
    clinic: Clinic
    desk: Desk
    browsers: list[Browser] = field(default_factory=list)

    def browser(self, member_id: UUID | None = None) -> Browser:
        """Open a browser, of somebody who is signed in, or of nobody."""
        token = None if member_id is None else self.desk.begin_session(member_id)
        cookies = {} if token is None else {"passation": token}
        opened = Browser(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=HOST, cookies=cookies),
            token,
        )
        self.browsers.append(opened)
        return opened


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    opened = hurried(place)
    yield opened
    opened.close()


@pytest.fixture
async def at(database: Database, tmp_path: Path) -> AsyncIterator[Console]:
    """The console of a clinic."""
    desk = Desk(database)
    settings = Settings(data=tmp_path / "data")
    provider, local = local_issuer(settings, desk, HOST)
    app = console(Service(desk, no_server), provider, settings)
    app.mount("/issuer", local.app)
    made = Console(app, Clinic(database), desk)
    yield made
    await provider.close()
    for browser in made.browsers:
        await browser.http.aclose()
