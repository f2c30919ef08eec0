"""MOVE-6, MOVE-8, MOVE-11: what is destroyed, on which day, and what is left of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from engine.records import destruction
from engine.records.destruction import Destroyed
from engine.records.tables.base import DestroyedBy
from engine.rules.content import ContentClass
from engine.states.choices import Options, RawDataChoice
from tests import build
from tests.integration.handover.clinic import EVERYTHING, ITEM_TABLES, START, Clinic, FullRecord

C = ContentClass
DAY = timedelta(days=1)
NOTHING_KEPT = Options(keep_copy=False)
#: The last service of ``full_record``: the collaborator's upcoming appointment, a week after ``START``.
SERVED = START + timedelta(days=7, hours=1)
#: The first day on which its retention is over: five years and a day later, at noon in Greenwich.
DUE = datetime(2045, 3, 13, 17, tzinfo=UTC)
GRACE_OVER = START + timedelta(days=31)


def sweep(clinic: Clinic, at: datetime, limit: int = 100) -> list[Destroyed]:
    """Destroy all that is due in the clinic, page by page, as the daily sweep does."""
    found, after = [], None
    while True:
        with clinic.database.read() as session:
            page = destruction.due(session, clinic.world.organization, at, after=after, limit=limit)
        for holding in page:
            with clinic.database.write() as session:
                done = destruction.destroy(session, holding, at)
                assert done is not None
                found.append(done)
        if len(page) < limit:
            return found
        after = page[-1]


def or_replace(clinic: Clinic) -> str:
    """SQLite's way to remove a row without asking its DELETE trigger; PostgreSQL has none."""
    return "OR REPLACE " if clinic.database.engine.dialect.name == "sqlite" else ""


def whole(found: list[Destroyed]) -> list[UUID]:
    return [one.holding_id for one in found if one.rule is DestroyedBy.RETENTION]


def state(clinic: Clinic, holding: UUID) -> str:
    ((found,),) = clinic.rows("SELECT state FROM holdings WHERE id = :id", id=holding)
    return str(found)


def digests(clinic: Clinic, transfer: UUID) -> dict[UUID, str | None]:
    rows = clinic.rows("SELECT item_id, sha256 FROM manifest WHERE transfer_id = :id", id=transfer)
    return {UUID(item): sha256 for item, sha256 in rows}


def contents(clinic: Clinic) -> set[tuple[str, str]]:
    return set(clinic.rows("SELECT organization_id, sha256 FROM content"))


def quiet_record(clinic: Clinic, *, served: datetime, **more: Any) -> build.BuiltRecord:  # noqa: ANN401
    """A record whose only item is one confidential note, of a given day."""
    with clinic.database.write() as session:
        built = build.record(session, clinic.world.owner, [clinic.world.client], opened=served, **more)
        build.note(session, built.holding_id, confidential=True, created_at=served)
    return built


class TestWhen:
    @pytest.mark.parametrize("options", [NOTHING_KEPT, EVERYTHING], ids=["quarantine", "copy"])
    def test_the_day_after_both_periods_and_no_earlier(self, clinic: Clinic, options: Options) -> None:
        """MOVE-6: quarantine and archived copy end by the same retention."""
        full = clinic.full_record()
        clinic.hand_over(options, record=full.record)

        assert whole(sweep(clinic, DUE - 2 * DAY)) == []
        assert whole(sweep(clinic, DUE - DAY)) == []
        assert whole(sweep(clinic, DUE)) == [full.holding]
        assert state(clinic, full.holding) == "destroyed"
        assert sweep(clinic, DUE + DAY) == []

    def test_a_preview_names_the_same_day(self, clinic: Clinic) -> None:
        full = clinic.full_record()
        clinic.hand_over(NOTHING_KEPT, record=full.record)

        with clinic.database.read() as session:
            (found,) = destruction.waiting(session, clinic.world.organization)

        assert (found.holding_id, found.due_on) == (full.holding, DUE.date())
        assert found.unfinished_due_on == GRACE_OVER.date()
        assert (found.counts[C.RAW_DATA], C.INVOICE in found.counts) == (2, False)
        assert found.unfinished == {C.TASK: 2, C.MEMO: 2}

    def test_tasks_and_memos_go_after_the_grace_period_alone(self, clinic: Clinic) -> None:
        """MOVE-6: nothing else of the copy is touched."""
        full = clinic.full_record()
        clinic.hand_over(record=full.record)
        assert sweep(clinic, GRACE_OVER - DAY) == []
        (found,) = sweep(clinic, GRACE_OVER)

        assert (found.rule, found.counts) == (DestroyedBy.GRACE, {C.TASK: 2, C.MEMO: 2})
        assert state(clinic, full.holding) == "archived"
        gone = full.of(C.TASK, C.MEMO)
        kept = full.every_item - gone - full.of(C.SHARE, C.COLLABORATOR_APPOINTMENT, C.DETAILS)
        assert clinic.items_of(full.holding) == kept
        assert sweep(clinic, GRACE_OVER + DAY) == []

    def test_an_old_record_waits_for_the_grace_period(self, clinic: Clinic) -> None:
        """MOVE-6: a mistake can be undone for thirty days, however long ago the last service was."""
        built = quiet_record(clinic, served=START - timedelta(days=4000))
        clinic.hand_over(NOTHING_KEPT, record=built.record_id)

        assert sweep(clinic, GRACE_OVER - DAY) == []
        assert whole(sweep(clinic, GRACE_OVER)) == [built.holding_id]

    def test_a_leap_day(self, clinic: Clinic) -> None:
        """MOVE-6: five years after the 29th of February 2036 end with the 1st of March 2041."""
        built = quiet_record(clinic, served=datetime(2036, 2, 29, 17, tzinfo=UTC))
        clinic.hand_over(NOTHING_KEPT, record=built.record_id)

        assert sweep(clinic, datetime(2041, 3, 1, 17, tzinfo=UTC)) == []
        assert whole(sweep(clinic, datetime(2041, 3, 2, 17, tzinfo=UTC))) == [built.holding_id]

    def test_the_day_begins_at_midnight_there(self, clinic: Clinic) -> None:
        """MOVE-6: in Montréal, not in Greenwich."""
        built = quiet_record(clinic, served=datetime(2036, 6, 10, 17, tzinfo=UTC))
        clinic.hand_over(NOTHING_KEPT, record=built.record_id)
        midnight = datetime(2041, 6, 11, 4, tzinfo=UTC)

        assert sweep(clinic, midnight - timedelta(seconds=1)) == []
        assert whole(sweep(clinic, midnight)) == [built.holding_id]

    def test_whoever_gave_the_last_service(self, clinic: Clinic) -> None:
        """MOVE-6: the new owner's note keeps the previous owner's copy."""
        built = quiet_record(clinic, served=START - timedelta(days=4000))
        clinic.hand_over(NOTHING_KEPT, record=built.record_id)
        new, owner = clinic.live(built.record_id)
        with clinic.database.write() as session:
            build.note(session, new, author_id=owner, created_at=START + DAY)

        assert sweep(clinic, DUE - timedelta(days=10)) == []
        assert whole(sweep(clinic, DUE)) == [built.holding_id]

    def test_policies_count_as_they_are_on_the_day(self, clinic: Clinic) -> None:
        """ST-3: all policies but the deadline, as they stand."""
        built = quiet_record(clinic, served=START - timedelta(days=400))
        clinic.hand_over(NOTHING_KEPT, record=built.record_id)
        assert sweep(clinic, START + timedelta(days=100)) == []
        clinic.change("UPDATE policies SET retention_years = 1, grace_days = 200")
        assert sweep(clinic, START + timedelta(days=200)) == []

        assert whole(sweep(clinic, START + timedelta(days=201))) == [built.holding_id]

    def test_a_hold_stops_it_until_it_is_released(self, clinic: Clinic) -> None:
        """MOVE-11, MOVE-6: tasks and memos too."""
        full = clinic.full_record()
        clinic.hand_over(NOTHING_KEPT, record=full.record)
        clinic.hold(full.record)
        assert sweep(clinic, GRACE_OVER) == []
        assert sweep(clinic, DUE + timedelta(days=4000)) == []
        # What the checker compares with: at the hand-over there was no hold.
        clinic.release(full.record)

        assert whole(sweep(clinic, DUE)) == [full.holding]

    def test_decided_again_in_the_transaction(self, clinic: Clinic) -> None:
        """MOVE-11: a hold that was set after the list was made is seen; destroying twice is once."""
        full = clinic.full_record()
        clinic.hand_over(NOTHING_KEPT, record=full.record)
        clinic.hold(full.record)
        with clinic.database.write() as session:
            assert destruction.destroy(session, full.holding, DUE) is None
        clinic.release(full.record)
        with clinic.database.write() as session:
            assert destruction.destroy(session, full.holding, DUE) is not None
        with clinic.database.write() as session:
            assert destruction.destroy(session, full.holding, DUE) is None
            assert destruction.destroy(session, uuid4(), DUE) is None


class TestWhat:
    def test_nothing_readable_is_left(self, clinic: Clinic) -> None:
        """MOVE-6, AUD-4: a tombstone keeps class and counts; title, texts, bytes and digests are gone."""
        full = clinic.full_record()
        transfer = clinic.hand_over(NOTHING_KEPT, record=full.record)
        (found,) = sweep(clinic, DUE)

        assert clinic.rows(
            "SELECT title, email, reason_for_consultation, opened_on FROM holdings WHERE id = :id",
            id=full.holding,
        ) == [("", None, None, "")]
        of_record = (C.SHARE, C.COLLABORATOR_APPOINTMENT)
        assert found.counts == {
            item_class: len(items)
            for item_class, items in full.items.items()
            if items and item_class not in (*of_record, C.INVOICE)
        }
        gone = full.of(C.CONFIDENTIAL_NOTE, C.CONFIDENTIAL_DOCUMENT, C.RAW_DATA, C.TASK, C.MEMO)
        after = digests(clinic, transfer)
        assert {after[item] for item in gone} == {None}

    def test_what_moved_stays_whole(self, clinic: Clinic) -> None:
        """MOVE-8: the live holding has its items, their bytes and their digests as before."""
        full = clinic.full_record()
        transfer = clinic.hand_over(NOTHING_KEPT, record=full.record)
        new, owner = clinic.live(full.record)
        before, sees, all_digests = (
            clinic.items_of(new),
            clinic.sees(owner, full.record),
            digests(clinic, transfer),
        )
        sweep(clinic, DUE)

        assert clinic.items_of(new) == before
        assert clinic.sees(owner, full.record) == sees
        moved = full.of(C.NOTE, C.DOCUMENT, C.DRAFT_NOTE, C.PROFILE, C.COLLABORATOR_CONFIDENTIAL)
        after = digests(clinic, transfer)
        assert all(after[item] == all_digests[item] is not None for item in moved)

    def test_bills_stay_in_the_accounts(self, clinic: Clinic) -> None:
        """MOVE-T/invoice, MOVE-8: nobody excluded them; with a copy they end with the copy."""
        quarantined, copied = clinic.full_record(), clinic.full_record()
        clinic.hand_over(NOTHING_KEPT, record=quarantined.record)
        clinic.hand_over(EVERYTHING, record=copied.record)
        assert len(whole(sweep(clinic, DUE))) == 2

        assert clinic.items_of(quarantined.holding) == quarantined.of(C.INVOICE)
        assert clinic.items_of(copied.holding) == set()

    def test_a_chain_of_holders(self, clinic: Clinic) -> None:
        """MOVE-6: each closed holding has its own tombstones, and the live one loses nothing."""
        full = clinic.full_record()
        world = clinic.world
        clinic.hand_over(NOTHING_KEPT, record=full.record)
        second, _ = clinic.live(full.record)
        clinic.hand_over(NOTHING_KEPT, record=full.record, by=world.new_owner, to=clinic.colleague())
        third, _ = clinic.live(full.record)
        kept = clinic.items_of(third)

        assert sorted(whole(sweep(clinic, DUE, limit=1))) == sorted([full.holding, second])
        assert clinic.items_of(third) == kept

    def test_the_holder_of_a_destroyed_copy_finds_nothing(self, clinic: Clinic) -> None:
        """VIS-7, VIS-11."""
        full = clinic.full_record()
        clinic.hand_over(EVERYTHING, record=full.record)
        assert clinic.sees(clinic.world.owner, full.record)
        sweep(clinic, DUE)

        assert clinic.sees(clinic.world.owner, full.record) == set()


class TestSharedBytes:
    @pytest.fixture
    def pair(self, clinic: Clinic) -> tuple[FullRecord, str]:
        """A record whose raw data, confidential note and confidential document are the same bytes."""
        full = clinic.full_record()
        with clinic.database.write() as session:
            for add in (build.raw_datum, build.document):
                add(session, full.holding, body=b"the same")
            build.note(session, full.holding, body="the same", confidential=True)
            sha256 = build.content(session, clinic.world.organization, b"the same")
        return full, sha256

    def test_bytes_that_a_moved_document_has_too_stay(
        self, clinic: Clinic, pair: tuple[FullRecord, str]
    ) -> None:
        """MOVE-5, MOVE-6: a note and a document may share bytes."""
        full, sha256 = pair
        clinic.hand_over(NOTHING_KEPT, record=full.record)
        assert whole(sweep(clinic, DUE)) == [full.holding]

        assert (str(clinic.world.organization), sha256) in contents(clinic)

    def test_bytes_of_another_record_stay(self, clinic: Clinic) -> None:
        """MOVE-6: until the last item that has them is gone."""
        ours = quiet_record(clinic, served=START - timedelta(days=4000))
        other = quiet_record(clinic, served=START - timedelta(days=4000))
        with clinic.database.write() as session:
            for built in (ours, other):
                day = START - timedelta(days=4000)
                build.note(session, built.holding_id, body="formule", confidential=True, created_at=day)
            sha256 = build.content(session, clinic.world.organization, b"formule")
        shared = (str(clinic.world.organization), sha256)
        clinic.hand_over(NOTHING_KEPT, record=ours.record_id)
        clinic.hand_over(NOTHING_KEPT, record=other.record_id)
        with clinic.database.write() as session:
            destruction.destroy(session, ours.holding_id, GRACE_OVER)
        assert shared in contents(clinic)
        with clinic.database.write() as session:
            destruction.destroy(session, other.holding_id, GRACE_OVER)

        assert shared not in contents(clinic)

    def test_bytes_of_another_organization_are_its_own(self, clinic: Clinic) -> None:
        """VIS-8: the same bytes there are another row, and are never looked at."""
        built = quiet_record(clinic, served=START - timedelta(days=4000))
        with clinic.database.write() as session:
            there = build.world(session)
            day = START - timedelta(days=4000)
            for holding in (built.holding_id, there.holding):
                build.note(session, holding, body="partout", confidential=True, created_at=day)
            sha256 = build.content(session, there.organization, b"partout")
        clinic.hand_over(NOTHING_KEPT, record=built.record_id)
        sweep(clinic, GRACE_OVER)

        assert (str(there.organization), sha256) in contents(clinic)
        assert (str(clinic.world.organization), sha256) not in contents(clinic)

    def test_another_organization_sweeps_nothing_here(self, clinic: Clinic) -> None:
        """VIS-8."""
        built = quiet_record(clinic, served=START - timedelta(days=4000))
        clinic.hand_over(NOTHING_KEPT, record=built.record_id)
        with clinic.database.write() as session:
            there = build.world(session)
        with clinic.database.read() as session:
            assert destruction.due(session, there.organization, DUE, after=None, limit=9) == []
            assert destruction.waiting(session, there.organization) == []


class TestTriggers:
    """What no code may do, whoever wrote it."""

    @pytest.fixture
    def closed(self, clinic: Clinic) -> FullRecord:
        full = clinic.full_record()
        clinic.hand_over(NOTHING_KEPT, record=full.record)
        return full

    def refused(self, clinic: Clinic, rule: str, statement: str, **given: UUID) -> None:
        with pytest.raises(Exception, match=rule), clinic.database.write() as session:
            session.execute(text(statement), {name: str(value) for name, value in given.items()})

    def test_no_holding_is_destroyed_without_tombstone_or_with_its_title(
        self, clinic: Clinic, closed: FullRecord
    ) -> None:
        """MOVE-6."""
        empty = "title = '', email = NULL, reason_for_consultation = NULL, opened_on = ''"
        for values in (f"state = 'destroyed', {empty}", "state = 'destroyed'"):
            self.refused(clinic, "MOVE-6", f"UPDATE holdings SET {values} WHERE id = :id", id=closed.holding)
        self.refused(clinic, "MOVE-4", f"UPDATE holdings SET {empty} WHERE id = :id", id=closed.holding)

    def test_nothing_is_destroyed_under_hold(self, clinic: Clinic, closed: FullRecord) -> None:
        """MOVE-11."""
        stone = (
            "INSERT INTO tombstones (holding_id, item_class, organization_id, count, at, rule) "
            "SELECT id, 'details', organization_id, 1, until_at, 'retention' FROM holdings WHERE id = :id"
        )
        clinic.hold(closed.record)
        self.refused(clinic, "MOVE-11", stone, id=closed.holding)
        clinic.release(closed.record)
        with clinic.database.write() as session:
            session.execute(text(stone), {"id": str(closed.holding)})
            build.hold(session, closed.record, clinic.world.administrator)
            with pytest.raises(Exception, match="MOVE-11"):
                session.execute(
                    text(
                        "UPDATE holdings SET state = 'destroyed', title = '', email = NULL, "
                        "reason_for_consultation = NULL, opened_on = '' WHERE id = :id"
                    ),
                    {"id": str(closed.holding)},
                )
            session.rollback()

    @pytest.mark.parametrize("table", ITEM_TABLES)
    def test_nothing_is_deleted_from_a_quarantine(
        self, clinic: Clinic, closed: FullRecord, table: str
    ) -> None:
        """MOVE-4: not even tasks and memos without their tombstone."""
        self.refused(clinic, "MOVE-4", f"DELETE FROM {table} WHERE holding_id = :id", id=closed.holding)

    def test_a_digest_stays_while_its_bytes_are_there(self, clinic: Clinic, closed: FullRecord) -> None:
        """MOVE-5."""
        for item in closed.of(C.NOTE, C.RAW_DATA):
            self.refused(clinic, "MOVE-5", "UPDATE manifest SET sha256 = NULL WHERE item_id = :id", id=item)
        sweep(clinic, DUE)
        self.refused(clinic, "MOVE-5", "UPDATE manifest SET sha256 = 'forged' WHERE sha256 IS NULL")
        self.refused(clinic, "MOVE-5", "UPDATE manifest SET outcome = 'moved'")

    def test_a_tombstone_never_changes(self, clinic: Clinic, closed: FullRecord) -> None:
        """MOVE-6."""
        sweep(clinic, DUE)
        for statement in (
            "UPDATE tombstones SET count = count",
            "DELETE FROM tombstones",
            f"INSERT {or_replace(clinic)}INTO tombstones SELECT * FROM tombstones",
            (
                "INSERT INTO tombstones SELECT id, 'memo', organization_id, 1, from_at, 'grace' "
                "FROM holdings WHERE state = 'live'"
            ),
        ):
            self.refused(clinic, "MOVE-6", statement)
        for column in ("title = 'again'", "opened_on = 'again'", "owner_id = id"):
            self.refused(clinic, "MOVE-4", f"UPDATE holdings SET {column} WHERE state = 'destroyed'")


def test_raw_data_that_a_rule_withheld_are_in_a_copy(clinic: Clinic) -> None:
    """MOVE-8: they were not excluded, so they are kept as long as any copy."""
    full = clinic.full_record()
    transfer = clinic.ask(
        record_id=full.record,
        options=Options(raw_data=RawDataChoice.IF_ALLOWED, keep_copy=False),
        to=(recipient := clinic.colleague(title="Conseillère")),
    )
    assert clinic.accept(transfer, by=recipient).state == "accepted"
    sweep(clinic, DUE - DAY)

    assert full.of(C.RAW_DATA) <= clinic.sees(clinic.world.owner, full.record)
