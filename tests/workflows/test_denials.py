"""What is denied, malformed or broken, and that nothing of it holds up what comes after."""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from engine.activities import accepting, waiting
from engine.errors import Denied
from engine.messages.transfer import WORKFLOW, Accept, Cancel, Narrow, workflow_id
from engine.states.choices import Basis, BasisForm, Purpose
from engine.states.transfer import TransferState
from tests.workflows.clinic import CAUTIOUS, NEXT_TRY, Clinic, denial, eventually
from tests.workflows.histories import secret


@pytest.mark.parametrize(
    ("actor", "rule"),
    [
        ("owner", "ST-T/accept/not_new_owner"),
        ("coordinator", "ST-T/accept/not_new_owner"),
        ("colleague", "VIS-11/transfer"),
        ("administrator", "VIS-11/transfer"),
    ],
)
async def test_a_denial_is_a_typed_failure_with_its_rule(clinic: Clinic, actor: str, rule: str) -> None:
    """ST-T/accept, VIS-11, AUD-1: logged once, and the new owner's answer still counts."""
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=getattr(clinic.members, actor))
    for _ in range(2):
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await clinic.send("accept", command)
        assert denial(failed.value) == rule

    assert clinic.events(asked.id) == ["transfer.open", f"transfer.accept {rule}"]
    assert f"last denial: {rule}" in await clinic.details(asked.id)
    accepted = await clinic.service.accept(clinic.members.new_owner, asked.id)
    assert accepted.state is TransferState.ACCEPTED


async def test_a_lost_eligibility_is_told_to_the_new_owner_without_its_cause(clinic: Clinic) -> None:
    """ELIG-4, VIS-11: the log has the rule, the new owner does not."""
    asked = await clinic.request()
    clinic.restrict(clinic.members.new_owner)
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.new_owner)
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await clinic.send("accept", command)

    assert denial(failed.value) == "VIS-11/no_longer"
    assert clinic.events(asked.id)[1:] == ["transfer.accept ELIG-4"]
    assert clinic.state(asked.id) is TransferState.PENDING_ACCEPTANCE


async def test_what_was_denied_may_be_asked_again(clinic: Clinic) -> None:
    """ELIG-8, MOVE-3: without a key a denial is of its moment; with one it is the key's answer."""
    who = clinic.members
    clinic.desk.set_policy(who.administrator, basis_required=True)
    for key in (None, "ours"):
        with pytest.raises(Denied, match="ELIG-8"):
            await clinic.service.request(
                who.owner, clinic.record, who.new_owner, purpose=Purpose.CONTINUITY, key=key
            )
    basis = Basis(BasisForm.VERBAL, secret("basis"), date(2026, 3, 1))
    with pytest.raises(Denied, match="ELIG-8"):
        await clinic.service.request(
            who.owner, clinic.record, who.new_owner, purpose=Purpose.CONTINUITY, basis=basis, key="ours"
        )

    asked = await clinic.service.request(
        who.owner, clinic.record, who.new_owner, purpose=Purpose.CONTINUITY, basis=basis
    )

    assert asked.state is TransferState.PENDING_ACCEPTANCE
    assert (asked.basis_form, asked.basis_on, asked.basis) == (basis.form, basis.on, basis.text)
    # The new owner reads it on acceptance only (VIS-12).
    assert clinic.desk.transfer(who.new_owner, asked.id).basis_form is None


async def test_another_message_is_another_request(clinic: Clinic) -> None:
    """MOVE-3, MOVE-9: a text is never replaced by an earlier one; the open transfer stands in the way."""
    who = clinic.members
    first = await clinic.service.request(
        who.owner, clinic.record, who.new_owner, purpose=Purpose.CONTINUITY, message=secret("first")
    )
    with pytest.raises(Denied, match="ELIG-1/open_transfer"):
        await clinic.service.request(
            who.owner, clinic.record, who.new_owner, purpose=Purpose.CONTINUITY, message=secret("second")
        )

    assert clinic.desk.transfer(who.owner, first.id).message == secret("first")


async def test_a_message_about_another_transfer_is_rejected_before_it_enters_the_history(
    clinic: Clinic,
) -> None:
    """A validator rejects what is malformed, and nothing else."""
    who = clinic.members
    asked = await clinic.request()
    for update, command in [
        ("accept", Accept(transfer_id=uuid4(), command_id=uuid4(), actor_id=who.new_owner)),
        ("cancel", Cancel(transfer_id=uuid4(), command_id=uuid4(), actor_id=who.owner)),
        ("narrow", Narrow(transfer_id=uuid4(), command_id=uuid4(), actor_id=who.owner, options=CAUTIOUS)),
    ]:
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await clinic.send(update, command, to=asked.id)
        assert denial(failed.value) == "malformed"

    # A stranger's command names this transfer: it is accepted, then denied by a step.
    with pytest.raises(WorkflowUpdateFailedError):
        await clinic.send(
            "accept", Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=clinic.members.colleague)
        )
    history = await clinic.handle(asked.id).fetch_history()
    accepted = [
        event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    ]
    assert accepted == ["request", "accept"]


def malformed(clinic: Clinic, transfer: UUID) -> list[Any]:
    command = {"transfer_id": str(transfer), "command_id": str(uuid4()), "actor_id": str(uuid4())}
    return [
        command | {"reason": secret("reason")},
        command | {"actor_id": secret("name")},
        {"command_id": str(uuid4()), "actor_id": str(clinic.members.new_owner)},
        secret("text"),
        [secret("text")],
        None,
    ]


async def test_a_malformed_message_is_rejected_and_the_next_one_is_taken(clinic: Clinic) -> None:
    """Unknown fields, wrong types, missing fields: nothing of them stays, not even in an error."""
    who = clinic.members
    asked = await clinic.request()
    handle = clinic.handle(asked.id)
    for message in malformed(clinic, asked.id):
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await handle.execute_update("accept", message, id=str(uuid4()))
        assert denial(failed.value) == "malformed"
        assert secret("") not in repr(failed.value.cause)
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("accept", id=str(uuid4()))
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("acept", malformed(clinic, asked.id)[0], id=str(uuid4()))

    accepted = await clinic.service.accept(who.new_owner, asked.id)
    assert accepted.state is TransferState.ACCEPTED
    assert clinic.events(asked.id)[:2] == ["transfer.open", "transfer.accept"]


async def test_a_malformed_signal_is_dropped(clinic: Clinic) -> None:
    asked = await clinic.request()
    await clinic.handle(asked.id).signal("wake", "a text that it does not take")
    await clinic.handle(asked.id).signal("unknown")

    assert (await clinic.service.accept(clinic.members.new_owner, asked.id)).state is TransferState.ACCEPTED


async def test_a_malformed_request_ends_at_once_and_leaves_its_id_free(clinic: Clinic) -> None:
    """A workflow that could never read its input would hold its id for ever."""
    request = clinic.draft()
    wrong = request.model_dump(mode="json") | {"note": "unknown field"}
    handle = await clinic.client.start_workflow(
        WORKFLOW, wrong, id=workflow_id(request.transfer_id), task_queue=clinic.queue
    )
    async with asyncio.timeout(10):
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "malformed"

    assert (await clinic.start(request)).state is TransferState.PENDING_ACCEPTANCE


async def test_an_unexpected_error_is_kept_and_what_comes_after_is_executed(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in a step wedges no workflow: the command waits for the repair, then the next one is taken."""
    who = clinic.members
    asked = await clinic.request()
    repaired = waiting.narrow
    tries = 0

    def broken(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise KeyError(secret("row"))

    monkeypatch.setattr(waiting, "narrow", broken)
    narrow = asyncio.create_task(
        clinic.send(
            "narrow",
            Narrow(transfer_id=asked.id, command_id=uuid4(), actor_id=who.owner, options=CAUTIOUS),
        )
    )
    # Only then has the server recorded it: two messages that no history has yet may arrive in either order.
    await eventually(lambda: clinic.stuck_on(asked.id, "transfer.narrow"))
    accept = asyncio.create_task(clinic.service.accept(who.new_owner, asked.id))

    monkeypatch.setattr(waiting, "narrow", repaired)
    await clinic.fast_forward(asked.id, NEXT_TRY)
    assert (await narrow).denied is None
    assert (await accept).state is TransferState.ACCEPTED
    assert tries == 1


async def test_an_owner_gets_out_of_a_step_that_always_fails(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ST-5: a cancel undoes what is kept."""
    who = clinic.members
    asked = await clinic.request()

    def broken(*_: object) -> None:
        raise KeyError(secret("row"))

    monkeypatch.setattr(accepting, "hand_over", broken)
    accept = asyncio.create_task(
        clinic.send("accept", Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner))
    )
    await eventually(lambda: clinic.row(asked.id).stuck_cause == "unexpected_error")
    cancelled = await clinic.service.cancel(who.owner, asked.id)

    assert cancelled.state is TransferState.CANCELLED
    with pytest.raises(WorkflowUpdateFailedError) as undone:
        await accept
    assert denial(undone.value) == "ST-5/undone"


async def test_a_closed_workflow_takes_no_update(clinic: Clinic) -> None:
    """Who speaks to Temporal directly learns that the transfer is over; the service answers from the row."""
    who = clinic.members
    asked = await clinic.request()
    await clinic.service.cancel(who.owner, asked.id)
    await clinic.handle(asked.id).result()
    with pytest.raises(RPCError, match="already completed"):
        await clinic.send("accept", Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner))
