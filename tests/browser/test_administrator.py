"""An administrator gives a role and takes it back, removes an access, and changes a policy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from engine.states.choices import Role
from tests.browser.house import DESKTOP, PHONE, House, Scheme, flaws, house, pictures_folder

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with house(folder / "data", pictures_folder(folder / "pictures")) as opened:
        yield opened


def test_every_page_of_theirs_is_for_everybody(browser: Browser, clinic: House) -> None:
    """WCAG 2.2 AA by axe: light and dark, on a phone and on a desktop, both languages."""
    leaver, gone = clinic.people["leaver"], clinic.people["gone"]
    pages = {
        "members": "/management/members",
        "inactive": "/management/members?show=inactive",
        "new": "/management/members/new",
        "grant": f"/management/members/{leaver}/grant/coordinator",
        "revoke": f"/management/members/{clinic.people['coordinator']}/revoke/coordinator",
        "remove": f"/management/members/{leaver}/remove",
        "held": f"/management/members/{gone}/held",
        "title": f"/management/members/{leaver}/title",
        "policies": "/management/policies",
        "policy": "/management/policies/basis-required",
        "titles": "/management/policies/raw-data-titles",
        "quarantine": "/management/quarantine",
        "copies": "/management/copies",
        "destruction": "/management/destruction",
        "organization": "/management/organization",
    }
    found = []
    looks: list[tuple[str, ViewportSize, Scheme]] = [
        ("administrator", DESKTOP, "light"),
        ("administrator", PHONE, "dark"),
        ("english", DESKTOP, "dark"),
        ("english", PHONE, "light"),
    ]
    for who, size, scheme in looks:
        with clinic.visit(browser, who, size=size, scheme=scheme) as window:
            page = window.new_page()
            for name, path in pages.items():
                answer = page.goto(f"{clinic.address}{path}")
                assert answer is not None
                assert answer.status == 200, path
                clinic.picture(page, f"{name}-{who}-{size['width']}-{scheme}")
                found += flaws(page)
    assert found == []


@pytest.mark.parametrize("scripts", [True, False])
def test_a_role_given_and_taken_by_keyboard_alone(browser: Browser, clinic: House, *, scripts: bool) -> None:
    """ROLE-2: the three dots, Add to coordinators, Yes, I want to continue; and back by the same steps."""
    farid = clinic.people["farid"]
    with clinic.visit(browser, "administrator", scripts=scripts) as window:
        page = window.new_page()
        page.goto(f"{clinic.address}/management/members")
        page.get_by_label("Actions pour Farid Haddad").press("Enter")
        clinic.picture(page, "menu")
        page.get_by_role("link", name="Ajouter à la coordination").and_(
            page.locator(f"[href*='{farid}']")
        ).press("Enter")
        page.get_by_role("button", name="Oui, je veux continuer").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Farid Haddad a maintenant le rôle")
        assert Role.COORDINATOR in clinic.desk().facts_of(farid).roles
        page.get_by_label("Actions pour Farid Haddad").press("Enter")
        page.get_by_role("link", name="Retirer de la coordination").and_(
            page.locator(f"[href*='{farid}']")
        ).press("Enter")
        page.get_by_role("button", name="Oui, je veux continuer").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("plus le rôle")
        assert Role.COORDINATOR not in clinic.desk().facts_of(farid).roles


def test_access_removed_with_what_is_held_shown_first(browser: Browser, clinic: House) -> None:
    """ROLE-6: on a phone."""
    with clinic.visit(browser, "administrator", size=PHONE) as window:
        page = window.new_page()
        page.goto(f"{clinic.address}/management/members")
        page.get_by_label("Actions pour Élise Roy").click()
        page.get_by_role("link", name="Retirer l").and_(
            page.locator(f"[href*='{clinic.people['élise']}']")
        ).click()
        expect(page.get_by_text("Ce que détient encore Élise Roy")).to_be_visible()
        page.get_by_role("button", name="Oui, je veux continuer").click()
        expect(page.get_by_role("status").first).to_contain_text("plus accès")
        clinic.picture(page, "removed")
        assert flaws(page) == []


def test_a_policy_is_changed(browser: Browser, clinic: House) -> None:
    with clinic.visit(browser, "administrator") as window:
        page = window.new_page()
        page.goto(f"{clinic.address}/management/policies")
        page.get_by_role("link", name="Changer : délai pour répondre").click()
        page.get_by_label("Durée").fill("0")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert flaws(page) == []
        page.get_by_label("Durée").fill("21")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_text("21 jours")).to_be_visible()
