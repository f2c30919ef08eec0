"""One plugin for the client, the worker and the replayer, so that a replay cannot drift from the worker."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.service import ConnectConfig, PayloadLimitsConfig, ServiceClient
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from engine.messages.bulk import BulkCommand, BulkLaunch
from engine.messages.bulk_answer import GiveAnswer
from engine.messages.transfer import MALFORMED, Command, TransferRequest


class CheckedPayloads(PydanticPayloadConverter):
    """
    Models go through pydantic; what others send is what we expect, or fails by a name.

    A request that cannot be read would otherwise fail its workflow's task, which is tried again for ever; and
    pydantic's own words quote what they complain of.
    """

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Read payloads. Raises ``ApplicationError`` where a request or a command is none."""
        hints = [hint for hint in type_hints or () if _is_sent_by_others(hint)]
        try:
            values = super().from_payloads(payloads, type_hints)
        except ValidationError:
            if hints:
                raise ApplicationError(MALFORMED, type=MALFORMED, non_retryable=True) from None
            raise
        if hints and any(value is None for value in values):  # JSON's null passes every type
            raise ApplicationError(MALFORMED, type=MALFORMED, non_retryable=True)
        return values


def _is_sent_by_others(hint: Any) -> bool:  # noqa: ANN401 - any type
    return isinstance(hint, type) and issubclass(
        hint, TransferRequest | Command | BulkLaunch | BulkCommand | GiveAnswer
    )


#: Texts and stack traces of failures are encoded like any payload.
DATA_CONVERTER: Final[DataConverter] = DataConverter(
    payload_converter_class=CheckedPayloads,
    failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
)

#: What workflows share with the host instead of loading it again for each workflow. `engine.workflows` must
#: not be here: the sandbox does not watch what is passed through.
PASSED_THROUGH: Final = (
    "engine.errors",
    "engine.messages",
    "engine.states",
    "pydantic",
    "pydantic_core",
    "six",
    "temporalio",
    "transitions",
)

# Ids, enum values, dates and counts are small: something larger is a text that strayed.
_PAYLOAD_LIMITS: Final = PayloadLimitsConfig(payloads_warn_size=8 * 1024, memo_warn_size=1024)


class PassationPlugin(SimplePlugin):
    """
    The converter, the sandbox and the payload limits of this project.

    Args:
        strict: Refuse a workflow module that imports something without saying whether it is passed through,
            and warn of imports at run time. For tests.
        sandboxed: Whether the sandbox watches workflows. A production worker does without it: loading the
            modules anew for each workflow is a third of its work (decision 0021).
    """

    def __init__(self, *, strict: bool = False, sandboxed: bool = True) -> None:
        super().__init__(
            "passation",
            data_converter=DATA_CONVERTER,
            workflow_runner=workflow_runner(strict=strict) if sandboxed else UnsandboxedWorkflowRunner(),
        )

    async def connect_service_client(
        self,
        config: ConnectConfig,
        next: Callable[[ConnectConfig], Awaitable[ServiceClient]],  # noqa: A002
    ) -> ServiceClient:
        """Connect with the payload limits of this project."""
        config.payload_limits = _PAYLOAD_LIMITS
        return await next(config)


def workflow_runner(*, strict: bool) -> WorkflowRunner:
    """Give the sandbox in which workflows run; see `PassationPlugin`."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    if strict:
        restrictions = restrictions.with_import_notification_policy(
            SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
            | SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
        )
    return SandboxedWorkflowRunner(restrictions=restrictions)
