"""The steps of a bulk: one transaction each, safe to run twice and to be killed anywhere."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.activities import bulk_decisions as decisions
from engine.activities import killpoints
from engine.activities.killpoints import When
from engine.audit import log
from engine.errors import EngineError, Unavailable
from engine.messages.bulk import (
    BulkCommand,
    BulkLaunch,
    BulkLook,
    BulkResult,
    BulkStep,
    BulkStop,
    launch_command,
)
from engine.messages.transfer import Failure, StepInput
from engine.records import bulks, facts
from engine.records.caseload import Ahead
from engine.records.database import Database
from engine.records.races import racing
from engine.records.tables.proof import Event
from engine.states.choices import Role

logger = logging.getLogger(__name__)

What = BulkLaunch | BulkCommand | BulkLook
#: What is decided, at which instant, and for a launch on which plan.
Decision = Callable[[Session, Any, datetime, Ahead | None], None]


class BulkSteps:
    """The activities of one bulk, on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name=BulkStep.LAUNCH, no_thread_cancel_exception=True)
    def launch(self, step: StepInput[BulkLaunch]) -> BulkResult:
        """Fix the caseload; a rule that denies the launch leaves a line in the log alone."""
        return self._run(BulkStep.LAUNCH, decisions.launch, step)

    @activity.defn(name=BulkStep.PAUSE, no_thread_cancel_exception=True)
    def pause(self, step: StepInput[BulkCommand]) -> BulkResult:
        """Start nothing more for now."""
        return self._run(BulkStep.PAUSE, _unplanned(decisions.pause), step)

    @activity.defn(name=BulkStep.RESUME, no_thread_cancel_exception=True)
    def resume(self, step: StepInput[BulkCommand]) -> BulkResult:
        """Go on, led by whoever resumes."""
        return self._run(BulkStep.RESUME, _unplanned(decisions.resume), step)

    @activity.defn(name=BulkStep.STOP, no_thread_cancel_exception=True)
    def stop(self, step: StepInput[BulkStop]) -> BulkResult:
        """Start nothing more for good."""
        return self._run(BulkStep.STOP, _unplanned(decisions.stop), step)

    @activity.defn(name=BulkStep.RETRY, no_thread_cancel_exception=True)
    def retry(self, step: StepInput[BulkCommand]) -> BulkResult:
        """Ask again for what failed or was blocked."""
        return self._run(BulkStep.RETRY, _unplanned(decisions.retry), step)

    @activity.defn(name=BulkStep.WATCH, no_thread_cancel_exception=True)
    def watch(self, step: StepInput[BulkLook]) -> BulkResult:
        """Count, and finish what is settled."""
        return self._run(BulkStep.WATCH, _unplanned(decisions.watch), step)

    @property
    def all(self) -> list[Callable[..., Any]]:
        """Give every activity, for a worker."""
        return [self.launch, self.pause, self.resume, self.stop, self.retry, self.watch]

    def _run(self, step: BulkStep, decide: Decision, given: StepInput[Any]) -> BulkResult:
        at = max(given.at, datetime.now(UTC))
        killpoints.reach(step, When.BEFORE)
        try:
            result = self._decide(step, decide, given, at)
        except Unavailable as outage:
            raise ApplicationError(outage.key, type=Failure.UNAVAILABLE) from None
        except Exception as error:
            # Its text may quote what it met: the type is all that may leave this process.
            logger.exception("step.failed", extra={"step": step, "bulk_id": str(given.what.bulk_id)})
            raise ApplicationError(type(error).__name__, type=Failure.UNEXPECTED) from None
        killpoints.reach(step, When.AFTER)
        return result

    def _decide(self, step: BulkStep, decide: Decision, given: StepInput[Any], at: datetime) -> BulkResult:
        try:
            return racing(lambda: self._once(step, decide, given, at))
        except Unavailable:
            raise
        except EngineError as denial:
            told = denial
        return racing(lambda: self._deny(step, given, told, at))

    def _once(self, step: BulkStep, decide: Decision, given: StepInput[Any], at: datetime) -> BulkResult:
        planned = decisions.ahead(self._database, given.what)
        with self._database.write() as session:
            decisions.hold(session, given.what, planned)
            # After the wait for the locks: instants stand in the order in which things happened.
            at = max(at, datetime.now(UTC))
            earlier = _earlier_line(session, step, given.what)
            if earlier is None:
                decide(session, given.what, at, planned)
            result = result_of(session, given.what.bulk_id, None if earlier is None else earlier.rule)
            killpoints.reach(step, When.INSIDE)
            return result

    def _deny(self, step: BulkStep, given: StepInput[Any], denial: EngineError, at: datetime) -> BulkResult:
        """Write a denial in a transaction of its own (AUD-1)."""
        what: What = given.what
        logger.info("step.denied", extra={"step": step, "bulk_id": str(what.bulk_id), "rule": denial.key})
        with self._database.write() as session:
            decisions.hold(session, what)
            if not isinstance(what, BulkLook):
                _write_denial(session, step, what, denial, given.at, at)
            return result_of(session, what.bulk_id, denial.key)


def _unplanned(decide: Callable[[Session, Any, datetime], None]) -> Decision:
    return lambda session, what, at, _planned: decide(session, what, at)


def result_of(session: Session, bulk_id: UUID, denied: str | None) -> BulkResult:
    """Say what a bulk is now."""
    bulk = bulks.row(session, bulk_id)
    if bulk is None:
        return BulkResult(bulk_id=bulk_id, state=None, denied=denied)
    return BulkResult(
        bulk_id=bulk_id,
        state=bulk.state,
        denied=denied,
        organization_id=bulk.organization_id,
        from_id=bulk.from_id,
        led_by_id=bulk.led_by_id,
        paused_rule=bulk.paused_rule,
        cancels=bulk.cancels_by_id is not None,
        records=bulk.records,
        counts=bulks.counts(session, bulk_id),
    )


def _earlier_line(session: Session, step: BulkStep, what: What) -> Event | None:
    """Find what this very command has left, so that it is answered as it was the first time (MOVE-3)."""
    if isinstance(what, BulkLook):
        return None
    if isinstance(what, BulkCommand):
        return log.outcome_of(session, what.command_id, step)
    line = log.outcome_of(session, launch_command(what.bulk_id), step)
    # A launch that was allowed has its rows, which say more than the line does.
    return line if line is not None and line.outcome == log.Result.DENIED else None


def _write_denial(
    session: Session,
    step: BulkStep,
    what: BulkLaunch | BulkCommand,
    denial: EngineError,
    given_at: datetime,
    at: datetime,
) -> None:
    actor = facts.member(session, what.actor_id)
    if actor is None:
        return
    if isinstance(what, BulkCommand):
        command_id, bulk = what.command_id, bulks.row(session, what.bulk_id)
        inside = bulk is not None and bulk.organization_id == actor.organization_id
        purpose = bulk.purpose if bulk is not None and inside else None
    else:
        command_id, inside, purpose = launch_command(what.bulk_id), True, what.purpose
        if not what.keyed or bulks.row(session, what.bulk_id) is not None:
            # Without a key of its sender's, the next try is new.
            command_id = uuid5(command_id, f"{what.actor_id}/{given_at.isoformat()}")
    if log.outcome_of(session, command_id, step) is not None:
        return
    entry = log.Entry(
        organization_id=actor.organization_id,
        at=at,
        action=step,
        command_id=command_id,
        actor_id=actor.id,
        role=next(iter(sorted(actor.roles)), Role.PRACTITIONER),
        os_uid=what.os_uid,
        outcome=log.Result.DENIED,
        rule=denial.key,
        subject_id=what.bulk_id if inside else None,
        purpose=purpose,
    )
    log.append(session, entry)
