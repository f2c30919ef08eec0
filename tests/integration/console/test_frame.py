"""What every page shares: who may come in, what a form must carry, what a browser is told, in what words."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import text

from engine.states.choices import Role
from tests import build
from tests.integration.console.conftest import HOST, Browser, Console


@pytest.fixture
def owner(at: Console) -> Browser:
    return at.browser(at.clinic.world.owner)


async def test_nobody_is_led_to_where_they_sign_in_and_back(at: Console) -> None:
    nobody = at.browser()
    answer = await nobody.get("/needs-you")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/needs-you")


@pytest.mark.parametrize("token", ["", "x" * 43, "x" * 5000])
async def test_what_is_no_session_is_nobody(at: Console, token: str) -> None:
    nobody = at.browser()
    answer = await nobody.get("/", headers={"cookie": f"passation={token}"})
    assert answer.status_code == 303


async def test_each_persona_finds_a_home_with_the_menu_of_their_roles(at: Console) -> None:
    world = at.clinic.world
    for member_id, practises in (
        (world.owner, True),
        (world.coordinator, False),
        (world.administrator, False),
    ):
        answer = await at.browser(member_id).get("/")
        assert answer.status_code == 200
        assert "Bonjour" in answer.text
        assert ('href="/records"' in answer.text) is practises


async def test_pages_speak_the_language_of_the_member(at: Console) -> None:
    with at.clinic.database.write() as session:
        english = build.member(session, at.clinic.world.organization, language="en")
    answer = await at.browser(english).get("/")
    assert 'lang="en"' in answer.text
    assert "What needs you" in answer.text
    assert answer.headers["content-language"] == "en"


async def test_a_stranger_is_spoken_to_in_the_language_of_their_browser(at: Console) -> None:
    nobody = at.browser()
    french = await nobody.get("/nowhere")
    english = await nobody.get("/nowhere", headers={"accept-language": "de, en-CA;q=0.8"})
    assert "existe pas. L" in french.text
    assert "There is no such page" in english.text
    assert french.status_code == english.status_code == 404


async def test_every_answer_carries_the_headers_that_keep_it_to_itself(at: Console, owner: Browser) -> None:
    for path in ("/", "/nowhere", "/static/console.css", "/sign-in?next=/"):
        answer = await owner.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert (await owner.get("/")).headers["cache-control"] == "no-store"
    assert "immutable" in (await owner.get("/static/console.css")).headers["cache-control"]


async def test_a_fault_is_a_page_that_tells_nobody_anything(
    at: Console, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a secret of Camille")

    monkeypatch.setattr(at.desk, "needs", fails)
    answer = await owner.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Un problème est survenu" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_form_without_the_token_of_its_session_changes_nothing(at: Console, owner: Browser) -> None:
    other = await at.browser(at.clinic.world.new_owner).get("/")
    stolen = re.search(r'name="csrf" value="([^"]+)"', other.text)
    assert stolen
    for csrf in ("", "x", stolen[1]):
        answer = await owner.http.post("/sign-out", data={"csrf": csrf})
        assert answer.status_code == 403
        assert "Ce formulaire" in answer.text
    assert (await owner.get("/")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://elsewhere.test"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
async def test_a_form_from_another_site_changes_nothing(owner: Browser, headers: dict[str, str]) -> None:
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await owner.get("/")).text)
    assert csrf
    answer = await owner.http.post("/sign-out", data={"csrf": csrf[1]}, headers=headers)
    assert answer.status_code == 403


async def test_a_form_from_our_own_page_is_taken(owner: Browser) -> None:
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await owner.get("/")).text)
    assert csrf
    headers = {"origin": HOST, "sec-fetch-site": "same-origin"}
    answer = await owner.http.post("/sign-out", data={"csrf": csrf[1]}, headers=headers)
    assert answer.status_code == 303
    assert (await owner.get("/")).status_code == 303


async def test_more_than_a_form_can_hold_is_not_read(owner: Browser) -> None:
    answer = await owner.http.post("/sign-out", content=b"x" * 2_100_000)
    assert answer.status_code in {400, 413}

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 10_000

    answer = await owner.http.post(
        "/sign-out",
        content=endless(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code in {400, 413}


async def test_a_session_ends_when_the_member_is_deactivated(at: Console, owner: Browser) -> None:
    world = at.clinic.world
    at.desk.deactivate(world.administrator, world.owner)
    assert (await owner.get("/")).status_code == 303
    at.desk.activate(world.administrator, world.owner)
    assert (await owner.get("/")).status_code == 303


async def test_a_role_is_in_the_menu_at_the_very_next_page(at: Console) -> None:
    """ROLE-2."""
    world = at.clinic.world
    browser = at.browser(world.administrator)
    assert 'href="/records"' not in (await browser.get("/")).text
    at.desk.grant(world.administrator, world.administrator, Role.PRACTITIONER)
    assert 'href="/records"' in (await browser.get("/")).text


async def test_a_session_ends_by_itself(at: Console, owner: Browser) -> None:
    begun = datetime.now(UTC)
    with time_machine.travel(begun + timedelta(minutes=119), tick=False):
        assert (await owner.get("/")).status_code == 200
    with time_machine.travel(begun + timedelta(minutes=230), tick=False):
        assert (await owner.get("/")).status_code == 200, "who asks for pages stays"
    with time_machine.travel(begun + timedelta(minutes=360), tick=False):
        assert (await owner.get("/")).status_code == 303, "who does not, goes"
    fresh = at.browser(at.clinic.world.owner)
    with time_machine.travel(begun + timedelta(hours=13), tick=False):
        assert (await fresh.get("/")).status_code == 303


async def test_what_a_browser_holds_is_kept_nowhere(at: Console, owner: Browser) -> None:
    with at.clinic.database.read() as session:
        (digest,) = session.execute(text("SELECT digest FROM sessions")).one()
        logged = session.execute(text("SELECT action FROM events WHERE action LIKE 'session.%'")).all()
    assert owner.token not in {None, digest}
    assert [line.action for line in logged] == ["session.begin"]


async def test_what_was_said_is_shown_once_and_to_nobody_else(at: Console, owner: Browser) -> None:
    answer = await owner.get("/", headers={"cookie": f"passation={owner.token}; passation-said=W10.forged"})
    assert answer.status_code == 200
    assert 'class="said' not in answer.text
