"""Workflows of today replay the histories of yesterday, and of a worker that forgets everything."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.workflow import NondeterminismError

from engine.states.transfer import TransferState
from tests.histories.record import FOLDER, SCENARIOS
from tests.workflows import histories
from tests.workflows.clinic import CAUTIOUS, EVERYTHING, Clinic
from tests.workflows.histories import secret

RECORDED = sorted(FOLDER.rglob("*.json"))


def loaded(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))


def test_every_way_through_a_transfer_was_recorded() -> None:
    assert {file.stem for file in RECORDED} >= SCENARIOS.keys()


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_recorded_history_replays(file: Path) -> None:
    """A release may meet transfers that were asked for under any release before it."""
    await histories.replay([loaded(file)])


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_recorded_history_holds_no_secret(file: Path) -> None:
    """ST-2."""
    text = file.read_text(encoding="utf-8")
    assert histories.leaks(text) == []
    assert histories.failed_tasks(loaded(file)) == []


async def test_the_replay_notices_another_order_of_steps() -> None:
    """The control of the tests above."""
    recorded = json.loads((RECORDED[0].parent / "accepted.json").read_text(encoding="utf-8"))
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
