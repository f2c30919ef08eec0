"""``RecordTransfer``: makes one transfer move. The row is the truth, every decision a step that reads it."""

from collections import deque
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

# Not passed through: the sandbox watches this module too. The strict variant would complain.
with workflow.unsafe.sandbox_import_notification_policy(workflow.SandboxImportNotificationPolicy.SILENT):
    from engine.workflows.stepping import StepFailed, run_step

with workflow.unsafe.imports_passed_through():
    from engine.messages.search_attributes import (
        BULK_ID,
        FROM_PRACTITIONER_ID,
        ORGANIZATION_ID,
        RECORD_ID,
        RESPOND_BY,
        TO_PRACTITIONER_ID,
        TRANSFER_STATE,
    )
    from engine.messages.transfer import (
        MALFORMED,
        REQUEST,
        STUCK,
        UNDONE,
        WAKE,
        WORKFLOW,
        Accept,
        Cancel,
        Command,
        Extend,
        Impose,
        Message,
        Narrow,
        Reassign,
        Refuse,
        Step,
        StepResult,
        TransferRequest,
        Wake,
    )

# `run` waits for every answer. Temporal's own cancel does not: whoever is left without one asks again.
_LEFT = workflow.HandlerUnfinishedPolicy.ABANDON
#: What may come before a decision that cannot be carried out, and undoes it (ST-5).
_UNDOING = (Step.CANCEL, Step.REASSIGN)
_SOON = timedelta(seconds=1)
_STUCK_FIRST, _STUCK_MOST = timedelta(seconds=10), timedelta(hours=1)


@workflow.defn(name=WORKFLOW)
class RecordTransfer:
    """One transfer of one record, from the request to its final state."""

    @workflow.init
    def __init__(self, request: TransferRequest) -> None:
        self._request = request
        self._row: StepResult | None = None
        self._opened: StepResult | None = None
        self._queue: deque[tuple[Step, Command]] = deque()
        self._answers: dict[UUID, StepResult] = {}
        self._woken = False
        self._stuck_on: Step | None = None

    @workflow.run
    async def run(self, request: TransferRequest) -> StepResult:
        """Ask, wait for whatever comes first, and end when the row is final."""
        self._opened = row = await self._settle(Step.OPEN, request)
        while self._queue or not self._is_over(row):
            row = await self._next(row)
        return row

    async def _next(self, row: StepResult) -> StepResult:
        """Wait for a command, a wake-up or an instant, and run the step that it calls for."""
        due = self._due(row)
        try:
            await workflow.wait_condition(
                lambda: bool(self._queue) or self._woken or self._is_over(row),
                timeout=None if due is None else max(due - workflow.now(), _SOON),
                timeout_summary="deadline" if due == row.respond_by else "reminder",
            )
        except TimeoutError:
            passed = row.respond_by is not None and workflow.now() >= row.respond_by
            return await self._settle(Step.EXPIRE if passed else Step.REMIND, self._wake())
        if self._queue:
            step, command = self._queue.popleft()
            return await self._answer(step, command)
        if self._woken:
            self._woken = False
            return await self._settle(Step.EXPIRE, self._wake())
        return row

    def _is_over(self, row: StepResult) -> bool:
        return not row.is_open and workflow.all_handlers_finished()

    async def _answer(self, step: Step, command: Command) -> StepResult:
        result = await self._settle(step, command)
        self._answers[command.command_id] = result
        return result

    async def _settle(self, step: Step, what: Message) -> StepResult:
        """Run a step until it has an outcome; one that cannot succeed is kept until a cancel (ST-5)."""
        pause = _STUCK_FIRST
        while True:
            try:
                result = await run_step(step, what, step.value, StepResult)
            except StepFailed:
                self._stuck_on = step
                self._describe()
                undone = await self._undone(step, pause)
                if undone is not None:
                    return undone
                pause = min(pause * 2, _STUCK_MOST)
            else:
                self._stuck_on = None
                self._show(result)
                return result

    async def _undone(self, step: Step, pause: timedelta) -> StepResult | None:
        """Wait until the next try, or a wake-up; what undoes the kept decision may come first (ST-5)."""

        def undoing() -> tuple[Step, Command] | None:
            waiting = () if step in _UNDOING else self._queue
            return next((entry for entry in waiting if entry[0] in _UNDOING), None)

        try:
            await workflow.wait_condition(
                lambda: self._woken or undoing() is not None,
                timeout=pause,
                timeout_summary=f"stuck: {step.value} is tried again",
            )
        except TimeoutError:
            return None
        self._woken = False
        queued = undoing()
        if queued is None:
            return None
        self._queue.remove(queued)
        after = await self._answer(*queued)
        undone = after.denied is None and (queued[0] is Step.REASSIGN or not after.is_open)
        return after.model_copy(update={"denied": UNDONE}) if undone else None

    def _due(self, row: StepResult) -> datetime | None:
        """Give the next instant at which the row wants a look; none while a hand-over is stuck (ST-5)."""
        instants = [instant for instant in (row.respond_by, row.next_reminder_at) if instant is not None]
        return min(instants) if instants and row.stuck is None else None

    def _wake(self) -> Wake:
        return Wake(transfer_id=self._request.transfer_id)

    def _show(self, result: StepResult) -> None:
        """Let operators find the transfer by what they know of it, and see where it stands."""
        before, self._row = self._row, result
        if result.state is None or result.organization_id is None:
            return
        if before is None or (before.state, before.to_id, before.respond_by) != (
            result.state,
            result.to_id,
            result.respond_by,
        ):
            updates: list[SearchAttributeUpdate[Any]] = [
                TRANSFER_STATE.value_set(result.state.value),
                ORGANIZATION_ID.value_set(str(result.organization_id)),
                RECORD_ID.value_set(str(result.record_id)),
                FROM_PRACTITIONER_ID.value_set(str(result.from_id)),
                TO_PRACTITIONER_ID.value_set(str(result.to_id)),
            ]
            if result.bulk_id is not None:
                updates.append(BULK_ID.value_set(str(result.bulk_id)))
            if result.respond_by is not None:
                updates.append(RESPOND_BY.value_set(result.respond_by))
            elif result.is_open and before is not None and before.respond_by is not None:
                # Nobody is asked while it waits for a coordinator.
                updates.append(RESPOND_BY.value_unset())
            workflow.upsert_search_attributes(updates)
        self._describe()

    def _describe(self) -> None:
        row = self._row
        lines = []
        if row is not None and row.state is not None:
            lines.append(f"**{row.state.value}** · waits for: {row.state.must_act.value}")
            if row.respond_by is not None:
                lines.append(f"answer due: {row.respond_by.isoformat()}")
            if row.next_reminder_at is not None:
                lines.append(f"next reminder: {row.next_reminder_at.isoformat()}")
        if row is not None and row.denied is not None:
            lines.append(f"last denial: {row.denied}")
        if self._stuck_on is not None:
            lines.append(
                f"**stuck** on `{self._stuck_on.value}`: see the row's `stuck_cause` and the worker's log; "
                "a cancel or a reassignment undoes the kept decision"
            )
        workflow.set_current_details("\n\n".join(lines))

    @workflow.update(
        name=REQUEST,
        description="The outcome of the request itself; changes nothing.",
        unfinished_policy=_LEFT,
    )
    async def request(self, request: TransferRequest) -> StepResult:
        """Answer whoever starts the workflow with what its first step decided."""
        await workflow.wait_condition(lambda: self._opened is not None or self._stuck_on is Step.OPEN)
        if self._opened is None:
            # It is tried again; whoever asks has others to ask for, and asks again under another id.
            raise ApplicationError(STUCK, type=STUCK, non_retryable=True)
        return _allowed(self._opened, _same_request(self._request, request))

    @workflow.update(
        name="accept",
        description="The new owner takes responsibility for the record.",
        unfinished_policy=_LEFT,
    )
    async def accept(self, command: Accept) -> StepResult:
        """Hand the record over."""
        return await self._decide(Step.ACCEPT, command)

    @workflow.update(
        name="refuse",
        description="The new owner declines; the reason's id is required.",
        unfinished_policy=_LEFT,
    )
    async def refuse(self, command: Refuse) -> StepResult:
        """Give the record back."""
        return await self._decide(Step.REFUSE, command)

    @workflow.update(
        name="cancel", description="The owner, or who asked, takes the request back.", unfinished_policy=_LEFT
    )
    async def cancel(self, command: Cancel) -> StepResult:
        """Take the request back."""
        return await self._decide(Step.CANCEL, command)

    @workflow.update(
        name="narrow", description="The one who asked moves less than before.", unfinished_policy=_LEFT
    )
    async def narrow(self, command: Narrow) -> StepResult:
        """Move less than was asked."""
        return await self._decide(Step.NARROW, command)

    @workflow.update(
        name="reassign",
        description="A coordinator asks somebody else; the reason's id is required.",
        unfinished_policy=_LEFT,
    )
    async def reassign(self, command: Reassign) -> StepResult:
        """Ask somebody else."""
        return await self._decide(Step.REASSIGN, command)

    @workflow.update(
        name="impose",
        description="A coordinator hands over in the new owner's place; the reason's id is required.",
        unfinished_policy=_LEFT,
    )
    async def impose(self, command: Impose) -> StepResult:
        """Hand the record over in the new owner's place."""
        return await self._decide(Step.IMPOSE, command)

    @workflow.update(
        name="extend",
        description="A coordinator gives the one who is asked more time.",
        unfinished_policy=_LEFT,
    )
    async def extend(self, command: Extend) -> StepResult:
        """Give the one who is asked more time."""
        return await self._decide(Step.EXTEND, command)

    @request.validator
    def _check_request(self, request: TransferRequest) -> None:
        _same_transfer(self._request.transfer_id, request.transfer_id)

    @accept.validator
    def _check_accept(self, command: Accept) -> None:
        _same_transfer(self._request.transfer_id, command.transfer_id)

    @refuse.validator
    def _check_refuse(self, command: Refuse) -> None:
        _same_transfer(self._request.transfer_id, command.transfer_id)

    @cancel.validator
    def _check_cancel(self, command: Cancel) -> None:
        _same_transfer(self._request.transfer_id, command.transfer_id)

    @narrow.validator
    def _check_narrow(self, command: Narrow) -> None:
        _same_transfer(self._request.transfer_id, command.transfer_id)

    @reassign.validator
    def _check_reassign(self, command: Reassign) -> None:
        _same_transfer(self._request.transfer_id, command.transfer_id)

    @impose.validator
    def _check_impose(self, command: Impose) -> None:
        _same_transfer(self._request.transfer_id, command.transfer_id)

    @extend.validator
    def _check_extend(self, command: Extend) -> None:
        _same_transfer(self._request.transfer_id, command.transfer_id)

    @workflow.signal(name=WAKE, description="Look at the row: it may have changed.")
    def wake(self) -> None:
        """Read the row once more; sent where the row and this workflow may have drifted apart."""
        self._woken = True

    async def _decide(self, step: Step, command: Command) -> StepResult:
        self._queue.append((step, command))
        await workflow.wait_condition(lambda: command.command_id in self._answers)
        return _allowed(self._answers[command.command_id])


def _same_transfer(own: UUID, named: UUID) -> None:
    if own != named:
        raise ApplicationError("this message names another transfer", type=MALFORMED, non_retryable=True)


def _same_request(own: TransferRequest, sent: TransferRequest) -> bool:
    """Compare what stays the same: a workflow started again has its input from the row, as it is now."""
    return (own.organization_id, own.record_id, own.actor_id, own.to_id) == (
        sent.organization_id,
        sent.record_id,
        sent.actor_id,
        sent.to_id,
    )


def _allowed(result: StepResult, same_request: bool = True) -> StepResult:  # noqa: FBT001, FBT002
    """Give the outcome, or raise the rule that denied as a typed failure."""
    denied = result.denied if same_request else "MOVE-3/other_request"
    if denied is None:
        return result
    raise ApplicationError(denied, type=denied, non_retryable=True)
