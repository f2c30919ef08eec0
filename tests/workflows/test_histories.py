"""Workflows of today do on every recorded path what they did when it was recorded (CONTRIBUTING.md)."""

import difflib
import getpass
import json
import re
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.workflow import NondeterminismError

import engine.workflows
from engine.states.transfer import TransferState
from tests.histories import commands
from tests.histories.__main__ import paths
from tests.histories.commands import EVERY, Replayed, replayed
from tests.histories.files import RELEASE, Recorded, every
from tests.histories.lines import patches, statements, watched
from tests.workflows import histories
from tests.workflows.clinic import CAUTIOUS, EVERYTHING, Clinic
from tests.workflows.histories import secret

RECORDED: Final = list(every())
WORKFLOWS: Final = Path(engine.workflows.__file__).parent
WHAT_TO_DO: Final = (
    "What {path} asks of the server has changed, and a workflow that is under way would be stuck or lie: keep"
    ' the old way behind `if workflow.patched("what-changed")`, record the new one with `python -m'
    " tests.histories`, and replace a recording only while its release has no heading in CHANGELOG.md"
    ' (CONTRIBUTING.md, "How to change a workflow").'
)
#: Not run by a replay, which believes that an update was valid; and what only ends a step that is cancelled
#: in the very moment in which it runs.
UNRECORDED: Final = re.compile(
    r"(self\.)?_same_(bulk|transfer)\(|if own != named|if \S+_id != self\.|raise\b"
)
MOST_BYTES: Final = 1_000_000


@pytest.fixture(scope="session")
async def runs() -> tuple[Mapping[str, Replayed], Mapping[str, set[int]]]:
    """Every recorded path, replayed once, and the lines that ran on the way."""
    with watched(WORKFLOWS) as ran:
        return await replayed(recorded.history() for recorded in RECORDED), ran


class TestRecorded:
    def test_every_path_was_recorded(self) -> None:
        names = {(recorded.workflow, re.sub(r"_\d+$", "", recorded.name)) for recorded in RECORDED}
        expected = {(workflow, scenario.__name__) for workflow, scenario in paths()}

        assert expected <= names
        assert {workflow for workflow, _ in expected} == {one.__name__ for one in EVERY}

    @pytest.mark.parametrize("recorded", RECORDED, ids=str)
    def test_it_replays_and_asks_for_the_same(
        self, recorded: Recorded, runs: tuple[Mapping[str, Replayed], Mapping[str, set[int]]]
    ) -> None:
        """A release may meet what began under any release before it."""
        run = runs[0][recorded.history().run_id]
        assert run.failure is None, f"{WHAT_TO_DO.format(path=recorded)}\n{run.failure}"
        was = commands.read(recorded.commands_file.read_text(encoding="utf-8"))
        changed = "\n".join(difflib.unified_diff(was, run.commands, "recorded", "now", lineterm="", n=1))
        assert not changed, f"{WHAT_TO_DO.format(path=recorded)}\n{changed}"

    def test_every_line_of_a_workflow_is_on_a_recorded_path(
        self, runs: tuple[Mapping[str, Replayed], Mapping[str, set[int]]]
    ) -> None:
        """A line that is on none could change unseen: add a scenario in tests/histories, and record it."""
        unseen = [
            f"{file.name}:{number} {statement}"
            for file in sorted(WORKFLOWS.glob("*.py"))
            for number, statement in statements(file).items()
            if number not in runs[1][str(file)] and not UNRECORDED.match(statement)
        ]

        assert unseen == []

    def test_both_sides_of_every_gate_are_recorded(
        self, runs: tuple[Mapping[str, Replayed], Mapping[str, set[int]]]
    ) -> None:
        """The new side: a path that was recorded with the gate. The old one: what was there before it."""
        passed = {
            command.split()[3]
            for run in runs[0].values()
            for command in run.commands
            if command.startswith("set patch marker")
        }

        assert patches(WORKFLOWS) <= passed

    @pytest.mark.parametrize("recorded", RECORDED, ids=str)
    def test_it_tells_nothing_of_who_recorded_it(self, recorded: Recorded) -> None:
        """ST-2: no secret; and no name of this machine, of its people, or of a folder."""
        text = recorded.history_file.read_text(encoding="utf-8")
        said = " ".join(histories.strings(text))

        assert histories.leaks(text) == []
        assert histories.failed_tasks(recorded.history()) == []
        assert re.findall(r"(?:/\w+)+\.py|site-packages|/tmp/|/home/|/root/", said) == []
        assert '"identity"' not in text
        assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", said)
        assert getpass.getuser() == "root" or getpass.getuser() not in said

    def test_they_stay_small(self) -> None:
        assert sum(recorded.history_file.stat().st_size for recorded in RECORDED) < MOST_BYTES


async def test_the_replay_notices_another_order_of_steps() -> None:
    """The control of the tests above."""
    recorded = json.loads(Recorded(RELEASE, "RecordTransfer", "accepted").history_file.read_text("utf-8"))
    kept = [event for event in recorded["events"] if event["eventType"] != "EVENT_TYPE_TIMER_STARTED"]
    assert len(kept) < len(recorded["events"])
    for number, event in enumerate(kept, start=1):
        event["eventId"] = str(number)
    with pytest.raises(NondeterminismError):
        await histories.replay(
            [WorkflowHistory.from_json("changed", json.dumps(recorded | {"events": kept}))]
        )


def test_a_secret_is_found_where_it_is_encoded() -> None:
    """The control of the leak test: once and twice in base64, as payloads and encoded failures are."""
    inner = WorkflowHistory("x", []).to_json()
    assert histories.leaks(inner) == []
    once = histories.encoded(json.dumps({"reason": secret("reason")}))
    twice = histories.encoded(json.dumps({"payload": {"data": once}}))
    for planted in (secret("reason"), once, twice):
        assert histories.leaks(json.dumps({"events": [{"data": planted}]}))


class TestWithoutCache:
    """Every task of a workflow replays its history from the start: what is not deterministic fails here."""

    @pytest.fixture
    def cached(self) -> int:
        return 0

    async def test_accept_after_narrowing_and_a_reminder(self, clinic: Clinic) -> None:
        who = clinic.members
        asked = await clinic.request(options=EVERYTHING)
        await clinic.fast_forward(asked.id, timedelta(days=4))
        narrowed = await clinic.service.narrow(who.owner, asked.id, CAUTIOUS)
        accepted = await clinic.service.accept(who.new_owner, asked.id, seen_version=narrowed.version)

        assert accepted.state is TransferState.ACCEPTED
        assert (await clinic.handle(asked.id).result()).state is TransferState.ACCEPTED

    async def test_refuse_cancel_and_expire(self, clinic: Clinic) -> None:
        who = clinic.members
        clinic.set_policy()
        refused = await clinic.request()
        await clinic.service.refuse(who.new_owner, refused.id, reason=secret("reason"))
        cancelled = await clinic.request()
        await clinic.service.cancel(who.owner, cancelled.id)
        expired = await clinic.request()
        await clinic.fast_forward(expired.id, timedelta(days=16))
        results = [(await clinic.handle(asked.id).result()).state for asked in (refused, cancelled, expired)]

        assert results == [TransferState.REFUSED, TransferState.CANCELLED, TransferState.EXPIRED]

    async def test_a_coordinators_request_that_comes_back(self, clinic: Clinic) -> None:
        who = clinic.members
        asked = await clinic.request(by=who.coordinator)
        await clinic.service.refuse(who.new_owner, asked.id, reason=secret("reason"))
        cancelled = await clinic.service.cancel(who.coordinator, asked.id, reason=secret("reason"))

        assert cancelled.state is TransferState.CANCELLED
        history = await clinic.handle(asked.id).fetch_history()
        starts = [event.event_type for event in history.events].count(
            EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
        )
        assert starts >= 3
