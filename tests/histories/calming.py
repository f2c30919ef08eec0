"""
Makes a history small and quiet: numbered ids, and nothing that the replayer does not read.

Whoever recorded it, on which machine and from which folder is no part of what happened.
"""

import base64
import json
import re
from typing import Any, Final
from zlib import crc32

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: What the replayer does not need: who did it, by which build, how long the server was to wait.
_DROPPED: Final = frozenset(
    {
        "taskId",
        "identity",
        "requestId",
        "acceptedRequestMessageId",
        "meteringMetadata",
        "historySizeBytes",
        "workerVersion",
        "deploymentVersion",
        "workerDeploymentName",
        "workerDeploymentVersion",
        "firstWorkflowTaskBackoff",
        "principal",
        "timeSkippingConfig",
        "sdkName",
        "sdkVersion",
    }
)
#: Of some events: where a task was queued, and what left the workflow, which a replay makes anew.
_DROPPED_OF: Final = {
    "workflowTaskScheduledEventAttributes": frozenset({"taskQueue", "startToCloseTimeout", "attempt"}),
    "workflowExecutionUpdateCompletedEventAttributes": frozenset({"outcome"}),
    "workflowExecutionCompletedEventAttributes": frozenset({"result"}),
    "activityTaskScheduledEventAttributes": frozenset({"input", "taskQueue", "retryPolicy"}),
}
#: Lines of our files, with the folder that they were in.
_TRACES: Final = frozenset({"stack_trace", "stackTrace"})


def calmed(history: str, name: str) -> str:
    """Write a history's JSON anew, on one line; ``name`` makes its ids its own."""
    calming = _Calming(name)
    return json.dumps(calming.of(json.loads(history)), ensure_ascii=False, separators=(",", ":"))


class _Calming:
    """Ids are numbered in the order in which they appear, so that equal ones stay equal."""

    def __init__(self, name: str) -> None:
        self._ids: dict[str, str] = {}
        self._prefix = f"{crc32(name.encode()):08x}"

    def of(self, value: Any, within: str = "") -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, dict):
            if "metadata" in value and isinstance(value.get("data"), str):
                return self._payload(value)
            dropped = _DROPPED | _DROPPED_OF.get(within, frozenset())
            return {
                self._text(key): "" if key in _TRACES else self.of(inner, key)
                for key, inner in value.items()
                if key not in dropped
            }
        if isinstance(value, list):
            return [self.of(inner, within) for inner in value]
        return self._text(value) if isinstance(value, str) else value

    def _payload(self, payload: dict[str, Any]) -> dict[str, Any]:
        body = base64.b64decode(payload["data"])
        try:
            read = json.loads(body)
        except ValueError:
            return payload
        quiet = json.dumps(self.of(read), ensure_ascii=False, separators=(",", ":"))
        return payload | {"data": base64.b64encode(quiet.encode()).decode()}

    def _text(self, text: str) -> str:
        return _UUID.sub(lambda found: self._numbered(found[0]), text)

    def _numbered(self, found: str) -> str:
        return self._ids.setdefault(found, f"{self._prefix}-0000-4000-8000-{len(self._ids) + 1:012x}")
