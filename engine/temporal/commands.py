"""Send a request or a decision to a transfer's workflow, and wait for its outcome through short outages."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from engine.errors import EngineError, Unavailable, of_key
from engine.messages.transfer import WORKFLOW, Message, StepResult, TransferRequest, workflow_id

_R = TypeVar("_R", bound=Message)

#: What passes when the server is back.
_PASSING: Final = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.ABORTED,
        # "transport error": the connection broke under the request, so nobody knows whether it arrived.
        RPCStatusCode.UNKNOWN,
        # The workflow closed while the update arrived; the next attempt starts it again from its row.
        RPCStatusCode.NOT_FOUND,
        # A worker that died with the workflow's task in its hands: the next one takes it.
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.INTERNAL,
    }
)
#: The server's name for an accepted update whose workflow was ended from outside.
_ENDED_BEFORE_ANSWER: Final = "AcceptedUpdateCompletedWorkflow"
_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Target(Generic[_R]):
    """The workflow that a message is for, and what it is started from where none runs."""

    workflow: str
    id: str
    start: Message
    result: type[_R]
    summary: str


async def send(
    client: Client,
    update: str,
    message: Message,
    *,
    update_id: str,
    start: TransferRequest,
    task_queue: str,
    patience: timedelta,
) -> StepResult:
    """Send an update to a transfer's workflow; see `send_to`."""
    target = Target(WORKFLOW, workflow_id(start.transfer_id), start, StepResult, f"record {start.record_id}")
    return await send_to(
        client, target, update, message, update_id=update_id, task_queue=task_queue, patience=patience
    )


async def send_to(
    client: Client,
    target: Target[_R],
    update: str,
    message: Message,
    *,
    update_id: str,
    task_queue: str,
    patience: timedelta,
) -> _R:
    """
    Send an update, starting the workflow where none runs, and give its outcome.

    Sent again under the same id while nobody answers: it is executed once. Raises the ``EngineError`` that
    denied, or ``Unavailable`` when ``patience`` runs out; the message may then still be executed later.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience.total_seconds()
    while True:
        left = until - loop.time()
        operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            target.workflow,
            target.start,
            id=target.id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=target.summary,
        )
        try:
            answer: _R = await client.execute_update_with_start_workflow(
                update,
                message,
                id=update_id,
                result_type=target.result,
                rpc_timeout=timedelta(seconds=max(left, 1.0)),
                start_workflow_operation=operation,
            )
        except WorkflowUpdateFailedError as failure:
            if not _lost(failure):
                raise _denial(failure) from None
            # Temporal remembers that, so it needs another id; the log knows the command by its own.
            update_id = f"{update_id}/again"
        except (WorkflowUpdateRPCTimeoutOrCancelledError, RPCError) as error:
            # The start failed with the update; asyncio prints a failure that nobody asked about.
            with suppress(RPCError):
                await operation.workflow_handle()
            if isinstance(error, RPCError) and error.status not in _PASSING:
                raise
        else:
            return answer
        if loop.time() + _PAUSE >= until:
            raise Unavailable("no_answer")
        await asyncio.sleep(_PAUSE)


def _lost(failure: WorkflowUpdateFailedError) -> bool:
    """Say whether the workflow was terminated or cancelled before it could answer: no outcome at all."""
    return isinstance(failure.cause, ApplicationError) and failure.cause.type == _ENDED_BEFORE_ANSWER


def _denial(failure: WorkflowUpdateFailedError) -> EngineError:
    cause = failure.cause
    if isinstance(cause, ApplicationError) and cause.type is not None:
        return of_key(cause.type)
    return Unavailable("no_answer")
