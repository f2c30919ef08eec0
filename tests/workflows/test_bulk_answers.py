"""BULK-5: a recipient answers a whole bulk with one durable gesture."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from engine.errors import BadInput, Denied, NotFound
from engine.records import bulk_answers
from engine.records.tables.bulks import BulkAnswer
from engine.records.tables.records import Record
from engine.states.bulk import Answer, BulkState
from engine.states.transfer import TransferState
from tests.workflows.clinic import Clinic, eventually
from tests.workflows.histories import secret
from tests.workflows.test_bulks import asked, brought_back, bulk, counts, start, transfers


def number(clinic: Clinic, record: UUID) -> bytes:
    with clinic.database.read() as session:
        return (session.get_one(Record, record).number + "\n").encode()


def ended(clinic: Clinic, answer_id: UUID) -> bool:
    with clinic.database.read() as session:
        found = bulk_answers.row(session, answer_id)
        return found is not None and found.ended_at is not None


async def test_one_gesture_accepts_everything_and_the_bulk_is_finished(clinic: Clinic) -> None:
    who = clinic.members
    for _ in range(3):
        clinic.add_record()
    started = await start(clinic)
    await asked(clinic, started.id, 4)
    given = await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT)

    await eventually(lambda: counts(clinic, started.id) == {"accepted": 4})
    await eventually(lambda: bulk(clinic, started.id).state is BulkState.FINISHED)
    assert clinic.denials() == []
    assert given.counts.keys() <= {"pending_acceptance", "accepted"}
    await clinic.client.get_workflow_handle(f"bulk-answer/{given.id}").signal("wake")
    await eventually(lambda: ended(clinic, given.id))


async def test_it_binds_what_is_asked_later(clinic: Clinic) -> None:
    who = clinic.members
    clinic.add_record()
    started = await start(clinic)
    await asked(clinic, started.id, 2)
    first, second = transfers(clinic, started.id)
    await clinic.service.bulks.pause(who.coordinator, started.id)
    await clinic.service.cancel(who.owner, second)
    await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT)
    await eventually(lambda: clinic.state(first) is TransferState.ACCEPTED)
    await clinic.service.bulks.retry(who.coordinator, started.id)
    await clinic.service.bulks.resume(who.coordinator, started.id)

    await eventually(lambda: counts(clinic, started.id) == {"accepted": 2})


async def test_what_fails_its_check_stays_pending_with_the_rule_and_stops_no_other(clinic: Clinic) -> None:
    """ELIG-4 reads "can no longer be accepted" to the new owner (VIS-11)."""
    who = clinic.members
    clinic.add_record()
    started = await start(clinic)
    await asked(clinic, started.id, 2)
    clinic.restrict(who.new_owner)
    given = await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT)
    await eventually(lambda: clinic.desk.bulk_answer(who.new_owner, given.id).deciding == 0)
    shown = clinic.desk.bulk_answer(who.new_owner, given.id)

    assert shown.counts == {"accepted": 1, "pending_acceptance": 1}
    assert [item.rule for item in shown.denied] == ["VIS-11/no_longer"]


async def test_a_refusal_has_a_reason_and_goes_to_the_coordinators(clinic: Clinic) -> None:
    """ST-1, ST-2."""
    who = clinic.members
    clinic.add_record()
    started = await start(clinic)
    await asked(clinic, started.id, 2)
    with pytest.raises(Denied, match="ST-2"):
        await clinic.service.bulks.answer(who.new_owner, started.id, Answer.REFUSE)
    await clinic.service.bulks.answer(who.new_owner, started.id, Answer.REFUSE, reason=secret("reason"))

    await eventually(lambda: counts(clinic, started.id) == {"coordinator_override": 2})


async def test_only_some_and_all_but_some(clinic: Clinic) -> None:
    who = clinic.members
    other = clinic.add_record()
    started = await start(clinic)
    await asked(clinic, started.id, 2)
    with pytest.raises(BadInput):
        await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT, only_file=b"D-99999\n")
    named = number(clinic, other)
    await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT, except_file=named)
    await eventually(lambda: counts(clinic, started.id).get("accepted") == 1)
    await clinic.service.bulks.answer(
        who.new_owner, started.id, Answer.REFUSE, only_file=named, reason=secret("reason")
    )

    await eventually(lambda: counts(clinic, started.id) == {"accepted": 1, "coordinator_override": 1})
    assert clinic.owners(other) == [who.owner]


async def test_whom_a_bulk_does_not_ask_knows_nothing_of_it(clinic: Clinic) -> None:
    """VIS-11, VIS-12: as of a bulk that does not exist."""
    who = clinic.members
    started = await start(clinic)
    await asked(clinic, started.id, 1)
    for actor, bulk_id in ((who.colleague, started.id), (who.new_owner, uuid4())):
        with pytest.raises(NotFound, match="VIS-11/bulk"):
            await clinic.service.bulks.answer(actor, bulk_id, Answer.ACCEPT)
        with pytest.raises(NotFound, match="VIS-11/bulk"):
            clinic.desk.bulk(actor, bulk_id)

    seen = clinic.desk.bulk(who.new_owner, started.id)
    assert (seen.records, seen.purpose, seen.options) == (1, None, None)
    assert clinic.desk.bulk_items(who.new_owner, started.id)[0].record_number is not None


async def test_the_same_gesture_again_is_the_same_answer(clinic: Clinic) -> None:
    """MOVE-3."""
    who = clinic.members
    started = await start(clinic)
    await asked(clinic, started.id, 1)
    first = await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT, key="mine")
    again = await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT, key="mine")

    assert again.id == first.id
    await eventually(lambda: counts(clinic, started.id) == {"accepted": 1})
    with clinic.database.read() as session:
        assert len(session.scalars(select(BulkAnswer)).all()) == 1


async def test_an_answer_without_its_workflow_is_started_again(clinic: Clinic) -> None:
    """BULK-4: restarting everything loses nothing."""
    who = clinic.members
    clinic.add_record()
    started = await start(clinic)
    await asked(clinic, started.id, 2)
    given = await clinic.service.bulks.answer(
        who.new_owner, started.id, Answer.ACCEPT, only_file=number(clinic, clinic.record)
    )
    await eventually(lambda: counts(clinic, started.id).get("accepted") == 1)
    await clinic.client.get_workflow_handle(f"bulk-answer/{given.id}").terminate("by a test")

    await eventually(lambda: brought_back(clinic, f"bulk-answer/{given.id}"))
