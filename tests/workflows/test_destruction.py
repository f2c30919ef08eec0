"""MOVE-6 on the real server: years pass, and the daily destruction does what is due, once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from temporalio.client import ScheduleActionStartWorkflow, WorkflowHandle

from engine.activities import destruction
from engine.activities.registry import ensure_schedules
from engine.messages.destruction import DESTRUCTION_WORKFLOW, DestructionPage
from engine.records.tables.base import HoldingState
from engine.records.tables.proof import Event
from engine.records.tables.records import Holding
from engine.states.choices import Options
from tests.workflows.clinic import Clinic

NOT_KEPT = Options(keep_copy=False)


async def destroyed(clinic: Clinic, at: datetime) -> DestructionPage:
    """Run one day's destruction."""
    found: DestructionPage = await clinic.client.execute_workflow(
        DESTRUCTION_WORKFLOW,
        DestructionPage(at=at),
        id=f"destruction-{uuid4()}",
        task_queue=clinic.queue,
        result_type=DestructionPage,
    )
    return found


async def handed_over(clinic: Clinic, options: Options = NOT_KEPT) -> UUID:
    record = clinic.add_record()
    asked = await clinic.request(record=record, options=options)
    await clinic.service.accept(clinic.members.new_owner, asked.id)
    return record


def states(clinic: Clinic, record: UUID) -> list[HoldingState]:
    with clinic.database.read() as session:
        query = select(Holding.state).where(Holding.record_id == record).order_by(Holding.from_at)
        return list(session.scalars(query))


def lines(clinic: Clinic, record: UUID) -> list[Event]:
    with clinic.database.read() as session:
        query = select(Event).where(Event.record_id == record, Event.action == "record.destroyed")
        found = session.scalars(query.order_by(Event.seq)).all()
        session.expunge_all()
        return list(found)


async def test_years_later_what_is_due_is_destroyed_and_logged(clinic: Clinic) -> None:
    """MOVE-6, AUD-1: by the engine, with counts by class; a day later nothing is left to do."""
    record = await handed_over(clinic)
    now = datetime.now(UTC)
    early = await destroyed(clinic, now + timedelta(days=29))
    assert (early.destroyed, early.unfinished, early.failed) == (0, 0, 0)
    month = await destroyed(clinic, now + timedelta(days=32))
    assert (month.destroyed, month.unfinished) == (0, 1)
    assert states(clinic, record) == [HoldingState.QUARANTINED, HoldingState.LIVE]
    later = now + timedelta(days=6 * 366)
    done = await destroyed(clinic, later)
    assert (done.destroyed, done.unfinished, done.failed) == (1, 0, 0)
    again = await destroyed(clinic, later + timedelta(days=1))

    assert (again.destroyed, again.unfinished) == (0, 0)
    assert states(clinic, record) == [HoldingState.DESTROYED, HoldingState.LIVE]
    grace, retention = lines(clinic, record)
    assert grace.counts == '{"memo":{"destroyed":1},"task":{"destroyed":1}}'
    assert (retention.role, retention.actor_id, retention.outcome) == ("engine", None, "allowed")
    assert retention.counts is not None
    assert '"raw_data":{"destroyed":1}' in retention.counts


async def test_time_passes_by_itself(clinic: Clinic) -> None:
    """MOVE-6: a destruction whose start waited for years goes by the clock of its own day."""
    record = await handed_over(clinic)
    handle: WorkflowHandle[object, DestructionPage] = await clinic.client.start_workflow(
        DESTRUCTION_WORKFLOW,
        DestructionPage(),
        id=f"destruction-{uuid4()}",
        task_queue=clinic.queue,
        result_type=DestructionPage,
        start_delay=timedelta(days=6 * 366),
    )
    await clinic.environment.fast_forward(handle, timedelta(days=6 * 366 + 1))

    assert (await handle.result()).destroyed == 1
    assert states(clinic, record)[0] is HoldingState.DESTROYED


async def test_page_after_page(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """MOVE-6: more than a page holds, in more than one organization's order; a hold is passed over."""
    records = [await handed_over(clinic) for _ in range(3)]
    clinic.desk.hold(clinic.members.administrator, records[1], "enquête")
    monkeypatch.setattr(destruction, "PAGE", 1)
    found = await destroyed(clinic, datetime.now(UTC) + timedelta(days=6 * 366))
    clinic.desk.release(clinic.members.administrator, records[1], "close")

    assert found.destroyed == 2
    assert [states(clinic, record)[0] for record in records] == [
        HoldingState.DESTROYED,
        HoldingState.QUARANTINED,
        HoldingState.DESTROYED,
    ]


async def test_it_is_scheduled_once_a_day(clinic: Clinic) -> None:
    """MOVE-6: a worker that comes back finds the schedule, and does not destroy at once."""
    await ensure_schedules(clinic.client, clinic.queue)
    await ensure_schedules(clinic.client, clinic.queue)
    handle = clinic.client.get_schedule_handle("destruction")
    found = (await handle.describe()).schedule
    try:
        assert [interval.every for interval in found.spec.intervals] == [timedelta(days=1)]
        assert isinstance(found.action, ScheduleActionStartWorkflow)
        assert found.action.workflow == DESTRUCTION_WORKFLOW
        assert (await handle.describe()).info.num_actions == 0
    finally:
        await handle.delete()
        await clinic.client.get_schedule_handle("sweep").delete()
