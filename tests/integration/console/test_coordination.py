"""The coordinator's pages: numbers and never content, a wizard that survives a reload, steps with reasons."""

import csv
import io
import json
import re
from uuid import UUID

import pytest

from engine.states.choices import Role
from engine.states.transfer import TransferState
from tests import build
from tests.integration.caseload.running import Caseload
from tests.integration.console.conftest import Browser, Console
from tests.permissions.nearby import Nearby

PAGES = ("/coordination", "/oversight", "/bulk", "/calls")


@pytest.fixture
def coordinator(at: Console) -> Browser:
    at.app.state.service = Nearby(at.desk, at.clinic.database)
    return at.browser(at.clinic.world.coordinator)


@pytest.fixture
def secrets(at: Console) -> list[str]:
    """A confidential record of the owner's, and content in the other: what no coordinator reads."""
    world = at.clinic.world
    with at.clinic.database.write() as session:
        client = build.client(session, world.organization, name="Quentin Secret")
        build.record(
            session, world.owner, [client], number="CONF-7", title="Dossier très secret", confidential=True
        )
        build.note(session, world.holding, body="Une note que personne ne lit ici")
    return ["CONF-7", "très secret", "Quentin", "que personne ne lit ici"]


def choice(at: Console, **more: str) -> str:
    world = at.clinic.world
    asked = "&".join(f"{name}={value}" for name, value in more.items())
    return f"/coordination/people/{world.owner}/all/preview?purpose=departure&to={world.new_owner}&{asked}"


def alike(page: str, typed: str) -> str:
    """Leave out what was typed, and the key that every form has of its own."""
    return re.sub(r'name="key" value="[^"]+"', "", page).replace(typed, "")


def fingerprint(page: str) -> str:
    found = re.search(r'name="fingerprint" value="([0-9a-f]{64})"', page)
    assert found, page
    return found[1]


class TestWhoSeesWhat:
    async def test_a_coordinator_reads_numbers_and_never_content(
        self, at: Console, coordinator: Browser, secrets: list[str]
    ) -> None:
        """VIS-1, VIS-2."""
        world = at.clinic.world
        read = [
            await coordinator.get(path)
            for path in (
                *PAGES,
                f"/coordination/people/{world.owner}",
                f"/coordination/people/{world.owner}/all",
                f"/coordination/people/{world.owner}/all/split",
                choice(at),
                choice(at, confidential_records="1"),
                f"/coordination/people/{world.owner}/records/{world.record}?to={world.new_owner}",
            )
        ]
        assert [answer.status_code for answer in read] == [200] * len(read)
        assert not [(answer.url, one) for answer in read for one in secrets if one in answer.text]
        assert {answer.headers["cache-control"] for answer in read} == {"no-store"}
        # A confidential record is a count only.
        assert "1 dossier confidentiel" in read[5].text

    @pytest.mark.parametrize("role", [Role.PRACTITIONER, Role.ADMINISTRATOR])
    async def test_no_other_role_opens_record_management(self, at: Console, role: Role) -> None:
        """ROLE-4."""
        world = at.clinic.world
        other = at.browser(world.owner if role is Role.PRACTITIONER else world.administrator)
        for path in (
            "/coordination",
            f"/coordination/people/{world.owner}",
            f"/coordination/people/{world.owner}/all",
            f"/coordination/people/{world.owner}/all/split",
            choice(at),
            "/oversight",
        ):
            answer = await other.get(path)
            assert answer.status_code == 403, path
            assert "2025" not in answer.text
        answer = await other.post(
            f"/coordination/people/{world.owner}/all", count="1", to=str(world.new_owner)
        )
        assert answer.status_code == 403

    async def test_the_role_counts_from_the_very_next_page(self, at: Console, coordinator: Browser) -> None:
        """ROLE-2, ROLE-5."""
        world = at.clinic.world
        assert (await coordinator.get("/coordination")).status_code == 200
        with at.clinic.database.write() as session:
            build.member(session, world.organization, Role.COORDINATOR)
        at.desk.grant(world.administrator, world.coordinator, Role.PRACTITIONER)
        at.desk.revoke(world.administrator, world.coordinator, Role.COORDINATOR)
        assert (await coordinator.get("/coordination")).status_code == 403

    async def test_nobody_of_another_organization_exists(self, at: Console, coordinator: Browser) -> None:
        """VIS-8, VIS-11: a stranger's page reads as that of nobody at all."""
        with at.clinic.database.write() as session:
            elsewhere = build.world(session)
        for path in (
            "/coordination/people/{}",
            "/coordination/people/{}/all",
            "/coordination/people/{}/all/split",
        ):
            theirs = await coordinator.get(path.format(elsewhere.owner))
            nobody = await coordinator.get(path.format(UUID(int=7)))
            nothing = await coordinator.get(path.format("x"))
            assert theirs.status_code == nobody.status_code == nothing.status_code == 404
            assert theirs.text == nobody.text == nothing.text


class TestFinding:
    async def test_practitioners_are_found_by_any_word_of_theirs(
        self, at: Console, coordinator: Browser
    ) -> None:
        with at.clinic.database.write() as session:
            build.member(session, at.clinic.world.organization, first_name="Zoé", last_name="Kowalski")
        found = await coordinator.post("/coordination", words="kowal zoé")
        assert "Zoé Kowalski" in found.text
        assert "1 personne<" in found.text
        nobody = await coordinator.post("/coordination", words="personne de ce nom")
        assert "Personne ne correspond" in nobody.text

    async def test_a_record_is_found_by_number_and_a_confidential_one_never(
        self, at: Console, coordinator: Browser, secrets: list[str]
    ) -> None:
        """VIS-2; what was typed is in no address."""
        world = at.clinic.world
        with at.clinic.database.write() as session:
            build.record(session, world.owner, [world.client], number="2031-0042")
        page = f"/coordination/people/{world.owner}"
        found = await coordinator.post(page, words="2031-0042")
        assert "1 dossier trouvé" in found.text
        assert "0042" not in str(found.url)
        for words in ("CONF-7", "très secret"):
            hidden = await coordinator.post(page, words=words)
            absent = await coordinator.post(page, words="ZZZZ-9")
            assert "Aucun dossier de cette personne" in hidden.text
            assert alike(hidden.text, words) == alike(absent.text, "ZZZZ-9")


class TestOneRecord:
    async def test_the_preview_says_what_moves_before_anything_is_asked(
        self, at: Console, coordinator: Browser
    ) -> None:
        world = at.clinic.world
        page = f"/coordination/people/{world.owner}/records/{world.record}"
        shown = await coordinator.get(f"{page}?to={world.new_owner}&purpose=absence")
        assert "Transmis" in shown.text
        assert at.desk.transfers(world.coordinator).transfers == []
        asked = await coordinator.post(page, to=str(world.new_owner), purpose="absence", key="one")
        assert asked.status_code == 303
        (made,) = at.desk.transfers(world.coordinator).transfers
        assert asked.headers["location"] == f"/oversight/{made.id}"
        assert made.purpose == "absence"
        # The same form sent twice is one command (MOVE-3).
        again = await coordinator.post(page, to=str(world.new_owner), purpose="absence", key="one")
        assert again.headers["location"] == asked.headers["location"]

    async def test_a_denial_is_said_on_the_page_with_what_was_typed(
        self, at: Console, coordinator: Browser
    ) -> None:
        """ELIG-3."""
        world = at.clinic.world
        with at.clinic.database.write() as session:
            busy = build.member(session, world.organization, accepts_records=False)
        page = f"/coordination/people/{world.owner}/records/{world.record}"
        denied = await coordinator.post(
            page, to=str(busy), purpose="absence", message="Merci <b>à vous</b>", key="two"
        )
        assert denied.status_code == 403
        assert "ne prend pas de nouveaux dossiers" in denied.text
        assert "--insist" not in denied.text
        assert "Merci &lt;b&gt;à vous&lt;/b&gt;" in denied.text
        insisted = await coordinator.post(page, to=str(busy), purpose="absence", insist="1", key="three")
        assert insisted.status_code == 303


class TestWizard:
    async def test_the_choice_is_in_the_address_and_survives_a_reload(
        self, at: Console, coordinator: Browser
    ) -> None:
        world = at.clinic.world
        sent = await coordinator.post(
            f"/coordination/people/{world.owner}/all/preview",
            purpose="departure",
            to=str(world.new_owner),
            raw_data="1",
            how="only",
            listed="",
        )
        assert sent.status_code == 303
        address = sent.headers["location"]
        first, second = await coordinator.get(address), await coordinator.get(address)
        assert fingerprint(first.text) == fingerprint(second.text)
        assert 'name="raw_data" value="1"' in first.text
        assert f'value="{world.new_owner}"' in first.text

    async def test_a_list_travels_with_the_form_and_in_no_address(
        self, at: Console, coordinator: Browser
    ) -> None:
        """BULK-1."""
        world = at.clinic.world
        with at.clinic.database.write() as session:
            build.record(session, world.owner, [world.client], number="2031-0001")
            build.record(session, world.owner, [world.client], number="2031-0002")
        page = f"/coordination/people/{world.owner}/all/preview"
        shown = await coordinator.post(
            page, purpose="departure", to=str(world.new_owner), how="only", listed="2031-0001"
        )
        assert shown.status_code == 200
        assert "1 dossier serait demandé" in shown.text
        assert "autres dossiers actifs, non choisis" in shown.text
        assert 'name="listed" value="2031-0001"' in shown.text
        wrong = await coordinator.post(
            page, purpose="departure", to=str(world.new_owner), how="only", listed="2031-0001\n=cmd()"
        )
        assert wrong.status_code == 422
        assert "2" in wrong.text
        assert ">2031-0001\n=cmd()</textarea>" in wrong.text

    async def test_nothing_starts_before_the_number_is_typed(self, at: Console, coordinator: Browser) -> None:
        world = at.clinic.world
        shown = await coordinator.get(choice(at))
        for count in ("", "2", "un", "1.0"):
            answer = await coordinator.post(
                f"/coordination/people/{world.owner}/all",
                purpose="departure",
                to=str(world.new_owner),
                fingerprint=fingerprint(shown.text),
                count=count,
            )
            assert answer.status_code == 422
            assert "Le nombre tapé" in answer.text
        assert at.desk.bulks(world.coordinator) == []

    async def test_what_changed_since_it_was_shown_is_shown_again(
        self, at: Console, coordinator: Browser
    ) -> None:
        """BULK-2."""
        world = at.clinic.world
        shown = fingerprint((await coordinator.get(choice(at))).text)
        with at.clinic.database.write() as session:
            build.record(session, world.owner, [world.client])
        answer = await coordinator.post(
            f"/coordination/people/{world.owner}/all",
            purpose="departure",
            to=str(world.new_owner),
            fingerprint=shown,
            count="1",
        )
        assert answer.status_code == 403
        assert "2 dossiers seraient demandés" in answer.text
        assert fingerprint(answer.text) != shown
        assert at.desk.bulks(world.coordinator) == []

    async def test_nobody_chosen_is_said_in_the_words_of_the_page(
        self, at: Console, coordinator: Browser
    ) -> None:
        answer = await coordinator.get(f"/coordination/people/{at.clinic.world.owner}/all/preview")
        assert answer.status_code == 422
        assert "Cochez au moins" in answer.text
        assert "--to" not in answer.text


class TestCaseload:
    async def test_its_page_its_progress_and_its_reports(
        self, at: Console, coordinator: Browser, secrets: list[str]
    ) -> None:
        """BULK-4; a confidential record has no number anywhere (VIS-2)."""
        caseload = Caseload(at.clinic)
        caseload.launch(include_confidential_records=True)
        page = f"/bulk/{caseload.bulk_id}"
        shown, live = await coordinator.get(f"{page}?show=all"), await coordinator.get(f"{page}/live")
        assert 'hx-trigger="every 2s"' in shown.text
        assert "Dossiers réglés : 0 sur 2" in live.text.replace("\u00a0", " ")
        assert "<html" not in live.text
        as_csv, as_json = (
            await coordinator.get(f"{page}/report.csv"),
            await coordinator.get(f"{page}/report.json"),
        )
        rows = list(csv.DictReader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
        assert len(rows) == len(json.loads(as_json.text)["items"]) == 2
        assert "attachment" in as_csv.headers["content-disposition"]
        for answer in (shown, live, as_csv, as_json):
            assert not [one for one in secrets if one in answer.text]

    async def test_whom_it_asks_goes_to_their_own_page_and_others_find_nothing(
        self, at: Console, coordinator: Browser
    ) -> None:
        """VIS-11."""
        world, caseload = at.clinic.world, Caseload(at.clinic)
        caseload.launch()
        asked = await at.browser(world.new_owner).get(f"/bulk/{caseload.bulk_id}")
        assert asked.headers["location"] == f"/bulk/{caseload.bulk_id}/answer"
        with at.clinic.database.write() as session:
            elsewhere = build.world(session)
        stranger = at.browser(elsewhere.coordinator)
        theirs, nothing = (
            await stranger.get(f"/bulk/{caseload.bulk_id}"),
            await stranger.get(f"/bulk/{UUID(int=7)}"),
        )
        assert theirs.status_code == nothing.status_code == 404
        assert theirs.text == nothing.text
        for report in ("report.csv", "report.json"):
            assert (
                await at.browser(world.administrator).get(f"/bulk/{caseload.bulk_id}/{report}")
            ).status_code in {
                403,
                404,
            }


class TestSteppingIn:
    @pytest.fixture
    def transfer(self, at: Console) -> UUID:
        world = at.clinic.world
        with at.clinic.database.write() as session:
            return build.transfer(session, world.record, world.new_owner)

    async def test_open_transfers_are_listed_with_filters(
        self, at: Console, coordinator: Browser, transfer: UUID
    ) -> None:
        world = at.clinic.world
        assert str(transfer) in (await coordinator.get("/oversight")).text
        for asked, listed in (
            (f"state=any&from={world.owner}", True),
            (f"state=any&from={world.new_owner}", False),
            ("state=accepted", False),
            ("older=99999", False),
        ):
            assert (str(transfer) in (await coordinator.get(f"/oversight?{asked}")).text) is listed, asked
        wrong = await coordinator.get("/oversight?older=demain")
        assert wrong.status_code == 422
        assert "--older-than" not in wrong.text

    async def test_a_reason_is_needed_and_what_was_typed_stays(
        self, at: Console, coordinator: Browser, transfer: UUID
    ) -> None:
        """ST-2."""
        with at.clinic.database.write() as session:
            third = build.member(session, at.clinic.world.organization)
        for step in ("reassign", "impose", "cancel"):
            assert (await coordinator.get(f"/oversight/{transfer}/{step}")).status_code == 200
            denied = await coordinator.post(f"/oversight/{transfer}/{step}", to=str(third), reason="  ")
            assert denied.status_code in {403, 422}, step
        found = at.desk.transfer(at.clinic.world.coordinator, transfer)
        assert found.state is TransferState.PENDING_ACCEPTANCE

    async def test_reassign_extend_cancel(self, at: Console, coordinator: Browser, transfer: UUID) -> None:
        """OVR-1, ST-3."""
        world = at.clinic.world
        with at.clinic.database.write() as session:
            third = build.member(session, world.organization, first_name="Tess", last_name="Tremblay")
        done = await coordinator.post(
            f"/oversight/{transfer}/reassign", to=str(third), reason="En congé", key="r"
        )
        assert done.status_code == 303
        found = at.desk.transfer(world.coordinator, transfer)
        assert found.new_owner == "Tess Tremblay"
        assert found.respond_by is not None
        until = found.respond_by.date().replace(year=found.respond_by.year + 1).replace(day=1)
        later = await coordinator.post(f"/oversight/{transfer}/extend", until=until.isoformat(), key="e")
        assert later.status_code in {303, 403}
        assert (await coordinator.post(f"/oversight/{transfer}/extend", until="demain")).status_code == 422
        over = await coordinator.post(f"/oversight/{transfer}/cancel", reason="Erreur", key="c")
        assert over.status_code == 303
        assert at.desk.transfer(world.coordinator, transfer).state is TransferState.CANCELLED
        shown = await coordinator.get(f"/oversight/{transfer}")
        assert "annulé" in shown.text
        assert "/reassign" not in shown.text

    async def test_a_step_on_what_has_changed_since_is_denied(
        self, at: Console, coordinator: Browser, transfer: UUID
    ) -> None:
        """MOVE-3."""
        stale = at.desk.transfer(at.clinic.world.coordinator, transfer).version
        await coordinator.post(f"/oversight/{transfer}/extend", until="2027-01-15", key="first")
        answer = await coordinator.post(
            f"/oversight/{transfer}/cancel", reason="Erreur", version=str(stale + 50), key="second"
        )
        assert answer.status_code == 403
        assert "Erreur</textarea>" in answer.text

    async def test_only_coordinators_step_in(self, at: Console, coordinator: Browser, transfer: UUID) -> None:
        """ROLE-4, OVR-1."""
        world = at.clinic.world
        for member_id in (world.owner, world.new_owner, world.administrator):
            other = at.browser(member_id)
            answer = await other.post(f"/oversight/{transfer}/impose", reason="Parce que")
            assert answer.status_code in {403, 404}
        assert at.desk.transfer(world.owner, transfer).state is TransferState.PENDING_ACCEPTANCE

    async def test_an_unknown_step_is_no_page(self, coordinator: Browser, transfer: UUID) -> None:
        assert (await coordinator.get(f"/oversight/{transfer}/accept")).status_code == 404
        assert (await coordinator.post(f"/oversight/{transfer}/accept", reason="x")).status_code == 404


async def test_a_form_without_its_token_changes_nothing(at: Console, coordinator: Browser) -> None:
    world = at.clinic.world
    with at.clinic.database.write() as session:
        transfer = build.transfer(session, world.record, world.new_owner)
    for path in (
        f"/coordination/people/{world.owner}/all",
        f"/oversight/{transfer}/impose",
        f"/oversight/{transfer}/cancel",
        "/calls/1",
    ):
        answer = await coordinator.http.post(path, data={"csrf": "forged", "reason": "x", "count": "1"})
        assert answer.status_code == 403
        assert "Ce formulaire" in answer.text
