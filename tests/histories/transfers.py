"""The ways through a transfer: each plays one in a clinic, and says which workflow it was."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from temporalio.client import WorkflowUpdateFailedError

from engine.activities import opening
from engine.activities.steps import Steps
from engine.errors import Denied, NotFound
from engine.messages.transfer import Accept, Cancel, Impose, StepInput
from engine.rules.bulk import BulkChoice
from engine.states.bulk import BulkState
from engine.states.choices import Purpose
from engine.states.transfer import TransferState
from tests.histories.failing import failing_once
from tests.workflows.clinic import CAUTIOUS, EVERYTHING, NEXT_TRY, Clinic, eventually
from tests.workflows.histories import secret


async def accepted(clinic: Clinic) -> UUID:
    """Asked and accepted."""
    asked = await clinic.request()
    await clinic.service.accept(clinic.members.new_owner, asked.id)
    return asked.id


async def refused(clinic: Clinic) -> UUID:
    """Asked and refused."""
    asked = await clinic.request()
    await clinic.service.refuse(clinic.members.new_owner, asked.id, reason=secret("reason"))
    return asked.id


async def cancelled(clinic: Clinic) -> UUID:
    """Asked, and taken back."""
    asked = await clinic.request()
    await clinic.service.cancel(clinic.members.owner, asked.id, reason=secret("reason"))
    return asked.id


async def expired(clinic: Clinic) -> UUID:
    """Asked, reminded of twice, and never answered."""
    asked = await clinic.request()
    await clinic.fast_forward(asked.id, timedelta(days=16))
    return asked.id


async def narrowed(clinic: Clinic) -> UUID:
    """Asked with everything, narrowed, answered too early and then accepted."""
    asked = await clinic.request(options=EVERYTHING)
    await clinic.service.narrow(clinic.members.owner, asked.id, CAUTIOUS)
    stale = Accept(
        transfer_id=asked.id,
        command_id=uuid4(),
        actor_id=clinic.members.new_owner,
        seen_version=asked.version,
    )
    try:
        await clinic.send("accept", stale)
    except WorkflowUpdateFailedError:
        await clinic.service.accept(clinic.members.new_owner, asked.id)
    return asked.id


async def coordinator_override(clinic: Clinic) -> UUID:
    """Asked by a coordinator, refused, and taken back by the owner."""
    asked = await clinic.request(by=clinic.members.coordinator)
    await clinic.service.refuse(clinic.members.new_owner, asked.id, reason=secret("reason"))
    await clinic.service.cancel(clinic.members.owner, asked.id)
    return asked.id


async def denied(clinic: Clinic) -> UUID:
    """Asked for somebody on the restriction list."""
    clinic.restrict(clinic.members.new_owner)
    request = clinic.draft()
    try:
        await clinic.start(request)
    except Denied:
        return request.transfer_id
    raise AssertionError


async def delayed(clinic: Clinic) -> UUID:
    """Accepted while the database did not answer."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with clinic.locked():
        accept = asyncio.create_task(clinic.send("accept", command))
        await clinic.retried(asked.id, "transfer.accept")
    await accept
    return asked.id


async def undone(clinic: Clinic) -> UUID:
    """Accepted while bytes were missing, tried twice, and undone by a cancel."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with clinic.without_bytes():
        accept = asyncio.create_task(clinic.send("accept", command))
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.accept"))
        await clinic.fast_forward(asked.id, timedelta(seconds=15))
        await clinic.service.cancel(clinic.members.owner, asked.id)
    await asyncio.gather(accept, return_exceptions=True)
    return asked.id


async def reassigned(clinic: Clinic) -> UUID:
    """Refused, waited for a coordinator, asked of a colleague who was given more time, and accepted."""
    who = clinic.members
    asked = await clinic.request(by=who.coordinator)
    await clinic.service.refuse(who.new_owner, asked.id, reason=secret("reason"))
    await clinic.fast_forward(asked.id, timedelta(days=4))
    await clinic.service.reassign(who.coordinator, asked.id, who.colleague, reason=secret("reason"))
    until = (clinic.row(asked.id).respond_by + timedelta(days=10)).date()
    await clinic.service.extend(who.coordinator, asked.id, until)
    await clinic.service.accept(who.colleague, asked.id)
    return asked.id


async def imposed(clinic: Clinic) -> UUID:
    """Asked, and imposed by a coordinator while it was pending."""
    asked = await clinic.request()
    await clinic.service.impose(clinic.members.coordinator, asked.id, reason=secret("reason"))
    return asked.id


async def overridden(clinic: Clinic) -> UUID:
    """Asked, and cancelled by a coordinator while it was pending."""
    asked = await clinic.request()
    await clinic.service.cancel(clinic.members.coordinator, asked.id, reason=secret("reason"))
    return asked.id


async def redirected(clinic: Clinic) -> UUID:
    """Imposed while bytes were missing, and undone by a reassignment, which was refused."""
    who = clinic.members
    asked = await clinic.request()
    command = Impose(
        transfer_id=asked.id,
        command_id=uuid4(),
        actor_id=who.coordinator,
        reason_id=clinic.text(who.coordinator),
    )
    with clinic.without_bytes():
        impose = asyncio.create_task(clinic.send("impose", command))
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.impose"))
        await clinic.service.reassign(who.coordinator, asked.id, who.colleague, reason=secret("reason"))
    await asyncio.gather(impose, return_exceptions=True)
    await clinic.service.refuse(who.colleague, asked.id, reason=secret("reason"))
    return asked.id


async def unstuck(clinic: Clinic) -> UUID:
    """Accepted while bytes were missing, and again by itself once they were back."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with clinic.without_bytes():
        accept = asyncio.create_task(clinic.send("accept", command))
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.accept"))
    await clinic.fast_forward(asked.id, NEXT_TRY)
    await accept
    return asked.id


async def unstuck_by_a_signal(clinic: Clinic) -> UUID:
    """The same, but somebody who had mended it did not wait."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with clinic.without_bytes():
        accept = asyncio.create_task(clinic.send("accept", command))
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.accept"))
    await clinic.handle(asked.id).signal("wake")
    await accept
    return asked.id


async def stuck_after_an_outage(clinic: Clinic) -> UUID:
    """The database did not answer, and when it did, bytes were missing for a while."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with clinic.without_bytes():
        with clinic.locked():
            accept = asyncio.create_task(clinic.send("accept", command))
            await clinic.retried(asked.id, "transfer.accept")
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.accept"))
    await clinic.fast_forward(asked.id, NEXT_TRY)
    await accept
    return asked.id


async def of_nothing(clinic: Clinic) -> UUID:
    """Asked by somebody who does not exist: there is no row, and no line."""
    request = clinic.draft().model_copy(update={"actor_id": uuid4()})
    with suppress(Denied, NotFound):
        await clinic.start(request)
    return request.transfer_id


async def opened_late(clinic: Clinic) -> UUID:
    """Asked while something was broken, and written once it was mended."""
    request = clinic.draft()
    with failing_once(opening, "open_transfer"):
        # Whoever asks is told of the trouble, and not kept waiting for its end.
        with suppress(Denied):
            await clinic.start(request)
        await eventually(lambda: clinic.stuck_on(request.transfer_id, "transfer.open"))
    await clinic.fast_forward(request.transfer_id, NEXT_TRY)
    await eventually(lambda: clinic.events(request.transfer_id))
    await clinic.service.accept(clinic.members.new_owner, request.transfer_id)
    return request.transfer_id


async def opened_in_an_outage(clinic: Clinic) -> UUID:
    """Asked while the database did not answer."""
    request = clinic.draft()
    with clinic.locked():
        opened = asyncio.create_task(clinic.start(request))
        await clinic.retried(request.transfer_id, "transfer.open")
    await opened
    await clinic.service.accept(clinic.members.new_owner, request.transfer_id)
    return request.transfer_id


async def raced(clinic: Clinic) -> UUID:
    """Accepted and taken back at once: the first one counts, the other is told so."""
    who = clinic.members
    asked = await clinic.request()
    accept = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner)
    cancel = Cancel(transfer_id=asked.id, command_id=uuid4(), actor_id=who.owner)
    with clinic.locked():
        first = asyncio.create_task(clinic.send("accept", accept))
        await clinic.retried(asked.id, "transfer.accept")
        second = asyncio.create_task(clinic.send("cancel", cancel))
        await eventually(lambda: clinic.received(asked.id, "cancel"))
    await asyncio.gather(first, second, return_exceptions=True)
    return asked.id


async def followed(clinic: Clinic) -> UUID:
    """The desk moved the row on (whoever was asked left), and a signal let the workflow read it."""
    who = clinic.members
    asked = await clinic.request(by=who.coordinator)
    clinic.desk.deactivate(who.administrator, who.new_owner)
    await eventually(lambda: clinic.swept(woken=1))
    await clinic.service.cancel(who.owner, asked.id)
    return asked.id


async def overtaken(clinic: Clinic) -> UUID:
    """The row was final before the workflow knew, as after a crash, and a signal let it end."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    await asyncio.to_thread(Steps(clinic.database).accept, StepInput(what=command, at=datetime.now(UTC)))
    await eventually(lambda: clinic.swept(woken=1))
    return asked.id


async def restarted(clinic: Clinic) -> UUID:
    """Started again from its row, which had been narrowed, asked for once more, and accepted."""
    who = clinic.members
    asked = await clinic.request(options=EVERYTHING, key="mine")
    await clinic.service.narrow(who.owner, asked.id, CAUTIOUS)
    await clinic.end(asked.id, "terminate")
    await eventually(lambda: clinic.swept(restarted=1))
    await clinic.request(options=EVERYTHING, key="mine")
    await clinic.service.accept(who.new_owner, asked.id)
    return asked.id


async def asked_otherwise(clinic: Clinic) -> UUID:
    """The same id with another request is denied, and changes nothing."""
    request = clinic.draft()
    await clinic.start(request)
    other = request.model_copy(update={"to_id": clinic.members.colleague})
    try:
        await clinic.send("request", other, update_id="other")  # type: ignore[arg-type]
    except WorkflowUpdateFailedError:
        await clinic.service.accept(clinic.members.new_owner, request.transfer_id)
    return request.transfer_id


async def ended_by_an_operator(clinic: Clinic) -> UUID:
    """Cancelled with Temporal's own means, which is no decision about the transfer."""
    asked = await clinic.request()
    await clinic.end(asked.id, "cancel")
    return asked.id


async def ended_in_an_outage(clinic: Clinic) -> UUID:
    """The same while an accept was waiting for the database."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with clinic.locked():
        accept = asyncio.create_task(clinic.send("accept", command))
        await clinic.retried(asked.id, "transfer.accept")
        await clinic.end(asked.id, "cancel")
    await asyncio.gather(accept, return_exceptions=True)
    return asked.id


async def in_a_bulk(clinic: Clinic) -> UUID:
    """Asked for as a part of a caseload."""
    who = clinic.members
    started = await clinic.service.bulks.start(
        who.coordinator, BulkChoice(from_id=who.owner, to_ids=(who.new_owner,)), purpose=Purpose.DEPARTURE
    )

    def asked() -> list[UUID | None]:
        return [item.transfer_id for item in clinic.desk.bulk_items(who.coordinator, started.id)]

    await eventually(lambda: asked() != [None])
    [transfer_id] = asked()
    assert transfer_id is not None
    await eventually(lambda: clinic.state(transfer_id) is TransferState.PENDING_ACCEPTANCE)
    await clinic.service.accept(who.new_owner, transfer_id)
    await clinic.client.get_workflow_handle(f"bulk/{started.id}").signal("wake")
    await eventually(lambda: clinic.desk.bulk(who.coordinator, started.id).state is BulkState.FINISHED)
    return transfer_id


async def imposed_in_a_bulk(clinic: Clinic) -> UUID:
    """Handed over by the first step: a caseload that imposes."""
    who = clinic.members
    choice = BulkChoice(from_id=who.owner, to_ids=(who.new_owner,), impose=True)
    started = await clinic.service.bulks.start(
        who.coordinator, choice, purpose=Purpose.DEPARTURE, reason=secret("reason")
    )
    await eventually(
        lambda: clinic.desk.bulk(who.coordinator, started.id).state is BulkState.FINISHED,
        within=timedelta(seconds=45),
    )
    [item] = clinic.desk.bulk_items(who.coordinator, started.id)
    assert item.transfer_id is not None
    assert clinic.state(item.transfer_id) is TransferState.ACCEPTED
    return item.transfer_id


async def reassigned_by_a_bulk(clinic: Clinic) -> UUID:
    """Asked by its owner, and asked of somebody else by a caseload that reassigns what is open (OVR-3)."""
    who = clinic.members
    asked = await clinic.request()
    choice = BulkChoice(from_id=who.owner, to_ids=(who.colleague,), reassign_open=True)
    started = await clinic.service.bulks.start(
        who.coordinator, choice, purpose=Purpose.DEPARTURE, reason=secret("reason")
    )
    await eventually(lambda: clinic.row(asked.id).to_id == who.colleague, within=timedelta(seconds=45))
    await clinic.service.accept(who.colleague, asked.id)
    await clinic.client.get_workflow_handle(f"bulk/{started.id}").signal("wake")
    await eventually(lambda: clinic.desk.bulk(who.coordinator, started.id).state is BulkState.FINISHED)
    return asked.id


#: Each is played in a clinic of its own; its name is the path's.
SCENARIOS: Final = (
    accepted,
    refused,
    cancelled,
    expired,
    narrowed,
    coordinator_override,
    denied,
    delayed,
    undone,
    reassigned,
    imposed,
    overridden,
    redirected,
    unstuck,
    unstuck_by_a_signal,
    stuck_after_an_outage,
    of_nothing,
    opened_late,
    opened_in_an_outage,
    raced,
    followed,
    overtaken,
    restarted,
    asked_otherwise,
    ended_by_an_operator,
    ended_in_an_outage,
    in_a_bulk,
    imposed_in_a_bulk,
    reassigned_by_a_bulk,
)
