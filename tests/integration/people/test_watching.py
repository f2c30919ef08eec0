"""What is under way and who must act: lists by page, and what needs somebody; a filter reveals nothing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, update

from engine.desk.desk import Desk
from engine.desk.watching import LONGEST_PAGE
from engine.errors import BadInput, NotFound
from engine.records.tables.base import StuckCause
from engine.records.tables.transfers import Transfer
from engine.records.transfers import mark_stuck
from engine.states.choices import Role
from engine.states.transfer import TransferState
from tests import build
from tests.integration.handover.clinic import Clinic


def fresh(clinic: Clinic) -> UUID:
    with clinic.database.write() as session:
        return build.record(session, clinic.world.owner, [clinic.world.client]).record_id


def listed(desk: Desk, who: UUID, **wanted: object) -> list[UUID]:
    return [view.id for view in desk.transfers(who, **wanted).transfers]  # type: ignore[arg-type]


def needs(desk: Desk, who: UUID) -> list[tuple[str, UUID, str | None]]:
    return [(each.need.value, each.transfer.id, each.rule) for each in desk.needs(who).transfers]


def statements(clinic: Clinic, look: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(clinic.database.engine, "before_cursor_execute", note)
    look()
    event.remove(clinic.database.engine, "before_cursor_execute", note)
    return len(seen)


def ask_for(clinic: Clinic, count: int) -> None:
    """Of so many transfers each in a state of its own: pending, accepted, refused, asked of somebody else."""
    world, other = clinic.world, clinic.colleague()
    for number in range(count):
        asked = clinic.ask(by=world.coordinator, record_id=fresh(clinic))
        if number % 4 == 1:
            clinic.accept(asked)
        if number % 4 == 2:
            clinic.refuse(asked)
        if number % 4 == 3:
            clinic.reassign(asked, to=other)


class TestNumberOfStatements:
    @pytest.mark.parametrize("role", ["coordinator", "owner", "new_owner"])
    def test_of_a_list_does_not_grow(self, clinic: Clinic, desk: Desk, role: str) -> None:
        who = getattr(clinic.world, role)
        found = []
        for more in (5, 45):
            ask_for(clinic, more)
            found.append(statements(clinic, lambda: desk.transfers(who)))
        page = desk.transfers(who).transfers

        assert len(page) == 50
        assert found[0] == found[1]
        assert page == [clinic.view(who, view.id) for view in page]

    def test_of_what_needs_somebody_does_not_grow(self, clinic: Clinic, desk: Desk) -> None:
        """ST-4: of each own transfer it is asked which rule stops its answer."""
        world, found, shown = clinic.world, [], []
        for more in (5, 45):
            asked = clinic.colleague()
            for _ in range(more):
                clinic.ask(to=asked, record_id=fresh(clinic))
            clinic.restrict(member_id=asked)
            found.append(statements(clinic, lambda: desk.needs(world.owner)))
            shown.append(needs(desk, world.owner))

        assert found[0] == found[1]
        assert [len(each) for each in shown] == [5, 50]
        assert {(need, rule) for need, _, rule in shown[1]} == {("stopped", "ELIG-4")}

    def test_of_the_records_does_not_grow(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-7: records in use, those of others, and copies, each as it is shown by itself."""
        world, found = clinic.world, []
        for more in (5, 45):
            for number in range(more):
                record_id = fresh(clinic)
                if number % 3 == 1:
                    clinic.hand_over(record=record_id)
                if number % 3 == 2:
                    clinic.ask(record_id=record_id)
            found.append(statements(clinic, lambda: desk.records(world.owner)))
        listed = desk.records(world.owner)

        assert len(listed) == 51
        assert {view.archived for view in listed} == {False, True}
        assert found[0] == found[1]
        assert listed == [
            desk.record(world.owner, view.id).model_copy(update={"items": []}) for view in listed
        ]


class TestList:
    def test_page_by_page_newest_first_nothing_twice_and_nothing_left_out(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        asked = [clinic.ask(record_id=fresh(clinic)) for _ in range(7)][::-1]

        def pages() -> Iterator[list[UUID]]:
            after = None
            while True:
                found = desk.transfers(clinic.world.coordinator, limit=3, after=after)
                yield [view.id for view in found.transfers]
                if (after := found.after) is None:
                    return

        assert list(pages()) == [asked[:3], asked[3:6], asked[6:]]

    def test_of_the_same_instant_by_id(self, clinic: Clinic, desk: Desk) -> None:
        """A page ends between two that were asked at the same instant."""
        asked = sorted(clinic.ask(record_id=fresh(clinic)) for _ in range(3))
        with clinic.database.write() as session:
            session.execute(update(Transfer).values(asked_at=datetime(2026, 3, 2, tzinfo=UTC)))

        assert listed(desk, clinic.world.owner, limit=2) == asked[:2]
        assert listed(desk, clinic.world.owner, limit=2, after=asked[1]) == asked[2:]

    def test_filters(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-12: a coordinator watches every transfer; states, parties and age narrow the list."""
        world, other = clinic.world, clinic.colleague()
        mine, theirs = clinic.ask(), clinic.ask(to=other, record_id=fresh(clinic))
        with clinic.database.write() as session:
            elsewhere = build.record(session, other, [world.client]).record_id
        third = clinic.ask(by=other, record_id=elsewhere)
        clinic.refuse(third)
        with clinic.database.write() as session:
            old = datetime.now(UTC) - timedelta(days=10)
            session.execute(update(Transfer).where(Transfer.id == mine).values(asked_at=old))

        who = world.coordinator
        assert listed(desk, who, state=TransferState.REFUSED) == [third]
        assert listed(desk, who, from_id=world.owner) == [theirs, mine]
        assert listed(desk, who, to_id=other) == [theirs]
        assert listed(desk, who, to_id=world.new_owner, from_id=world.owner) == [mine]
        assert listed(desk, who, older_than_days=9) == [mine]
        assert listed(desk, who, older_than_days=11) == []

    def test_vis_12_a_filter_tells_no_more_than_the_list(self, clinic: Clinic, desk: Desk) -> None:
        """Somebody who no longer is asked finds it by what they see, and not by what it is."""
        world = clinic.world
        asked = clinic.ask(by=world.coordinator)
        clinic.refuse(asked)

        who = world.new_owner
        assert listed(desk, who, state=TransferState.REFUSED) == [asked]
        assert listed(desk, who, state=TransferState.COORDINATOR_OVERRIDE) == []
        assert listed(desk, who, from_id=world.owner) == []
        assert listed(desk, who, to_id=who) == []

    def test_vis_8_nothing_of_another_organization(
        self, clinic: Clinic, desk: Desk, elsewhere: Clinic
    ) -> None:
        """VIS-11: to go on after a transfer, or to name somebody, one must be allowed to know of them."""
        foreign = elsewhere.ask()
        own = clinic.ask()
        stranger = clinic.colleague()

        assert listed(desk, clinic.world.coordinator) == [own]
        for who, after in (
            (clinic.world.coordinator, foreign), (clinic.world.coordinator, uuid4()), (stranger, own),
        ):  # fmt: skip
            with pytest.raises(NotFound, match="VIS-11/transfer"):
                desk.transfers(who, after=after)
        for party in (elsewhere.world.owner, uuid4()):
            with pytest.raises(NotFound, match="VIS-11/colleague"):
                desk.transfers(clinic.world.coordinator, from_id=party)

    @pytest.mark.parametrize("limit", [0, -1, LONGEST_PAGE + 1])
    def test_a_page_has_an_end(self, clinic: Clinic, desk: Desk, limit: int) -> None:
        with pytest.raises(BadInput, match="bad_input/limit"):
            desk.transfers(clinic.world.owner, limit=limit)

    @pytest.mark.parametrize("days", [-1, 10**9])
    def test_days_that_cannot_be(self, clinic: Clinic, desk: Desk, days: int) -> None:
        with pytest.raises(BadInput, match="bad_input/days"):
            desk.transfers(clinic.world.owner, older_than_days=days)


class TestNeeds:
    def test_whoever_is_asked_must_answer(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-3: blind as ever; nobody else is asked."""
        asked = clinic.ask()

        assert needs(desk, clinic.world.new_owner) == [("answer", asked, None)]
        assert desk.needs(clinic.world.new_owner).transfers[0].transfer.purpose is None
        for who in (clinic.world.owner, clinic.world.coordinator, clinic.world.administrator):
            assert needs(desk, who) == []
        clinic.accept(asked)
        assert needs(desk, clinic.world.new_owner) == []

    def test_st_1_a_coordinator_decides(self, clinic: Clinic, desk: Desk) -> None:
        """ROLE-4: an administrator who is none does not see it."""
        waits = clinic.ask(by=clinic.world.coordinator)
        clinic.refuse(waits)

        assert needs(desk, clinic.world.coordinator) == [("decide", waits, None)]
        assert needs(desk, clinic.world.administrator) == []
        assert needs(desk, clinic.world.new_owner) == []

    def test_what_came_back_until_it_is_asked_for_again(self, clinic: Clinic, desk: Desk) -> None:
        """MOVE-7: refused or expired; not what the owner took back themself."""
        world = clinic.world
        refused, expired, cancelled = (clinic.ask(record_id=fresh(clinic)) for _ in range(3))
        clinic.refuse(refused)
        clinic.expire(expired)
        clinic.cancel(cancelled)

        assert needs(desk, world.owner) == [("given_back", refused, None), ("given_back", expired, None)]
        record = UUID(clinic.column(refused, "record_id"))
        again = clinic.ask(record_id=record)
        assert needs(desk, world.owner) == [("given_back", expired, None)]
        clinic.accept(again)
        assert needs(desk, world.owner) == [("given_back", expired, None)]

    def test_what_came_back_long_ago_is_settled(self, clinic: Clinic, desk: Desk) -> None:
        refused = clinic.ask()
        clinic.refuse(refused)
        with clinic.database.write() as session:
            long_ago = datetime.now(UTC) - timedelta(days=31)
            session.execute(update(Transfer).where(Transfer.id == refused).values(decided_at=long_ago))

        assert needs(desk, clinic.world.owner) == []
        with clinic.database.write() as session:
            session.execute(
                update(Transfer).where(Transfer.id == refused).values(decided_at=long_ago + timedelta(days=2))
            )
        assert needs(desk, clinic.world.owner) == [("given_back", refused, None)]

    def test_st_4_a_rule_stops_the_answer(self, clinic: Clinic, desk: Desk) -> None:
        """As long as it does: the owner may cancel or narrow."""
        world = clinic.world
        asked = clinic.ask()

        desk.deactivate(world.administrator, world.new_owner)

        assert needs(desk, world.owner) == [("stopped", asked, "ELIG-3/inactive")]
        desk.activate(world.administrator, world.new_owner)
        assert needs(desk, world.owner) == []

    def test_st_5_what_is_stuck(self, clinic: Clinic, desk: Desk) -> None:
        """Its owner and whoever asked may cancel it."""
        world = clinic.world
        asked = clinic.ask(by=world.coordinator)
        with clinic.database.write() as session:
            mark_stuck(session, asked, StuckCause.UNEXPECTED_ERROR)

        assert needs(desk, world.owner) == [("stuck", asked, None)]
        assert needs(desk, world.coordinator) == [("stuck", asked, None)]
        with clinic.database.write() as session:
            mark_stuck(session, asked, None)
        assert needs(desk, world.owner) == []

    def test_role_6_whose_records_were_left(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-1, VIS-2: numbers for coordinators, no title; until they are moved."""
        world = clinic.world
        with clinic.database.write() as session:
            build.record(session, world.owner, [world.client], confidential=True, title="Secret")
        desk.deactivate(world.administrator, world.owner)

        (left,) = desk.needs(world.coordinator).left

        assert (left.id, left.institutional, left.confidential) == (world.owner, 1, 1)
        assert "Secret" not in desk.needs(world.coordinator).model_dump_json()
        assert desk.needs(world.administrator).left == []
        clinic.hand_over(by=world.coordinator)
        assert desk.needs(world.coordinator).left[0].institutional == 0

    def test_st_1_administrators_are_told_what_waits_for_nobody(self, clinic: Clinic, desk: Desk) -> None:
        """Only while there is no coordinator."""
        world = clinic.world
        clinic.refuse(clinic.ask(by=world.coordinator))
        desk.deactivate(world.administrator, world.owner)
        before = desk.needs(world.administrator)
        desk.grant(world.administrator, world.coordinator, Role.PRACTITIONER)

        desk.revoke(world.administrator, world.coordinator, Role.COORDINATOR)

        after, other = desk.needs(world.administrator), desk.needs(world.coordinator)
        assert (before.waiting, before.left_records) == (0, 0)
        assert (after.waiting, after.left_records) == (1, 1)
        assert (other.waiting, other.left_records) == (0, 0)

    def test_vis_8_nothing_of_another_organization(
        self, clinic: Clinic, desk: Desk, elsewhere: Clinic
    ) -> None:
        elsewhere.refuse(elsewhere.ask(by=elsewhere.world.coordinator))
        desk.deactivate(elsewhere.world.administrator, elsewhere.world.owner)

        assert desk.needs(clinic.world.coordinator).model_dump(exclude_defaults=True) == {
            "transfers": [], "more": 0, "left": [], "waiting": 0, "left_records": 0,
        }  # fmt: skip
