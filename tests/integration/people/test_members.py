"""Who comes and leaves: what they hold is shown first, nothing is reassigned, lost eligibility is noticed."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, EngineError, NotFound
from engine.states.choices import Options, RawDataChoice, Role, ShareLevel
from tests import build
from tests.integration.handover.clinic import UPCOMING, Clinic
from tests.integration.people.logged import last_line

Command = Callable[[Desk, UUID, UUID], object]
COMMANDS: dict[str, Command] = {
    "member.held": lambda desk, actor, member: desk.held(actor, member),
    "member.deactivate": lambda desk, actor, member: desk.deactivate(actor, member),
    "member.activate": lambda desk, actor, member: desk.activate(actor, member),
    "member.title": lambda desk, actor, member: desk.set_title(actor, member, "Orthophoniste"),
}


def members(clinic: Clinic) -> list[tuple[object, ...]]:
    return clinic.rows("SELECT id, active, title, accepts_records FROM members ORDER BY id")


def administrator(clinic: Clinic) -> UUID:
    with clinic.database.write() as session:
        return build.member(session, clinic.world.organization, Role.ADMINISTRATOR)


@pytest.mark.parametrize("action", COMMANDS)
@pytest.mark.parametrize("who", ["owner", "coordinator"])
def test_role_4_only_an_administrator_looks_after_members(
    clinic: Clinic, desk: Desk, action: str, who: str
) -> None:
    before = members(clinic)

    with pytest.raises(Denied, match="ROLE-4/administrator"):
        COMMANDS[action](desk, getattr(clinic.world, who), clinic.world.new_owner)

    assert before == members(clinic)
    assert last_line(clinic)[:3] == (action, "denied", "ROLE-4/administrator")


@pytest.mark.parametrize("action", COMMANDS)
def test_vis_8_a_member_of_another_organization_is_an_unknown_one(
    clinic: Clinic, desk: Desk, elsewhere: Clinic, action: str
) -> None:
    before, told = members(clinic), set()

    for member in (elsewhere.world.owner, uuid4()):
        with pytest.raises(NotFound) as denied:
            COMMANDS[action](desk, clinic.world.administrator, member)
        told.add((denied.value.key, last_line(clinic)))

    assert before == members(clinic)
    assert [key for key, _ in told] == ["VIS-11/colleague"]


class TestHeld:
    def test_everything_is_counted_and_nothing_is_named(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-6: records, copies, shares, transfers in and out, appointments."""
        world = clinic.world
        with clinic.database.write() as session:
            confidential = build.record(session, world.owner, [world.client], confidential=True)
            shared = build.record(session, world.new_owner, [world.client])
            build.share(session, shared.record_id, world.owner, level=ShareLevel.READ)
            given = build.record(session, world.owner, [world.client])
            build.appointment(session, confidential.record_id, world.owner, starts_at=UPCOMING)
        clinic.hand_over(record=given.record_id)
        clinic.ask()
        clinic.ask(by=world.coordinator, record_id=shared.record_id, to=world.owner)

        found = desk.held(world.administrator, world.owner)

        counts = found.model_dump(exclude={"member"})
        assert counts == {
            "records": 2, "copies": 1, "shares": 1, "transfers_in": 1, "transfers_out": 1,
            "appointments": 1, "waiting": 0, "left_records": 0,
        }  # fmt: skip
        assert desk.held(world.administrator, world.coordinator).transfers_out == 1

    def test_vis_6_nothing_of_another_member_is_counted(
        self, clinic: Clinic, desk: Desk, elsewhere: Clinic
    ) -> None:
        """VIS-8 too: the other organization has as much."""
        elsewhere.full_record()
        before = desk.held(clinic.world.administrator, clinic.world.new_owner)
        clinic.full_record()

        assert before == desk.held(clinic.world.administrator, clinic.world.new_owner)

    def test_st_1_the_last_coordinator_is_shown_what_waits(self, clinic: Clinic, desk: Desk) -> None:
        waits = clinic.ask(by=clinic.world.coordinator)
        clinic.refuse(waits)

        assert desk.held(clinic.world.administrator, clinic.world.coordinator).waiting == 1
        assert desk.held(clinic.world.administrator, clinic.world.owner).waiting == 0


class TestDeactivate:
    def test_everything_stays_in_place(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-6: nothing is reassigned; the next command of theirs finds nobody."""
        world = clinic.world
        before = clinic.rows("SELECT id, record_id, owner_id, state FROM holdings ORDER BY id")

        left = desk.deactivate(world.administrator, world.owner)

        assert (left.member.active, left.records) == (False, 1)
        assert before == clinic.rows("SELECT id, record_id, owner_id, state FROM holdings ORDER BY id")
        assert last_line(clinic) == (
            "member.deactivate", "allowed", None, "administrator", str(world.administrator),
        )  # fmt: skip
        with pytest.raises(NotFound, match="VIS-11/member"):
            desk.records(world.owner)
        assert [m.active for m in desk.members(world.administrator) if m.id == world.owner] == [False]

    def test_role_1_the_last_administrator_stays(self, clinic: Clinic, desk: Desk) -> None:
        """Also against themself, and where the other one has left."""
        first = clinic.world.administrator
        with pytest.raises(Denied, match="ROLE-1/last_administrator"):
            desk.deactivate(first, first)
        second = administrator(clinic)

        desk.deactivate(first, second)

        with pytest.raises(Denied, match="ROLE-1/last_administrator"):
            desk.deactivate(first, first)
        assert last_line(clinic)[:3] == ("member.deactivate", "denied", "ROLE-1/last_administrator")

    def test_role_1_an_administrator_may_leave_to_another(self, clinic: Clinic, desk: Desk) -> None:
        second = administrator(clinic)

        desk.deactivate(clinic.world.administrator, clinic.world.administrator)

        assert desk.members(second)

    def test_once_and_back(self, clinic: Clinic, desk: Desk) -> None:
        world = clinic.world
        desk.deactivate(world.administrator, world.owner)
        with pytest.raises(BadInput, match="member_inactive"):
            desk.deactivate(world.administrator, world.owner)

        assert desk.activate(world.administrator, world.owner).active

        with pytest.raises(BadInput, match="member_active"):
            desk.activate(world.administrator, world.owner)
        assert desk.records(world.owner)

    def test_st_1_the_other_administrators_are_told_to_name_a_coordinator(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """Where something waits and nobody coordinates any more; not the one who did it."""
        second = administrator(clinic)
        waits = clinic.ask(by=clinic.world.coordinator)
        clinic.refuse(waits)

        left = desk.deactivate(clinic.world.administrator, clinic.world.coordinator)

        assert left.waiting == 1
        assert clinic.rows("SELECT member_id FROM outbox WHERE kind = 'name_coordinator'") == [(str(second),)]


class TestLostEligibility:
    """ST-4: noticed at the event, in its transaction."""

    def test_what_can_go_back_stays_and_its_owner_is_told(self, clinic: Clinic, desk: Desk) -> None:
        """NOTE-1: the deadline runs on; the owner may cancel."""
        world = clinic.world
        asked = clinic.ask()
        due = clinic.column(asked, "respond_by")

        desk.deactivate(world.administrator, world.new_owner)

        assert clinic.column(asked, "state") == "pending_acceptance"
        assert due == clinic.column(asked, "respond_by")
        assert ("lost_eligibility", world.owner) in clinic.told(asked)
        assert clinic.lines(asked)[-1] == ("transfer.lost_eligibility", "allowed", "ELIG-3/inactive")
        assert clinic.cancel(asked).state == "cancelled"

    def test_what_cannot_go_back_waits_for_a_coordinator(self, clinic: Clinic, desk: Desk) -> None:
        """ST-T/escalate, ST-1: in the one transaction; every wake-up of the workflow reads the row."""
        world = clinic.world
        asked = clinic.ask(by=world.coordinator)

        desk.deactivate(world.administrator, world.new_owner)

        assert clinic.column(asked, "state") == "coordinator_override"
        assert [line[0] for line in clinic.lines(asked)[-2:]] == [
            "transfer.lost_eligibility", "transfer.escalate",
        ]  # fmt: skip
        told = clinic.told(asked)
        assert ("needs_you", world.coordinator) in told
        assert ("lost_eligibility", world.owner) in told
        assert clinic.expire(asked).state == "coordinator_override"

    def test_vis_11_whoever_no_longer_is_asked_does_not_learn_why(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-12: somebody restricted hears that they no longer are asked, and no more."""
        world = clinic.world
        asked = clinic.ask(by=world.coordinator)

        desk.restrict(world.owner, world.record, member_id=world.new_owner, title=None, basis="sa demande")

        assert [kind for kind, member in clinic.told(asked) if member == world.new_owner] == [
            "asked", "cancelled",
        ]  # fmt: skip
        shown = desk.transfer(world.new_owner, asked)
        assert (shown.state, shown.reason, shown.record_id) == ("cancelled", None, None)
        assert clinic.accept(asked).denied == "ST-T/accept/no_longer"

    @pytest.mark.parametrize("how", ["member", "title"])
    def test_a_restriction_guards_every_record_of_the_client(
        self, clinic: Clinic, desk: Desk, how: str
    ) -> None:
        """ELIG-4: set at one record, noticed on a transfer of another."""
        world, other = clinic.world, clinic.full_record()
        asked = clinic.ask(record_id=other.record)
        who = {"member_id": world.new_owner, "title": None}
        what = {"member_id": None, "title": "PSYCHOLOGUE"}

        desk.restrict(world.owner, world.record, **(who if how == "member" else what), basis="sa demande")

        assert clinic.lines(asked)[-1] == ("transfer.lost_eligibility", "allowed", "ELIG-4")

    def test_a_title_that_may_not_hold_raw_data(self, clinic: Clinic, desk: Desk) -> None:
        """ELIG-5: told once; the owner may narrow."""
        world, full = clinic.world, clinic.full_record()
        asked = clinic.ask(record_id=full.record, options=Options(raw_data=RawDataChoice.INCLUDE))

        for title in ("Conseillère", "Travailleuse sociale"):
            desk.set_title(world.administrator, world.new_owner, title)

        told = [kind for kind, _ in clinic.told(asked)]
        assert told.count("lost_eligibility") == 1
        assert clinic.lines(asked)[-1] == ("transfer.lost_eligibility", "allowed", "ELIG-5")
        clinic.narrow(asked, Options())
        assert clinic.accept(asked).state == "accepted"

    def test_nothing_is_noticed_where_nothing_is_lost(self, clinic: Clinic, desk: Desk) -> None:
        asked = clinic.ask()

        desk.set_title(clinic.world.administrator, clinic.world.new_owner, "Neuropsychologue")
        desk.deactivate(clinic.world.administrator, clinic.colleague())

        assert clinic.lines(asked) == [("transfer.open", "allowed", None)]

    def test_a_denied_command_notices_nothing(self, clinic: Clinic, desk: Desk) -> None:
        """One transaction: nothing of it is left."""
        asked = clinic.ask(by=clinic.world.coordinator)

        with pytest.raises(EngineError):
            desk.set_title(clinic.world.administrator, clinic.world.new_owner, "\x1b[31m")

        assert clinic.column(asked, "state") == "pending_acceptance"


class TestAccepts:
    def test_elig_3_a_practitioner_declares_for_themself(self, clinic: Clinic, desk: Desk) -> None:
        """It stops asking, never an answer."""
        world = clinic.world
        asked = clinic.ask()

        assert desk.set_accepts(world.new_owner, accepts=False).accepts_records is False

        other = clinic.full_record().record
        assert clinic.open(clinic.request(record_id=other)).denied == "ELIG-3/not_accepting"
        assert clinic.accept(asked).state == "accepted"
        desk.set_accepts(world.new_owner, accepts=True)
        clinic.ask(record_id=other)
        assert last_line(clinic)[0] == "transfer.open"

    @pytest.mark.parametrize("who", ["administrator", "coordinator"])
    def test_nobody_else_declares(self, clinic: Clinic, desk: Desk, who: str) -> None:
        """ROLE-4: no role implies another."""
        with pytest.raises(Denied, match="ROLE-4/declares"):
            desk.set_accepts(getattr(clinic.world, who), accepts=False)

        assert last_line(clinic)[:3] == ("member.accepts", "denied", "ROLE-4/declares")
