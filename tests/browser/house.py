"""A clinic for whoever coordinates and administers: real processes, sixty records, and a real browser."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from engine.cli.dev import DevStack
from engine.settings import Settings
from engine.states.choices import Role
from engine.wiring import open_database, open_desk, prepare_database
from tests import build

Scheme = Literal["light", "dark"]
RECORDS: Final = 60
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
_AXE: Final = Path(__file__).parent / "axe.min.js"
_VIOLATIONS: Final = """axe.run().then(found => found.violations.map(
  one => one.id + ': ' + one.nodes.map(node => node.html.slice(0, 160)).join(' | ')))"""
#: What stands partly outside of what holds it, and so is cut off.
_CUT: Final = """() => [...document.querySelectorAll('.wrap a, .wrap button, .wrap td')].filter(one => {
  const holder = one.closest('.wrap').getBoundingClientRect(), box = one.getBoundingClientRect();
  return getComputedStyle(one.closest('.wrap')).overflow === 'hidden' && box.right > holder.right + 1;
}).map(one => 'cut off: ' + one.outerHTML.slice(0, 120))"""


@dataclass
class House:
    """The processes of a clinic, and its people."""

    stack: DevStack
    people: dict[str, UUID]
    pictures: Path

    @cached_property
    def address(self) -> str:
        """Where its console is."""
        assert self.stack.web_url is not None
        return self.stack.web_url

    def session(self, who: str) -> str:
        """Sign somebody in; how one signs in is tried elsewhere."""
        desk = open_desk(self.stack.settings, os_uid=None)
        token = desk.begin_session(self.people[who])
        desk.database.close()
        return token

    def desk(self) -> Any:  # noqa: ANN401
        """Open the desk, to see what became of things."""
        return open_desk(self.stack.settings, os_uid=None)

    def visit(
        self,
        browser: Browser,
        who: str,
        *,
        size: ViewportSize = DESKTOP,
        scheme: Scheme = "light",
        scripts: bool = True,
    ) -> BrowserContext:
        """Open a browser window of somebody who is signed in."""
        opened = browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=scripts)
        opened.add_cookies([{"name": "passation", "value": self.session(who), "url": self.address}])
        return opened

    def picture(self, page: Page, name: str) -> None:
        """Keep a picture, to be looked at."""
        page.screenshot(path=self.pictures / f"{name}.png", full_page=True)


@contextmanager
def house(data: Path, pictures: Path) -> Iterator[House]:
    """Start the processes of a clinic on a data folder."""
    settings = Settings(data=data)
    prepare_database(settings)
    people = _people(settings)
    pictures.mkdir(parents=True, exist_ok=True)
    with DevStack(settings, lambda: None, web=True) as stack:
        yield House(stack, people, pictures)


def pictures_folder(otherwise: Path) -> Path:
    """Give where pictures go: outside of the repository."""
    return Path(os.environ.get("PASSATION_PICTURES") or otherwise)


def flaws(page: Page) -> list[str]:
    """Say what keeps somebody out: what axe finds, and a page that is wider than its window."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(_VIOLATIONS)
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    if page.evaluate(wider) > 0:
        found.append("wider than the window")
    found += page.evaluate(_CUT)
    return [f"{page.url}: {one}" for one in found]


def _people(settings: Settings) -> dict[str, UUID]:
    database = open_database(settings)
    soon = datetime.now(UTC) + timedelta(days=9)
    with database.write() as session:
        clinic = build.organization(session, name="Clinique du Parc")

        def member(first: str, last: str, *roles: Role, **more: Any) -> UUID:  # noqa: ANN401
            return build.member(session, clinic, *roles, first_name=first, last_name=last, **more)

        people = {
            "administrator": member("Ariane", "Simard", Role.ADMINISTRATOR, title=""),
            "coordinator": member("Chloé", "Gagnon", Role.COORDINATOR, title=""),
            "second": member("Hélène", "Côté", Role.COORDINATOR, Role.PRACTITIONER, accepts_records=False),
            "leaver": member("Denis", "Lavoie"),
            "élise": member("Élise", "Roy"),
            "farid": member("Farid", "Haddad", title="Travailleur social"),
            "gone": member("Gaétan", "Morin", active=False),
            "english": member("Emma", "Ross", Role.COORDINATOR, Role.ADMINISTRATOR, title="", language="en"),
        }
        for number in range(RECORDS):
            client = build.client(session, clinic, name=f"Cliente {number}")
            made = build.record(
                session, people["leaver"], [client], number=f"2025-{number:04}", title=f"Suivi {number}"
            )
            build.note(session, made.holding_id)
            build.document(session, made.holding_id)
            if number % 5 == 0:
                build.raw_datum(session, made.holding_id)
                build.task(session, made.holding_id)
                build.note(session, made.holding_id, confidential=True)
            if number % 7 == 0:
                build.appointment(session, made.record_id, people["leaver"], client_id=client, starts_at=soon)
        for owner, how_many, confidential in (
            ("leaver", 3, True), ("gone", 4, False), ("élise", 8, False), ("farid", 4, False),
        ):  # fmt: skip
            for _ in range(how_many):
                client = build.client(session, clinic)
                build.record(session, people[owner], [client], confidential=confidential)
    database.close()
    return people
