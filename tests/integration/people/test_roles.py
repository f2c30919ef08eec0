"""Roles are given and taken by administrators, count from the next command on, and are told."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, NotFound
from engine.states.choices import Role
from engine.views import RoleView
from tests import build
from tests.integration.handover.clinic import Clinic
from tests.integration.people.logged import last_line

Command = Callable[[Desk, UUID, UUID], RoleView]
COMMANDS: dict[str, Command] = {
    "member.role": lambda desk, actor, member: desk.role(actor, member, Role.COORDINATOR),
    "member.grant": lambda desk, actor, member: desk.grant(actor, member, Role.COORDINATOR),
    "member.revoke": lambda desk, actor, member: desk.revoke(actor, member, Role.PRACTITIONER),
}


def roles(clinic: Clinic) -> list[tuple[object, ...]]:
    return clinic.rows("SELECT member_id, role FROM member_roles ORDER BY member_id, role")


def told(clinic: Clinic, *kinds: str) -> list[tuple[str, UUID, UUID]]:
    rows = clinic.rows("SELECT kind, member_id, subject_id FROM outbox ORDER BY id")
    return [(kind, UUID(member), UUID(about)) for kind, member, about in rows if kind in kinds]


def member(clinic: Clinic, *held: Role, active: bool = True) -> UUID:
    with clinic.database.write() as session:
        return build.member(session, clinic.world.organization, *held, active=active)


@pytest.mark.parametrize("action", COMMANDS)
@pytest.mark.parametrize("who", ["owner", "coordinator"])
def test_role_2_only_an_administrator(clinic: Clinic, desk: Desk, action: str, who: str) -> None:
    """ROLE-4: a coordinator is no administrator; nobody gives a role to themself either."""
    before, actor = roles(clinic), getattr(clinic.world, who)

    for whom in (clinic.world.new_owner, actor):
        with pytest.raises(Denied, match="ROLE-4/administrator"):
            COMMANDS[action](desk, actor, whom)
        assert last_line(clinic)[:3] == (action, "denied", "ROLE-4/administrator")

    assert before == roles(clinic)


@pytest.mark.parametrize("action", COMMANDS)
def test_vis_8_a_member_of_another_organization_is_an_unknown_one(
    clinic: Clinic, desk: Desk, elsewhere: Clinic, action: str
) -> None:
    """VIS-11, and neither way: their administrator is nobody here."""
    before, answers = roles(clinic), set()

    for administrator, whom in (
        (clinic.world.administrator, elsewhere.world.owner),
        (clinic.world.administrator, uuid4()),
        (elsewhere.world.administrator, clinic.world.owner),
    ):
        with pytest.raises(NotFound) as denied:
            COMMANDS[action](desk, administrator, whom)
        answers.add((denied.value.key, str(denied.value), tuple(denied.value.params.items())))

    assert before == roles(clinic)
    assert [key for key, *_ in answers] == ["VIS-11/colleague"]


class TestGrant:
    def test_it_counts_for_the_very_next_command(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-2: and both times the person is told."""
        world = clinic.world
        request = clinic.request(by=world.new_owner, to=member(clinic))
        assert clinic.open(request).denied == "VIS-11/record"

        given = desk.grant(world.administrator, world.new_owner, Role.COORDINATOR)
        asked = clinic.ask(by=world.new_owner, to=request.to_id)
        desk.revoke(world.administrator, world.new_owner, Role.COORDINATOR)

        assert (given.changed, given.member.roles) == (True, [Role.COORDINATOR, Role.PRACTITIONER])
        assert told(clinic, "role_granted", "role_revoked") == [
            ("role_granted", world.new_owner, world.new_owner),
            ("role_revoked", world.new_owner, world.new_owner),
        ]
        assert last_line(clinic) == (
            "member.revoke", "allowed", None, "administrator", str(world.administrator),
        )  # fmt: skip
        # ROLE-5: what is recorded stays; ST-1: who asked must still hold the role they asked in.
        assert clinic.column(asked, "state") == "pending_acceptance"
        assert clinic.cancel(asked, by=world.new_owner).denied == "VIS-11/transfer"

    def test_what_is_given_to_oneself_is_told_to_every_administrator(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """ROLE-2: to active ones, oneself too; to nobody else."""
        first, second = clinic.world.administrator, member(clinic, Role.ADMINISTRATOR)
        member(clinic, Role.ADMINISTRATOR, active=False)

        desk.grant(first, first, Role.COORDINATOR)

        assert sorted(told(clinic, "role_granted")) == sorted(
            ("role_granted", who, first) for who in (first, second)
        )
        assert desk.practitioners(first)

    def test_a_second_time_changes_nothing_and_tells_nobody(self, clinic: Clinic, desk: Desk) -> None:
        """MOVE-3; AUD-1: it is logged all the same, as a change of nothing."""
        world = clinic.world
        answers = [desk.grant(world.administrator, world.owner, Role.COORDINATOR) for _ in range(2)]

        assert [answer.changed for answer in answers] == [True, False]
        assert answers[0].member == answers[1].member
        assert len(told(clinic, "role_granted")) == 1
        assert clinic.rows("SELECT counts FROM events WHERE action = 'member.grant' ORDER BY seq") == [
            ('{"role":{"coordinator":1}}',), ('{"role":{"coordinator":0}}',),
        ]  # fmt: skip

    def test_somebody_inactive_keeps_a_role_for_their_return(self, clinic: Clinic, desk: Desk) -> None:
        world = clinic.world
        desk.deactivate(world.administrator, world.new_owner)
        desk.grant(world.administrator, world.new_owner, Role.COORDINATOR)
        with pytest.raises(NotFound, match="VIS-11/member"):
            desk.practitioners(world.new_owner)

        desk.activate(world.administrator, world.new_owner)

        assert desk.practitioners(world.new_owner)

    def test_a_member_comes_with_roles(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-1: one at least; the log says which."""
        who = {"first_name": "A", "last_name": "B", "title": "", "language": "fr"}
        with pytest.raises(BadInput, match="bad_input/empty"):
            desk.add_member(clinic.world.administrator, email="x@a.example", roles=[], **who)

        both = [Role.COORDINATOR, Role.ADMINISTRATOR]
        added = desk.add_member(clinic.world.administrator, email="x@a.example", roles=both, **who)

        assert added.roles == sorted(both)
        assert clinic.rows("SELECT counts FROM events WHERE action = 'member.add' AND rule IS NULL") == [
            ('{"role":{"administrator":1,"coordinator":1}}',)
        ]  # fmt: skip


class TestRevoke:
    def test_role_1_the_last_administrator_stays(self, clinic: Clinic, desk: Desk) -> None:
        """Also where the other one is inactive; with another active one they may go."""
        first = clinic.world.administrator
        desk.grant(first, first, Role.COORDINATOR)
        member(clinic, Role.ADMINISTRATOR, active=False)
        with pytest.raises(Denied, match="ROLE-1/last_administrator"):
            desk.revoke(first, first, Role.ADMINISTRATOR)
        desk.grant(first, clinic.world.owner, Role.ADMINISTRATOR)

        gone = desk.revoke(first, first, Role.ADMINISTRATOR)

        assert gone.member.roles == [Role.COORDINATOR]
        with pytest.raises(Denied, match="ROLE-4/administrator"):
            desk.grant(first, first, Role.ADMINISTRATOR)
        with pytest.raises(Denied, match="ROLE-1/last_administrator"):
            desk.revoke(clinic.world.owner, clinic.world.owner, Role.ADMINISTRATOR)

    def test_role_1_a_member_keeps_one_role(self, clinic: Clinic, desk: Desk) -> None:
        before = roles(clinic)

        with pytest.raises(Denied, match="ROLE-1/last_role"):
            desk.revoke(clinic.world.administrator, clinic.world.owner, Role.PRACTITIONER)

        assert before == roles(clinic)
        assert last_line(clinic)[:3] == ("member.revoke", "denied", "ROLE-1/last_role")

    def test_role_2_the_coordinator_role_is_taken_at_any_time(self, clinic: Clinic, desk: Desk) -> None:
        """Also where it was their only one: they may do nothing until they are given another."""
        world = clinic.world
        gone = desk.revoke(world.administrator, world.coordinator, Role.COORDINATOR)

        assert (gone.changed, gone.member.roles, gone.member.active) == (True, [], True)
        assert clinic.open(clinic.request(by=world.coordinator)).denied == "VIS-11/record"
        with pytest.raises(Denied, match="ROLE-4/coordinator"):
            desk.practitioners(world.coordinator)
        back = desk.grant(world.administrator, world.coordinator, Role.PRACTITIONER)
        assert back.member.roles == [Role.PRACTITIONER]

    def test_a_role_that_they_do_not_hold(self, clinic: Clinic, desk: Desk) -> None:
        answer = desk.revoke(clinic.world.administrator, clinic.world.owner, Role.COORDINATOR)

        assert (answer.changed, told(clinic, "role_revoked")) == (False, [])

    def test_st_4_who_no_longer_practises_cannot_answer(self, clinic: Clinic, desk: Desk) -> None:
        """ELIG-3: noticed at the event; what can go back is told to its owner, the other waits."""
        world = clinic.world
        theirs = clinic.ask()
        other = clinic.ask(by=world.coordinator, record_id=clinic.full_record().record)
        desk.grant(world.administrator, world.new_owner, Role.COORDINATOR)

        desk.revoke(world.administrator, world.new_owner, Role.PRACTITIONER)

        assert [clinic.column(asked, "state") for asked in (theirs, other)] == [
            "pending_acceptance", "coordinator_override",
        ]  # fmt: skip
        assert ("lost_eligibility", world.owner) in clinic.told(theirs)
        assert clinic.lines(theirs)[-1] == ("transfer.lost_eligibility", "allowed", "ELIG-3/not_practitioner")
        assert clinic.accept(theirs).denied == "ELIG-3/not_practitioner"
        assert ("needs_you", world.coordinator) in clinic.told(other)

    def test_another_role_stops_no_answer(self, clinic: Clinic, desk: Desk) -> None:
        asked = clinic.ask()
        desk.grant(clinic.world.administrator, clinic.world.new_owner, Role.COORDINATOR)
        desk.revoke(clinic.world.administrator, clinic.world.new_owner, Role.COORDINATOR)

        assert clinic.accept(asked).state == "accepted"


class TestTheLastCoordinator:
    """ST-1: who takes the role from the last one is shown what waits; the other administrators are told."""

    def _prepared(self, clinic: Clinic, desk: Desk) -> UUID:
        world = clinic.world
        desk.grant(world.administrator, world.coordinator, Role.PRACTITIONER)
        left = member(clinic)
        with clinic.database.write() as session:
            build.record(session, left, [world.client])
            build.record(session, left, [world.client], confidential=True)
        desk.deactivate(world.administrator, left)
        clinic.refuse(clinic.ask(by=world.coordinator))
        return member(clinic, Role.ADMINISTRATOR)

    def test_what_waits_is_said_before_and_in_the_answer(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-6: with the records of who has left; the other administrator hears once."""
        second, world = self._prepared(clinic, desk), clinic.world

        before = desk.role(world.administrator, world.coordinator, Role.COORDINATOR)
        answer = desk.revoke(world.administrator, world.coordinator, Role.COORDINATOR)

        assert (before.waiting, before.left_records) == (1, 2)
        assert (answer.waiting, answer.left_records) == (1, 2)
        assert told(clinic, "name_coordinator") == [("name_coordinator", second, world.organization)]

    def test_nothing_is_said_while_somebody_else_coordinates(self, clinic: Clinic, desk: Desk) -> None:
        self._prepared(clinic, desk)
        desk.grant(clinic.world.administrator, clinic.world.owner, Role.COORDINATOR)

        answer = desk.revoke(clinic.world.administrator, clinic.world.coordinator, Role.COORDINATOR)

        assert (answer.waiting, answer.left_records, told(clinic, "name_coordinator")) == (0, 0, [])

    def test_nothing_is_said_where_nothing_waits(self, clinic: Clinic, desk: Desk) -> None:
        member(clinic, Role.ADMINISTRATOR)
        desk.grant(clinic.world.administrator, clinic.world.coordinator, Role.PRACTITIONER)

        answer = desk.revoke(clinic.world.administrator, clinic.world.coordinator, Role.COORDINATOR)

        assert (answer.waiting, answer.left_records, told(clinic, "name_coordinator")) == (0, 0, [])

    def test_records_left_where_nobody_coordinates(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-6: whoever leaves records behind makes the administrators name somebody to move them."""
        second, world = member(clinic, Role.ADMINISTRATOR), clinic.world
        desk.deactivate(world.administrator, world.coordinator)
        assert told(clinic, "name_coordinator") == []

        desk.deactivate(world.administrator, world.owner)

        assert told(clinic, "name_coordinator") == [("name_coordinator", second, world.organization)]
