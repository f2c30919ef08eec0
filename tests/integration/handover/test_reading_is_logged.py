"""Reads of a frozen record and of an archived copy leave one line a request, other reads none (AUD-3)."""

from uuid import UUID

import pytest

from engine.desk.desk import Desk
from engine.errors import Denied, Unavailable
from engine.records.database import Database
from engine.rules.content import ContentClass
from tests.integration.handover.clinic import Clinic, FullRecord

C = ContentClass


def _readings(clinic: Clinic) -> list[tuple[str, str, str | None, str | None]]:
    return clinic.rows(
        "SELECT action, actor_id, record_id, transfer_id FROM events"
        " WHERE action IN ('record.list', 'record.show', 'record.read') AND outcome = 'allowed' ORDER BY seq"
    )


def _read_everything(clinic: Clinic, actor: UUID, full: FullRecord) -> None:
    desk = Desk(clinic.database)
    desk.records(actor)
    desk.record(actor, full.record)
    desk.content(actor, full.record, min(full.items[C.NOTE]))


def test_aud_3_a_frozen_record_is_one_line_a_request(clinic: Clinic) -> None:
    """AUD-3, VIS-4: its owner reads on, and the log says so, with the transfer that freezes it."""
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record)

    _read_everything(clinic, clinic.world.owner, full)

    owner, record, opened = str(clinic.world.owner), str(full.record), str(transfer)
    assert _readings(clinic) == [
        ("record.list", owner, None, None),
        ("record.show", owner, record, opened),
        ("record.read", owner, record, opened),
    ]


def test_aud_3_an_archived_copy_is_one_line_a_request(clinic: Clinic) -> None:
    """AUD-3, VIS-7: the line names the record; no transfer is open."""
    full = clinic.full_record()
    clinic.hand_over(record=full.record)

    _read_everything(clinic, clinic.world.owner, full)

    owner, record = str(clinic.world.owner), str(full.record)
    assert _readings(clinic) == [
        ("record.list", owner, None, None),
        ("record.show", owner, record, None),
        ("record.read", owner, record, None),
    ]


def test_aud_3_what_concerns_neither_is_not_logged(clinic: Clinic) -> None:
    """AUD-3: not before a transfer, nor after a cancel, nor for whom a copy of somebody else's is none."""
    full = clinic.full_record()
    _read_everything(clinic, clinic.world.owner, full)
    _read_everything(clinic, full.collaborator, full)
    clinic.cancel(clinic.ask(record_id=full.record))
    _read_everything(clinic, clinic.world.owner, full)
    clinic.hand_over(record=full.record)

    _read_everything(clinic, clinic.world.new_owner, full)

    assert _readings(clinic) == []


def test_aud_3_a_reading_that_cannot_be_logged_is_not_shown(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUD-3: the line is there before the answer."""
    full = clinic.full_record()
    clinic.ask(record_id=full.record)

    def away(_self: Database) -> None:
        raise Unavailable("database_damaged")

    monkeypatch.setattr(Database, "write", away)
    with pytest.raises(Unavailable):
        Desk(clinic.database).record(clinic.world.owner, full.record)


def test_aud_3_whoever_may_not_read_leaves_a_denial_and_no_reading(clinic: Clinic) -> None:
    """AUD-1, AUD-3."""
    full = clinic.full_record()
    clinic.ask(record_id=full.record)

    with pytest.raises(Denied, match="VIS-4/collaborator"):
        Desk(clinic.database).content(full.collaborator, full.record, min(full.items[C.NOTE]))

    assert _readings(clinic) == []
