"""``BulkAnswer``: one gesture of a recipient decides what a bulk asks of them, now and later (BULK-5)."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

# Not passed through: the sandbox watches this module too. The strict variant would complain.
with workflow.unsafe.sandbox_import_notification_policy(workflow.SandboxImportNotificationPolicy.SILENT):
    from engine.workflows.stepping import StepFailed, run_step

with workflow.unsafe.imports_passed_through():
    from engine.messages.bulk_answer import (
        ANSWER,
        ANSWER_PAGE,
        ANSWER_WAKE,
        ANSWER_WORKFLOW,
        AnswerPage,
        AnswerPageResult,
        AnswerResult,
        AnswerStep,
        GiveAnswer,
    )
    from engine.messages.search_attributes import BULK_ID, ORGANIZATION_ID, TO_PRACTITIONER_ID
    from engine.messages.transfer import MALFORMED

_LEFT = workflow.HandlerUnfinishedPolicy.ABANDON
_SOONEST, _LATEST = timedelta(seconds=10), timedelta(minutes=15)
_STUCK_FIRST, _STUCK_MOST = timedelta(seconds=10), timedelta(hours=1)


@workflow.defn(name=ANSWER_WORKFLOW)
class BulkAnswer:
    """One answer, from the gesture until the bulk can ask nothing more."""

    @workflow.init
    def __init__(self, given: GiveAnswer) -> None:
        self._given = given
        self._result: AnswerResult | None = None
        self._woken = False
        self._pause = _SOONEST

    @workflow.run
    async def run(self, given: GiveAnswer) -> AnswerResult:
        """Write the gesture down, then decide what it binds, again and again until nothing more can come."""
        self._result = result = await self._give()
        if not result.given:
            await workflow.wait_condition(workflow.all_handlers_finished)
            return result
        self._show(result)
        ended = result.ended
        while not ended:
            if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
                workflow.continue_as_new(given)
            decided, ended = await self._pass()
            if decided:
                self._pause = _SOONEST
            if not ended:
                await self._wait()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result.model_copy(update={"ended": True})

    async def _give(self) -> AnswerResult:
        pause = _STUCK_FIRST
        while True:
            try:
                return await run_step(AnswerStep.GIVE, self._given, "the gesture", AnswerResult)
            except StepFailed:
                await workflow.sleep(pause, summary="stuck: the gesture is tried again")
                pause = min(pause * 2, _STUCK_MOST)

    async def _pass(self) -> tuple[int, bool]:
        """Decide what is bound now, page by page; say how many, and whether nothing more can come."""
        page, decided = AnswerPage(answer_id=self._given.answer_id), 0
        while True:
            done: AnswerPageResult = await workflow.execute_activity(
                ANSWER_PAGE,
                page,
                result_type=AnswerPageResult,
                start_to_close_timeout=timedelta(hours=1),
                heartbeat_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
                summary=f"decide, after {page.after}",
            )
            decided += done.decided
            if not done.more:
                return decided, done.ended
            page = page.model_copy(update={"after": done.after})

    async def _wait(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._woken, timeout=self._pause, timeout_summary="look again"
            )
        except TimeoutError:
            self._pause = min(self._pause * 2, _LATEST)
        else:
            self._pause = _SOONEST
        self._woken = False

    def _show(self, result: AnswerResult) -> None:
        updates: list[SearchAttributeUpdate[Any]] = [
            BULK_ID.value_set(str(self._given.bulk_id)),
            ORGANIZATION_ID.value_set(str(result.organization_id)),
            TO_PRACTITIONER_ID.value_set(str(self._given.actor_id)),
        ]
        workflow.upsert_search_attributes(updates)
        workflow.set_current_details(f"**{self._given.answer.value}** · {self._given.scope.value}")

    @workflow.update(
        name=ANSWER,
        description="The outcome of the gesture itself; changes nothing.",
        unfinished_policy=_LEFT,
    )
    async def answer(self, given: GiveAnswer) -> AnswerResult:
        """Answer whoever starts the workflow with what its first step decided."""
        await workflow.wait_condition(lambda: self._result is not None)
        assert self._result is not None  # noqa: S101 - waited for above
        denied = self._result.denied
        if (self._given.actor_id, self._given.bulk_id, self._given.answer) != (
            given.actor_id,
            given.bulk_id,
            given.answer,
        ):
            denied = "MOVE-3/other_request"
        if denied is not None:
            raise ApplicationError(denied, type=denied, non_retryable=True)
        return self._result

    @answer.validator
    def _check_answer(self, given: GiveAnswer) -> None:
        if given.answer_id != self._given.answer_id:
            raise ApplicationError("this message names another answer", type=MALFORMED, non_retryable=True)

    @workflow.signal(name=ANSWER_WAKE, description="Look now: more has been asked.")
    def wake(self) -> None:
        """Look now."""
        self._woken = True
