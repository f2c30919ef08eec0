"""The journey of two practitioners: hand a record over and take it, in both languages, on both screens."""

import re
from itertools import count

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.clinic import ADMIN, CORALIE, LEA, MAX, NOUR
from tests.browser.conftest import DESKTOP, PHONE, Open, Site, english

_numbers = count(301)


@pytest.mark.parametrize(("size", "screen"), [(DESKTOP, "wide"), (PHONE, "phone")])
def test_a_record_changes_hands_in_french(site: Site, visit: Open, size: ViewportSize, screen: str) -> None:
    number = f"D-00{next(_numbers)}"
    record = site.clinic.record(LEA, number, "Suivi d'anxiété", "Dominique Tremblay")
    lea = visit(f"fr-{screen}", size=size)
    lea.go("/sign-in")
    lea.look("00-connexion")
    lea.sign_in(LEA)
    lea.look("01-accueil")
    lea.go("/records")
    lea.look("02-dossiers")
    lea.page.get_by_role("link", name=number, exact=True).click()
    lea.look("03-dossier")
    lea.page.get_by_role("link", name="Transférer ce dossier").click()
    lea.page.get_by_label("À qui").select_option(label="Max Côté, Psychologue")
    lea.page.get_by_label("Pourquoi").select_option(label="Départ")
    lea.page.get_by_label("Un mot pour la personne").fill("Merci de reprendre ce suivi.")
    lea.look("04-choisir")
    lea.page.get_by_role("button", name="Voir ce qui se passera").click()
    expect(lea.page.get_by_role("heading", level=1)).to_have_text("Si Max Côté accepte")
    lea.look("05-consequences")
    lea.page.get_by_role("button", name="Demander à Max Côté").click()
    expect(lea.page.get_by_role("status")).to_contain_text("Vous avez demandé à Max Côté")
    lea.look("06-demande")

    max_ = visit(f"fr-{screen}", size=size)
    max_.sign_in(MAX)
    max_.look("07-accueil-recoit")
    max_.go("/transfers")
    max_.look("08-en-cours")
    max_.page.get_by_role("link", name=number, exact=True).click()
    expect(max_.page.get_by_text("Dominique")).to_have_count(0)
    max_.look("09-repondre")
    max_.page.get_by_role("button", name="Accepter le dossier").click()
    expect(max_.page.get_by_role("status")).to_contain_text("Vous êtes maintenant responsable")
    max_.look("10-accepte")
    max_.page.get_by_role("link", name="Reçu à imprimer").click()
    max_.page.screenshot(path=max_._pictures / f"fr-{screen}-11-recu.png", full_page=True)
    max_.go(f"/records/{record}")
    expect(max_.page.get_by_role("heading", level=1)).to_have_text("Suivi d'anxiété")

    lea.go(f"/records/{record}")
    expect(lea.page.get_by_text("Ceci est une copie archivée")).to_be_visible()
    lea.look("12-copie")
    lea.go("/preferences")
    lea.look("13-preferences")


def test_a_record_is_refused_without_scripts_in_english(site: Site, visit: Open) -> None:
    number = f"D-00{next(_numbers)}"
    record = site.clinic.record(LEA, number, "Suivi", "Claude Bouchard")
    with english(site, LEA, MAX):
        lea = visit("en-bare", language="en", scripts=False)
        lea.sign_in(LEA)
        lea.go(f"/records/{record}/transfer")
        lea.page.get_by_label("To whom").select_option(label="Max Côté, Psychologue")
        lea.page.get_by_label("Why").select_option(label="Absence")
        lea.page.get_by_label("Keep an archived copy").uncheck()
        lea.page.get_by_role("button", name="See what will happen").click()
        expect(lea.page.get_by_role("heading", name=re.compile("withheld"))).to_be_visible()
        lea.page.get_by_role("button", name="Ask Max Côté").click()
        expect(lea.page.get_by_role("status")).to_contain_text("You asked Max Côté")
        address = lea.page.url

        max_ = visit("en-wide", language="en")
        max_.sign_in(MAX)
        max_.page.goto(address)
        max_.page.get_by_text("Refuse", exact=True).click()
        max_.page.get_by_label("Reason").fill("My caseload is full until spring.")
        max_.look("01-refuse")
        max_.page.get_by_role("button", name="Refuse the record").click()
        expect(max_.page.get_by_role("status")).to_contain_text("You refused")
        lea.page.goto(address)
        expect(lea.page.get_by_text("My caseload is full until spring.")).to_be_visible()
        lea.go("/needs-you")
        expect(lea.page.get_by_text(number)).to_be_visible()


def test_a_request_is_taken_back_with_the_keyboard_alone(site: Site, visit: Open) -> None:
    number = f"D-00{next(_numbers)}"
    record = site.clinic.record(LEA, number, "Suivi", "Sasha Gagnon")
    lea = visit("fr-keyboard")
    lea.sign_in(LEA)
    lea.go(f"/records/{record}")
    page = lea.page
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Aller au contenu")
    press_to(page, "Transférer ce dossier")
    page.keyboard.press("Enter")
    page.wait_for_url("**/transfer")
    press_to_label(page, "to")
    page.keyboard.type("Max")
    press_to_label(page, "purpose")
    page.keyboard.type("Abs")
    press_to(page, "Voir ce qui se passera")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("accepte")
    press_to(page, "Demander à Max Côté")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_be_visible()
    press_to(page, "Annuler la demande")
    page.keyboard.press("Enter")
    press_to_label(page, "why")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Annuler la demande")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("La demande est annulée")


@pytest.mark.parametrize("email", [ADMIN, CORALIE, NOUR])
def test_each_persona_has_a_home_that_keeps_nobody_out(visit: Open, email: str) -> None:
    for size, screen in ((DESKTOP, "wide"), (PHONE, "phone")):
        somebody = visit(f"home-{screen}", size=size)
        somebody.sign_in(email)
        somebody.look(email.partition("@")[0])
        somebody.page.locator("details.account summary").click()
        somebody.look(f"{email.partition('@')[0]}-menu")
        somebody.page.get_by_role("button", name="Se déconnecter").click()
        expect(somebody.page.get_by_role("status")).to_contain_text("déconnecté")
        somebody.go("/nowhere")
        somebody.look("404")


def press_to(page: Page, text: str, most: int = 80) -> None:
    """Press the tabulator until something with a text has the focus, which is seen."""
    for _ in range(most):
        if (page.locator(":focus").all_inner_texts() or [""])[0].strip() == text:
            outline = page.locator(":focus").evaluate("e => getComputedStyle(e).outlineStyle")
            assert outline != "none"
            return
        page.keyboard.press("Tab")
    raise AssertionError(text)


def press_to_label(page: Page, identifier: str, most: int = 80) -> None:
    """Press the tabulator until a field has the focus."""
    for _ in range(most):
        if page.evaluate("document.activeElement?.id") == identifier:
            return
        page.keyboard.press("Tab")
    raise AssertionError(identifier)
