"""Runs the embedded server and one worker on a data folder, and starts again whichever dies."""

import fcntl
import http.client
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from subprocess import Popen
from typing import IO, Final, Self

from engine import processes
from engine.errors import BadInput, EngineError, Unavailable
from engine.settings import Running, Settings
from engine.temporal.connection import TASK_QUEUE
from engine.temporal.embedded import EmbeddedServer

logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.05
_READY_SECONDS: Final = 60.0
#: Longer than the worker's own grace.
_WORKER_STOP_SECONDS: Final = 30.0
_WEB_STOP_SECONDS: Final = 15.0
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0
#: A process that lived so long is healthy: its next death is not the continuation of the last one.
_HEALTHY_SECONDS: Final = 10.0
#: Where a test pulls the power, once: what is started again does not die there again.
_KILL_POINTS: Final = "PASSATION_KILL_"


class DevStack:
    """
    The embedded server and one worker of a data folder, kept alive until `stop`.

    Args:
        settings: Of the data folder.
        prepare: Creates the database, or brings it to this version.
        ui: Whether the server has its Web UI.
        web: Whether the interface and the console run too, on a loopback port.
    """

    def __init__(
        self, settings: Settings, prepare: Callable[[], None], *, ui: bool = False, web: bool = False
    ) -> None:
        self.settings = settings
        self.server = EmbeddedServer(settings, ui=ui)
        self.web_port: int | None = None
        if web:
            last = settings.last_run()
            (self.web_port,) = processes.free_ports(None if last is None else last.web)
        self._web: Popen[bytes] | None = None
        self._prepare = prepare
        self._worker: Popen[bytes] | None = None
        self._worker_environment: Mapping[str, str] | None = dict(os.environ)
        self._lock: IO[bytes] | None = None
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="passation-keeper", daemon=True)
        self._changing = threading.RLock()

    def __enter__(self) -> Self:
        """Start both, and wait until they are ready."""
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop both."""
        self.stop()

    def start(self) -> None:
        """Start the server, then the worker. Raises ``BadInput`` if somebody else runs this folder."""
        self.settings.make_folder()
        self._lock = _locked(self.settings)
        try:
            self._prepare()
            self.server.start()
            self.server.wait_ready()
            # The worker reads the address there.
            self._write_run(os.getpid())
            self._start_worker()
            self._start_web()
            self._keeper.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the worker, which finishes what it does, then the server."""
        self._stopping.set()
        if self._keeper.is_alive():
            self._keeper.join()
        if self._lock is None:
            return
        if self._web is not None:
            processes.end(self._web, patience=_WEB_STOP_SECONDS)
        if self._worker is not None:
            processes.end(self._worker, patience=_WORKER_STOP_SECONDS)
        self.server.stop()
        self._write_run(None)
        self._lock.close()
        self._lock = None

    @property
    def server_pid(self) -> int | None:
        """The server's process, while it lives."""
        return self.server.pid

    @property
    def worker_pid(self) -> int | None:
        """The worker's process, while it lives."""
        worker = self._worker
        return worker.pid if worker is not None and worker.poll() is None else None

    @property
    def web_pid(self) -> int | None:
        """The process of the interface and the console, while it lives."""
        web = self._web
        return web.pid if web is not None and web.poll() is None else None

    @property
    def web_url(self) -> str | None:
        """The address of the interface and the console, where they run."""
        return self._described(None).web_url

    def is_ready(self) -> bool:
        """Say whether the server answers, this very worker asks it for work, and the pages are there."""
        worker = self.worker_pid
        if worker is None or not self.server.is_ready() or not self._web_answers():
            return False
        # Temporal's workers are called pid@host.
        return any(name.partition("@")[0] == str(worker) for name in self.server.pollers(TASK_QUEUE))

    def wait_ready(self, timeout: float = _READY_SECONDS) -> None:
        """Wait until both are ready. Raises ``Unavailable`` after so many seconds."""
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise Unavailable("temporal_unavailable", address=self.server.address)
            time.sleep(_POLL_SECONDS)

    def kill_server(self) -> None:
        """Kill the server (SIGKILL) and return when it is dead; it is started again."""
        self.server.kill()

    def kill_worker(self, environment: Mapping[str, str] | None = None) -> None:
        """
        Kill the worker (SIGKILL) and return when it is dead; it is started again.

        Args:
            environment: More variables for the next worker's one life, such as where it shall be killed.
        """
        with self._changing:
            if environment is not None:
                self._worker_environment = {**os.environ, **environment}
            if self._worker is not None:
                processes.kill(self._worker)

    def _keep(self) -> None:
        """Start again what died, ever more slowly while it keeps dying."""
        server, worker, web = _Patience(), _Patience(), _Patience()
        while not self._stopping.wait(_POLL_SECONDS):
            try:
                with self._changing:
                    if not self.server.is_alive() and server.allows():
                        self.server.start()
                        self._write_run(os.getpid())
                    if self.worker_pid is None and worker.allows():
                        self._start_worker()
                    if self.web_port is not None and self.web_pid is None and web.allows():
                        self._start_web()
            except (OSError, EngineError) as error:
                # No disk, no process, no port: what keeps the others alive must not die of it.
                logger.warning("dev.restart_failed", extra={"error": type(error).__name__})

    def _start_worker(self) -> None:
        environment = self._environment(self._worker_environment or _without_kill_points(os.environ))
        self._worker_environment = None
        command = [sys.executable, "-P", "-m", "worker", "--data", str(self.settings.data)]
        self._worker = processes.start(command, log=self.settings.worker_log, environment=environment)
        self._write_run(os.getpid())

    def _start_web(self) -> None:
        """Start the interface and the console; the folder's own issuer, unless another one is named."""
        if self.web_port is None:
            return
        environment = self._environment(_without_kill_points(os.environ))
        command = [sys.executable, "-P", "-m", "engine.web", "--data", str(self.settings.data)]
        command += ["--host", "127.0.0.1", "--port", str(self.web_port)]
        if self.settings.issuer is None:
            command.append("--local-issuer")
        self._web = processes.start(command, log=self.settings.web_log, environment=environment)
        self._write_run(os.getpid())

    def _web_answers(self) -> bool:
        if self.web_port is None:
            return True
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Give the environment of a process of this folder: its server is in run.json."""
        environment = dict(given)
        environment.pop("PASSATION_TEMPORAL_ADDRESS", None)
        if self.settings.database is None:
            environment.pop("PASSATION_DATABASE", None)
        return environment

    def _write_run(self, supervisor: int | None) -> None:
        self.settings.write_run(self._described(supervisor))

    def _described(self, supervisor: int | None) -> Running:
        parts = {
            "supervisor_pid": supervisor,
            "worker_pid": self.worker_pid,
            "web_pid": self.web_pid,
            "web": self.web_port,
        }
        return self.server.described().model_copy(update=parts)


def run_dev(
    settings: Settings,
    prepare: Callable[[], None],
    on_ready: Callable[[DevStack], None],
    *,
    ui: bool = True,
    web: bool = False,
) -> int:
    """
    Run server and worker until SIGINT, SIGTERM or SIGHUP; return the exit code. For the main thread.

    Args:
        settings: Of the data folder.
        prepare: Creates the database, or brings it to this version.
        on_ready: Called once, when work can be done.
        ui: Whether the server has its Web UI.
        web: Whether the interface and the console run too.
    """
    asked = threading.Event()
    stack = DevStack(settings, prepare, ui=ui, web=web)
    with _signals(asked):
        try:
            stack.start()
            deadline = time.monotonic() + _READY_SECONDS
            while not stack.is_ready() and not asked.wait(_POLL_SECONDS):
                if time.monotonic() > deadline:
                    raise Unavailable("temporal_unavailable", address=stack.server.address)
            if not asked.is_set():
                on_ready(stack)
            asked.wait()
        finally:
            stack.stop()
    return 0


class _Patience:
    """When something that died may be started again."""

    def __init__(self) -> None:
        self._wait = _FIRST_WAIT
        self._started = time.monotonic()
        self._due: float | None = None

    def allows(self) -> bool:
        """Say whether it is time; whoever asks has seen that it is dead, and starts it when told so."""
        now = time.monotonic()
        if self._due is None:
            self._wait = _FIRST_WAIT if now - self._started > _HEALTHY_SECONDS else self._wait
            self._due = now + self._wait
        if now < self._due:
            return False
        self._wait = min(2 * self._wait, _LONGEST_WAIT)
        self._started, self._due = now, None
        return True


def _locked(settings: Settings) -> IO[bytes]:
    """Hold the folder's lock while the file is open; the kernel lets go of it when we die."""
    file = settings.lock_file.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise BadInput("already_running", folder=str(settings.data)) from None
    return file


def _without_kill_points(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(_KILL_POINTS)}


@contextmanager
def _signals(asked: threading.Event) -> Iterator[None]:
    """Set the event when we are asked to stop, instead of dying."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
