"""The issuer of a data folder, and a sign-in with it from the first address to who it was."""

import re
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, Unidentified
from engine.identity.local import Keys, access_token
from engine.identity.oidc import Identity, Provider
from engine.identity.speaking import speaker
from engine.settings import Settings
from engine.web import local_issuer, serve
from tests.integration.handover.clinic import Clinic
from tests.integration.handover.conftest import _rules_hold, clinic, database
from tests.integration.people.conftest import desk, elsewhere

__all__ = ["_rules_hold", "clinic", "database", "desk", "elsewhere"]

HERE = "http://127.0.0.1:8080"
BACK = f"{HERE}/back"
VERIFIER = "v" * 43


class SignIn:
    """Somebody with a browser."""

    def __init__(self, settings: Settings, desk: Desk) -> None:
        self.provider, self.local = local_issuer(settings, desk, HERE)
        self.browser = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.local.app, root_path="/issuer"), base_url=HERE
        )

    async def url(self, **more: str) -> str:
        asked = {"redirect_uri": BACK, "state": "s", "nonce": "n", "verifier": VERIFIER} | more
        url = await self.provider.authorization_url(**asked)
        return url.removeprefix(f"{HERE}/issuer")

    async def code(self, hint: str) -> str:
        answer = await self.browser.get(await self.url(login_hint=hint))
        assert answer.status_code == 303
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    async def exchange(self, code: str, **more: str) -> Identity:
        given = {"redirect_uri": BACK, "verifier": VERIFIER, "nonce": "n"} | more
        return await self.provider.exchange(code, **given)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def sign_in(settings: Settings, desk: Desk) -> SignIn:
    return SignIn(settings, desk)


@pytest.fixture
def email(desk: Desk, clinic: Clinic) -> str:
    return next(m.email for m in desk.members(clinic.world.owner) if m.id == clinic.world.owner)


async def test_somebody_chooses_who_they_are(sign_in: SignIn, desk: Desk, clinic: Clinic) -> None:
    page = (await sign_in.browser.get(await sign_in.url())).text
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page)) | {"member": str(clinic.world.owner)}
    chosen = await sign_in.browser.post("/authorize", data=form)
    back = parse_qs(urlsplit(chosen.headers["location"]).query)

    assert back["state"] == ["s"]
    who = await sign_in.exchange(back["code"][0])
    assert speaker(desk, sign_in.provider, who) == clinic.world.owner


class TestCode:
    async def test_is_good_once(self, sign_in: SignIn, email: str) -> None:
        code = await sign_in.code(email)
        await sign_in.exchange(code)

        with pytest.raises(Unidentified, match="sign_in"):
            await sign_in.exchange(code)

    @pytest.mark.parametrize(
        "wrong", [{"verifier": "w" * 43}, {"redirect_uri": f"{HERE}/other"}, {"nonce": "other"}], ids=str
    )
    async def test_is_nothing_to_whoever_did_not_ask_for_it(
        self, sign_in: SignIn, email: str, wrong: dict[str, str]
    ) -> None:
        with pytest.raises(Unidentified, match="sign_in"):
            await sign_in.exchange(await sign_in.code(email), **wrong)

    @pytest.mark.parametrize("target", ["https://evil.example/", f"{HERE}.evil.example/", "//evil.example"])
    async def test_is_sent_to_pages_of_the_application_alone(self, sign_in: SignIn, target: str) -> None:
        answer = await sign_in.browser.get(await sign_in.url(redirect_uri=target, login_hint="x"))

        assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_a_sign_in_is_no_access_to_the_interface_nor_the_other_way(
    sign_in: SignIn, settings: Settings, clinic: Clinic
) -> None:
    token = access_token(Keys(settings.issuer_key), sign_in.local.issuer, clinic.world.owner)

    assert (await sign_in.provider.verify(token)).subject == str(clinic.world.owner)
    with pytest.raises(Unidentified, match="token"):
        await sign_in.provider._checked(token, sign_in.provider.client.client_id)


def test_the_key_stays_and_is_its_owner_s_alone(settings: Settings) -> None:
    first, again = Keys(settings.issuer_key), Keys(settings.issuer_key)

    assert first.published() == again.published()
    assert "d" not in first.published()["keys"][0]
    assert stat.S_IMODE(settings.issuer_key.stat().st_mode) == 0o600


class TestLinked:
    """A member by issuer and subject, in their organization (VIS-8)."""

    ISSUER = "https://id.example"

    def identity(self, subject: str, issuer: str = ISSUER) -> Identity:
        return Identity(issuer, subject, 0)

    @pytest.fixture
    def remote(self, sign_in: SignIn) -> Provider:
        from dataclasses import replace

        return Provider(replace(sign_in.provider.client, issuer=self.ISSUER, local=False))

    def test_is_who_an_administrator_says(self, clinic: Clinic, desk: Desk, remote: Provider) -> None:
        world = clinic.world
        desk.link_member(world.administrator, world.owner, self.ISSUER, "a1")

        assert speaker(desk, remote, self.identity("a1")) == world.owner
        for nobody in (self.identity("a2"), self.identity("a1", "https://other.example")):
            with pytest.raises(Unidentified, match="nobody"):
                speaker(desk, remote, nobody)

    def test_role_4_only_an_administrator_says_so(self, clinic: Clinic, desk: Desk) -> None:
        with pytest.raises(Denied, match="ROLE-4/administrator"):
            desk.link_member(clinic.world.coordinator, clinic.world.coordinator, self.ISSUER, "a1")

    def test_a_subject_is_one_member_of_an_organization(self, clinic: Clinic, desk: Desk) -> None:
        world = clinic.world
        desk.link_member(world.administrator, world.owner, self.ISSUER, "a1")

        with pytest.raises(BadInput, match="subject_taken"):
            desk.link_member(world.administrator, world.new_owner, self.ISSUER, "a1")

    def test_whoever_left_or_is_no_longer_linked_is_nobody(
        self, clinic: Clinic, desk: Desk, remote: Provider
    ) -> None:
        world = clinic.world
        desk.link_member(world.administrator, world.owner, self.ISSUER, "a1")
        desk.link_member(world.administrator, world.new_owner, self.ISSUER, "b2")
        desk.deactivate(world.administrator, world.owner)
        desk.unlink_member(world.administrator, world.new_owner)

        for subject in ("a1", "b2"):
            with pytest.raises(Unidentified, match="nobody"):
                speaker(desk, remote, self.identity(subject))

    def test_a_member_of_two_organizations_names_one(
        self, clinic: Clinic, elsewhere: Clinic, desk: Desk, remote: Provider
    ) -> None:
        for world in (clinic.world, elsewhere.world):
            desk.link_member(world.administrator, world.owner, self.ISSUER, "a1")

        with pytest.raises(BadInput, match="which_organization"):
            speaker(desk, remote, self.identity("a1"))
        there = elsewhere.world
        assert speaker(desk, remote, self.identity("a1"), there.organization) == there.owner

    def test_vis_8_another_organization_is_as_if_unknown(
        self, clinic: Clinic, elsewhere: Clinic, desk: Desk, remote: Provider, sign_in: SignIn
    ) -> None:
        world = clinic.world
        desk.link_member(world.administrator, world.owner, self.ISSUER, "a1")

        for provider, subject in ((remote, "a1"), (sign_in.provider, str(world.owner))):
            with pytest.raises(Unidentified, match="nobody"):
                speaker(desk, provider, self.identity(subject), elsewhere.world.organization)


class TestOnThisMachineAlone:
    @pytest.mark.parametrize(
        ("host", "more", "setting"),
        [
            ("127.0.0.1", {"issuer": "https://login.example"}, "issuer"),
            ("0.0.0.0", {}, "web_host"),  # noqa: S104 - refused
            ("127.0.0.1", {"address": "https://passation.example"}, "address"),
        ],
    )
    def test_nobody_is_anybody_where_others_reach_it(
        self, tmp_path: Path, host: str, more: dict[str, str], setting: str
    ) -> None:
        """An issuer that believes everybody is refused beside a real one, and behind a proxy."""
        with pytest.raises(BadInput) as refused:
            serve(Settings(data=tmp_path, **more), host=host, port=1, local=True)  # type: ignore[arg-type]

        assert refused.value.params == {"name": setting}
