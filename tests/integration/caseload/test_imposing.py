"""A bulk that imposes, or reassigns what is open: what is done is what its preview shows (OVR-1, OVR-3)."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.exceptions import ApplicationError

from engine.activities.bulk_answers import BulkAnswers
from engine.audit import receipt
from engine.desk.desk import Desk
from engine.errors import Denied
from engine.messages.bulk import BulkResult
from engine.messages.bulk_answer import GiveAnswer
from engine.messages.transfer import StepInput, StepResult
from engine.records import bulk_answers, bulks
from engine.records.bulks import Waiting
from engine.records.tables.base import TextKind
from engine.states.bulk import Answer, BulkState
from engine.states.choices import Options, Role
from tests import build
from tests.integration.caseload.looking import look, records
from tests.integration.caseload.running import Caseload
from tests.integration.handover.clinic import EVERYTHING, Clinic
from tests.integration.handover.losing import bring_back, lose_content


def impose(caseload: Caseload, **more: Any) -> BulkResult:  # noqa: ANN401
    """Launch a bulk that imposes, with a reason."""
    return caseload.launch(impose=True, reason_id=caseload.reason, **more)


def stuck(clinic: Clinic, caseload: Caseload) -> tuple[Waiting, dict[str, Any]]:
    """Impose a record whose bytes are missing; give it, and what brings them back."""
    full = clinic.full_record()
    impose(caseload, options=EVERYTHING)
    item = next(found for found in caseload.waiting() if found.record_id == full.record)
    lost = lose_content(clinic, full.holding)
    for _ in range(2):
        with pytest.raises(ApplicationError) as told:
            again(caseload, item)
        assert told.value.type == "ST-5"
    return item, lost


def again(caseload: Caseload, item: Waiting) -> StepResult:
    """Run the step once more, as the workflow does."""
    return caseload.ask(item, impose=True, reason_id=caseload.reason, options=EVERYTHING)


def open_of(clinic: Clinic, caseload: Caseload) -> list[UUID]:
    """Give what stopping a caseload would cancel."""
    with clinic.database.read() as session:
        return list(bulks.open_of_bulk(session, caseload.bulk_id))


def ask_all(caseload: Caseload) -> list[str | None]:
    """Run what a page runs, and say what stopped each."""
    how = {"impose": True, "reason_id": caseload.reason}
    return [caseload.ask(item, **how).denied for item in caseload.waiting()]


class TestImposing:
    def test_each_record_is_handed_over_at_once_and_shows_as_imposed(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """OVR-1, MOVE-2: nobody is asked, nothing is disguised as an acceptance; three lines, two sides."""
        world = clinic.world
        records(clinic, "D-1")
        impose(caseload)
        first, second = caseload.waiting()

        assert ask_all(caseload) == [None, None]
        assert (caseload.watch().state, caseload.counts()) == (BulkState.FINISHED, {"accepted": 2})
        for item in (first, second):
            assert clinic.live(item.record_id)[1] == world.new_owner
            assert clinic.column(item.transfer_id, "imposed")
            assert [line[0] for line in clinic.lines(item.transfer_id)] == [
                "transfer.open",
                "transfer.override",
                "transfer.impose",
                "record.handed_over",
                "record.handed_over",
            ]
            assert clinic.told(item.transfer_id) == sorted(
                [("imposed", world.owner), ("imposed", world.new_owner)], key=str
            )

    def test_the_same_request_again_hands_nothing_over_twice(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """MOVE-3: idempotent by bulk and record."""
        impose(caseload)
        [item] = caseload.waiting()
        how = {"impose": True, "reason_id": caseload.reason}
        before = caseload.ask(item, **how)
        lines = clinic.lines(item.transfer_id)

        assert caseload.ask(item, **how) == before
        assert clinic.lines(item.transfer_id) == lines

    @pytest.mark.parametrize("how", [{"impose": True}, {"reassign_open": True}])
    def test_a_reason_is_required(self, caseload: Caseload, how: dict[str, bool]) -> None:
        """ST-2."""
        assert caseload.launch(**how).denied == "ST-2"

    def test_policy_may_forbid_it(self, clinic: Clinic, desk: Desk, caseload: Caseload) -> None:
        """OVR-1: for the preview as for the launch."""
        clinic.change("UPDATE policies SET impose_allowed = false")

        assert impose(caseload).denied == "ST-T/impose/policy"
        with pytest.raises(Denied, match="ST-T/impose/policy"):
            look(clinic, desk, impose=True)

    def test_policy_that_forbids_it_meanwhile_stops_what_is_left(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """OVR-2: as the policy stands at the hand-over; the record stays, and nobody was asked."""
        impose(caseload)
        [item] = caseload.waiting()
        clinic.change("UPDATE policies SET impose_allowed = false")

        assert ask_all(caseload) == ["ST-T/impose/policy"]
        assert (caseload.counts(), clinic.live(item.record_id)[1]) == ({"blocked": 1}, clinic.world.owner)

    def test_a_restricted_recipient_is_a_blocked_line(self, clinic: Clinic, caseload: Caseload) -> None:
        """ELIG-4."""
        clinic.restrict(member_id=clinic.world.new_owner)

        assert impose(caseload).counts == {"blocked": 1}

    def test_a_confidential_record_is_not_imposed_while_its_owner_is_there(
        self, clinic: Clinic, desk: Desk, caseload: Caseload
    ) -> None:
        """ELIG-6."""
        [hidden] = records(clinic, "D-1", confidential=True)
        wanted = {"include_confidential_records": True, "impose": True}
        blocked = {line.record_id: line.blocked for line in look(clinic, desk, **wanted).lines}
        assert blocked == {clinic.world.record: None, hidden: "ELIG-6/impose"}
        clinic.change("UPDATE members SET active = false WHERE id = :id", id=clinic.world.owner)
        impose(caseload, include_confidential_records=True)

        assert ask_all(caseload) == [None, None]
        assert clinic.live(hidden)[1] == clinic.world.new_owner

    def test_nobody_imposes_by_a_request_of_their_own(self, clinic: Clinic) -> None:
        """OVR-1, BULK-3: only what a bulk imposes goes without an answer."""
        reason = clinic.text(clinic.world.coordinator, TextKind.REASON)
        request = clinic.request(by=clinic.world.coordinator, impose=True, reason_id=reason)

        assert clinic.open(request).denied == "BULK-3/not_in_bulk"
        assert clinic.live(clinic.world.record)[1] == clinic.world.owner

    @pytest.mark.parametrize("told", [{"impose": False}, {"insist": True}, {"reason_id": None}])
    def test_a_request_says_what_its_bulk_says(
        self, clinic: Clinic, caseload: Caseload, told: dict[str, Any]
    ) -> None:
        """BULK-3."""
        impose(caseload)
        [item] = caseload.waiting()

        how = {"impose": True, "reason_id": caseload.reason} | told
        assert caseload.ask(item, **how).denied == "BULK-3/not_in_bulk"
        assert clinic.rows("SELECT count(*) FROM transfers") == [(0,)]

    def test_a_missing_byte_is_shown_and_the_hand_over_tried_again(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """ST-5: it stays where it was, is shown as stuck, and is handed over once it can be."""
        item, lost = stuck(clinic, caseload)
        seen = clinic.view(clinic.world.coordinator, item.transfer_id)
        assert (seen.state, seen.stuck_cause) == ("requested", "missing_content")
        assert caseload.counts() == {"requested": 1, "waiting": 1}
        assert [line[0] for line in clinic.lines(item.transfer_id)] == ["transfer.open", "transfer.stuck"]
        bring_back(clinic, lost)

        assert again(caseload, item).state == "accepted"
        assert clinic.column(item.transfer_id, "stuck_cause") is None

    def test_what_is_kept_and_a_rule_stops_by_then_has_failed(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """OVR-2, ST-T/reject: the record is free again, and the bulk says the rule."""
        item, lost = stuck(clinic, caseload)
        bring_back(clinic, lost)
        clinic.restrict(member_id=clinic.world.new_owner)

        result = again(caseload, item)
        assert (result.state, result.denied) == ("failed", "ELIG-4")
        assert caseload.counts() == {"blocked": 1, "waiting": 1}

    def test_what_is_kept_is_not_imposed_once_its_bulk_was_stopped(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """BULK-4: a bulk that was stopped hands nothing over, whatever was under way."""
        item, lost = stuck(clinic, caseload)
        caseload.command("stop")
        bring_back(clinic, lost)

        result = again(caseload, item)
        assert (result.state, result.denied) == ("failed", "BULK-4/stopped")
        assert clinic.live(item.record_id)[1] == clinic.world.owner

    def test_what_is_kept_can_be_cancelled(self, clinic: Clinic, caseload: Caseload) -> None:
        """ST-5, ST-1: nobody was asked, and nobody but the asker is told."""
        item, lost = stuck(clinic, caseload)
        assert clinic.cancel(item.transfer_id).state == "cancelled"
        bring_back(clinic, lost)

        assert again(caseload, item).state == "cancelled"
        assert clinic.live(item.record_id)[1] == clinic.world.owner
        assert clinic.told(item.transfer_id) == [("cancelled", clinic.world.coordinator)]

    def test_its_receipt_says_so(self, clinic: Clinic, caseload: Caseload) -> None:
        """AUD-4."""
        impose(caseload)
        [item] = caseload.waiting()
        ask_all(caseload)

        assert receipt.waiting_by_organization(clinic.database) == {clinic.world.organization: 1}
        assert clinic.view(clinic.world.owner, item.transfer_id).imposed_by


class TestReassigning:
    def test_what_the_preview_says_is_done(self, clinic: Clinic, desk: Desk, caseload: Caseload) -> None:
        """OVR-3, BULK-2: by the transfer that is open, with its own options; the others are asked for."""
        other = clinic.colleague()
        records(clinic, "D-1")
        mine = clinic.ask(options=Options(include_confidential=True))
        seen = look(clinic, desk, other, reassign_open=True)
        result = caseload.launch(
            to_ids=(other,), reassign_open=True, reason_id=caseload.reason, fingerprint=seen.fingerprint
        )
        assert result.counts == {"waiting": 2}
        reassigned = {line.record_id for line in seen.lines if line.reassigns}
        for item in caseload.waiting():
            assert (item.reassigns is not None) == (item.record_id in reassigned)
            done = caseload.step_in(item, "reassign") if item.reassigns else caseload.ask(item, to=other)
            assert (done.denied, done.state, done.to_id, done.bulk_id) == (
                None,
                "pending_acceptance",
                other,
                caseload.bulk_id,
            )

        assert (caseload.counts(), caseload.waiting()) == ({"pending_acceptance": 2}, [])
        assert clinic.view(clinic.world.coordinator, mine).options == Options(include_confidential=True)
        assert clinic.accept(mine, by=other).state == "accepted"
        assert caseload.counts() == {"accepted": 1, "pending_acceptance": 1}

    def test_it_is_done_once_however_often_it_is_sent(self, clinic: Clinic, caseload: Caseload) -> None:
        """MOVE-3."""
        other = clinic.colleague()
        mine = clinic.ask()
        caseload.launch(to_ids=(other,), reassign_open=True, reason_id=caseload.reason)
        [item] = caseload.waiting()
        caseload.step_in(item, "reassign")
        lines = clinic.lines(mine)

        assert caseload.step_in(item, "reassign").denied is None
        assert clinic.lines(mine) == lines

    def test_what_another_caseload_took_over_is_no_longer_the_first_one_s(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """OVR-3, BULK-4: stopping the first one cancels nothing of the second."""
        caseload.launch()
        [item] = caseload.waiting()
        caseload.ask(item)
        assert open_of(clinic, caseload) == [item.transfer_id]

        second, other = Caseload(clinic), clinic.colleague()
        second.launch(to_ids=(other,), reassign_open=True, reason_id=second.reason)
        [taken] = second.waiting()
        assert second.step_in(taken, "reassign").denied is None

        assert (open_of(clinic, caseload), open_of(clinic, second)) == ([], [item.transfer_id])

    def test_imposed_what_is_open_goes_to_whom_the_plan_says(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """OVR-1, OVR-3."""
        other = clinic.colleague()
        mine = clinic.ask()
        impose(caseload, to_ids=(other,), reassign_open=True)
        [item] = caseload.waiting()

        assert caseload.step_in(item, "impose").state == "accepted"
        assert (clinic.live(clinic.world.record)[1], clinic.column(mine, "imposed")) == (other, True)
        assert caseload.watch().state is BulkState.FINISHED

    def test_imposed_on_who_is_asked_already(self, clinic: Clinic, desk: Desk, caseload: Caseload) -> None:
        """OVR-1: not asked again, but handed over."""
        clinic.ask()
        assert [line.blocked for line in look(clinic, desk, reassign_open=True, impose=True).lines] == [None]
        impose(caseload, reassign_open=True)
        [item] = caseload.waiting()

        assert caseload.step_in(item, "impose").state == "accepted"

    def test_without_it_what_is_open_is_left_alone(self, clinic: Clinic, caseload: Caseload) -> None:
        """OVR-3."""
        clinic.ask()

        assert impose(caseload).counts == {"blocked": 1}

    @pytest.mark.parametrize("other", ["command_id", "to", "by", "reason_id", "step", "insist"])
    def test_anything_else_is_denied(self, clinic: Clinic, caseload: Caseload, other: str) -> None:
        """BULK-3: nobody steps in by the name of a bulk."""
        to = clinic.colleague()
        mine = clinic.ask()
        caseload.launch(to_ids=(to,), reassign_open=True, reason_id=caseload.reason)
        [item] = caseload.waiting()
        with clinic.database.write() as session:
            coordinator = build.member(session, clinic.world.organization, Role.COORDINATOR)
        differs: dict[str, Any] = {
            "command_id": uuid4(),
            "by": coordinator,
            "reason_id": clinic.text(clinic.world.coordinator, TextKind.REASON),
            "insist": True,
        }
        if other == "to":
            item = replace(item, to_id=clinic.colleague())
        step = "impose" if other == "step" else "reassign"
        result = caseload.step_in(item, step, **{k: v for k, v in differs.items() if k == other})

        assert result.denied == "BULK-3/not_in_bulk"
        assert clinic.view(clinic.world.coordinator, mine).state == "pending_acceptance"
        assert caseload.counts() == {"waiting": 1}

    def test_a_paused_bulk_reassigns_nothing(self, clinic: Clinic, caseload: Caseload) -> None:
        """BULK-4."""
        to = clinic.colleague()
        clinic.ask()
        caseload.launch(to_ids=(to,), reassign_open=True, reason_id=caseload.reason)
        [item] = caseload.waiting()
        caseload.command("pause")

        assert caseload.step_in(item, "reassign").denied == "BULK-4/paused"

    def test_what_ended_meanwhile_is_asked_for_by_a_retry(self, clinic: Clinic, caseload: Caseload) -> None:
        """BULK-4."""
        to = clinic.colleague()
        mine = clinic.ask()
        caseload.launch(to_ids=(to,), reassign_open=True, reason_id=caseload.reason)
        [item] = caseload.waiting()
        clinic.cancel(mine)
        assert caseload.step_in(item, "reassign").denied == "ST-T/reassign/from_cancelled"
        clinic.change("UPDATE bulk_items SET rule = 'ST-T/reassign/from_cancelled'")
        caseload.command("retry")
        [again] = caseload.waiting()

        assert (again.reassigns, again.attempt) == (None, 2)
        assert caseload.ask(again, to=to).state == "pending_acceptance"

    def test_what_was_opened_meanwhile_is_reassigned_by_a_retry(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """BULK-4, OVR-3."""
        to = clinic.colleague()
        caseload.launch(to_ids=(to,), reassign_open=True, reason_id=caseload.reason)
        [item] = caseload.waiting()
        mine = clinic.ask()
        assert caseload.ask(item, to=to).denied == "ELIG-1/open_transfer"
        caseload.command("retry")
        [again] = caseload.waiting()

        assert again.reassigns == mine
        assert caseload.step_in(again, "reassign").to_id == to

    def test_the_recipients_gesture_binds_it_until_somebody_reassigns_it(
        self, clinic: Clinic, caseload: Caseload
    ) -> None:
        """BULK-5."""
        to = clinic.colleague()
        mine = clinic.ask()
        caseload.launch(to_ids=(to,), reassign_open=True, reason_id=caseload.reason)
        [item] = caseload.waiting()
        caseload.step_in(item, "reassign")
        answer_id = _answer(clinic, caseload, to)
        assert _bound(clinic, answer_id) == [mine]
        clinic.reassign(mine, clinic.world.new_owner)
        clinic.reassign(mine, to)

        assert _bound(clinic, answer_id) == []

    def test_the_fingerprint_names_what_is_reassigned(self, clinic: Clinic, desk: Desk) -> None:
        """BULK-2: a transfer that is over by the launch is none to reassign."""
        to = clinic.colleague()
        mine = clinic.ask()
        seen = look(clinic, desk, to, reassign_open=True)
        clinic.cancel(mine)

        assert look(clinic, desk, to, reassign_open=True).fingerprint != seen.fingerprint


def _answer(clinic: Clinic, caseload: Caseload, who: UUID) -> UUID:
    given = GiveAnswer(answer_id=uuid4(), bulk_id=caseload.bulk_id, actor_id=who, answer=Answer.ACCEPT)
    answers = BulkAnswers(clinic.database, "", in_flight=1)
    assert answers.give(StepInput(what=given, at=clinic.now)).denied is None
    return given.answer_id


def _bound(clinic: Clinic, answer_id: UUID) -> list[UUID]:
    with clinic.database.read() as session:
        return [found.transfer_id for found in bulk_answers.bound(session, answer_id, after=-1, limit=9)]
