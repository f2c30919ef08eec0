"""What a coordinator looks over: practitioners in numbers, and the record that they mean; never content."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from engine.desk.coordinating import FOUND
from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, NotFound
from engine.records.overview import folded
from engine.rules.facts import RecordStatus
from engine.states.choices import Options
from engine.views import PractitionerView
from tests import build
from tests.integration.handover.clinic import Clinic
from tests.integration.people.logged import last_line

LOOKS: dict[str, Callable[[Desk, UUID, UUID], object]] = {
    "member.practitioners": lambda desk, actor, _: desk.practitioners(actor),
    "record.search": lambda desk, actor, owner: desk.find_records(actor, owner, "suivi"),
}


def record(clinic: Clinic, title: str, **more: object) -> UUID:
    with clinic.database.write() as session:
        owner = more.pop("owner", clinic.world.owner)
        return build.record(session, owner, [clinic.world.client], title=title, **more).record_id  # type: ignore[arg-type]


@pytest.mark.parametrize("action", LOOKS)
@pytest.mark.parametrize("who", ["administrator", "owner", "new_owner"])
def test_role_4_only_a_coordinator(clinic: Clinic, desk: Desk, action: str, who: str) -> None:
    """An administrator who is no coordinator neither; the denial is logged (AUD-1)."""
    with pytest.raises(Denied, match="ROLE-4/coordinator"):
        LOOKS[action](desk, getattr(clinic.world, who), clinic.world.owner)

    assert last_line(clinic)[:3] == (action, "denied", "ROLE-4/coordinator")


class TestPractitioners:
    def test_vis_1_who_and_how_many(self, clinic: Clinic, desk: Desk, elsewhere: Clinic) -> None:
        """Archived and deleted records do not count: they are not transferred (ELIG-1). VIS-8: here only."""
        world = clinic.world
        elsewhere.full_record()
        record(clinic, "Confidentiel", confidential=True)
        record(clinic, "Archivé", status=RecordStatus.ARCHIVED)
        record(clinic, "Supprimé", status=RecordStatus.DELETED)
        clinic.ask()

        found = {each.id: each for each in desk.practitioners(world.coordinator)}

        assert set(found) == {world.owner, world.new_owner}
        assert found[world.owner].model_dump(exclude={"id", "email"}) == {
            "first_name": "Camille", "last_name": "Roy", "title": "Psychologue", "institutional": 1,
            "confidential": 1, "transfers_in": 0, "transfers_out": 1, "accepts_records": True,
            "inactive": False,
        }  # fmt: skip
        assert (found[world.new_owner].transfers_in, found[world.new_owner].institutional) == (1, 0)

    def test_who_no_longer_is_asked_has_nothing_open(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-12: what waits for a coordinator is the sender's alone."""
        clinic.refuse(clinic.ask(by=clinic.world.coordinator))

        found = {each.id: each for each in desk.practitioners(clinic.world.coordinator)}

        assert found[clinic.world.new_owner].transfers_in == 0
        assert found[clinic.world.owner].transfers_out == 1

    def test_role_6_who_has_left_stands_there_until_their_records_are_moved(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        world = clinic.world
        desk.set_accepts(world.new_owner, accepts=False)
        desk.deactivate(world.administrator, world.owner)
        left = [each for each in desk.practitioners(world.coordinator) if each.inactive]
        assert [(each.id, each.institutional) for each in left] == [(world.owner, 1)]
        desk.set_accepts(world.new_owner, accepts=True)

        clinic.hand_over(by=world.coordinator)

        (only,) = desk.practitioners(world.coordinator)
        assert (only.id, only.institutional, only.accepts_records) == (world.new_owner, 1, True)

    @pytest.mark.parametrize("role", ["administrator", "coordinator"])
    def test_who_does_not_practise_is_not_listed(self, clinic: Clinic, desk: Desk, role: str) -> None:
        listed = {each.id for each in desk.practitioners(clinic.world.coordinator)}

        assert getattr(clinic.world, role) not in listed

    def test_as_many_queries_for_two_hundred_as_for_ten(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-1: each with an institutional record, a confidential one, and a transfer in and out."""
        figures = []
        for wanted in (10, 200):
            present = len(clinic.rows("SELECT member_id FROM member_roles WHERE role = 'practitioner'"))
            with clinic.database.write() as session:
                for _ in range(wanted - present):
                    someone = build.member(session, clinic.world.organization)
                    build.record(session, someone)
                    build.record(session, someone, confidential=True)
            figures.append(_queries(clinic, lambda: desk.practitioners(clinic.world.coordinator)))

        (few, listed), (many, all_listed) = figures
        assert (len(listed), len(all_listed)) == (10, 200)
        assert few == many == 6


def _queries(
    clinic: Clinic, look: Callable[[], list[PractitionerView]]
) -> tuple[int, list[PractitionerView]]:
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    event.listen(clinic.database.engine, "before_cursor_execute", count)
    found = look()
    event.remove(clinic.database.engine, "before_cursor_execute", count)
    return len(seen), found


class TestFind:
    @pytest.mark.parametrize("words", ["anxiete", "ANXIÉTÉ", "anxie\u0301te\u0301", " xié ", "a-00077"])
    def test_by_title_or_number_without_regard_to_case_and_accents(
        self, clinic: Clinic, desk: Desk, words: str
    ) -> None:
        """ROLE-3; the same on both databases. What was found is transferred by its number or its id."""
        world = clinic.world
        wanted = record(clinic, "Anxiété de séparation", number="A-00077")

        (found,) = desk.find_records(world.coordinator, world.owner, words).records

        assert (found.id, found.number, found.open_transfer_id) == (wanted, "A-00077", None)
        for name in (found.number, str(found.id)):
            assert desk.record_named(world.coordinator, name) == wanted
        assert desk.preview(world.coordinator, wanted, world.new_owner, Options()).record_number == "A-00077"
        asked = clinic.ask(by=world.coordinator, record_id=wanted)
        assert desk.find_records(world.coordinator, world.owner, words).records[0].open_transfer_id == asked

    @pytest.mark.parametrize("words", ["secret", "C-09", "C-091", "s"])
    def test_vis_2_a_confidential_record_changes_nothing(
        self, clinic: Clinic, desk: Desk, words: str
    ) -> None:
        """The answer is the same, word for word, whether it is there or not; its number names nothing."""
        world = clinic.world
        before = desk.find_records(world.coordinator, world.owner, words)
        hidden = record(clinic, "Secret", number="C-091", confidential=True)

        assert before == desk.find_records(world.coordinator, world.owner, words)

        answers = []
        for name in ("C-091", "C-404", str(hidden), str(uuid4())):
            with pytest.raises(NotFound) as denied:
                desk.record_named(world.coordinator, name)
            answers.append((denied.value.key, dict(denied.value.params)))
        assert answers == [answers[0]] * 4

    def test_sorted_cut_and_said(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-2: confidential records take no place and are not counted."""
        world = clinic.world
        for number in range(FOUND + 3, 0, -1):
            record(clinic, "Deuil", number=f"M-{number:03}")
            record(clinic, "Deuil", number=f"N-{number:03}", confidential=True)

        found = desk.find_records(world.coordinator, world.owner, "deuil")

        assert [each.number for each in found.records] == [f"M-{number:03}" for number in range(1, FOUND + 1)]
        assert found.more == 3

    def test_only_active_records_of_that_practitioner(
        self, clinic: Clinic, desk: Desk, elsewhere: Clinic
    ) -> None:
        """ELIG-1, VIS-8: a stranger reads as nobody."""
        world = clinic.world
        record(clinic, "Deuil", status=RecordStatus.ARCHIVED)
        record(clinic, "Deuil", owner=world.new_owner)
        record(elsewhere, "Deuil")

        assert desk.find_records(world.coordinator, world.owner, "deuil").records == []
        for owner in (elsewhere.world.owner, uuid4()):
            with pytest.raises(NotFound, match="VIS-11/colleague"):
                desk.find_records(world.coordinator, owner, "deuil")

    @pytest.mark.parametrize("words", ["", "  ", "\u0301"])
    def test_nothing_is_no_search(self, clinic: Clinic, desk: Desk, words: str) -> None:
        with pytest.raises(BadInput, match="bad_input/empty"):
            desk.find_records(clinic.world.coordinator, clinic.world.owner, words)

    @pytest.mark.parametrize(
        ("text", "as_compared"), [("STRASSE Straße", "strasse strasse"), ("Œuvre  ﬁn", "œuvre fin")]
    )
    def test_letters(self, text: str, as_compared: str) -> None:
        assert folded(text) == as_compared
