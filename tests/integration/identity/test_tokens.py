"""Tokens: what holds, what was forged, and an issuer that changes its keys or goes away."""

from typing import Any

import pytest
from joserfc.jwk import OctKey, RSAKey

from engine.errors import Unavailable, Unidentified
from tests.integration.identity.issuers import ISSUER, Issuer, part


@pytest.fixture(scope="module")
def made() -> Issuer:
    return Issuer()


@pytest.fixture
def issuer(made: Issuer) -> Issuer:
    """The one issuer, as it was in the beginning: keys take long to make."""
    made.published, made.more, made.away = [made.key], [], False
    made.asked.clear()
    return made


def unsigned(header: dict[str, object], claims: dict[str, object], signature: str = "") -> str:
    return f"{part(header)}.{part(claims)}.{signature}"


async def test_a_token_that_holds_says_who_speaks_and_nothing_else(issuer: Issuer) -> None:
    found = await issuer.provider().verify(issuer.token(roles=["administrator"], email="x@y.example"))

    assert (found.issuer, found.subject) == (ISSUER, "a1")


class TestForged:
    async def refused(self, issuer: Issuer, token: str, variant: str = "token") -> None:
        with pytest.raises(Unidentified) as told:
            await issuer.provider().verify(token)

        assert told.value.key == f"identity/{variant}"

    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
    async def test_without_a_signature(self, issuer: Issuer, name: str) -> None:
        await self.refused(issuer, unsigned({"alg": name, "typ": "JWT"}, issuer.claims()))
        await self.refused(issuer, unsigned({"alg": name, "kid": issuer.key.kid}, issuer.claims(), "AAAA"))

    @pytest.mark.parametrize("kid", ["first", None])
    async def test_with_the_public_key_as_a_shared_secret(self, issuer: Issuer, kid: str | None) -> None:
        assert isinstance(issuer.key, RSAKey)
        pem = issuer.key.as_pem(private=False)

        await self.refused(issuer, issuer.with_shared_secret(pem, kid))
        await self.refused(issuer, issuer.with_shared_secret(pem.rstrip(), kid))

    async def test_with_a_shared_secret_among_the_published_keys(self, issuer: Issuer) -> None:
        """An issuer that publishes one by mistake tells it to everybody."""
        secret = b"a secret that everybody knows by now"
        issuer.more = [OctKey.import_key(secret, {"kid": "shared"}).as_dict(private=True)]

        await self.refused(issuer, issuer.with_shared_secret(secret, "shared"))

    async def test_with_a_key_of_the_forger(self, issuer: Issuer) -> None:
        forger = issuer.new_key("first")

        await self.refused(issuer, issuer.token(key=forger))
        await self.refused(issuer, issuer.token({"jwk": forger.as_dict(private=False)}, key=forger))
        await self.refused(issuer, issuer.token({"kid": "other"}, key=forger))

    async def test_signed_with_another_algorithm_of_the_same_key(self, issuer: Issuer) -> None:
        await self.refused(issuer, issuer.token({"alg": "PS256"}))

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://id.example.evil.example"},
            {"iss": f"{ISSUER}/"},
            {"iss": None},
            {"aud": "passation-console"},
            {"aud": ["other", "passation-console"]},
            {"aud": None},
            {"sub": None},
            {"sub": ""},
            {"sub": 7},
            {"exp": None},
            {"exp": "tomorrow"},
            {"nbf": 4_000_000_000},
            {"iat": 4_000_000_000},
        ],
        ids=str,
    )
    async def test_for_somebody_else_or_another_time(self, issuer: Issuer, claims: dict[str, Any]) -> None:
        await self.refused(issuer, issuer.token(**claims))

    async def test_expired(self, issuer: Issuer) -> None:
        await self.refused(issuer, issuer.token(exp=int(issuer.now) - 31), "expired")

    async def test_changed_after_it_was_signed(self, issuer: Issuer) -> None:
        header, _, signature = issuer.token().split(".")
        _, other, _ = unsigned({}, issuer.claims(sub="b2")).split(".")

        await self.refused(issuer, f"{header}.{other}.{signature}")

    @pytest.mark.parametrize(
        "text", ["", ".", "..", "a.b.c", "é.é.é", "e30.e30.", "x" * 20_000, "\x00.\x00."]
    )
    async def test_no_token_at_all(self, issuer: Issuer, text: str) -> None:
        await self.refused(issuer, text)

    async def test_as_several_audiences_one_of_which_is_ours(self, issuer: Issuer) -> None:
        found = await issuer.provider().verify(issuer.token(aud=["other", "passation"]))

        assert found.subject == "a1"


class TestKeys:
    async def test_are_asked_for_once(self, issuer: Issuer) -> None:
        provider = issuer.provider()
        for _ in range(3):
            await provider.verify(issuer.token())

        assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]

    async def test_that_are_new_are_found_and_old_ones_are_no_longer_believed(self, issuer: Issuer) -> None:
        provider, before = issuer.provider(), issuer.token()
        await provider.verify(before)
        new = issuer.new_key("second")
        issuer.published = [new]
        issuer.now += 11

        await provider.verify(issuer.token(key=new))
        with pytest.raises(Unidentified):
            await provider.verify(before)

    async def test_that_nobody_has_are_not_asked_for_at_every_token(self, issuer: Issuer) -> None:
        provider, unknown = issuer.provider(), issuer.token({"kid": "nobody's"})
        for _ in range(20):
            with pytest.raises(Unidentified):
                await provider.verify(unknown)

        assert issuer.asked.count("/keys") == 1

    async def test_are_believed_for_a_while_when_the_issuer_is_away(self, issuer: Issuer) -> None:
        provider = issuer.provider()
        await provider.verify(issuer.token())
        issuer.away = True
        issuer.now += 3600

        await provider.verify(issuer.token())
        issuer.now += 24 * 3600
        with pytest.raises(Unavailable, match="issuer_unavailable"):
            await provider.verify(issuer.token())

    async def test_an_issuer_that_is_away_from_the_start_is_an_outage(self, issuer: Issuer) -> None:
        issuer.away = True

        with pytest.raises(Unavailable, match="issuer_unavailable"):
            await issuer.provider().verify(issuer.token())
