"""
The steps of a transfer: one transaction each, safe to run twice and to be killed anywhere.

A step locks, reads, applies the rules, advances the row by compare-and-set, appends to the log and the
outbox, and says what the row is now. A denial is written in a transaction of its own.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.activities import accepting, deciding, denials, killpoints, leaving, opening, stepping_in, waiting
from engine.activities.few_at_once import UnderWay
from engine.activities.killpoints import When
from engine.audit import log, receipt
from engine.audit.keys import Signer
from engine.errors import EngineError, Stuck, Unavailable
from engine.messages.transfer import (
    Accept,
    Cancel,
    Command,
    Extend,
    Failure,
    Impose,
    Narrow,
    Reassign,
    Refuse,
    Step,
    StepInput,
    StepResult,
    TransferRequest,
    Wake,
)
from engine.records import bulks, facts, transfers
from engine.records.database import Database
from engine.records.races import racing
from engine.records.tables.base import StuckCause
from engine.records.tables.transfers import Transfer
from engine.rules import transfers as rules
from engine.rules.deadline import next_nudge, next_reminder
from engine.rules.facts import TransferFacts
from engine.states.transfer import TransferState

logger = logging.getLogger(__name__)

Decision = Callable[[Session, Any, datetime], None]


class Steps:
    """The activities of one transfer, on one database; without a signer receipts are signed by the sweep."""

    def __init__(
        self, database: Database, signer: Signer | None = None, under_way: UnderWay | None = None
    ) -> None:
        self._database = database
        self._under_way = under_way or UnderWay()
        self._signer = signer
        #: Handed over by this process, for want of a key without a signature so far.
        self._unsigned: set[UUID] = set()

    @activity.defn(name=Step.OPEN, no_thread_cancel_exception=True)
    def open(self, step: StepInput[TransferRequest]) -> StepResult:
        """Write the request; a rule that denies it leaves a ``failed`` transfer."""
        return self._run(Step.OPEN, opening.open_transfer, step)

    @activity.defn(name=Step.ACCEPT, no_thread_cancel_exception=True)
    def accept(self, step: StepInput[Accept]) -> StepResult:
        """Decide and hand over in one transaction."""
        return self._run(Step.ACCEPT, accepting.accept, step)

    @activity.defn(name=Step.REFUSE, no_thread_cancel_exception=True)
    def refuse(self, step: StepInput[Refuse]) -> StepResult:
        """Give the record back, with a reason."""
        return self._run(Step.REFUSE, leaving.refuse, step)

    @activity.defn(name=Step.CANCEL, no_thread_cancel_exception=True)
    def cancel(self, step: StepInput[Cancel]) -> StepResult:
        """Take the request back."""
        return self._run(Step.CANCEL, leaving.cancel, step)

    @activity.defn(name=Step.NARROW, no_thread_cancel_exception=True)
    def narrow(self, step: StepInput[Narrow]) -> StepResult:
        """Move less than was asked."""
        return self._run(Step.NARROW, waiting.narrow, step)

    @activity.defn(name=Step.EXPIRE, no_thread_cancel_exception=True)
    def expire(self, step: StepInput[Wake]) -> StepResult:
        """Let the deadline pass, if it has."""
        return self._run(Step.EXPIRE, leaving.expire, step)

    @activity.defn(name=Step.REMIND, no_thread_cancel_exception=True)
    def remind(self, step: StepInput[Wake]) -> StepResult:
        """Remind whoever must act, if it is time."""
        return self._run(Step.REMIND, waiting.remind, step)

    @activity.defn(name=Step.REASSIGN, no_thread_cancel_exception=True)
    def reassign(self, step: StepInput[Reassign]) -> StepResult:
        """Ask somebody else."""
        return self._run(Step.REASSIGN, stepping_in.reassign, step)

    @activity.defn(name=Step.IMPOSE, no_thread_cancel_exception=True)
    def impose(self, step: StepInput[Impose]) -> StepResult:
        """Hand over in the new owner's place, in one transaction."""
        return self._run(Step.IMPOSE, stepping_in.impose, step)

    @activity.defn(name=Step.EXTEND, no_thread_cancel_exception=True)
    def extend(self, step: StepInput[Extend]) -> StepResult:
        """Give the one who is asked more time."""
        return self._run(Step.EXTEND, waiting.extend, step)

    @property
    def all(self) -> list[Callable[..., Any]]:
        """Give every activity, for a worker."""
        answering: list[Callable[..., Any]] = [
            self.open,
            self.accept,
            self.refuse,
            self.cancel,
            self.reassign,
            self.impose,
        ]
        meanwhile: list[Callable[..., Any]] = [self.narrow, self.extend, self.expire, self.remind]
        return [*answering, *meanwhile]

    def _run(self, step: Step, decide: Decision, given: StepInput[Any]) -> StepResult:
        # The workflow's clock may lag behind after an outage, and runs ahead where tests skip time.
        at = max(given.at, datetime.now(UTC))
        killpoints.reach(step, When.BEFORE)
        try:
            result = self._decide(step, decide, given, at)
        except Unavailable as outage:
            raise ApplicationError(outage.key, type=Failure.UNAVAILABLE) from None
        except Stuck as stuck:
            cause = StuckCause(stuck.variant or "")
            self._alarm(step, given, cause, at)
            raise ApplicationError(stuck.key, type=Failure.STUCK) from None
        except Exception as error:
            # Its text may quote what it met: the type is all that may leave this process.
            logger.exception("step.failed", extra={"step": step, "transfer_id": str(given.what.transfer_id)})
            self._alarm(step, given, StuckCause.UNEXPECTED_ERROR, at)
            raise ApplicationError(type(error).__name__, type=Failure.UNEXPECTED) from None
        killpoints.reach(step, When.AFTER)
        if result.state is TransferState.ACCEPTED:
            self._settle(result.transfer_id)
        return result

    def _settle(self, transfer_id: UUID) -> None:
        """Sign what could not be signed with the hand-over, which stands whatever comes of this."""
        signer = self._signer
        if signer is None or transfer_id not in self._unsigned:
            return
        self._unsigned.discard(transfer_id)
        try:
            receipt.settle(self._database, signer, transfer_id)
        except Exception:
            logger.exception("receipt.unsigned", extra={"transfer_id": str(transfer_id)})

    def _decide(self, step: Step, decide: Decision, given: StepInput[Any], at: datetime) -> StepResult:
        try:
            return racing(lambda: self._once(step, decide, given, at))
        except (Stuck, Unavailable):
            raise
        except EngineError as denial:
            told = denial
        return racing(lambda: self._deny(step, given, told, at))

    def _once(self, step: Step, decide: Decision, given: StepInput[Any], at: datetime) -> StepResult:
        has_time = given.what.transfer_id in self._under_way
        with self._database.write(has_time=has_time) as session:
            deciding.hold(session, given.what)
            # After the wait for the locks: instants stand in the order in which things happened.
            at = max(at, datetime.now(UTC))
            earlier = denials.earlier_line(session, step, given.what)
            if earlier is None:
                decide(session, given.what, at)
            result = result_of(session, step, given, None if earlier is None else earlier.rule)
            if result.state is TransferState.ACCEPTED and earlier is None:
                self._sign(session, result.transfer_id)
            killpoints.reach(step, When.INSIDE)
            return result

    def _sign(self, session: Session, transfer_id: UUID) -> None:
        if self._signer is not None and not receipt.sign(session, self._signer, transfer_id):
            self._unsigned.add(transfer_id)

    def _deny(self, step: Step, given: StepInput[Any], denial: EngineError, at: datetime) -> StepResult:
        """Write a denial in a transaction of its own, for a request with the failed transfer (AUD-1)."""
        logger.info(
            "step.denied",
            extra={"step": step, "transfer_id": str(given.what.transfer_id), "rule": denial.key},
        )
        with self._database.write() as session:
            deciding.hold(session, given.what)
            denials.write(session, step, given.what, denial, at)
            seen = facts.transfer(session, given.what.transfer_id)
            if seen is not None and seen.stuck and _is_kept(session, step, given.what, seen):
                # A kept decision that a rule stops now is no longer kept: the deadline runs on (ST-5, OVR-2).
                transfers.mark_stuck(session, given.what.transfer_id, None)
            return result_of(session, step, given, denial.key)

    def _alarm(self, step: Step, given: StepInput[Any], cause: StuckCause, at: datetime) -> None:
        try:
            racing(lambda: self._show_stuck(step, given, cause, at))
        except Exception:
            # What made the step fail may well stop this too; its text must not leave this process.
            logger.exception("step.failed", extra={"step": step, "transfer_id": str(given.what.transfer_id)})

    def _show_stuck(self, step: Step, given: StepInput[Any], cause: StuckCause, at: datetime) -> None:
        """Show on the row why a hand-over cannot succeed, and tell the operator, once (ST-5)."""
        imposes = step is Step.OPEN and given.what.impose
        if step not in {Step.ACCEPT, Step.IMPOSE} and not imposes:
            return
        with self._database.write() as session:
            deciding.hold(session, given.what)
            if imposes:
                opening.keep(session, given.what, at)
            transfer = facts.transfer(session, given.what.transfer_id)
            if transfer is None or not transfers.mark_stuck(session, transfer.id, cause):
                return
            entry = log.Entry(
                organization_id=transfer.organization_id,
                at=at,
                action="transfer.stuck",
                command_id=uuid5(transfer.id, f"stuck/{transfer.version}/{cause}/{at.isoformat()}"),
                role=deciding.ENGINE,
                rule=f"ST-5/{cause}",
                transfer_id=transfer.id,
                record_id=transfer.record_id,
                # Whose decision is kept.
                subject_id=given.what.actor_id,
                purpose=transfer.purpose,
            )
            log.append(session, entry)
        logger.error("transfer.stuck", extra={"transfer_id": str(given.what.transfer_id), "cause": cause})


def result_of(session: Session, step: Step, given: StepInput[Any], denied: str | None) -> StepResult:
    """Say what the row is now, and in whose words a denial is told."""
    what = given.what
    found = facts.transfer_with_row(session, what.transfer_id)
    if found is None:
        return StepResult(transfer_id=what.transfer_id, state=None, denied=denied)
    row = found[0]
    if step is Step.OPEN and denied is None:
        denied = row.failed_rule
    if step is Step.ACCEPT and denied is not None:
        denied = rules.told_to_new_owner(denied)
    pending = row.state is TransferState.PENDING_ACCEPTANCE
    return StepResult(
        transfer_id=row.id,
        state=row.state,
        version=row.version,
        denied=denied,
        organization_id=row.organization_id,
        record_id=row.record_id,
        from_id=row.from_id,
        to_id=row.to_id,
        bulk_id=_bulk_of(session, row),
        respond_by=row.respond_by if pending else None,
        next_reminder_at=_next_reminder(session, row),
        stuck=row.stuck_cause,
    )


def _bulk_of(session: Session, row: Transfer) -> UUID | None:
    """Give the bulk that asked for a transfer, or that reassigned it since."""
    taken_over = row.reassigned_by_id is not None or (row.imposed and row.bulk_id is None)
    return (bulks.taken_over_by(session, row.id) if taken_over else None) or row.bulk_id


def _is_kept(session: Session, step: Step, command: Command, transfer: TransferFacts) -> bool:
    """Say whether it is the decision that could not be carried out before (ST-5)."""
    if step is Step.ACCEPT:
        return transfer.to_id == command.actor_id
    return step is Step.IMPOSE and transfers.stuck_with(session, transfer.id) == command.actor_id


def _next_reminder(session: Session, row: Transfer) -> datetime | None:
    """Say when whoever must act is reminded next: the one who is asked, or the coordinators."""
    if row.state not in {TransferState.PENDING_ACCEPTANCE, TransferState.COORDINATOR_OVERRIDE}:
        return None
    schedule = facts.schedule(session, row.organization_id)
    if row.state is TransferState.COORDINATOR_OVERRIDE:
        since = row.decided_at or row.asked_at
        return next_nudge(since, schedule.remind_coordinators, row.reminders_sent)
    return next_reminder(row.asked_at, schedule.reminders, row.reminders_sent, row.respond_by)
