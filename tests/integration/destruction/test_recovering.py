"""VIS-6: what a collaborator kept for themself, once they have left: it stays, and is made a copy."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from engine.desk.desk import Desk
from engine.errors import EngineError
from engine.records import visibility
from engine.records.tables.base import NoteState
from engine.rules.content import ContentClass
from engine.states.choices import Options, RestorationCause, Role
from tests import build
from tests.integration.destruction.test_destruction import DUE, NOTHING_KEPT, contents, state, sweep, whole
from tests.integration.handover.clinic import Clinic, FullRecord

C = ContentClass
ORDER = RestorationCause.ORDER


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    return Desk(clinic.database)


@pytest.fixture
def left(clinic: Clinic, desk: Desk) -> FullRecord:
    """A record whose collaborator left, and had kept a note and a document for themself."""
    full = clinic.full_record()
    desk.deactivate(clinic.world.administrator, full.collaborator)
    return full


@pytest.fixture
def reader(clinic: Clinic) -> UUID:
    return clinic.colleague()


def _recover(clinic: Clinic, full: FullRecord, **more: Any) -> UUID:  # noqa: ANN401
    given: dict[str, Any] = {"author_id": full.collaborator, "cause": ORDER, "reason": "Ordonnance"} | more
    by, record = given.pop("by", clinic.world.administrator), given.pop("record", full.record)
    return Desk(clinic.database).recover(by, record, **given)


def _refused(clinic: Clinic, full: FullRecord, **more: Any) -> str:  # noqa: ANN401
    with pytest.raises(EngineError) as denied:
        _recover(clinic, full, **more)
    return denied.value.key


def _open(clinic: Clinic, copy: UUID, reader: UUID) -> None:
    Desk(clinic.database).open_copy(
        clinic.world.administrator, copy, reader_id=reader, days=7, cause=ORDER, reason="Ordonnance"
    )


def _sees(clinic: Clinic, actor: UUID, record: UUID) -> set[UUID]:
    with clinic.database.read() as session:
        return {item.id for item in visibility.see(session, actor, record, datetime.now(UTC))}


def _everybody(clinic: Clinic, full: FullRecord) -> list[set[UUID]]:
    world = clinic.world
    people = (world.owner, world.new_owner, world.coordinator, world.administrator, full.collaborator)
    return [_sees(clinic, who, full.record) for who in people]


class TestKept:
    def test_it_goes_with_the_record_and_no_destruction_takes_it(
        self, clinic: Clinic, desk: Desk, left: FullRecord
    ) -> None:
        """VIS-6, MOVE-6: moved with its author, through hand-overs and destruction."""
        theirs = left.of(C.COLLABORATOR_CONFIDENTIAL)
        clinic.hand_over(NOTHING_KEPT, record=left.record)
        clinic.hand_over(record=left.record, by=clinic.world.new_owner, to=clinic.world.owner)
        assert len(whole(sweep(clinic, DUE))) == 2

        assert theirs <= clinic.items_of(clinic.live(left.record)[0])
        desk.activate(clinic.world.administrator, left.collaborator)
        assert theirs <= _sees(clinic, left.collaborator, left.record)

    def test_a_hold_keeps_all_of_it(self, clinic: Clinic, left: FullRecord) -> None:
        """VIS-6, MOVE-11: the copy as well as the record."""
        copy = _recover(clinic, left)
        clinic.hold(left.record)
        assert sweep(clinic, DUE) == []
        assert left.of(C.COLLABORATOR_CONFIDENTIAL) == clinic.items_of(copy)
        clinic.release(left.record)

        assert whole(sweep(clinic, DUE)) == [copy]


class TestCopy:
    def test_of_theirs_alone_read_only_where_it_is_opened(
        self, clinic: Clinic, desk: Desk, left: FullRecord, reader: UUID, tmp_path: Path
    ) -> None:
        """VIS-6, MOVE-6: nobody sees more than before; a named practitioner reads what they had kept."""
        before = _everybody(clinic, left)
        copy = _recover(clinic, left)
        assert _everybody(clinic, left) == before
        assert [one.id for one in desk.holderless_copies(clinic.world.administrator)] == [copy]
        _open(clinic, copy, reader)

        theirs = left.of(C.COLLABORATOR_CONFIDENTIAL)
        assert _sees(clinic, reader, left.record) == {copy, *theirs}
        assert all(desk.content(reader, left.record, item) for item in theirs)
        assert desk.export_record(reader, left.record, tmp_path / "out", language="fr") == 3
        assert _everybody(clinic, left) == before

    def test_what_is_in_no_count_stays_in_none(self, clinic: Clinic, desk: Desk, left: FullRecord) -> None:
        """VIS-6: nor in the list, the forecast or the report of destruction, nor in the log."""
        copy = _recover(clinic, left)
        (listed,) = desk.holderless_copies(clinic.world.administrator)
        assert (listed.items, listed.due_on) == ([], DUE.date())
        assert desk.destruction_forecast(clinic.world.administrator) == []
        sweep(clinic, DUE)

        (gone,) = desk.destruction_report(clinic.world.administrator)
        assert (gone.id, {line.item_class for line in gone.items}) == (copy, {C.DETAILS})

    def test_logged_and_told_to_administrators(self, clinic: Clinic, left: FullRecord) -> None:
        """AUD-1, MOVE-6, ST-2: and to whose it is; coordinators learn nothing of it."""
        with clinic.database.write() as session:
            second = build.member(session, clinic.world.organization, Role.ADMINISTRATOR)
        copy = _recover(clinic, left, reason="Une raison à taire")

        assert clinic.rows(
            "SELECT outcome, role, record_id, subject_id FROM events WHERE action = 'quarantine.recover'"
        ) == [("allowed", "administrator", str(left.record), str(left.collaborator))]
        told = clinic.rows("SELECT recipient_id FROM outbox WHERE kind = 'quarantine_recovered'")
        assert {UUID(who) for (who,) in told} == {second, left.collaborator}
        assert clinic.rows(
            "SELECT body FROM restorations JOIN texts ON texts.id = reason_id WHERE holding_id = :id", id=copy
        ) == [("Une raison à taire",)]

    def test_it_ends_as_a_copy_does(self, clinic: Clinic, left: FullRecord, reader: UUID) -> None:
        """MOVE-6: the record's own items stay, with their bytes; then it may be made again."""
        copy = _recover(clinic, left)
        _open(clinic, copy, reader)
        before = contents(clinic)
        assert whole(sweep(clinic, DUE - timedelta(days=1))) == []
        assert whole(sweep(clinic, DUE)) == [copy]

        assert (state(clinic, copy), clinic.items_of(copy)) == ("destroyed", set())
        assert _sees(clinic, reader, left.record) == set()
        assert contents(clinic) == before
        assert _recover(clinic, left) != copy

    def test_bytes_that_only_the_copy_had_go_with_it(
        self, clinic: Clinic, desk: Desk, left: FullRecord
    ) -> None:
        """MOVE-4, MOVE-6: its author came back and wrote on; the copy stays as it was, and leaves nothing."""
        copy = _recover(clinic, left)
        world = clinic.world
        desk.activate(world.administrator, left.collaborator)
        with clinic.database.write() as session:
            live = clinic.live(left.record)[0]
            draft = build.note(
                session,
                live,
                author_id=left.collaborator,
                author_only=True,
                state=NoteState.DRAFT,
                body="première version",
            )
        desk.deactivate(world.administrator, left.collaborator)
        second = _recover(clinic, left)
        assert clinic.items_of(second) == {draft}
        desk.activate(world.administrator, left.collaborator)
        desk.edit_note(left.collaborator, left.record, draft, "seconde version")
        sha256 = hashlib.sha256("première version".encode()).hexdigest()
        organization = str(world.organization)
        assert (organization, sha256) in contents(clinic)
        assert sorted(whole(sweep(clinic, DUE))) == sorted([copy, second])

        assert (organization, sha256) not in contents(clinic)


class TestDenied:
    def test_who_may_not(self, clinic: Clinic, desk: Desk, left: FullRecord) -> None:
        """ROLE-4, ST-2, VIS-6, VIS-8, VIS-11: nobody is told whether there is something."""
        world = clinic.world
        foreign = Clinic(clinic.database).world
        for who in (world.owner, world.coordinator):
            assert _refused(clinic, left, by=who) == "ROLE-4/administrator"
        assert _refused(clinic, left, by=foreign.administrator) == "VIS-11/record"
        assert _refused(clinic, left, record=uuid4()) == "VIS-11/record"
        for stranger in (foreign.owner, uuid4()):
            assert _refused(clinic, left, author_id=stranger) == "VIS-11/colleague"
        assert _refused(clinic, left, author_id=world.owner) == "VIS-6/author_active"
        assert _refused(clinic, left, author_id=clinic.colleague(active=False)) == "VIS-11/left_behind"
        assert _refused(clinic, left, reason=" ") == "ST-2"
        _recover(clinic, left)
        assert _refused(clinic, left) == "VIS-11/left_behind"

    def test_nothing_else_enters_a_closed_holding(self, clinic: Clinic, left: FullRecord) -> None:
        """MOVE-4: nor, once it is a copy, what belongs there."""
        copy = _recover(clinic, left)
        clinic.hand_over(Options(), record=left.record)
        for table in ("notes", "documents"):
            names = [c for c in _columns(clinic, table) if c != "holding_id"]
            again = f"INSERT INTO {table} (holding_id, {', '.join(names)}) SELECT :into, {', '.join(names)}"
            of = f" FROM {table} WHERE holding_id = :live LIMIT 1"
            for into in (copy, left.holding):
                with pytest.raises(Exception, match="MOVE-4"):
                    clinic.change(again + of, into=into, live=clinic.live(left.record)[0])

    def test_a_holding_of_theirs_takes_what_they_kept_and_nothing_else(
        self, clinic: Clinic, left: FullRecord
    ) -> None:
        """MOVE-4, VIS-6: while it becomes one, in the database too: no colleague's item, no other text."""
        secret = min(i for i in left.of(C.COLLABORATOR_CONFIDENTIAL) if i in _notes(clinic, left.holding))
        theirs = min(left.of(C.NOTE) & _notes(clinic, left.holding))
        names = [c for c in _columns(clinic, "notes") if c != "holding_id"]
        fields = ", ".join(_columns(clinic, "holdings"))
        taken = {"id": ":id", "owner_id": ":owner", "state": "'quarantined'", "until_at": "from_at"}
        apart = ", ".join(taken.get(column, column) for column in fields.split(", "))
        enter = f"INSERT INTO notes (holding_id, {', '.join(names)}) SELECT :into, {{}} FROM notes"
        of = " WHERE holding_id = :live AND item_id = :item"
        into = uuid4()

        def written(item: UUID, **other: str) -> None:
            with clinic.database.write() as session:
                given = {"id": into, "owner": left.collaborator, "record": left.record}
                holding = f"INSERT INTO holdings ({fields}) SELECT {apart} FROM holdings WHERE id = :live"
                bound = clinic._bound(given | {"live": left.holding, "into": into, "item": item})
                session.execute(text(holding), bound)
                columns = ", ".join(other.get(name, name) for name in names)
                session.execute(text(enter.format(columns) + of), bound)
                session.rollback()

        written(secret)
        for item, other in ((theirs, {}), (secret, {"author_only": "NOT author_only"})):
            with pytest.raises(Exception, match="MOVE-4"):
                written(item, **other)


def _notes(clinic: Clinic, holding: UUID) -> set[UUID]:
    rows = clinic.rows("SELECT item_id FROM notes WHERE holding_id = :id", id=holding)
    return {UUID(item) for (item,) in rows}


def _columns(clinic: Clinic, table: str) -> list[str]:
    with clinic.database.read() as session:
        return list(session.connection().exec_driver_sql(f"SELECT * FROM {table} LIMIT 0").keys())
