"""The matrix of kills: who dies, at which step, before, inside or after its transaction; nothing shows."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest

from engine.activities.killpoints import When
from engine.settings import Settings
from tests.acceptance.kills.clinic import EXPECTED, STEP_OF, STILL_OPEN, Clinic, Practice
from tests.acceptance.kills.running import Armed, Stack, Whom, until

STEPS: Final = (
    *("open", "accept", "refuse", "cancel", "expire"),
    *("reassign", "impose", "extend", "override"),
)
#: The cells that every run asks: each of the dead and each moment twice; the others take their minutes.
QUICK: Final = {
    ("open", When.INSIDE, Whom.WORKER),
    ("accept", When.BEFORE, Whom.SERVER),
    ("accept", When.INSIDE, Whom.BOTH),
    ("accept", When.AFTER, Whom.WORKER),
    ("refuse", When.BEFORE, Whom.BOTH),
    ("expire", When.AFTER, Whom.SERVER),
}
CELLS: Final = [
    pytest.param(
        step,
        when,
        whom,
        id=f"{step}-{when}-{whom}",
        marks=[] if (step, when, whom) in QUICK else [pytest.mark.slow],
    )
    for whom in Whom
    for when in When
    for step in STEPS
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One server and one worker for the whole matrix; one of them or both die in every cell."""
    with Stack(Settings(data=tmp_path_factory.mktemp("matrix"))) as started:
        yield started


@pytest.fixture(scope="module")
def clinic(stack: Stack) -> Iterator[Clinic]:
    opened = Clinic(stack.settings)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def patient(clinic: Clinic) -> Practice:
    return clinic.practice()


@pytest.fixture(scope="module")
def hurried(clinic: Clinic) -> Practice:
    return clinic.practice(answer_within=timedelta(seconds=2))


@pytest.mark.parametrize(("step", "when", "whom"), CELLS)
async def test_whoever_is_killed_it_happens_once(
    stack: Stack, clinic: Clinic, patient: Practice, hurried: Practice, step: str, when: When, whom: Whom
) -> None:
    practice = hurried if step == "expire" else patient
    record = clinic.record(practice)
    expected = EXPECTED[step]

    async def act() -> UUID:
        asked = await clinic.request(practice, record)
        if step == "open":
            assert (asked.state, asked.version) == (expected.state, expected.version)
        else:
            answer = await clinic.command(step, practice, asked.id)
            assert (answer.state, answer.version) == (expected.state, expected.version)
        return asked.id

    armed = await stack.arm(f"transfer.{STEP_OF.get(step, step)}:{when}", whom)
    with stack.held():
        acting = asyncio.create_task(act())
        await armed.strike()
        await _left_by_the_dead(clinic, record, step, when, whom)
        assert not acting.done() or step == "expire"
    transfer_id = await acting
    await stack.ready()
    await _replaced(stack, armed)
    settled = await clinic.settled()

    assert clinic.footprint(practice, transfer_id) == expected
    assert (settled.restarted, settled.woken) == (0, 0)
    assert await clinic.is_running(transfer_id) is (step in STILL_OPEN)

    # The same command once more changes nothing; and a request that survived can be answered.
    assert await act() == transfer_id
    assert clinic.footprint(practice, transfer_id) == expected

    if step in STILL_OPEN:
        await clinic.service.accept(clinic.answerer(practice, transfer_id), transfer_id, key="accept")
    if step == "open":
        assert clinic.footprint(practice, transfer_id) == EXPECTED["accept"]
    settled = await clinic.settled()

    assert (settled.open_transfers, settled.restarted, settled.woken) == (0, 0, 0)
    assert not await clinic.is_running(transfer_id)
    # AUD-4: signed with the hand-over, or by the sweep of the next worker.
    await until(lambda: clinic.unsigned() == 0, "the signature of every receipt")
    clinic.check()


async def _left_by_the_dead(clinic: Clinic, record: UUID, step: str, when: When, whom: Whom) -> None:
    """The transaction shows where the power failed: not before its end, and whole after it."""
    if whom is Whom.SERVER and when is not When.AFTER:
        # The worker lives and goes on: the row is ahead of a workflow whose server is dead.
        await until(lambda: clinic.has_happened(record, step), "the transaction of a living worker")
    else:
        assert clinic.has_happened(record, step) is (when is When.AFTER)


async def _replaced(stack: Stack, armed: Armed) -> None:
    """Those who died, and only those, have a successor that says so."""
    assert (stack.worker is armed.worker) is (armed.worker in armed.spared)
    assert (stack.server_process is armed.server) is (armed.server in armed.spared)

    await until(lambda: stack.worker.pid in stack.started_workers(), "the log of the next worker")
