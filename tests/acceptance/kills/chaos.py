"""Two hundred records that change hands while something is killed again and again: what must come of it."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from tests.acceptance.kills.clinic import EXPECTED, Clinic
from tests.acceptance.kills.running import Stack

TRANSFERS: Final = 200
_SEED: Final = 20261124


async def accepted_once_each(
    clinic: Clinic, stack: Stack, kill_in_turn: Callable[[], list[float]], *, seconds: float
) -> None:
    """
    Ask for and accept every transfer while ``kill_in_turn`` works; then look at every footprint.

    ``kill_in_turn`` gives the monotonic instants of its kills.
    """
    practice = clinic.practice()
    records = [clinic.record(practice) for _ in range(TRANSFERS)]
    finished: list[float] = []

    async def hand_over(record_id: UUID, delay: float) -> None:
        await asyncio.sleep(delay)
        asked = await clinic.request(practice, record_id)
        accepted = await clinic.command("accept", practice, asked.id)
        assert accepted.state == "accepted"
        finished.append(time.monotonic())

    # Spread over the time of the kills, so that each of them meets some, at every stage.
    chosen = random.Random(_SEED)
    killing = asyncio.create_task(asyncio.to_thread(kill_in_turn))
    await asyncio.gather(*(hand_over(record_id, chosen.uniform(0, seconds)) for record_id in records))
    killed = await killing
    before = [sum(at < kill for at in finished) for kill in killed]

    assert 0 < before[0] <= before[-1] < TRANSFERS, "every kill must come in the middle"

    await stack.ready()
    settled = await clinic.settled()
    assert (settled.open_transfers, settled.restarted, settled.woken) == (0, 0, 0)
    for record_id in records:
        transfer_id = clinic.transfer_of(record_id)
        assert transfer_id is not None
        assert clinic.footprint(practice, transfer_id) == EXPECTED["accept"]
    clinic.check()
