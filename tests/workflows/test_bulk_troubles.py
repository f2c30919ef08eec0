"""What goes wrong with one record of a caseload delays no other; a bulk leaves room for others (BULK-6)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from engine.activities import bulk_answers, bulk_pages, deciding, opening
from engine.activities.registry import BULK_IN_FLIGHT
from engine.errors import Denied, Unavailable
from engine.messages.transfer import TransferRequest
from engine.states.bulk import Answer
from engine.states.choices import Options, Purpose
from engine.states.transfer import TransferState
from engine.views import BulkItemView
from tests.workflows.clinic import NEXT_TRY, Clinic, eventually
from tests.workflows.test_bulks import asked, counts, start, transfers, wake

OTHERS = 4
#: Longer than the longest pause between two tries of a step that is kept.
LONG = timedelta(seconds=90)


@contextmanager
def poisoned(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, record: UUID, error: Exception
) -> Iterator[None]:
    """Let a function of the first step fail for one record."""
    whole: Callable[..., object] = getattr(module, name)

    def poison(session: Session, request: object, *more: object) -> object:
        if isinstance(request, TransferRequest) and request.record_id == record:
            raise error
        return whole(session, request, *more)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, poison)
        yield


def shown(clinic: Clinic, bulk_id: UUID, record: UUID) -> BulkItemView:
    items = clinic.desk.bulk_items(clinic.members.coordinator, bulk_id)
    return next(item for item in items if item.record_id == record)


class TestOnePoisonedRecord:
    """BULK-3: whatever it is, the others are asked for; it is visible as such, and tried again by itself."""

    async def test_a_bug_in_its_first_step(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(OTHERS):
            clinic.add_record()
        monkeypatch.setattr(bulk_pages, "PAGE", 2)
        with poisoned(monkeypatch, opening, "open_transfer", clinic.record, RuntimeError("a secret")):
            started = await start(clinic)
            await asked(clinic, started.id, OTHERS)
            await eventually(lambda: counts(clinic, started.id).get("troubled") == 1)
            seen = shown(clinic, started.id, clinic.record)
            assert (seen.stands, seen.error, seen.rule) == ("troubled", "ST-5/unexpected_error", None)
            [transfer_id] = set(transfers(clinic, started.id)) - {
                item.transfer_id
                for item in clinic.desk.bulk_items(clinic.members.coordinator, started.id)
                if item.transfer_id is not None
            }
            assert "stuck" in await clinic.details(transfer_id)
        await clinic.fast_forward(transfer_id, NEXT_TRY)
        await wake(clinic, started.id)

        await asked(clinic, started.id, OTHERS + 1)
        assert shown(clinic, started.id, clinic.record).error is None

    @pytest.mark.slow
    async def test_a_lock_that_nobody_lets_go(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(OTHERS):
            clinic.add_record()
        monkeypatch.setattr(bulk_pages, "PAGE", 2)
        locked = Unavailable("database_unavailable")
        with poisoned(monkeypatch, deciding, "hold", clinic.record, locked):
            started = await start(clinic)
            await eventually(
                lambda: counts(clinic, started.id).get("pending_acceptance") == OTHERS, within=LONG
            )
            await eventually(lambda: counts(clinic, started.id).get("troubled") == 1, within=LONG)
            seen = shown(clinic, started.id, clinic.record)
            assert (seen.stands, seen.error) == ("troubled", "unavailable/no_answer")

        # The step that was kept is executed when the lock is gone: nobody has to ask again.
        await eventually(
            lambda: counts(clinic, started.id) == {"pending_acceptance": OTHERS + 1}, within=LONG
        )

    async def test_a_rule_that_stops_it_by_then(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """ELIG-4: planned, and denied when it is asked for."""
        for _ in range(OTHERS):
            clinic.add_record()
        with poisoned(monkeypatch, opening, "open_transfer", clinic.record, Denied("ELIG-4")):
            started = await start(clinic)
            await asked(clinic, started.id, OTHERS)
            await eventually(lambda: counts(clinic, started.id).get("blocked") == 1)

        seen = shown(clinic, started.id, clinic.record)
        assert (seen.stands, seen.rule, seen.error) == ("blocked", "ELIG-4", None)


class TestRoomForOthers:
    """BULK-6: few in flight, so that a single transfer finds its turn, whatever the size of the bulk."""

    async def test_a_single_transfer_passes_a_bulk_whose_every_slot_is_taken(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        who, whole = clinic.members, bulk_pages.BulkPages._ask
        single, others = clinic.record, [clinic.add_record() for _ in range(12)]
        open_gate, flight, most = asyncio.Event(), 0, 0

        async def gated(self: bulk_pages.BulkPages, *given: object) -> None:
            nonlocal flight, most
            flight += 1
            most = max(most, flight)
            await open_gate.wait()
            try:
                await whole(self, *given)  # type: ignore[arg-type]
            finally:
                flight -= 1

        monkeypatch.setattr(bulk_pages.BulkPages, "_ask", gated)
        numbers = "\n".join(str(record) for record in others)
        choice = clinic.service.bulks.choose(
            who.owner,
            (who.new_owner,),
            only_file=numbers.encode(),
            split_file=None,
            include_confidential_records=False,
            reassign_open=False,
            options=Options(),
        )
        started = await clinic.service.bulks.start(who.coordinator, choice, purpose=Purpose.DEPARTURE)
        await eventually(lambda: flight == BULK_IN_FLIGHT)
        mine = await clinic.request(record=single)
        await clinic.service.accept(who.new_owner, mine.id)

        # Not one record of the bulk has been asked for meanwhile, and no more than its slots are under way.
        assert (clinic.state(mine.id), counts(clinic, started.id)) == (
            TransferState.ACCEPTED,
            {"waiting": len(others)},
        )
        open_gate.set()
        await asked(clinic, started.id, len(others))
        assert most == BULK_IN_FLIGHT < len(others)

    async def test_an_answer_to_a_whole_bulk_has_few_in_flight_too(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        who, whole = clinic.members, bulk_answers.BulkAnswers._decide
        for _ in range(11):
            clinic.add_record()
        started = await start(clinic)
        await asked(clinic, started.id, 12)
        later = clinic.add_record()
        open_gate, flight, most = asyncio.Event(), 0, 0

        async def gated(self: bulk_answers.BulkAnswers, *given: object) -> str:
            nonlocal flight, most
            flight += 1
            most = max(most, flight)
            await open_gate.wait()
            try:
                return await whole(self, *given)  # type: ignore[arg-type]
            finally:
                flight -= 1

        monkeypatch.setattr(bulk_answers.BulkAnswers, "_decide", gated)
        await clinic.service.bulks.answer(who.new_owner, started.id, Answer.ACCEPT)
        await eventually(lambda: flight == BULK_IN_FLIGHT)
        mine = await clinic.request(record=later)
        await clinic.service.accept(who.new_owner, mine.id)

        assert (clinic.state(mine.id), counts(clinic, started.id)) == (
            TransferState.ACCEPTED,
            {"pending_acceptance": 12},
        )
        open_gate.set()
        await eventually(lambda: counts(clinic, started.id) == {"accepted": 12})
        assert most == BULK_IN_FLIGHT < 12
