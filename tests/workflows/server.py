"""A real Temporal dev server that can skip time, workflow by workflow."""

from temporalio.testing import WorkflowEnvironment

from engine.messages.search_attributes import ALL
from engine.settings import Settings
from engine.temporal.embedded import find_command
from engine.temporal.plugin import PassationPlugin


async def time_skipping_server(
    identity: str | None = None, *, config: str | None = None
) -> WorkflowEnvironment:
    """
    Start a server in memory, with the project's plugin in its strict variant.

    ``config`` is one more dynamic value, as the command takes it. Nothing is downloaded: without the
    ``temporal`` command this fails.
    """
    values = ["frontend.WorkflowTimeSkippingEnabled=true", *([] if config is None else [config])]
    return await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(find_command(Settings())),
        dev_server_extra_args=[word for value in values for word in ("--dynamic-config-value", value)],
        dev_server_log_level="error",
        plugins=[PassationPlugin(strict=True)],
        search_attributes=ALL,
        identity=identity,
    )
