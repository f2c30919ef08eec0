"""Processes of our own: started so that they die with us, ended by their id; and free loopback ports."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
#: Below the ports that Linux, and everybody else, gives away by itself (32768 and above).
_PORTS: Final = range(20_000, 32_000)
_TRIES: Final = 50

# Linux sends the death signal when the *thread* that started a process ends: all are started by this one,
# which lives as long as the interpreter.
_STARTER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passation-starter")


def start(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """
    Start a process that Ctrl-C does not reach, and that dies when this one does, even by SIGKILL (on Linux).

    Args:
        command: The path of a program, and its arguments.
        log: Where its output is appended; created for its owner only.
        environment: Replaces this process's own.
    """
    # This file, run as a script in the new process, asks for the signal and becomes the command: same pid.
    bound = [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "ab") as output:  # noqa: PTH123 - a descriptor has no path

        def popen() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                bound,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                process_group=0,
            )

        return _STARTER.submit(popen).result()


def end(process: subprocess.Popen[bytes], *, patience: float) -> int:
    """Ask the process to end, kill it when it has not after so many seconds; return its exit code."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        return kill(process)


def kill(process: subprocess.Popen[bytes]) -> int:
    """Kill the process and wait until it is gone; return its exit code."""
    process.kill()
    return process.wait()


def free_ports(*wanted: int | None) -> list[int]:
    """Give as many loopback ports as were asked for: the wanted one where it is free, or any other."""
    with ExitStack() as held:
        return [_hold(port, held) for port in wanted]


def _hold(wanted: int | None, held: ExitStack) -> int:
    # Not from where the system takes a port for whoever asks for any: until the server is there, an outgoing
    # connection, or the server itself for its inner parts, would take it now and then.
    for port in (wanted, *random.sample(_PORTS, _TRIES), 0):
        if port is None:
            continue
        probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        # As servers do: a port whose last connections are still dying is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return int(probe.getsockname()[1])
    raise OSError("no loopback port is free")


def _become(parent: int, command: list[str]) -> None:
    """Turn this process into the command, bound to its parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            # It died before the kernel knew that we care.
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
