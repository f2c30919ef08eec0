"""A clinic in which tests hand records over, through the real service, worker and database."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import select, update
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from engine.activities.registry import activities
from engine.activities.sweep import request_of
from engine.audit import log
from engine.desk.desk import Desk
from engine.messages.transfer import REQUEST, Command, StepResult, TransferRequest, workflow_id
from engine.records import people, transfers
from engine.records.database import Database
from engine.records.tables.base import HoldingState, TextKind
from engine.records.tables.outbox import Notice
from engine.records.tables.people import Member
from engine.records.tables.proof import Event
from engine.records.tables.records import Holding
from engine.records.tables.transfers import FreeText, Transfer
from engine.service import Service
from engine.states.choices import Options, Purpose, RawDataChoice, Role
from engine.states.transfer import TransferState
from engine.temporal import commands
from engine.views import TransferView
from engine.workflows.registry import WORKFLOWS
from tests import build
from tests.checker.checking import check
from tests.workflows.histories import secret

#: How long anything may take that is under way.
PATIENCE: Final = timedelta(seconds=15)
#: How long a step that cannot succeed waits before it is tried again for the first time.
NEXT_TRY: Final = timedelta(seconds=11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Who works there; all but the last two are practitioners."""

    organization: UUID
    owner: UUID
    new_owner: UUID
    colleague: UUID
    coordinator: UUID
    administrator: UUID


class Clinic:
    """
    A clinic with its database, its service and its task queue.

    Args:
        environment: The server, whose workflows stay in real time until they are moved.
        database: Of this clinic alone.
        members: Who works there.
    """

    record: UUID

    def __init__(self, environment: WorkflowEnvironment, database: Database, members: Members) -> None:
        self.environment = environment
        self.client: Client = environment.client
        self.database = database
        self.members = members
        self.queue = f"clinic-{uuid4()}"
        self.desk = Desk(database, patience=PATIENCE)
        self.service = self.service_at(environment.client)

    def service_at(self, client: Client, *, os_uid: int | None = None) -> Service:
        """Give a service of this clinic at a server."""

        async def connect() -> Client:
            return client

        return Service(
            self.desk,
            connect,
            task_queue=self.queue,
            notice_queue=None,
            os_uid=os_uid,
            patience=PATIENCE,
        )

    @asynccontextmanager
    async def worker(self, client: Client | None = None, *, cached: int = 1000) -> AsyncIterator[None]:
        """Run a worker on this clinic's database."""
        with ThreadPoolExecutor(20) as threads:
            async with Worker(
                client or self.client,
                task_queue=self.queue,
                workflows=WORKFLOWS,
                activities=activities(self.database, self.queue),
                activity_executor=threads,
                max_cached_workflows=cached,
            ):
                yield

    def add_record(self) -> UUID:
        """Add a record with items of every class that has bytes, and a joint share."""
        who = self.members
        with self.database.write() as session:
            client = build.client(
                session,
                who.organization,
                name=secret("client"),
                email=f"{secret('client')}@courriel.example",
            )
            record, holding = build.record(session, who.owner, [client], title=secret("title"))
            build.note(session, holding, body=secret("note"))
            build.note(session, holding, body=secret("confidential"), confidential=True)
            build.document(session, holding, body=secret("document").encode(), name=secret("file"))
            build.raw_datum(session, holding, body=secret("raw").encode(), name=secret("raw-file"))
            build.profile(session, holding, name=secret("profile"))
            build.task(session, holding, body=secret("task"))
            build.memo(session, holding, body=secret("memo"))
            build.appointment(
                session, record, who.owner, client_id=client, starts_at=datetime.now(UTC) + timedelta(days=40)
            )
        return record

    async def request(
        self,
        *,
        by: UUID | None = None,
        to: UUID | None = None,
        record: UUID | None = None,
        options: Options | None = None,
        key: str | None = None,
    ) -> TransferView:
        """Ask the new owner to take over the record."""
        return await self.service.request(
            by or self.members.owner,
            record or self.record,
            to or self.members.new_owner,
            purpose=Purpose.CONTINUITY,
            options=options,
            message=secret("message"),
            key=key,
        )

    def draft(self, record: UUID | None = None) -> TransferRequest:
        """Make the message with which a backend in any language asks for the usual transfer."""
        return TransferRequest(
            transfer_id=uuid4(),
            organization_id=self.members.organization,
            record_id=record or self.record,
            actor_id=self.members.owner,
            to_id=self.members.new_owner,
            purpose=Purpose.CONTINUITY,
        )

    async def start(self, request: TransferRequest, *, client: Client | None = None) -> StepResult:
        """Start a transfer as a backend in any language would, past the service."""
        return await commands.send(
            client or self.client,
            REQUEST,
            request,
            update_id=f"request/{request.transfer_id}",
            start=request,
            task_queue=self.queue,
            patience=PATIENCE,
        )

    def handle(self, transfer_id: UUID) -> WorkflowHandle[Any, StepResult]:
        """Give the handle of a transfer's workflow, whichever run is the latest."""
        return self.client.get_workflow_handle(workflow_id(transfer_id), result_type=StepResult)

    async def send(
        self, update: str, command: Command, *, update_id: str | None = None, to: UUID | None = None
    ) -> StepResult:
        """Send an update as a backend in any language would, past the service."""
        result: StepResult = await self.handle(to or command.transfer_id).execute_update(
            update, command, id=update_id or str(command.command_id), result_type=StepResult
        )
        return result

    async def decide(self, update: str, command: Command, *, update_id: str | None = None) -> StepResult:
        """Send a decision as the service does, but without its quick check."""
        with self.database.read() as session:
            start = request_of(session, command.transfer_id)
        return await commands.send(
            self.client,
            update,
            command,
            update_id=update_id or str(command.command_id),
            start=start,
            task_queue=self.queue,
            patience=PATIENCE,
        )

    async def stuck_on(self, transfer_id: UUID, step: str) -> bool:
        """Say whether operators are shown that a step cannot succeed."""
        return f"**stuck** on `{step}`" in await self.details(transfer_id)

    async def received(self, transfer_id: UUID, update: str) -> bool:
        """Say whether an update is in the workflow's history: from then on it is executed."""
        history = await self.handle(transfer_id).fetch_history()
        return any(
            event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name == update
            for event in history.events
        )

    async def end(self, transfer_id: UUID, how: str) -> None:
        """End a transfer's workflow with Temporal's own terminate or cancel."""
        handle = self.handle(transfer_id)
        await (handle.terminate("by a test") if how == "terminate" else handle.cancel())
        with suppress(WorkflowFailureError):
            await handle.result()

    async def swept(self, *, restarted: int = 0, woken: int = 0) -> bool:
        """Sweep, and say whether that was found; visibility lags a little behind."""
        found = await self.service.reconcile()
        return (found.restarted, found.woken) == (restarted, woken)

    async def has_started(self, transfer_id: UUID) -> bool:
        """Say whether a transfer's workflow has been started."""
        try:
            await self.handle(transfer_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def is_running(self, transfer_id: UUID) -> bool:
        """Say whether a transfer's workflow runs."""
        return (await self.handle(transfer_id).describe()).status is WorkflowExecutionStatus.RUNNING

    async def fast_forward(self, transfer_id: UUID, duration: timedelta) -> None:
        """Move the clock of a transfer's workflow, which passes every timer on the way."""
        await self.environment.fast_forward(self.handle(transfer_id), duration)

    async def fast_forward_to(self, transfer_id: UUID, instant: datetime) -> None:
        """Move the clock of a transfer's workflow to an instant."""
        now = await self.environment.get_current_time(self.handle(transfer_id))
        await self.fast_forward(transfer_id, instant - now)

    async def details(self, transfer_id: UUID) -> str:
        """Read what operators see of a transfer's workflow."""
        metadata: WorkflowMetadata = await self.handle(transfer_id).query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        return str(metadata.current_details)

    # What is in the database.

    def row(self, transfer_id: UUID) -> Transfer:
        """Read a transfer's row."""
        with self.database.read() as session:
            found = transfers.row(session, transfer_id)
            session.expunge(found)
            return found

    def state(self, transfer_id: UUID) -> TransferState:
        """Read a transfer's state."""
        return self.row(transfer_id).state

    def events(self, transfer_id: UUID) -> list[str]:
        """Read the log's lines about a transfer: what was done, and the rule of what was denied."""
        with self.database.read() as session:
            lines = session.execute(
                select(Event.action, Event.rule).where(Event.transfer_id == transfer_id).order_by(Event.seq)
            )
            return [action if rule is None else f"{action} {rule}" for action, rule in lines]

    def denials(self) -> list[str]:
        """Read every denial of the organization: what was tried, and the rule."""
        with self.database.read() as session:
            lines = session.execute(
                select(Event.action, Event.rule).where(Event.outcome == log.Result.DENIED).order_by(Event.seq)
            )
            return [f"{action} {rule}" for action, rule in lines]

    def notices(self, transfer_id: UUID) -> list[tuple[str, UUID]]:
        """Read who is to be told of what about a transfer."""
        with self.database.read() as session:
            found = session.execute(
                select(Notice.kind, Notice.recipient_id)
                .where(Notice.transfer_id == transfer_id)
                .order_by(Notice.id)
            )
            return [(kind, recipient) for kind, recipient in found]

    def owners(self, record: UUID | None = None) -> list[UUID]:
        """Read in whose hands a record has been, the present owner last."""
        with self.database.read() as session:
            found = session.execute(
                select(Holding.owner_id, Holding.state)
                .where(Holding.record_id == (record or self.record))
                .order_by(Holding.state == HoldingState.LIVE, Holding.from_at)
            ).all()
        assert [state for _, state in found].count(HoldingState.LIVE) == 1
        return [owner for owner, _ in found]

    def text(self, author: UUID, kind: TextKind = TextKind.REASON) -> UUID:
        """Write a free text that a command can name."""
        with self.database.write() as session:
            return build.text(session, author, kind, secret(kind), created_at=datetime.now(UTC))

    def set_policy(
        self, *, answer_within: timedelta | None = None, reminders: Sequence[timedelta] = ()
    ) -> None:
        """Fix the times of the organization; each instant that is skipped to costs a test a second."""
        self.desk.set_policy(self.members.administrator, answer_within=answer_within, reminders=reminders)

    def age_texts(self, by: timedelta) -> None:
        """Let every free text have been written earlier."""
        with self.database.write() as session:
            session.execute(update(FreeText).values(created_at=datetime.now(UTC) - by))

    def restrict(self, member: UUID) -> None:
        """Put a member on the restriction list of everybody behind the record (ELIG-4)."""
        with self.database.write() as session:
            for client in people.clients_of(session, self.record):
                build.restriction(session, client.id, self.members.owner, member_id=member)

    def deactivate(self, member: UUID) -> None:
        """Take a member's access away."""
        with self.database.write() as session:
            session.execute(update(Member).where(Member.id == member).values(active=False))

    # Outages, real ones.

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Hold the writer's lock of the database from outside, and write through it."""
        with closing(sqlite3.connect(self.database.file, isolation_level=None)) as intruder:
            intruder.execute("BEGIN EXCLUSIVE")
            yield intruder
            intruder.execute("COMMIT")

    @contextmanager
    def missing(self) -> Iterator[None]:
        """Move the database away, and back."""
        # One file, with its write-ahead log in it, is what can be moved.
        self.database.close()
        away = self.database.file.with_suffix(".away")
        self.database.file.rename(away)
        try:
            yield
        finally:
            away.rename(self.database.file)

    @contextmanager
    def without_bytes(self) -> Iterator[None]:
        """Take the bytes of one note away, past every foreign key, and put them back."""
        with closing(sqlite3.connect(self.database.file)) as outside:
            with outside:
                row = outside.execute(
                    "DELETE FROM content WHERE sha256 = (SELECT min(sha256) FROM notes)"
                    " RETURNING organization_id, sha256, body"
                ).fetchone()
            yield
            with outside:
                outside.execute("INSERT INTO content VALUES (?, ?, ?)", row)

    async def retried(self, transfer_id: UUID, activity: str, *, attempts: int = 2) -> None:
        """Wait until a step has fallen back to a regular activity that failed and is tried again."""

        async def seen() -> bool:
            if not await self.has_started(transfer_id):
                return False
            described = await self.handle(transfer_id).describe()
            return any(
                pending.activity_type.name == activity and pending.attempt >= attempts
                for pending in described.raw_description.pending_activities
            )

        await eventually(seen)

    # What must hold whatever a test did.

    async def histories(self) -> list[WorkflowHistory]:
        """Fetch the history of every run of every workflow of this clinic."""
        query = f'TaskQueue = "{self.queue}"'
        runs = {(found.id, found.run_id) async for found in self.client.list_workflows(query)}
        return [
            await self.client.get_workflow_handle(found, run_id=run).fetch_history()
            for found, run in sorted(runs)
        ]

    async def close(self) -> None:
        """End what still runs, so that the server has nothing to do for this clinic any more."""
        with self.database.read() as session:
            running = transfers.open_ids(session)
        for transfer_id in running:
            with suppress(RPCError):
                await self.handle(transfer_id).terminate("the test is over")

    def check(self) -> None:
        """Walk every log, and let the independent checker state the rules on the data."""
        with self.database.read() as session:
            for organization, _ in log.organizations(session):
                assert log.verify(session, organization).first_break is None
        violations = [str(violation) for violation in check(self.database.file)]
        assert not violations, "\n".join(violations)


def found_clinic(environment: WorkflowEnvironment, database: Database) -> Clinic:
    """Found a clinic with its members and one record; every name and every text is a planted secret."""
    with database.write() as session:
        organization = build.organization(session, name=secret("organization"))

        def member(who: str, *roles: Role) -> UUID:
            return build.member(
                session,
                organization,
                *roles,
                email=f"{secret(who)}@clinique.example",
                first_name=secret(f"{who}-first"),
                last_name=secret(f"{who}-last"),
            )

        members = Members(
            organization=organization,
            owner=member("owner"),
            new_owner=member("new-owner"),
            colleague=member("colleague"),
            coordinator=member("coordinator", Role.COORDINATOR),
            administrator=member("administrator", Role.ADMINISTRATOR),
        )
    clinic = Clinic(environment, database, members)
    clinic.record = clinic.add_record()
    return clinic


async def eventually(holds: Callable[[], Any], within: timedelta = PATIENCE) -> None:
    """Wait until something that is under way has happened; fail when it does not."""
    async with asyncio.timeout(within.total_seconds()):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)


def denial(failure: WorkflowUpdateFailedError) -> str | None:
    """Give the rule of a denied update; anything but a typed failure fails the test."""
    assert isinstance(failure.cause, ApplicationError)
    return failure.cause.type


#: The widest options and the narrowest.
EVERYTHING: Final = Options(include_confidential=True, raw_data=RawDataChoice.INCLUDE, keep_copy=False)
CAUTIOUS: Final = Options()
