"""MOVE-6: what an administrator is told of quarantine and destruction, and how a mistake is undone."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import Denied, NotFound
from engine.records import transfers
from engine.rules.content import ContentClass
from engine.states.choices import RestorationCause
from tests import build
from tests.integration.destruction.test_destruction import DUE, GRACE_OVER, NOTHING_KEPT, quiet_record, sweep
from tests.integration.handover.clinic import EVERYTHING, START, Clinic, FullRecord

C = ContentClass
MISTAKE = RestorationCause.MISTAKE


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    return Desk(clinic.database)


@pytest.fixture
def closed(clinic: Clinic) -> FullRecord:
    full = clinic.full_record()
    clinic.hand_over(NOTHING_KEPT, record=full.record)
    return full


class TestList:
    def test_ids_counts_and_days(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """MOVE-6, VIS-12: no title, no name; a collaborator's confidential items are in no count (VIS-6)."""
        (found,) = desk.quarantines(clinic.world.administrator)

        assert (found.id, found.due_on, found.held) == (closed.holding, DUE.date(), False)
        assert found.record_number is not None
        counts = {line.item_class: line.count for line in found.items}
        assert counts[C.RAW_DATA] == len(closed.of(C.RAW_DATA))
        assert not {C.COLLABORATOR_CONFIDENTIAL, C.INVOICE, C.SHARE} & counts.keys()

    def test_the_number_of_a_confidential_record_is_hidden(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-2."""
        built = quiet_record(clinic, served=START, confidential=True)
        clinic.hand_over(NOTHING_KEPT, record=built.record_id)
        (found,) = desk.quarantines(clinic.world.administrator)

        assert found.record_number is None

    def test_the_reading_is_logged(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """AUD-3: one event a request."""
        desk.quarantines(clinic.world.administrator)

        assert clinic.rows("SELECT count(*) FROM events WHERE action = 'quarantine.list'") == [(1,)]

    @pytest.mark.parametrize("who", ["owner", "new_owner", "coordinator"])
    def test_for_administrators_alone(self, clinic: Clinic, desk: Desk, closed: FullRecord, who: str) -> None:
        """ROLE-4: denied and logged, every one of the four commands."""
        actor = getattr(clinic.world, who)
        for command in (desk.quarantines, desk.destruction_forecast, desk.destruction_report):
            with pytest.raises(Denied, match="ROLE-4"):
                command(actor)
        with pytest.raises(Denied, match="ROLE-4"):
            desk.restore(actor, closed.holding, cause=MISTAKE, reason="erreur")
        denied = clinic.rows("SELECT count(*) FROM events WHERE outcome = 'denied' AND rule LIKE 'ROLE-4%'")
        assert denied == [(4,)]


class TestRestore:
    def test_it_is_a_copy_of_its_previous_owner(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """MOVE-6, VIS-7: as it stood, without tasks and memos; the new owner sees no more."""
        owner, new_owner = clinic.world.owner, clinic.world.new_owner
        before = clinic.sees(new_owner, closed.record)
        assert clinic.sees(owner, closed.record) == set()
        desk.restore(clinic.world.administrator, closed.holding, cause=MISTAKE, reason="erreur")

        seen = clinic.sees(owner, closed.record, archived=True)
        assert closed.of(C.RAW_DATA, C.CONFIDENTIAL_NOTE, C.NOTE) <= seen
        assert not closed.of(C.TASK, C.MEMO, C.COLLABORATOR_CONFIDENTIAL) & seen
        assert clinic.sees(new_owner, closed.record) == before
        assert desk.quarantines(clinic.world.administrator) == []

    def test_logged_and_told(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """MOVE-6, AUD-1, ST-2: the reason is a text and never a line in the log."""
        desk.restore(clinic.world.administrator, closed.holding, cause=MISTAKE, reason="Une raison à taire")

        assert clinic.rows(
            "SELECT role, record_id, subject_id FROM events WHERE action = 'quarantine.restore'"
        ) == [("administrator", str(closed.record), str(clinic.world.owner))]
        assert clinic.rows("SELECT recipient_id FROM outbox WHERE kind = 'restored'") == [
            (str(clinic.world.owner),)
        ]
        assert clinic.rows("SELECT cause, body FROM restorations JOIN texts ON texts.id = reason_id") == [
            ("mistake", "Une raison à taire")
        ]
        with clinic.database.write() as session:
            transfers.sweep_texts(session, DUE)
        assert clinic.rows("SELECT count(*) FROM restorations JOIN texts ON texts.id = reason_id") == [(1,)]

    def test_it_ends_as_a_copy_does(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """MOVE-6."""
        desk.restore(clinic.world.administrator, closed.holding, cause=MISTAKE, reason="erreur")
        sweep(clinic, DUE - timedelta(days=1))
        assert clinic.sees(clinic.world.owner, closed.record)
        sweep(clinic, DUE)

        assert clinic.items_of(closed.holding) == set()

    def test_what_is_no_quarantine_is_not_found(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """VIS-8, VIS-11: alive, a copy, of another organization, destroyed, or nothing at all."""
        copied = clinic.full_record()
        clinic.hand_over(EVERYTHING, record=copied.record)
        with clinic.database.write() as session:
            elsewhere = build.world(session)
        sweep(clinic, DUE)
        for holding in (clinic.live(closed.record)[0], copied.holding, closed.holding, uuid4()):
            with pytest.raises(NotFound):
                desk.restore(clinic.world.administrator, holding, cause=MISTAKE, reason="erreur")
        with pytest.raises(NotFound):
            desk.restore(elsewhere.administrator, closed.holding, cause=MISTAKE, reason="erreur")

    def test_not_without_a_reason(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """ST-2, MOVE-6: nor in the database."""
        with pytest.raises(Denied, match="ST-2"):
            desk.restore(clinic.world.administrator, closed.holding, cause=MISTAKE, reason=" ")
        with pytest.raises(Exception, match="MOVE-6"):
            clinic.change("UPDATE holdings SET state = 'archived' WHERE id = :id", id=closed.holding)
        desk.restore(clinic.world.administrator, closed.holding, cause=MISTAKE, reason="erreur")
        for statement in ("UPDATE restorations SET cause = 'order'", "DELETE FROM restorations"):
            with pytest.raises(Exception, match="MOVE-6"):
                clinic.change(statement)


class TestDestruction:
    def test_what_will_go_and_what_went(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """MOVE-6: the forecast's days and counts are those of the report, once they have come."""
        administrator = clinic.world.administrator
        grace, retention = desk.destruction_forecast(administrator)
        assert (grace.on, retention.on) == (GRACE_OVER.date(), DUE.date())
        sweep(clinic, GRACE_OVER)
        sweep(clinic, DUE)
        went = {found.rule: found for found in desk.destruction_report(administrator)}

        assert went["grace"].items == grace.items
        assert went["retention"].items == retention.items
        assert {found.id for found in went.values()} == {closed.holding}
        assert desk.destruction_forecast(administrator) == []

    def test_what_is_held_has_no_day(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """MOVE-11."""
        clinic.hold(closed.record)
        found = desk.destruction_forecast(clinic.world.administrator)
        clinic.release(closed.record)

        assert {one.on for one in found} == {None}

    def test_another_organization_hears_nothing(self, clinic: Clinic, desk: Desk, closed: FullRecord) -> None:
        """VIS-8."""
        with clinic.database.write() as session:
            elsewhere: UUID = build.world(session).administrator
        sweep(clinic, DUE)

        assert desk.destruction_report(elsewhere) == []
        assert desk.destruction_forecast(elsewhere) == []
        assert desk.quarantines(elsewhere) == []
