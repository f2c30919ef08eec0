"""What enters and leaves a transfer's workflow: ids, enum values, dates; never a name, never a text."""

from datetime import datetime
from enum import StrEnum
from typing import Final, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from engine.states.choices import Options, Purpose
from engine.states.transfer import TransferState

WORKFLOW: Final = "RecordTransfer"
#: The update that answers whoever starts the workflow with the outcome of its first step.
REQUEST: Final = "request"
#: The signal that makes a running workflow look at its row.
WAKE: Final = "wake"
#: A decision that was kept while it could not be executed, and that a cancel undid meanwhile (ST-5).
UNDONE: Final = "ST-5/undone"
#: A request that fails for a cause that is no rule: told at once, and tried again (ST-5).
STUCK: Final = "ST-5/unexpected_error"
#: What a message that cannot be read, or that names another transfer, is rejected as.
MALFORMED: Final = "malformed"


class Failure(StrEnum):
    """What a step's failure is called where no rule denies; the first is an outage, and passes."""

    UNAVAILABLE = "unavailable"
    STUCK = "ST-5"
    UNEXPECTED = "unexpected"


class Step(StrEnum):
    """The steps of a transfer; each is one activity and one transaction."""

    OPEN = "transfer.open"
    REMIND = "transfer.remind"
    ACCEPT = "transfer.accept"
    REFUSE = "transfer.refuse"
    CANCEL = "transfer.cancel"
    NARROW = "transfer.narrow"
    EXPIRE = "transfer.expire"
    REASSIGN = "transfer.reassign"
    IMPOSE = "transfer.impose"
    EXTEND = "transfer.extend"


class Message(BaseModel):
    """A message that cannot change after it was made, and that takes no field it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TransferRequest(Message):
    """The workflow's input: starting it is the request."""

    transfer_id: UUID
    organization_id: UUID
    record_id: UUID
    actor_id: UUID
    to_id: UUID
    purpose: Purpose
    options: Options = Options()
    basis_id: UUID | None = None
    message_id: UUID | None = None
    bulk_id: UUID | None = None
    os_uid: int | None = None
    #: A coordinator asks somebody who takes no new records, all the same (ELIG-3).
    insist: bool = False
    #: Why a coordinator asks for themself, where policy lets them (ELIG-9), or imposes.
    reason_id: UUID | None = None
    #: Hand over at once, without an answer: what a bulk asks for that imposes (OVR-1).
    impose: bool = False


class Command(Message):
    """A decision about a transfer: whose, and on which version of the row it was made."""

    transfer_id: UUID
    command_id: UUID
    actor_id: UUID
    seen_version: int | None = None
    os_uid: int | None = None


class Accept(Command):
    """The new owner takes responsibility for the record."""


class Refuse(Command):
    """The new owner declines; the reason is a text in the database."""

    reason_id: UUID


class Cancel(Command):
    """The owner, or who asked, takes the request back."""

    reason_id: UUID | None = None


class Reassign(Command):
    """A coordinator asks somebody else, with a deadline of its own."""

    to_id: UUID
    reason_id: UUID
    #: The legal basis, again where it names a person.
    basis_id: UUID | None = None
    #: They take no new records, and are asked all the same.
    insist: bool = False
    #: Leave raw data behind, in a copy, where their title does not allow them.
    withhold_raw_data: bool = False
    #: The bulk that reassigns what is open (OVR-3).
    bulk_id: UUID | None = None


class Impose(Command):
    """A coordinator hands the record over in place of the new owner, who may be somebody else than asked."""

    #: ``None`` for the one who was asked last.
    to_id: UUID | None = None
    reason_id: UUID
    basis_id: UUID | None = None
    insist: bool = False
    withhold_raw_data: bool = False
    bulk_id: UUID | None = None


class Extend(Command):
    """A coordinator gives the one who is asked more time."""

    respond_by: datetime
    reason_id: UUID | None = None


class Narrow(Command):
    """The one who asked moves less than before."""

    options: Options


def workflow_id(transfer_id: UUID) -> str:
    """Give the id of a transfer's workflow."""
    return f"transfer/{transfer_id}"


def transfer_id_of(workflow: str) -> UUID:
    """Give the id of the transfer that a workflow's id names. Raises ``ValueError``."""
    return UUID(workflow.removeprefix("transfer/"))


class Wake(Message):
    """The deadline or a reminder is due, or the row may have changed: look, and act if it is so."""

    transfer_id: UUID


What = TypeVar("What", bound=Message)


class StepInput(Message, Generic[What]):
    """One step: what to do, and the instant that the workflow has reached."""

    what: What
    at: datetime


class StepResult(Message):
    """What a step left behind: the row as it is now, and the rule where one denied."""

    transfer_id: UUID
    #: ``None`` where the request was denied before there was a row.
    state: TransferState | None
    version: int = 0
    #: An error key, such as ``ELIG-3/inactive``; ``None`` where the command was allowed.
    denied: str | None = None
    organization_id: UUID | None = None
    record_id: UUID | None = None
    from_id: UUID | None = None
    to_id: UUID | None = None
    bulk_id: UUID | None = None
    respond_by: datetime | None = None
    next_reminder_at: datetime | None = None
    #: Why the hand-over cannot succeed, where no rule stops it (ST-5).
    stuck: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the workflow has more to wait for."""
        return self.state is not None and self.state.is_open
