"""A coordinator steps in: somebody else is asked, it is imposed, cancelled, or given more time."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.records.tables.base import TextKind
from engine.states.choices import Options, RawDataChoice, Role
from tests import build
from tests.integration.handover.clinic import EVERYTHING, Clinic


def _deactivate(clinic: Clinic, member: UUID) -> None:
    clinic.change("UPDATE members SET active = false WHERE id = :id", id=member)


def _second_coordinator(clinic: Clinic) -> UUID:
    with clinic.database.write() as session:
        return build.member(session, clinic.world.organization, Role.COORDINATOR)


def _policy(clinic: Clinic, **choices: bool) -> None:
    Desk(clinic.database).set_policy(clinic.world.administrator, **choices)  # type: ignore[arg-type]


def _edges(clinic: Clinic, transfer: UUID) -> list[tuple[str, str, str]]:
    rows = clinic.rows(
        "SELECT action, state_from, state_to FROM events WHERE transfer_id = :t AND outcome = 'allowed'"
        " AND side IS NULL ORDER BY seq",
        t=transfer,
    )
    return [(action, source, target) for action, source, target in rows]


class TestReassign:
    def test_ovr_1_a_pending_one_is_overridden_and_asked_of_somebody_else(self, clinic: Clinic) -> None:
        """OVR-1, ST-T/override, ST-T/reassign, ST-3, NOTE-1: two lines, one command, a new deadline."""
        third, transfer = clinic.colleague(), clinic.ask()
        clinic.remind(transfer, after=timedelta(days=4))
        asked_before = clinic.column(transfer, "respond_by")
        clinic.now += timedelta(days=5)

        result = clinic.reassign(transfer, third)

        assert (result.state, result.to_id, result.denied) == ("pending_acceptance", third, None)
        assert _edges(clinic, transfer)[2:] == [
            ("transfer.override", "pending_acceptance", "coordinator_override"),
            ("transfer.reassign", "coordinator_override", "pending_acceptance"),
        ]
        assert clinic.column(transfer, "respond_by") > asked_before
        assert clinic.column(transfer, "reminders_sent") == 0
        assert result.next_reminder_at is not None
        assert result.next_reminder_at > clinic.now
        told = clinic.told(transfer)
        assert ("asked", third) in told
        assert ("cancelled", clinic.world.new_owner) in told
        assert ("reassigned", clinic.world.owner) in told
        assert clinic.accept(transfer, by=third).state == "accepted"
        assert clinic.live(clinic.world.record)[1] == third

    def test_vis_12_the_replaced_one_sees_that_they_were_asked_and_when(self, clinic: Clinic) -> None:
        """VIS-12, VIS-11: nothing else, then and later; and they answer no more."""
        third, transfer = clinic.colleague(), clinic.ask()
        asked = clinic.view(clinic.world.new_owner, transfer).asked_at
        clinic.reassign(transfer, third)
        replaced = clinic.view(clinic.world.new_owner, transfer)

        assert replaced.model_dump(exclude_none=True, exclude={"items"}) == {
            "id": transfer,
            "state": "cancelled",
            "must_act": "nobody",
            "version": 0,
            "asked_at": asked,
        }
        assert replaced.items == []
        assert clinic.accept(transfer, by=clinic.world.new_owner).denied == "ST-T/accept/no_longer"
        assert clinic.refuse(transfer, by=clinic.world.new_owner).denied == "ST-T/refuse/no_longer"
        clinic.accept(transfer, by=third)
        assert clinic.view(clinic.world.new_owner, transfer) == replaced
        listed = Desk(clinic.database).transfers(clinic.world.new_owner)
        assert [view.state for view in listed.transfers] == ["cancelled"]

    def test_vis_12_who_refused_sees_when_they_did_after_another_was_asked(self, clinic: Clinic) -> None:
        """VIS-12, ST-2: their reason is not the next one's to read."""
        third, transfer = clinic.colleague(), clinic.ask(by=clinic.world.coordinator)
        clinic.refuse(transfer)
        refused = clinic.view(clinic.world.new_owner, transfer)
        clinic.reassign(transfer, third)

        assert clinic.view(clinic.world.new_owner, transfer) == refused
        assert refused.state == "refused"
        next_one = clinic.view(third, transfer)
        assert (next_one.reason, next_one.options, next_one.message) == (None, None, None)
        assert next_one.reassigned_by is not None
        assert clinic.view(clinic.world.owner, transfer).reason == "Une raison à taire"

    def test_ovr_1_who_refused_before_may_be_asked_again(self, clinic: Clinic) -> None:
        """OVR-1: and answers as if for the first time."""
        transfer = clinic.ask(by=clinic.world.coordinator)
        clinic.refuse(transfer)

        assert clinic.reassign(transfer, clinic.world.new_owner).state == "pending_acceptance"
        assert clinic.view(clinic.world.new_owner, transfer).must_act == "new_owner"
        assert clinic.accept(transfer).state == "accepted"

    def test_move_3_the_same_person_again(self, clinic: Clinic) -> None:
        """MOVE-3: by the same coordinator a repetition, by another one denied."""
        third, transfer, command = clinic.colleague(), clinic.ask(), uuid4()
        assert clinic.reassign(transfer, clinic.world.new_owner).denied == "ST-T/reassign/already_asked"
        clinic.reassign(transfer, third, command_id=command)
        version = clinic.column(transfer, "version")

        assert clinic.reassign(transfer, third).denied is None
        assert clinic.reassign(transfer, third, command_id=command).denied is None
        assert clinic.reassign(transfer, third, by=_second_coordinator(clinic)).denied == (
            "ST-T/reassign/already_asked"
        )
        assert clinic.column(transfer, "version") == version
        assert clinic.reassign(transfer, clinic.world.new_owner, seen_version=1).denied == "MOVE-3/changed"

    def test_a_refusal_after_a_reassignment_goes_back_to_an_owner_who_asked(self, clinic: Clinic) -> None:
        """ST-T/refuse, ST-T/expire: returnable is who asked for the transfer, whoever was asked since."""
        third, transfer = clinic.colleague(), clinic.ask()
        clinic.reassign(transfer, third)

        assert clinic.refuse(transfer, by=third).state == "refused"

    def test_st_3_the_first_deadline_no_longer_counts(self, clinic: Clinic) -> None:
        """ST-3: reassignment fixes a new one, and reminders start anew."""
        transfer = clinic.ask(by=clinic.world.coordinator)
        clinic.expire(transfer)
        clinic.now += timedelta(days=15)
        clinic.reassign(transfer, clinic.colleague())

        assert clinic.expire(transfer, after=timedelta(days=13)).state == "pending_acceptance"
        assert clinic.remind(transfer, after=timedelta(days=4)).denied is None
        assert clinic.column(transfer, "reminders_sent") == 1
        assert clinic.expire(transfer).state == "coordinator_override"

    @pytest.mark.parametrize(
        "what", ["restricted", "inactive", "not_practitioner", "same", "unknown", "busy"]
    )
    def test_rules_pass_for_the_new_one(self, clinic: Clinic, what: str) -> None:
        """ST-T/reassign, ELIG-3, ELIG-4: or nothing changes."""
        transfer = clinic.ask()
        match what:
            case "restricted":
                third, rule = clinic.colleague(), "ELIG-4"
                clinic.restrict(member_id=third)
            case "inactive":
                third, rule = clinic.colleague(active=False), "ELIG-3/inactive"
            case "administrator":
                third, rule = clinic.world.administrator, "ELIG-3/not_practitioner"
            case "same":
                third, rule = clinic.world.owner, "ELIG-3/same"
            case "busy":
                third, rule = clinic.colleague(accepts_records=False), "ELIG-3/insist"
            case _:
                third, rule = uuid4(), "ELIG-3/unknown"

        assert clinic.reassign(transfer, third).denied == rule
        assert clinic.column(transfer, "to_id") == str(clinic.world.new_owner)
        assert clinic.accept(transfer).state == "accepted"

    def test_elig_3_a_coordinator_insists(self, clinic: Clinic) -> None:
        """ELIG-3: where a practitioner may not; at a request and at a reassignment."""
        busy = clinic.colleague(accepts_records=False)
        by_owner = clinic.open(clinic.request(to=busy, insist=True))
        assert by_owner.denied == "ELIG-3/not_accepting"
        warned = clinic.open(clinic.request(to=busy, by=clinic.world.coordinator))
        assert warned.denied == "ELIG-3/insist"
        asked = clinic.ask(to=busy, by=clinic.world.coordinator, insist=True)
        clinic.cancel(asked)

        transfer = clinic.ask()

        assert clinic.reassign(transfer, busy, insist=True).to_id == busy

    def test_elig_5_raw_data_are_withheld_if_that_is_chosen_and_never_widened(self, clinic: Clinic) -> None:
        """ELIG-5, MOVE-8: denied otherwise; what a rule withholds is kept in a copy."""
        full, third = clinic.full_record(), clinic.colleague(title="Conseillère")
        options = Options(raw_data=RawDataChoice.INCLUDE, keep_copy=False)
        transfer = clinic.ask(record_id=full.record, options=options)

        assert clinic.reassign(transfer, third).denied == "ELIG-5"
        assert clinic.reassign(transfer, third, withhold_raw_data=True).denied is None
        assert clinic.column(transfer, "raw_data") == "if_allowed"
        clinic.accept(transfer, by=third)
        assert clinic.rows("SELECT state FROM holdings WHERE id = :id", id=full.holding) == [("archived",)]

    def test_elig_8_a_basis_that_names_a_person_is_asked_for_again(self, clinic: Clinic) -> None:
        """ELIG-8: unless it stands for anybody; the first one is kept with the first asking."""
        clinic.change("UPDATE policies SET basis_required = true")
        basis = clinic.text(clinic.world.owner, TextKind.BASIS)
        third, transfer = clinic.colleague(), clinic.ask(basis_id=basis)

        assert clinic.reassign(transfer, third).denied == "ELIG-8/again"
        stated = clinic.text(clinic.world.coordinator, TextKind.BASIS)
        assert clinic.reassign(transfer, third, basis_id=stated).denied is None
        assert clinic.column(transfer, "basis_id") == str(stated)
        assert clinic.rows("SELECT basis_id FROM askings") == [(str(basis),)]
        clinic.change("UPDATE texts SET basis_for_anybody = true WHERE id = :id", id=stated)
        assert clinic.reassign(transfer, clinic.world.new_owner).denied is None
        assert clinic.accept(transfer).state == "accepted"

    def test_move_9_the_message_stays_the_askers(self, clinic: Clinic) -> None:
        """MOVE-9: the new one reads it on acceptance, as the first one would have."""
        message = clinic.text(clinic.world.owner, TextKind.MESSAGE, "Bonne suite")
        third, transfer = clinic.colleague(), clinic.ask(message_id=message)
        clinic.reassign(transfer, third)
        assert clinic.view(third, transfer).message is None

        clinic.accept(transfer, by=third)

        assert clinic.view(third, transfer).message == "Bonne suite"

    def test_move_3_the_request_sent_again_is_still_that_request(self, clinic: Clinic) -> None:
        """MOVE-3: whoever is asked since."""
        request = clinic.request()
        clinic.open(request)
        clinic.reassign(request.transfer_id, clinic.colleague())

        assert clinic.open(request).denied is None


class TestWhoStepsIn:
    @pytest.mark.parametrize("who", ["owner", "new_owner", "administrator", "stranger"])
    @pytest.mark.parametrize("how", ["reassign", "impose", "extend"])
    def test_role_3_a_coordinator_and_nobody_else(self, clinic: Clinic, who: str, how: str) -> None:
        """ROLE-3, ROLE-4, VIS-11: parties are told the rule, others that there is nothing."""
        transfer, third = clinic.ask(), clinic.colleague()
        actor = clinic.colleague() if who == "stranger" else getattr(clinic.world, who)
        given = timedelta(days=40) if how == "extend" else third

        denied = getattr(clinic, how)(transfer, given, by=actor).denied

        rule = "ST-3" if how == "extend" else f"ST-T/{how}"
        known = who in {"owner", "new_owner"}
        assert denied == (f"{rule}/not_coordinator" if known else "VIS-11/transfer")
        assert clinic.column(transfer, "version") == 1

    def test_role_5_the_role_is_asked_in_the_transaction(self, clinic: Clinic) -> None:
        """ROLE-5: who has lost it stops at once; what they did stays."""
        transfer, third = clinic.ask(), clinic.colleague()
        clinic.reassign(transfer, third)
        clinic.change("DELETE FROM member_roles WHERE member_id = :id", id=clinic.world.coordinator)

        assert clinic.impose(transfer).denied == "VIS-11/transfer"
        assert clinic.accept(transfer, by=third).state == "accepted"

    @pytest.mark.parametrize("how", ["reassign", "impose"])
    def test_elig_9_never_to_oneself(self, clinic: Clinic, how: str) -> None:
        """ELIG-9: not by the one who steps in, nor back to one who asked or chose somebody before."""
        coordinator = _second_coordinator(clinic)
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'practitioner')", id=coordinator
        )
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'practitioner')",
            id=clinic.world.coordinator,
        )
        transfer = clinic.ask(by=coordinator)

        assert getattr(clinic, how)(transfer, coordinator).denied == "ELIG-9"
        assert getattr(clinic, how)(transfer, clinic.world.coordinator).denied == "ELIG-9"
        clinic.reassign(transfer, clinic.colleague())
        assert getattr(clinic, how)(transfer, clinic.world.coordinator, by=coordinator).denied == "ELIG-9"

    @pytest.mark.parametrize("how", ["reassign", "impose"])
    def test_elig_9_policy_allows_it_where_nobody_else_could(self, clinic: Clinic, how: str) -> None:
        """ELIG-9: told to every administrator and to the previous owner."""
        coordinator = clinic.world.coordinator
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'practitioner')", id=coordinator
        )
        transfer = clinic.ask()
        _policy(clinic, coordinator_may_receive=True)
        assert getattr(clinic, how)(transfer, coordinator).denied == "ELIG-9/others"
        clinic.restrict(member_id=clinic.world.new_owner)

        assert getattr(clinic, how)(transfer, coordinator).denied is None

        told = clinic.told(transfer)
        for member in (clinic.world.administrator, clinic.world.owner):
            assert ("coordinator_receives", member) in told

    def test_elig_9_a_coordinator_asks_for_themself_where_nobody_else_could(self, clinic: Clinic) -> None:
        """ELIG-9, ST-2: by policy, with a reason, told to every administrator and to the previous owner."""
        coordinator = clinic.world.coordinator
        clinic.change(
            "INSERT INTO member_roles (member_id, role) VALUES (:id, 'practitioner')", id=coordinator
        )

        def asked(**more: Any) -> str | None:  # noqa: ANN401
            return clinic.open(clinic.request(by=coordinator, to=coordinator, **more)).denied

        assert asked() == "ELIG-9"
        _policy(clinic, coordinator_may_receive=True)
        assert asked() == "ELIG-9/others"
        clinic.restrict(member_id=clinic.world.new_owner)
        assert asked() == "ST-2"

        request = clinic.request(
            by=coordinator, to=coordinator, reason_id=clinic.text(coordinator, TextKind.REASON)
        )
        assert clinic.open(request).denied is None
        told = clinic.told(request.transfer_id)
        for member in (clinic.world.administrator, clinic.world.owner):
            assert ("coordinator_receives", member) in told
        assert clinic.accept(request.transfer_id, by=coordinator).state == "accepted"


class TestImpose:
    @pytest.mark.parametrize("waits", [False, True])
    @pytest.mark.parametrize("another", [False, True])
    def test_ovr_1_the_record_changes_hands_and_says_by_whom(
        self, clinic: Clinic, waits: bool, another: bool
    ) -> None:
        """OVR-1, ST-T/impose, AUD-1, AUD-4, NOTE-1, NOTE-2: in one transaction, never as an acceptance."""
        full, by = clinic.full_record(), _second_coordinator(clinic)
        transfer = clinic.ask(by=clinic.world.coordinator, record_id=full.record, options=EVERYTHING)
        if waits:
            clinic.refuse(transfer)
        to = clinic.colleague() if another else clinic.world.new_owner

        result = clinic.impose(transfer, to if another else None, by=by)

        assert (result.state, result.to_id) == ("accepted", to)
        assert clinic.live(full.record)[1] == to
        override = [("transfer.override", "pending_acceptance", "coordinator_override")]
        assert _edges(clinic, transfer)[-2 + waits :] == [
            *([] if waits else override),
            ("transfer.impose", "coordinator_override", "accepted"),
        ]
        view = clinic.view(to, transfer)
        assert (view.state, view.imposed_by, view.decided_at is not None) == (
            "accepted",
            clinic.view(by, transfer).imposed_by,
            True,
        )
        assert view.imposed_by is not None
        told = clinic.told(transfer)
        for member in (clinic.world.owner, to, clinic.world.coordinator):
            assert ("imposed", member) in told
        assert [kind for kind, _ in told].count("appointment_cancelled") == 1
        assert (("cancelled", clinic.world.new_owner) in told) == (another and not waits)
        assert clinic.rows("SELECT role FROM events WHERE action = 'record.handed_over'") == [
            ("coordinator",),
            ("coordinator",),
        ]

    def test_ovr_1_policy_may_forbid_it(self, clinic: Clinic) -> None:
        """OVR-1, ST-T/impose."""
        transfer = clinic.ask()
        _policy(clinic, impose_allowed=False)

        assert clinic.impose(transfer).denied == "ST-T/impose/policy"
        assert clinic.column(transfer, "state") == "pending_acceptance"

    def test_st_2_a_reason_is_the_coordinators_own_text(self, clinic: Clinic) -> None:
        """ST-2: of that kind; otherwise nothing changes."""
        transfer = clinic.ask()
        foreign = clinic.text(clinic.world.owner, TextKind.REASON)

        assert clinic.impose(transfer, reason_id=foreign).denied == "bad_input/unknown_text"
        assert clinic.reassign(transfer, clinic.colleague(), reason_id=foreign).denied == (
            "bad_input/unknown_text"
        )

    def test_move_3_imposed_once(self, clinic: Clinic) -> None:
        """MOVE-3: again by the same coordinator it is the same; the new owner has not accepted."""
        transfer = clinic.ask()
        clinic.impose(transfer)

        assert clinic.impose(transfer).denied is None
        assert clinic.impose(transfer, by=_second_coordinator(clinic)).denied == "ST-T/impose/from_accepted"
        assert clinic.accept(transfer).denied == "ST-T/accept/from_accepted"
        assert clinic.reassign(transfer, clinic.colleague()).denied == "ST-T/reassign/from_accepted"


class TestCancel:
    def test_ovr_1_any_coordinator_cancels_what_is_pending(self, clinic: Clinic) -> None:
        """OVR-1, ST-T/override, ST-T/cancel, ST-2: with a reason, in two lines; the record is as it was."""
        transfer = clinic.ask()

        assert clinic.cancel(transfer, by=clinic.world.coordinator, reason_id=None).denied == "ST-2"
        assert clinic.cancel(transfer, by=clinic.world.coordinator).state == "cancelled"

        assert _edges(clinic, transfer)[1:] == [
            ("transfer.override", "pending_acceptance", "coordinator_override"),
            ("transfer.cancel", "coordinator_override", "cancelled"),
        ]
        told = [entry for entry in clinic.told(transfer) if entry[0] == "cancelled"]
        assert told == sorted([("cancelled", clinic.world.owner), ("cancelled", clinic.world.new_owner)])

    @pytest.mark.parametrize("waits", [False, True])
    def test_st_t_not_where_the_owner_is_inactive(self, clinic: Clinic, waits: bool) -> None:
        """ST-T/cancel: reassign or impose."""
        transfer = clinic.ask()
        _deactivate(clinic, clinic.world.owner)
        if waits:
            clinic.refuse(transfer)

        assert clinic.cancel(transfer, by=clinic.world.coordinator).denied == "ST-T/cancel/owner_active"
        assert clinic.impose(transfer).state == "accepted"

    def test_st_1_an_active_owner_takes_it_back_from_there(self, clinic: Clinic) -> None:
        """ST-1: whoever was asked meanwhile."""
        transfer = clinic.ask(by=clinic.world.coordinator)
        clinic.reassign(transfer, clinic.colleague())
        assert clinic.cancel(transfer).state == "cancelled"


class TestConfidential:
    def test_elig_6_while_it_is_pending_a_cancel_only(self, clinic: Clinic) -> None:
        """ELIG-6, VIS-2: reassign and impose are its owner's matter."""
        full = clinic.full_record(confidential=True)
        transfer = clinic.ask(record_id=full.record)

        assert clinic.reassign(transfer, clinic.colleague()).denied == "ELIG-6/pending"
        assert clinic.impose(transfer).denied == "ELIG-6/pending"
        assert clinic.view(clinic.world.coordinator, transfer).record_number is None
        assert clinic.cancel(transfer, by=clinic.world.coordinator).state == "cancelled"

    @pytest.mark.parametrize("how", ["reassign", "impose"])
    @pytest.mark.parametrize("waits", [False, True])
    def test_elig_6_where_its_owner_left_it_is_theirs(self, clinic: Clinic, how: str, waits: bool) -> None:
        """ELIG-6: pending or waiting; blind as ever."""
        full, third = clinic.full_record(confidential=True), clinic.colleague()
        transfer = clinic.ask(record_id=full.record)
        _deactivate(clinic, clinic.world.owner)
        if waits:
            clinic.refuse(transfer)

        assert getattr(clinic, how)(transfer, third).denied is None
        seen = clinic.view(clinic.world.coordinator, transfer)
        assert (seen.record_number, seen.message, seen.basis) == (None, None, None)


class TestExtend:
    def test_st_3_a_later_deadline(self, clinic: Clinic) -> None:
        """ST-3, NOTE-1: an answer does not depend on it, and the first deadline passes without effect."""
        transfer = clinic.ask()
        result = clinic.extend(transfer, timedelta(days=40))

        assert (result.denied, result.version) == (None, 1)
        assert clinic.expire(transfer).state == "pending_acceptance"
        assert sorted(entry for entry in clinic.told(transfer) if entry[0] == "extended") == sorted(
            [("extended", clinic.world.owner), ("extended", clinic.world.new_owner)]
        )
        assert clinic.accept(transfer, seen_version=1).state == "accepted"

    def test_st_3_reminders_follow(self, clinic: Clinic) -> None:
        """ST-3: those that now come before the deadline."""
        clinic.change("UPDATE policies SET answer_within = 432000")
        transfer = clinic.ask()
        clinic.remind(transfer, after=timedelta(days=3))
        assert clinic.remind(transfer, after=timedelta(days=7)).next_reminder_at is None

        assert clinic.extend(transfer, timedelta(days=20)).next_reminder_at is not None

        clinic.remind(transfer, after=timedelta(days=7))
        assert clinic.column(transfer, "reminders_sent") == 2

    def test_st_3_only_later_and_within_reason(self, clinic: Clinic) -> None:
        """ST-3, MOVE-3."""
        transfer = clinic.ask()
        respond_by = clinic.now + timedelta(days=30)

        assert clinic.extend(transfer, timedelta(days=3)).denied == "ST-3/earlier"
        assert clinic.extend(transfer, timedelta(days=400)).denied == "ST-3/too_far"
        assert clinic.extend(transfer, timedelta(), respond_by=respond_by).denied is None
        assert clinic.extend(transfer, timedelta(), respond_by=respond_by).denied is None
        clinic.refuse(transfer)
        assert clinic.extend(transfer, timedelta(days=60)).denied == "ST-3/not_asked"
        lines = [line for line in clinic.lines(transfer) if line[0] == "transfer.extend"]
        assert [outcome for _, outcome, _ in lines] == ["denied", "denied", "allowed", "denied"]


class TestWaiting:
    def test_st_1_coordinators_are_reminded_while_it_waits(self, clinic: Clinic) -> None:
        """ST-1: by policy, once each time, and what was missed is made up for once."""
        transfer = clinic.ask(by=clinic.world.coordinator)
        waits = clinic.refuse(transfer)
        assert waits.next_reminder_at == clinic.now + timedelta(days=3)

        def reminded() -> int:
            return [kind for kind, _ in clinic.told(transfer)].count("needs_you")

        seen = []
        for days in (2, 3, 3, 14, 14, 15):
            clinic.remind(transfer, after=timedelta(days=days))
            seen.append(reminded())

        assert seen == [1, 2, 2, 3, 3, 4]

    def test_st_1_without_a_coordinator_administrators_are_told_to_name_one(self, clinic: Clinic) -> None:
        """ST-1: for as long as there is none."""
        transfer = clinic.ask(by=clinic.world.coordinator)
        clinic.refuse(transfer)
        Desk(clinic.database).deactivate(clinic.world.administrator, clinic.world.coordinator)

        clinic.remind(transfer, after=timedelta(days=3))

        assert ("name_coordinator", clinic.world.administrator) in clinic.told(transfer)

    def test_role_3_a_coordinator_asks_for_what_an_inactive_owner_left(self, clinic: Clinic) -> None:
        """ROLE-3, ROLE-6, ELIG-2: and what comes back of it waits for a coordinator."""
        _deactivate(clinic, clinic.world.owner)
        transfer = clinic.ask(by=clinic.world.coordinator)
        assert clinic.refuse(transfer).state == "coordinator_override"
        third = clinic.colleague()
        clinic.reassign(transfer, third)

        assert clinic.accept(transfer, by=third).state == "accepted"
        assert clinic.column(transfer, "asked_role") == "coordinator"
