"""
The one door for everybody who commands or asks: backends, the command line, later HTTP and the console.

Rules are asked first for a quick answer; the step's own transaction asks them again and decides. Errors are
``EngineError``: ``Denied`` with the rule, ``NotFound``, ``BadInput``, ``Unavailable`` (ask again, same key).
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4, uuid5

from sqlalchemy.orm import Session
from temporalio.client import Client

from engine.activities import accepting, denials, leaving, opening, stepping_in, sweep, waiting
from engine.activities.deciding import Judged
from engine.bulk_service import BulkService
from engine.desk.base import patiently
from engine.desk.desk import Desk
from engine.errors import EngineError, NotFound, Unavailable, of_key
from engine.messages.transfer import (
    REQUEST,
    Accept,
    Cancel,
    Command,
    Extend,
    Impose,
    Narrow,
    Reassign,
    Refuse,
    Step,
    StepResult,
    TransferRequest,
)
from engine.records import facts, transfers
from engine.records.tables.base import TextKind
from engine.rules.deadline import end_of
from engine.rules.transfers import told_to_new_owner
from engine.states.choices import Basis, BasisForm, Options, Purpose
from engine.temporal import commands
from engine.temporal.connection import NOTICE_QUEUE, TASK_QUEUE, outages_named
from engine.views import SweepView, TransferView

logger = logging.getLogger(__name__)
_T = TypeVar("_T")
_C = TypeVar("_C", bound=Command)
_W = TypeVar("_W", bound=TransferRequest | Command)

#: Begins the keys that are made here, of what a request says.
_UNKEYED = "same/"
#: How long a command waits for a server or a database that does not answer, before its caller must ask again.
PATIENCE = timedelta(seconds=60)


class Service:
    """
    Transfers: request, answer, change. What needs no durable transfer is at the ``desk``.

    ``actor_id`` is who acts; ``os_uid`` says which user of the operating system typed it. A ``key`` chosen by
    the sender gives a repetition the first answer (MOVE-3); without one, the same on the same state does.
    """

    def __init__(
        self,
        desk: Desk,
        connect: Callable[[], Awaitable[Client]],
        *,
        task_queue: str = TASK_QUEUE,
        notice_queue: str | None = NOTICE_QUEUE,
        os_uid: int | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self.desk = desk
        self._database = desk.database
        self._connect = connect
        self._client: Client | None = None
        self._task_queue = task_queue
        self._notice_queue = notice_queue
        self._os_uid = os_uid
        self._patience = patience
        #: Transfers of a caseload.
        self.bulks = BulkService(desk, self._server, task_queue=task_queue, os_uid=os_uid, patience=patience)

    async def request(  # noqa: PLR0913 - what a request says
        self,
        actor_id: UUID,
        record_id: UUID,
        to_id: UUID,
        *,
        purpose: Purpose,
        options: Options | None = None,
        basis: Basis | tuple[BasisForm, str] | None = None,
        message: str | None = None,
        reason: str | None = None,
        insist: bool = False,
        key: str | None = None,
    ) -> TransferView:
        """Ask a practitioner to take over a record (ELIG-1 to ELIG-9); it freezes until the answer."""
        options = options or Options()
        same = key or _same_request(record_id, actor_id, to_id, purpose, options, basis, message)
        request = await self._in_thread(
            lambda session: self._draft(session, actor_id, record_id, to_id, purpose, options, same)
        )
        basis_id = uuid5(request.transfer_id, "basis") if basis else None
        message_id = uuid5(request.transfer_id, "message") if message else None
        reason_id = uuid5(request.transfer_id, "reason") if reason else None
        judged = request.model_copy(update={"basis_id": basis_id, "insist": insist, "reason_id": reason_id})
        await self._quick(Step.OPEN, judged, opening.judge_request, keyed=key is not None)
        client = await self._server()
        if basis_id is not None and basis is not None:
            await asyncio.to_thread(self.desk.write_basis, actor_id, basis_id, Basis(*basis))
        if message_id is not None and message is not None:
            await self._write_text(actor_id, message_id, TextKind.MESSAGE, message)
        if reason_id is not None and reason is not None:
            await self._write_text(actor_id, reason_id, TextKind.REASON, reason)
        request = judged.model_copy(update={"message_id": message_id})
        # Each try asks anew what came of it: the row makes it one request, not Temporal's memory.
        await self._send(client, REQUEST, request, f"request/{uuid4()}", request)
        return await self.show(actor_id, request.transfer_id)

    async def accept(
        self, actor_id: UUID, transfer_id: UUID, *, seen_version: int | None = None, key: str | None = None
    ) -> TransferView:
        """Take over the record (ST-T/accept): the decision and the hand-over are one transaction."""
        command = Accept(**await self._command(actor_id, transfer_id, seen_version, key))
        return await self._decide(Step.ACCEPT, command, accepting.judge_accept, keyed=key is not None)

    async def refuse(
        self,
        actor_id: UUID,
        transfer_id: UUID,
        *,
        reason: str,
        seen_version: int | None = None,
        key: str | None = None,
    ) -> TransferView:
        """Decline the record (ST-T/refuse), with a reason that the owner reads (ST-2)."""
        fields = await self._command(actor_id, transfer_id, seen_version, key)
        command = Refuse(**fields, reason_id=uuid5(fields["command_id"], "reason"))
        await self._write_text(actor_id, command.reason_id, TextKind.REASON, reason)
        return await self._decide(Step.REFUSE, command, leaving.judge_refuse, keyed=key is not None)

    async def cancel(
        self,
        actor_id: UUID,
        transfer_id: UUID,
        *,
        reason: str | None = None,
        seen_version: int | None = None,
        key: str | None = None,
    ) -> TransferView:
        """Take a request back (ST-T/cancel); the record is as it was (MOVE-7)."""
        fields = await self._command(actor_id, transfer_id, seen_version, key)
        reason_id = uuid5(fields["command_id"], "reason") if reason else None
        if reason_id is not None and reason is not None:
            await self._write_text(actor_id, reason_id, TextKind.REASON, reason)
        command = Cancel(**fields, reason_id=reason_id)
        return await self._decide(Step.CANCEL, command, leaving.judge_cancel, keyed=key is not None)

    async def narrow(
        self,
        actor_id: UUID,
        transfer_id: UUID,
        options: Options,
        *,
        seen_version: int | None = None,
        key: str | None = None,
    ) -> TransferView:
        """Move less than was asked, never more (MOVE-1)."""
        command = Narrow(**await self._command(actor_id, transfer_id, seen_version, key), options=options)
        return await self._decide(Step.NARROW, command, waiting.judge_narrow, keyed=key is not None)

    async def reassign(  # noqa: PLR0913 - what a reassignment says
        self,
        actor_id: UUID,
        transfer_id: UUID,
        to_id: UUID,
        *,
        reason: str,
        basis: Basis | None = None,
        insist: bool = False,
        withhold_raw_data: bool = False,
        seen_version: int | None = None,
        key: str | None = None,
    ) -> TransferView:
        """Ask somebody else, as a coordinator (ST-T/reassign); a pending transfer is overridden (OVR-1)."""
        fields = await self._command(actor_id, transfer_id, seen_version, key)
        texts = await self._write_reason_and_basis(fields, reason, basis)
        command = Reassign(**fields, **texts, to_id=to_id, insist=insist, withhold_raw_data=withhold_raw_data)
        return await self._decide(Step.REASSIGN, command, stepping_in.judge_reassign, keyed=key is not None)

    async def impose(  # noqa: PLR0913 - what an imposition says
        self,
        actor_id: UUID,
        transfer_id: UUID,
        to_id: UUID | None = None,
        *,
        reason: str,
        basis: Basis | None = None,
        insist: bool = False,
        withhold_raw_data: bool = False,
        seen_version: int | None = None,
        key: str | None = None,
    ) -> TransferView:
        """Hand the record over in the new owner's place, as a coordinator (ST-T/impose, OVR-1)."""
        fields = await self._command(actor_id, transfer_id, seen_version, key)
        texts = await self._write_reason_and_basis(fields, reason, basis)
        command = Impose(**fields, **texts, to_id=to_id, insist=insist, withhold_raw_data=withhold_raw_data)
        return await self._decide(Step.IMPOSE, command, stepping_in.judge_impose, keyed=key is not None)

    async def extend(
        self,
        actor_id: UUID,
        transfer_id: UUID,
        until: date,
        *,
        reason: str | None = None,
        seen_version: int | None = None,
        key: str | None = None,
    ) -> TransferView:
        """Give the one who is asked time until the end of a day there, as a coordinator (ST-3)."""
        fields = await self._command(actor_id, transfer_id, seen_version, key)
        texts: dict[str, Any] = {}
        if reason is not None:
            texts = await self._write_reason_and_basis(fields, reason, None)
        respond_by = await self._in_thread(lambda session: _end_of(session, actor_id, until))
        command = Extend(**fields, **texts, respond_by=respond_by)
        return await self._decide(Step.EXTEND, command, waiting.judge_extend, keyed=key is not None)

    async def show(self, actor_id: UUID, transfer_id: UUID) -> TransferView:
        """Show a transfer to somebody who may know of it."""
        return await asyncio.to_thread(self.desk.transfer, actor_id, transfer_id)

    async def reconcile(self) -> SweepView:
        """Bring rows and workflows together again, whatever was lost between them."""
        client = await self._server()
        with outages_named():
            result = await sweep.reconcile(
                client,
                self._database,
                self._task_queue,
                self.desk.signer,
                notice_queue=self._notice_queue,
            )
        return SweepView(**result.model_dump())

    async def _decide(
        self, step: Step, command: _C, judge: Callable[[Session, _C], Judged | None], *, keyed: bool
    ) -> TransferView:
        judged = await self._quick(step, command, judge, keyed=keyed)
        client = await self._server()
        if command.seen_version is None and judged is not None:
            # A decision is made on the state that it was judged on, unless its sender says which (MOVE-3).
            command = command.model_copy(update={"seen_version": judged.transfer.version})
        start = await self._in_thread(lambda session: sweep.request_of(session, command.transfer_id))
        await self._send(
            client, step.value.removeprefix("transfer."), command, str(command.command_id), start
        )
        return await self.show(command.actor_id, command.transfer_id)

    async def _send(
        self,
        client: Client,
        update: str,
        message: TransferRequest | Command,
        update_id: str,
        start: TransferRequest,
    ) -> StepResult:
        return await commands.send(
            client,
            update,
            message,
            update_id=update_id,
            start=start,
            task_queue=self._task_queue,
            patience=self._patience,
        )

    async def _quick(
        self,
        step: Step,
        what: _W,
        judge: Callable[[Session, _W], _T | None],
        *,
        keyed: bool,
    ) -> _T | None:
        """Ask the rules before anything is started; a denial is logged here, since no step will run."""
        try:
            return await self._in_thread(lambda session: _judge(session, step, what, judge, keyed=keyed))
        except Unavailable:
            raise
        except EngineError as denial:
            await asyncio.to_thread(self._log_denial, step, what, denial, keyed=keyed)
            told = told_to_new_owner(denial.key) if step is Step.ACCEPT else denial.key
            raise (denial if told == denial.key else of_key(told)) from None

    def _log_denial(
        self, step: Step, what: TransferRequest | Command, denial: EngineError, *, keyed: bool
    ) -> None:
        logger.info(
            "command.denied",
            extra={"step": step, "transfer_id": str(what.transfer_id), "rule": denial.key},
        )

        attempt = None if keyed else uuid4()

        def write() -> None:
            with self._database.write() as session:
                denials.write_quick(session, step, what, denial, datetime.now(UTC), attempt=attempt)

        patiently(write, self._patience)

    def _draft(
        self,
        session: Session,
        actor_id: UUID,
        record_id: UUID,
        to_id: UUID,
        purpose: Purpose,
        options: Options,
        key: str,
    ) -> TransferRequest:
        actor = facts.member(session, actor_id)
        if actor is None:
            raise NotFound("member")
        if key.startswith(_UNKEYED):
            key = f"{key}/{transfers.finished_of_record(session, record_id)}"
        return TransferRequest(
            transfer_id=uuid5(actor.organization_id, key),
            organization_id=actor.organization_id,
            record_id=record_id,
            actor_id=actor_id,
            to_id=to_id,
            purpose=purpose,
            options=options,
            os_uid=self._os_uid,
        )

    async def _command(
        self, actor_id: UUID, transfer_id: UUID, seen_version: int | None, key: str | None
    ) -> dict[str, Any]:
        """Make a command's fields; its id comes from the key, or is new: the rows answer repetitions."""
        actor = await asyncio.to_thread(self.desk.facts_of, actor_id)
        command_id = (
            uuid4() if key is None else uuid5(actor.organization_id, f"{transfer_id}/{actor_id}/{key}")
        )
        return {
            "transfer_id": transfer_id,
            "command_id": command_id,
            "actor_id": actor_id,
            "seen_version": seen_version,
            "os_uid": self._os_uid,
        }

    async def _write_reason_and_basis(
        self, fields: dict[str, Any], reason: str, basis: Basis | None
    ) -> dict[str, Any]:
        """Write the texts of a command; they travel as their ids (ST-2)."""
        actor_id, command_id = fields["actor_id"], fields["command_id"]
        texts = {"reason_id": uuid5(command_id, "reason")}
        await self._write_text(actor_id, texts["reason_id"], TextKind.REASON, reason)
        if basis is not None:
            texts["basis_id"] = uuid5(command_id, "basis")
            await asyncio.to_thread(self.desk.write_basis, actor_id, texts["basis_id"], basis)
        return texts

    async def _write_text(self, actor_id: UUID, text_id: UUID, kind: TextKind, body: str) -> None:
        await asyncio.to_thread(self.desk.write_text, actor_id, text_id, kind, body)

    async def _server(self) -> Client:
        if self._client is None:
            self._client = await self._connect()
        return self._client

    async def _in_thread(self, read: Callable[[Session], _T]) -> _T:
        def run() -> _T:
            with self._database.read() as session:
                return read(session)

        return await asyncio.to_thread(patiently, run, self._patience)


def _end_of(session: Session, actor_id: UUID, day: date) -> datetime:
    actor = facts.member(session, actor_id)
    if actor is None:
        raise NotFound("member")
    return end_of(day, facts.schedule(session, actor.organization_id).time_zone).astimezone(UTC)


def _same_request(*said: object) -> str:
    """Make the key of a request that came without one: the same said again is the same request (MOVE-3)."""
    return _UNKEYED + hashlib.sha256(repr(said).encode()).hexdigest()


def _judge(
    session: Session, step: Step, what: _W, judge: Callable[[Session, _W], _T | None], *, keyed: bool
) -> _T | None:
    earlier = denials.earlier_line(session, step, what) if keyed else None
    if earlier is None:
        return judge(session, what)
    if earlier.rule is not None:
        raise of_key(earlier.rule)
    return None
