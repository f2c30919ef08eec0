"""Two hundred records change hands while server and worker are killed in turn."""

import signal
import time
from collections.abc import Iterator
from typing import Final

import pytest

from engine.settings import Settings
from tests.acceptance.kills.chaos import accepted_once_each
from tests.acceptance.kills.clinic import Clinic
from tests.acceptance.kills.running import Stack

KILLS: Final = 5
_EVERY: Final = 4.0


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """Server and worker as an operator has them, without haste."""
    with Stack(settings, hasty=False) as started:
        yield started


@pytest.mark.slow
async def test_two_hundred_transfers_are_accepted_once_each(stack: Stack, clinic: Clinic) -> None:
    """MOVE-2, MOVE-3, OVR-2: nothing is lost, nothing is done twice."""
    await accepted_once_each(clinic, stack, lambda: _kill_in_turn(stack), seconds=KILLS * _EVERY)


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
    assert len(killed) == KILLS
    return killed
