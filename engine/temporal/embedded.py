"""The embedded Temporal server: the `temporal` command on a file, on loopback ports, never downloaded."""

import http.client
import json
import os
import shutil
import sysconfig
import time
from pathlib import Path
from subprocess import Popen
from typing import Any, Final, Self
from urllib.parse import quote

from engine import processes
from engine.errors import Unavailable
from engine.settings import Ports, Running, Settings
from engine.temporal import search_attributes

_POLL_SECONDS: Final = 0.02
_STOP_SECONDS: Final = 10.0
#: A workflow writes some 350 pages: at SQLite's own thousand, the file would be synchronized all the time.
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "busy_timeout=5000",
    "wal_autocheckpoint=10000",
)


class EmbeddedServer:
    """
    A Temporal server of the data folder, as a process of its own that dies with this one.

    It can be started again after it was stopped or killed, on the same ports: clients reconnect.

    Args:
        ui: Whether it has the Web UI.
        ports: Those to use; free ones otherwise, the last ones of this folder where they are free.
        time_skipping: Whether tests may skip time in workflows.
    """

    def __init__(
        self, settings: Settings, *, ui: bool = False, ports: Ports | None = None, time_skipping: bool = False
    ) -> None:
        self.settings = settings
        self.ports = ports or choose_ports(settings.last_run(), ui=ui)
        self.namespace = settings.temporal_namespace or "default"
        self._time_skipping = time_skipping
        self._process: Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the server and wait until it answers."""
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the server."""
        self.stop()

    @property
    def address(self) -> str:
        """The address that clients connect to."""
        return self.described().address

    @property
    def ui_url(self) -> str | None:
        """The address of the Web UI, where there is one."""
        return self.described().ui_url

    @property
    def pid(self) -> int | None:
        """The process, while it lives."""
        return self._process.pid if self._process is not None and self.is_alive() else None

    def described(self) -> Running:
        """Describe it for `run.json`."""
        return Running(ports=self.ports, namespace=self.namespace, server_pid=self.pid)

    def is_alive(self) -> bool:
        """Say whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process, without waiting until it answers. Raises ``Unavailable`` without the command."""
        if self.is_alive():
            return
        self.settings.make_folder()
        # TEMPORAL_* is about the servers that one connects to; the command would read it too.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TEMPORAL_")}
        command = [str(find_command(self.settings)), *self._arguments()]
        self._process = processes.start(command, log=self.settings.server_log, environment=environment)

    def stop(self) -> None:
        """Let the process end, and kill it when it does not."""
        if self._process is not None:
            processes.end(self._process, patience=_STOP_SECONDS)

    def kill(self) -> None:
        """Kill the process (SIGKILL), as a power cut would."""
        if self._process is not None:
            processes.kill(self._process)

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until it answers. Raises ``Unavailable`` when it dies, or after so many seconds."""
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if not self.is_alive() or time.monotonic() > deadline:
                raise Unavailable("temporal_unavailable", address=self.address)
            time.sleep(_POLL_SECONDS)

    def is_ready(self) -> bool:
        """Say whether it answers, with its namespace and its search attributes."""
        found = self._ask("search-attributes") if self.is_alive() else None
        return (
            found is not None and search_attributes.TYPES.keys() <= found.get("customAttributes", {}).keys()
        )

    def pollers(self, task_queue: str) -> frozenset[str]:
        """Give the identities of the workers that asked for workflow tasks since it started."""
        found = self._ask(f"task-queues/{quote(task_queue)}?taskQueueType=TASK_QUEUE_TYPE_WORKFLOW")
        return frozenset(poller["identity"] for poller in (found or {}).get("pollers", ()))

    def _ask(self, path: str) -> dict[str, Any] | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports.http, timeout=2)
        try:
            connection.request("GET", f"/api/v1/namespaces/{quote(self.namespace)}/{path}")
            answer = connection.getresponse()
            body = answer.read()
            return dict(json.loads(body)) if answer.status == http.HTTPStatus.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def _arguments(self) -> list[str]:
        ui = (
            ["--headless"]
            if self.ports.ui is None
            else ["--ui-disable-news-fetch", f"--ui-port={self.ports.ui}"]
        )
        # Of several partitions, those that still have tasks are asked slowly once the others have none left.
        # What older versions wrote to the others is still read: only the number for writing is lowered.
        one_partition = ["--dynamic-config-value=matching.numTaskqueueWritePartitions=1"]
        skipping = ["--dynamic-config-value=frontend.WorkflowTimeSkippingEnabled=true"]
        return [
            *(
                "server",
                "start-dev",
                "--ip=127.0.0.1",
                f"--port={self.ports.grpc}",
                f"--http-port={self.ports.http}",
            ),
            *ui,
            f"--namespace={self.namespace}",
            f"--db-filename={self.settings.temporal_file}",
            *(f"--sqlite-pragma={pragma}" for pragma in _PRAGMAS),
            *search_attributes.dev_server_arguments(),
            *("--log-level=error", "--log-format=json"),
            *one_partition,
            *(skipping if self._time_skipping else ()),
        ]


def choose_ports(last: Running | None, *, ui: bool) -> Ports:
    """Choose free loopback ports, those of the last run where they are free."""
    wanted = (None, None, None) if last is None else (last.ports.grpc, last.ports.http, last.ports.ui)
    grpc, http_port, ui_port = processes.free_ports(*wanted)
    return Ports(grpc=grpc, http=http_port, ui=ui_port if ui else None)


def find_command(settings: Settings) -> Path:
    """Find the `temporal` command: the one of the settings, on the PATH, or of this environment."""
    if settings.temporal_cli is not None:
        found = shutil.which(settings.temporal_cli)
    else:
        found = shutil.which("temporal") or shutil.which("temporal", path=sysconfig.get_path("scripts"))
    if found is None:
        raise Unavailable("temporal_cli")
    return Path(found).absolute()
