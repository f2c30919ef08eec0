"""A bulk's steps on the database alone: what a launch fixes, what may be asked in its name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.activities import denials
from engine.activities.bulk_answers import BulkAnswers
from engine.desk.desk import Desk
from engine.errors import Denied
from engine.messages.bulk_answer import GiveAnswer
from engine.messages.transfer import Step, StepInput
from engine.records import bulks, locks
from engine.records import caseload as caseload_reading
from engine.records.tables.base import TextKind
from engine.records.tables.bulks import BulkList
from engine.rules.bulk import Listed
from engine.states.bulk import Answer, BulkState
from engine.states.choices import Options, Purpose, Role
from tests import build
from tests.integration.caseload.looking import records
from tests.integration.caseload.running import Caseload
from tests.integration.handover.clinic import Clinic


class TestLaunch:
    def test_fixes_the_caseload(self, clinic: Clinic, caseload: Caseload) -> None:
        """BULK-1: what comes later is not part of it."""
        records(clinic, "D-1", "D-2")
        before = caseload.launch()
        records(clinic, "D-3")

        assert (before.state, before.counts) == (BulkState.RUNNING, {"waiting": 3})
        assert caseload.launch() == before

    def test_the_same_id_for_something_else_is_denied(self, clinic: Clinic, caseload: Caseload) -> None:
        """MOVE-3."""
        caseload.launch()

        assert caseload.launch(options=Options(keep_copy=False)).denied == "MOVE-3/other_request"

    def test_a_keyed_denial_stays_the_answer_and_another_does_not(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """MOVE-3."""
        changed = {"fingerprint": "0" * 64}
        assert caseload.launch(**changed).denied == "BULK-2/changed"
        assert caseload.launch().denied is None
        other = Caseload(clinic)
        assert other.launch(keyed=True, **changed).denied == "BULK-2/changed"

        assert other.launch(keyed=True).denied == "BULK-2/changed"

    def test_a_list_names_what_goes(self, clinic: Clinic, caseload: Caseload) -> None:
        """BULK-1."""
        records(clinic, "D-1", "D-2")
        list_id, world = uuid4(), clinic.world
        with clinic.database.write() as session:
            chosen = [Listed(line=1, record="D-2")]
            bulks.add_list(session, list_id, world.organization, world.coordinator, chosen, clinic.now)
        result = caseload.launch(list_id=list_id)

        assert result.counts == {"waiting": 1}

    def test_a_list_of_somebody_else_is_none(self, clinic: Clinic, caseload: Caseload) -> None:
        list_id, world = uuid4(), clinic.world
        with clinic.database.write() as session:
            bulks.add_list(session, list_id, world.organization, world.owner, [], clinic.now)

        assert caseload.launch(list_id=list_id).denied == "bad_input/unknown_text"


class TestAskedInItsName:
    def test_what_it_asks_for_is_opened(self, clinic: Clinic, caseload: Caseload) -> None:
        """BULK-3."""
        caseload.launch()
        [item] = caseload.waiting()

        assert caseload.ask(item).state == "pending_acceptance"
        assert caseload.waiting() == []
        assert caseload.watch().counts == {"pending_acceptance": 1}

    @pytest.mark.parametrize("other", ["transfer_id", "to", "purpose", "options", "by", "record_id"])
    def test_anything_else_is_denied_and_leaves_no_transfer(
        self, clinic: Clinic, caseload: Caseload, other: str
    ) -> None:
        """ELIG-6: nobody borrows a bulk's right to confidential records."""
        [hidden] = records(clinic, "D-1", confidential=True)
        caseload.launch(include_confidential_records=True)
        item = next(found for found in caseload.waiting() if found.record_id == hidden)
        differs: dict[str, Any] = {
            "transfer_id": uuid4(),
            "to": clinic.colleague(),
            "purpose": Purpose.CONTINUITY,
            "options": Options(include_confidential=True),
            "by": clinic.world.new_owner,
            "record_id": records(clinic, "D-2", confidential=True)[0],
        }
        result = caseload.ask(item, **{other: differs[other]})

        assert (result.denied, result.state) == ("BULK-3/not_in_bulk", None)
        assert clinic.rows("SELECT count(*) FROM transfers") == [(0,)]

    @pytest.mark.parametrize(("command", "denied"), [("pause", "BULK-4/paused"), ("stop", "BULK-4/stopped")])
    def test_nothing_is_asked_for_while_it_does_not_run(
        self, clinic: Clinic, caseload: Caseload, command: str, denied: str
    ) -> None:
        """BULK-4: whatever was under way; no failed transfer is left, and the record may be asked for."""
        caseload.launch()
        [item] = caseload.waiting()
        caseload.command(command)

        assert (caseload.ask(item).denied, clinic.rows("SELECT count(*) FROM transfers")) == (denied, [(0,)])
        assert clinic.ask() is not None

    def test_a_denial_that_is_written_after_it_goes_on_leaves_no_failed_transfer(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """BULK-3: between the denial and its line in the log somebody may have resumed."""
        caseload.launch()
        [item] = caseload.waiting()
        world = clinic.world
        request = clinic.request(
            transfer_id=item.transfer_id,
            by=world.coordinator,
            to=item.to_id,
            purpose=Purpose.DEPARTURE,
            bulk_id=caseload.bulk_id,
        )
        with clinic.database.write() as session:
            denials.write(session, Step.OPEN, request, Denied("BULK-4", "paused"), clinic.now)

        assert clinic.rows("SELECT count(*) FROM transfers") == [(0,)]

    def test_a_confidential_record_goes_only_where_it_was_included(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """ELIG-6."""
        [hidden] = records(clinic, "D-1", confidential=True)
        caseload.launch(include_confidential_records=True)
        item = next(found for found in caseload.waiting() if found.record_id == hidden)
        assert caseload.ask(item).state == "pending_acceptance"

        alone = clinic.open(clinic.request(by=clinic.world.coordinator, record_id=hidden))
        assert alone.denied == "VIS-11/record"

    def test_whoever_resumes_asks_from_then_on(self, clinic: Clinic, caseload: Caseload) -> None:
        """ROLE-5."""
        other = _coordinator(clinic)
        caseload.launch()
        [item] = caseload.waiting()
        caseload.command("pause")
        caseload.command("resume", by=other)

        assert caseload.ask(item).denied == "BULK-3/not_in_bulk"
        with clinic.database.write() as session:
            bulks.mark(
                session,
                caseload.bulk_id,
                item,
                **bulks.another_attempt(caseload.bulk_id, item.record_id, item.attempt),
            )
        [again] = caseload.waiting()
        assert caseload.ask(again, by=other).state == "pending_acceptance"


class TestCommands:
    def test_a_repeated_command_gets_its_first_answer(self, clinic: Clinic, caseload: Caseload) -> None:
        """MOVE-3."""
        caseload.launch()
        command_id = uuid4()
        assert caseload.command("pause", command_id=command_id).denied is None

        assert caseload.command("pause", command_id=command_id).denied is None
        assert caseload.command("pause").denied == "BULK-4/paused"

    def test_nobody_but_a_coordinator_commands(self, clinic: Clinic, caseload: Caseload) -> None:
        """ROLE-4."""
        caseload.launch()
        for who in (clinic.world.owner, clinic.world.administrator):
            assert caseload.command("pause", by=who).denied == "ROLE-4/coordinator"

    def test_another_organization_knows_of_none(self, clinic: Clinic, caseload: Caseload) -> None:
        """VIS-8."""
        caseload.launch()
        with clinic.database.write() as session:
            elsewhere = build.world(session)

        assert caseload.command("pause", by=elsewhere.coordinator).denied == "VIS-11/bulk"

    def test_a_retry_asks_again_for_what_ended_and_for_nothing_else(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """BULK-4."""
        records(clinic, "D-1")
        caseload.launch()
        first, second = caseload.waiting()
        caseload.ask(first)
        caseload.ask(second)
        clinic.accept(first.transfer_id)
        clinic.cancel(second.transfer_id, by=clinic.world.coordinator)
        caseload.command("retry")
        [again] = caseload.waiting()

        assert (again.record_id, again.attempt) == (second.record_id, 2)
        assert caseload.watch().state is BulkState.RUNNING


class TestRoleLost:
    """ROLE-5: whoever loses the role leads nothing from that transaction on."""

    @pytest.mark.parametrize("how", ["revoke", "deactivate"])
    def test_what_they_lead_pauses_at_once(
        self, clinic: Clinic, desk: Desk, caseload: Caseload, how: str
    ) -> None:
        other = _coordinator(clinic)
        caseload.launch()
        [item] = caseload.waiting()
        world = clinic.world
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'administrator')", id=world.coordinator
        )
        if how == "revoke":
            desk.revoke(world.administrator, world.coordinator, Role.COORDINATOR)
        else:
            desk.deactivate(world.administrator, world.coordinator)

        assert clinic.rows("SELECT state, paused_rule FROM bulks") == [("paused", "ROLE-5")]
        assert caseload.ask(item).denied == "BULK-4/paused"
        told = clinic.rows("SELECT member_id FROM outbox WHERE kind = 'bulk_paused'")
        assert {UUID(str(who)) for (who,) in told} == {world.coordinator, other}
        assert caseload.command("resume", by=other).state is BulkState.RUNNING

    def test_another_role_or_another_leader_pauses_nothing(
        self, clinic: Clinic, desk: Desk, caseload: Caseload
    ) -> None:
        other = _coordinator(clinic)
        caseload.launch()
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'practitioner')",
            id=clinic.world.coordinator,
        )
        desk.revoke(clinic.world.administrator, clinic.world.coordinator, Role.PRACTITIONER)
        desk.deactivate(clinic.world.administrator, other)

        assert caseload.watch().state is BulkState.RUNNING


class TestPlannedAhead:
    """BULK-2: a launch is planned before its transaction, and planned anew if what it stands on changed."""

    @pytest.mark.parametrize("what", ["restriction", "record", "transfer", "load"])
    def test_a_change_in_between_is_seen(
        self, clinic: Clinic, caseload: Caseload, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        other = clinic.colleague()
        if what == "load":
            # Nobody else's load decides who has the one record.
            with clinic.database.write() as session:
                build.record(session, other, [build.client(session, clinic.world.organization)])
        changes: dict[str, Callable[[], object]] = {
            "restriction": lambda: clinic.restrict(member_id=clinic.world.new_owner),
            "record": lambda: records(clinic, "D-1"),
            "transfer": clinic.ask,
            "load": lambda: _give(clinic, clinic.world.new_owner, 3),
        }
        whole, planned = caseload_reading.plan_ahead, 0

        def then_change(*given: Any) -> Any:  # noqa: ANN401
            nonlocal planned
            found = whole(*given)
            planned += 1
            if planned == 1:
                changes[what]()
            return found

        monkeypatch.setattr(caseload_reading, "plan_ahead", then_change)
        result = caseload.launch(to_ids=(clinic.world.new_owner, other))

        assert (planned, result.denied) == (2, None)
        expected = {"restriction": {"waiting": 1}, "record": {"waiting": 2}, "transfer": {"blocked": 1}}
        assert result.counts == expected.get(what, {"waiting": 1})
        if what in {"restriction", "load"}:
            assert [item.to_id for item in caseload.waiting()] == [other]

    def test_what_was_counted_is_not_counted_again(
        self, clinic: Clinic, caseload: Caseload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """BULK-6: the transaction that others wait for reads no item."""
        counting = []
        whole = caseload_reading._counts

        def counted(session: Session, *given: Any) -> Any:  # noqa: ANN401
            counting.append(session.get_bind())
            return whole(session, *given)

        monkeypatch.setattr(caseload_reading, "_counts", counted)
        caseload.launch()

        assert len(counting) == 1


class TestLists:
    def test_what_no_bulk_goes_by_is_swept(self, clinic: Clinic, caseload: Caseload) -> None:
        records(clinic, "D-1")
        world, kept, unused, fresh = clinic.world, uuid4(), uuid4(), uuid4()
        line = [Listed(line=1, record="D-1")]
        with clinic.database.write() as session:
            for list_id, at in ((kept, build.NOW), (unused, build.NOW), (fresh, clinic.now)):
                bulks.add_list(session, list_id, world.organization, world.coordinator, line, at)
        assert caseload.launch(list_id=kept).counts == {"waiting": 1}
        with clinic.database.write() as session:
            assert bulks.sweep_lists(session, build.NOW + timedelta(seconds=1)) == 1
            left = session.scalars(select(BulkList.id)).all()

        assert set(left) == {kept, fresh}

    def test_the_recipients_that_a_file_names_are_held(
        self, clinic: Clinic, caseload: Caseload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """BULK-1: as those that the launch names."""
        world, list_id = clinic.world, uuid4()
        clinic.change("UPDATE members SET email = 'new@clinic.example' WHERE id = :id", id=world.new_owner)
        clinic.change("UPDATE records SET number = 'D-7'")
        held: set[UUID] = set()
        whole = locks.lock_members

        def lock(session: Session, *shared: UUID, **more: Any) -> None:  # noqa: ANN401
            held.update(shared)
            whole(session, *shared, **more)

        monkeypatch.setattr(locks, "lock_members", lock)
        with clinic.database.write() as session:
            lines = [Listed(line=1, record="D-7", to="new@clinic.example")]
            bulks.add_list(session, list_id, world.organization, world.coordinator, lines, clinic.now)
        result = caseload.launch(to_ids=(), list_id=list_id, list_names_recipients=True)

        assert (result.counts, world.new_owner in held) == ({"waiting": 1}, True)


class TestWhoseRecords:
    def test_a_record_that_has_moved_on_is_left_where_it_is(self, clinic: Clinic, caseload: Caseload) -> None:
        """BULK-1: a bulk transfers the records of one practitioner, not of who has them by now."""
        caseload.launch()
        [item] = caseload.waiting()
        other = clinic.colleague()
        clinic.hand_over(to=other)

        assert caseload.ask(item).denied == "BULK-3/not_held"
        assert clinic.rows("SELECT count(*) FROM transfers WHERE bulk_id IS NOT NULL") == [(0,)]

    def test_whoever_launched_it_receives_nothing_by_it(self, clinic: Clinic, caseload: Caseload) -> None:
        """ELIG-9: not even when somebody else leads it by then, whatever policy allows."""
        world, other = clinic.world, _coordinator(clinic)
        caseload.launch(to_ids=(world.new_owner,))
        [item] = caseload.waiting()
        clinic.change("UPDATE bulk_items SET to_id = :id", id=world.coordinator)
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'practitioner')", id=world.coordinator
        )
        caseload.command("pause")
        caseload.command("resume", by=other)

        assert caseload.ask(item, by=other, to=world.coordinator).denied == "ELIG-9"


class TestAnswers:
    def give(self, clinic: Clinic, caseload: Caseload, answer: Answer, **more: Any) -> str | None:  # noqa: ANN401
        fields: dict[str, Any] = {
            "answer_id": uuid4(),
            "bulk_id": caseload.bulk_id,
            "actor_id": clinic.world.new_owner,
            "answer": answer,
        }
        given = GiveAnswer(**(fields | more))
        return BulkAnswers(clinic.database, "", in_flight=1).give(StepInput(what=given, at=clinic.now)).denied

    def test_only_whom_it_has_asked_answers(self, clinic: Clinic, caseload: Caseload) -> None:
        """BULK-5, VIS-11."""
        caseload.launch()
        assert self.give(clinic, caseload, Answer.ACCEPT) == "VIS-11/bulk"
        caseload.ask(caseload.waiting()[0])

        assert self.give(clinic, caseload, Answer.ACCEPT) is None
        assert self.give(clinic, caseload, Answer.ACCEPT, actor_id=clinic.world.coordinator) == "VIS-11/bulk"

    def test_a_refusal_needs_a_reason_of_ones_own(self, clinic: Clinic, caseload: Caseload) -> None:
        """ST-2."""
        caseload.launch()
        caseload.ask(caseload.waiting()[0])
        foreign = clinic.text(clinic.world.owner, TextKind.REASON)

        assert self.give(clinic, caseload, Answer.REFUSE) == "ST-2"
        assert self.give(clinic, caseload, Answer.REFUSE, reason_id=foreign) == "bad_input/unknown_text"


def _give(clinic: Clinic, who: UUID, many: int) -> None:
    with clinic.database.write() as session:
        for _ in range(many):
            build.record(session, who, [build.client(session, clinic.world.organization)])


def _coordinator(clinic: Clinic) -> UUID:
    with clinic.database.write() as session:
        return build.member(session, clinic.world.organization, Role.COORDINATOR)
