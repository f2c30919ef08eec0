"""Signing in with the issuer of the data folder: the way there and back, and what stops on it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from engine.console.throttle import TRIES, WINDOW_SECONDS, Throttle
from tests import build
from tests.integration.console.conftest import HOST, Browser, Console


async def _there(browser: Browser, email: str, onward: str = "/") -> str:
    """Go to the issuer as somebody; give the address to come back to."""
    asked = await browser.get("/sign-in/start", params={"next": onward, "as": email})
    assert asked.status_code == 303
    chosen = await browser.get(asked.headers["location"])
    assert chosen.status_code == 303
    back: str = chosen.headers["location"]
    assert back.startswith(f"{HOST}/sign-in/back?")
    return back


@pytest.fixture
def email(at: Console) -> str:
    with at.clinic.database.write() as session:
        build.member(session, at.clinic.world.organization, email="camille@clinique.example")
    return "camille@clinique.example"


async def test_somebody_signs_in_and_reaches_the_page_that_they_wanted(at: Console, email: str) -> None:
    browser = at.browser()
    answer = await browser.get(await _there(browser, email, "/needs-you"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/needs-you")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("passation="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await browser.get("/needs-you")).status_code == 200


async def test_a_session_planted_beforehand_is_not_the_one_that_is_used(at: Console, email: str) -> None:
    """Fixation: what a browser held before it signed in opens nothing afterwards."""
    browser = at.browser()
    browser.http.cookies.set("passation", "planted" * 6, domain="console.test")
    await browser.get(await _there(browser, email))
    assert (await at.browser().get("/", headers={"cookie": f"passation={'planted' * 6}"})).status_code == 303


async def test_signing_in_again_ends_the_session_before(at: Console, email: str) -> None:
    owner = at.browser(at.clinic.world.owner)
    await owner.get(await _there(owner, email))
    stolen = await at.browser().get("/", headers={"cookie": f"passation={owner.token}"})
    assert stolen.status_code == 303
    assert "camille@clinique.example" in (await owner.get("/")).text


async def test_the_way_back_works_once_and_in_the_browser_that_began_it(at: Console, email: str) -> None:
    browser = at.browser()
    back = await _there(browser, email)
    elsewhere = await at.browser().get(back)
    assert elsewhere.status_code == 400
    assert "Connectez-vous de nouveau" in elsewhere.text
    assert (await browser.get(back)).status_code == 303
    again = await at.browser().get(back)
    assert again.status_code == 400


async def test_a_code_begun_by_somebody_else_signs_nobody_in(at: Console, email: str) -> None:
    mine, theirs = at.browser(), at.browser()
    await _there(mine, email)
    state = parse_qs(urlsplit(await _there(mine, email)).query)["state"][0]
    code = parse_qs(urlsplit(await _there(theirs, email)).query)["code"][0]
    answer = await mine.get("/sign-in/back", params={"state": state, "code": code})
    assert answer.status_code == 401
    assert (await mine.get("/")).status_code == 303


@pytest.mark.parametrize(
    "onward", ["https://elsewhere.test/", "//elsewhere.test", "/\\elsewhere.test", "javascript:x", "/a\r\nb"]
)
async def test_the_way_back_leads_nowhere_else(at: Console, email: str, onward: str) -> None:
    browser = at.browser()
    answer = await browser.get(await _there(browser, email, onward))
    assert answer.headers["location"] == "/"


async def test_somebody_who_left_does_not_sign_in(at: Console, email: str) -> None:
    browser = at.browser()
    back = await _there(browser, email)
    member_id = at.desk.member_by_email(email)
    at.desk.deactivate(at.clinic.world.administrator, member_id)
    answer = await browser.get(back)
    assert answer.status_code == 401
    assert (await browser.get("/")).status_code == 303


async def test_whoever_tries_too_often_waits(at: Console) -> None:
    browser = at.browser()
    answers = [(await browser.get("/sign-in/start")).status_code for _ in range(TRIES + 1)]
    assert answers == [303] * TRIES + [429]


def test_tries_are_forgotten_after_a_while() -> None:
    now = 0.0
    throttle = Throttle(clock=lambda: now)
    assert [throttle.allows("a") for _ in range(TRIES + 1)] == [True] * TRIES + [False]
    assert throttle.allows("b")
    now = WINDOW_SECONDS
    assert throttle.allows("a")


async def test_signing_out_ends_the_session_for_whoever_copied_it(at: Console) -> None:
    owner = at.browser(at.clinic.world.owner)
    answer = await owner.post("/sign-out")
    assert answer.headers["location"] == "/sign-in?left=1"
    assert "Vous êtes déconnecté" in (await owner.get("/sign-in?left=1")).text
    stolen = await at.browser().get("/", headers={"cookie": f"passation={owner.token}"})
    assert stolen.status_code == 303
