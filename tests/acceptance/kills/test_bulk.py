"""A caseload of sixty records while worker and server are killed halfway: nothing is lost or doubled."""

import os
import signal
from uuid import UUID

import pytest

from engine.rules.bulk import BulkChoice
from engine.states.bulk import Answer
from engine.states.choices import Purpose
from tests.acceptance.kills.clinic import Clinic
from tests.acceptance.kills.running import Stack, is_gone, until

RECORDS = 60


def stand(clinic: Clinic, bulk_id: UUID) -> dict[str, int]:
    """Count in the file itself where the bulk's records stand."""
    return dict(
        clinic.select(
            "SELECT coalesce(t.state, 'waiting'), count(*) FROM bulk_items i"
            " LEFT JOIN transfers t ON t.id = i.transfer_id WHERE i.bulk_id = ? GROUP BY 1",
            bulk_id,
        )
    )


def ended(clinic: Clinic, bulk_id: UUID) -> bool:
    return clinic.select("SELECT state FROM bulks WHERE id = ?", bulk_id) == [("finished",)]


async def killed(stack: Stack, clinic: Clinic) -> None:
    """Kill worker and server, and wait until others have taken their places."""
    doomed = [stack.worker.pid, stack.server_process.pid]
    for pid in doomed:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: all(map(is_gone, doomed)), "the deaths")
    await stack.ready()
    clinic.come_back()


@pytest.mark.slow
async def test_sixty_records_are_asked_for_and_accepted_in_one_gesture_under_kills(
    stack: Stack, clinic: Clinic
) -> None:
    """BULK-3 to BULK-5, MOVE-3."""
    practice = clinic.practice()
    world = practice.world
    for _ in range(RECORDS - 1):
        clinic.record(practice)
    choice = BulkChoice(from_id=world.owner, to_ids=(world.new_owner,))
    started = await clinic.service.bulks.start(world.coordinator, choice, purpose=Purpose.DEPARTURE)
    await until(lambda: stand(clinic, started.id).get("pending_acceptance", 0) >= RECORDS // 2, "half asked")
    await killed(stack, clinic)
    await until(lambda: stand(clinic, started.id) == {"pending_acceptance": RECORDS}, "all asked")

    given = await clinic.service.bulks.answer(world.new_owner, started.id, Answer.ACCEPT)
    await until(lambda: stand(clinic, started.id).get("accepted", 0) >= RECORDS // 2, "half accepted")
    await killed(stack, clinic)
    await until(lambda: stand(clinic, started.id) == {"accepted": RECORDS}, "all accepted")
    await until(lambda: ended(clinic, started.id), "its end")

    shown = clinic.desk.bulk_answer(world.new_owner, given.id)
    assert (shown.counts, shown.deciding, shown.denied) == ({"accepted": RECORDS}, 0, [])
    asked = clinic.select(
        "SELECT count(*) FROM events WHERE action = 'transfer.open' AND outcome = 'allowed'"
    )
    assert asked == [(RECORDS,)]
    clinic.check()


@pytest.mark.slow
async def test_sixty_records_are_imposed_under_kills_those_that_are_open_too(
    stack: Stack, clinic: Clinic
) -> None:
    """OVR-1, OVR-3, BULK-3, MOVE-3: each is handed over once, to whom the plan says."""
    practice = clinic.practice()
    world = practice.world
    records = [world.record, *(clinic.record(practice) for _ in range(RECORDS - 1))]
    # Spread over the caseload, so that kills meet them.
    open_ones = [(await clinic.request(practice, record_id)).id for record_id in records[::5]]
    choice = BulkChoice(from_id=world.owner, to_ids=(practice.third,), reassign_open=True, impose=True)
    started = await clinic.service.bulks.start(
        world.coordinator, choice, purpose=Purpose.DEPARTURE, reason="gone since Monday"
    )
    for part in (3, 2):
        await until(lambda: stand(clinic, started.id).get("accepted", 0) >= RECORDS // part, "a part")  # noqa: B023
        await killed(stack, clinic)
    await until(lambda: stand(clinic, started.id) == {"accepted": RECORDS}, "all handed over")
    await until(lambda: ended(clinic, started.id), "its end")

    assert {clinic.state_of_record(record_id) for record_id in records} == {"accepted"}
    imposed = clinic.select(
        "SELECT count(*), count(DISTINCT transfer_id) FROM events"
        " WHERE action = 'transfer.impose' AND outcome = 'allowed'"
    )
    assert imposed == [(RECORDS, RECORDS)]
    taken_over = clinic.select("SELECT transfer_id FROM bulk_items WHERE reassigned_at IS NOT NULL")
    assert {found for (found,) in taken_over} == {str(found) for found in open_ones}
    owners = clinic.select("SELECT DISTINCT owner_id FROM holdings WHERE state = 'live'")
    assert owners == [(str(practice.third),)]
    clinic.check()


@pytest.mark.slow
async def test_what_is_open_is_reassigned_once_under_kills(stack: Stack, clinic: Clinic) -> None:
    """OVR-3, MOVE-3."""
    practice = clinic.practice()
    world = practice.world
    records = [world.record, *(clinic.record(practice) for _ in range(RECORDS // 2 - 1))]
    for record_id in records:
        await clinic.request(practice, record_id)
    choice = BulkChoice(from_id=world.owner, to_ids=(practice.third,), reassign_open=True)
    started = await clinic.service.bulks.start(
        world.coordinator, choice, purpose=Purpose.DEPARTURE, reason="gone since Monday"
    )
    await until(lambda: stand(clinic, started.id).get("pending_acceptance", 0) >= len(records) // 3, "a part")
    await killed(stack, clinic)
    await until(lambda: stand(clinic, started.id) == {"pending_acceptance": len(records)}, "all reassigned")

    reassigned = clinic.select(
        "SELECT count(*), count(DISTINCT transfer_id) FROM events"
        " WHERE action = 'transfer.reassign' AND outcome = 'allowed'"
    )
    assert reassigned == [(len(records), len(records))]
    clinic.check()
