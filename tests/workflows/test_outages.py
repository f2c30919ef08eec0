"""The database does not answer for a while: what was decided waits, and nothing fails (OVR-2)."""

import asyncio
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError

from engine.messages.transfer import Accept, Cancel
from engine.states.transfer import TransferState
from tests.workflows.clinic import Clinic, denial, eventually


@pytest.fixture
def busy_seconds() -> float:
    """An outage is noticed at once."""
    return 0.05


def outage(clinic: Clinic, kind: str) -> AbstractContextManager[object]:
    return clinic.locked() if kind == "locked" else clinic.missing()


@pytest.mark.parametrize("kind", ["locked", "missing"])
async def test_an_acceptance_in_an_outage_is_delayed_and_not_failed(clinic: Clinic, kind: str) -> None:
    """OVR-2, MOVE-2: it is kept by a regular activity, and hands over once."""
    who = clinic.members
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner)
    with outage(clinic, kind):
        accept = asyncio.create_task(clinic.send("accept", command))
        await clinic.retried(asked.id, "transfer.accept")
        assert not accept.done()
    await clinic.fast_forward(asked.id, timedelta(minutes=1))

    assert (await accept).state is TransferState.ACCEPTED
    assert clinic.owners() == [who.owner, who.new_owner]
    assert clinic.events(asked.id).count("transfer.accept") == 1
    assert len(clinic.notices(asked.id)) == 3
    history = await clinic.handle(asked.id).fetch_history()
    scheduled = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert scheduled == ["transfer.accept"]


@pytest.mark.parametrize("kind", ["locked", "missing"])
async def test_the_service_waits_with_its_caller(clinic: Clinic, kind: str) -> None:
    """OVR-2: whoever calls through the service only sees that it took longer."""
    who = clinic.members
    asked = await clinic.request()
    with outage(clinic, kind):
        accept = asyncio.create_task(clinic.service.accept(who.new_owner, asked.id))
        done, _ = await asyncio.wait({accept}, timeout=0.3)
        assert not done

    assert (await accept).state is TransferState.ACCEPTED
    assert clinic.owners() == [who.owner, who.new_owner]


async def test_a_request_in_an_outage_is_delayed_and_not_failed(clinic: Clinic) -> None:
    """ST-T/open."""
    request = clinic.draft()
    with clinic.locked():
        start = asyncio.create_task(clinic.start(request))
        await clinic.retried(request.transfer_id, "transfer.open")
    await clinic.fast_forward(request.transfer_id, timedelta(minutes=1))

    assert (await start).state is TransferState.PENDING_ACCEPTANCE
    assert clinic.events(request.transfer_id) == ["transfer.open"]


async def test_a_cancel_in_an_outage_waits_its_turn(clinic: Clinic) -> None:
    """MOVE-3: decisions are executed in the order received."""
    who = clinic.members
    asked = await clinic.request()
    with clinic.locked():
        accept = asyncio.create_task(
            clinic.send("accept", Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner))
        )
        await clinic.retried(asked.id, "transfer.accept")
        cancel = asyncio.create_task(
            clinic.send("cancel", Cancel(transfer_id=asked.id, command_id=uuid4(), actor_id=who.owner))
        )
        await eventually(lambda: clinic.received(asked.id, "cancel"))
        assert not accept.done()
        assert not cancel.done()
    await clinic.fast_forward(asked.id, timedelta(minutes=1))

    assert (await accept).state is TransferState.ACCEPTED
    with pytest.raises(WorkflowUpdateFailedError) as denied:
        await cancel
    assert denial(denied.value) == "ST-T/cancel/from_accepted"


async def test_a_decision_kept_in_an_outage_is_judged_when_it_is_executed(clinic: Clinic) -> None:
    """OVR-2: if the rules no longer allow it, the one who decided is told the rule, and nothing moves."""
    who = clinic.members
    asked = await clinic.request()
    with clinic.locked() as intruder:
        accept = asyncio.create_task(
            clinic.send("accept", Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner))
        )
        await clinic.retried(asked.id, "transfer.accept")
        intruder.execute("UPDATE records SET status = 'archived'")
    await clinic.fast_forward(asked.id, timedelta(minutes=1))

    with pytest.raises(WorkflowUpdateFailedError) as denied:
        await accept
    assert denial(denied.value) == "VIS-11/no_longer"
    assert clinic.state(asked.id) is TransferState.PENDING_ACCEPTANCE
    assert clinic.owners() == [who.owner]


async def test_a_deadline_in_an_outage_passes_when_the_database_answers(clinic: Clinic) -> None:
    """ST-3."""
    clinic.set_policy(answer_within=timedelta(hours=1))
    asked = await clinic.request()
    with clinic.locked():
        await clinic.fast_forward(asked.id, timedelta(hours=1, seconds=1))
        await clinic.retried(asked.id, "transfer.expire")
        assert clinic.state(asked.id) is TransferState.PENDING_ACCEPTANCE
    await clinic.fast_forward(asked.id, timedelta(minutes=1))

    await eventually(lambda: clinic.state(asked.id) is TransferState.EXPIRED)
    assert (await clinic.handle(asked.id).result()).state is TransferState.EXPIRED
