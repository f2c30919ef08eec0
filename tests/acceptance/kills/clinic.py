"""A clinic whose records change hands while the power fails, and what a transfer left in its database."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus

from engine import wiring
from engine.errors import Unavailable
from engine.messages.transfer import workflow_id
from engine.records.tables.base import NoteState
from engine.service import Service
from engine.settings import Settings
from engine.states.choices import Purpose
from engine.states.transfer import TransferState
from engine.temporal.connection import connect
from engine.views import SweepView, TransferView
from tests import build
from tests.acceptance.kills.running import DEADLINE, until
from tests.build import World
from tests.checker.checking import check

_OPEN: Final = ("requested", "pending_acceptance", "coordinator_override")
PATIENCE: Final = timedelta(seconds=DEADLINE)
REASON: Final = "no room before the spring"
_LATER: Final = (datetime.now(UTC) + timedelta(days=60)).date()


class Footprint(NamedTuple):
    """Everything that a transfer left behind, in the words of people; each list sorted."""

    state: str
    version: int
    #: Of the record: state and whose.
    holdings: list[tuple[str, str]]
    #: Kind and recipient.
    notices: list[tuple[str, str]]
    #: Action, who acted, outcome, side.
    events: list[tuple[str, str, str, str | None]]


def _opened(*more: tuple[str, str, str, str | None]) -> list[tuple[str, str, str, str | None]]:
    return sorted([("transfer.open", "owner", "allowed", None), *more], key=str)


_ASKED: Final = ("asked", "new_owner")
#: What each step leaves, by hand: one hand-over or none, one set of notices, one event a command.
EXPECTED: Final = {
    "open": Footprint("pending_acceptance", 1, [("live", "owner")], [_ASKED], _opened()),
    "accept": Footprint(
        "accepted",
        2,
        [("archived", "owner"), ("live", "new_owner")],
        [("accepted", "owner"), ("appointment_cancelled", "client"), _ASKED],
        _opened(
            ("transfer.accept", "new_owner", "allowed", None),
            ("record.handed_over", "new_owner", "allowed", "export"),
            ("record.handed_over", "new_owner", "allowed", "import"),
        ),
    ),
    "refuse": Footprint(
        "refused",
        2,
        [("live", "owner")],
        [_ASKED, ("refused", "owner")],
        _opened(("transfer.refuse", "new_owner", "allowed", None)),
    ),
    "cancel": Footprint(
        "cancelled",
        2,
        [("live", "owner")],
        [_ASKED, ("cancelled", "new_owner")],
        _opened(("transfer.cancel", "owner", "allowed", None)),
    ),
    "reassign": Footprint(
        "pending_acceptance",
        2,
        [("live", "owner")],
        [_ASKED, ("asked", "third"), ("cancelled", "new_owner"), ("reassigned", "owner")],
        _opened(
            ("transfer.override", "coordinator", "allowed", None),
            ("transfer.reassign", "coordinator", "allowed", None),
        ),
    ),
    "impose": Footprint(
        "accepted",
        2,
        [("archived", "owner"), ("live", "new_owner")],
        [("appointment_cancelled", "client"), _ASKED, ("imposed", "new_owner"), ("imposed", "owner")],
        _opened(
            ("transfer.override", "coordinator", "allowed", None),
            ("transfer.impose", "coordinator", "allowed", None),
            ("record.handed_over", "coordinator", "allowed", "export"),
            ("record.handed_over", "coordinator", "allowed", "import"),
        ),
    ),
    "extend": Footprint(
        "pending_acceptance",
        1,
        [("live", "owner")],
        [_ASKED, ("extended", "new_owner"), ("extended", "owner")],
        _opened(("transfer.extend", "coordinator", "allowed", None)),
    ),
    "override": Footprint(
        "cancelled",
        2,
        [("live", "owner")],
        [_ASKED, ("cancelled", "new_owner"), ("cancelled", "owner")],
        _opened(
            ("transfer.override", "coordinator", "allowed", None),
            ("transfer.cancel", "coordinator", "allowed", None),
        ),
    ),
    "expire": Footprint(
        "expired",
        2,
        [("live", "owner")],
        [_ASKED, ("expired", "new_owner"), ("expired", "owner")],
        _opened(("transfer.expire", "engine", "allowed", None)),
    ),
}


#: The step in which a command dies, where it is called otherwise.
STEP_OF: Final = {"override": "cancel"}
#: After which the transfer still waits for an answer.
STILL_OPEN: Final = frozenset({"open", "reassign", "extend"})


@dataclass(frozen=True, slots=True)
class Practice:
    """An organization of the clinic, with its people; the third one is asked by a reassignment."""

    world: World
    third: UUID

    def name(self, member_id: str | None) -> str:
        """Say who somebody is."""
        names = {
            "owner": self.world.owner,
            "new_owner": self.world.new_owner,
            "third": self.third,
            "coordinator": self.world.coordinator,
            "administrator": self.world.administrator,
            "client": self.world.client,
        }
        return {str(found): name for name, found in names.items()}.get(member_id or "", "engine")


class Clinic:
    """A database, its desk and its service, in this process; the worker is another one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.desk = wiring.open_desk(settings, os_uid=None, patience=PATIENCE)
        self.database = self.desk.database
        self.come_back()

    def come_back(self) -> None:
        """Know of no server any more, like a backend that is started again."""
        self.service = Service(self.desk, self.client, patience=PATIENCE)
        self._client: Client | None = None

    async def client(self) -> Client:
        """Connect, patiently: the server may be on its way."""
        while self._client is None:
            try:
                self._client = await connect(self.settings)
            except Unavailable:
                await until(lambda: self.settings.running() is not None, "a server")
        return self._client

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def practice(self, *, answer_within: timedelta | None = None) -> Practice:
        """Found an organization; with a time to answer of seconds its transfers expire before long."""
        with self.database.write() as session:
            world = build.world(session)
            third = build.member(session, world.organization)
        if answer_within is not None:
            self.desk.set_policy(world.administrator, answer_within=answer_within)
        return Practice(world, third)

    def record(self, practice: Practice) -> UUID:
        """Open a record with an item of every class, one upcoming appointment among them."""
        world, now = practice.world, datetime.now(UTC)
        with self.database.write() as session:
            record_id, holding = build.record(session, world.owner, [world.client])
            build.note(session, holding)
            build.note(session, holding, state=NoteState.DRAFT)
            build.note(session, holding, confidential=True)
            build.document(session, holding)
            for item in (build.raw_datum, build.profile, build.invoice, build.task, build.memo):
                item(session, holding)
            for days in (-5, 5):
                starts_at = now + timedelta(days=days)
                build.appointment(
                    session, record_id, world.owner, client_id=world.client, starts_at=starts_at
                )
        return record_id

    async def request(self, practice: Practice, record_id: UUID) -> TransferView:
        """Ask for a transfer, always the same one for a record."""
        world = practice.world
        return await self.service.request(
            world.owner, record_id, world.new_owner, purpose=Purpose.CONTINUITY, key=f"{record_id}"
        )

    async def command(self, step: str, practice: Practice, transfer_id: UUID) -> TransferView:
        """Decide in the name of who may, always the same command for a transfer; or wait until it expires."""
        world, key = practice.world, step
        commands: dict[str, Callable[[], Awaitable[TransferView]]] = {
            "accept": lambda: self.service.accept(world.new_owner, transfer_id, key=key),
            "refuse": lambda: self.service.refuse(world.new_owner, transfer_id, reason=REASON, key=key),
            "cancel": lambda: self.service.cancel(world.owner, transfer_id, reason=REASON, key=key),
            "override": lambda: self.service.cancel(world.coordinator, transfer_id, reason=REASON, key=key),
            "reassign": lambda: self.service.reassign(
                world.coordinator, transfer_id, practice.third, reason=REASON, key=key
            ),
            "impose": lambda: self.service.impose(world.coordinator, transfer_id, reason=REASON, key=key),
            "extend": lambda: self.service.extend(world.coordinator, transfer_id, _LATER, key=key),
            "expire": lambda: self.expiry(practice, transfer_id),
        }
        return await commands[step]()

    async def expiry(self, practice: Practice, transfer_id: UUID) -> TransferView:
        """Wait until a deadline has passed."""
        await until(lambda: self.state(transfer_id) != TransferState.PENDING_ACCEPTANCE, "a deadline")
        return await self.service.show(practice.world.owner, transfer_id)

    def transfer_of(self, record_id: UUID) -> UUID | None:
        """Find the transfer of a record that has had one at most."""
        found = self.select("SELECT id FROM transfers WHERE record_id = ?", record_id)
        assert len(found) <= 1
        return UUID(found[0][0]) if found else None

    def state(self, transfer_id: UUID) -> str | None:
        """Read where a transfer stands."""
        return next(
            (state for (state,) in self.select("SELECT state FROM transfers WHERE id = ?", transfer_id)), None
        )

    def answerer(self, practice: Practice, transfer_id: UUID) -> UUID:
        """Say who is asked now."""
        ((to_id,),) = self.select("SELECT to_id FROM transfers WHERE id = ?", transfer_id)
        assert to_id in {str(practice.world.new_owner), str(practice.third)}
        return UUID(to_id)

    def has_happened(self, record_id: UUID, step: str) -> bool:
        """Say whether the log tells that a step of a record's transfer was taken."""
        action = f"transfer.{STEP_OF.get(step, step)}"
        return bool(
            self.select(
                "SELECT 1 FROM events WHERE record_id = ? AND action = ? AND outcome = 'allowed'",
                record_id,
                action,
            )
        )

    def state_of_record(self, record_id: UUID) -> str | None:
        """Read where the only transfer of a record stands; ``None`` where nobody has asked."""
        transfer_id = self.transfer_of(record_id)
        return None if transfer_id is None else self.state(transfer_id)

    def footprint(self, practice: Practice, transfer_id: UUID) -> Footprint:
        """Say what a transfer left behind."""
        name = practice.name
        ((state, version),) = self.select("SELECT state, version FROM transfers WHERE id = ?", transfer_id)
        holdings = self.select(
            "SELECT state, owner_id FROM holdings"
            " WHERE record_id = (SELECT record_id FROM transfers WHERE id = ?)",
            transfer_id,
        )
        notices = self.select("SELECT kind, recipient_id FROM outbox WHERE transfer_id = ?", transfer_id)
        events = self.select(
            "SELECT action, actor_id, outcome, side FROM events WHERE transfer_id = ?", transfer_id
        )
        return Footprint(
            state,
            version,
            sorted((held, name(owner)) for held, owner in holdings),
            sorted((kind, name(recipient)) for kind, recipient in notices),
            sorted(((action, name(actor), *rest) for action, actor, *rest in events), key=str),
        )

    def select(self, query: str, *given: object) -> list[tuple[Any, ...]]:
        """Ask the file itself, past the engine."""
        file = f"{self.settings.database_file.as_uri()}?mode=ro"
        with closing(sqlite3.connect(file, uri=True, timeout=30)) as raw:
            return raw.execute(query, [str(value) for value in given]).fetchall()

    def unsigned(self) -> int:
        """Count the receipts that wait for their signature (AUD-4)."""
        ((count,),) = self.select("SELECT count(*) FROM receipts WHERE signature IS NULL")
        return int(count)

    def check(self) -> None:
        """Ask the independent checker and walk every chain."""
        assert check(self.settings.database_file) == []
        assert [chain for chain in self.desk.verify_log() if chain.first_break is not None] == []

    async def is_running(self, transfer_id: UUID) -> bool:
        """Say whether a transfer's workflow is there and open."""
        client = await self.client()
        handle = client.get_workflow_handle(workflow_id(transfer_id))
        return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING

    async def settled(self) -> SweepView:
        """Sweep once, which may mend, and wait until what it woke has ended; then sweep again."""
        await self.service.reconcile()
        async with asyncio.timeout(DEADLINE):
            while await self.running() - self.open():
                await asyncio.sleep(0.05)
        return await self.service.reconcile()

    def open(self) -> set[UUID]:
        """Give the transfers that wait for somebody."""
        found = self.select("SELECT id FROM transfers WHERE state IN (?, ?, ?)", *_OPEN)
        return {UUID(transfer_id) for (transfer_id,) in found}

    async def running(self) -> set[UUID]:
        """Give the transfers whose workflow runs, as the server lists them."""
        client = await self.client()
        found = client.list_workflows('WorkflowType = "RecordTransfer" AND ExecutionStatus = "Running"')
        return {UUID(execution.id.removeprefix("transfer/")) async for execution in found}
