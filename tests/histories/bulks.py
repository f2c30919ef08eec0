"""The ways through the transfer of a caseload, and through an answer to one."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from temporalio.client import WorkflowUpdateFailedError

from engine import bulk_service
from engine.activities import bulk_answers, bulk_decisions, bulk_pages
from engine.errors import Denied, NotFound
from engine.messages.bulk import BulkLaunch
from engine.messages.bulk_answer import GiveAnswer
from engine.rules.bulk import BulkChoice
from engine.states.bulk import Answer, BulkState
from engine.states.choices import Purpose, Role
from engine.states.transfer import TransferState
from engine.views import BulkView
from tests.histories.failing import failing_once, replaced
from tests.workflows.clinic import NEXT_TRY, Clinic, eventually
from tests.workflows.histories import secret

#: Longer than the first pause after which a bulk or an answer looks again by itself.
_NEXT_LOOK: Final = timedelta(seconds=11)


async def finished(clinic: Clinic) -> str:
    """Asked for in three pages, accepted one by one, and over when all were."""
    _add(clinic, 4)
    with replaced(bulk_pages, "PAGE", 2):
        started = await _start(clinic)
        await _asked(clinic, started.id, 5)
    for transfer_id in _transfers(clinic, started.id):
        await clinic.service.accept(clinic.members.new_owner, transfer_id)
    return await _over(clinic, started.id)


async def paused(clinic: Clinic) -> str:
    """Paused under a page, paused again in vain, resumed, and stopped."""
    who, bulks = clinic.members, clinic.service.bulks
    _add(clinic, 5)
    going, whole = asyncio.Event(), bulk_pages.BulkPages._ask

    async def slow(self: bulk_pages.BulkPages, *given: object) -> None:
        going.set()
        await asyncio.sleep(0.3)
        await whole(self, *given)  # type: ignore[arg-type]

    with replaced(bulk_pages.BulkPages, "_ask", slow), replaced(bulk_pages, "PAGE", 2):
        started = await _start(clinic)
        await going.wait()
        await bulks.pause(who.coordinator, started.id)
        with suppress(Denied):
            await bulks.pause(who.coordinator, started.id)
        await bulks.resume(who.coordinator, started.id)
        await _asked(clinic, started.id, 6)
    await bulks.stop(who.coordinator, started.id)
    return _id(started.id)


async def stopped(clinic: Clinic) -> str:
    """Stopped for good; what was open stays open."""
    started = await _start(clinic)
    await _asked(clinic, started.id, 1)
    await clinic.service.bulks.stop(clinic.members.coordinator, started.id)
    return _id(started.id)


async def stopped_and_cancelled(clinic: Clinic) -> str:
    """Stopped, and what was open cancelled."""
    _add(clinic, 1)
    started = await _start(clinic)
    await _asked(clinic, started.id, 2)
    await clinic.service.bulks.stop(
        clinic.members.coordinator, started.id, cancel_open=True, reason=secret("reason")
    )
    await eventually(lambda: _counts(clinic, started.id) == {"cancelled": 2})
    return _id(started.id)


async def retried(clinic: Clinic) -> str:
    """What was taken back is asked for once more."""
    who, bulks = clinic.members, clinic.service.bulks
    _add(clinic, 1)
    started = await _start(clinic)
    await _asked(clinic, started.id, 2)
    first, second = _transfers(clinic, started.id)
    await clinic.service.accept(who.new_owner, first)
    await bulks.pause(who.coordinator, started.id)
    await clinic.service.cancel(who.owner, second)
    await bulks.retry(who.coordinator, started.id)
    await bulks.resume(who.coordinator, started.id)
    await _asked(clinic, started.id, 1)
    await clinic.service.accept(who.new_owner, _transfers(clinic, started.id)[1])
    return await _over(clinic, started.id)


async def denied(clinic: Clinic) -> str:
    """Launched by somebody who coordinates nothing."""
    launch = _launch(clinic, clinic.members.colleague)
    with suppress(Denied):
        await _sent(clinic, launch)
    return _id(launch.bulk_id)


async def launched_otherwise(clinic: Clinic) -> str:
    """The same id with another choice is denied, and changes nothing."""
    launch = _launch(clinic, clinic.members.coordinator)
    await _sent(clinic, launch)
    other = launch.model_copy(update={"from_id": clinic.members.colleague})
    handle = clinic.client.get_workflow_handle(_id(launch.bulk_id))
    with suppress(WorkflowUpdateFailedError):
        await handle.execute_update("launch", other, id="other")
    await _asked(clinic, launch.bulk_id, 1)
    await clinic.service.bulks.stop(clinic.members.coordinator, launch.bulk_id)
    return _id(launch.bulk_id)


async def empty(clinic: Clinic) -> str:
    """Nothing was to be asked for."""
    started = await _start(clinic, source=clinic.members.colleague)
    return _id(started.id)


async def troubled(clinic: Clinic) -> str:
    """One record could not be asked for at first; the bulk looks again by itself, twice."""
    _add(clinic, 1)
    with failing_once(bulk_pages.BulkPages, "_ask"):
        started = await _start(clinic)
        await eventually(lambda: _counts(clinic, started.id).get("troubled") == 1)
        await eventually(lambda: _timed(clinic, started.id))
        await _forward(clinic, started.id)
    await _asked(clinic, started.id, 2)
    await _forward(clinic, started.id)
    await clinic.service.bulks.stop(clinic.members.coordinator, started.id)
    return _id(started.id)


async def without_a_leader(clinic: Clinic) -> str:
    """The engine pauses it when its leader loses the role, and another coordinator takes it over."""
    who = clinic.members
    clinic.desk.grant(who.administrator, who.colleague, Role.COORDINATOR)
    started = await _start(clinic)
    await _asked(clinic, started.id, 1)
    clinic.desk.grant(who.administrator, who.coordinator, Role.PRACTITIONER)
    clinic.desk.revoke(who.administrator, who.coordinator, Role.COORDINATOR)
    await _wake(clinic, started.id)
    await eventually(lambda: _state(clinic, started.id, by=who.colleague) is BulkState.PAUSED)
    await clinic.service.bulks.resume(who.colleague, started.id)
    await clinic.service.bulks.stop(who.colleague, started.id)
    return _id(started.id)


async def imposed(clinic: Clinic) -> str:
    """Every record is handed over as it is asked for, and then there is nothing to wait for (OVR-1)."""
    who = clinic.members
    _add(clinic, 2)
    choice = BulkChoice(from_id=who.owner, to_ids=(who.new_owner,), impose=True)
    started = await clinic.service.bulks.start(
        who.coordinator, choice, purpose=Purpose.DEPARTURE, reason=secret("reason")
    )
    await eventually(lambda: _counts(clinic, started.id) == {"accepted": 3}, within=timedelta(seconds=45))
    return await _over(clinic, started.id)


async def launched_in_an_outage(clinic: Clinic) -> str:
    """Launched while the database did not answer."""
    launch = _launch(clinic, clinic.members.coordinator)
    with clinic.locked():
        sent = asyncio.create_task(_sent(clinic, launch))
        await eventually(lambda: _pending(clinic, launch.bulk_id, "bulk.launch"))
    await sent
    await _asked(clinic, launch.bulk_id, 1)
    await clinic.service.bulks.stop(clinic.members.coordinator, launch.bulk_id)
    return _id(launch.bulk_id)


async def launched_late(clinic: Clinic) -> str:
    """Launched while something was broken, and begun once it was mended."""
    launch = _launch(clinic, clinic.members.coordinator)
    with failing_once(bulk_decisions, "launch"):
        sent = asyncio.create_task(_sent(clinic, launch))
        await eventually(lambda: _timed(clinic, launch.bulk_id))
    await clinic.environment.fast_forward(clinic.client.get_workflow_handle(_id(launch.bulk_id)), NEXT_TRY)
    await sent
    await _asked(clinic, launch.bulk_id, 1)
    await clinic.service.bulks.stop(clinic.members.coordinator, launch.bulk_id)
    return _id(launch.bulk_id)


async def continued(clinic: Clinic) -> str:
    """So many pages that the history begins anew, and a command still reaches it."""
    _add(clinic, 9)
    with replaced(bulk_pages, "PAGE", 2):
        started = await _start(clinic)
        await _asked(clinic, started.id, 10)
    await clinic.service.bulks.stop(clinic.members.coordinator, started.id)
    return _id(started.id)


async def answer_accepted(clinic: Clinic) -> str:
    """One gesture accepts three pages; the answer ends with the bulk."""
    _add(clinic, 4)
    started = await _start(clinic)
    await _asked(clinic, started.id, 5)
    with replaced(bulk_answers, "PAGE", 2):
        answer_id = await _answer(clinic, started.id, Answer.ACCEPT)
        await eventually(lambda: _counts(clinic, started.id) == {"accepted": 5})
    await _over(clinic, started.id)
    return await _answered(clinic, answer_id)


async def answer_refused(clinic: Clinic) -> str:
    """One gesture refuses everything, with a reason; the coordinator stops what is left."""
    who = clinic.members
    _add(clinic, 1)
    started = await _start(clinic)
    await _asked(clinic, started.id, 2)
    answer_id = await _answer(clinic, started.id, Answer.REFUSE)
    await eventually(lambda: _counts(clinic, started.id) == {"coordinator_override": 2})
    await clinic.service.bulks.stop(who.coordinator, started.id, cancel_open=True, reason=secret("reason"))
    await eventually(lambda: _counts(clinic, started.id) == {"cancelled": 2})
    return await _answered(clinic, answer_id)


async def answer_denied(clinic: Clinic) -> str:
    """Of somebody whom the bulk asks for nothing."""
    started = await _start(clinic)
    await _asked(clinic, started.id, 1)
    answer_id = uuid4()
    with replaced(bulk_service, "uuid4", lambda: answer_id), suppress(NotFound):
        await clinic.service.bulks.answer(clinic.members.colleague, started.id, Answer.ACCEPT)
    return f"bulk-answer/{answer_id}"


async def answered_otherwise(clinic: Clinic) -> str:
    """The same id with another answer is denied, and changes nothing."""
    started = await _start(clinic)
    await _asked(clinic, started.id, 1)
    answer_id = await _answer(clinic, started.id, Answer.ACCEPT)
    other = GiveAnswer(
        answer_id=answer_id,
        bulk_id=started.id,
        actor_id=clinic.members.new_owner,
        answer=Answer.REFUSE,
    )
    handle = clinic.client.get_workflow_handle(f"bulk-answer/{answer_id}")
    with suppress(WorkflowUpdateFailedError):
        await handle.execute_update("answer", other, id="other")
    await eventually(lambda: _counts(clinic, started.id) == {"accepted": 1})
    await _over(clinic, started.id)
    return await _answered(clinic, answer_id)


async def answer_binding_later(clinic: Clinic) -> str:
    """Given before everything was asked: it waits, looks again by itself, and is woken."""
    who, bulks = clinic.members, clinic.service.bulks
    _add(clinic, 1)
    started = await _start(clinic)
    await _asked(clinic, started.id, 2)
    first, second = _transfers(clinic, started.id)
    await bulks.pause(who.coordinator, started.id)
    await clinic.service.cancel(who.owner, second)
    answer_id = await _answer(clinic, started.id, Answer.ACCEPT)
    await eventually(lambda: clinic.state(first) is TransferState.ACCEPTED)
    handle = clinic.client.get_workflow_handle(f"bulk-answer/{answer_id}")
    await clinic.environment.fast_forward(handle, _NEXT_LOOK)
    await bulks.retry(who.coordinator, started.id)
    await bulks.resume(who.coordinator, started.id)
    await eventually(lambda: _counts(clinic, started.id) == {"accepted": 2})
    await _over(clinic, started.id)
    return await _answered(clinic, answer_id)


async def answer_given_late(clinic: Clinic) -> str:
    """Given while something was broken, and written down once it was mended."""
    started = await _start(clinic)
    await _asked(clinic, started.id, 1)
    answer_id = uuid4()
    handle = clinic.client.get_workflow_handle(f"bulk-answer/{answer_id}")

    async def waits() -> bool:
        history = await handle.fetch_history()
        return any(event.HasField("timer_started_event_attributes") for event in history.events)

    with failing_once(bulk_answers, "_write"), replaced(bulk_service, "uuid4", lambda: answer_id):
        given = asyncio.create_task(
            clinic.service.bulks.answer(clinic.members.new_owner, started.id, Answer.ACCEPT)
        )
        await eventually(lambda: _exists(clinic, f"bulk-answer/{answer_id}"))
        await eventually(waits)
    await clinic.environment.fast_forward(handle, NEXT_TRY)
    await given
    await eventually(lambda: _counts(clinic, started.id) == {"accepted": 1})
    await _over(clinic, started.id)
    return await _answered(clinic, answer_id)


async def answer_continued(clinic: Clinic) -> str:
    """So many pages that the history begins anew."""
    _add(clinic, 9)
    started = await _start(clinic)
    await _asked(clinic, started.id, 10)
    with replaced(bulk_answers, "PAGE", 1):
        answer_id = await _answer(clinic, started.id, Answer.ACCEPT)
        await eventually(lambda: _counts(clinic, started.id) == {"accepted": 10})
    await _over(clinic, started.id)
    return await _answered(clinic, answer_id)


#: Each is played in a clinic of its own; its name is the path's.
BULKS: Final = (
    finished,
    paused,
    stopped,
    stopped_and_cancelled,
    retried,
    denied,
    launched_otherwise,
    empty,
    troubled,
    without_a_leader,
    imposed,
    launched_in_an_outage,
    launched_late,
    continued,
)
ANSWERS: Final = (
    answer_accepted,
    answer_refused,
    answer_denied,
    answered_otherwise,
    answer_binding_later,
    answer_given_late,
    answer_continued,
)


def _id(bulk_id: UUID) -> str:
    return f"bulk/{bulk_id}"


def _add(clinic: Clinic, count: int) -> None:
    for _ in range(count):
        clinic.add_record()


async def _start(clinic: Clinic, source: UUID | None = None) -> BulkView:
    who = clinic.members
    choice = BulkChoice(from_id=source or who.owner, to_ids=(who.new_owner,))
    return await clinic.service.bulks.start(who.coordinator, choice, purpose=Purpose.DEPARTURE)


def _launch(clinic: Clinic, actor: UUID) -> BulkLaunch:
    who = clinic.members
    return BulkLaunch(
        bulk_id=uuid4(),
        organization_id=who.organization,
        actor_id=actor,
        from_id=who.owner,
        to_ids=(who.new_owner,),
        purpose=Purpose.DEPARTURE,
    )


async def _sent(clinic: Clinic, launch: BulkLaunch) -> None:
    """Launch past the service's own check, as another backend would."""
    await clinic.service.bulks._send(clinic.client, launch, "launch", launch, f"launch/{uuid4()}")


def _counts(clinic: Clinic, bulk_id: UUID) -> dict[str, int]:
    return clinic.desk.bulk(_coordinator(clinic), bulk_id).counts


def _coordinator(clinic: Clinic) -> UUID:
    return clinic.members.coordinator


def _state(clinic: Clinic, bulk_id: UUID, by: UUID | None = None) -> BulkState:
    return clinic.desk.bulk(by or _coordinator(clinic), bulk_id).state


def _transfers(clinic: Clinic, bulk_id: UUID) -> Sequence[UUID]:
    items = clinic.desk.bulk_items(_coordinator(clinic), bulk_id)
    return [item.transfer_id for item in items if item.transfer_id is not None]


async def _asked(clinic: Clinic, bulk_id: UUID, count: int) -> None:
    # Longer than the pause after which a bulk looks again by itself.
    await eventually(
        lambda: _counts(clinic, bulk_id).get("pending_acceptance") == count, within=timedelta(seconds=45)
    )


async def _wake(clinic: Clinic, bulk_id: UUID) -> None:
    await clinic.client.get_workflow_handle(_id(bulk_id)).signal("wake")


async def _over(clinic: Clinic, bulk_id: UUID) -> str:
    """Let it see that all is settled, and wait for its end."""
    if _state(clinic, bulk_id).is_open:
        await _wake(clinic, bulk_id)
    await eventually(lambda: not _state(clinic, bulk_id).is_open)
    await clinic.client.get_workflow_handle(_id(bulk_id)).result()
    return _id(bulk_id)


async def _answer(clinic: Clinic, bulk_id: UUID, answer: Answer) -> UUID:
    reason = secret("reason") if answer is Answer.REFUSE else None
    given = await clinic.service.bulks.answer(clinic.members.new_owner, bulk_id, answer, reason=reason)
    return given.id


async def _answered(clinic: Clinic, answer_id: UUID) -> str:
    """Let it see that nothing more can come, and wait for its end."""
    handle = clinic.client.get_workflow_handle(f"bulk-answer/{answer_id}")
    await handle.signal("wake")
    await handle.result()
    return f"bulk-answer/{answer_id}"


async def _forward(clinic: Clinic, bulk_id: UUID) -> None:
    await clinic.environment.fast_forward(clinic.client.get_workflow_handle(_id(bulk_id)), _NEXT_LOOK)


async def _exists(clinic: Clinic, workflow: str) -> bool:
    return workflow in {
        found.id async for found in clinic.client.list_workflows(f'WorkflowId = "{workflow}"')
    }


async def _timed(clinic: Clinic, bulk_id: UUID) -> bool:
    """Say whether a timer runs in a bulk's workflow."""
    if not await _exists(clinic, _id(bulk_id)):
        return False
    history = await clinic.client.get_workflow_handle(_id(bulk_id)).fetch_history()
    return any(event.HasField("timer_started_event_attributes") for event in history.events)


async def _pending(clinic: Clinic, bulk_id: UUID, activity: str) -> bool:
    """Say whether a step has fallen back to a regular activity that is tried again."""
    if not await _exists(clinic, _id(bulk_id)):
        return False
    described = await clinic.client.get_workflow_handle(_id(bulk_id)).describe()
    return any(
        pending.activity_type.name == activity and pending.attempt > 1
        for pending in described.raw_description.pending_activities
    )
