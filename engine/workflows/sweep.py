"""``Sweep``: brings rows and workflows together again, whatever was lost between them."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from engine.messages.sweep import SWEEP, SWEEP_WORKFLOW, SweepResult


@workflow.defn(name=SWEEP_WORKFLOW)
class Sweep:
    """One comparison of every open row with every running workflow."""

    @workflow.run
    async def run(self) -> SweepResult:
        """Sweep once, and say what was found."""
        found: SweepResult = await workflow.execute_activity(
            SWEEP,
            result_type=SweepResult,
            start_to_close_timeout=timedelta(minutes=5),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
            summary="compare open rows with running workflows",
        )
        return found
