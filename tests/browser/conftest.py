"""
Real pages in a real browser: `passation dev` on a folder of its own, with the issuer of the folder.

Pictures go to ``PASSATION_PICTURES``, a folder outside the repository, or to one that is removed. Somebody
looks at them before a page is called good.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from engine import wiring
from engine.cli.dev import DevStack
from engine.desk.desk import Desk
from engine.settings import Settings
from tests.browser.clinic import Clinic, build
from tests.checker.checking import check

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
AXE = Path(__file__).with_name("axe.min.js")
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.browser)


class Site(NamedTuple):
    """The console, where it is, and the clinic behind it."""

    url: str
    clinic: Clinic
    stack: DevStack


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything that `passation dev` runs, as it runs it, on a clinic; the rules hold at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("PASSATION_", "TEMPORAL_")) and name != "PASSATION_PICTURES":
                patch.delenv(name)
        settings = Settings(data=tmp_path_factory.mktemp("site") / "data")
        with DevStack(settings, lambda: wiring.prepare_database(settings), web=True) as stack:
            desk = Desk(wiring.open_database(settings), signer=wiring.open_signer(settings))
            assert stack.web_url
            yield Site(stack.web_url, build(desk), stack)
            desk.database.close()
        assert check(settings.database_file) == []


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one for all; windows are a test's own."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of pages go."""
    named = os.environ.get("PASSATION_PICTURES")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Visit:
    """Somebody in a browser, and everything that the pages complained of."""

    def __init__(self, site: Site, context: BrowserContext, pictures: Path, name: str) -> None:
        self.site = site
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self._pictures = pictures
        self._name = name
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: Any) -> None:  # noqa: ANN401
        # That a page answers 404 is what some tests ask for; a policy that was broken never is.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def sign_in(self, email: str) -> None:
        """Go the whole way: the console, the issuer's page, a person there, and back."""
        self.go("/sign-in")
        self.page.get_by_role("link", name=re.compile("Se connecter|Sign in")).click()
        self.page.get_by_role("button", name=re.compile(re.escape(email))).click()
        self.page.wait_for_url(f"{self.site.url}/")

    def go(self, path: str) -> None:
        """Open a page of the console."""
        self.page.goto(f"{self.site.url}{path}")

    def look(self, name: str) -> None:
        """Take a picture of the whole page, and find nothing that keeps anybody out, in light and in dark."""
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            self.page.screenshot(path=self._pictures / f"{self._name}-{name}-{scheme}.png", full_page=True)
            assert violations(self.page) == [], f"{name} ({scheme})"
        self.page.emulate_media(color_scheme="light")
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{name} is wider than the screen by {wide}"


def violations(page: Page) -> list[str]:
    """Ask axe-core what keeps people out of a page (WCAG 2.2 AA)."""
    # Evaluated by the debugger: the page's own policy lets no such script in.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        """() => axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
        "best-practice"]})"""
    )
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


Open = Callable[..., Any]


@pytest.fixture
def visit(site: Site, browser: Browser, pictures: Path, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open a browser for somebody; at the end no page has complained, of a policy above all."""
    opened: list[tuple[BrowserContext, Visit]] = []

    def start(
        name: str, *, size: ViewportSize = DESKTOP, language: str = "fr", scripts: bool = True
    ) -> Visit:
        context = browser.new_context(
            viewport=size,
            locale=f"{language}-CA",
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        context.set_default_timeout(20_000)
        made = Visit(site, context, pictures, name)
        opened.append((context, made))
        return made

    yield start
    for context, made in opened:
        context.close()
        assert made.complaints == []


@contextmanager
def english(site: Site, *people: str) -> Iterator[None]:
    """Let some people read English for a while."""
    for email in people:
        site.clinic.desk.set_language(site.clinic.people[email], "en")
    try:
        yield
    finally:
        for email in people:
            site.clinic.desk.set_language(site.clinic.people[email], "fr")
