"""A collaborator opens a frozen record in an emergency: for a while, logged and told (VIS-4, VIS-9)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from engine.desk.desk import Desk
from engine.errors import EngineError
from engine.records import visibility
from tests.integration.handover.clinic import Clinic

REASON = "Idées suicidaires cette nuit"


def _denied(clinic: Clinic, actor: UUID, record: UUID, reason: str = REASON) -> str:
    with pytest.raises(EngineError) as denied:
        Desk(clinic.database).open_emergency(actor, record, reason)
    return denied.value.key


def _sees(clinic: Clinic, actor: UUID, record: UUID, after: timedelta = timedelta()) -> set[UUID]:
    with clinic.database.read() as session:
        now = datetime.now(UTC) + after
        return {item.id for item in visibility.see(session, actor, record, now)}


def test_vis_4_a_collaborator_sees_what_their_share_shows_for_an_hour(clinic: Clinic) -> None:
    """VIS-4, VIS-6: no more than before the freeze, and not for longer."""
    full = clinic.full_record()
    before = _sees(clinic, full.collaborator, full.record)
    clinic.ask(record_id=full.record)
    assert _sees(clinic, full.collaborator, full.record) == set()

    Desk(clinic.database).open_emergency(full.collaborator, full.record, REASON)

    assert _sees(clinic, full.collaborator, full.record) == before != set()
    assert Desk(clinic.database).record(full.collaborator, full.record).items
    assert [view.id for view in Desk(clinic.database).records(full.collaborator)] == [full.record]
    assert _sees(clinic, full.collaborator, full.record, timedelta(hours=1, seconds=1)) == set()


def test_vis_4_is_logged_and_told_without_its_reason(clinic: Clinic) -> None:
    """VIS-4, VIS-9, ST-2: to the owner and the coordinators, not to who is asked; reading is logged too."""
    full, world = clinic.full_record(), clinic.world
    asked = clinic.colleague()
    clinic.change("INSERT INTO member_roles VALUES (:id, 'coordinator')", id=asked)
    transfer = clinic.ask(record_id=full.record, to=asked)

    opened = Desk(clinic.database).open_emergency(full.collaborator, full.record, REASON)
    Desk(clinic.database).record(full.collaborator, full.record)

    lines = [line for line in clinic.lines(transfer) if line[0].startswith("record.")]
    assert lines == [("record.emergency", "allowed", None), ("record.show", "allowed", None)]
    told = {who for kind, who in clinic.told(transfer) if kind == "emergency"}
    assert told == {world.owner, world.coordinator}
    assert clinic.rows("SELECT reason FROM emergencies WHERE id = :id", id=opened.id) == [(REASON,)]


def test_vis_4_ends_with_the_transfer(clinic: Clinic) -> None:
    """VIS-4: and does not come back with the next one."""
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record)
    Desk(clinic.database).open_emergency(full.collaborator, full.record, REASON)
    clinic.cancel(transfer)
    clinic.ask(record_id=full.record)

    assert _sees(clinic, full.collaborator, full.record) == set()


def test_vis_9_a_would_be_new_owner_has_no_emergency(clinic: Clinic) -> None:
    """VIS-3, VIS-9: nor does one opened before help, should they be asked."""
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record)
    Desk(clinic.database).open_emergency(full.collaborator, full.record, REASON)

    clinic.change("UPDATE transfers SET to_id = :who WHERE id = :id", who=full.collaborator, id=transfer)

    assert _sees(clinic, full.collaborator, full.record) == set()
    assert _denied(clinic, full.collaborator, full.record) == "VIS-3"
    clinic.change("UPDATE transfers SET to_id = :who WHERE id = :id", who=clinic.world.new_owner, id=transfer)


def test_vis_11_who_may_not(clinic: Clinic) -> None:
    """VIS-4, VIS-8, VIS-11: strangers learn nothing; who knows of the record is told the rule."""
    full, world = clinic.full_record(), clinic.world
    assert _denied(clinic, full.collaborator, full.record) == "VIS-4/no_emergency"
    clinic.ask(record_id=full.record)
    foreign = Clinic(clinic.database).world.owner

    assert _denied(clinic, full.collaborator, full.record, " ") == "ST-2"
    assert _denied(clinic, world.new_owner, full.record) == "VIS-3"
    for known in (world.owner, world.coordinator):
        assert _denied(clinic, known, full.record) == "VIS-4/emergency_collaborators"
    for stranger in (world.administrator, clinic.colleague(), foreign):
        assert _denied(clinic, stranger, full.record) == _denied(clinic, stranger, uuid4())
    assert clinic.rows("SELECT 1 FROM emergencies") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE emergencies SET reason = 'autre'",
        "DELETE FROM emergencies",
        "INSERT OR REPLACE INTO emergencies SELECT * FROM emergencies",
    ],
)
def test_vis_4_an_emergency_never_changes(clinic: Clinic, statement: str) -> None:
    full = clinic.full_record()
    clinic.ask(record_id=full.record)
    Desk(clinic.database).open_emergency(full.collaborator, full.record, REASON)

    if not clinic._on_sqlite:
        # There a row cannot be replaced on the way in: the second one is refused for its key.
        statement = statement.replace("INSERT OR REPLACE", "INSERT")
    with pytest.raises(IntegrityError, match=r"VIS-4: an emergency never changes|duplicate key"):
        clinic.change(statement)


def test_vis_4_ends_with_the_share(clinic: Clinic) -> None:
    full = clinic.full_record()
    clinic.ask(record_id=full.record)
    Desk(clinic.database).open_emergency(full.collaborator, full.record, REASON)

    clinic.change("UPDATE shares SET ended_at = since WHERE member_id = :id", id=full.collaborator)

    assert _sees(clinic, full.collaborator, full.record) == set()
