"""What waits for a coordinator (ST-1), the deadline (ST-3) or an operator (ST-5); and what the log says."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.exceptions import ApplicationError

from engine.activities import accepting
from engine.records.tables.base import TextKind
from engine.states.choices import Role
from tests import build
from tests.integration.handover.clinic import DEADLINE, EVERYTHING, Clinic
from tests.integration.handover.losing import bring_back, lose_content


def _deactivate(clinic: Clinic, member: UUID) -> None:
    clinic.change("UPDATE members SET active = false WHERE id = :id", id=member)


def _needs(clinic: Clinic, transfer: UUID) -> list[UUID]:
    return sorted(who for kind, who in clinic.told(transfer) if kind == "needs_you")


@pytest.mark.parametrize("how", ["refuse", "expire"])
@pytest.mark.parametrize("why", ["a coordinator asked", "the owner left"])
def test_st_1_what_cannot_go_back_waits_for_a_coordinator(clinic: Clinic, how: str, why: str) -> None:
    """ST-1, ST-T/escalate, NOTE-1: what is not returnable waits, and the coordinators are told."""
    transfer = clinic.ask(by=clinic.world.coordinator if why == "a coordinator asked" else None)
    if why == "the owner left":
        _deactivate(clinic, clinic.world.owner)

    result = getattr(clinic, how)(transfer)

    assert (result.state, result.denied, result.respond_by) == ("coordinator_override", None, None)
    assert _needs(clinic, transfer) == [clinic.world.coordinator]
    assert clinic.lines(transfer)[-2:] == [
        (f"transfer.{how}", "allowed", None),
        ("transfer.escalate", "allowed", None),
    ]
    assert clinic.live(clinic.world.record)[1] == clinic.world.owner


@pytest.mark.parametrize("asker", ["coordinator", "owner"])
def test_st_1_a_cancel_with_an_inactive_owner_waits_for_a_coordinator(clinic: Clinic, asker: str) -> None:
    """ST-1: the record would be nobody's; who left cancels nothing."""
    by = clinic.world.coordinator if asker == "coordinator" else clinic.world.owner
    transfer = clinic.ask(by=by)
    with clinic.database.write() as session:
        second = build.member(session, clinic.world.organization, Role.COORDINATOR)
    _deactivate(clinic, clinic.world.owner)

    result = clinic.cancel(transfer, by=by)

    if asker == "coordinator":
        assert (result.state, result.denied) == ("coordinator_override", None)
        assert _needs(clinic, transfer) == [second]
        # From there neither: a coordinator reassigns or imposes.
        assert clinic.cancel(transfer, by=second).denied == "ST-T/cancel/owner_active"
    else:
        assert (result.state, result.denied) == ("pending_acceptance", "VIS-11/transfer")


def test_st_1_an_active_owner_takes_the_record_back(clinic: Clinic) -> None:
    """ST-1, ST-T/cancel: from ``coordinator_override``, without a reason."""
    transfer = clinic.ask(by=clinic.world.coordinator)
    clinic.refuse(transfer)

    assert clinic.cancel(transfer).state == "cancelled"

    clinic.ask()


def test_st_t_a_coordinator_cancels_what_waits_for_one(clinic: Clinic) -> None:
    """ST-T/cancel: any coordinator, while the owner is active."""
    with clinic.database.write() as session:
        second = build.member(session, clinic.world.organization, Role.COORDINATOR)
    transfer = clinic.ask(by=clinic.world.coordinator)
    clinic.expire(transfer)

    result = clinic.cancel(transfer, by=second)

    assert result.state == "cancelled"
    assert clinic.column(transfer, "decided_by_id") == str(second)


def test_st_1_a_coordinators_own_cancel_is_an_override_like_any_other(clinic: Clinic) -> None:
    """ST-1, ST-2, ST-T/override, ST-T/cancel: with a reason, in one transaction, as two lines."""
    transfer = clinic.ask(by=clinic.world.coordinator)

    assert clinic.cancel(transfer, by=clinic.world.coordinator, reason_id=None).denied == "ST-2"
    assert clinic.cancel(transfer, by=clinic.world.coordinator).state == "cancelled"

    edges = clinic.rows(
        "SELECT action, state_from, state_to FROM events WHERE transfer_id = :t AND outcome = 'allowed'"
        " ORDER BY seq",
        t=transfer,
    )
    assert [tuple(edge) for edge in edges][1:] == [
        ("transfer.override", "pending_acceptance", "coordinator_override"),
        ("transfer.cancel", "coordinator_override", "cancelled"),
    ]


def test_vis_12_who_refused_sees_and_hears_no_more(clinic: Clinic) -> None:
    """VIS-12, NOTE-1: not that it waits, not who ended it, not when."""
    transfer = clinic.ask(by=clinic.world.coordinator)
    clinic.refuse(transfer)
    answered = clinic.view(clinic.world.new_owner, transfer)
    clinic.cancel(transfer, by=clinic.world.coordinator)

    assert clinic.view(clinic.world.new_owner, transfer) == answered
    assert (answered.state, answered.must_act) == ("refused", "nobody")
    assert [kind for kind, member in clinic.told(transfer) if member == clinic.world.new_owner] == ["asked"]


def test_st_1_who_asked_and_lost_the_role_cancels_no_more(clinic: Clinic) -> None:
    """ST-1, ROLE-5: "who asked" must still hold the role that they asked in."""
    transfer = clinic.ask(by=clinic.world.coordinator)
    clinic.change("DELETE FROM member_roles WHERE member_id = :id", id=clinic.world.coordinator)

    assert clinic.cancel(transfer, by=clinic.world.coordinator).denied == "VIS-11/transfer"
    assert clinic.cancel(transfer).state == "cancelled"


def test_st_1_without_a_coordinator_the_administrators_are_told(clinic: Clinic) -> None:
    """ST-1: to name one; an inactive coordinator is none."""
    transfer = clinic.ask()
    _deactivate(clinic, clinic.world.owner)
    _deactivate(clinic, clinic.world.coordinator)

    clinic.refuse(transfer)

    assert _needs(clinic, transfer) == [clinic.world.administrator]


def test_st_1_the_one_who_refused_answers_no_more(clinic: Clinic) -> None:
    """ST-T: a refusal that waits for a coordinator may be repeated, not taken back."""
    transfer = clinic.ask(by=clinic.world.coordinator)
    clinic.refuse(transfer)

    assert clinic.accept(transfer).denied == "ST-T/accept/no_longer"
    assert clinic.refuse(transfer).denied is None
    assert clinic.expire(transfer).state == "coordinator_override"


def test_st_2_a_refusal_gives_its_own_reason(clinic: Clinic) -> None:
    """ST-2: a text of that kind by the one who refuses; otherwise nothing changes."""
    transfer = clinic.ask()
    wrong = [
        clinic.text(clinic.world.owner, TextKind.REASON),
        clinic.text(clinic.world.new_owner, TextKind.MESSAGE),
        uuid4(),
    ]

    for reason in wrong:
        assert clinic.refuse(transfer, reason_id=reason).denied == "bad_input/unknown_text"

    assert clinic.column(transfer, "state") == "pending_acceptance"


def test_st_3_the_deadline(clinic: Clinic) -> None:
    """ST-3: the end of the fourteenth day in Toronto; not a microsecond before."""
    transfer = clinic.ask()
    assert clinic.column(transfer, "respond_by") == "2040-03-20T03:59:59.000000Z"
    left = timedelta(days=14, hours=12, minutes=58, seconds=59)  # from 15:01, in summer time by then

    assert clinic.expire(transfer, after=left - timedelta(microseconds=1)).state == "pending_acceptance"
    assert clinic.expire(transfer, after=left).state == "expired"
    assert clinic.told(transfer) == sorted(
        [
            ("asked", clinic.world.new_owner),
            ("expired", clinic.world.new_owner),
            ("expired", clinic.world.owner),
        ]
    )


def test_st_3_it_has_passed_when_it_is_recorded(clinic: Clinic) -> None:
    """ST-3: late but before ``expired``, an acceptance counts."""
    transfer = clinic.ask()
    clinic.now += DEADLINE

    assert clinic.accept(transfer).state == "accepted"


def test_st_3_a_policy_change_holds_from_the_next_asking(clinic: Clinic) -> None:
    """ST-3: the deadline is an instant, fixed when somebody is asked."""
    transfer = clinic.ask()
    clinic.change("UPDATE policies SET answer_within = 60")

    assert clinic.expire(transfer, after=timedelta(hours=1)).state == "pending_acceptance"
    clinic.cancel(transfer)
    second = clinic.ask()
    assert clinic.expire(second, after=timedelta(seconds=60)).state == "expired"


def test_st_5_a_missing_byte(clinic: Clinic) -> None:
    """ST-5: nothing moved; shown with its cause; logged once; does not expire; cancel undoes."""
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record, options=EVERYTHING)
    back = lose_content(clinic, full.holding)

    for _ in range(2):
        with pytest.raises(ApplicationError) as stuck:
            clinic.accept(transfer)
        assert stuck.value.type == "ST-5"

    assert clinic.column(transfer, "stuck_cause") == "missing_content"
    assert clinic.view(clinic.world.owner, transfer).stuck_cause == "missing_content"
    assert clinic.lines(transfer)[1:] == [("transfer.stuck", "allowed", "ST-5/missing_content")]
    assert clinic.manifest(transfer) == {}
    assert clinic.live(full.record) == (full.holding, clinic.world.owner)
    assert clinic.expire(transfer, after=timedelta(days=90)).state == "pending_acceptance"
    assert clinic.cancel(transfer).state == "cancelled"
    assert clinic.column(transfer, "stuck_cause") is None
    bring_back(clinic, back)


def test_st_5_once_the_cause_is_gone_the_same_command_succeeds(clinic: Clinic) -> None:
    """ST-5, OVR-2: the kept decision is executed when it can be."""
    full, command = clinic.full_record(), uuid4()
    transfer = clinic.ask(record_id=full.record, options=EVERYTHING)
    back = lose_content(clinic, full.holding)
    with pytest.raises(ApplicationError):
        clinic.accept(transfer, command_id=command)
    bring_back(clinic, back)

    assert clinic.accept(transfer, command_id=command).state == "accepted"

    assert clinic.column(transfer, "stuck_cause") is None


def test_st_5_only_the_new_owners_own_decision_is_undone_by_a_rule(clinic: Clinic) -> None:
    """ST-5, OVR-2: others try in vain and change nothing; what stops the new owner lets time run on."""
    full, stranger = clinic.full_record(), Clinic(clinic.database).world.owner
    transfer = clinic.ask(record_id=full.record, options=EVERYTHING)
    back = lose_content(clinic, full.holding)
    with pytest.raises(ApplicationError):
        clinic.accept(transfer)
    for other in (clinic.world.owner, clinic.world.coordinator, stranger):
        assert clinic.accept(transfer, by=other).denied
    assert clinic.column(transfer, "stuck_cause") == "missing_content"
    assert clinic.expire(transfer).state == "pending_acceptance"

    clinic.restrict(member_id=clinic.world.new_owner)
    assert clinic.accept(transfer).denied == "VIS-11/no_longer"

    assert clinic.column(transfer, "stuck_cause") is None
    bring_back(clinic, back)
    assert clinic.expire(transfer).state == "expired"


def test_st_5_a_step_that_always_fails(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """ST-5, ST-2: an unexpected error names its type alone; the row shows it."""

    def fail(*_: object) -> None:
        raise RuntimeError("Une raison à taire")

    transfer = clinic.ask()
    with monkeypatch.context() as broken:
        broken.setattr(accepting, "hand_over", fail)
        with pytest.raises(ApplicationError) as unexpected:
            clinic.accept(transfer)

    assert (unexpected.value.type, unexpected.value.message) == ("unexpected", "RuntimeError")
    assert unexpected.value.__cause__ is None
    assert clinic.column(transfer, "stuck_cause") == "unexpected_error"
    assert clinic.column(transfer, "state") == "pending_acceptance"
    assert clinic.accept(transfer).state == "accepted"


def test_aud_1_a_denial_is_a_line_of_its_own(clinic: Clinic) -> None:
    """AUD-1: with actor, role, rule, record, purpose and the state that it met; nothing else was written."""
    transfer = clinic.ask()
    before = clinic.rows("SELECT * FROM transfers"), clinic.rows("SELECT * FROM outbox")

    clinic.accept(transfer, by=clinic.world.owner, os_uid=501)

    assert clinic.rows(
        "SELECT outcome, rule, actor_id, role, os_uid, record_id, purpose, state_from, state_to FROM events"
        " WHERE action = 'transfer.accept'"
    ) == [
        (
            "denied",
            "ST-T/accept/not_new_owner",
            str(clinic.world.owner),
            "practitioner",
            501,
            str(clinic.world.record),
            "continuity",
            "pending_acceptance",
            None,
        )
    ]
    assert before == (clinic.rows("SELECT * FROM transfers"), clinic.rows("SELECT * FROM outbox"))


def test_aud_1_a_stranger_to_the_organization_is_logged_at_home(clinic: Clinic) -> None:
    """AUD-1, VIS-8: in the log of the actor's organization; the other one learns nothing."""
    other = Clinic(clinic.database)
    transfer = clinic.ask()
    lines = clinic.rows(
        "SELECT count(*) FROM events WHERE organization_id = :id", id=clinic.world.organization
    )

    clinic.accept(transfer, by=other.world.owner)

    assert lines == clinic.rows(
        "SELECT count(*) FROM events WHERE organization_id = :id", id=clinic.world.organization
    )
    assert clinic.rows(
        "SELECT rule, record_id, state_from FROM events WHERE organization_id = :id",
        id=other.world.organization,
    ) == [("VIS-11/transfer", None, None)]


def test_aud_1_a_hand_over_is_logged_on_both_sides(clinic: Clinic) -> None:
    """AUD-1: acceptance, export and import in one transaction, with counts and nothing of VIS-6."""
    full = clinic.full_record()

    transfer = clinic.hand_over(EVERYTHING, record=full.record)

    lines = clinic.rows(
        "SELECT action, side, actor_id, counts FROM events WHERE transfer_id = :id ORDER BY seq", id=transfer
    )[1:]
    new_owner = str(clinic.world.new_owner)
    assert [line[:3] for line in lines] == [
        ("transfer.accept", None, new_owner),
        ("record.handed_over", "export", new_owner),
        ("record.handed_over", "import", new_owner),
    ]
    assert len({line[3] for line in lines}) == 1
