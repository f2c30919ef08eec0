"""Every activity, and what must be scheduled, for the worker."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from engine.activities.steps import Steps
from engine.activities.sweep import Sweeping
from engine.messages.sweep import SWEEP_WORKFLOW
from engine.records.database import Database

SWEEP_EVERY: Final = timedelta(minutes=10)


def activities(database: Database, task_queue: str) -> list[Callable[..., Any]]:
    """Give every activity, bound to a database."""
    return [*Steps(database).all, Sweeping(database, task_queue).sweep]


async def ensure_schedules(client: Client, task_queue: str) -> None:
    """Schedule the sweep where it is not, and sweep now: the worker has just come (back)."""
    action = ScheduleActionStartWorkflow(SWEEP_WORKFLOW, id="sweep", task_queue=task_queue)
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SWEEP_EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule("sweep", schedule, trigger_immediately=True)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle("sweep").trigger()
