"""Two hundred records change hands while server and worker are killed in turn."""

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import pytest

from engine.settings import Settings
from tests.acceptance.kills.clinic import EXPECTED, Clinic
from tests.acceptance.kills.running import Stack

TRANSFERS: Final = 200
KILLS: Final = 5
_EVERY: Final = 4.0
_SEED: Final = 20261124


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """Server and worker as an operator has them, without haste."""
    with Stack(settings, hasty=False) as started:
        yield started


@pytest.mark.slow
async def test_two_hundred_transfers_are_accepted_once_each(stack: Stack, clinic: Clinic) -> None:
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
    killing = asyncio.create_task(asyncio.to_thread(_kill_in_turn, stack))
    await asyncio.gather(*(hand_over(record_id, chosen.uniform(0, KILLS * _EVERY)) for record_id in records))
    killed = await killing
    before = [sum(at < kill for at in finished) for kill in killed]

    assert len(killed) == KILLS
    assert 0 < before[0] <= before[-1] < TRANSFERS, "every kill must come in the middle"

    await stack.ready()
    settled = await clinic.settled()
    assert (settled.open_transfers, settled.restarted, settled.woken) == (0, 0, 0)
    for record_id in records:
        transfer_id = clinic.transfer_of(record_id)
        assert transfer_id is not None
        assert clinic.footprint(practice, transfer_id) == EXPECTED["accept"]
    clinic.check()


def _kill_in_turn(stack: Stack) -> list[float]:
    """Kill the worker, the server, the worker… each a living process; say when."""
    killed = []
    for turn in range(KILLS):
        time.sleep(_EVERY)
        stack.wait_ready()
        victim, kill = [
            (stack.worker, stack.kill_worker),
            (stack.server_process, stack.kill_server),
        ][turn % 2]
        assert victim.poll() is None
        killed.append(time.monotonic())
        kill()
        assert victim.returncode == -signal.SIGKILL
    return killed
