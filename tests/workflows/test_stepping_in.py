"""A coordinator steps in while a transfer runs: timers begin anew, what is stuck is undone."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowUpdateFailedError

from engine.messages.search_attributes import RESPOND_BY, TO_PRACTITIONER_ID, TRANSFER_STATE
from engine.messages.transfer import Accept, Command, Impose, Reassign
from engine.states.transfer import TransferState
from tests.workflows.clinic import NEXT_TRY, Clinic, denial, eventually
from tests.workflows.histories import secret


async def waiting(clinic: Clinic) -> UUID:
    """Leave a transfer that waits for a coordinator."""
    asked = await clinic.request(by=clinic.members.coordinator)
    await clinic.service.refuse(clinic.members.new_owner, asked.id, reason=secret("reason"))
    return asked.id


def impose(clinic: Clinic, transfer: UUID) -> Impose:
    coordinator = clinic.members.coordinator
    return Impose(
        transfer_id=transfer,
        command_id=uuid4(),
        actor_id=coordinator,
        reason_id=clinic.text(coordinator),
    )


async def test_reminders_go_to_coordinators_while_it_waits_and_survive_a_restart(clinic: Clinic) -> None:
    """ST-1: every three days; a workflow that is started again from its row goes on counting."""
    transfer = await waiting(clinic)

    def reminded() -> int:
        return [kind for kind, _ in clinic.notices(transfer)].count("needs_you") - 1

    await clinic.fast_forward(transfer, timedelta(days=2))
    assert reminded() == 0
    await clinic.fast_forward(transfer, timedelta(days=1, minutes=1))
    await eventually(lambda: reminded() == 1)

    await clinic.end(transfer, "terminate")
    await eventually(lambda: clinic.swept(restarted=1))
    await clinic.fast_forward(transfer, timedelta(days=7))
    await eventually(lambda: reminded() >= 2)
    assert clinic.state(transfer) is TransferState.COORDINATOR_OVERRIDE
    assert "waits for: coordinator" in await clinic.details(transfer)
    assert "next reminder" in await clinic.details(transfer)


async def test_somebody_else_has_a_deadline_of_their_own(clinic: Clinic) -> None:
    """ST-3, ST-T/reassign: and operators see who must act, until when."""
    who = clinic.members
    clinic.set_policy()
    transfer = await waiting(clinic)
    attributes = (await clinic.handle(transfer).describe()).typed_search_attributes
    assert (attributes.get(TRANSFER_STATE), attributes.get(RESPOND_BY)) == ("coordinator_override", None)

    await clinic.service.reassign(who.coordinator, transfer, who.colleague, reason=secret("reason"))
    due = clinic.row(transfer).respond_by
    attributes = (await clinic.handle(transfer).describe()).typed_search_attributes
    assert attributes.get(TO_PRACTITIONER_ID) == str(who.colleague)
    assert attributes.get(RESPOND_BY) == due
    assert "waits for: new_owner" in await clinic.details(transfer)

    await clinic.fast_forward_to(transfer, due + timedelta(minutes=1))
    await eventually(lambda: clinic.state(transfer) is TransferState.COORDINATOR_OVERRIDE)
    assert clinic.events(transfer)[-2:] == ["transfer.expire", "transfer.escalate"]


async def test_an_extension_moves_the_timer(clinic: Clinic) -> None:
    """ST-3: the first deadline passes without effect, the later one does not."""
    who = clinic.members
    clinic.set_policy()
    asked = await clinic.request()
    first = clinic.row(asked.id).respond_by
    await clinic.service.extend(who.coordinator, asked.id, (first + timedelta(days=10)).date())
    later = clinic.row(asked.id).respond_by
    assert later > first + timedelta(days=8)

    await clinic.fast_forward_to(asked.id, first + timedelta(minutes=1))
    assert clinic.state(asked.id) is TransferState.PENDING_ACCEPTANCE
    await clinic.fast_forward_to(asked.id, later + timedelta(minutes=1))
    await eventually(lambda: clinic.state(asked.id) is TransferState.EXPIRED)


@pytest.mark.parametrize("stuck_on", ["accept", "impose"])
@pytest.mark.parametrize("how", ["cancel", "reassign"])
async def test_what_is_stuck_is_undone(clinic: Clinic, stuck_on: str, how: str) -> None:
    """ST-5: whoever decided is told so, and nothing has moved."""
    who = clinic.members
    asked = await clinic.request()
    command: Command = impose(clinic, asked.id)
    if stuck_on == "accept":
        command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner)
    with clinic.without_bytes():
        decision = asyncio.create_task(clinic.send(stuck_on, command))
        await eventually(lambda: clinic.stuck_on(asked.id, f"transfer.{stuck_on}"))
        assert clinic.row(asked.id).stuck_cause == "missing_content"
        if how == "cancel":
            await clinic.service.cancel(who.coordinator, asked.id, reason=secret("reason"))
        else:
            await clinic.service.reassign(who.coordinator, asked.id, who.colleague, reason=secret("reason"))
        with pytest.raises(WorkflowUpdateFailedError) as undone:
            await decision

    assert denial(undone.value) == "ST-5/undone"
    assert clinic.owners() == [who.owner]
    row = clinic.row(asked.id)
    assert row.stuck_cause is None
    if how == "reassign":
        assert row.to_id == who.colleague
        await clinic.service.accept(who.colleague, asked.id)
        assert clinic.owners() == [who.owner, who.colleague]


async def test_a_kept_imposition_is_denied_once_its_maker_lost_the_role(clinic: Clinic) -> None:
    """OVR-2, ROLE-5: it is no longer stuck, and time runs on."""
    who = clinic.members
    asked = await clinic.request()
    command = impose(clinic, asked.id)
    with clinic.without_bytes():
        decision = asyncio.create_task(clinic.send("impose", command))
        await eventually(lambda: clinic.stuck_on(asked.id, "transfer.impose"))
        clinic.deactivate(who.coordinator)
        await clinic.fast_forward(asked.id, NEXT_TRY)
        with pytest.raises(WorkflowUpdateFailedError) as denied:
            await decision

    assert denial(denied.value) == "VIS-11/transfer"
    row = clinic.row(asked.id)
    assert (row.state, row.stuck_cause) == (TransferState.PENDING_ACCEPTANCE, None)


async def test_the_same_command_twice_is_one(clinic: Clinic) -> None:
    """MOVE-3: past the service too, by its id."""
    who = clinic.members
    asked = await clinic.request()
    command = Reassign(
        transfer_id=asked.id,
        command_id=uuid4(),
        actor_id=who.coordinator,
        to_id=who.colleague,
        reason_id=clinic.text(who.coordinator),
    )
    first = await clinic.send("reassign", command)
    second = await clinic.decide("reassign", command, update_id=f"{command.command_id}/again")

    assert (first.to_id, first.version) == (second.to_id, second.version)
    assert clinic.events(asked.id) == ["transfer.open", "transfer.override", "transfer.reassign"]
