"""Deadlines and reminders, by skipping time in the workflow."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.errors import Denied
from engine.states.transfer import TransferState
from tests.workflows.clinic import Clinic, eventually

MINUTE = timedelta(minutes=1)


async def test_an_unanswered_request_expires_at_the_end_of_the_fourteenth_day(clinic: Clinic) -> None:
    """ST-3, ST-T/expire, MOVE-7: the day ends in the organization's time zone; then no answer counts."""
    who = clinic.members
    clinic.set_policy()
    asked = await clinic.request()
    due = clinic.row(asked.id).respond_by
    there = ZoneInfo("America/Toronto")
    assert due.astimezone(there).date() == asked.asked_at.astimezone(there).date() + timedelta(days=14)
    assert due.astimezone(there).strftime("%H:%M:%S") == "23:59:59"

    await clinic.fast_forward_to(asked.id, due - MINUTE)
    assert clinic.state(asked.id) is TransferState.PENDING_ACCEPTANCE
    await clinic.fast_forward(asked.id, 2 * MINUTE)
    await eventually(lambda: clinic.state(asked.id) is TransferState.EXPIRED)

    decided = clinic.row(asked.id).decided_at
    assert decided is not None
    assert due <= decided < due + MINUTE
    assert clinic.owners() == [who.owner]
    assert clinic.events(asked.id)[-1] == "transfer.expire"
    assert sorted(clinic.notices(asked.id)[-2:]) == sorted(
        [("expired", who.owner), ("expired", who.new_owner)]
    )
    assert (await clinic.handle(asked.id).result()).state is TransferState.EXPIRED
    with pytest.raises(Denied) as late:
        await clinic.service.accept(who.new_owner, asked.id)
    assert late.value.key == "ST-T/accept/from_expired"
    assert clinic.owners() == [who.owner]


async def test_reminders_go_out_on_the_third_and_the_seventh_day_once_each(clinic: Clinic) -> None:
    """ST-3."""
    who = clinic.members
    asked = await clinic.request()

    def reminders() -> list[object]:
        return [recipient for kind, recipient in clinic.notices(asked.id) if kind == "reminder"]

    seen = []
    for days in (2, 3, 4, 6, 7, 8, 13):
        instant = asked.asked_at + timedelta(days=days) + MINUTE
        await clinic.fast_forward_to(asked.id, instant)
        seen.append(len(reminders()))

    assert seen == [0, 1, 1, 1, 2, 2, 2]
    assert set(reminders()) == {who.new_owner}
    assert clinic.events(asked.id) == ["transfer.open", "transfer.remind", "transfer.remind"]
    assert (
        clinic.row(asked.id).version == asked.version
    )  # a reminder changes nothing that an answer depends on


async def test_an_answer_just_before_the_deadline_counts(clinic: Clinic) -> None:
    """ST-3."""
    who = clinic.members
    clinic.set_policy()
    asked = await clinic.request()
    due = clinic.row(asked.id).respond_by
    await clinic.fast_forward_to(asked.id, due - MINUTE)
    accepted = await clinic.service.accept(who.new_owner, asked.id)

    assert accepted.state is TransferState.ACCEPTED
    assert accepted.decided_at is not None
    assert due - 2 * MINUTE < accepted.decided_at < due
    assert clinic.owners() == [who.owner, who.new_owner]


async def test_a_missed_deadline_that_cannot_give_the_record_back_waits_for_a_coordinator(
    clinic: Clinic,
) -> None:
    """ST-T/escalate, ST-1."""
    clinic.set_policy()
    asked = await clinic.request(by=clinic.members.coordinator)
    await clinic.fast_forward(asked.id, timedelta(days=16))
    await eventually(lambda: clinic.state(asked.id) is TransferState.COORDINATOR_OVERRIDE)

    assert clinic.events(asked.id)[-2:] == ["transfer.expire", "transfer.escalate"]
    assert await clinic.is_running(asked.id)
