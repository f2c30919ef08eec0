"""A change of a workflow's commands is noticed: proven on copies of our own workflows, changed on purpose."""

import importlib
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.workflow import NondeterminismError

import engine.workflows
from engine.activities.sweep import Sweeping
from engine.records.database import Database
from tests.histories import commands
from tests.histories.calming import calmed
from tests.histories.commands import Replayed, replayed
from tests.histories.files import RELEASE, Recorded

SOURCES = Path(engine.workflows.__file__).parent
_NUMBERS = count(1)


class Change(NamedTuple):
    """One change of one workflow's file, and a path that it is on."""

    workflow: str
    path: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.workflow}: {self.new.strip()}"


class Mutants:
    """Writes changed copies of workflows, each a module of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, change: Change) -> type:
        file = {
            "RecordTransfer": "record_transfer",
            "BulkTransfer": "bulk_transfer",
            "BulkAnswer": "bulk_answer",
            "Sweep": "sweep",
            "Destruction": "destruction",
            "NoticeSender": "notices",
        }[change.workflow]
        text = (SOURCES / f"{file}.py").read_text(encoding="utf-8")
        assert text.count(change.old) >= 1, "the copy is to be changed where the workflow now is"
        name = f"mutant_{next(_NUMBERS)}"
        (self._folder / f"{name}.py").write_text(text.replace(change.old, change.new, 1), encoding="utf-8")
        importlib.invalidate_caches()
        found: type = getattr(importlib.import_module(name), change.workflow)
        return found

    async def replayed(self, change: Change) -> tuple[Replayed, list[str]]:
        """Replay the path on the copy; give what came of it, and what was recorded."""
        recorded = Recorded(RELEASE, change.workflow, change.path)
        history = recorded.history()
        found = await replayed([history], [self.of(change)])
        return found[history.run_id], list(commands.read(recorded.commands_file.read_text("utf-8")))


@pytest.fixture
def mutants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mutants]:
    monkeypatch.syspath_prepend(tmp_path)
    yield Mutants(tmp_path)
    for name in [name for name in sys.modules if name.startswith("mutant_")]:
        del sys.modules[name]


_SLEEP = "await workflow.sleep(1)\n        "
#: The server's history of these does not fit the changed workflow any more.
OTHER_COMMANDS = [
    Change("RecordTransfer", "accepted", "self._opened = row", f"{_SLEEP}self._opened = row"),
    Change(
        "RecordTransfer", "accepted", "self._settle(Step.OPEN, request)", "self._settle(Step.NARROW, request)"
    ),
    Change("RecordTransfer", "expired", "Step.EXPIRE if passed else Step.REMIND", "Step.EXPIRE"),
    Change("BulkTransfer", "finished", "await self._look()\n            more", "more"),
    Change("BulkAnswer", "answer_accepted", "page, decided = ", f"{_SLEEP}page, decided = "),
    Change("Sweep", "swept", "found: SweepResult =", f"{_SLEEP}found: SweepResult ="),
    Change("Destruction", "page_after_page", "while not page.done:", f"{_SLEEP}while not page.done:"),
    Change("NoticeSender", "turns", "while not workflow", f"{_SLEEP}while not workflow"),
]
#: These the replayer lets pass, and operators or callers would be told something else.
OTHER_WORDS = [
    Change("RecordTransfer", "accepted", 'else "reminder"', 'else "nudge"'),
    Change("RecordTransfer", "accepted", "                RECORD_ID.value_set(str(result.record_id)),\n", ""),
    Change("BulkTransfer", "finished", 'summary=f"ask, after', 'summary=f"from'),
]


class TestChangedCopy:
    @pytest.mark.parametrize("change", OTHER_COMMANDS, ids=str)
    async def test_another_command_fails_the_replay_and_the_fingerprint(
        self, mutants: Mutants, change: Change
    ) -> None:
        run, recorded = await mutants.replayed(change)

        assert isinstance(run.failure, NondeterminismError)
        assert run.commands != recorded

    @pytest.mark.parametrize("change", OTHER_WORDS, ids=str)
    async def test_another_name_fails_the_fingerprint(self, mutants: Mutants, change: Change) -> None:
        run, recorded = await mutants.replayed(change)

        assert run.failure is None
        assert run.commands != recorded

    @pytest.mark.parametrize(
        "change",
        [
            Change("RecordTransfer", "accepted", "self._opened = row", "self._opened = row"),
            Change(
                "RecordTransfer",
                "accepted",
                "self._opened = row",
                f'if workflow.patched("wait"):\n            {_SLEEP}self._opened = row',
            ),
        ],
        ids=["unchanged", "gated"],
    )
    async def test_what_is_unchanged_or_behind_a_gate_passes_both(
        self, mutants: Mutants, change: Change
    ) -> None:
        """The control: a transfer that is under way goes on as it began."""
        run, recorded = await mutants.replayed(change)

        assert run.failure is None
        assert run.commands == recorded


class TestGate:
    """The way that CONTRIBUTING.md describes, gone once with the shortest of our workflows."""

    BEFORE = "found: SweepResult ="

    def changed(self, before: str) -> Change:
        return Change("Sweep", "swept", self.BEFORE, f"{before}{self.BEFORE}")

    async def test_what_begins_behind_it_is_recorded_with_it_and_outlives_it(
        self, mutants: Mutants, environment: WorkflowEnvironment, clinic_database: Database
    ) -> None:
        gated = mutants.of(self.changed(f'if workflow.patched("wait"):\n            {_SLEEP}'))
        queue = f"gate-{uuid4()}"
        sweeping = Sweeping(clinic_database, queue)
        async with Worker(
            environment.client, task_queue=queue, workflows=[gated], activities=[sweeping.sweep]
        ):
            handle = await environment.client.start_workflow("Sweep", id=queue, task_queue=queue)
            await environment.fast_forward(handle, timedelta(seconds=2))
            await handle.result()
        history = WorkflowHistory.from_json("new", calmed((await handle.fetch_history()).to_json(), "new"))
        later = mutants.of(self.changed(f'workflow.deprecate_patch("wait")\n        {_SLEEP}'))
        without = mutants.of(self.changed(_SLEEP))
        runs = [(await replayed([history], [one]))[history.run_id] for one in (gated, later, without)]

        assert runs[0].commands[:2] == ["set patch marker wait", "start timer"]
        assert [run.failure for run in runs[:2]] == [None, None]
        assert runs[1].commands[0] == "set patch marker wait deprecated"
        assert isinstance(runs[2].failure, NondeterminismError)
