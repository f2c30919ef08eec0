"""A transfer over HTTP, from the request to the receipt."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.integration.api.client import Http
from tests.integration.handover.clinic import Clinic


def asked(clinic: Clinic, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "record": str(clinic.world.record),
        "to": str(clinic.world.new_owner),
        "purpose": "continuity",
    } | more


async def request(http: Http, clinic: Clinic, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await http.post("/v1/transfers", clinic.world.owner, asked(clinic, **more))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def told(answer: httpx2.Response) -> tuple[int, str, str | None]:
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"], problem.get("variant")


async def test_is_asked_for_accepted_and_proven(http: Http, clinic: Clinic) -> None:
    world = clinic.world
    made = await request(http, clinic, message="Bonjour")
    path = f"/v1/transfers/{made['id']}"

    assert (made["state"], made["must_act"]) == ("pending_acceptance", "new_owner")
    shown = (await http.get(path, world.new_owner)).json()
    assert (shown["state"], shown["message"]) == ("pending_acceptance", None)  # VIS-3
    accepted = await http.post(f"{path}/accept", world.new_owner, {"expected_state": "pending_acceptance"})
    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    receipt = await http.get(f"{path}/receipt", world.owner)
    assert receipt.json()["statement"]["transfer"] == made["id"]


@pytest.mark.parametrize("answer", ["refuse", "cancel"])
async def test_is_declined_or_taken_back(http: Http, clinic: Clinic, answer: str) -> None:
    made = await request(http, clinic)
    who = clinic.world.new_owner if answer == "refuse" else clinic.world.owner

    done = await http.post(f"/v1/transfers/{made['id']}/{answer}", who, {"reason": "Non."})

    assert done.json()["state"] == {"refuse": "refused", "cancel": "cancelled"}[answer]


async def test_is_narrowed(http: Http, clinic: Clinic) -> None:
    made = await request(http, clinic, options={"include_confidential": True})

    body = {"options": {"include_confidential": False}}
    done = await http.post(f"/v1/transfers/{made['id']}/narrow", clinic.world.owner, body)

    assert done.json()["options"]["include_confidential"] is False


async def test_a_coordinator_reassigns_imposes_and_extends(http: Http, clinic: Clinic) -> None:
    world = clinic.world
    made = await request(http, clinic)
    path = f"/v1/transfers/{made['id']}"

    later = await http.post(
        f"{path}/extend", world.coordinator, {"until": str(datetime.now(UTC).date() + timedelta(days=60))}
    )
    assert later.status_code == 200, later.text
    imposed = await http.post(f"{path}/impose", world.coordinator, {"reason": "Urgence."})
    assert imposed.json()["state"] == "accepted"
    assert imposed.json()["imposed_by"] is not None


class TestDenied:
    async def test_a_rule_is_named_and_said_in_the_reader_s_language(
        self, http: Http, clinic: Clinic
    ) -> None:
        body = asked(clinic, to=str(clinic.world.owner))
        french, english = [
            await http.post("/v1/transfers", clinic.world.owner, body, headers={"Accept-Language": language})
            for language in ("fr-CA, en;q=0.5", "de, en;q=0.9, fr;q=0.1")
        ]

        assert told(french) == told(english) == (403, "ELIG-3", "same")
        assert french.json()["rule"] == "ELIG-3"
        assert "Choisissez" in french.json()["detail"]
        assert "Choose" in english.json()["detail"]

    async def test_vis_11_what_is_not_there_and_what_one_may_not_know_are_one_answer(
        self, http: Http, clinic: Clinic, elsewhere: Clinic
    ) -> None:
        made = await request(http, clinic)
        answers = {
            (answer.status_code, answer.text.replace(name, "ID"))
            for name in (made["id"], str(uuid4()))
            for answer in [await http.get(f"/v1/transfers/{name}", elsewhere.world.coordinator)]
        }

        assert len(answers) == 1

    async def test_move_3_what_changed_meanwhile(self, http: Http, clinic: Clinic) -> None:
        made = await request(http, clinic)
        path = f"/v1/transfers/{made['id']}/cancel"

        wrong = await http.post(path, clinic.world.owner, {"expected_state": "coordinator_override"})
        assert told(wrong) == (403, "MOVE-3", "changed")
        old = await http.post(path, clinic.world.owner, {"seen_version": made["version"] + 7})
        assert told(old)[:2] == (403, "MOVE-3")


async def test_lists_are_pages_by_key(http: Http, clinic: Clinic) -> None:
    world = clinic.world
    for _ in range(3):
        made = await request(http, clinic)
        await http.post(f"/v1/transfers/{made['id']}/cancel", world.owner)
    seen: list[str] = []
    after: str | None = None
    while True:
        params = {"limit": 2, "state": "cancelled"} | ({} if after is None else {"after": after})
        page = (await http.get("/v1/transfers", world.owner, params=params)).json()
        seen += [transfer["id"] for transfer in page["transfers"]]
        after = page["after"]
        if after is None:
            break

    assert (len(seen), len(set(seen))) == (3, 3)


class TestOnce:
    """MOVE-3: the same key and body have the same answer; also of another process."""

    async def test_a_command_is_carried_out_once(self, http: Http, clinic: Clinic) -> None:
        body = asked(clinic)
        first = await http.post("/v1/transfers", clinic.world.owner, body, key="k1")
        await http.post(f"/v1/transfers/{first.json()['id']}/cancel", clinic.world.owner)
        again = await http.post("/v1/transfers", clinic.world.owner, dict(reversed(body.items())), key="k1")

        assert (again.status_code, again.text) == (first.status_code, first.text)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert clinic.rows("SELECT count(*) FROM transfers") == [(1,)]

    async def test_also_after_a_restart(self, http: Http, clinic: Clinic) -> None:
        body = {"title": "Suivi", "client": "Camille T."}
        first = await http.post("/v1/records", clinic.world.owner, body, key="k1")
        restarted = Http(clinic.database, http.settings.data)
        again = await restarted.post("/v1/records", clinic.world.owner, body, key="k1")

        assert (first.status_code, again.text) == (201, first.text)

    async def test_also_after_a_process_that_died_before_it_answered(
        self, http: Http, clinic: Clinic
    ) -> None:
        """The record is there once; the answer that was lost cannot be given again, and that is said."""
        body = {"title": "Suivi", "client": "Camille T."}
        await http.post("/v1/records", clinic.world.owner, body, key="k1")
        with clinic.database.write() as session:
            from sqlalchemy import text

            died = "UPDATE answers SET status = NULL, body = NULL, begun_at = '2026-01-01T00:00:00.000000Z'"
            session.execute(text(died))
        before = clinic.rows("SELECT count(*) FROM records")

        again = await http.post("/v1/records", clinic.world.owner, body, key="k1")
        assert (told(again), clinic.rows("SELECT count(*) FROM records")) == ((403, "MOVE-3", "done"), before)

    async def test_a_denial_is_an_answer_too(self, http: Http, clinic: Clinic) -> None:
        body = asked(clinic, to=str(clinic.world.owner))
        answers = [await http.post("/v1/transfers", clinic.world.owner, body, key="k1") for _ in range(2)]

        assert answers[0].text == answers[1].text
        denied = clinic.rows("SELECT count(*) FROM events WHERE outcome = 'denied'")
        assert denied == [(1,)]

    async def test_the_same_key_for_something_else_is_refused(self, http: Http, clinic: Clinic) -> None:
        await http.post("/v1/transfers", clinic.world.owner, asked(clinic), key="k1")
        other = await http.post("/v1/transfers", clinic.world.owner, asked(clinic, insist=True), key="k1")

        assert told(other) == (403, "MOVE-3", "other_request")

    async def test_keys_are_their_sender_s(self, http: Http, clinic: Clinic) -> None:
        body = {"title": "Suivi", "client": "Camille T."}
        answers = [
            await http.post("/v1/records", who, body, key="k1")
            for who in (clinic.world.owner, clinic.world.new_owner)
        ]

        assert answers[0].json()["id"] != answers[1].json()["id"]

    async def test_at_the_same_time(self, http: Http, clinic: Clinic) -> None:
        body = asked(clinic)
        answers = await asyncio.gather(
            *(http.post("/v1/transfers", clinic.world.owner, body, key="k1") for _ in range(5))
        )

        assert {answer.status_code for answer in answers} <= {201, 503}
        assert clinic.rows("SELECT count(*) FROM transfers") == [(1,)]


async def test_progress_is_told_until_the_end(http: Http, clinic: Clinic) -> None:
    made = await request(http, clinic)
    following = asyncio.create_task(http.get(f"/v1/transfers/{made['id']}/progress", clinic.world.owner))
    await asyncio.sleep(0.3)
    await http.post(f"/v1/transfers/{made['id']}/cancel", clinic.world.owner)
    events = (await following).text

    states = [json.loads(line[6:])["state"] for line in events.splitlines() if line.startswith("data: ")]
    assert states == ["pending_acceptance", "cancelled"]


async def test_progress_of_what_one_may_not_know_is_a_problem(
    http: Http, clinic: Clinic, elsewhere: Clinic
) -> None:
    made = await request(http, clinic)
    answer = await http.get(f"/v1/transfers/{made['id']}/progress", elsewhere.world.owner)

    assert told(answer)[0] == 404


async def test_whoever_left_is_nobody(http: Http, clinic: Clinic) -> None:
    token = http.token(clinic.world.owner)
    http.desk.deactivate(clinic.world.administrator, clinic.world.owner)

    assert told(await http.get("/v1/me", token=token)) == (401, "identity", "nobody")
