"""``Destruction``: once a day, page by page, what is past grace period and retention goes (MOVE-6)."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from engine.messages.destruction import DESTROY_PAGE, DESTRUCTION_WORKFLOW, DestructionPage


@workflow.defn(name=DESTRUCTION_WORKFLOW)
class Destruction:
    """One pass over every organization, on the day on which it began."""

    @workflow.run
    async def run(self, page: DestructionPage) -> DestructionPage:
        """Go on from a page to the last one, and say what was done."""
        if page.at is None:
            page = page.model_copy(update={"at": workflow.now()})
        while not page.done:
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(page)
            page = await workflow.execute_activity(
                DESTROY_PAGE,
                page,
                result_type=DestructionPage,
                start_to_close_timeout=timedelta(minutes=30),
                heartbeat_timeout=timedelta(minutes=2),
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
                summary="destroy what is due",
            )
        return page
