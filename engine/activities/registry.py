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

from engine.activities.bulk_answers import BulkAnswers
from engine.activities.bulk_pages import BulkPages
from engine.activities.bulk_steps import BulkSteps
from engine.activities.destruction import Destroying
from engine.activities.few_at_once import UnderWay
from engine.activities.notices import Mailing, Sending
from engine.activities.steps import Steps
from engine.activities.sweep import Sweeping
from engine.audit.keys import Signer
from engine.mailserver import MailServer
from engine.messages.destruction import DESTRUCTION_WORKFLOW, DestructionPage
from engine.messages.sweep import SWEEP_WORKFLOW
from engine.notices.post import FolderPost, Post, ServerPost
from engine.records.database import Database
from engine.settings import Settings

SWEEP_EVERY: Final = timedelta(minutes=10)
DESTROY_EVERY: Final = timedelta(days=1)
#: How many records of a bulk are being asked for at once: what protects single transfers (BULK-6).
BULK_IN_FLIGHT: Final = 8


def activities(
    database: Database,
    task_queue: str,
    signer: Signer | None = None,
    *,
    bulk_in_flight: int = BULK_IN_FLIGHT,
    notice_queue: str | None = None,
) -> list[Callable[..., Any]]:
    """Give every activity, bound to a database and to the keys that sign receipts."""
    under_way = UnderWay()
    pages = BulkPages(database, task_queue, in_flight=bulk_in_flight, under_way=under_way)
    answers = BulkAnswers(database, task_queue, in_flight=bulk_in_flight, under_way=under_way)
    return [
        *Steps(database, signer, under_way).all,
        *BulkSteps(database).all,
        pages.page,
        pages.cancel_open,
        answers.give,
        answers.page,
        Sweeping(database, task_queue, signer, notice_queue=notice_queue).sweep,
        Destroying(database).page,
    ]


def of_notices(database: Database, settings: Settings) -> list[Callable[..., Any]]:
    """Give the sender of notices, with the post that the settings name. Raises ``BadInput``."""
    if settings.smtp is None:
        post: Post = FolderPost(settings.mail_folder)
    else:
        post = ServerPost(MailServer.of_url(settings.smtp.get_secret_value()))
    mailing = Mailing(
        post=post,
        sender=settings.mail_from,
        rate=None if settings.smtp is None else settings.mail_rate,
        address=None if settings.address is None else settings.address.rstrip("/"),
    )
    return [Sending(database, mailing).send]


async def ensure_schedules(client: Client, task_queue: str) -> None:
    """Schedule what must be, where it is not, and sweep now: the worker has just come (back)."""
    sweep = ScheduleActionStartWorkflow(SWEEP_WORKFLOW, id="sweep", task_queue=task_queue)
    if not await _create(client, "sweep", sweep, SWEEP_EVERY, now=True):
        await client.get_schedule_handle("sweep").trigger()
    destruction = ScheduleActionStartWorkflow(
        DESTRUCTION_WORKFLOW, DestructionPage(), id="destruction", task_queue=task_queue
    )
    await _create(client, "destruction", destruction, DESTROY_EVERY, now=False)


async def _create(
    client: Client, name: str, action: ScheduleActionStartWorkflow, every: timedelta, *, now: bool
) -> bool:
    """Create a schedule, and say whether it was not there."""
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(name, schedule, trigger_immediately=now)
    except ScheduleAlreadyRunningError:
        return False
    return True
