"""
The sweep: one set difference between open rows and running workflows, both ways.

A row can be ahead of its workflow after a crash, and Temporal's store may be lost altogether: the rows are
the truth, and a workflow is started again from its row.
"""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from engine.audit import receipt
from engine.audit.keys import Signer
from engine.audit.receipt import Signed
from engine.messages.bulk import BULK_WORKFLOW, BulkLaunch, bulk_workflow_id
from engine.messages.bulk_answer import ANSWER_WORKFLOW, GiveAnswer, answer_workflow_id
from engine.messages.notices import SENDER_ID, SENDER_WORKFLOW, Sent
from engine.messages.search_attributes import TRANSFER_STATE
from engine.messages.sweep import SWEEP, SweepResult
from engine.messages.transfer import WAKE, WORKFLOW, TransferRequest, transfer_id_of, workflow_id
from engine.records import bulk_answers, bulks, facts, services, transfers
from engine.records.database import Database
from engine.records.tables.bulks import BulkAnswer
from engine.states.transfer import TransferState

#: How long a workflow may need until its first step has written the row.
_FIRST_STEP = timedelta(minutes=10)
#: How long a free text may wait for the command that refers to it: longer than any outage keeps one (OVR-2).
_TEXT_KEPT = timedelta(days=90)


class Sweeping:
    """The activity of the ``Sweep`` workflow, on one database."""

    def __init__(
        self,
        database: Database,
        task_queue: str,
        signer: Signer | None = None,
        *,
        notice_queue: str | None = None,
    ) -> None:
        self._database = database
        self._task_queue = task_queue
        self._signer = signer
        self._notice_queue = notice_queue

    @activity.defn(name=SWEEP)
    async def sweep(self) -> SweepResult:
        """Compare, and mend."""
        return await reconcile(
            activity.client(),
            self._database,
            self._task_queue,
            self._signer,
            notice_queue=self._notice_queue,
        )


async def reconcile(
    client: Client,
    database: Database,
    task_queue: str,
    signer: Signer | None = None,
    *,
    notice_queue: str | None = None,
) -> SweepResult:
    """
    Start again what is open without a workflow, wake what runs behind its row, drop unused texts.

    With a signer, receipts that wait for their signature get it (AUD-4). With the queue of notices, their
    sender is started again where it is gone (NOTE-3).
    """
    states = await asyncio.to_thread(_open_states, database)
    open_ids = {workflow_id(found): found for found in states}
    running = {
        found.id: found
        async for found in client.list_workflows(
            f'WorkflowType = "{WORKFLOW}" AND ExecutionStatus = "Running" AND TaskQueue = "{task_queue}"'
        )
    }
    missing = sorted(open_ids.keys() - running.keys())
    for found in missing:
        request = await asyncio.to_thread(_read_request, database, open_ids[found])
        await client.start_workflow(
            WORKFLOW,
            request,
            id=found,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    # One that began while this looked has no row yet: its first step is on its way, and wants no waking.
    begun = datetime.now(UTC) - _FIRST_STEP
    others = sorted(running.keys() - open_ids.keys())
    final = await asyncio.to_thread(_final_among, database, others)
    ended = [found for found in others if found in final or running[found].start_time < begun]
    # A row that the desk moved on (ST-4), or a step before a crash: the workflow shows an earlier state.
    behind = [
        found
        for found in sorted(open_ids.keys() & running.keys())
        if running[found].typed_search_attributes.get(TRANSFER_STATE) not in {None, states[open_ids[found]]}
    ]
    for found in [*ended, *behind]:
        await wake(client, found)
    bulks_restarted = await _restart_bulks(client, database, task_queue)
    bulks_restarted += await _restart_answers(client, database, task_queue)
    swept = await asyncio.to_thread(_sweep_texts, database)
    signed = await asyncio.to_thread(_sign_waiting, database, signer)
    return SweepResult(
        open_transfers=len(open_ids),
        restarted=len(missing) + bulks_restarted,
        woken=len(ended) + len(behind),
        texts_swept=swept,
        receipts_signed=signed.signed,
        receipts_waiting=signed.waiting,
        sender_restarted=notice_queue is not None and await ensure_sender(client, notice_queue),
    )


async def ensure_sender(client: Client, notice_queue: str) -> bool:
    """Start the sender of notices where it does not run; say whether it did not."""
    try:
        await client.start_workflow(
            SENDER_WORKFLOW,
            Sent(),
            id=SENDER_ID,
            task_queue=notice_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def _restart_bulks(client: Client, database: Database, task_queue: str) -> int:
    """Start again each bulk that has something left to do and no workflow; it goes on from its rows."""
    unfinished = await asyncio.to_thread(_unfinished_bulks, database)
    query = f'WorkflowType = "{BULK_WORKFLOW}" AND ExecutionStatus = "Running" AND TaskQueue = "{task_queue}"'
    running = {found.id async for found in client.list_workflows(query)} if unfinished else set()
    missing = [launch for launch in unfinished if bulk_workflow_id(launch.bulk_id) not in running]
    for launch in missing:
        await client.start_workflow(
            BULK_WORKFLOW,
            launch,
            id=bulk_workflow_id(launch.bulk_id),
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    return len(missing)


async def _restart_answers(client: Client, database: Database, task_queue: str) -> int:
    """Start again each answer to a bulk that may still decide something and has no workflow."""
    unfinished = await asyncio.to_thread(_unfinished_answers, database)
    query = (
        f'WorkflowType = "{ANSWER_WORKFLOW}" AND ExecutionStatus = "Running" AND TaskQueue = "{task_queue}"'
    )
    running = {found.id async for found in client.list_workflows(query)} if unfinished else set()
    missing = [given for given in unfinished if answer_workflow_id(given.answer_id) not in running]
    for given in missing:
        await client.start_workflow(
            ANSWER_WORKFLOW,
            given,
            id=answer_workflow_id(given.answer_id),
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    return len(missing)


def _unfinished_answers(database: Database) -> list[GiveAnswer]:
    with database.read() as session:
        return [answer_of(found) for found in bulk_answers.unfinished(session)]


def answer_of(answer: BulkAnswer) -> GiveAnswer:
    """Rebuild an answer's input from its row; its first step finds the row and goes on from there."""
    return GiveAnswer(
        answer_id=answer.id,
        bulk_id=answer.bulk_id,
        actor_id=answer.member_id,
        answer=answer.answer,
        scope=answer.scope,
        reason_id=answer.reason_id,
    )


def _unfinished_bulks(database: Database) -> list[BulkLaunch]:
    with database.read() as session:
        found = [launch_of(session, bulk_id) for bulk_id in bulks.unfinished(session)]
        return [launch for launch in found if launch is not None]


def launch_of(session: Session, bulk_id: UUID) -> BulkLaunch | None:
    """Rebuild a bulk's input from its row; its first step finds the row and goes on from there."""
    bulk = bulks.row(session, bulk_id)
    if bulk is None:
        return None
    return BulkLaunch(
        bulk_id=bulk.id,
        organization_id=bulk.organization_id,
        actor_id=bulk.started_by_id,
        from_id=bulk.from_id,
        to_ids=bulks.recipients_of(bulk),
        list_id=bulk.list_id,
        purpose=bulk.purpose,
        options=bulks.options_of(bulk),
        include_confidential_records=bulk.include_confidential_records,
        reassign_open=bulk.reassign_open,
        insist=bulk.insist,
        impose=bulk.impose,
        basis_id=bulk.basis_id,
        message_id=bulk.message_id,
        reason_id=bulk.reason_id,
    )


async def wake(client: Client, workflow: str, signal: str = WAKE) -> None:
    """Let a workflow look at its rows, if it runs."""
    try:
        await client.get_workflow_handle(workflow).signal(signal)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # it ended by itself meanwhile
            raise


def _final_among(database: Database, workflows: Collection[str]) -> set[str]:
    with database.read() as session:
        return {found for found in workflows if _is_final(session, found)}


def _is_final(session: Session, workflow: str) -> bool:
    try:
        return transfers.is_final(session, transfer_id_of(workflow))
    except ValueError:  # somebody started it under a name of their own
        return False


def _open_states(database: Database) -> dict[UUID, TransferState]:
    with database.read() as session:
        return transfers.open_states(session)


def request_of(session: Session, transfer_id: UUID) -> TransferRequest:
    """Rebuild a workflow's input from the row; its first step finds the row and goes on from there."""
    row = transfers.row(session, transfer_id)
    to_id, basis_id = transfers.first_asked(session, row)
    # Only of what is written and waits to be imposed does it matter that its bulk imposes.
    waits = row.state is TransferState.REQUESTED and row.bulk_id is not None
    bulk = bulks.row(session, row.bulk_id) if waits and row.bulk_id is not None else None
    return TransferRequest(
        transfer_id=row.id,
        organization_id=row.organization_id,
        record_id=row.record_id,
        actor_id=row.asked_by_id,
        to_id=to_id,
        purpose=row.purpose,
        options=facts.options_of(row),
        basis_id=basis_id,
        message_id=row.message_id,
        bulk_id=row.bulk_id,
        insist=bulk is not None and bulk.insist,
        reason_id=None if bulk is None else bulk.reason_id,
        impose=bulk is not None and bulk.impose,
    )


def _read_request(database: Database, transfer_id: UUID) -> TransferRequest:
    with database.read() as session:
        return request_of(session, transfer_id)


def _sign_waiting(database: Database, signer: Signer | None) -> Signed:
    if signer is not None:
        return receipt.sign_waiting(database, signer)
    return Signed(0, sum(receipt.waiting_by_organization(database).values()))


def _sweep_texts(database: Database) -> int:
    now = datetime.now(UTC)
    before = now - _TEXT_KEPT
    with database.write() as session:
        services.sweep_answers(session, now)
        return transfers.sweep_texts(session, before) + bulks.sweep_lists(session, before)
