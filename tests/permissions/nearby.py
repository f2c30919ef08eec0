"""The service without a Temporal server: the message reaches the step that the worker would run."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client

from engine.activities.steps import Steps
from engine.desk.desk import Desk
from engine.errors import of_key
from engine.messages.transfer import REQUEST, Command, StepInput, StepResult, TransferRequest
from engine.records.database import Database
from engine.service import Service


class _NoServer(Client):
    """What the service is told to be its Temporal server: nothing is ever asked of it."""

    def __init__(self) -> None:
        pass


class Nearby(Service):
    """
    The service, whose message reaches the step that the worker would run without a Temporal server between.

    Judged quickly, then by the step in its own transaction, and shown, as ever.
    """

    def __init__(self, desk: Desk, database: Database) -> None:
        async def connect() -> Client:
            return _NoServer()

        super().__init__(desk, connect, patience=timedelta(0))
        self._steps = Steps(database)

    async def _send(
        self,
        client: Client,
        update: str,
        message: TransferRequest | Command,
        update_id: str,
        start: TransferRequest,
    ) -> StepResult:
        step: Callable[[Any], StepResult] = getattr(self._steps, "open" if update == REQUEST else update)
        result = await asyncio.to_thread(step, StepInput(what=message, at=datetime.now(UTC)))
        if result.denied is not None:
            raise of_key(result.denied)
        return result
