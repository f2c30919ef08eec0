"""Bulks that impose or reassign, through the real service, worker and database (OVR-1, OVR-3)."""

import pytest

from engine.errors import Denied
from engine.records.tables.people import Member
from engine.records.tables.records import Record
from engine.states.bulk import Answer, BulkState
from engine.states.choices import Basis, BasisForm, Options, Purpose, Role
from engine.states.transfer import TransferState
from tests import build
from tests.workflows.clinic import Clinic, eventually
from tests.workflows.histories import secret
from tests.workflows.test_bulks import asked, bulk, counts, set_role, start, transfers


def split_file(clinic: Clinic) -> bytes:
    """Give the one record to the new owner, in a file."""
    with clinic.database.write() as session:
        number = session.get_one(Record, clinic.record).number
        session.get_one(Member, clinic.members.new_owner).email = "nouvelle@clinique.example"
    return f"{number},nouvelle@clinique.example\n".encode()


class TestImpose:
    async def test_a_whole_caseload_changes_hands_without_an_answer(self, clinic: Clinic) -> None:
        """OVR-1, BULK-3: what the preview shows, by its fingerprint."""
        who = clinic.members
        for _ in range(4):
            clinic.add_record()
        seen = clinic.desk.bulk_preview(who.coordinator, who.owner, (who.new_owner,), impose=True)
        started = await start(clinic, impose=True, reason=secret("reason"), fingerprint=seen.fingerprint)
        assert started.impose
        await eventually(lambda: counts(clinic, started.id) == {"accepted": 5})
        await eventually(lambda: bulk(clinic, started.id).state is BulkState.FINISHED)

        for transfer_id in transfers(clinic, started.id):
            assert clinic.row(transfer_id).imposed
            told = [one for one in clinic.notices(transfer_id) if one[0] != "appointment_cancelled"]
            assert set(told) == {("imposed", who.owner), ("imposed", who.new_owner)}

    async def test_a_preview_without_it_is_another_fingerprint(self, clinic: Clinic) -> None:
        """BULK-2: what is shown is what is done."""
        who = clinic.members
        seen = clinic.desk.bulk_preview(who.coordinator, who.owner, (who.new_owner,))
        with pytest.raises(Denied, match="BULK-2/changed"):
            await start(clinic, impose=True, reason=secret("reason"), fingerprint=seen.fingerprint)

    async def test_a_missing_byte_stops_no_other_and_is_shown(self, clinic: Clinic) -> None:
        """ST-5, BULK-3: it is tried again by its own workflow, and the bulk says the cause."""
        who = clinic.members
        with clinic.database.write() as session:
            build.record(session, who.owner, [build.client(session, who.organization)])
        with clinic.without_bytes():
            started = await start(clinic, impose=True, reason=secret("reason"))
            await eventually(lambda: counts(clinic, started.id) == {"accepted": 1, "requested": 1})
            [stuck] = clinic.desk.bulk_items(who.coordinator, started.id, stands="requested")
            assert stuck.error == "missing_content"
        assert stuck.transfer_id is not None
        await clinic.handle(stuck.transfer_id).signal("wake")

        await eventually(lambda: counts(clinic, started.id) == {"accepted": 2})


class TestReassign:
    async def test_what_is_open_goes_to_the_planned_recipient(self, clinic: Clinic) -> None:
        """OVR-3, BULK-5: by the transfer that is open; one gesture then answers it too."""
        who = clinic.members
        clinic.add_record()
        open_one = (await clinic.request()).id
        started = await start(clinic, to_ids=(who.colleague,), reassign_open=True, reason=secret("reason"))
        await asked(clinic, started.id, 2)
        assert open_one in transfers(clinic, started.id)
        row = clinic.row(open_one)
        assert (row.to_id, row.reassigned_by_id) == (who.colleague, who.coordinator)
        await clinic.service.bulks.answer(who.colleague, started.id, Answer.ACCEPT)

        await eventually(lambda: counts(clinic, started.id) == {"accepted": 2})
        found = [run.id async for run in clinic.client.list_workflows(f'BulkId = "{started.id}"')]
        assert f"transfer/{open_one}" in found

    async def test_a_stop_cancels_it_too_when_told_to(self, clinic: Clinic) -> None:
        """BULK-4."""
        who = clinic.members
        open_one = (await clinic.request()).id
        started = await start(clinic, to_ids=(who.colleague,), reassign_open=True, reason=secret("reason"))
        await asked(clinic, started.id, 1)
        await clinic.service.bulks.stop(who.coordinator, started.id, cancel_open=True, reason=secret("why"))

        await eventually(lambda: clinic.state(open_one) is TransferState.CANCELLED)


class TestRetry:
    async def test_what_is_left_is_launched_as_it_was_by_any_coordinator(self, clinic: Clinic) -> None:
        """BULK-4, ELIG-8: legal basis, reason and how it was divided stay."""
        who = clinic.members
        set_role(clinic, who.colleague, Role.COORDINATOR)
        clinic.desk.set_policy(who.administrator, basis_required=True)
        clinic.restrict(who.new_owner)
        choice = clinic.service.bulks.choose(
            who.owner,
            (),
            only_file=None,
            split_file=split_file(clinic),
            include_confidential_records=False,
            reassign_open=False,
            options=Options(),
            impose=True,
        )
        basis = Basis(BasisForm.VERBAL, secret("basis"), None, for_anybody=True)
        first = await clinic.service.bulks.start(
            who.coordinator, choice, purpose=Purpose.DEPARTURE, basis=basis, reason=secret("reason")
        )
        await eventually(lambda: bulk(clinic, first.id).state is BulkState.FINISHED)
        assert counts(clinic, first.id) == {"blocked": 1}
        for entry in clinic.desk.restrictions(who.owner, clinic.record):
            clinic.desk.unrestrict(who.owner, clinic.record, entry.id)
        second = await clinic.service.bulks.retry(who.colleague, first.id)

        await eventually(lambda: counts(clinic, second.id) == {"accepted": 1})
        was, now = bulk(clinic, first.id), bulk(clinic, second.id)
        assert (now.basis_id, now.reason_id, now.impose) == (was.basis_id, was.reason_id, True)
        assert clinic.owners() == [who.owner, who.new_owner]

    async def test_a_basis_that_policy_requires_is_missing_from_the_launch(self, clinic: Clinic) -> None:
        """ELIG-8: said once, not record by record."""
        clinic.desk.set_policy(clinic.members.administrator, basis_required=True)

        with pytest.raises(Denied, match="ELIG-8"):
            await start(clinic)
