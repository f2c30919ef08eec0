"""How a workflow runs a step: at once where it can, and through any outage where it cannot."""

from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from engine.messages.transfer import Failure, Message, StepInput

_R = TypeVar("_R", bound=Message)

#: What no retry mends: the workflow waits for a cancel or for somebody to repair it (ST-5).
_NOT_RETRIED = [Failure.STUCK.value, Failure.UNEXPECTED.value]


class StepFailed(Exception):
    """A step cannot succeed for a cause that is neither a rule nor an outage (ST-5)."""


async def run_step(step: StrEnum, what: Message, summary: str, result_type: type[_R]) -> _R:
    """
    Run one step as a local activity, and in an outage as a regular one until the database answers.

    Raises ``StepFailed`` only where the step fails for a cause that is neither a rule nor an outage, and what
    Temporal's own cancel raises.
    """
    given = StepInput(what=what, at=workflow.now())
    try:
        result: _R = await workflow.execute_local_activity(
            step.value,
            given,
            result_type=result_type,
            start_to_close_timeout=timedelta(seconds=20),
            schedule_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=200),
                maximum_attempts=2,
                non_retryable_error_types=_NOT_RETRIED,
            ),
            summary=summary,
        )
    except (ActivityError, ApplicationError) as failure:
        if is_cancelled_exception(failure):
            raise
        if cause_of(failure) in _NOT_RETRIED:
            raise StepFailed from failure
    else:
        return result
    # Operators see this one waiting; it does not hold the workflow's task.
    try:
        kept: _R = await workflow.execute_activity(
            step.value,
            StepInput(what=what, at=workflow.now()),
            result_type=result_type,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=1),
                maximum_interval=timedelta(seconds=30),
                non_retryable_error_types=_NOT_RETRIED,
            ),
            summary=f"{summary} (kept: the database did not answer)",
        )
    except ActivityError as failure:
        if is_cancelled_exception(failure):
            raise
        raise StepFailed from failure
    return kept


def cause_of(failure: ActivityError | ApplicationError) -> str | None:
    """Give the name of what made a step fail; ``None`` for a time-out or a lost worker."""
    # A local activity's own failure arrives bare, its time-out and a regular activity's failure wrapped.
    cause = failure.cause if isinstance(failure, ActivityError) else failure
    return cause.type if isinstance(cause, ApplicationError) else None
