"""BULK-6: what a bulk writes lets others go first, and nothing else does."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.orm import Session

from engine.records.database import Database
from engine.states.bulk import Answer
from engine.states.transfer import TransferState
from tests.workflows.clinic import Clinic, eventually
from tests.workflows.test_bulks import asked, counts, start


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each transaction that writes, whether it let others go first."""
    seen: list[bool] = []
    write = Database.write

    @contextmanager
    def noted(self: Database, *, has_time: bool = False) -> Iterator[Session]:
        seen.append(has_time)
        with write(self, has_time=has_time) as session:
            yield session

    monkeypatch.setattr(Database, "write", noted)
    return seen


async def test_a_bulk_lets_others_write_first(clinic: Clinic, patient: list[bool]) -> None:
    who = clinic.members
    alone = (await clinic.request()).id
    await clinic.service.accept(who.new_owner, alone)
    assert clinic.state(alone) is TransferState.ACCEPTED
    assert patient
    assert not any(patient)

    for _ in range(3):
        clinic.add_record()
    started = await start(clinic)
    await asked(clinic, started.id, 3)
    assert patient.count(True) == 3

    await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT)
    await eventually(lambda: counts(clinic, started.id) == {"accepted": 3})
    assert patient.count(True) == 6
