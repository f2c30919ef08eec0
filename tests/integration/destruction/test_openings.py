"""MOVE-6: a copy whose holder is gone is opened for a named practitioner and a time, logged and told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, EngineError
from engine.records import transfers, visibility
from engine.rules.content import ContentClass
from engine.rules.facts import Relation
from engine.states.choices import Options, RestorationCause, Role, ShareLevel, WhichCopy
from tests import build
from tests.integration.destruction.test_destruction import DUE, sweep
from tests.integration.handover.clinic import EVERYTHING, Clinic, FullRecord

C = ContentClass
ACCESS = RestorationCause.ACCESS_REQUEST
REASON = "Demande d'accès de la cliente"


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    return Desk(clinic.database)


@pytest.fixture
def left(clinic: Clinic, desk: Desk) -> FullRecord:
    """A record whose previous owner kept a copy, and left."""
    full = clinic.full_record()
    clinic.hand_over(EVERYTHING, record=full.record)
    desk.deactivate(clinic.world.administrator, clinic.world.owner)
    return full


@pytest.fixture
def reader(clinic: Clinic) -> UUID:
    return clinic.colleague(first_name="Noé", last_name="Lecteur")


def _open(clinic: Clinic, copy: UUID, reader: UUID, **more: Any) -> UUID:  # noqa: ANN401
    given: dict[str, Any] = {"days": 7, "cause": ACCESS, "reason": REASON} | more
    by = given.pop("by", clinic.world.administrator)
    return Desk(clinic.database).open_copy(by, copy, reader_id=reader, **given).id


def _refused(clinic: Clinic, copy: UUID, reader: UUID, **more: Any) -> str:  # noqa: ANN401
    with pytest.raises(EngineError) as denied:
        _open(clinic, copy, reader, **more)
    return denied.value.key


def _sees(clinic: Clinic, actor: UUID, record: UUID, after: timedelta = timedelta()) -> set[UUID]:
    with clinic.database.read() as session:
        return {item.id for item in visibility.see(session, actor, record, datetime.now(UTC) + after)}


def _last(clinic: Clinic) -> tuple[Any, ...]:
    rows = clinic.rows(
        "SELECT action, outcome, role, rule, record_id, subject_id FROM events"
        " WHERE organization_id = :id ORDER BY seq DESC LIMIT 1",
        id=clinic.world.organization,
    )
    return tuple(rows[0])


class TestReading:
    def test_as_its_holder_for_the_time_given(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID
    ) -> None:
        """MOVE-6, VIS-6, VIS-7: the copy as it stood, to the item; nothing later, nothing of the record."""
        with clinic.database.write() as session:
            later = build.note(session, clinic.live(left.record)[0], body="écrit après")
        assert _sees(clinic, reader, left.record) == set()
        _open(clinic, left.holding, reader, days=7)

        seen = _sees(clinic, reader, left.record)
        desk.activate(clinic.world.administrator, clinic.world.owner)
        assert seen == clinic.sees(clinic.world.owner, left.record, archived=True) != set()
        assert later not in seen
        assert not left.of(C.COLLABORATOR_CONFIDENTIAL) & seen

    def test_ends_by_time(self, clinic: Clinic, left: FullRecord, reader: UUID) -> None:
        _open(clinic, left.holding, reader, days=7)

        assert _sees(clinic, reader, left.record, timedelta(days=7) - timedelta(minutes=1))
        assert _sees(clinic, reader, left.record, timedelta(days=7, seconds=1)) == set()

    def test_the_author_of_a_confidential_item_reads_none_in_a_colleagues_copy(
        self, clinic: Clinic, left: FullRecord
    ) -> None:
        """VIS-6: it is no part of the copy, whoever reads that."""
        theirs = left.of(C.COLLABORATOR_CONFIDENTIAL)
        _open(clinic, left.holding, left.collaborator)

        with clinic.database.read() as session:
            seen = visibility.see(session, left.collaborator, left.record, datetime.now(UTC))
        copied = {item.id for item in seen if item.holding_id == left.holding}
        assert left.of(C.CONFIDENTIAL_NOTE, C.RAW_DATA) <= copied
        assert not (theirs | left.their_drafts) & copied

    def test_listed_shown_and_exported(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID, tmp_path: Path
    ) -> None:
        """AUD-3: each reading is one line, which names whose copy it was."""
        _open(clinic, left.holding, reader)

        assert [view.copy_id for view in desk.records(reader)] == [left.holding]
        for copy in (None, WhichCopy(), WhichCopy(left.holding)):
            view = desk.record(reader, left.record, copy=copy)
            assert (view.relation, view.archived, view.copy_id) == (Relation.READER, True, left.holding)
            assert {item.id for item in view.items} == _sees(clinic, reader, left.record)
            assert _last(clinic)[0] == "record.show"
            assert _last(clinic)[4:] == (str(left.record), str(clinic.world.owner))
        note = min(left.items[C.CONFIDENTIAL_NOTE])
        assert desk.content(reader, left.record, note)
        desk.export_record(reader, left.record, tmp_path / "out", language="fr", copy=WhichCopy())
        assert _last(clinic)[0] == "record.export"
        assert _last(clinic)[4:] == (str(left.record), str(clinic.world.owner))
        desk.export_document(reader, left.record, note, tmp_path / "file")
        assert _last(clinic)[4:] == (str(left.record), str(clinic.world.owner))

    def test_read_only(self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID) -> None:
        """MOVE-4, ELIG-2, VIS-7: nothing is written, asked or listed beyond the copy."""
        _open(clinic, left.holding, reader)
        denied = {}
        commands: dict[str, Callable[[], object]] = {
            "note": lambda: desk.add_note(reader, left.record, "texte"),
            "share": lambda: desk.share(reader, left.record, left.collaborator, level=ShareLevel.READ),
            "restrictions": lambda: desk.restrictions(reader, left.record),
        }
        for name, command in commands.items():
            with pytest.raises(EngineError) as stopped:
                command()
            denied[name] = stopped.value.key
        asked = clinic.open(clinic.request(record_id=left.record, by=reader))

        assert denied == {"note": "MOVE-4", "share": "MOVE-4", "restrictions": "VIS-7"}
        assert asked.denied == "ELIG-2"

    def test_vis_7_a_holder_reads_one_copy_of_several(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-7: who has the record again and kept a copy reads either; a copy that is not theirs is none."""
        full, world = clinic.full_record(), clinic.world
        clinic.hand_over(EVERYTHING, record=full.record)
        with clinic.database.write() as session:
            later = build.note(session, clinic.live(full.record)[0], body="écrit après")
        clinic.hand_over(EVERYTHING, record=full.record, by=world.new_owner, to=world.owner)

        copy = desk.record(world.owner, full.record, copy=WhichCopy(full.holding))
        assert (copy.relation, copy.archived) == (Relation.PREVIOUS_OWNER, True)
        assert later not in {item.id for item in copy.items}
        assert _last(clinic)[4:] == (str(full.record), None)
        assert not desk.record(world.owner, full.record).archived
        with pytest.raises(EngineError, match="VIS-11/copy"):
            desk.record(world.new_owner, full.record, copy=WhichCopy(full.holding))


class TestOpening:
    def test_logged_and_told(self, clinic: Clinic, left: FullRecord, reader: UUID) -> None:
        """AUD-1, ST-2, VIS-11: to the reader, the coordinators, other administrators; nobody else."""
        with clinic.database.write() as session:
            second = build.member(session, clinic.world.organization, Role.ADMINISTRATOR)
        opening = _open(clinic, left.holding, reader)

        assert _last(clinic) == (
            *("quarantine.open", "allowed", "administrator", None),
            *(str(left.record), str(reader)),
        )
        told = clinic.rows("SELECT recipient_id FROM outbox WHERE kind = 'quarantine_opened'")
        assert {UUID(who) for (who,) in told} == {reader, second, clinic.world.coordinator}
        with clinic.database.write() as session:
            transfers.sweep_texts(session, DUE)
        assert clinic.rows(
            "SELECT body, cause FROM openings JOIN texts ON texts.id = reason_id WHERE openings.id = :id",
            id=opening,
        ) == [(REASON, "access_request")]

    def test_for_oneself_only_as_a_practitioner(self, clinic: Clinic, left: FullRecord) -> None:
        """ROLE-4, VIS-12: an administrator as such never reads; one who also practises is named as such."""
        world = clinic.world
        assert _refused(clinic, left.holding, world.administrator) == "MOVE-6/reader"
        with clinic.database.write() as session:
            other = build.member(session, world.organization, Role.ADMINISTRATOR)
            both = build.member(session, world.organization, Role.ADMINISTRATOR, Role.PRACTITIONER)
        _open(clinic, left.holding, both, by=both)

        assert _sees(clinic, both, left.record)
        told = clinic.rows("SELECT recipient_id FROM outbox WHERE kind = 'quarantine_opened'")
        assert {UUID(who) for (who,) in told} == {world.administrator, other, world.coordinator}
        clinic.change("DELETE FROM member_roles WHERE member_id = :id AND role = 'practitioner'", id=both)
        assert _sees(clinic, both, left.record) == set()

    def test_who_may_not(self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID) -> None:
        """MOVE-6, ROLE-4, ELIG-4, ST-2, VIS-8: each with its rule, and nothing is opened."""
        world = clinic.world
        foreign = Clinic(clinic.database).world
        gone = clinic.colleague(active=False)
        barred, titled = clinic.colleague(), clinic.colleague(title="Conseillère")
        clinic.restrict(member_id=barred)
        clinic.restrict(title="conseillère")

        for who in (world.new_owner, world.coordinator, reader):
            assert _refused(clinic, left.holding, reader, by=who) == "ROLE-4/administrator"
        for unfit in (gone, world.coordinator, foreign.owner, uuid4()):
            assert _refused(clinic, left.holding, unfit) == "MOVE-6/reader"
        for unwanted in (barred, titled):
            assert _refused(clinic, left.holding, unwanted) == "ELIG-4"
        assert _refused(clinic, left.holding, reader, reason=" ") == "ST-2"
        assert {_refused(clinic, left.holding, reader, days=days) for days in (0, 31)} == {
            "bad_input/opening_days"
        }
        assert clinic.rows("SELECT 1 FROM openings") == []

    def test_what_is_no_copy_of_somebody_gone(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID
    ) -> None:
        """MOVE-6, VIS-8, VIS-11: alive, in quarantine, of another organization, destroyed, nothing at all."""
        desk.activate(clinic.world.administrator, clinic.world.owner)
        assert _refused(clinic, left.holding, reader) == "MOVE-6/holder_active"
        hidden = clinic.full_record()
        clinic.hand_over(Options(keep_copy=False), record=hidden.record)
        desk.deactivate(clinic.world.administrator, clinic.world.owner)
        foreign = Clinic(clinic.database).world.administrator
        missing = [
            _refused(clinic, clinic.live(left.record)[0], reader),
            _refused(clinic, hidden.holding, reader),
            _refused(clinic, left.holding, reader, by=foreign),
            _refused(clinic, uuid4(), reader),
        ]
        sweep(clinic, DUE)

        assert {*missing, _refused(clinic, left.holding, reader)} == {"VIS-11/holderless_copy"}

    def test_the_list_says_for_whom_and_never_what(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID
    ) -> None:
        """VIS-2, VIS-6, VIS-12, AUD-3."""
        hidden = clinic.full_record(confidential=True)
        world = clinic.world
        desk.activate(world.administrator, world.owner)
        clinic.hand_over(EVERYTHING, record=hidden.record)
        desk.deactivate(world.administrator, world.owner)
        opening = _open(clinic, left.holding, reader)
        found = {one.id: one for one in desk.holderless_copies(world.administrator)}

        assert found.keys() == {left.holding, hidden.holding}
        assert (found[hidden.holding].record_number, found[hidden.holding].openings) == (None, [])
        (listed,) = found[left.holding].openings
        assert (listed.id, listed.reader) == (opening, "Noé Lecteur")
        assert C.COLLABORATOR_CONFIDENTIAL not in {line.item_class for line in found[left.holding].items}
        assert _last(clinic)[0] == "quarantine.copies"
        with pytest.raises(EngineError, match="ROLE-4"):
            desk.holderless_copies(world.coordinator)


class TestEnd:
    def test_by_an_administrator_once(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID
    ) -> None:
        """MOVE-6, AUD-1: logged, told; nobody else's and nothing that has ended is closed."""
        world = clinic.world
        opening = _open(clinic, left.holding, reader)
        foreign = Clinic(clinic.database).world.administrator
        for who, key in ((world.coordinator, "ROLE-4"), (foreign, "VIS-11/opening")):
            with pytest.raises(EngineError, match=key):
                desk.close_copy(who, opening)
        desk.close_copy(world.administrator, opening)

        assert _last(clinic)[:3] == ("quarantine.close", "allowed", "administrator")
        assert _sees(clinic, reader, left.record) == set()
        assert (str(reader),) in clinic.rows(
            "SELECT recipient_id FROM outbox WHERE kind = 'quarantine_closed'"
        )
        with pytest.raises(BadInput, match="opening_ended"):
            desk.close_copy(world.administrator, opening)
        with pytest.raises(EngineError, match="VIS-11/record"):
            desk.record(reader, left.record)

    def test_with_a_restriction(self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID) -> None:
        """ELIG-4: whoever the client does not want any more reads no more, and is not told why (VIS-11)."""
        _open(clinic, left.holding, reader)
        stays = clinic.colleague(title="Ergothérapeute")
        _open(clinic, left.holding, stays)
        desk.restrict(clinic.world.new_owner, left.record, member_id=reader, title=None, basis="demandé")

        assert _sees(clinic, reader, left.record) == set()
        assert _last(clinic)[:4] == ("quarantine.close", "allowed", "engine", "ELIG-4")
        desk.restrict(
            clinic.world.new_owner, left.record, member_id=None, title="Orthophoniste", basis="demandé"
        )
        assert _sees(clinic, stays, left.record)
        desk.set_title(clinic.world.administrator, stays, "Orthophoniste")
        assert _sees(clinic, stays, left.record) == set()

    def test_when_its_holder_is_back(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID
    ) -> None:
        """MOVE-6: for good, also if they leave again."""
        _open(clinic, left.holding, reader)
        desk.activate(clinic.world.administrator, clinic.world.owner)
        assert _last(clinic)[:4] == ("quarantine.close", "allowed", "engine", "MOVE-6/holder_active")
        desk.deactivate(clinic.world.administrator, clinic.world.owner)

        assert _sees(clinic, reader, left.record) == set()

    def test_while_its_reader_is_away_and_with_the_copy(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID
    ) -> None:
        """VIS-8, MOVE-6: an inactive member sees nothing; a destroyed copy is open to nobody."""
        _open(clinic, left.holding, reader)
        desk.deactivate(clinic.world.administrator, reader)
        assert _sees(clinic, reader, left.record) == set()
        desk.activate(clinic.world.administrator, reader)
        assert _sees(clinic, reader, left.record)
        sweep(clinic, DUE)

        assert _sees(clinic, reader, left.record) == set()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE openings SET until_at = opened_at",
            "UPDATE openings SET reader_id = by_id, ended_at = until_at",
            "DELETE FROM openings",
            "INSERT OR REPLACE INTO openings SELECT * FROM openings",
        ],
    )
    def test_the_database_keeps_it(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID, statement: str
    ) -> None:
        """MOVE-6: it ends once, and nothing else of it changes."""
        opening = _open(clinic, left.holding, reader)
        if not clinic._on_sqlite:
            statement = statement.replace("INSERT OR REPLACE", "INSERT")
        with pytest.raises(Exception, match=r"MOVE-6: an opening ends once|duplicate key"):
            clinic.change(statement)
        desk.close_copy(clinic.world.administrator, opening)
        with pytest.raises(Exception, match="MOVE-6: an opening ends once"):
            clinic.change("UPDATE openings SET ended_at = until_at")

    def test_the_database_opens_only_copies_of_the_inactive(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID
    ) -> None:
        _open(clinic, left.holding, reader)
        again = (
            "INSERT INTO openings SELECT :id, organization_id, :holding, reader_id, cause, reason_id, by_id,"
            " opened_at, until_at, ended_at FROM openings"
        )
        with pytest.raises(Exception, match="MOVE-6: only an archived copy"):
            clinic.change(again, id=uuid4(), holding=clinic.live(left.record)[0])
        desk.activate(clinic.world.administrator, clinic.world.owner)
        with pytest.raises(Exception, match="MOVE-6: only an archived copy"):
            clinic.change(again, id=uuid4(), holding=left.holding)
