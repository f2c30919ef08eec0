"""A Temporal server of its own for a test, or one for all that leave nothing behind."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.settings import Settings
from engine.temporal.embedded import EmbeddedServer


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("PASSATION_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(Settings(data=tmp_path_factory.mktemp("temporal"))) as running:
        yield running


@pytest.fixture
def at_server(server: EmbeddedServer, tmp_path: Path) -> Settings:
    """Settings that name the shared server."""
    return Settings(data=tmp_path / "data", temporal_address=server.address)
