"""What ``passation doctor`` checks, one thing after the other, and what it advises."""

import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.catalogue import label, sentence
from engine.cli.context import Call
from engine.errors import EngineError
from engine.temporal import health, search_attributes
from engine.temporal.connection import connect

if TYPE_CHECKING:
    from engine.views import StandingView

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to check: whether it is as it should be (``None``: unchecked), or else what to do."""

    name: str
    ok: bool | None
    advice: str | None = None


class Doctor:
    """Checks the folder, the database, the logs, the server, the worker and the transfers."""

    def __init__(self, call: Call) -> None:
        self.checks: list[Check] = []
        self._call = call
        self._desk = call.impatient_desk()
        self._standing: StandingView | None = None

    async def examine(self) -> None:
        """Check everything; what depends on something that failed is named, not checked."""
        await self._check("folder", self._folder)
        with_database = await self._check("database", self._database)
        for name, look in {
            "integrity": self._integrity,
            "log": self._log,
            "keys": self._keys,
            "stuck": self._stuck,
        }.items():
            await self._check(name, look, reachable=with_database)
        with_server = await self._check("server", self._server)
        await self._check("attributes", self._attributes, reachable=with_server)
        await self._check("worker", self._worker, reachable=with_server)
        both = with_server and self._standing is not None
        await self._check("workflows", self._workflows, reachable=both)

    async def _check(
        self, name: str, look: Callable[[], Awaitable[str | None]], *, reachable: bool = True
    ) -> bool:
        if not reachable:
            self.checks.append(Check(name, ok=None, advice=self._advice("skipped")))
            return False
        try:
            advice = await look()
        except EngineError as error:
            advice = sentence(error, self._call.language)
        except Exception:  # noqa: BLE001 - one check that fails is one line, and the others are made
            advice = self._advice("unknown")
        self.checks.append(Check(name, ok=advice is None, advice=advice))
        return advice is None

    async def _folder(self) -> str | None:
        folder = self._call.settings.data
        if not folder.is_dir():
            return self._advice("folder_missing")
        return self._advice("folder_open") if folder.stat().st_mode & _OTHERS else None

    async def _database(self) -> None:
        self._call.require_database()
        self._desk.check_database_version()

    async def _integrity(self) -> str | None:
        return self._advice("integrity") if self._desk.check_database_file() else None

    async def _log(self) -> str | None:
        broken = any(chain.first_break is not None for chain in self._desk.verify_log())
        return self._advice("log") if broken else None

    async def _keys(self) -> str | None:
        """
        Look for keys that are open to others, and for receipts that wait.

        A machine that shares the database alone has no keys, which is no fault as long as nothing waits.
        """
        found = self._desk.key_standing()
        if any(key.open_to_others for key in found):
            return self._advice("key_open")
        waiting = sum(key.waiting for key in found)
        here = self._call.settings.database is None or self._call.settings.keys is not None
        for problem in ("missing", "other", "unreadable"):
            if any(key.problem == problem and (here or key.waiting) for key in found):
                return self._advice(f"key_{problem}", count=waiting)
        return self._advice("key_waiting", count=waiting) if waiting else None

    async def _stuck(self) -> str | None:
        self._standing = self._desk.standing()
        return self._advice("stuck", count=len(self._standing.stuck)) if self._standing.stuck else None

    async def _server(self) -> None:
        self._client = await connect(self._call.settings)

    async def _attributes(self) -> None:
        await search_attributes.check(self._client)

    async def _worker(self) -> str | None:
        return None if await health.has_worker(self._client) else self._advice("worker")

    async def _workflows(self) -> str | None:
        open_ids = [] if self._standing is None else self._standing.open
        missing = await health.without_workflow(self._client, open_ids)
        return self._advice("workflows", count=len(missing)) if missing else None

    def _advice(self, name: str, **params: int) -> str:
        return label(f"advice/{name}", self._call.language, **params)
