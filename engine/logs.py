"""
One JSON line an event on stderr: for our own modules, for Temporal's, and for what they fail with.

What people wrote must not end in a log. So an exception is told by its type, its code and where it was
raised, never by its text, which may quote a row; and of what Temporal adds, only ids and names are kept.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, TextIO

import structlog
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError

from engine.errors import EngineError

_LONGEST: Final = 500
_FRAMES: Final = 5
_CAUSES: Final = 5
_TEMPORAL_FACTS: Final = ("workflow_id", "workflow_type", "run_id", "activity_type", "attempt", "update_id")
_CORE_FACTS: Final = ("workflow_id", "run_id", "task_queue", "attempt", "cause")

Event = MutableMapping[str, Any]


def configure(stream: TextIO | None = None) -> None:
    """Send the standard library's loggers, structlog's and Temporal's to one stream (stderr)."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _temporal_facts,
        _failure,
        _bounded,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=_type_only),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # One tells every state that it enters, again at each replay; the other each look at the database.
    for chatty in ("transitions", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    # The facts are fields of their own, so the message does not repeat them.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False


def configure_core() -> None:
    """Forward what Temporal's own core says; once in a process, before the first client."""
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        append_log_fields_to_message=False,
    )
    filters = TelemetryFilter(core_level="WARN", other_level="ERROR")
    telemetry = TelemetryConfig(logging=LoggingConfig(filter=filters, forwarding=forwarding))
    Runtime.set_default(Runtime(telemetry=telemetry), error_if_already_set=False)


def _temporal_facts(_logger: object, _method: str, event: Event) -> Event:
    """Keep ids and names of what Temporal adds to a record; inputs and failures stay out."""
    for source in ("temporal_workflow", "temporal_activity"):
        event.update(_chosen(event.pop(source, None), _TEMPORAL_FACTS))
    # The adapters add these objects for handlers in the process.
    for thing in ("workflow_info", "activity_info", "update_info", "__temporal_error_identifier"):
        event.pop(thing, None)
    core = event.pop("temporal_log", None)
    event.update(_chosen(getattr(core, "fields", None), _CORE_FACTS))
    return event


def _chosen(facts: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: facts[name] for name in names if name in facts} if isinstance(facts, Mapping) else {}


def _failure(_logger: object, _method: str, event: Event) -> Event:
    """Tell an exception by type, code and place."""
    given = event.pop("exc_info", None)
    event.pop("exc_text", None)
    event.pop("stack_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["failure"] = [_told(link) for link in _chain(error)]
    return event


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_CAUSES):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _told(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {"type": type(error).__qualname__}
    if isinstance(error, EngineError):
        told["code"] = error.key
    elif isinstance(error, ApplicationError) and error.type:
        told["code"] = error.type
    elif isinstance(error, RPCError):
        told["code"] = error.status.name
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    told["at"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return told


def _bounded(_logger: object, _method: str, event: Event) -> Event:
    for name, value in event.items():
        if isinstance(value, str) and len(value) > _LONGEST:
            event[name] = value[:_LONGEST] + "…"
    return event


def _type_only(value: object) -> str:
    """Stand in for an object that JSON has no form for."""
    return f"<{type(value).__qualname__}>"
