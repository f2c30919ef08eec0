"""
Records the ways through every workflow: ``python -m tests.histories [NAME …]``.

Before a release is out its paths are recorded anew, all or those that are named. Once it is, what was
recorded under it stays as it is, and only what has no history yet is added; see CONTRIBUTING.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from temporalio.client import WorkflowFailureError, WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from engine.records.database import Database
from tests.histories import bulks, commands, others, transfers
from tests.histories.calming import calmed
from tests.histories.files import RELEASE, Recorded, is_released
from tests.workflows import histories
from tests.workflows.clinic import Clinic, found_clinic
from tests.workflows.server import time_skipping_server

Scenario = Callable[[Clinic], Awaitable[Any]]
#: Every path, by the workflow that it is of.
SCENARIOS: Final[Mapping[str, Sequence[Scenario]]] = {
    "RecordTransfer": transfers.SCENARIOS,
    "BulkTransfer": bulks.BULKS,
    "BulkAnswer": bulks.ANSWERS,
    "Sweep": others.SWEEPS,
    "Destruction": others.DESTRUCTIONS,
    "NoticeSender": others.SENDERS,
}
#: On a server that soon suggests to begin anew.
_CONTINUED: Final = "continued"
_SOON: Final = "limit.historyCount.suggestContinueAsNew=20"


def paths() -> Iterator[tuple[str, Scenario]]:
    """Give every path with its workflow."""
    for workflow, scenarios in SCENARIOS.items():
        for scenario in scenarios:
            yield workflow, scenario


async def record(names: Sequence[str]) -> None:
    """Play every path that is to be recorded in a clinic of its own, and write what happened."""
    wanted = [
        (workflow, one)
        for workflow, one in paths()
        if not names or {one.__name__, f"{workflow}/{one.__name__}"} & set(names)
    ]
    if is_released():
        wanted = [(workflow, one) for workflow, one in wanted if not _files(workflow, one)]
    # Not the name of this machine.
    for config in (None, _SOON):
        async with await time_skipping_server(identity="recorder", config=config) as environment:
            with environment.with_time_skipping_disabled():
                for workflow, scenario in wanted:
                    if scenario.__name__.endswith(_CONTINUED) == (config is not None):
                        await _record(environment, workflow, scenario)


def _files(workflow: str, scenario: Scenario) -> Sequence[Path]:
    folder = Recorded(RELEASE, workflow, "").history_file.parent
    return sorted(folder.glob(f"{scenario.__name__}.*")) + sorted(
        folder.glob(f"{scenario.__name__}_[0-9]*.*")
    )


async def _record(environment: WorkflowEnvironment, workflow: str, scenario: Scenario) -> None:
    began = time.monotonic()
    runs = await _played(environment, workflow, scenario)
    for old in _files(workflow, scenario):
        old.unlink()
    for number, text in enumerate(runs, start=1):
        name = scenario.__name__ if len(runs) == 1 else f"{scenario.__name__}_{number}"
        recorded = Recorded(RELEASE, workflow, name)
        recorded.history_file.parent.mkdir(parents=True, exist_ok=True)
        quiet = calmed(text, str(recorded))
        recorded.commands_file.write_text(await _commands_of(text, quiet), encoding="utf-8")
        recorded.history_file.write_text(quiet + "\n", encoding="utf-8")
        sys.stdout.write(f"{recorded}  {len(quiet):,} bytes  {time.monotonic() - began:.1f} s\n")


async def _commands_of(text: str, quiet: str) -> str:
    """Give the fingerprint, of which what was taken out of the history was no part."""
    loud, calm = WorkflowHistory.from_json("loud", text), WorkflowHistory.from_json("calm", quiet)
    found = await commands.replayed([loud, calm])
    for run in found.values():
        if run.failure is not None:
            raise run.failure
    assert histories.failed_tasks(calm) == []
    assert histories.leaks(quiet) == []
    assert found[loud.run_id].commands == found[calm.run_id].commands
    return commands.written(found[calm.run_id].commands)


async def _played(environment: WorkflowEnvironment, workflow: str, scenario: Scenario) -> list[str]:
    """Play a path, and give the history of every run of its workflow, the first one first."""
    with tempfile.TemporaryDirectory() as place:
        database = Database(Path(place) / "passation.sqlite3", busy_seconds=0.2)
        database.upgrade()
        clinic = found_clinic(environment, database)
        async with clinic.worker():
            played = await scenario(clinic)
            workflow_id = f"transfer/{played}" if workflow == "RecordTransfer" else str(played)
            with suppress(WorkflowFailureError):
                await clinic.client.get_workflow_handle(workflow_id).result()
        found = [await clinic.client.get_workflow_handle(workflow_id).fetch_history()]
        while earlier := _before(found[0]):
            handle = clinic.client.get_workflow_handle(workflow_id, run_id=earlier)
            found.insert(0, await handle.fetch_history())
        await clinic.close()
        database.close()
    return [history.to_json() for history in found]


def _before(history: WorkflowHistory) -> str:
    """Give the run that a run went on from, if there was one."""
    return history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id


if __name__ == "__main__":
    # What a path breaks on purpose is told by nobody.
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="the paths to record, also as Workflow/path; all of them if none",
    )
    asyncio.run(record(parser.parse_args().names))
