"""A caseload's transfer through the real service, worker and database: launch, pages, answers, its end."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from temporalio.client import WorkflowExecutionStatus

from engine.activities import bulk_pages
from engine.errors import Denied, NotFound
from engine.records import bulks
from engine.records.tables.bulks import Bulk, BulkItem
from engine.records.tables.outbox import Notice
from engine.records.tables.people import MemberRole
from engine.records.tables.records import Holding
from engine.rules.bulk import BulkChoice
from engine.states.bulk import BulkState
from engine.states.choices import Purpose, Role
from engine.states.transfer import TransferState
from engine.views import BulkView
from tests.workflows.clinic import Clinic, eventually
from tests.workflows.histories import secret
from tests.workflows.server import time_skipping_server


async def start(clinic: Clinic, **more: object) -> BulkView:
    """Launch the transfer of the owner's whole caseload to the new owner."""
    who = clinic.members
    actor = more.pop("by", who.coordinator)
    key = more.pop("key", None)
    fingerprint = more.pop("fingerprint", None)
    texts = {name: more.pop(name) for name in ("reason", "basis", "message") if name in more}
    choice = BulkChoice(**({"from_id": who.owner, "to_ids": (who.new_owner,)} | more))  # type: ignore[arg-type]
    return await clinic.service.bulks.start(
        actor,  # type: ignore[arg-type]
        choice,
        purpose=Purpose.DEPARTURE,
        key=key,  # type: ignore[arg-type]
        fingerprint=fingerprint,  # type: ignore[arg-type]
        **texts,  # type: ignore[arg-type]
    )


def bulk(clinic: Clinic, bulk_id: UUID) -> Bulk:
    with clinic.database.read() as session:
        found = bulks.row(session, bulk_id)
        assert found is not None
        session.expunge(found)
        return found


def counts(clinic: Clinic, bulk_id: UUID) -> dict[str, int]:
    with clinic.database.read() as session:
        return bulks.counts(session, bulk_id)


def transfers(clinic: Clinic, bulk_id: UUID) -> list[UUID]:
    with clinic.database.read() as session:
        query = select(BulkItem.transfer_id).where(BulkItem.bulk_id == bulk_id).order_by(BulkItem.position)
        return list(session.scalars(query))


def set_role(clinic: Clinic, member_id: UUID, role: Role) -> None:
    """Let a member have this role alone."""
    with clinic.database.write() as session:
        session.execute(update(MemberRole).where(MemberRole.member_id == member_id).values(role=role))


async def wake(clinic: Clinic, bulk_id: UUID) -> None:
    await clinic.client.get_workflow_handle(f"bulk/{bulk_id}").signal("wake")


async def brought_back(clinic: Clinic, workflow: str) -> bool:
    """Sweep, and say whether a workflow runs again; what the server lists lags a little behind."""
    await clinic.service.reconcile()
    described = await clinic.client.get_workflow_handle(workflow).describe()
    return described.status is WorkflowExecutionStatus.RUNNING


async def asked(clinic: Clinic, bulk_id: UUID, number: int) -> None:
    # Longer than the pause after which a bulk looks again by itself, on a busy machine too.
    await eventually(
        lambda: counts(clinic, bulk_id).get("pending_acceptance") == number, within=timedelta(seconds=45)
    )


class TestLaunch:
    async def test_every_record_becomes_a_transfer_and_the_bulk_ends_when_all_are_settled(
        self, clinic: Clinic
    ) -> None:
        """BULK-1, BULK-3, BULK-4; NOTE-3: its end is one notice a person."""
        who = clinic.members
        for _ in range(4):
            clinic.add_record()
        started = await start(clinic)
        assert (started.state, started.records) == (BulkState.RUNNING, 5)
        await asked(clinic, started.id, 5)
        for transfer_id in transfers(clinic, started.id):
            await clinic.service.accept(who.new_owner, transfer_id)
        await wake(clinic, started.id)
        await eventually(lambda: bulk(clinic, started.id).state is BulkState.FINISHED)

        assert counts(clinic, started.id) == {"accepted": 5}
        with clinic.database.read() as session:
            told = session.execute(
                select(Notice.member_id, func.count())
                .where(Notice.kind == "bulk_finished")
                .group_by(Notice.member_id)
            )
            assert {row[0]: row[1] for row in told} == {
                who.coordinator: 1,
                who.owner: 1,
                who.new_owner: 1,
            }

    async def test_the_same_launch_again_is_the_same_bulk(self, clinic: Clinic) -> None:
        """MOVE-3."""
        first = await start(clinic)
        again = await start(clinic)
        await asked(clinic, first.id, 1)
        keyed = await start(clinic, to_ids=(clinic.members.colleague,), key="k")

        assert again.id == first.id
        assert keyed.id != first.id
        # The one record has an open transfer: it is reported and left alone (OVR-3).
        items = clinic.desk.bulk_items(clinic.members.coordinator, keyed.id)
        assert [(item.stands, item.rule) for item in items] == [("blocked", "ELIG-1/open_transfer")]

    async def test_only_a_coordinator_launches(self, clinic: Clinic) -> None:
        """ROLE-3, ROLE-4: a denial leaves a line in the log and nothing else."""
        with pytest.raises(Denied, match="ROLE-4"):
            await start(clinic, by=clinic.members.administrator)

        assert clinic.denials() == ["bulk.launch ROLE-4/coordinator"]

    async def test_a_denied_launch_without_a_key_may_be_tried_again(self, clinic: Clinic) -> None:
        who = clinic.members
        set_role(clinic, who.coordinator, Role.PRACTITIONER)
        with pytest.raises(Denied):
            await start(clinic)
        set_role(clinic, who.coordinator, Role.COORDINATOR)
        started = await start(clinic)

        await asked(clinic, started.id, 1)

    async def test_a_launch_that_carries_another_fingerprint_is_denied(self, clinic: Clinic) -> None:
        """BULK-2."""
        with pytest.raises(Denied, match="BULK-2/changed"):
            await start(clinic, fingerprint="0" * 64)

        assert clinic.denials() == ["bulk.launch BULK-2/changed"]

    async def test_an_empty_caseload_is_an_empty_finished_bulk(self, clinic: Clinic) -> None:
        """BULK-1."""
        started = await start(clinic, from_id=clinic.members.colleague)

        assert (started.state, started.records, started.counts) == (BulkState.FINISHED, 0, {})

    async def test_a_blocked_record_stops_no_other(self, clinic: Clinic) -> None:
        """BULK-3, ELIG-4."""
        clinic.restrict(clinic.members.new_owner)
        clinic.add_record()
        started = await start(clinic)
        await asked(clinic, started.id, 1)

        items = clinic.desk.bulk_items(clinic.members.coordinator, started.id, stands="blocked")
        assert [item.rule for item in items] == ["ELIG-4"]

    async def test_nobody_else_asks_in_the_name_of_a_bulk(self, clinic: Clinic) -> None:
        """ELIG-6: a request that names a bulk is what that bulk asks for, or it is denied."""
        request = clinic.draft().model_copy(update={"bulk_id": uuid4()})
        with pytest.raises(Denied, match="BULK-3/not_in_bulk"):
            await clinic.start(request)


class TestCommands:
    async def test_a_paused_bulk_starts_nothing_until_somebody_resumes(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """BULK-4: the page that is under way stops at the next record."""
        who = clinic.members
        for _ in range(7):
            clinic.add_record()
        going = asyncio.Event()
        whole = bulk_pages.BulkPages._ask

        async def slow(self: bulk_pages.BulkPages, *given: object) -> None:
            going.set()
            await asyncio.sleep(0.3)
            await whole(self, *given)  # type: ignore[arg-type]

        monkeypatch.setattr(bulk_pages.BulkPages, "_ask", slow)
        started = await start(clinic)
        await going.wait()
        paused = await clinic.service.bulks.pause(who.coordinator, started.id)
        assert paused.state is BulkState.PAUSED
        await asyncio.sleep(1)
        before = counts(clinic, started.id)
        assert before.get("waiting", 0) > 0
        with pytest.raises(Denied, match="BULK-4/paused"):
            await clinic.service.bulks.pause(who.coordinator, started.id)
        resumed = await clinic.service.bulks.resume(who.coordinator, started.id)

        assert resumed.state is BulkState.RUNNING
        await asked(clinic, started.id, 8)

    async def test_a_stopped_bulk_leaves_what_is_open(self, clinic: Clinic) -> None:
        who = clinic.members
        started = await start(clinic)
        await asked(clinic, started.id, 1)
        stopped = await clinic.service.bulks.stop(who.coordinator, started.id)

        assert (stopped.state, stopped.counts) == (BulkState.STOPPED, {"pending_acceptance": 1})
        handle = clinic.client.get_workflow_handle(f"bulk/{started.id}")
        await handle.result()
        with pytest.raises(Denied, match="BULK-4/stopped"):
            await clinic.service.bulks.resume(who.coordinator, started.id)

    async def test_a_stopped_bulk_cancels_what_is_open_when_told_to(self, clinic: Clinic) -> None:
        """ST-2: with a reason."""
        who = clinic.members
        clinic.add_record()
        started = await start(clinic)
        await asked(clinic, started.id, 2)
        with pytest.raises(Denied, match="ST-2"):
            await clinic.service.bulks.stop(who.coordinator, started.id, cancel_open=True)
        await clinic.service.bulks.stop(who.coordinator, started.id, cancel_open=True, reason="erreur")

        await eventually(lambda: counts(clinic, started.id) == {"cancelled": 2})

    async def test_whoever_loses_the_role_pauses_it_and_another_takes_it_over(self, clinic: Clinic) -> None:
        """ROLE-5."""
        who = clinic.members
        set_role(clinic, who.colleague, Role.COORDINATOR)
        clinic.add_record()
        started = await start(clinic)
        await asked(clinic, started.id, 2)
        set_role(clinic, who.coordinator, Role.PRACTITIONER)
        await wake(clinic, started.id)
        await eventually(lambda: bulk(clinic, started.id).state is BulkState.PAUSED)
        assert bulk(clinic, started.id).paused_rule == "ROLE-5"
        with pytest.raises(NotFound):
            await clinic.service.bulks.resume(who.coordinator, started.id)
        resumed = await clinic.service.bulks.resume(who.colleague, started.id)

        assert (resumed.state, resumed.paused_rule) == (BulkState.RUNNING, None)
        assert bulk(clinic, started.id).led_by_id == who.colleague

    async def test_what_ended_without_a_new_owner_is_asked_for_again(self, clinic: Clinic) -> None:
        """BULK-4: retry only what failed or was blocked."""
        who = clinic.members
        clinic.add_record()
        started = await start(clinic)
        await asked(clinic, started.id, 2)
        first, second = transfers(clinic, started.id)
        await clinic.service.accept(who.new_owner, first)
        await clinic.service.cancel(who.owner, second)
        # Before it is seen that all is settled.
        await clinic.service.bulks.pause(who.coordinator, started.id)
        await clinic.service.bulks.retry(who.coordinator, started.id)
        assert counts(clinic, started.id) == {"accepted": 1, "waiting": 1}
        await clinic.service.bulks.resume(who.coordinator, started.id)

        await asked(clinic, started.id, 1)
        again = transfers(clinic, started.id)
        assert again[0] == first
        assert again[1] != second
        assert clinic.state(second) is TransferState.CANCELLED

    async def test_what_an_ended_bulk_left_is_another_bulk(self, clinic: Clinic) -> None:
        """BULK-4: a final state is never left."""
        who = clinic.members
        clinic.restrict(who.new_owner)
        clinic.add_record()
        first = await start(clinic)
        await asked(clinic, first.id, 1)
        await clinic.service.bulks.stop(who.coordinator, first.id)
        for entry in clinic.desk.restrictions(who.owner, clinic.record):
            clinic.desk.unrestrict(who.owner, clinic.record, entry.id)
        second = await clinic.service.bulks.retry(who.coordinator, first.id, key="again")

        assert (second.id != first.id, second.records) == (True, 1)
        await asked(clinic, second.id, 1)
        # Whoever did not hear the answer sends it again, and nothing is left by then (MOVE-3).
        repeated = await clinic.service.bulks.retry(who.coordinator, first.id, key="again")
        assert repeated.id == second.id
        with pytest.raises(Denied, match="BULK-4/nothing_left"):
            await clinic.service.bulks.retry(who.coordinator, first.id)

    async def test_a_blocked_record_finds_its_recipient_once_nothing_blocks_it(self, clinic: Clinic) -> None:
        """BULK-1, BULK-4: of several recipients none might have it."""
        who = clinic.members
        both = (who.new_owner, who.colleague)
        clinic.restrict(who.new_owner)
        clinic.restrict(who.colleague)
        clinic.add_record()
        started = await start(clinic, to_ids=both)
        await asked(clinic, started.id, 1)
        assert counts(clinic, started.id) == {"blocked": 1, "pending_acceptance": 1}
        for entry in clinic.desk.restrictions(who.owner, clinic.record):
            clinic.desk.unrestrict(who.owner, clinic.record, entry.id)
        await clinic.service.bulks.retry(who.coordinator, started.id)

        await asked(clinic, started.id, 2)


class TestWhatIsTold:
    async def test_coordinators_see_no_number_of_a_confidential_record(self, clinic: Clinic) -> None:
        """VIS-2, ELIG-6: it moves in a bulk that includes such records, and its number stays hidden."""
        who = clinic.members
        with clinic.database.write() as session:
            session.execute(update(Holding).values(confidential=True))
        left_out = await start(clinic)
        assert (left_out.state, left_out.records, left_out.confidential_left_out) == ("finished", 0, 1)
        started = await start(clinic, include_confidential_records=True)
        await asked(clinic, started.id, 1)
        [item] = clinic.desk.bulk_items(who.coordinator, started.id)

        assert (item.confidential, item.record_number) == (True, None)
        [transfer_id] = transfers(clinic, started.id)
        await clinic.service.accept(who.new_owner, transfer_id)
        assert clinic.owners() == [who.owner, who.new_owner]

    async def test_the_report_names_what_does_not_move(self, clinic: Clinic) -> None:
        """BULK-4: records opened since the start, and archived ones."""
        who = clinic.members
        archived = clinic.add_record()
        clinic.desk.archive(who.owner, archived)
        started = await start(clinic)
        await asked(clinic, started.id, 1)
        opened = clinic.desk.add_record(who.owner, title=secret("title"), client=secret("client"))
        report = clinic.desk.bulk_report(who.coordinator, started.id)

        assert {left.record_id: left.why for left in report.left} == {
            archived: "archived",
            opened.id: "opened_since",
        }
        assert report.bulk.records == 1


class TestTrouble:
    async def test_one_poisoned_record_delays_no_other_and_is_tried_again(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """BULK-3."""
        for _ in range(3):
            clinic.add_record()
        whole = bulk_pages.BulkPages._ask
        poisoned = {clinic.record}

        async def ask(self: bulk_pages.BulkPages, client: object, request: object) -> None:
            if request.record_id in poisoned:  # type: ignore[attr-defined]
                raise RuntimeError("a secret")
            await whole(self, client, request)  # type: ignore[arg-type]

        monkeypatch.setattr(bulk_pages.BulkPages, "_ask", ask)
        started = await start(clinic)
        await asked(clinic, started.id, 3)
        await eventually(lambda: counts(clinic, started.id).get("troubled") == 1)
        items = clinic.desk.bulk_items(clinic.members.coordinator, started.id, stands="troubled")
        assert [item.error for item in items] == ["RuntimeError"]
        poisoned.clear()
        await wake(clinic, started.id)

        await asked(clinic, started.id, 4)

    async def test_a_bulk_without_its_workflow_is_started_again(self, clinic: Clinic) -> None:
        """BULK-4: restarting everything loses nothing."""
        started = await start(clinic)
        await asked(clinic, started.id, 1)
        await clinic.client.get_workflow_handle(f"bulk/{started.id}").terminate("by a test")
        await eventually(lambda: brought_back(clinic, f"bulk/{started.id}"))
        [transfer_id] = transfers(clinic, started.id)
        await clinic.service.accept(clinic.members.new_owner, transfer_id)
        await wake(clinic, started.id)

        await eventually(lambda: bulk(clinic, started.id).state is BulkState.FINISHED)


async def test_a_long_bulk_goes_on_as_new_and_loses_nothing(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BULK-4: a history that grows long begins again between two pages, and commands still reach it."""
    monkeypatch.setattr(bulk_pages, "PAGE", 2)
    who = clinic.members
    for _ in range(9):
        clinic.add_record()
    long = "limit.historyCount.suggestContinueAsNew=20"
    async with await time_skipping_server(config=long) as other:
        with other.with_time_skipping_disabled():
            async with clinic.worker(other.client):
                bulks_there = clinic.service_at(other.client).bulks
                choice = BulkChoice(from_id=who.owner, to_ids=(who.new_owner,))
                started = await bulks_there.start(who.coordinator, choice, purpose=Purpose.DEPARTURE)
                await asked(clinic, started.id, 10)
                paused = await bulks_there.pause(who.coordinator, started.id)
                query = f'WorkflowId = "bulk/{started.id}"'

                async def runs() -> int:
                    return len([run async for run in other.client.list_workflows(query)])

                await eventually(runs)
                assert await runs() > 1
    assert paused.state is BulkState.PAUSED
    assert counts(clinic, started.id) == {"pending_acceptance": 10}
