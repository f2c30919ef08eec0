"""The connection: which server it is, and what is said when none answers."""

import os
import socket
import time
from pathlib import Path

import pytest
from temporalio.service import GrpcCompression

from engine import processes
from engine.errors import BadInput, Unavailable
from engine.settings import Ports, Running, Settings
from engine.temporal.connection import connect, is_near, server
from engine.temporal.embedded import EmbeddedServer


async def assert_told_quickly(settings: Settings) -> None:
    start = time.monotonic()
    with pytest.raises(Unavailable) as told:
        await connect(settings)

    assert told.value.key == "unavailable/temporal_unavailable"
    assert time.monotonic() - start < 4


class TestNobodyAnswers:
    async def test_nothing_listens(self, settings: Settings) -> None:
        (port,) = processes.free_ports(None)

        await assert_told_quickly(settings.model_copy(update={"temporal_address": f"127.0.0.1:{port}"}))

    async def test_something_else_listens_and_keeps_silent(self, settings: Settings) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"

            await assert_told_quickly(settings.model_copy(update={"temporal_address": address}))

    async def test_no_server_is_named(self, settings: Settings) -> None:
        await assert_told_quickly(settings)

    async def test_lazy_client_asks_nobody(self, settings: Settings) -> None:
        (port,) = processes.free_ports(None)
        named = settings.model_copy(update={"temporal_address": f"127.0.0.1:{port}"})

        client = await connect(named, lazy=True)

        assert client.namespace == "default"


class TestWhichServer:
    RUNNING = Running(ports=Ports(grpc=1111, http=2222), namespace="own", supervisor_pid=os.getpid())

    def test_one_of_the_folder_goes_before_the_environment(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", "cloud.example:7233")
        monkeypatch.setenv("TEMPORAL_API_KEY", "not for an embedded server")
        settings.make_folder()
        settings.write_run(self.RUNNING)

        assert server(settings) == {"target_host": "127.0.0.1:1111", "namespace": "own"}

    def test_one_that_ended_does_not_count(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", "cloud.example:7233")
        settings.make_folder()
        settings.write_run(self.RUNNING.model_copy(update={"supervisor_pid": None}))

        assert server(settings)["target_host"] == "cloud.example:7233"

    def test_setting_goes_first(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", "cloud.example:7233")
        monkeypatch.setenv("TEMPORAL_NAMESPACE", "theirs")
        settings.make_folder()
        settings.write_run(self.RUNNING)
        named = settings.model_copy(
            update={"temporal_address": "127.0.0.1:3333", "temporal_namespace": "ours"}
        )

        assert server(named) == {"target_host": "127.0.0.1:3333", "namespace": "ours"}

    def test_profile_file(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        profile = tmp_path / "temporal.toml"
        profile.write_text('[profile.clinic]\naddress = "cloud.example:7233"\nnamespace = "clinic"\n')
        monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(profile))
        monkeypatch.setenv("TEMPORAL_PROFILE", "clinic")

        assert server(settings) == {"target_host": "cloud.example:7233", "namespace": "clinic"}

    def test_profile_that_cannot_be_read_is_told(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        profile = tmp_path / "temporal.toml"
        profile.write_text("this is no TOML")
        monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(profile))

        with pytest.raises(BadInput) as told:
            server(settings)

        assert told.value.key == "bad_input/temporal_profile"

    def test_broken_run_file_is_no_run(self, settings: Settings) -> None:
        settings.make_folder()
        settings.run_file.write_text("{")

        assert settings.last_run() is None
        assert settings.running() is None


class TestConnected:
    async def test_near_server_is_spoken_to_without_compression(
        self, at_server: Settings, server: EmbeddedServer
    ) -> None:
        client = await connect(at_server)

        assert client.namespace == "default"
        assert server.address == client.service_client.config.target_host
        assert client.service_client.config.grpc_compression is GrpcCompression.NONE
        assert client.service_client.config.payload_limits.payloads_warn_size == 8192

    @pytest.mark.parametrize(
        ("address", "near"),
        [
            ("127.0.0.1:7233", True),
            ("[::1]:7233", True),
            ("localhost:7233", True),
            ("10.0.0.1:7233", False),
            ("clinic.tmprl.cloud:7233", False),
        ],
    )
    def test_near(self, address: str, near: bool) -> None:
        assert near is is_near(address)
