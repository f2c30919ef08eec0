"""What is asked of every history: that it replays, and that nothing confidential is in it."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import cache
from typing import Any, Final

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from engine.temporal.plugin import PassationPlugin
from engine.workflows.registry import WORKFLOWS

#: Begins every name and every text that a test plants.
SECRET: Final = "Xq7Secret"


def secret(what: str) -> str:
    """Make a text that must never leave the database."""
    return f"{SECRET}-{what}"


async def replay(histories: Iterable[WorkflowHistory]) -> None:
    """Raise where the workflows of today would do something else than these histories say."""

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    # All by one worker: to begin, each loads every workflow into its sandbox.
    await _replayer().replay_workflows(each())


@cache
def _replayer() -> Replayer:
    return Replayer(workflows=WORKFLOWS, plugins=[PassationPlugin(strict=True)])


#: What our own code fails a task with; the server's other causes only say that it is to be done again.
_OURS: Final = frozenset(
    {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
    }
)


def failed_tasks(history: WorkflowHistory) -> list[str]:
    """Give why workflow tasks failed in our code: such a task is tried for ever, and nothing else runs."""
    causes = [
        event.workflow_task_failed_event_attributes.cause
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    return [WorkflowTaskFailedCause.Name(cause) for cause in causes if cause in _OURS]


def leaks(text: str) -> list[str]:
    """Find planted secrets in a JSON document, also where it is encoded in base64, however deep."""
    return sorted({found[:200] for found in strings(text) if SECRET in found})


def strings(text: str) -> Iterator[str]:
    """Give every string of a JSON document, also what is encoded in base64, however deep."""
    return _strings(json.loads(text))


def encoded(text: str) -> str:
    """Encode a text as a payload's bytes are in a history's JSON."""
    return base64.b64encode(text.encode()).decode()


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value
        yield from _decoded(value)


def _decoded(value: str) -> Iterator[str]:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield text
    try:
        inner = json.loads(text)
    except ValueError:
        return
    if not isinstance(inner, int | float | bool | None):
        yield from _strings(inner)
