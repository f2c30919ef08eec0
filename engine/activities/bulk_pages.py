"""
What asks for a bulk's records, page by page: few in flight, so that single transfers are not delayed.

The worker starts each ``RecordTransfer`` itself. A page that is killed is begun again: what has its row is
passed over, and a transfer's id makes the rest the same request (MOVE-3). One record that cannot be asked for
holds up no other (BULK-3).
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID, uuid4, uuid5

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from engine.activities import bulk_decisions, bulk_steps, killpoints, sweep
from engine.activities.few_at_once import UnderWay, few_at_once
from engine.activities.killpoints import When
from engine.errors import EngineError, Unavailable
from engine.messages.bulk import (
    BULK_CANCEL,
    BULK_PAGE,
    BulkLook,
    BulkPage,
    BulkPageResult,
    BulkResult,
    BulkStep,
)
from engine.messages.bulk_answer import ANSWER_WAKE, answer_workflow_id
from engine.messages.transfer import (
    REQUEST,
    Cancel,
    Failure,
    Impose,
    Reassign,
    StepInput,
    TransferRequest,
)
from engine.records import bulk_answers, bulks
from engine.records.bulks import Waiting
from engine.records.database import Database
from engine.records.races import racing
from engine.records.tables.bulks import Bulk
from engine.states.bulk import NOT_FROM, BulkState
from engine.temporal import commands

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

PAGE: Final = 100
#: How long a record may take to be asked for before the next one has its turn; it is asked for again later.
_EACH: Final = timedelta(seconds=5)
#: Denials of an attempt that came too late, or in the name of somebody who no longer leads.
_ANOTHER_ATTEMPT: Final = frozenset({"MOVE-3/other_request", "BULK-3/not_in_bulk", *NOT_FROM.values()})


class BulkPages:
    """The activities that ask for a bulk's records and cancel them, on one database."""

    def __init__(
        self, database: Database, task_queue: str, *, in_flight: int, under_way: UnderWay | None = None
    ) -> None:
        self._database = database
        self._task_queue = task_queue
        self._in_flight = in_flight
        self._under_way = under_way or UnderWay()

    @activity.defn(name=BULK_PAGE)
    async def page(self, page: BulkPage) -> BulkPageResult:
        """Ask for the records of one page, a few at once."""
        try:
            return await self._page(activity.client(), page)
        except Unavailable as outage:
            raise ApplicationError(outage.key, type=Failure.UNAVAILABLE) from None

    @activity.defn(name=BULK_CANCEL)
    async def cancel_open(self, look: BulkLook) -> BulkResult:
        """Cancel what a stopped bulk left open, in the name of whoever stopped it."""
        try:
            return await self._cancel_open(activity.client(), look.bulk_id)
        except Unavailable as outage:
            raise ApplicationError(outage.key, type=Failure.UNAVAILABLE) from None

    async def _page(self, client: Client, page: BulkPage) -> BulkPageResult:
        found = await self._read(
            lambda session: bulks.waiting(session, page.bulk_id, after=page.after, limit=PAGE)
        )
        asked = troubled = 0
        stopped = False

        async def one(item: Waiting) -> None:
            nonlocal asked, troubled, stopped
            wanted = None if stopped else await self._read(lambda s: _wanted(s, page.bulk_id, item))
            if wanted is None:
                stopped = True
                return
            killpoints.reach(BULK_PAGE, When.INSIDE)
            try:
                with self._under_way.one(wanted.transfer_id):
                    if isinstance(wanted, TransferRequest):
                        await self._ask(client, wanted)
                    else:
                        await self._step_in(client, wanted)
            except Exception as error:  # noqa: BLE001 - whatever stops one record stops no other
                troubled += await self._not_asked(page.bulk_id, item, error)
            else:
                asked += 1

        await few_at_once(found, one, self._in_flight)
        if stopped:
            # Paused, stopped, or led by somebody who lost the role: the rows say which.
            await self._look(page.bulk_id)
        if asked:
            await self._wake_answers(client, page.bulk_id)
        return BulkPageResult(
            after=found[-1].position if found else page.after,
            more=len(found) == PAGE and not stopped,
            asked=asked,
            troubled=troubled,
            counts=await self._read(lambda session: bulks.counts(session, page.bulk_id)),
        )

    async def _ask(self, client: Client, request: TransferRequest) -> None:
        await commands.send(
            client,
            REQUEST,
            request,
            # Each try asks anew what came of it: one that was told of trouble is not told so for ever.
            update_id=f"request/{uuid4()}",
            start=request,
            task_queue=self._task_queue,
            patience=_EACH,
        )

    async def _step_in(self, client: Client, command: Reassign | Impose) -> None:
        """Reassign or impose what is open, as a coordinator does by hand (OVR-3)."""
        start = await self._read(lambda session: sweep.request_of(session, command.transfer_id))
        await commands.send(
            client,
            "impose" if isinstance(command, Impose) else "reassign",
            command,
            update_id=str(command.command_id),
            start=start,
            task_queue=self._task_queue,
            patience=_EACH,
        )

    async def _not_asked(self, bulk_id: UUID, item: Waiting, error: Exception) -> int:
        """Say on the item why there is no transfer: a rule, or trouble, which is counted."""
        told = isinstance(error, EngineError) and not isinstance(error, Unavailable)
        denied = error.key if told and isinstance(error, EngineError) and error.code != "ST-5" else None
        name = error.key if isinstance(error, EngineError) else type(error).__name__
        if denied is None:
            logger.warning("bulk.troubled", extra={"bulk_id": str(bulk_id), "code": name})

        def write(session: Session) -> None:
            bulk = bulks.row(session, bulk_id)
            if denied is None:
                bulks.mark(session, bulk_id, item, error=name)
            elif denied in _ANOTHER_ATTEMPT or bulk is None or not bulk_decisions.leads(session, bulk):
                again = bulks.another_attempt(bulk_id, item.record_id, item.attempt)
                bulks.mark(session, bulk_id, item, **again)
            else:
                bulks.mark(session, bulk_id, item, rule=denied)

        await self._write(write)
        return denied is None

    async def _look(self, bulk_id: UUID) -> None:
        step = bulk_steps.BulkSteps(self._database).watch
        await asyncio.to_thread(step, StepInput(what=BulkLook(bulk_id=bulk_id), at=datetime.now(UTC)))

    async def _wake_answers(self, client: Client, bulk_id: UUID) -> None:
        """Let the answers that were given before decide what has just been asked (BULK-5)."""
        found = await self._read(
            lambda session: [answer.id for answer in bulk_answers.unfinished(session, bulk_id)]
        )
        for answer_id in found:
            await sweep.wake(client, answer_workflow_id(answer_id), ANSWER_WAKE)

    async def _cancel_open(self, client: Client, bulk_id: UUID) -> BulkResult:
        bulk = await self._read(lambda session: bulks.row(session, bulk_id))
        if bulk is not None and bulk.cancels_by_id is not None:
            found = await self._read(lambda session: bulks.open_of_bulk(session, bulk_id))
            canceller = bulk.cancels_by_id
            unanswered: list[Unavailable] = []

            async def one(transfer_id: UUID) -> None:
                command = Cancel(
                    transfer_id=transfer_id,
                    command_id=uuid5(transfer_id, f"{BulkStep.STOP}/{canceller}"),
                    actor_id=canceller,
                    reason_id=bulk.cancel_reason_id,
                )
                start = await self._read(lambda session: sweep.request_of(session, transfer_id))
                try:
                    await commands.send(
                        client,
                        "cancel",
                        command,
                        update_id=str(command.command_id),
                        start=start,
                        task_queue=self._task_queue,
                        patience=_EACH,
                    )
                except Unavailable as error:
                    unanswered.append(error)
                except EngineError:
                    # A rule that keeps one open is on its line in the log; whoever looks sees it open.
                    return

            await few_at_once(found, one, self._in_flight)
            if unanswered:
                # Nothing was decided there: this runs again, and what is cancelled by then is passed over.
                raise unanswered[0]

            def done(session: Session) -> None:
                seen = bulks.row(session, bulk_id)
                if seen is not None:
                    bulks.change(session, seen, cancels_by_id=None)

            await self._write(done)
        return await self._read(lambda session: bulk_steps.result_of(session, bulk_id, None))

    async def _read(self, read: Callable[[Session], _T]) -> _T:
        def run() -> _T:
            with self._database.read() as session:
                found = read(session)
                if isinstance(found, Bulk):
                    session.expunge(found)
                return found

        return await asyncio.to_thread(run)

    async def _write(self, write: Callable[[Session], None]) -> None:
        def run() -> None:
            with self._database.write() as session:
                write(session)

        await asyncio.to_thread(racing, run)


def _wanted(session: Session, bulk_id: UUID, item: Waiting) -> TransferRequest | Reassign | Impose | None:
    """Make the request of an item, or the command that reassigns; ``None`` where nothing is asked for now."""
    bulk = bulks.row(session, bulk_id)
    if bulk is None or bulk.state is not BulkState.RUNNING or not bulk_decisions.leads(session, bulk):
        return None
    if item.reassigns is not None:
        assert bulk.reason_id is not None  # noqa: S101 - no such launch without one (ST-2)
        return (Impose if bulk.impose else Reassign)(
            transfer_id=item.reassigns,
            command_id=item.transfer_id,
            actor_id=bulk.led_by_id,
            to_id=item.to_id,
            reason_id=bulk.reason_id,
            basis_id=bulk.basis_id,
            insist=bulk.insist,
            bulk_id=bulk_id,
        )
    return TransferRequest(
        transfer_id=item.transfer_id,
        organization_id=bulk.organization_id,
        record_id=item.record_id,
        actor_id=bulk.led_by_id,
        to_id=item.to_id,
        purpose=bulk.purpose,
        options=bulks.options_of(bulk),
        basis_id=bulk.basis_id,
        message_id=bulk.message_id,
        bulk_id=bulk_id,
        insist=bulk.insist,
        reason_id=bulk.reason_id if bulk.impose else None,
        impose=bulk.impose,
    )
