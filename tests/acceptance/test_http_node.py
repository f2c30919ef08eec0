"""A backend in another language: Node asks for a transfer and follows it, over HTTP (slow)."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import pytest

from engine import wiring
from engine.cli.dev import DevStack
from engine.settings import Settings
from tests.acceptance.command import environment
from tests.docs.markdown import ROOT
from tests.docs.stack import Stack, with_people
from tests.docs.test_examples import node

pytestmark = pytest.mark.slow
_PATIENCE: Final = 180


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[DevStack]:
    """Everything that `passation dev` runs, with the interface."""
    settings = Settings.load(data=tmp_path / "passation-data")
    with DevStack(settings, lambda: wiring.prepare_database(settings), web=True) as stack:
        with_people(Stack(settings, stack.server.address))
        yield stack


def start(dev: DevStack, *, to: str, key: str, **variables: str) -> subprocess.Popen[str]:
    arguments = {
        "address": str(dev.web_url),
        "record": "D-00001",
        "to": f"{to}@erables.example",
        "purpose": "continuity",
        "key": key,
    }
    words = [word for name, value in arguments.items() for word in (f"--{name}", value)]
    return subprocess.Popen(
        [node(), str(ROOT / "examples/node/over-http.mjs"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    )


def line(stream: IO[str] | None) -> Any:  # noqa: ANN401 - any JSON
    assert stream is not None
    said = stream.readline()
    assert said
    return json.loads(said)


def test_asks_once_and_follows_to_the_end(dev: DevStack) -> None:
    """MOVE-3: twice with one key is once; the process behind it is killed meanwhile and started again."""
    stack = Stack(dev.settings, dev.server.address)
    token = stack.done("token", "--as", "alice@erables.example")["access_token"]
    both = [start(dev, to="bruno", key="our-1", PASSATION_TOKEN=token) for _ in range(2)]
    asked = [line(process.stdout) for process in both]
    assert [each["state"] for each in asked] == ["pending_acceptance"] * 2
    assert asked[0] == asked[1]

    before = dev.web_pid
    dev.kill_web()
    dev.wait_ready()
    assert dev.web_pid != before
    told = stack.passation("transfer", "accept", asked[0]["transfer"], "--as", "bruno@erables.example")
    assert told.code == 0, told.err
    ended = [process.communicate(timeout=_PATIENCE) for process in both]
    assert [json.loads(out.splitlines()[-1])["state"] for out, _ in ended] == ["accepted"] * 2
    assert [process.returncode for process in both] == [0, 0]


def test_a_service_speaks_for_a_member_and_a_denial_names_its_rule(dev: DevStack) -> None:
    """ELIG-3, AUD-1."""
    stack = Stack(dev.settings, dev.server.address)
    made = stack.done("service", "add", "Agenda", "--as", "admin@erables.example")
    who = {"PASSATION_TOKEN": made["token"], "PASSATION_MEMBER": "alice@erables.example"}
    process = start(dev, to="alice", key="our-2", **who)
    _, errors = process.communicate(timeout=_PATIENCE)

    assert json.loads(errors)["error"] == "ELIG-3/same"
    assert process.returncode == 1
    logged = stack.settings.data / "log.ndjson"
    stack.done("audit", "export", "--as", "admin@erables.example", "--to", str(logged))
    lines = [json.loads(each) for each in logged.read_text(encoding="utf-8").splitlines()]
    assert [each["rule"] for each in lines if each.get("service_id") == made["service"]["id"]] == [
        "ELIG-3/same"
    ]
