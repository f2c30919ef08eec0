"""What an organization chooses: by whom, from when, and what the log keeps of it."""

from datetime import timedelta
from uuid import UUID

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied
from engine.records import facts
from tests.integration.handover.clinic import Clinic
from tests.integration.people.logged import last_line

CHANGES = {
    "answer-within": ["20"],
    "reminders": ["1", "5"],
    "basis-required": ["yes"],
    "raw-data-titles": ["Psychologue", "Neuropsychologue"],
    "impose-allowed": ["no"],
    "coordinator-may-receive": ["yes"],
    "remind-coordinators": ["36h"],
    "announce-practitioner": ["yes"],
    "hold-cancellations": ["yes"],
    "grace-days": ["45"],
    "retention-years": ["7"],
}


def values(desk: Desk, actor: UUID) -> dict[str, str]:
    return {policy.name: policy.value for policy in desk.policies(actor)}


def test_an_administrator_sets_and_any_member_sees(clinic: Clinic, desk: Desk) -> None:
    """ROLE-1, AUD-1."""
    for name, words in CHANGES.items():
        changed = desk.change_policy(clinic.world.administrator, name, words)
        assert (changed.name, values(desk, clinic.world.owner)[name]) == (name, changed.value)

    assert values(desk, clinic.world.coordinator) == {
        "answer-within": "20d",
        "reminders": "1d 5d",
        "basis-required": "yes",
        "raw-data-titles": "neuropsychologue psychologue",
        "impose-allowed": "no",
        "coordinator-may-receive": "yes",
        "remind-coordinators": "36h",
        "announce-practitioner": "yes",
        "hold-cancellations": "yes",
        "grace-days": "45",
        "retention-years": "7",
    }


@pytest.mark.parametrize("who", ["owner", "coordinator"])
def test_role_4_nobody_else_sets(clinic: Clinic, desk: Desk, who: str) -> None:
    actor = getattr(clinic.world, who)
    before = values(desk, actor)

    with pytest.raises(Denied, match="ROLE-4/administrator"):
        desk.change_policy(actor, "grace-days", ["1"])

    assert values(desk, actor) == before
    assert last_line(clinic)[:3] == ("organization.policy", "denied", "ROLE-4/administrator")


def test_a_value_out_of_range_changes_nothing_and_is_logged(clinic: Clinic, desk: Desk) -> None:
    administrator = clinic.world.administrator
    before = values(desk, administrator)

    for name, words in (("grace-days", ["0"]), ("raw-data-titles", ["\x1b[31m"]), ("colour", ["red"])):
        with pytest.raises(BadInput):
            desk.change_policy(administrator, name, words)

    assert values(desk, administrator) == before
    assert last_line(clinic)[:3] == ("organization.policy", "denied", "bad_input/policy_unknown")


def test_aud_1_the_log_keeps_the_new_number(clinic: Clinic, desk: Desk) -> None:
    desk.change_policy(clinic.world.administrator, "retention-years", ["7"])

    (counts,) = clinic.rows("SELECT counts FROM events WHERE action = 'organization.policy'")[0]
    assert counts == '{"policy":{"retention_years":7}}'
    assert last_line(clinic) == (
        "organization.policy", "allowed", None, "administrator", str(clinic.world.administrator),
    )  # fmt: skip


def test_vis_8_policies_stay_inside_the_wall(clinic: Clinic, desk: Desk, elsewhere: Clinic) -> None:
    before = values(desk, elsewhere.world.owner)

    desk.change_policy(clinic.world.administrator, "grace-days", ["45"])

    assert values(desk, elsewhere.world.owner) == before


def test_st_3_a_changed_time_to_answer_holds_from_the_next_asking(clinic: Clinic, desk: Desk) -> None:
    asked = clinic.ask()
    due = clinic.column(asked, "respond_by")

    desk.change_policy(clinic.world.administrator, "answer-within", ["1"])

    assert clinic.column(asked, "respond_by") == due
    clinic.cancel(asked)
    assert str(clinic.column(clinic.ask(), "respond_by")) < str(due)


def test_st_3_a_required_basis_holds_at_the_hand_over(clinic: Clinic, desk: Desk) -> None:
    """ELIG-8: as it stands then, whatever it was at the asking."""
    asked = clinic.ask()

    desk.change_policy(clinic.world.administrator, "basis-required", ["yes"])

    assert clinic.accept(asked).denied == "ELIG-8"


def test_move_6_the_sweeps_read_what_was_set(clinic: Clinic, desk: Desk) -> None:
    desk.set_policy(clinic.world.administrator, grace_days=45, answer_within=timedelta(hours=5))

    with clinic.database.read() as session:
        kept = facts.retention(session, clinic.world.organization)
    assert (kept.grace_days, kept.retention_years) == (45, 5)


def test_the_organization_as_its_members_know_it(clinic: Clinic, desk: Desk, elsewhere: Clinic) -> None:
    """VIS-8: counts of one's own members only."""
    shown = desk.organization(clinic.world.owner)

    assert (shown.id, shown.members, shown.inactive) == (clinic.world.organization, 4, 0)
    assert len(shown.administrators) == len(shown.coordinators) == 1
    assert desk.organization(elsewhere.world.owner).id == elsewhere.world.organization
