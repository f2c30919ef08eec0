"""``NoticeSender``: sends what is in the outbox, for ever; a mail server that is away delays nothing else."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from engine.messages.notices import SEND, SENDER_WORKFLOW, Sent


@workflow.defn(name=SENDER_WORKFLOW)
class NoticeSender:
    """One for all organizations; each turn waits for something to send, sends it, and ends after a while."""

    @workflow.run
    async def run(self, total: Sent) -> None:
        """Take turn after turn, and go on in a new run before the history grows long."""
        while not workflow.info().is_continue_as_new_suggested():
            turn = await workflow.execute_activity(
                SEND,
                result_type=Sent,
                start_to_close_timeout=timedelta(minutes=30),
                heartbeat_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
                summary="send what is due",
            )
            total = total.plus(turn)
            workflow.set_current_details(
                f"sent: {total.sent}\n\nput off: {total.later}\n\ngiven up: {total.failed}"
            )
        workflow.continue_as_new(total)
