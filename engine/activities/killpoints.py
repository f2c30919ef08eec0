"""Named points where a test pulls the power: a real SIGKILL, chosen by an environment variable."""

import os
import signal
from contextlib import suppress
from enum import StrEnum

#: ``<step>:<when>``, for example ``transfer.accept:inside``.
WHERE = "PASSATION_KILL_AT"
#: The processes to kill there, separated by commas, ``self`` last; this one alone unless it says so.
WHOM = "PASSATION_KILL_PIDS"


class When(StrEnum):
    """Where in a step the power fails."""

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


def reach(step: str, when: When) -> None:
    """Die here if the environment says so; once, so that a process that only killed others goes on."""
    if os.environ.get(WHERE) != f"{step}:{when}":
        return
    del os.environ[WHERE]
    for whom in os.environ.get(WHOM, "self").split(","):
        with suppress(ProcessLookupError):
            os.kill(os.getpid() if whom == "self" else int(whom), signal.SIGKILL)
