"""Those who are asked to stop finish what they do; those who are killed leave nobody and nothing behind."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from itertools import count
from typing import Final
from uuid import UUID

from engine.settings import Settings
from engine.views import TransferView
from tests.acceptance.kills.clinic import EXPECTED, Clinic, Practice
from tests.acceptance.kills.running import DEADLINE, Stack, log_lines, processes_on, until
from tests.acceptance.kills.supervisor import supervised

TRANSFERS: Final = 30
_IN_FLIGHT: Final = 10


class Accepts:
    """Thirty transfers that are accepted, ten at a time; somebody is told when some are."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.practice: Practice = clinic.practice()
        self.transfers: list[UUID] = []
        self.some = asyncio.Event()
        self._gate = asyncio.Semaphore(_IN_FLIGHT)
        self._accepted = count(1)

    async def ask(self) -> None:
        """Ask for all of them."""
        for _ in range(TRANSFERS):
            asked = await self.clinic.request(self.practice, self.clinic.record(self.practice))
            self.transfers.append(asked.id)

    async def accept(self) -> list[TransferView]:
        """Accept all of them."""
        return await asyncio.gather(*(self._accept(transfer_id) for transfer_id in self.transfers))

    async def _accept(self, transfer_id: UUID) -> TransferView:
        async with self._gate:
            view = await self.clinic.command("accept", self.practice, transfer_id)
        if next(self._accepted) == TRANSFERS // 4:
            self.some.set()
        return view

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Enter when a quarter is accepted, leave when all are, once each."""
        accepting = asyncio.create_task(self.accept())
        async with asyncio.timeout(DEADLINE):
            await self.some.wait()
        assert not accepting.done(), "this must be the middle"
        try:
            yield
        except BaseException:
            accepting.cancel()
            raise
        assert [view.state for view in await accepting] == ["accepted"] * TRANSFERS
        await self.once()

    async def once(self) -> None:
        """See that each was accepted once."""
        for transfer_id in self.transfers:
            assert self.clinic.footprint(self.practice, transfer_id) == EXPECTED["accept"]
        settled = await self.clinic.settled()
        assert (settled.open_transfers, settled.restarted, settled.woken) == (0, 0, 0)
        self.clinic.check()


async def test_a_worker_asked_to_stop_finishes_what_it_does(stack: Stack, clinic: Clinic) -> None:
    """SIGTERM in the middle of thirty accepts: it ends by itself, and the next one takes what is left."""
    accepts = Accepts(clinic)
    await accepts.ask()
    worker = stack.worker
    async with accepts.under_way():
        worker.send_signal(signal.SIGTERM)
        await until(lambda: worker.poll() is not None, "the worker's end", 30)

    assert worker.returncode == 0
    assert worker is not stack.worker
    told = [line["event"] for line in log_lines(stack.settings.worker_log) if line["logger"] == "worker"]
    assert told.index("worker.stopping") < told.index("worker.stopped")
    assert told.count("worker.stopped") == 1


async def test_a_killed_supervisor_leaves_no_orphans_and_loses_nothing(settings: Settings) -> None:
    """SIGKILL in the middle of thirty accepts: everybody dies, and the next start goes on where it was."""
    with ExitStack() as later, supervised(settings) as (first, running):
        clinic = Clinic(settings)
        later.callback(clinic.close)
        accepts = Accepts(clinic)
        await accepts.ask()
        async with accepts.under_way():
            assert set(processes_on(settings.data)) == {first.pid, running.server_pid, running.worker_pid}

            first.kill()
            await until(lambda: processes_on(settings.data) == [], "the end of all", 30)

            assert first.wait() == -signal.SIGKILL
            assert settings.running() is None

            second, resumed = later.enter_context(supervised(settings))

        assert resumed.address == running.address
        assert {resumed.server_pid, resumed.worker_pid}.isdisjoint({running.server_pid, running.worker_pid})

        second.send_signal(signal.SIGTERM)
        _, complaints = await asyncio.to_thread(second.communicate, timeout=60)

        assert (second.returncode, complaints) == (0, "")
        assert processes_on(settings.data) == []
