"""
``BulkTransfer``: asks for the records of a caseload page by page, then waits until every one is settled.

The rows are the truth: a page is one activity that looks at them before each record, a command is one step,
and whatever was lost between them is read again. Workflows decide when, never what.
"""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

# Not passed through: the sandbox watches this module too. The strict variant would complain.
with workflow.unsafe.sandbox_import_notification_policy(workflow.SandboxImportNotificationPolicy.SILENT):
    from engine.workflows.stepping import StepFailed, run_step

with workflow.unsafe.imports_passed_through():
    from engine.messages.bulk import (
        BULK_CANCEL,
        BULK_PAGE,
        BULK_WAKE,
        BULK_WORKFLOW,
        LAUNCH,
        BulkCommand,
        BulkLaunch,
        BulkLook,
        BulkPage,
        BulkPageResult,
        BulkResult,
        BulkStep,
        BulkStop,
    )
    from engine.messages.search_attributes import BULK_ID, FROM_PRACTITIONER_ID, ORGANIZATION_ID
    from engine.messages.transfer import MALFORMED
    from engine.states.bulk import BulkState

_LEFT = workflow.HandlerUnfinishedPolicy.ABANDON
#: How long between two looks at the rows, when nothing is to be asked for.
_SOONEST, _LATEST = timedelta(seconds=10), timedelta(minutes=15)
_STUCK_FIRST, _STUCK_MOST = timedelta(seconds=10), timedelta(hours=1)
#: What operators read beside an update in the Web UI.
_TAKES = (
    'Input: {"bulk_id": "this bulk", "command_id": "a new UUID", "actor_id": "the id of a coordinator"}; '
    "the log names that coordinator."
)


@workflow.defn(name=BULK_WORKFLOW)
class BulkTransfer:
    """One transfer of a caseload, from the launch until every record is settled."""

    @workflow.init
    def __init__(self, launch: BulkLaunch) -> None:
        self._launch = launch
        self._row: BulkResult | None = None
        self._launched: BulkResult | None = None
        self._woken = False
        self._pause = _SOONEST
        self._stuck_on: BulkStep | None = None
        self._one_at_a_time = asyncio.Lock()

    @workflow.run
    async def run(self, launch: BulkLaunch) -> BulkResult:
        """Launch, ask page by page, and look now and then until all is settled."""
        self._launched = await self._settle(BulkStep.LAUNCH, launch)
        while not self._is_over():
            if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
                workflow.continue_as_new(launch)
            await self._next()
        assert self._row is not None  # noqa: S101 - the launch has said what there is
        return self._row

    async def _next(self) -> None:
        row = self._row
        if row is not None and row.cancels:
            self._show(await self._cancel_open())
        elif row is not None and row.state is BulkState.RUNNING and row.to_start:
            self._woken = False
            if await self._pass():
                self._pause = _SOONEST
            await self._look()
            more = self._row is not None and self._row.to_start
            if more and not workflow.info().is_continue_as_new_suggested():
                await self._wait()
        else:
            await self._wait()
            if not self._is_over():
                await self._look()

    async def _pass(self) -> int:
        """Ask for what is to be asked for, page by page, once; say for how many records."""
        page, asked, more = BulkPage(bulk_id=self._launch.bulk_id), 0, True
        while more:
            done: BulkPageResult = await workflow.execute_activity(
                BULK_PAGE,
                page,
                result_type=BulkPageResult,
                start_to_close_timeout=timedelta(hours=1),
                heartbeat_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
                summary=f"ask, after {page.after}",
            )
            page = BulkPage(bulk_id=self._launch.bulk_id, after=done.after)
            asked, more = asked + done.asked, done.more
            if self._row is not None:
                self._row = self._row.model_copy(update={"counts": done.counts})
                self._describe()
            # A pass of thousands is cut here, between two pages; the next run passes over what is asked for.
            if workflow.info().is_continue_as_new_suggested():
                break
        return asked

    async def _cancel_open(self) -> BulkResult:
        result: BulkResult = await workflow.execute_activity(
            BULK_CANCEL,
            BulkLook(bulk_id=self._launch.bulk_id),
            result_type=BulkResult,
            start_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
            summary="cancel what is open",
        )
        return result

    async def _wait(self) -> None:
        """Wait for a wake-up, or for the next look; each comes later than the one before."""
        try:
            await workflow.wait_condition(
                lambda: self._woken or self._is_over(), timeout=self._pause, timeout_summary="look again"
            )
        except TimeoutError:
            self._pause = min(self._pause * 2, _LATEST)
        else:
            self._pause = _SOONEST
        self._woken = False

    async def _look(self) -> None:
        before = self._row
        await self._settle(BulkStep.WATCH, BulkLook(bulk_id=self._launch.bulk_id))
        if before is not None and self._row is not None and before.counts != self._row.counts:
            self._pause = _SOONEST

    def _is_over(self) -> bool:
        row = self._row
        return row is not None and not row.is_open and workflow.all_handlers_finished()

    async def _settle(self, step: BulkStep, what: BulkLaunch | BulkCommand | BulkLook) -> BulkResult:
        """Run a step until it has an outcome."""
        pause = _STUCK_FIRST
        async with self._one_at_a_time:
            while True:
                try:
                    result = await run_step(step, what, step.value, BulkResult)
                except StepFailed:
                    self._stuck_on = step
                    self._describe()
                    await workflow.sleep(pause, summary=f"stuck: {step.value} is tried again")
                    pause = min(pause * 2, _STUCK_MOST)
                else:
                    self._stuck_on = None
                    self._show(result)
                    return result

    def _show(self, result: BulkResult) -> None:
        """Let operators find the bulk, and see where it stands."""
        first, self._row = self._row is None or self._row.state is None, result
        if result.state is not None and first:
            updates: list[SearchAttributeUpdate[Any]] = [
                BULK_ID.value_set(str(result.bulk_id)),
                ORGANIZATION_ID.value_set(str(result.organization_id)),
                FROM_PRACTITIONER_ID.value_set(str(result.from_id)),
            ]
            workflow.upsert_search_attributes(updates)
        self._describe()

    def _describe(self) -> None:
        row = self._row
        lines = []
        if row is not None and row.state is not None:
            lines.append(f"**{row.state.value}** · {row.records} records · led by `{row.led_by_id}`")
            if row.paused_rule is not None:
                lines.append(f"paused by the engine: {row.paused_rule}; any coordinator may resume")
            lines += [f"- {name}: {count}" for name, count in sorted(row.counts.items())]
        if row is not None and row.denied is not None:
            lines.append(f"last denial: {row.denied}")
        if self._stuck_on is not None:
            lines.append(f"**stuck** on `{self._stuck_on.value}`: see the worker's log")
        workflow.set_current_details("\n\n".join(lines))

    @workflow.update(
        name=LAUNCH,
        description="The outcome of the launch itself; changes nothing.",
        unfinished_policy=_LEFT,
    )
    async def launch(self, launch: BulkLaunch) -> BulkResult:
        """Answer whoever starts the workflow with what its first step decided."""
        await workflow.wait_condition(lambda: self._launched is not None)
        assert self._launched is not None  # noqa: S101 - waited for above
        return _allowed(self._launched, same_request=_said(self._launch) == _said(launch))

    @workflow.update(
        name="pause", description=f"Start nothing more for now. {_TAKES}", unfinished_policy=_LEFT
    )
    async def pause(self, command: BulkCommand) -> BulkResult:
        """Pause."""
        return await self._decide(BulkStep.PAUSE, command)

    @workflow.update(
        name="resume", description=f"Go on, led by whoever resumes. {_TAKES}", unfinished_policy=_LEFT
    )
    async def resume(self, command: BulkCommand) -> BulkResult:
        """Resume, and take it over."""
        return await self._decide(BulkStep.RESUME, command)

    @workflow.update(
        name="stop", description=f"Start nothing more for good. {_TAKES}", unfinished_policy=_LEFT
    )
    async def stop(self, command: BulkStop) -> BulkResult:
        """Stop."""
        return await self._decide(BulkStep.STOP, command)

    @workflow.update(
        name="retry",
        description=f"Ask again for what failed or was blocked. {_TAKES}",
        unfinished_policy=_LEFT,
    )
    async def retry(self, command: BulkCommand) -> BulkResult:
        """Retry."""
        return await self._decide(BulkStep.RETRY, command)

    @launch.validator
    def _check_launch(self, launch: BulkLaunch) -> None:
        self._same_bulk(launch)

    @pause.validator
    def _check_pause(self, command: BulkCommand) -> None:
        self._same_bulk(command)

    @resume.validator
    def _check_resume(self, command: BulkCommand) -> None:
        self._same_bulk(command)

    @stop.validator
    def _check_stop(self, command: BulkStop) -> None:
        self._same_bulk(command)

    @retry.validator
    def _check_retry(self, command: BulkCommand) -> None:
        self._same_bulk(command)

    @workflow.signal(name=BULK_WAKE, description="Look at the rows now: they may have changed.")
    def wake(self) -> None:
        """Look now."""
        self._woken = True

    async def _decide(self, step: BulkStep, command: BulkCommand) -> BulkResult:
        await workflow.wait_condition(lambda: self._launched is not None)
        result = await self._settle(step, command)
        self._woken = True
        return _allowed(result)

    def _same_bulk(self, message: BulkLaunch | BulkCommand) -> None:
        if message.bulk_id != self._launch.bulk_id:
            raise ApplicationError("this message names another bulk", type=MALFORMED, non_retryable=True)


def _said(launch: BulkLaunch) -> tuple[object, ...]:
    """Give what tells one launch from another."""
    who = (launch.actor_id, launch.from_id, launch.list_id)
    return (*who, launch.options, launch.reassign_open, launch.insist, launch.impose)


def _allowed(result: BulkResult, *, same_request: bool = True) -> BulkResult:
    """Give the outcome, or raise the rule that denied as a typed failure."""
    denied = result.denied if same_request else "MOVE-3/other_request"
    if denied is None:
        return result
    raise ApplicationError(denied, type=denied, non_retryable=True)
