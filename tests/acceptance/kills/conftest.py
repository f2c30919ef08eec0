"""Processes for these tests, in an environment of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.settings import Settings
from tests.acceptance.kills.clinic import Clinic
from tests.acceptance.kills.running import Stack, our_environment


@pytest.fixture(scope="package", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with our_environment(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder without anything."""
    return Settings(data=tmp_path / "data")


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """Server and worker, at work."""
    with Stack(settings) as started:
        yield started


@pytest.fixture
def clinic(stack: Stack) -> Iterator[Clinic]:
    """The clinic of the folder."""
    opened = Clinic(stack.settings)
    yield opened
    opened.close()
