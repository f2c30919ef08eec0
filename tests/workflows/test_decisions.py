"""A transfer from its request to its end, decision by decision."""

import pytest

from engine.errors import Denied
from engine.states.choices import Role
from engine.states.transfer import TransferState
from tests.workflows.clinic import CAUTIOUS, EVERYTHING, Clinic
from tests.workflows.histories import secret


async def test_accepting_hands_the_record_over(clinic: Clinic) -> None:
    """ST-T/open, ST-T/accept, MOVE-2, NOTE-1, NOTE-2."""
    who = clinic.members
    asked = await clinic.request()
    accepted = await clinic.service.accept(who.new_owner, asked.id)

    assert asked.state is TransferState.PENDING_ACCEPTANCE
    assert accepted.state is TransferState.ACCEPTED
    assert clinic.owners() == [who.owner, who.new_owner]
    assert clinic.events(asked.id) == [
        "transfer.open",
        "transfer.accept",
        "record.handed_over",
        "record.handed_over",
    ]
    told = clinic.notices(asked.id)
    assert told[0] == ("asked", who.new_owner)
    assert [kind for kind, _ in told] == ["asked", "appointment_cancelled", "accepted"]
    assert told[2] == ("accepted", who.owner)
    result = await clinic.handle(asked.id).result()
    assert (result.state, result.denied) == (TransferState.ACCEPTED, None)


async def test_refusing_gives_the_record_back(clinic: Clinic) -> None:
    """ST-T/refuse, ST-2, MOVE-7."""
    who = clinic.members
    asked = await clinic.request()
    refused = await clinic.service.refuse(who.new_owner, asked.id, reason=secret("reason"))

    assert refused.state is TransferState.REFUSED
    assert clinic.owners() == [who.owner]
    assert clinic.events(asked.id) == ["transfer.open", "transfer.refuse"]
    assert clinic.notices(asked.id)[1:] == [("refused", who.owner)]
    assert clinic.desk.transfer(who.owner, asked.id).reason == secret("reason")
    assert (await clinic.handle(asked.id).result()).state is TransferState.REFUSED


async def test_cancelling_takes_the_request_back(clinic: Clinic) -> None:
    """ST-T/cancel, MOVE-7: and the record can be asked for again."""
    who = clinic.members
    asked = await clinic.request()
    cancelled = await clinic.service.cancel(who.owner, asked.id, reason=secret("reason"))
    again = await clinic.request()

    assert cancelled.state is TransferState.CANCELLED
    assert clinic.owners() == [who.owner]
    assert clinic.events(asked.id) == ["transfer.open", "transfer.cancel"]
    assert clinic.notices(asked.id)[1:] == [("cancelled", who.new_owner)]
    assert (await clinic.handle(asked.id).result()).state is TransferState.CANCELLED
    assert again.id != asked.id
    assert again.state is TransferState.PENDING_ACCEPTANCE


async def test_an_answer_given_on_wider_options_is_denied(clinic: Clinic) -> None:
    """MOVE-1, MOVE-3: the new owner answers on what they have seen, or not at all."""
    who = clinic.members
    asked = await clinic.request(options=EVERYTHING)
    narrowed = await clinic.service.narrow(who.owner, asked.id, CAUTIOUS)

    with pytest.raises(Denied) as stale:
        await clinic.service.accept(who.new_owner, asked.id, seen_version=asked.version)
    assert stale.value.key == "MOVE-3/changed"
    assert clinic.state(asked.id) is TransferState.PENDING_ACCEPTANCE
    assert narrowed.options == CAUTIOUS
    assert clinic.notices(asked.id)[1:] == [("narrowed", who.new_owner)]

    accepted = await clinic.service.accept(who.new_owner, asked.id, seen_version=narrowed.version)
    assert accepted.state is TransferState.ACCEPTED
    assert clinic.events(asked.id)[:4] == [
        "transfer.open",
        "transfer.narrow",
        "transfer.accept MOVE-3/changed",
        "transfer.accept",
    ]


async def test_options_are_never_widened(clinic: Clinic) -> None:
    """MOVE-1."""
    asked = await clinic.request()
    with pytest.raises(Denied) as wider:
        await clinic.service.narrow(clinic.members.owner, asked.id, EVERYTHING)

    assert wider.value.key == "MOVE-1/wider"
    assert clinic.row(asked.id).version == asked.version


async def test_what_cannot_be_given_back_waits_for_a_coordinator(clinic: Clinic) -> None:
    """ST-T/escalate, ST-1: the workflow runs on, and the owner may take the record back."""
    who = clinic.members
    asked = await clinic.request(by=who.coordinator)
    refused = await clinic.service.refuse(who.new_owner, asked.id, reason=secret("reason"))

    assert clinic.row(asked.id).asked_role is Role.COORDINATOR
    # Who refused learns that they did, and no more (VIS-12).
    assert refused.state is TransferState.REFUSED
    assert clinic.state(asked.id) is TransferState.COORDINATOR_OVERRIDE
    assert await clinic.is_running(asked.id)
    assert "waits for: coordinator" in await clinic.details(asked.id)
    assert ("needs_you", who.coordinator) in clinic.notices(asked.id)

    cancelled = await clinic.service.cancel(who.owner, asked.id)
    assert cancelled.state is TransferState.CANCELLED
    assert clinic.owners() == [who.owner]
    assert (await clinic.handle(asked.id).result()).state is TransferState.CANCELLED
    assert clinic.events(asked.id) == [
        "transfer.open",
        "transfer.refuse",
        "transfer.escalate",
        "transfer.cancel",
    ]


async def test_a_request_that_a_rule_denies_in_its_step_leaves_a_failed_transfer(clinic: Clinic) -> None:
    """ST-T/reject, AUD-1: as it is when a backend starts the workflow itself."""
    who = clinic.members
    clinic.restrict(who.new_owner)
    request = clinic.draft()
    with pytest.raises(Denied) as denied:
        await clinic.start(request)

    assert denied.value.key == "ELIG-4"
    row = clinic.row(request.transfer_id)
    assert (row.state, row.failed_rule) == (TransferState.FAILED, "ELIG-4")
    assert clinic.events(request.transfer_id) == ["transfer.open ELIG-4"]
    assert clinic.notices(request.transfer_id) == [("failed", who.owner)]
    assert (await clinic.handle(request.transfer_id).result()).denied == "ELIG-4"


async def test_a_request_that_a_rule_denies_at_the_door_starts_nothing(clinic: Clinic) -> None:
    """ELIG-3, AUD-1: logged once, whether it is sent once or twice under its key."""
    who = clinic.members
    for _ in range(2):
        with pytest.raises(Denied) as denied:
            await clinic.request(to=who.owner, key="mine")
        assert denied.value.key == "ELIG-3/same"

    assert await clinic.histories() == []
    assert clinic.denials() == ["transfer.open ELIG-3/same"]
