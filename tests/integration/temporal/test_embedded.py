"""The embedded server: a real process on a file, killed and started again."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from temporalio.client import WorkflowExecutionStatus

from engine import processes
from engine.errors import Unavailable
from engine.settings import Settings
from engine.temporal.connection import connect
from engine.temporal.embedded import EmbeddedServer, choose_ports, find_command

#: A parent that starts a server, says its pid, and waits to be killed.
PARENT = """
import sys, time
from pathlib import Path
from engine.settings import Settings
from engine.temporal.embedded import EmbeddedServer
server = EmbeddedServer(Settings(data=Path(sys.argv[1])))
server.start()
server.wait_ready()
print(server.pid, flush=True)
time.sleep(60)
"""


def eventually(fact: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class TestLife:
    def test_starts_answers_and_stops(self, settings: Settings) -> None:
        server = EmbeddedServer(settings)

        assert not server.is_alive()

        server.start()
        server.wait_ready()
        pid = server.pid

        assert pid is not None
        assert pid == server.described().server_pid

        server.stop()

        assert not server.is_alive()
        assert not server.is_ready()
        assert server.pid is None
        assert is_gone(pid)

    def test_starting_twice_is_starting_once(self, settings: Settings) -> None:
        with EmbeddedServer(settings) as server:
            pid = server.pid
            server.start()

            assert pid == server.pid

    async def test_killed_and_started_again_it_keeps_port_and_data(self, settings: Settings) -> None:
        with EmbeddedServer(settings) as server:
            address = server.address
            client = await connect(settings.model_copy(update={"temporal_address": address}))
            handle = await client.start_workflow("Nobody", id="kept", task_queue="nobody")
            server.kill()

            assert not server.is_alive()

            server.start()
            server.wait_ready()

            assert address == server.address
            # The same client: it connects again by itself.
            assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING

    def test_dies_with_its_parent(self, settings: Settings) -> None:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(settings.data)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert parent.stdout is not None
            server = int(parent.stdout.readline())
            parent.stdout.close()

            assert not is_gone(server)
        finally:
            parent.send_signal(signal.SIGKILL)
            parent.wait()

        assert eventually(lambda: is_gone(server))

    def test_two_live_side_by_side(self, tmp_path: Path) -> None:
        with (
            EmbeddedServer(Settings(data=tmp_path / "a")) as one,
            EmbeddedServer(Settings(data=tmp_path / "b"), ui=True) as other,
        ):
            assert one.is_ready()
            assert other.is_ready()
            assert {one.ports.grpc, one.ports.http}.isdisjoint({other.ports.grpc, other.ports.http})
            assert one.ui_url is None
            assert f"http://127.0.0.1:{other.ports.ui}" == other.ui_url

    def test_that_dies_at_once_is_told(self, settings: Settings) -> None:
        settings.make_folder()
        settings.temporal_file.write_bytes(b"this is no database")
        server = EmbeddedServer(settings)
        server.start()

        with pytest.raises(Unavailable) as told:
            server.wait_ready()

        server.kill()

        assert told.value.variant == "temporal_unavailable"


class TestPrivacy:
    def test_listens_on_this_machine_only(self, server: EmbeddedServer) -> None:
        sockets = psutil.Process(server.pid).net_connections()
        listening = {each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN}

        assert "127.0.0.1" in listening
        assert listening <= {"127.0.0.1", "::1"}

    def test_folder_and_log_are_for_their_owner_only(self, settings: Settings) -> None:
        with EmbeddedServer(settings):
            assert stat.S_IMODE(settings.data.stat().st_mode) == 0o700
            assert stat.S_IMODE(settings.server_log.stat().st_mode) == 0o600


class TestPorts:
    def test_remembers_the_last_ones(self, settings: Settings) -> None:
        first = EmbeddedServer(settings, ui=True)
        settings.make_folder()
        settings.write_run(first.described())

        assert first.ports == EmbeddedServer(settings, ui=True).ports

    def test_chooses_others_where_the_last_ones_are_taken(self, server: EmbeddedServer) -> None:
        chosen = choose_ports(server.described(), ui=False)

        assert {chosen.grpc, chosen.http}.isdisjoint({server.ports.grpc, server.ports.http})

    def test_free_ports_differ(self) -> None:
        ports = processes.free_ports(None, None, None)

        assert len(set(ports)) == len(ports)


class TestCommand:
    def test_setting_goes_first(self, settings: Settings, tmp_path: Path) -> None:
        own = tmp_path / "own-temporal"
        own.write_text("#!/bin/sh\n")
        own.chmod(0o700)

        assert own == find_command(settings.model_copy(update={"temporal_cli": own}))

    def test_found_without_a_path(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", os.devnull)

        assert find_command(settings).is_file()

    def test_missing_is_told(self, settings: Settings, tmp_path: Path) -> None:
        with pytest.raises(Unavailable) as told:
            find_command(settings.model_copy(update={"temporal_cli": tmp_path / "none"}))

        assert told.value.variant == "temporal_cli"


def test_ports_are_none_that_the_system_gives_away_by_itself() -> None:
    """An outgoing connection would take one of those between the choice and the server's start."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())

    assert [port for port in processes.free_ports(*[None] * 40) if low <= port <= high] == []
