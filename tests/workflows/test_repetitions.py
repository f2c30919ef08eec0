"""The same thing twice, and different things at once."""

import asyncio
from uuid import UUID, uuid4

import pytest

from engine.errors import Denied
from engine.messages.transfer import Accept, Cancel, Refuse
from engine.states.transfer import TransferState
from engine.views import TransferView
from tests.workflows.clinic import Clinic

RACES = 20
MANY = 50
HANDED_OVER = ["transfer.open", "transfer.accept", "record.handed_over", "record.handed_over"]


async def test_one_command_sent_twice_is_executed_once(clinic: Clinic) -> None:
    """MOVE-3: the update's id is the command's id."""
    who = clinic.members
    asked = await clinic.request()
    command = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner)
    first, second = await asyncio.gather(clinic.send("accept", command), clinic.send("accept", command))
    late = await clinic.send("accept", command)

    assert first == second == late
    assert first.state is TransferState.ACCEPTED
    assert clinic.events(asked.id) == HANDED_OVER


async def test_one_command_under_two_update_ids_is_executed_once(clinic: Clinic) -> None:
    """MOVE-3: the log knows the command, whatever Temporal has forgotten."""
    who = clinic.members
    asked = await clinic.request()
    command = Refuse(
        transfer_id=asked.id, command_id=uuid4(), actor_id=who.new_owner, reason_id=clinic.text(who.new_owner)
    )
    answers = await asyncio.gather(
        clinic.decide("refuse", command, update_id="one"), clinic.decide("refuse", command, update_id="two")
    )

    assert {answer.state for answer in answers} == {TransferState.REFUSED}
    assert clinic.events(asked.id) == ["transfer.open", "transfer.refuse"]


async def test_accepting_again_gets_the_same_answer(clinic: Clinic) -> None:
    """MOVE-3: the same decision by the same person, with a key or without one."""
    who = clinic.members
    asked = await clinic.request()
    accept = clinic.service.accept
    answers = [
        *await asyncio.gather(
            accept(who.new_owner, asked.id),
            accept(who.new_owner, asked.id),
            accept(who.new_owner, asked.id, key="mine"),
        )
    ]
    answers.append(await accept(who.new_owner, asked.id, key="mine"))
    answers.append(await accept(who.new_owner, asked.id, seen_version=asked.version))

    assert all(answer == answers[0] for answer in answers)
    assert clinic.owners() == [who.owner, who.new_owner]
    assert clinic.events(asked.id) == HANDED_OVER
    assert len(clinic.notices(asked.id)) == 3


@pytest.mark.parametrize("key", ["mine", None])
async def test_asking_again_gets_the_same_transfer(clinic: Clinic, key: str | None) -> None:
    """MOVE-3: by key, or by the same parameters on the same state; at once and later."""
    asked = await asyncio.gather(*(clinic.request(key=key) for _ in range(3)))
    asked.append(await clinic.request(key=key))

    assert {view.id for view in asked} == {asked[0].id}
    assert clinic.events(asked[0].id) == ["transfer.open"]
    assert len(clinic.notices(asked[0].id)) == 1


@pytest.mark.parametrize("over", [False, True])
async def test_a_key_names_one_request_only(clinic: Clinic, over: bool) -> None:
    """MOVE-3: whether the first transfer is open or over."""
    who = clinic.members
    asked = await clinic.request(key="mine")
    if over:
        await clinic.service.cancel(who.owner, asked.id)
    with pytest.raises(Denied) as denied:
        await clinic.request(to=who.colleague, key="mine")

    assert denied.value.key == "MOVE-3/other_request"
    assert clinic.row(asked.id).to_id == who.new_owner


async def test_a_second_request_for_a_record_is_denied(clinic: Clinic) -> None:
    """ELIG-1, OVR-3: also where both arrive at once."""
    who = clinic.members
    answers = await asyncio.gather(
        clinic.request(to=who.new_owner), clinic.request(to=who.colleague), return_exceptions=True
    )
    opened = [answer for answer in answers if isinstance(answer, TransferView)]
    denied = [answer for answer in answers if isinstance(answer, Denied)]

    assert (len(opened), [error.key for error in denied]) == (1, ["ELIG-1/open_transfer"])


async def test_of_an_accept_and_a_cancel_at_once_exactly_one_wins(clinic: Clinic) -> None:
    """MOVE-2, MOVE-3, OVR-2: and the other is told what stopped it."""
    who = clinic.members
    outcomes = []
    for turn in range(RACES):
        record = clinic.add_record()
        asked = clinic.draft(record)
        await clinic.start(asked)
        transfer = asked.transfer_id
        # Past the service, whose quick check would see the other's outcome: both meet in the workflow.
        accept = clinic.decide(
            "accept", Accept(transfer_id=transfer, command_id=uuid4(), actor_id=who.new_owner)
        )
        cancel = clinic.decide("cancel", Cancel(transfer_id=transfer, command_id=uuid4(), actor_id=who.owner))
        both = (accept, cancel) if turn % 2 else (cancel, accept)
        answers = await asyncio.gather(*both, return_exceptions=True)
        denials = [answer.key for answer in answers if isinstance(answer, Denied)]
        state = clinic.state(transfer)
        outcomes.append(state)

        assert len(answers) - len(denials) == 1
        if state is TransferState.ACCEPTED:
            assert denials == ["ST-T/cancel/from_accepted"]
            assert clinic.owners(record) == [who.owner, who.new_owner]
        else:
            assert state is TransferState.CANCELLED
            assert denials == ["ST-T/accept/from_cancelled"]
            assert clinic.owners(record) == [who.owner]
    assert set(outcomes) == {TransferState.ACCEPTED, TransferState.CANCELLED}


async def test_many_transfers_run_side_by_side(clinic: Clinic) -> None:
    """MOVE-2, AUD-2: fifty at once, each handed over once, on one whole chain."""
    who = clinic.members
    records = [clinic.add_record() for _ in range(MANY)]

    async def hand_over(record: UUID) -> TransferState | None:
        asked = clinic.draft(record)
        await clinic.start(asked)
        command = Accept(transfer_id=asked.transfer_id, command_id=uuid4(), actor_id=who.new_owner)
        return (await clinic.decide("accept", command)).state

    states = await asyncio.gather(*(hand_over(record) for record in records))

    assert set(states) == {TransferState.ACCEPTED}
    assert all(clinic.owners(record) == [who.owner, who.new_owner] for record in records)
