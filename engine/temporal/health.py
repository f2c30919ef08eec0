"""What an operator asks a Temporal server: does a worker work there, which transfers run there."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from engine.messages.transfer import WORKFLOW, workflow_id
from engine.temporal.connection import TASK_QUEUE, outages_named

#: A worker asks again at least every minute; a server remembers those that died for some minutes more.
_ALIVE: Final = timedelta(seconds=90)


async def has_worker(client: Client) -> bool:
    """Say whether a worker has lately asked for transfers to work on."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    with outages_named():
        answer = await client.workflow_service.describe_task_queue(request)
    since = datetime.now(UTC) - _ALIVE
    return any(poller.last_access_time.ToDatetime(tzinfo=UTC) > since for poller in answer.pollers)


async def without_workflow(client: Client, transfer_ids: Iterable[UUID]) -> list[UUID]:
    """Give those of the transfers for which no workflow runs."""
    query = f'WorkflowType = "{WORKFLOW}" AND ExecutionStatus = "Running"'
    with outages_named():
        running = {found.id async for found in client.list_workflows(query)}
    return [transfer_id for transfer_id in transfer_ids if workflow_id(transfer_id) not in running]
