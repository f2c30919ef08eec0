"""Messages that come early, late, or to a workflow that has gone."""

from uuid import uuid4

import pytest
from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from engine.errors import Denied, NotFound
from engine.messages.transfer import WORKFLOW, Accept, StepResult, workflow_id
from engine.states.transfer import TransferState
from tests.workflows.clinic import Clinic


async def test_an_answer_may_arrive_before_the_first_line_has_run(clinic: Clinic) -> None:
    """The request and the acceptance in one first task: the row first, then the answer."""
    request = clinic.draft()
    command = Accept(transfer_id=request.transfer_id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    result: StepResult = await clinic.client.execute_update_with_start_workflow(
        "accept",
        command,
        id=str(command.command_id),
        result_type=StepResult,
        start_workflow_operation=WithStartWorkflowOperation(
            WORKFLOW,
            request,
            id=workflow_id(request.transfer_id),
            task_queue=clinic.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        ),
    )

    assert result.state is TransferState.ACCEPTED
    assert clinic.events(request.transfer_id)[:2] == ["transfer.open", "transfer.accept"]


async def test_an_answer_to_a_denied_request_is_denied(clinic: Clinic) -> None:
    """VIS-11: who was never asked does not learn that somebody tried."""
    clinic.restrict(clinic.members.new_owner)
    request = clinic.draft()
    with pytest.raises(Denied):
        await clinic.start(request)
    command = Accept(transfer_id=request.transfer_id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with pytest.raises(NotFound):
        await clinic.decide("accept", command)

    assert clinic.owners() == [clinic.members.owner]


async def test_what_comes_after_the_end_is_answered_from_the_row(clinic: Clinic) -> None:
    """MOVE-3, OVR-2: the same decision gets the same answer, another one the rule."""
    who = clinic.members
    asked = await clinic.request()
    accepted = await clinic.service.accept(who.new_owner, asked.id)
    await clinic.handle(asked.id).result()

    assert await clinic.service.accept(who.new_owner, asked.id) == accepted
    with pytest.raises(Denied) as denied:
        await clinic.service.cancel(who.owner, asked.id)
    assert denied.value.key == "ST-T/cancel/from_accepted"
    assert clinic.owners() == [who.owner, who.new_owner]


async def test_a_workflow_started_again_for_a_closed_transfer_reads_the_row_and_ends(clinic: Clinic) -> None:
    """MOVE-3: a repeated start under the same id opens nothing twice."""
    who = clinic.members
    request = clinic.draft()
    opened = await clinic.start(request)
    await clinic.service.accept(who.new_owner, request.transfer_id)
    first = (await clinic.handle(request.transfer_id).describe()).run_id
    await clinic.handle(request.transfer_id).result()
    before = clinic.events(request.transfer_id)

    assert await clinic.start(request) == opened  # Temporal remembers the first answer
    await clinic.client.start_workflow(
        WORKFLOW, request, id=workflow_id(request.transfer_id), task_queue=clinic.queue
    )
    described = await clinic.handle(request.transfer_id).describe()
    assert described.run_id != first
    assert (await clinic.handle(request.transfer_id).result()).state is TransferState.ACCEPTED
    assert clinic.events(request.transfer_id) == before
