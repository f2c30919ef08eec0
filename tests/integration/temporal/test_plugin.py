"""The plugin: the sandbox watches our workflows, and failures are encoded."""

import uuid
from datetime import datetime

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from engine.settings import Settings
from engine.temporal.connection import connect
from engine.temporal.plugin import PASSED_THROUGH, PassationPlugin
from engine.workflows.registry import WORKFLOWS

SECRET = "Tremblay"
#: Another object each time that this module is loaded.
BOX = [SECRET]


@workflow.defn(failure_exception_types=[Exception])
class LooksAtTheClock:
    @workflow.run
    async def run(self) -> None:
        datetime.now()  # noqa: DTZ005 - forbidden, that is the point


@workflow.defn
class SeesItsModule:
    @workflow.run
    async def run(self) -> int:
        return id(BOX)


@workflow.defn
class FailsWithAName:
    @workflow.run
    async def run(self) -> None:
        raise ApplicationError(SECRET, non_retryable=True)


def test_our_workflows_are_not_passed_through() -> None:
    assert {"engine", "engine.workflows"}.isdisjoint(PASSED_THROUGH)


async def test_strict_sandbox_takes_our_workflows(at_server: Settings) -> None:
    client = await connect(at_server, plugin=PassationPlugin(strict=True))

    # Refused here if a module were imported without saying how.
    Worker(client, task_queue=f"strict-{uuid.uuid4()}", workflows=WORKFLOWS)


async def test_sandbox_watches(at_server: Settings) -> None:
    client = await connect(at_server)
    queue = f"queue-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[LooksAtTheClock]):
        with pytest.raises(WorkflowFailureError) as failed:
            await client.execute_workflow(LooksAtTheClock.run, id=queue, task_queue=queue)

    assert "datetime.datetime.now" in str(failed.value.cause)


async def test_production_loads_no_module_anew_for_each_workflow(at_server: Settings) -> None:
    client = await connect(at_server, plugin=PassationPlugin(sandboxed=False))
    queue = f"queue-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[SeesItsModule]):
        seen = await client.execute_workflow(SeesItsModule.run, id=queue, task_queue=queue)

    assert seen == id(BOX)


async def test_failures_are_encoded(at_server: Settings) -> None:
    client = await connect(at_server)
    queue = f"queue-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[FailsWithAName]):
        handle = await client.start_workflow(FailsWithAName.run, id=queue, task_queue=queue)
        with pytest.raises(WorkflowFailureError):
            await handle.result()

    last = (await handle.fetch_history()).events[-1]
    failure = last.workflow_execution_failed_event_attributes.failure

    assert failure.message == "Encoded failure"
    assert failure.stack_trace == ""
