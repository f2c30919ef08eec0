"""Rows and workflows that drifted apart: the row is the truth, and the sweep brings them together."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from engine import proof
from engine.activities.steps import Steps
from engine.activities.sweep import reconcile
from engine.audit.keys import Signer
from engine.messages.notices import SENDER_ID, SENDER_WORKFLOW
from engine.messages.sweep import SWEEP_WORKFLOW, SweepResult
from engine.messages.transfer import Accept, StepInput
from engine.states.choices import Purpose
from engine.states.transfer import TransferState
from engine.views import TransferView
from tests.workflows.clinic import CAUTIOUS, EVERYTHING, Clinic, eventually
from tests.workflows.server import time_skipping_server


@pytest.fixture
def busy_seconds() -> float:
    """An outage is noticed at once."""
    return 0.2


@pytest.mark.parametrize("end", ["terminate", "cancel"])
async def test_ending_a_workflow_changes_nothing_and_the_sweep_brings_it_back(
    clinic: Clinic, end: str
) -> None:
    """Temporal's own cancel and terminate are no decision about a transfer (ST-T)."""
    who = clinic.members
    asked = await clinic.request()
    before = clinic.row(asked.id), clinic.events(asked.id)
    await clinic.end(asked.id, end)
    after = clinic.row(asked.id), clinic.events(asked.id)
    assert (after[0].state, after[0].version, after[1]) == (before[0].state, before[0].version, before[1])

    await eventually(lambda: clinic.swept(restarted=1))
    assert await clinic.is_running(asked.id)
    assert clinic.events(asked.id) == before[1]
    accepted = await clinic.service.accept(who.new_owner, asked.id)
    assert accepted.state is TransferState.ACCEPTED
    assert clinic.owners() == [who.owner, who.new_owner]


async def test_a_restarted_workflow_goes_on_from_its_row(clinic: Clinic) -> None:
    """ST-3: its reminder is not sent again, and its deadline passes."""
    clinic.set_policy(reminders=[timedelta(days=3)])
    asked = await clinic.request()
    await clinic.fast_forward(asked.id, timedelta(days=4))
    await clinic.end(asked.id, "terminate")
    await eventually(lambda: clinic.swept(restarted=1))
    await clinic.fast_forward_to(asked.id, clinic.row(asked.id).respond_by + timedelta(minutes=1))
    await eventually(lambda: clinic.state(asked.id) is TransferState.EXPIRED)

    assert clinic.events(asked.id) == [
        "transfer.open",
        "transfer.remind",
        "transfer.expire",
    ]


async def test_an_answer_needs_no_sweep(clinic: Clinic) -> None:
    """Whoever decides starts the workflow again from its row."""
    asked = await clinic.request()
    await clinic.end(asked.id, "terminate")

    accepted = await clinic.service.accept(clinic.members.new_owner, asked.id)
    assert accepted.state is TransferState.ACCEPTED


async def test_asking_again_finds_the_restarted_transfer(clinic: Clinic) -> None:
    """MOVE-3: the same key gets the same answer, though the row has been narrowed meanwhile."""
    who = clinic.members
    typed = clinic.service_at(clinic.client, os_uid=1000)

    async def ask() -> TransferView:
        return await typed.request(
            who.owner,
            clinic.record,
            who.new_owner,
            purpose=Purpose.CONTINUITY,
            options=EVERYTHING,
            key="mine",
        )

    asked = await ask()
    await typed.narrow(who.owner, asked.id, CAUTIOUS)
    await clinic.end(asked.id, "terminate")
    await eventually(lambda: clinic.swept(restarted=1))
    again = await ask()

    assert again.id == asked.id
    assert clinic.events(asked.id) == ["transfer.open", "transfer.narrow"]


@pytest.mark.parametrize("end", ["terminate", "cancel"])
async def test_a_caller_outlives_a_workflow_that_is_ended_under_their_command(
    clinic: Clinic, end: str
) -> None:
    """OVR-2: the service sends the command again, and it is executed once."""
    who = clinic.members
    asked = await clinic.request()
    with clinic.locked():
        accept = asyncio.create_task(clinic.service.accept(who.new_owner, asked.id))
        await clinic.retried(asked.id, "transfer.accept")
        await clinic.end(asked.id, end)

    assert (await accept).state is TransferState.ACCEPTED
    assert clinic.owners() == [who.owner, who.new_owner]
    assert clinic.events(asked.id).count("transfer.accept") == 1


async def test_a_workflow_whose_row_went_ahead_is_woken_and_ends(clinic: Clinic) -> None:
    """As after a crash between a step's commit and the end of its workflow's task."""
    who = clinic.members
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner)
    await asyncio.to_thread(Steps(clinic.database).accept, StepInput(what=command, at=datetime.now(UTC)))
    before = clinic.events(asked.id)
    assert await clinic.is_running(asked.id)

    await eventually(lambda: clinic.swept(woken=1))
    assert (await clinic.handle(asked.id).result()).state is TransferState.ACCEPTED
    assert clinic.events(asked.id) == before
    await eventually(clinic.swept)


async def test_a_new_server_gets_every_open_transfer_back(clinic: Clinic) -> None:
    """Temporal's store is disposable: losing it costs a restart, never a transfer."""
    who = clinic.members
    clinic.set_policy()
    closed = await clinic.request()
    await clinic.service.refuse(who.new_owner, closed.id, reason="non")
    records = [clinic.record, *(clinic.add_record() for _ in range(4))]
    asked = [await clinic.request(record=record) for record in records]
    async with await time_skipping_server() as other:
        with other.with_time_skipping_disabled():
            async with clinic.worker(other.client):
                service = clinic.service_at(other.client)
                found = await service.reconcile()
                assert (found.open_transfers, found.restarted, found.woken) == (5, 5, 0)
                accepted = [await service.accept(who.new_owner, transfer.id) for transfer in asked[:4]]
                assert {view.state for view in accepted} == {TransferState.ACCEPTED}
                await other.fast_forward(
                    other.client.get_workflow_handle(f"transfer/{asked[4].id}"), timedelta(days=16)
                )
                await eventually(lambda: clinic.state(asked[4].id) is TransferState.EXPIRED)
    assert [len(clinic.owners(record)) for record in records] == [2, 2, 2, 2, 1]


async def test_the_sweep_is_a_workflow(clinic: Clinic) -> None:
    asked = await clinic.request()
    await clinic.end(asked.id, "terminate")
    found: SweepResult = await clinic.client.execute_workflow(
        SWEEP_WORKFLOW, id=f"sweep-{uuid4()}", task_queue=clinic.queue, result_type=SweepResult
    )

    assert found.open_transfers == 1
    assert await clinic.is_running(asked.id)


async def test_unused_texts_are_swept_and_used_ones_stay(clinic: Clinic) -> None:
    """ST-2, MOVE-9."""
    asked = await clinic.request()
    clinic.text(clinic.members.owner)
    clinic.age_texts(timedelta(days=91))
    found = await clinic.service.reconcile()

    assert found.texts_swept == 1
    accepted = await clinic.service.accept(clinic.members.new_owner, asked.id)
    assert accepted.message is not None


async def test_aud_4_what_waits_for_its_signature_is_signed_by_a_sweep_that_has_the_key(
    clinic: Clinic, tmp_path: Path
) -> None:
    """The worker of this clinic has no keys: records change hands all the same."""
    asked = await clinic.request()
    await clinic.service.accept(clinic.members.new_owner, asked.id)
    without = await clinic.service.reconcile()
    clinic.desk.signer = Signer(tmp_path / "keys", may_create=True)
    first, second = await clinic.service.reconcile(), await clinic.service.reconcile()

    assert [(one.receipts_signed, one.receipts_waiting) for one in (without, first, second)] == [
        (0, 1),
        (1, 0),
        (0, 0),
    ]
    key = clinic.desk.keys(clinic.members.owner)[0].public_key
    assert proof.verify(clinic.desk.receipt(clinic.members.owner, asked.id), key) == []


async def test_a_terminated_workflow_fails_whoever_waits_for_its_result(clinic: Clinic) -> None:
    """The result of a run is Temporal's; the state of a transfer is the row's."""
    asked = await clinic.request()
    handle = clinic.handle(asked.id)
    await handle.terminate("by a test")
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert (await handle.describe()).status is WorkflowExecutionStatus.TERMINATED
    assert clinic.state(asked.id) is TransferState.PENDING_ACCEPTANCE


async def test_a_row_that_the_desk_moved_on_is_followed(clinic: Clinic) -> None:
    """ST-4: whoever is asked loses their access; the row waits for a coordinator, then its workflow too."""
    who = clinic.members
    asked = await clinic.request(by=who.coordinator)
    clinic.desk.deactivate(who.administrator, who.new_owner)
    assert clinic.state(asked.id) is TransferState.COORDINATOR_OVERRIDE

    await eventually(lambda: clinic.swept(woken=1))

    async def follows() -> bool:
        return TransferState.COORDINATOR_OVERRIDE.value in await clinic.details(asked.id)

    await eventually(follows)
    await eventually(lambda: clinic.swept(woken=0))
    assert clinic.events(asked.id) == [
        "transfer.open",
        "transfer.lost_eligibility ELIG-3/inactive",
        "transfer.escalate ELIG-3/inactive",
    ]
    cancelled = await clinic.service.cancel(who.owner, asked.id)
    assert cancelled.state is TransferState.CANCELLED


async def test_note_3_a_sender_that_is_gone_is_started_again(clinic: Clinic) -> None:
    """Whoever ended it: a sweep starts it, and leaves one that runs alone."""
    queue = f"notices-{uuid4()}"
    sweeping = partial(reconcile, clinic.client, clinic.database, clinic.queue, notice_queue=queue)
    first, second = await sweeping(), await sweeping()
    sender = clinic.client.get_workflow_handle(SENDER_ID)
    described = await sender.describe()
    await sender.terminate()
    third = await sweeping()
    await sender.terminate()

    assert [found.sender_restarted for found in (first, second, third)] == [True, False, True]
    assert (described.workflow_type, described.task_queue) == (SENDER_WORKFLOW, queue)
