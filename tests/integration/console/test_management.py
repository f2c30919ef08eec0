"""The administrator's pages: members, roles, access, policies, quarantine; content never."""

import re
from uuid import UUID

import pytest

from engine.states.choices import Role
from tests import build
from tests.integration.console.conftest import Browser, Console

PAGES = (
    "/management/members",
    "/management/members?show=inactive",
    "/management/policies",
    "/management/quarantine",
    "/management/copies",
    "/management/destruction",
    "/management/organization",
)


@pytest.fixture
def administrator(at: Console) -> Browser:
    return at.browser(at.clinic.world.administrator)


class TestWhoSeesWhat:
    async def test_an_administrator_opens_every_page(self, at: Console, administrator: Browser) -> None:
        with at.clinic.database.write() as session:
            build.note(session, at.clinic.world.holding, body="Une note que personne ne lit ici")
        for path in PAGES:
            answer = await administrator.get(path)
            assert answer.status_code == 200, path
            assert "que personne ne lit ici" not in answer.text

    async def test_others_find_no_menu_and_change_nothing(self, at: Console) -> None:
        """ROLE-4: what every member may read stays readable, and nothing can be pressed."""
        world = at.clinic.world
        for member_id in (world.owner, world.coordinator):
            other = at.browser(member_id)
            listed = await other.get("/management/members")
            assert 'class="dots"' not in listed.text
            for path in ("/management/quarantine", "/management/copies", "/management/destruction"):
                assert (await other.get(path)).status_code == 403, path
            for path, fields in (
                (f"/management/members/{member_id}/grant/administrator", {}),
                (f"/management/members/{world.new_owner}/remove", {}),
                ("/management/policies/impose-allowed", {"value": "no"}),
                ("/management/organization/reply-to", {"address": "moi@clinique.example"}),
                (f"/management/members/{world.new_owner}/title", {"title": "Reine"}),
            ):
                answer = await other.post(path, **fields)
                assert answer.status_code == 403, path
        kept = {one.id: one for one in at.desk.members(world.administrator)}
        assert kept[world.new_owner].active
        assert kept[world.owner].roles == [Role.PRACTITIONER]

    async def test_a_form_without_its_token_changes_nothing(
        self, at: Console, administrator: Browser
    ) -> None:
        world = at.clinic.world
        for path in (
            f"/management/members/{world.owner}/grant/coordinator",
            f"/management/members/{world.owner}/remove",
            "/management/policies/impose-allowed",
        ):
            answer = await administrator.http.post(path, data={"csrf": "", "value": "no"})
            assert answer.status_code == 403
        assert all(one.active for one in at.desk.members(world.administrator))


class TestRoles:
    async def test_a_role_is_given_after_a_confirmation_and_taken_the_same_way(
        self, at: Console, administrator: Browser
    ) -> None:
        """ROLE-2."""
        world = at.clinic.world
        page = f"/management/members/{world.owner}/grant/coordinator"
        assert page in (await administrator.get("/management/members")).text
        asked = await administrator.get(page)
        assert "Oui, je veux continuer" in asked.text
        assert Role.COORDINATOR not in at.desk.facts_of(world.owner).roles, "asking changes nothing"
        assert (await administrator.post(page)).status_code == 303
        assert Role.COORDINATOR in at.desk.facts_of(world.owner).roles
        back = f"/management/members/{world.owner}/revoke/coordinator"
        assert back in (await administrator.get("/management/members")).text
        assert (await administrator.post(back)).status_code == 303
        assert Role.COORDINATOR not in at.desk.facts_of(world.owner).roles

    async def test_taking_the_last_coordinator_says_what_would_wait(
        self, at: Console, administrator: Browser
    ) -> None:
        """ST-1."""
        world = at.clinic.world
        with at.clinic.database.write() as session:
            gone = build.member(session, world.organization, active=False)
            build.record(session, gone, [world.client])
        asked = await administrator.get(f"/management/members/{world.coordinator}/revoke/coordinator")
        assert re.search(r"dossiers de membres inactifs 1", asked.text)

    async def test_the_last_administrator_and_a_last_role_stay(
        self, at: Console, administrator: Browser
    ) -> None:
        """ROLE-1."""
        world = at.clinic.world
        for member_id, role in ((world.administrator, "administrator"), (world.owner, "practitioner")):
            denied = await administrator.post(f"/management/members/{member_id}/revoke/{role}")
            assert denied.status_code == 403
            assert 'role="alert"' in denied.text
            assert "passation member" not in denied.text
        assert (await administrator.get(f"/management/members/{world.owner}/grant/king")).status_code == 404

    async def test_whoever_is_elsewhere_is_nobody(self, at: Console, administrator: Browser) -> None:
        """VIS-8, VIS-11."""
        with at.clinic.database.write() as session:
            elsewhere = build.world(session).owner
        for path in ("grant/coordinator", "remove", "title", "activate", "held"):
            theirs = await administrator.get(f"/management/members/{elsewhere}/{path}")
            nobody = await administrator.get(f"/management/members/{UUID(int=7)}/{path}")
            assert theirs.status_code == nobody.status_code == 404
            assert theirs.text == nobody.text


class TestAccess:
    async def test_what_is_still_held_is_shown_first_and_nothing_is_reassigned(
        self, at: Console, administrator: Browser
    ) -> None:
        """ROLE-6."""
        world = at.clinic.world
        page = f"/management/members/{world.owner}/remove"
        asked = await administrator.get(page)
        assert "Ce que détient encore" in asked.text
        assert re.search(r"<dt>dossiers</dt><dd>1</dd>", asked.text)
        assert (await administrator.post(page)).headers["location"] == "/management/members?show=inactive"
        assert str(world.owner) in (await administrator.get("/management/members?show=inactive")).text
        again = await administrator.post(page)
        assert again.status_code == 422
        back = f"/management/members/{world.owner}/activate"
        assert (await administrator.get(back)).status_code == 200
        assert (await administrator.post(back)).status_code == 303
        assert (await at.browser(world.owner).get("/")).status_code == 200

    async def test_a_member_is_added_and_a_role_over_others_is_ticked_twice(
        self, at: Console, administrator: Browser
    ) -> None:
        fields = {
            "email": "nadia@clinique.example",
            "first_name": "Nadia <script>",
            "last_name": "Osborne",
            "title": "",
            "language": "en",
            "roles": "coordinator",
        }
        unsure = await administrator.post("/management/members/new", **fields)
        assert unsure.status_code == 422
        assert "Nadia &lt;script&gt;" in unsure.text
        assert (await administrator.post("/management/members/new", **fields, sure="1")).status_code == 303
        listed = (await administrator.get("/management/members")).text
        assert "Nadia &lt;script&gt;" in listed
        assert "<script>" not in listed.replace('<script src="/static', "")
        twice = await administrator.post("/management/members/new", **fields, sure="1")
        assert twice.status_code == 422


class TestPolicies:
    async def test_each_is_shown_with_its_effect(self, administrator: Browser) -> None:
        page = (await administrator.get("/management/policies")).text
        shown = page.count('class="value"')
        assert shown == page.count('href="/management/policies/')
        assert not re.search(r'<p class="hint"></p>', page), "a policy without an effect in words"

    @pytest.mark.parametrize(
        ("name", "value", "becomes"),
        [
            ("answer-within", "21", "21 jours"),
            ("reminders", "2, 5", "2 jours, 5 jours"),
            ("basis-required", "yes", "oui"),
            ("grace-days", "45", "45 jours"),
            ("raw-data-titles", "Psychologue\nTravailleuse sociale", "travailleuse sociale"),
            ("raw-data-titles", "", "aucun"),
        ],
    )
    async def test_one_is_changed(self, administrator: Browser, name: str, value: str, becomes: str) -> None:
        assert (await administrator.get(f"/management/policies/{name}")).status_code == 200
        assert (await administrator.post(f"/management/policies/{name}", value=value)).status_code == 303
        assert becomes in (await administrator.get("/management/policies")).text.lower()

    async def test_a_value_out_of_range_is_said_and_stays_typed(self, administrator: Browser) -> None:
        answer = await administrator.post("/management/policies/grace-days", value="0")
        assert answer.status_code == 422
        assert 'value="0"' in answer.text
        assert (await administrator.get("/management/policies/nothing")).status_code == 404


class TestQuarantine:
    async def test_what_is_unknown_is_no_page(self, administrator: Browser) -> None:
        for page in ("/management/quarantine", "/management/copies"):
            for named in (UUID(int=7), "x"):
                assert (await administrator.get(f"{page}/{named}")).status_code == 404
        assert (await administrator.post(f"/management/openings/{UUID(int=7)}/close")).status_code == 404

    async def test_answers_of_clients(self, administrator: Browser) -> None:
        page = "/management/organization/reply-to"
        assert (await administrator.post(page, address="accueil@clinique.example")).status_code == 303
        wrong = await administrator.post(page, address="nulle part")
        assert wrong.status_code == 422
        assert 'value="nulle part"' in wrong.text
