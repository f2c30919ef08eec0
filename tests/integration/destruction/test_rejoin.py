"""MOVE-10: what was in quarantine rejoins the record when its owner becomes its owner again."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event

from engine.rules.content import ContentClass
from tests import build
from tests.integration.destruction.test_destruction import DUE, NOTHING_KEPT, or_replace, sweep, whole
from tests.integration.handover.clinic import EVERYTHING, Clinic

C = ContentClass
WITHHELD = (C.CONFIDENTIAL_NOTE, C.CONFIDENTIAL_DOCUMENT, C.RAW_DATA, C.PAST_APPOINTMENT)


def back(clinic: Clinic, record: UUID) -> UUID:
    """The new owner gives the record back, without a copy."""
    world = clinic.world
    return clinic.hand_over(NOTHING_KEPT, record=record, by=world.new_owner, to=world.owner)


def test_it_comes_back_with_the_record(clinic: Clinic) -> None:
    """MOVE-10: under the same ids, seen again by its owner; tasks and memos stay deleted."""
    full = clinic.full_record()
    clinic.hand_over(NOTHING_KEPT, record=full.record)
    assert not full.of(*WITHHELD) & clinic.sees(clinic.world.new_owner, full.record)
    back(clinic, full.record)

    live, owner = clinic.live(full.record)
    assert owner == clinic.world.owner
    assert full.of(*WITHHELD) <= clinic.items_of(live)
    assert full.of(*WITHHELD) <= clinic.sees(owner, full.record, archived=False)
    assert not full.of(C.TASK, C.MEMO) & clinic.items_of(live)


def test_the_log_says_so_by_class(clinic: Clinic) -> None:
    """AUD-1, MOVE-10; the manifest of the hand-over stays what the one who gave back had."""
    full = clinic.full_record()
    clinic.hand_over(NOTHING_KEPT, record=full.record)
    transfer = back(clinic, full.record)
    lines = clinic.rows("SELECT action, transfer_id FROM events WHERE action = 'record.rejoined'")

    assert lines == [("record.rejoined", str(transfer))]
    assert not full.of(*WITHHELD) & clinic.manifest(transfer).keys()
    ((counts,),) = clinic.rows("SELECT counts FROM events WHERE action = 'record.rejoined'")
    assert '"raw_data":{"rejoined":2}' in counts


def test_not_for_somebody_else(clinic: Clinic) -> None:
    """MOVE-10: only when its own owner is the owner again."""
    full = clinic.full_record()
    clinic.hand_over(NOTHING_KEPT, record=full.record)
    third = clinic.colleague()
    clinic.hand_over(record=full.record, by=clinic.world.new_owner, to=third)

    assert not full.of(*WITHHELD) & clinic.items_of(clinic.live(full.record)[0])
    assert clinic.rows("SELECT count(*) FROM rejoined") == [(0,)]


def test_what_is_in_a_copy_stays_there(clinic: Clinic) -> None:
    """MOVE-10: and is read beside the record."""
    full = clinic.full_record()
    clinic.hand_over(EVERYTHING, record=full.record)
    back(clinic, full.record)

    assert full.of(C.PAST_APPOINTMENT) <= clinic.sees(clinic.world.owner, full.record, archived=True)
    assert clinic.rows("SELECT count(*) FROM rejoined") == [(0,)]


def test_as_often_as_the_record_comes_back(clinic: Clinic) -> None:
    """MOVE-10: given away and received three times, each item is there once."""
    full = clinic.full_record()
    for _ in range(3):
        clinic.hand_over(NOTHING_KEPT, record=full.record)
        back(clinic, full.record)

    assert full.of(*WITHHELD) <= clinic.items_of(clinic.live(full.record)[0])


def test_the_quarantine_ends_and_what_came_back_stays(clinic: Clinic) -> None:
    """MOVE-6, MOVE-10: its bytes too."""
    full = clinic.full_record()
    clinic.hand_over(NOTHING_KEPT, record=full.record)
    back(clinic, full.record)
    seen = clinic.sees(clinic.world.owner, full.record)

    assert full.holding in whole(sweep(clinic, DUE))
    assert clinic.sees(clinic.world.owner, full.record) == seen
    assert full.of(*WITHHELD) <= seen


def test_what_was_destroyed_does_not_come_back(clinic: Clinic) -> None:
    """MOVE-6, MOVE-10."""
    full = clinic.full_record()
    clinic.hand_over(NOTHING_KEPT, record=full.record)
    sweep(clinic, DUE)
    clinic.now = DUE + timedelta(days=1)
    back(clinic, full.record)

    assert not full.of(*WITHHELD) & clinic.items_of(clinic.live(full.record)[0])


def test_the_number_of_statements_does_not_grow(clinic: Clinic) -> None:
    """MOVE-10 is set-based: as many statements for one item as for twenty."""
    counted = []
    for many in (0, 20):
        full = clinic.full_record()
        with clinic.database.write() as session:
            for _ in range(many):
                build.raw_datum(session, full.holding)
        clinic.hand_over(NOTHING_KEPT, record=full.record)
        statements: list[str] = []

        def note(*given: object, into: list[str] = statements) -> None:
            into.append(str(given[2]))

        event.listen(clinic.database.engine, "before_cursor_execute", note)
        back(clinic, full.record)
        event.remove(clinic.database.engine, "before_cursor_execute", note)
        counted.append(len(statements))

    assert counted[0] == counted[1]


@pytest.mark.parametrize("change", ["state = 'cancelled'", "starts_at = ends_at"])
def test_an_appointment_in_quarantine_is_not_written(clinic: Clinic, change: str) -> None:
    """MOVE-4: it may go back to its owner as it is, and nothing else."""
    full = clinic.full_record()
    clinic.hand_over(NOTHING_KEPT, record=full.record)
    live, _ = clinic.live(full.record)
    for values in (change, f"holding_id = '{live}'", "holding_id = NULL"):
        with pytest.raises(Exception, match="MOVE-4"):
            clinic.change(f"UPDATE appointments SET {values} WHERE holding_id = :id", id=full.holding)


def test_what_rejoined_stays_known(clinic: Clinic) -> None:
    """MOVE-10: no line of it is changed, deleted or written twice."""
    full = clinic.full_record()
    clinic.hand_over(NOTHING_KEPT, record=full.record)
    back(clinic, full.record)
    for statement in (
        "UPDATE rejoined SET item_class = 'memo'",
        "DELETE FROM rejoined",
        f"INSERT {or_replace(clinic)}INTO rejoined SELECT * FROM rejoined",
    ):
        with pytest.raises(Exception, match="MOVE-10"):
            clinic.change(statement)
