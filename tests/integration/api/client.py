"""The interface over a clinic's database, and what members and services send to it."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI

from engine.api.app import api
from engine.audit.keys import Signer
from engine.desk.desk import Desk
from engine.identity.local import Keys, access_token
from engine.records.database import Database
from engine.settings import Settings
from engine.web import local_issuer
from tests.permissions.nearby import Nearby

HERE = "http://127.0.0.1:8080"


class Http:
    """The real application on a database; commands reach the steps without a Temporal server between."""

    def __init__(self, database: Database, folder: Path, **settings: Any) -> None:  # noqa: ANN401
        given: dict[str, Any] = {"data": folder, "web_rate": 10_000.0} | settings
        self.settings = Settings(**given)
        signer = Signer(folder / "keys", may_create=True)
        self.desk = Desk(database, patience=timedelta(0), signer=signer)
        self.provider, self.local = local_issuer(self.settings, self.desk, HERE)
        self.app: FastAPI = api(Nearby(self.desk, database), self.provider, self.settings)
        self.keys = Keys(self.settings.issuer_key)

    def token(self, actor_id: UUID) -> str:
        """Give an access token of a member's."""
        return access_token(self.keys, self.local.issuer, actor_id)

    async def send(
        self,
        method: str,
        path: str,
        *,
        actor: UUID | None = None,
        token: str | None = None,
        body: Any = None,  # noqa: ANN401
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401
    ) -> httpx2.Response:
        """Send one request, in a context of its own as a server would."""
        said = dict(headers or {})
        if token or actor:
            said["Authorization"] = f"Bearer {token or self.token(actor)}"  # type: ignore[arg-type]
        if key is not None:
            said["Idempotency-Key"] = key
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)

        async def one() -> httpx2.Response:
            async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
                return await client.request(method, path, headers=said, json=body, **more)

        return await asyncio.create_task(one())

    async def get(self, path: str, actor: UUID | None = None, **more: Any) -> httpx2.Response:  # noqa: ANN401
        """Ask."""
        return await self.send("GET", path, actor=actor, **more)

    async def post(
        self,
        path: str,
        actor: UUID | None = None,
        body: Any = None,  # noqa: ANN401
        **more: Any,  # noqa: ANN401
    ) -> httpx2.Response:
        """Command."""
        return await self.send("POST", path, actor=actor, body=body, **more)
