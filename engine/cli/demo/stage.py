"""What the scenes of the demo play with."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from engine.cli.demo.checks import Expected
from engine.cli.demo.clinic import Clinic
from engine.cli.demo.report import Report, Told
from engine.cli.dev import DevStack
from engine.desk.desk import Desk
from engine.errors import Unavailable
from engine.service import Service
from engine.states.choices import Options, Purpose
from engine.states.transfer import TransferState
from engine.views import MemberView, RecordView, TransferView

_POLL_SECONDS: Final = 0.02
_LONGEST_SECONDS: Final = 60.0


@dataclass(slots=True)
class Stage:
    """What a scene plays with."""

    clinic: Clinic
    desk: Desk
    service: Service
    stack: DevStack
    report: Report
    expected: Expected
    told: list[Told] = field(default_factory=list)

    async def ask(
        self, place: int, to: MemberView | None = None, options: Options | None = None
    ) -> TransferView:
        """Ask the next colleague, or ``to``, to take over the record at this place."""
        return await self.service.request(
            self.clinic.owner_of(place).id,
            self.clinic.records[place].id,
            (to or self.clinic.next_to(place)).id,
            purpose=Purpose.CONTINUITY,
            options=options,
            message=self.said("message"),
        )

    def said(self, word: str) -> str:
        """Give one of the demo's sentences as a free text, with the marker in it."""
        return f"{self.report.words(word)} ({self.clinic.marker})"

    def ended(
        self, scene: str, place: int, transfer: TransferView, began: float, owner: MemberView | None = None
    ) -> Told:
        """Note how a transfer stands, as the one who had the record sees it."""
        return self.ended_of(
            scene, self.clinic.records[place], transfer.id, began, owner or self.clinic.owner_of(place)
        )

    def ended_of(
        self, scene: str, record: RecordView, transfer_id: UUID, began: float, owner: MemberView
    ) -> Told:
        """Note how a transfer of this record stands, as the one who had it sees it."""
        seen = self.desk.transfer(owner.id, transfer_id)
        self.expected.states[str(seen.id)] = seen.state.value
        counts: Counter[str] = Counter()
        if seen.state is TransferState.ACCEPTED:
            for line in seen.items:
                counts[line.outcome.value] += line.count
        return Told(
            scene=scene,
            record_number=record.number,
            owner=owner.name,
            new_owner=seen.new_owner or "",
            state=seen.state.value,
            imposed=seen.imposed_by is not None,
            seconds=time.monotonic() - began,
            transfer_id=seen.id,
            counts=counts,
        )


async def until(fact: Callable[[], bool]) -> None:
    """Wait until something that is under way has happened. Raises ``Unavailable`` where it never does."""
    await until_reached(lambda: int(fact()), 1)


async def until_reached(count: Callable[[], int], goal: int) -> None:
    """Wait until so much is done. Raises ``Unavailable`` where nothing more is done for a long time."""
    done, deadline = -1, 0.0
    while True:
        began = time.monotonic()
        now = await asyncio.to_thread(count)
        if now >= goal:
            return
        ended = time.monotonic()
        if now > done:
            done, deadline = now, ended + _LONGEST_SECONDS
        elif ended > deadline:
            raise Unavailable("no_answer")
        # Looking at thousands takes its time, and must not take that of the work.
        await asyncio.sleep(max(_POLL_SECONDS, 4 * (ended - began)))
