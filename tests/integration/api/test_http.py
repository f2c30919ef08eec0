"""HTTP itself: what is malformed, too large or too frequent, what is counted, what nothing quotes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.api.app import described
from engine.api.limits import Buckets
from tests.integration.api.client import Http
from tests.integration.api.test_transfers import asked, told
from tests.integration.handover.clinic import Clinic

SECRET = "Tremblay-Secret"
#: What people type, and what somebody may try with it.
TEXTS = (
    "'; DROP TABLE transfers; --",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} ${7*7} %s %(x)s {0.__class__}",
    "\u202e\u0007\r\nSet-Cookie: a=b",
    "🙂" * 200,
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
)


class TestMalformed:
    async def test_a_path_that_is_nothing(self, http: Http) -> None:
        assert told(await http.get("/v1/nothing")) == (404, "bad_input", "no_such_path")

    async def test_a_method_that_it_does_not_take(self, http: Http) -> None:
        assert told(await http.send("DELETE", "/v1/transfers")) == (405, "bad_input", "method")

    @pytest.mark.parametrize(
        "body",
        [{}, {"record": SECRET}, [], "x", {"record": 1, "to": [], "purpose": SECRET, SECRET: 1}],
        ids=str,
    )
    async def test_a_body_is_named_by_field_and_never_quoted(
        self, http: Http, clinic: Clinic, body: object
    ) -> None:
        answer = await http.post("/v1/transfers", clinic.world.owner, body)

        assert told(answer) == (422, "bad_input", "form")
        assert answer.json()["errors"]
        values = answer.text.replace(f"body.{SECRET}", "")
        assert SECRET not in values

    @pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b'{"a": "\\ud800"}', b"[" * 5000, b"NaN"], ids=repr)
    async def test_what_is_no_json(self, http: Http, clinic: Clinic, raw: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await http.send(
            "POST", "/v1/transfers", actor=clinic.world.owner, headers=headers, content=raw
        )

        assert answer.status_code in {400, 422}, answer.text
        assert answer.headers["content-type"] == "application/problem+json"

    async def test_a_text_that_no_database_keeps(self, http: Http, clinic: Clinic) -> None:
        answer = await http.post("/v1/transfers", clinic.world.owner, asked(clinic, message="a\x00b"))

        assert told(answer) == (422, "bad_input", "form")

    @pytest.mark.parametrize("field", ["record", "to"])
    async def test_an_id_that_is_none(self, http: Http, clinic: Clinic, field: str) -> None:
        for text in TEXTS:
            answer = await http.post("/v1/transfers", clinic.world.owner, asked(clinic, **{field: text[:90]}))

            assert answer.status_code in {403, 404}, answer.text
            assert text not in answer.text


@pytest.mark.parametrize("text", TEXTS)
async def test_texts_come_back_as_they_were_written(http: Http, clinic: Clinic, text: str) -> None:
    made = await http.post("/v1/transfers", clinic.world.owner, asked(clinic, message=text))
    assert made.status_code == 201, made.text
    path = f"/v1/transfers/{made.json()['id']}"

    declined = await http.post(f"{path}/refuse", clinic.world.new_owner, {"reason": text})
    assert declined.status_code == 200
    shown = (await http.get(path, clinic.world.owner)).json()
    assert (shown["message"], shown["reason"]) == (text, text)


class TestLimits:
    async def test_of_size(self, clinic: Clinic, tmp_path: Path) -> None:
        http = Http(clinic.database, tmp_path / "data", web_most_bytes=2000)
        body = asked(clinic, message="x" * 3000)
        said = await http.post("/v1/transfers", clinic.world.owner, body)

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield b" " * 100

        headers = {"Content-Type": "application/json"}
        unsaid = await http.send(
            "POST", "/v1/transfers", actor=clinic.world.owner, content=chunks(), headers=headers
        )
        assert told(said) == told(unsaid) == (413, "bad_input", "too_large")

    async def test_of_rate_is_each_caller_s_own(self, clinic: Clinic, tmp_path: Path) -> None:
        http = Http(clinic.database, tmp_path / "data", web_rate=2.0)
        token = http.token(clinic.world.owner)
        answers = [await http.get("/v1/me", token=token) for _ in range(6)]

        assert told(answers[-1]) == (429, "bad_input", "too_many_requests")
        assert int(answers[-1].headers["Retry-After"]) >= 1
        assert (await http.get("/v1/me", clinic.world.new_owner)).status_code == 200
        assert (await http.get("/healthz")).status_code == 200

    async def test_guessing_is_slowed_down_and_slows_nobody_else(self, http: Http, clinic: Clinic) -> None:
        token = http.token(clinic.world.owner)
        await http.get("/v1/me", token=token)
        guesses = [await http.get("/v1/me", token=f"a.b.{n}") for n in range(40)]

        assert guesses[-1].status_code == 429
        assert (await http.get("/v1/me", token=token)).status_code == 200

    async def test_a_probe_vouches_for_no_token(self, http: Http) -> None:
        """What answers everybody says nothing of a token, which goes on being counted as a guess."""
        told = []
        for n in range(40):
            await http.get("/healthz", token=f"a.b.{n}")
            told.append(await http.get("/v1/me", token=f"a.b.{n}"))

        assert told[-1].status_code == 429

    def test_buckets_fill_with_time(self) -> None:
        now = [0.0]
        buckets = Buckets(1.0, 2.0, lambda: now[0])

        assert [buckets.wait("a") for _ in range(3)] == [0.0, 0.0, 1.0]
        now[0] = 1.0
        assert buckets.wait("a") == 0.0


async def test_an_export_from_beyond_the_end_ends(http: Http, clinic: Clinic) -> None:
    answer = await http.get(f"/v1/audit/export?from_seq={10**15}", clinic.world.administrator)

    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == 1


async def test_ready_says_what_is_missing_and_no_more(http: Http) -> None:
    """There is no Temporal server here."""
    answer = await http.get("/readyz")

    parts = answer.json()["parts"]
    assert (parts["database"], parts["issuer"]) == ("ok", "ok")
    assert answer.status_code == (200 if answer.json()["ready"] else 503)


async def test_metrics_count_by_route_and_hold_nothing_of_anybody(http: Http, clinic: Clinic) -> None:
    made = await http.post("/v1/transfers", clinic.world.owner, asked(clinic, message=SECRET))
    await http.get(f"/v1/transfers/{made.json()['id']}", clinic.world.owner)
    await http.get(f"/v1/records/{SECRET}", clinic.world.owner)
    await http.get(f"/v1/{SECRET}")
    found = (await http.get("/metrics")).text

    assert 'route="/v1/transfers/{transfer_id}"' in found
    for held in (SECRET, made.json()["id"], str(clinic.world.owner), http.token(clinic.world.owner)):
        assert held not in found


async def test_a_fault_is_a_problem_and_quotes_nothing(
    http: Http, clinic: Clinic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(http.desk, "transfers", broken)
    answer = await http.get("/v1/transfers", clinic.world.owner)

    assert told(answer) == (500, "internal", None)
    assert SECRET not in answer.text


class TestDescription:
    def test_every_command_is_a_post_with_a_key_and_every_answer_may_be_a_problem(self) -> None:
        made = described().openapi()

        assert made["openapi"].startswith("3.1")
        for path, operations in made["paths"].items():
            assert operations.keys() <= {"get", "post"}, path
            for method, operation in operations.items():
                if path.startswith("/v1"):
                    assert operation["security"], path
                    assert {"401", "403", "404", "422", "429", "503"} <= operation["responses"].keys()
                names = {parameter["name"] for parameter in operation.get("parameters", ())}
                if method == "post" and not path.endswith("/preview"):
                    assert "Idempotency-Key" in names, path

    def test_is_the_one_that_was_reviewed(self) -> None:
        """`passation openapi > tests/integration/api/openapi.json`, and read what changed."""
        kept = json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))

        assert kept == json.loads(json.dumps(described().openapi()))
