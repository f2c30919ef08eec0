"""The logs: one JSON object a line, and nothing in them that a person wrote."""

import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from sqlalchemy.exc import IntegrityError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from engine import logs
from engine.errors import Denied

SECRET = "Tremblay"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_ours_and_the_standard_librarys_look_alike(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger("ours").info("worker.started", pid=7)
    logging.getLogger("theirs").warning("something %s", "happened")
    ours, theirs = lines(stream)

    del ours["timestamp"], theirs["timestamp"]

    assert ours == {"event": "worker.started", "level": "info", "logger": "ours", "pid": 7}
    assert theirs == {"event": "something happened", "level": "warning", "logger": "theirs"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Denied("ELIG-3", "inactive", member=SECRET), {"type": "Denied", "code": "ELIG-3/inactive"}),
        (ApplicationError(SECRET, SECRET, type="ELIG-3"), {"type": "ApplicationError", "code": "ELIG-3"}),
        (RPCError(SECRET, RPCStatusCode.NOT_FOUND, b""), {"type": "RPCError", "code": "NOT_FOUND"}),
        (IntegrityError(SECRET, {"name": SECRET}, ValueError(SECRET)), {"type": "IntegrityError"}),
        (ValueError(SECRET), {"type": "ValueError"}),
    ],
)
def test_exceptions_are_told_without_their_text(
    stream: io.StringIO, error: Exception, told: dict[str, str]
) -> None:
    error.__cause__ = KeyError(SECRET)
    try:
        raise error  # noqa: TRY301 - an inner function would be one more frame
    except Exception:
        logging.getLogger("any").exception("failed")
    (line,) = lines(stream)

    assert SECRET not in stream.getvalue()
    assert told == {name: value for name, value in line["failure"][0].items() if name != "at"}
    assert "test_logs.py" in line["failure"][0]["at"][0]
    assert line["failure"][1]["type"] == "KeyError"


def test_of_temporals_facts_only_ids_and_names_stay(stream: io.StringIO) -> None:
    logging.getLogger("temporalio").warning(
        "Completing activity as failed",
        extra={
            "temporal_activity": {"workflow_id": "transfer/1", "activity_type": "accept", "input": SECRET},
            "temporal_log": SimpleNamespace(fields={"run_id": "r", "failure": SECRET}),
        },
    )
    (line,) = lines(stream)

    assert SECRET not in stream.getvalue()
    assert (line["workflow_id"], line["activity_type"], line["run_id"]) == ("transfer/1", "accept", "r")


def test_what_is_too_long_is_cut_and_what_is_no_json_is_named(stream: io.StringIO) -> None:
    logging.getLogger("any").warning("x" * 10_000, extra={"thing": object()})
    (line,) = lines(stream)

    assert len(line["event"]) < 600
    assert line["thing"] == "<object>"
