"""ST-5: a hand-over that cannot succeed for a cause that is no rule is kept, shown, and can be undone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowUpdateFailedError

from engine.errors import Denied
from engine.messages.transfer import WAKE, Accept, Cancel, StepResult, workflow_id
from engine.records.tables.base import StuckCause
from engine.states.transfer import TransferState
from tests.workflows.clinic import NEXT_TRY, Clinic, denial, eventually


class StuckTransfer:
    """An acceptance that waits for bytes that are missing."""

    def __init__(self, clinic: Clinic, transfer: UUID, repair: ExitStack) -> None:
        self.id = transfer
        self.repair = repair
        self.command = Accept(transfer_id=transfer, command_id=uuid4(), actor_id=clinic.members.new_owner)
        self.accept: asyncio.Task[StepResult] = asyncio.create_task(clinic.send("accept", self.command))


@pytest.fixture
async def stuck(clinic: Clinic) -> AsyncIterator[StuckTransfer]:
    """A stuck transfer, whose answer is due within a minute; its bytes come back at the end."""
    clinic.set_policy(answer_within=timedelta(seconds=40), reminders=[timedelta(seconds=35)])
    asked = await clinic.request()
    with ExitStack() as repair:
        repair.enter_context(clinic.without_bytes())
        found = StuckTransfer(clinic, asked.id, repair)
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.accept"))
        yield found
    found.accept.cancel()


async def test_a_stuck_hand_over_is_kept_and_shown(
    clinic: Clinic, stuck: StuckTransfer, caplog: pytest.LogCaptureFixture
) -> None:
    """ST-5: on the row, to operators, in the log; nothing has moved."""
    who = clinic.members
    row = clinic.row(stuck.id)
    assert (row.state, row.stuck_cause) == (TransferState.PENDING_ACCEPTANCE, StuckCause.MISSING_CONTENT)
    assert clinic.desk.transfer(who.owner, stuck.id).stuck_cause == "missing_content"
    assert clinic.owners() == [who.owner]
    assert not stuck.accept.done()
    assert clinic.events(stuck.id) == ["transfer.open", "transfer.stuck ST-5/missing_content"]
    told = [*caplog.get_records("setup"), *caplog.records]
    alarms = [record for record in told if record.message == "transfer.stuck"]
    assert [record.levelname for record in alarms] == ["ERROR"]


async def test_a_stuck_hand_over_does_not_expire(clinic: Clinic, stuck: StuckTransfer) -> None:
    """ST-5: not at its deadline; and once repaired it goes through at the next try, deadline or not."""
    who = clinic.members
    await clinic.fast_forward(stuck.id, timedelta(seconds=45))
    assert clinic.state(stuck.id) is TransferState.PENDING_ACCEPTANCE
    assert not stuck.accept.done()
    assert [kind for kind, _ in clinic.notices(stuck.id)] == ["asked"]
    # However often it was tried meanwhile.
    assert clinic.events(stuck.id) == ["transfer.open", "transfer.stuck ST-5/missing_content"]

    stuck.repair.close()
    await clinic.fast_forward(stuck.id, timedelta(seconds=40))
    assert (await stuck.accept).state is TransferState.ACCEPTED
    assert clinic.owners() == [who.owner, who.new_owner]
    assert clinic.row(stuck.id).stuck_cause is None


async def test_the_bytes_come_back_and_the_next_try_goes_through(
    clinic: Clinic, stuck: StuckTransfer
) -> None:
    """ST-5, MOVE-5."""
    stuck.repair.close()
    await clinic.fast_forward(stuck.id, NEXT_TRY)
    accepted = await stuck.accept

    assert (accepted.state, accepted.denied) == (TransferState.ACCEPTED, None)
    assert accepted.stuck is None
    assert "stuck" not in await clinic.details(stuck.id)


async def test_an_operator_who_repaired_it_need_not_wait(clinic: Clinic, stuck: StuckTransfer) -> None:
    """ST-5: the signal from the Web UI makes the next try come now; without repair it changes nothing."""
    handle = clinic.client.get_workflow_handle(workflow_id(stuck.id))
    await handle.signal(WAKE)
    await clinic.fast_forward(stuck.id, timedelta(seconds=1))
    assert clinic.row(stuck.id).stuck_cause is StuckCause.MISSING_CONTENT

    stuck.repair.close()
    await handle.signal(WAKE)

    assert (await stuck.accept).state is TransferState.ACCEPTED


async def test_a_cancel_undoes_the_kept_decision(clinic: Clinic, stuck: StuckTransfer) -> None:
    """ST-5: whoever decided is told so, and the record is as it was."""
    cancelled = await clinic.service.cancel(clinic.members.owner, stuck.id)
    with pytest.raises(WorkflowUpdateFailedError) as undone:
        await stuck.accept

    assert cancelled.state is TransferState.CANCELLED
    assert denial(undone.value) == "ST-5/undone"
    assert clinic.owners() == [clinic.members.owner]
    assert (await clinic.handle(stuck.id).result()).state is TransferState.CANCELLED


async def test_a_cancel_that_is_denied_undoes_nothing(clinic: Clinic, stuck: StuckTransfer) -> None:
    """ST-5, ST-T/cancel: the new owner cannot cancel; the kept decision is tried again."""
    who = clinic.members
    stuck.repair.close()
    with pytest.raises(Denied) as denied:
        await clinic.decide(
            "cancel", Cancel(transfer_id=stuck.id, command_id=uuid4(), actor_id=who.new_owner)
        )

    assert denied.value.key == "ST-T/cancel/not_asker"
    assert (await stuck.accept).state is TransferState.ACCEPTED


async def test_a_kept_decision_that_a_rule_stops_meanwhile_is_denied_and_the_deadline_runs_on(
    clinic: Clinic, stuck: StuckTransfer
) -> None:
    """OVR-2, ST-3: the transfer stays where it was, and is no longer stuck."""
    clinic.restrict(clinic.members.new_owner)
    await clinic.fast_forward(stuck.id, NEXT_TRY)
    with pytest.raises(WorkflowUpdateFailedError) as denied:
        await stuck.accept
    assert denial(denied.value) == "VIS-11/no_longer"
    row = clinic.row(stuck.id)
    assert (row.state, row.stuck_cause) == (TransferState.PENDING_ACCEPTANCE, None)

    await clinic.fast_forward(stuck.id, timedelta(minutes=1))
    await eventually(lambda: clinic.state(stuck.id) is TransferState.EXPIRED)
