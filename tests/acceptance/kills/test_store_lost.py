"""Temporal's file deleted between two runs: every open transfer comes back from its row, once."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest

from engine import wiring
from engine.settings import Settings
from engine.states.choices import Purpose
from engine.states.transfer import TransferState
from engine.temporal.embedded import EmbeddedServer
from tests.acceptance.kills.clinic import EXPECTED, REASON, Clinic, Footprint
from tests.acceptance.kills.running import DEADLINE, Stack

#: What is decided about the pending ones when they are back.
DECISIONS: Final = ("accept", "accept", "accept", "refuse", "refuse", "cancel", "cancel", "open")
_BRIEF: Final = timedelta(seconds=4)


@pytest.fixture
def clinic(settings: Settings) -> Iterator[Clinic]:
    wiring.prepare_database(settings)
    opened = Clinic(settings)
    yield opened
    opened.close()


class Pending:
    """Ten open transfers: eight to be answered, one that waits for a coordinator, one past its deadline."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.practice = clinic.practice()
        self.hurried = clinic.practice(answer_within=_BRIEF)
        self.pending: list[UUID] = []
        self.waiting: UUID
        self.overdue: UUID

    async def ask(self) -> None:
        """Ask for all of them."""
        clinic, world = self.clinic, self.practice.world
        for _ in DECISIONS:
            asked = await clinic.request(self.practice, clinic.record(self.practice))
            self.pending.append(asked.id)
        asked = await clinic.service.request(
            world.coordinator, clinic.record(self.practice), world.new_owner, purpose=Purpose.ABSENCE
        )
        self.waiting = asked.id
        await clinic.service.refuse(world.new_owner, asked.id, reason=REASON)
        assert clinic.state(asked.id) == TransferState.COORDINATOR_OVERRIDE
        self.overdue = (await clinic.request(self.hurried, clinic.record(self.hurried))).id

    @property
    def all(self) -> list[UUID]:
        """Every open transfer."""
        return [*self.pending, self.waiting, self.overdue]

    async def let_the_deadline_pass(self) -> None:
        """Wait, with nobody at work, until an answer is overdue."""
        await asyncio.sleep(_BRIEF.total_seconds())
        assert self.clinic.state(self.overdue) == "pending_acceptance"

    async def answer(self) -> None:
        """Answer all but one, and see that each is answered once."""
        clinic, practice = self.clinic, self.practice
        await asyncio.gather(
            *(
                clinic.command(decision, practice, transfer_id)
                for decision, transfer_id in zip(DECISIONS, self.pending, strict=True)
                if decision != "open"
            )
        )
        for decision, transfer_id in zip(DECISIONS, self.pending, strict=True):
            assert clinic.footprint(practice, transfer_id) == EXPECTED[decision]

        taken_back = await clinic.service.cancel(practice.world.owner, self.waiting)
        assert taken_back.state is TransferState.CANCELLED
        assert clinic.footprint(practice, self.waiting) == _TAKEN_BACK

        await clinic.expiry(self.hurried, self.overdue)
        assert clinic.footprint(self.hurried, self.overdue) == EXPECTED["expire"]

        settled = await clinic.settled()
        assert (settled.open_transfers, settled.restarted, settled.woken) == (1, 0, 0)
        clinic.check()


#: Asked by a coordinator, refused, escalated, then taken back by its owner.
_TAKEN_BACK: Final = Footprint(
    "cancelled",
    3,
    [("live", "owner")],
    [
        ("asked", "new_owner"),
        ("asked", "owner"),
        ("cancelled", "coordinator"),
        ("needs_you", "coordinator"),
        ("refused", "coordinator"),
        ("refused", "owner"),
    ],
    sorted(
        [
            ("transfer.open", "coordinator", "allowed", None),
            ("transfer.refuse", "new_owner", "allowed", None),
            ("transfer.escalate", "engine", "allowed", None),
            ("transfer.cancel", "owner", "allowed", None),
        ],
        key=str,
    ),
)


def forget(settings: Settings) -> None:
    """Delete the server's file, with what belongs to it."""
    files = list(settings.data.glob("temporal.db*"))
    assert settings.temporal_file in files
    for file in files:
        file.unlink()


@pytest.mark.slow
async def test_the_next_start_brings_every_transfer_back(clinic: Clinic, settings: Settings) -> None:
    """The sweep of a worker that comes to work is enough: nobody has to know."""
    transfers = Pending(clinic)
    with Stack(settings):
        await transfers.ask()
    forget(settings)
    await transfers.let_the_deadline_pass()
    clinic.come_back()
    with Stack(settings):
        back = {*transfers.all} - {transfers.overdue}
        async with asyncio.timeout(DEADLINE):
            while await clinic.running() != back:
                await asyncio.sleep(0.1)

        await transfers.answer()


@pytest.mark.slow
async def test_reconcile_brings_every_transfer_back(clinic: Clinic, settings: Settings) -> None:
    """An operator's command does it too, with no worker at work; asked twice, it starts nothing twice."""
    transfers = Pending(clinic)
    with Stack(settings):
        await transfers.ask()
    forget(settings)
    await transfers.let_the_deadline_pass()
    with EmbeddedServer(settings) as server:
        other = Clinic(settings.model_copy(update={"temporal_address": server.address}))
        swept = await other.service.reconcile()

        assert (swept.open_transfers, swept.restarted, swept.woken) == (10, 10, 0)

        again = await other.settled()

        assert (again.open_transfers, again.restarted, again.woken) == (10, 0, 0)
        assert await other.running() == {*transfers.all}

        other.close()
    clinic.come_back()
    with Stack(settings):
        await transfers.answer()


@pytest.mark.slow
async def test_an_answer_needs_no_sweep(clinic: Clinic, settings: Settings) -> None:
    """A command starts the workflow that it finds missing, from the row."""
    transfers = Pending(clinic)
    with Stack(settings):
        await transfers.ask()
    forget(settings)
    clinic.come_back()
    with Stack(settings):
        await transfers.answer()
