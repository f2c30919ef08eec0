"""Who speaks over HTTP: forged tokens, other organizations, services, and what the log says of it."""

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from engine.errors import Denied, NotFound
from engine.identity.local import ALGORITHM, AUDIENCE
from tests.integration.api.client import Http
from tests.integration.api.test_transfers import asked, told
from tests.integration.handover.clinic import Clinic
from tests.integration.identity.issuers import encoded, part


class TestToken:
    async def test_is_needed(self, http: Http) -> None:
        answer = await http.get("/v1/me")

        assert told(answer) == (401, "identity", "missing")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("scheme", ["Basic abc", "Bearer", "Bearer ", "abc"])
    async def test_in_another_form(self, http: Http, scheme: str) -> None:
        answer = await http.get("/v1/me", headers={"Authorization": scheme})

        assert told(answer) == (401, "identity", "missing")

    async def test_says_who_and_the_database_says_what_they_may(self, http: Http, clinic: Clinic) -> None:
        """ROLE-2: roles in a token are nothing."""
        claims = self.claims(http, clinic) | {"roles": ["administrator"], "groups": ["administrator"]}
        token = http.keys.sign(claims)

        assert (await http.get("/v1/me", token=token)).json()["roles"] == ["practitioner"]
        assert told(await http.get("/v1/quarantine", token=token)) == (403, "ROLE-4", "administrator")

    async def test_forged(self, http: Http, clinic: Clinic) -> None:
        claims = self.claims(http, clinic)
        other = ECKey.generate_key("P-256", {"kid": http.keys.key.thumbprint()})
        header = {"alg": ALGORITHM, "kid": http.keys.key.thumbprint()}
        forged = [
            f"{part({'alg': 'none'})}.{part(claims)}.",
            f"{part(header)}.{part(claims)}.{encoded(b'0' * 64)}",
            jwt.encode(header, claims, other, algorithms=[ALGORITHM]),
            http.keys.sign(claims | {"aud": "passation-console"}),
            http.keys.sign(claims | {"iss": "http://127.0.0.1:8081/issuer"}),
            http.keys.sign(claims | {"sub": "not an id"}),
            http.keys.sign(claims | {"exp": int(time.time()) - 60}),
        ]

        for token in forged:
            answer = await http.get("/v1/me", token=token)
            assert answer.status_code == 401, token
            assert token not in answer.text

    async def test_vis_8_of_another_organization(self, http: Http, clinic: Clinic, elsewhere: Clinic) -> None:
        headers = {"Passation-Organization": str(elsewhere.world.organization)}
        answer = await http.get("/v1/me", clinic.world.owner, headers=headers)

        assert told(answer) == (401, "identity", "nobody")

    @staticmethod
    def claims(http: Http, clinic: Clinic) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": http.local.issuer,
            "sub": str(clinic.world.owner),
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 60,
        }


class TestService:
    @pytest.fixture
    def token(self, http: Http, clinic: Clinic) -> str:
        return http.desk.add_service(clinic.world.administrator, "Agenda").token

    async def test_speaks_in_a_member_s_name_and_the_log_says_so(
        self, http: Http, clinic: Clinic, token: str
    ) -> None:
        """AUD-1: the actor and the service, in a line that the chain covers (AUD-2)."""
        (service,) = http.desk.services(clinic.world.administrator)
        headers = {"Passation-On-Behalf-Of": str(clinic.world.owner)}
        made = await http.post("/v1/transfers", body=asked(clinic), token=token, headers=headers)
        added = await http.post(
            "/v1/records", body={"title": "T", "client": "C"}, token=token, headers=headers
        )

        assert (made.status_code, added.status_code) == (201, 201)
        lines = clinic.rows("SELECT action, actor_id FROM events WHERE service_id IS NOT NULL ORDER BY seq")
        assert [action for action, _ in lines] == ["transfer.open", "record.add"]
        assert service.id is not None
        assert [chain.first_break for chain in http.desk.verify_log()] == [None]
        await http.post(f"/v1/transfers/{made.json()['id']}/cancel", clinic.world.owner)
        after = clinic.rows("SELECT service_id FROM events WHERE action = 'transfer.cancel'")
        assert after == [(None,)]

    @pytest.mark.parametrize("named", [None, "nobody@erables.example", "elsewhere", ""])
    async def test_speaks_for_active_members_of_its_organization_alone(
        self, http: Http, clinic: Clinic, elsewhere: Clinic, token: str, named: str | None
    ) -> None:
        name = str(elsewhere.world.owner) if named == "elsewhere" else named
        headers = {} if name is None else {"Passation-On-Behalf-Of": name}
        answer = await http.get("/v1/me", token=token, headers=headers)

        assert told(answer) == (401, "identity", "on_behalf" if named is None else "nobody")

    async def test_has_the_rights_of_whom_it_speaks_for(self, http: Http, clinic: Clinic, token: str) -> None:
        headers = {"Passation-On-Behalf-Of": str(clinic.world.owner)}
        answer = await http.get("/v1/practitioners", token=token, headers=headers)

        assert told(answer) == (403, "ROLE-4", "coordinator")

    async def test_that_was_revoked_is_nobody(self, http: Http, clinic: Clinic, token: str) -> None:
        (service,) = http.desk.services(clinic.world.administrator)
        first = http.desk.revoke_service(clinic.world.administrator, service.id)
        again = http.desk.revoke_service(clinic.world.administrator, service.id)

        headers = {"Passation-On-Behalf-Of": str(clinic.world.owner)}
        assert told(await http.get("/v1/me", token=token, headers=headers)) == (401, "identity", "token")
        assert first == again

    def test_role_4_and_vis_8_administrators_of_its_organization_look_after_it(
        self, http: Http, clinic: Clinic, elsewhere: Clinic, token: str
    ) -> None:
        (service,) = http.desk.services(clinic.world.administrator)

        with pytest.raises(Denied, match="ROLE-4/administrator"):
            http.desk.add_service(clinic.world.coordinator, "Agenda")
        with pytest.raises(NotFound, match="VIS-11/service"):
            http.desk.revoke_service(elsewhere.world.administrator, service.id)
        assert http.desk.services(elsewhere.world.administrator) == []

    def test_the_token_is_kept_nowhere(self, clinic: Clinic, token: str) -> None:
        assert token not in str(clinic.rows("SELECT * FROM services"))
        assert token not in str(clinic.rows("SELECT * FROM events"))
