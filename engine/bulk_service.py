"""The door for transfers of a caseload: launch, pause, resume, stop, retry; the rules decide in the steps."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from temporalio.client import Client

from engine.activities import sweep
from engine.desk.base import patiently, speaking_for
from engine.desk.bulk_preview import bulk_choice
from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, NotFound
from engine.exports import caseload
from engine.messages.bulk import (
    BULK_WORKFLOW,
    LAUNCH,
    BulkCommand,
    BulkLaunch,
    BulkResult,
    BulkStop,
    bulk_workflow_id,
)
from engine.messages.bulk_answer import ANSWER, ANSWER_WORKFLOW, AnswerResult, GiveAnswer, answer_workflow_id
from engine.messages.transfer import Message
from engine.records import bulks, facts
from engine.records.tables.base import TextKind
from engine.rules import bulk_files
from engine.rules.bulk import BulkChoice, Listed, Split
from engine.states.bulk import Answer, Scope
from engine.states.choices import Basis, Purpose
from engine.temporal import commands
from engine.temporal.commands import Target
from engine.views import AnswerView, BulkView


class BulkService:
    """
    Transfers of a caseload; looking at them is at the desk.

    A ``key`` chosen by the sender gives a repetition the first answer; without one, the same launch while the
    first one is open is the same bulk (MOVE-3).
    """

    #: Makes a choice of what was typed, and of the files that came with it.
    choose = staticmethod(bulk_choice)
    #: Writes a report as a spreadsheet reads it.
    as_csv = staticmethod(caseload.as_csv)

    def __init__(
        self,
        desk: Desk,
        connect: Callable[[], Awaitable[Client]],
        *,
        task_queue: str,
        os_uid: int | None,
        patience: timedelta,
    ) -> None:
        self.desk = desk
        self._connect = connect
        self._task_queue = task_queue
        self._os_uid = os_uid
        self._patience = patience

    async def start(
        self,
        actor_id: UUID,
        choice: BulkChoice,
        *,
        purpose: Purpose,
        fingerprint: str | None = None,
        basis: Basis | None = None,
        message: str | None = None,
        reason: str | None = None,
        key: str | None = None,
    ) -> BulkView:
        """
        Launch the transfer of a caseload (BULK-1); with a preview's fingerprint only as it was seen.

        ``reason`` where the choice imposes, or reassigns what is open (ST-2).
        """
        said = (purpose, basis, message, reason)
        launch = await self._draft(actor_id, choice, purpose, key, said)
        texts = {
            "basis_id": None if basis is None else uuid5(launch.bulk_id, "basis"),
            "message_id": None if message is None else uuid5(launch.bulk_id, "message"),
            "reason_id": None if reason is None else uuid5(launch.bulk_id, "reason"),
        }
        client = await self._connect()
        if texts["basis_id"] is not None and basis is not None:
            await asyncio.to_thread(self.desk.write_basis, actor_id, texts["basis_id"], basis)
        for name, kind, text in (
            ("message_id", TextKind.MESSAGE, message),
            ("reason_id", TextKind.REASON, reason),
        ):
            text_id = texts[name]
            if text_id is not None and text is not None:
                await asyncio.to_thread(self.desk.write_text, actor_id, text_id, kind, text)
        return await self._launch(
            client, choice, launch.model_copy(update={**texts, "fingerprint": fingerprint})
        )

    async def _draft(
        self,
        actor_id: UUID,
        choice: BulkChoice,
        purpose: Purpose,
        key: str | None,
        said: tuple[object, ...],
    ) -> BulkLaunch:
        actor = await asyncio.to_thread(self.desk.facts_of, actor_id)
        same = key if key is not None else await asyncio.to_thread(self._same, actor_id, choice, *said)
        bulk_id = _launched_as(actor.organization_id, actor_id, same)
        return BulkLaunch(
            bulk_id=bulk_id,
            organization_id=actor.organization_id,
            actor_id=actor_id,
            from_id=choice.from_id,
            to_ids=choice.to_ids,
            list_id=None if choice.listed is None else uuid5(bulk_id, "list"),
            list_names_recipients=choice.split is Split.LISTED,
            purpose=purpose,
            options=choice.options,
            include_confidential_records=choice.include_confidential_records,
            reassign_open=choice.reassign_open,
            insist=choice.insist,
            impose=choice.impose,
            keyed=key is not None,
            os_uid=self._os_uid,
            service_id=speaking_for.get(),
        )

    async def _launch(self, client: Client, choice: BulkChoice, launch: BulkLaunch) -> BulkView:
        if launch.list_id is not None and choice.listed is not None:
            await asyncio.to_thread(self._write_list, launch.actor_id, launch.list_id, choice.listed)
        # Each try has an update of its own: the rows say whether the launch was made, not Temporal's memory.
        await self._send(client, launch, LAUNCH, launch, f"launch/{uuid4()}")
        return await asyncio.to_thread(self.desk.bulk, launch.actor_id, launch.bulk_id)

    async def pause(self, actor_id: UUID, bulk_id: UUID, *, key: str | None = None) -> BulkView:
        """Start nothing more for now."""
        return await self._decide("pause", BulkCommand(**await self._fields(actor_id, bulk_id, key)))

    async def resume(self, actor_id: UUID, bulk_id: UUID, *, key: str | None = None) -> BulkView:
        """Go on, and take it over (ROLE-5)."""
        return await self._decide("resume", BulkCommand(**await self._fields(actor_id, bulk_id, key)))

    async def retry(self, actor_id: UUID, bulk_id: UUID, *, key: str | None = None) -> BulkView:
        """
        Ask once more for what failed or was blocked, and for nothing else (BULK-4).

        A bulk that is over stays so: what it left is launched as another one.
        """
        found = await asyncio.to_thread(self.desk.bulk, actor_id, bulk_id)
        if not found.state.is_open:
            return await self._start_what_is_left(actor_id, bulk_id, key)
        return await self._decide("retry", BulkCommand(**await self._fields(actor_id, bulk_id, key)))

    async def _start_what_is_left(self, actor_id: UUID, bulk_id: UUID, key: str | None) -> BulkView:
        """Launch what an ended bulk left, chosen as it was: by whom, with which texts, how it was divided."""

        def read() -> tuple[BulkChoice, Purpose, dict[str, UUID | None]]:
            with self.desk.database.read() as session:
                bulk = bulks.row(session, bulk_id)
                if bulk is None:
                    raise NotFound("bulk")
                texts = {
                    "basis_id": bulk.basis_id,
                    "message_id": bulk.message_id,
                    "reason_id": bulk.reason_id,
                }
                return bulks.choice_of_what_is_left(session, bulk), bulk.purpose, texts

        again = None if key is None else f"retry/{bulk_id}/{key}"
        if again is not None:
            # What is left shrinks as soon as it is launched: a repetition is told by its key alone (MOVE-3).
            actor = await asyncio.to_thread(self.desk.facts_of, actor_id)
            launched = _launched_as(actor.organization_id, actor_id, again)
            with suppress(NotFound):
                return await asyncio.to_thread(self.desk.bulk, actor_id, launched)
        choice, purpose, texts = await asyncio.to_thread(patiently, read, self._patience)
        if not choice.listed:
            raise Denied("BULK-4", "nothing_left")
        launch = await self._draft(actor_id, choice, purpose, again, (purpose, bulk_id))
        client = await self._connect()
        return await self._launch(client, choice, launch.model_copy(update={**texts, "retries": bulk_id}))

    async def stop(
        self,
        actor_id: UUID,
        bulk_id: UUID,
        *,
        cancel_open: bool = False,
        reason: str | None = None,
        key: str | None = None,
    ) -> BulkView:
        """Start nothing more for good; what is open stays open, unless it is to be cancelled for a reason."""
        fields = await self._fields(actor_id, bulk_id, key)
        reason_id = None if reason is None else uuid5(fields["command_id"], "reason")
        if reason_id is not None and reason is not None:
            await asyncio.to_thread(self.desk.write_text, actor_id, reason_id, TextKind.REASON, reason)
        command = BulkStop(**fields, cancel_open=cancel_open, reason_id=reason_id)
        return await self._decide("stop", command)

    async def answer(
        self,
        actor_id: UUID,
        bulk_id: UUID,
        answer: Answer,
        *,
        only_file: bytes | None = None,
        except_file: bytes | None = None,
        reason: str | None = None,
        key: str | None = None,
    ) -> AnswerView:
        """Accept or refuse what a bulk asks of the actor, now and later, in one gesture (BULK-5)."""
        if only_file is not None and except_file is not None:
            raise BadInput("answer_two_files")
        file = except_file if only_file is None else only_file
        scope = Scope.ALL if file is None else Scope.EXCEPT if only_file is None else Scope.ONLY
        listed = None if file is None else bulk_files.listed(file, with_recipients=False)
        answer_id = uuid4() if key is None else uuid5(bulk_id, f"answer/{actor_id}/{key}")
        given = GiveAnswer(
            answer_id=answer_id,
            bulk_id=bulk_id,
            actor_id=actor_id,
            answer=answer,
            scope=scope,
            list_id=None if listed is None else uuid5(answer_id, "list"),
            reason_id=None if reason is None else uuid5(answer_id, "reason"),
            os_uid=self._os_uid,
            service_id=speaking_for.get(),
        )
        client = await self._connect()
        if given.list_id is not None and listed is not None:
            await asyncio.to_thread(self._write_list, actor_id, given.list_id, listed)
        if given.reason_id is not None and reason is not None:
            await asyncio.to_thread(self.desk.write_text, actor_id, given.reason_id, TextKind.REASON, reason)
        target = Target(
            ANSWER_WORKFLOW, answer_workflow_id(answer_id), given, AnswerResult, f"{answer.value}: {bulk_id}"
        )
        await commands.send_to(
            client,
            target,
            ANSWER,
            given,
            update_id=f"answer/{uuid4()}",
            task_queue=self._task_queue,
            patience=self._patience,
        )
        return await asyncio.to_thread(self.desk.bulk_answer, actor_id, answer_id)

    async def _decide(self, update: str, command: BulkCommand) -> BulkView:
        client = await self._connect()
        start = await asyncio.to_thread(self._launch_of, command.bulk_id)
        await self._send(client, start, update, command, str(command.command_id))
        return await asyncio.to_thread(self.desk.bulk, command.actor_id, command.bulk_id)

    async def _send(
        self, client: Client, start: BulkLaunch, update: str, message: Message, update_id: str
    ) -> BulkResult:
        target = Target(
            BULK_WORKFLOW, bulk_workflow_id(start.bulk_id), start, BulkResult, f"caseload of {start.from_id}"
        )
        return await commands.send_to(
            client,
            target,
            update,
            message,
            update_id=update_id,
            task_queue=self._task_queue,
            patience=self._patience,
        )

    async def _fields(self, actor_id: UUID, bulk_id: UUID, key: str | None) -> dict[str, Any]:
        # Whoever may not know of it is told so before anything is sent (VIS-11).
        await asyncio.to_thread(self.desk.bulk, actor_id, bulk_id)
        command_id = uuid4() if key is None else uuid5(bulk_id, f"{actor_id}/{key}")
        return {
            "bulk_id": bulk_id,
            "command_id": command_id,
            "actor_id": actor_id,
            "os_uid": self._os_uid,
            "service_id": speaking_for.get(),
        }

    def _launch_of(self, bulk_id: UUID) -> BulkLaunch:
        def run() -> BulkLaunch:
            with self.desk.database.read() as session:
                found = sweep.launch_of(session, bulk_id)
            if found is None:
                raise NotFound("bulk")
            return found

        return patiently(run, self._patience)

    def _same(self, actor_id: UUID, choice: BulkChoice, *said: object) -> str:
        """Make the key of a launch that came without one: the same said again is the same launch (MOVE-3)."""

        def run() -> int:
            with self.desk.database.read() as session:
                return bulks.ended_of(session, choice.from_id)

        ended = patiently(run, self._patience)
        told = repr((actor_id, choice, *said))
        return f"same/{hashlib.sha256(told.encode()).hexdigest()}/{ended}"

    def _write_list(self, actor_id: UUID, list_id: UUID, listed: Sequence[Listed]) -> None:
        def run() -> None:
            with self.desk.database.write() as session:
                author = facts.member(session, actor_id)
                if author is None:
                    raise NotFound("member")
                now = datetime.now(UTC)
                if not bulks.add_list(session, list_id, author.organization_id, actor_id, listed, now):
                    raise Denied("MOVE-3", "other_request")

        patiently(run, self._patience)


def _launched_as(organization_id: UUID, actor_id: UUID, key: str) -> UUID:
    """Name the bulk that somebody launches under a key."""
    return uuid5(organization_id, f"bulk/{actor_id}/{key}")
