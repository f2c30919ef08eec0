"""The ways through the sweep, the destruction and the sender of notices."""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from temporalio.worker import Worker

from engine.activities import destruction, notices
from engine.activities.registry import of_notices
from engine.messages.destruction import DESTRUCTION_WORKFLOW, DestructionPage
from engine.messages.notices import SENDER_WORKFLOW, Sent
from engine.messages.sweep import SWEEP_WORKFLOW
from engine.settings import Settings
from engine.states.choices import Options
from engine.workflows.registry import OF_NOTICES
from tests.histories.failing import replaced
from tests.workflows.clinic import Clinic, eventually

_YEARS: Final = timedelta(days=6 * 366)


async def swept(clinic: Clinic) -> str:
    """A transfer without its workflow is started again."""
    asked = await clinic.request()
    await clinic.end(asked.id, "terminate")
    workflow_id = f"sweep-{uuid4()}"
    await clinic.client.execute_workflow(SWEEP_WORKFLOW, id=workflow_id, task_queue=clinic.queue)
    return workflow_id


async def nothing_due(clinic: Clinic) -> str:
    """A day on which nothing is destroyed; the day is that on which it began."""
    return await _destroyed(clinic, DestructionPage())


async def page_after_page(clinic: Clinic) -> str:
    """Years later two records are due, one a page."""
    await _handed_over(clinic, 2)
    with replaced(destruction, "PAGE", 1):
        return await _destroyed(clinic, DestructionPage(at=datetime.now(UTC) + _YEARS))


async def destruction_continued(clinic: Clinic) -> str:
    """So many pages that the history begins anew."""
    await _handed_over(clinic, 5)
    with replaced(destruction, "PAGE", 1):
        return await _destroyed(clinic, DestructionPage(at=datetime.now(UTC) + _YEARS))


async def turns(clinic: Clinic) -> str:
    """Some turns, the first of which had something to send."""
    await clinic.request()
    return await _sending(clinic, turns=2)


async def turns_continued(clinic: Clinic) -> str:
    """So many turns that the history begins anew."""
    return await _sending(clinic, turns=6)


SWEEPS: Final = (swept,)
DESTRUCTIONS: Final = (nothing_due, page_after_page, destruction_continued)
SENDERS: Final = (turns, turns_continued)


async def _handed_over(clinic: Clinic, count: int) -> None:
    for record in [clinic.record, *(clinic.add_record() for _ in range(count - 1))]:
        await _accepted(clinic, record)


async def _accepted(clinic: Clinic, record: UUID) -> None:
    asked = await clinic.request(record=record, options=Options(keep_copy=False))
    await clinic.service.accept(clinic.members.new_owner, asked.id)


async def _destroyed(clinic: Clinic, page: DestructionPage) -> str:
    workflow_id = f"destruction-{uuid4()}"
    await clinic.client.execute_workflow(
        DESTRUCTION_WORKFLOW, page, id=workflow_id, task_queue=clinic.queue, result_type=DestructionPage
    )
    return workflow_id


async def _sending(clinic: Clinic, turns: int) -> str:
    """Run a sender beside the clinic's worker until it has had so many turns, and end it."""
    workflow_id, queue = f"notices-{uuid4()}", f"notices-{uuid4()}"
    with tempfile.TemporaryDirectory() as folder, replaced(notices, "_TURN_SECONDS", 0.05):
        sending = of_notices(clinic.database, Settings(data=Path(folder)))
        async with Worker(clinic.client, task_queue=queue, workflows=OF_NOTICES, activities=sending):
            handle = await clinic.client.start_workflow(
                SENDER_WORKFLOW, Sent(), id=workflow_id, task_queue=queue
            )

            async def done() -> bool:
                query = f'WorkflowId = "{workflow_id}"'
                count = 0
                async for run in clinic.client.list_workflows(query):
                    one = clinic.client.get_workflow_handle(workflow_id, run_id=run.run_id)
                    history = await one.fetch_history()
                    count += sum(
                        event.HasField("activity_task_completed_event_attributes") for event in history.events
                    )
                return count >= turns

            await eventually(done)
            await asyncio.sleep(0)
            await handle.terminate("recorded")
    return workflow_id
