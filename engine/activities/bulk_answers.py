"""
A recipient's answer to a whole bulk: the gesture is one transaction, then each transfer is decided by itself.

Each decision is the usual command to the transfer's own workflow, under an id of the answer and the transfer:
a page that is killed is begun again, and decides nothing twice (MOVE-3).
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID, uuid5

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from engine.activities import killpoints, sweep
from engine.activities.deciding import check_text
from engine.activities.few_at_once import UnderWay, few_at_once
from engine.activities.killpoints import When
from engine.audit import log
from engine.errors import BadInput, Denied, EngineError, NotFound, Unavailable
from engine.messages.bulk import BULK_WAKE, bulk_workflow_id
from engine.messages.bulk_answer import (
    ANSWER_PAGE,
    AnswerPage,
    AnswerPageResult,
    AnswerResult,
    AnswerStep,
    GiveAnswer,
)
from engine.messages.transfer import Accept, Failure, Refuse, StepInput, TransferRequest
from engine.records import bulk_answers, bulks, facts, locks
from engine.records.database import Database
from engine.records.races import racing
from engine.records.tables.base import TextKind
from engine.states.bulk import Answer, Scope
from engine.states.choices import Role
from engine.temporal import commands

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

PAGE: Final = 100
#: How long a transfer may take to be decided before the next one has its turn; it is looked at again later.
_EACH: Final = timedelta(seconds=15)


class BulkAnswers:
    """The activities of one answer, on one database."""

    def __init__(
        self, database: Database, task_queue: str, *, in_flight: int, under_way: UnderWay | None = None
    ) -> None:
        self._database = database
        self._task_queue = task_queue
        self._in_flight = in_flight
        self._under_way = under_way or UnderWay()

    @activity.defn(name=AnswerStep.GIVE, no_thread_cancel_exception=True)
    def give(self, step: StepInput[GiveAnswer]) -> AnswerResult:
        """Write the gesture down; a rule that denies it leaves a line in the log alone."""
        killpoints.reach(AnswerStep.GIVE, When.BEFORE)
        try:
            try:
                result = racing(lambda: self._give(step.what, max(step.at, datetime.now(UTC))))
            except Unavailable:
                raise
            except EngineError as denial:
                told = denial
                result = racing(lambda: self._deny(step.what, told))
        except Unavailable as outage:
            raise ApplicationError(outage.key, type=Failure.UNAVAILABLE) from None
        except Exception as error:
            # Its text may quote what it met: the type is all that may leave this process.
            logger.exception("step.failed", extra={"step": AnswerStep.GIVE})
            raise ApplicationError(type(error).__name__, type=Failure.UNEXPECTED) from None
        killpoints.reach(AnswerStep.GIVE, When.AFTER)
        return result

    @activity.defn(name=ANSWER_PAGE)
    async def page(self, page: AnswerPage) -> AnswerPageResult:
        """Decide the transfers of one page, a few at once."""
        try:
            return await self._page(activity.client(), page)
        except Unavailable as outage:
            raise ApplicationError(outage.key, type=Failure.UNAVAILABLE) from None

    def _give(self, given: GiveAnswer, at: datetime) -> AnswerResult:
        with self._database.write() as session:
            locks.lock_members(session, given.actor_id)
            at = max(at, datetime.now(UTC))
            earlier = log.outcome_of(session, given.answer_id, AnswerStep.GIVE)
            if earlier is None:
                _write(session, given, at)
            elif earlier.rule is not None:
                return AnswerResult(answer_id=given.answer_id, given=False, denied=earlier.rule)
            killpoints.reach(AnswerStep.GIVE, When.INSIDE)
            found = bulk_answers.row(session, given.answer_id)
            assert found is not None  # noqa: S101 - its line is in the log
            return AnswerResult(
                answer_id=given.answer_id,
                given=True,
                organization_id=found.organization_id,
                ended=found.ended_at is not None,
            )

    def _deny(self, given: GiveAnswer, denial: EngineError) -> AnswerResult:
        logger.info("step.denied", extra={"step": AnswerStep.GIVE, "rule": denial.key})
        with self._database.write() as session:
            locks.lock_members(session, given.actor_id)
            actor = facts.member(session, given.actor_id)
            if actor is not None and log.outcome_of(session, given.answer_id, AnswerStep.GIVE) is None:
                entry = log.Entry(
                    organization_id=actor.organization_id,
                    at=datetime.now(UTC),
                    action=AnswerStep.GIVE,
                    command_id=given.answer_id,
                    actor_id=actor.id,
                    role=next(iter(sorted(actor.roles)), Role.PRACTITIONER),
                    os_uid=given.os_uid,
                    outcome=log.Result.DENIED,
                    rule=denial.key,
                )
                log.append(session, entry)
        return AnswerResult(answer_id=given.answer_id, given=False, denied=denial.key)

    async def _page(self, client: Client, page: AnswerPage) -> AnswerPageResult:
        def read(session: Session) -> tuple[GiveAnswer | None, list[bulk_answers.Bound]]:
            return _given(session, page.answer_id), bulk_answers.bound(
                session, page.answer_id, after=page.after, limit=PAGE
            )

        given, found = await self._read(read)
        if given is None:
            return AnswerPageResult(after=page.after, more=False, ended=True)
        tally = {"decided": 0, "denied": 0, "left": 0}

        async def one(bound: bulk_answers.Bound) -> None:
            with self._under_way.one(bound.transfer_id):
                tally[await self._decide(client, given, bound.transfer_id)] += 1

        await few_at_once(found, one, self._in_flight)
        more = len(found) == PAGE
        ended = False if more else await asyncio.to_thread(racing, lambda: self._end(page.answer_id))
        if tally["decided"] and not more:
            await sweep.wake(client, bulk_workflow_id(given.bulk_id), BULK_WAKE)
        after = found[-1].position if found else page.after
        return AnswerPageResult(after=after, more=more, ended=ended, **tally)

    async def _decide(self, client: Client, given: GiveAnswer, transfer_id: UUID) -> str:
        """Decide one transfer as its new owner would; say what came of it."""
        killpoints.reach(ANSWER_PAGE, When.INSIDE)
        fields: dict[str, Any] = {
            "transfer_id": transfer_id,
            "command_id": uuid5(given.answer_id, str(transfer_id)),
            "actor_id": given.actor_id,
            "os_uid": given.os_uid,
        }
        command: Accept | Refuse
        if given.answer is Answer.REFUSE and given.reason_id is not None:
            command = Refuse(**fields, reason_id=given.reason_id)
        else:
            command = Accept(**fields)
        start: TransferRequest = await self._read(lambda session: sweep.request_of(session, transfer_id))
        try:
            await commands.send(
                client,
                given.answer.value,
                command,
                update_id=str(command.command_id),
                start=start,
                task_queue=self._task_queue,
                patience=_EACH,
            )
        except Unavailable:
            return "left"
        except EngineError as denial:
            rule = denial.key

            def write() -> None:
                with self._database.write() as session:
                    bulk_answers.deny(session, given.answer_id, transfer_id, rule, datetime.now(UTC))

            await asyncio.to_thread(racing, write)
            return "denied"
        return "decided"

    def _end(self, answer_id: UUID) -> bool:
        with self._database.write() as session:
            return bulk_answers.end(session, answer_id, datetime.now(UTC))

    async def _read(self, read: Callable[[Session], _T]) -> _T:
        def run() -> _T:
            with self._database.read() as session:
                return read(session)

        return await asyncio.to_thread(run)


def _write(session: Session, given: GiveAnswer, at: datetime) -> None:
    """Judge the gesture, and write it with the records that it names. Raises ``NotFound`` (VIS-11)."""
    actor = facts.member(session, given.actor_id)
    if actor is None or not actor.active:
        raise NotFound("member")
    bulk = bulks.row(session, given.bulk_id)
    known = bulk is not None and bulk.organization_id == actor.organization_id
    if bulk is None or not known or not bulk_answers.was_asked(session, bulk.id, actor.id):
        raise NotFound("bulk")
    if given.answer is Answer.REFUSE and given.reason_id is None:
        raise Denied("ST-2")
    check_text(session, given.reason_id, actor, TextKind.REASON)
    records = _named(session, given)
    bulk_answers.add(
        session,
        {
            "id": given.answer_id,
            "organization_id": bulk.organization_id,
            "bulk_id": bulk.id,
            "member_id": actor.id,
            "answer": given.answer,
            "scope": given.scope,
            "reason_id": given.reason_id,
            "given_at": at,
        },
        records,
    )
    entry = log.Entry(
        organization_id=bulk.organization_id,
        at=at,
        action=AnswerStep.GIVE,
        command_id=given.answer_id,
        actor_id=actor.id,
        role=Role.PRACTITIONER,
        os_uid=given.os_uid,
        subject_id=bulk.id,
        purpose=bulk.purpose,
    )
    log.append(session, entry)


def _named(session: Session, given: GiveAnswer) -> set[UUID]:
    """Give the records that a file names, of those that were asked of this person. Raises ``BadInput``."""
    if given.scope is Scope.ALL:
        return set()
    listed = None if given.list_id is None else bulks.listed(session, given.list_id, given.actor_id)
    if not listed:
        raise BadInput("bulk_file_empty")
    asked = bulk_answers.asked_records(session, given.bulk_id, given.actor_id)
    if any(line.record not in asked for line in listed):
        raise BadInput("answer_file_record")
    return {asked[line.record] for line in listed}


def _given(session: Session, answer_id: UUID) -> GiveAnswer | None:
    found = bulk_answers.row(session, answer_id)
    return None if found is None else sweep.answer_of(found)
