"""
What a workflow asks of the server when it replays a history: its fingerprint on that path.

The replayer itself compares kinds and names of events. A timer's summary, the keys of search attributes or
the name of an answer are no part of that, though operators and whoever waits see them change.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import UpdateResponse, WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.plugin import SimplePlugin
from temporalio.worker import Replayer, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner

from engine.temporal.plugin import PassationPlugin
from engine.workflows.registry import OF_NOTICES, WORKFLOWS

EVERY: Final = (*WORKFLOWS, *OF_NOTICES)


@dataclass(slots=True)
class Replayed:
    """What came of a replay: the commands, and why it failed if it did."""

    commands: list[str] = field(default_factory=list)
    failure: Exception | None = None


async def replayed(
    histories: Iterable[WorkflowHistory], workflows: Sequence[type] = EVERY
) -> Mapping[str, Replayed]:
    """Replay histories as the product would, and say what each made its workflow ask for, by run."""
    found: dict[str, Replayed] = {}

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    replayer = Replayer(
        workflows=workflows,
        plugins=[
            PassationPlugin(strict=True),
            SimplePlugin("listening", workflow_runner=lambda inner: _Listening(inner, found)),
        ],
    )
    async with replayer.workflow_replay_iterator(each()) as results:
        async for result in results:
            run = found.setdefault(result.history.run_id, Replayed())
            run.failure = result.replay_failure
    return found


class _Listening(WorkflowRunner):
    """The product's own runner, overheard."""

    def __init__(self, inner: WorkflowRunner | None, found: dict[str, Replayed]) -> None:
        assert inner is not None
        self._inner, self._found = inner, found

    def prepare_workflow(self, defn: Any) -> None:  # noqa: ANN401 - private to the SDK
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        heard = self._found[det.info.run_id] = Replayed()
        return _Heard(self._inner.create_instance(det), heard.commands)

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        self._inner.set_worker_level_failure_exception_types(types)


class _Heard(WorkflowInstance):
    """One run, whose commands are written down in passing."""

    def __init__(self, inner: WorkflowInstance, commands: list[str]) -> None:
        self._inner, self._commands = inner, commands
        #: What numbers and instance ids stand for.
        self._updates: dict[str, str] = {}
        self._timers: dict[int, str] = {}

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        for job in act.jobs:
            if job.HasField("do_update"):
                self._updates[job.do_update.protocol_instance_id] = job.do_update.name
        completion = self._inner.activate(act)
        self._commands += filter(None, map(self._said, completion.successful.commands))
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:  # noqa: ANN401 - private to the SDK
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:  # noqa: ANN401 - private to the SDK
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> Any:  # noqa: ANN401 - private to the SDK
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()

    def _said(self, command: WorkflowCommand) -> str | None:
        kind = command.WhichOneof("variant")
        if kind is None or kind == "respond_to_query":
            return None
        body: Any = getattr(command, kind)
        if kind == "update_response":
            return _answered(body, self._updates[body.protocol_instance_id])
        if kind == "start_timer":
            self._timers[body.seq] = _summary(command)
        names: dict[str, Callable[[], str]] = {
            "start_timer": lambda: self._timers[body.seq],
            "cancel_timer": lambda: self._timers[body.seq],
            "schedule_activity": lambda: f"{body.activity_type} {_summary(command)}",
            "schedule_local_activity": lambda: f"{body.activity_type} {_summary(command)}",
            "set_patch_marker": lambda: body.patch_id + (" deprecated" if body.deprecated else ""),
            "upsert_workflow_search_attributes": lambda: _keys(body.search_attributes),
            "fail_workflow_execution": lambda: _type_of(body.failure),
        }
        name = names[kind]() if kind in names else ""
        return f"{kind.replace('_', ' ')} {name}".rstrip()


def _summary(command: WorkflowCommand) -> str:
    data = command.user_metadata.summary.data
    return json.dumps(json.loads(data)) if data else ""


def _keys(attributes: Any) -> str:  # noqa: ANN401 - a message
    # A value of null unsets the attribute.
    return " ".join(
        sorted(
            key if value.data != b"null" and value.data else f"-{key}"
            for key, value in attributes.indexed_fields.items()
        )
    )


def _answered(response: UpdateResponse, name: str) -> str:
    how = response.WhichOneof("response") or ""
    failure: Message = response.rejected
    told = f" {_type_of(failure)}" if how == "rejected" and isinstance(failure, Failure) else ""
    return f"update {name} {how}{told}"


def _type_of(failure: Failure) -> str:
    return failure.application_failure_info.type


def read(text: str) -> Sequence[str]:
    """Read a fingerprint."""
    return text.splitlines()


def written(commands: Sequence[str]) -> str:
    """Write a fingerprint: one command a line."""
    return "".join(f"{command}\n" for command in commands)
