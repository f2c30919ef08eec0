"""Two hundred records change hands while the PostgreSQL server is killed, with real service and worker."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from engine.settings import Settings
from tests.acceptance.kills.chaos import accepted_once_each
from tests.acceptance.kills.clinic import Clinic
from tests.acceptance.kills.running import Stack, our_environment
from tests.checker.checking import check
from tests.postgresql import copying, places
from tests.postgresql.server import Server

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

KILLS: Final = 4
_EVERY: Final = 5.0
#: How long the server stays dead: shorter than anybody's patience.
_DEAD: Final = 1.0


class OnServer(Clinic):
    """The clinic of a folder whose database is on a server."""

    def __init__(self, settings: Settings, server: Server, name: str, folder: Path) -> None:
        super().__init__(settings)
        self._server, self._name, self._folder = server, name, folder

    def select(self, query: str, *given: object) -> list[tuple[Any, ...]]:
        """Ask the server itself, past the engine."""
        with self._server.connect(self._name) as outside:
            rows = outside.execute(query.replace("?", "%s").encode(), given).fetchall()
        return [tuple(copying.plain(value) for value in row) for row in rows]

    def check(self) -> None:
        """Ask the independent checker, on a copy, and walk every chain."""
        with self._server.connect(self._name) as outside:
            file = copying.copy(outside, self._folder / "copy.sqlite3")
        assert check(file) == []
        assert [chain for chain in self.desk.verify_log() if chain.first_break is not None] == []


@pytest.fixture
def durable() -> Iterator[Server]:
    """A server of this test alone that waits for the disk."""
    with tempfile.TemporaryDirectory(prefix="passation-pg-", dir="/tmp") as folder:
        server = Server(Path(folder), durable=True)
        server.start()
        yield server
        server.close()


@pytest.fixture
def clinic(durable: Server, tmp_path: Path) -> Iterator[tuple[OnServer, Stack]]:
    """Temporal server, worker and clinic; every process finds the database in its environment."""
    name = places.create(durable)
    url = durable.url(name).render_as_string(hide_password=False)
    with our_environment(tmp_path / "compiled"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PASSATION_DATABASE", url)
        settings = Settings(data=tmp_path / "data")
        assert settings.database == SecretStr(url)
        with Stack(settings, hasty=False) as stack:
            opened = OnServer(settings, durable, name, tmp_path)
            yield opened, stack
            opened.close()
        assert not settings.database_file.exists()


async def test_two_hundred_transfers_are_accepted_once_each(
    durable: Server, clinic: tuple[OnServer, Stack]
) -> None:
    """MOVE-2, MOVE-3, OVR-2: nothing is lost, nothing is done twice."""
    here, stack = clinic
    await accepted_once_each(here, stack, lambda: _kill(durable), seconds=KILLS * _EVERY)


def _kill(server: Server) -> list[float]:
    """Kill the server again and again, and start it after a while; say when."""
    killed = []
    for _ in range(KILLS):
        time.sleep(_EVERY - _DEAD)
        killed.append(time.monotonic())
        server.kill()
        time.sleep(_DEAD)
        server.start()
    return killed
