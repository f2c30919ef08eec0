"""A coordinator moves a caseload of sixty with one preview and one confirmation, and may leave."""

import asyncio
import csv
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from engine.states.bulk import Answer, BulkState
from engine.wiring import open_service
from tests.browser.house import DESKTOP, PHONE, RECORDS, House, Scheme, flaws, house, pictures_folder

pytestmark = [pytest.mark.slow, pytest.mark.browser]
#: A transfer of sixty takes some seconds; a machine under load takes more.
PATIENCE = 180_000


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with house(folder / "data", pictures_folder(folder / "pictures")) as opened:
        yield opened


def choose(page: Page, clinic: House) -> None:
    """Go from the list of practitioners to what would happen."""
    page.goto(f"{clinic.address}/coordination")
    page.get_by_role("link", name="Transférer tous les dossiers de Denis Lavoie").click()
    page.get_by_role("button", name="Suite").click()
    page.get_by_label("Élise Roy").check()
    page.get_by_label("Farid Haddad").check()
    page.get_by_role("button", name="Suite").click()


def test_every_page_of_theirs_is_for_everybody(browser: Browser, clinic: House) -> None:
    """WCAG 2.2 AA by axe: light and dark, on a phone and on a desktop, both languages."""
    leaver, to = clinic.people["leaver"], clinic.people["élise"]
    pages = {
        "practitioners": "/coordination",
        "person": f"/coordination/people/{leaver}",
        "choose": f"/coordination/people/{leaver}/all",
        "split": f"/coordination/people/{leaver}/all/split?purpose=departure",
        "preview": f"/coordination/people/{leaver}/all/preview?purpose=departure&to={to}",
        "transfers": "/oversight",
        "caseloads": "/bulk",
        "calls": "/calls",
        "needs": "/needs-you",
    }
    found = []
    looks: list[tuple[str, ViewportSize, Scheme]] = [
        ("coordinator", DESKTOP, "light"),
        ("coordinator", PHONE, "dark"),
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


def test_sixty_records_survive_a_reload_and_the_death_of_the_worker(browser: Browser, clinic: House) -> None:
    """BULK-1, BULK-2, BULK-4: choose, divide, look, type the number, leave, come back, read the report."""
    with clinic.visit(browser, "coordinator") as window:
        page = window.new_page()
        choose(page, clinic)
        page.reload()
        expect(page.get_by_text(re.compile(f"{RECORDS} dossiers seraient demandés"))).to_be_visible()
        page.get_by_label("Pour confirmer").fill("59")
        page.get_by_role("button", name="Lancer le transfert").click()
        expect(page.get_by_role("alert")).to_contain_text("pas celui")
        page.get_by_label("Pour confirmer").fill(str(RECORDS))
        page.get_by_role("button", name="Lancer le transfert").click()
        expect(page.get_by_role("heading", name="Dossiers de Denis Lavoie")).to_be_visible()
        address = page.url
        clinic.stack.kill_worker()
        clinic.picture(page, "caseload-killed")
        page.reload()
        expect(page.get_by_role("progressbar")).to_be_visible()
        page.close()

        clinic.stack.wait_ready()
        page = window.new_page()
        page.goto(address)
        # The page follows by itself, without a reload.
        expect(page.locator("#live")).to_contain_text(
            re.compile(rf"{RECORDS}\s*attend une réponse|attend une réponse\s*{RECORDS}"), timeout=PATIENCE
        )
        clinic.picture(page, "caseload-asked")
        assert flaws(page) == []

        _answer_all(clinic)
        expect(page.get_by_role("heading", name="Terminé")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("Rien ne demande votre intervention.")).to_be_visible()
        # Where every record has changed hands, nothing is offered again.
        expect(page.get_by_text("tous les dossiers ont changé de mains")).to_be_visible()
        expect(page.get_by_role("button", name="Redemander")).to_have_count(0)
        clinic.picture(page, "caseload-finished")
        assert flaws(page) == []
        with page.expect_download() as csv_file:
            page.get_by_role("link", name="Télécharger (CSV)").click()
        with page.expect_download() as json_file:
            page.get_by_role("link", name="Télécharger (JSON)").click()
        with Path(csv_file.value.path()).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        report = json.loads(Path(json_file.value.path()).read_text(encoding="utf-8"))
        assert {row["stands"] for row in rows[:RECORDS]} == {"accepted"}
        assert len(report["items"]) == RECORDS
        assert report["bulk"]["confidential_left_out"] == 3
    assert clinic.desk().bulks(clinic.people["coordinator"])[0].state is BulkState.FINISHED


def _answer_all(clinic: House) -> None:
    """Accept in one gesture, as both recipients do on their own pages (BULK-5)."""
    (bulk,) = clinic.desk().bulks(clinic.people["coordinator"])
    service = open_service(clinic.stack.settings)

    async def accept() -> None:
        for who in ("élise", "farid"):
            await service.bulks.answer(clinic.people[who], bulk.id, Answer.ACCEPT)

    # In a thread of its own: the browser's loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, accept()).result()


def test_pause_resume_and_stop_without_a_script_or_a_mouse(browser: Browser, clinic: House) -> None:
    """Every page works without JavaScript, and by keyboard alone (ROLE-5, BULK-4)."""
    with clinic.visit(browser, "coordinator", scripts=False) as window:
        page = window.new_page()
        page.goto(f"{clinic.address}/coordination")
        page.get_by_role("link", name="Transférer tous les dossiers de Élise Roy").press("Enter")
        page.get_by_role("button", name="Suite").press("Enter")
        page.get_by_label("Farid Haddad").press("Space")
        page.get_by_role("button", name="Suite").press("Enter")
        count = re.search(r"(\d+)$", page.get_by_text("Pour confirmer").inner_text())
        assert count
        page.get_by_label("Pour confirmer").press_sequentially(count[1])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Dossiers de Élise Roy")).to_be_visible()
        page.get_by_role("button", name="Mettre en pause").press("Enter")
        expect(page.get_by_role("heading", name="En pause")).to_be_visible()
        page.get_by_role("button", name="Reprendre").press("Enter")
        expect(page.get_by_role("heading", name="En cours")).to_be_visible()
        page.get_by_text("Arrêter définitivement").first.press("Enter")
        page.get_by_label("Annuler aussi").press("Space")
        page.get_by_label("Motif").press_sequentially("Changement de plan")
        page.get_by_role("button", name="Arrêter définitivement").press("Enter")
        expect(page.get_by_role("heading", name="Arrêté")).to_be_visible()
        deadline = time.monotonic() + PATIENCE / 1000
        while page.get_by_text("attend une réponse").count() and time.monotonic() < deadline:
            time.sleep(0.5)
            page.reload()
        expect(page.locator("#live").get_by_text("annulé")).to_be_visible()
        clinic.picture(page, "caseload-stopped")


def test_one_record_by_keyboard_then_reassigned(browser: Browser, clinic: House) -> None:
    """OVR-1: a record is looked for, asked for, and given to somebody else with a reason."""
    with clinic.visit(browser, "coordinator") as window:
        page = window.new_page()
        page.goto(f"{clinic.address}/coordination/people/{clinic.people['gone']}")
        number = (
            clinic.desk()
            .bulk_preview(clinic.people["coordinator"], clinic.people["gone"], [clinic.people["farid"]])
            .lines[0]
            .record_number
        )
        page.get_by_label("Le trouver").press_sequentially(number)
        page.keyboard.press("Enter")
        page.get_by_role("link", name=f"Transférer {number}").press("Enter")
        page.get_by_label("Qui prend la suite?").select_option(str(clinic.people["farid"]))
        page.get_by_role("button", name="Voir ce qui se passerait").press("Enter")
        clinic.picture(page, "record-preview")
        assert flaws(page) == []
        page.get_by_role("button", name="Demander le transfert").press("Enter")
        expect(page.get_by_text("en attente")).to_be_visible()
        clinic.picture(page, "transfer")
        assert flaws(page) == []
        page.get_by_role("link", name="Demander à quelqu").press("Enter")
        assert flaws(page) == []
        clinic.picture(page, "reassign")
        page.get_by_label("Qui prend la suite?").select_option(str(clinic.people["élise"]))
        page.get_by_label("Motif").press_sequentially("En congé")
        page.get_by_role("button", name="Demander à cette personne").press("Enter")
        expect(page.get_by_text("à Élise Roy")).to_be_visible()
