"""What enters and leaves a bulk's workflow: ids, enum values and counts; never a name, never a number."""

from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from pydantic import Field

from engine.messages.transfer import Message
from engine.states.bulk import BulkState
from engine.states.choices import Options, Purpose

BULK_WORKFLOW: Final = "BulkTransfer"
#: The update that answers whoever starts the workflow with the outcome of the launch.
LAUNCH: Final = "launch"
#: The activity that asks for the records of one page.
BULK_PAGE: Final = "bulk.page"
#: The activity that cancels what a stopped bulk left open.
BULK_CANCEL: Final = "bulk.cancel_open"
#: The signal that makes a bulk's workflow look at its rows now.
BULK_WAKE: Final = "wake"


class BulkStep(StrEnum):
    """The steps of a bulk; each is one activity and one transaction."""

    LAUNCH = "bulk.launch"
    PAUSE = "bulk.pause"
    RESUME = "bulk.resume"
    STOP = "bulk.stop"
    RETRY = "bulk.retry"
    WATCH = "bulk.watch"


class BulkLaunch(Message):
    """The workflow's input: starting it is the launch. What a file lists is in the database, under an id."""

    bulk_id: UUID
    organization_id: UUID
    actor_id: UUID
    from_id: UUID
    to_ids: tuple[UUID, ...] = ()
    list_id: UUID | None = None
    #: The list names who is to have each record, instead of an even split.
    list_names_recipients: bool = False
    purpose: Purpose
    options: Options = Options()
    include_confidential_records: bool = False
    reassign_open: bool = False
    #: Ask also those who take no new records (ELIG-3).
    insist: bool = False
    #: Hand each record over at once, without an answer (OVR-1).
    impose: bool = False
    basis_id: UUID | None = None
    message_id: UUID | None = None
    #: Why it imposes or reassigns (ST-2).
    reason_id: UUID | None = None
    #: The ended bulk whose leftovers this one takes, with its texts (BULK-4).
    retries: UUID | None = None
    #: Of the preview that the launch was decided on.
    fingerprint: str | None = None
    #: Whether its sender chose the key: then a repetition is answered as the first time, even by a denial.
    keyed: bool = False
    os_uid: int | None = None
    #: The service that speaks in the actor's name, where one does.
    service_id: UUID | None = None


class BulkCommand(Message):
    """A coordinator's command about a running bulk."""

    bulk_id: UUID
    command_id: UUID
    actor_id: UUID
    os_uid: int | None = None
    #: The service that speaks in the actor's name, where one does.
    service_id: UUID | None = None


class BulkStop(BulkCommand):
    """Start nothing more; what is open stays open unless it is to be cancelled, for a reason."""

    cancel_open: bool = False
    reason_id: UUID | None = None


class BulkLook(Message):
    """Count what became of a bulk's items, and finish it where every one is settled."""

    bulk_id: UUID


class BulkResult(Message):
    """What a step left behind: where the bulk stands, and how many of its items stand where."""

    bulk_id: UUID
    #: ``None`` where the launch was denied.
    state: BulkState | None
    denied: str | None = None
    organization_id: UUID | None = None
    from_id: UUID | None = None
    led_by_id: UUID | None = None
    paused_rule: str | None = None
    #: Whether a stop wants what is open cancelled, and that is not done yet.
    cancels: bool = False
    records: int = 0
    #: By the state of the transfer, and ``waiting``, ``blocked`` and ``troubled`` for what has none.
    counts: dict[str, int] = Field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether the workflow has more to do."""
        return self.cancels or (self.state is not None and self.state.is_open)

    @property
    def to_start(self) -> int:
        """How many records are still to be asked for."""
        return self.counts.get("waiting", 0) + self.counts.get("troubled", 0)


class BulkPage(Message):
    """The next records of a bulk: after which position."""

    bulk_id: UUID
    after: int = -1


class BulkPageResult(Message):
    """How far a page came."""

    after: int
    #: Whether there is another page of this pass.
    more: bool
    asked: int = 0
    troubled: int = 0
    #: Where the bulk's records stand by then.
    counts: dict[str, int] = Field(default_factory=dict)


def bulk_workflow_id(bulk_id: UUID) -> str:
    """Give the id of a bulk's workflow."""
    return f"bulk/{bulk_id}"


def bulk_id_of(workflow: str) -> UUID:
    """Give the id of the bulk that a workflow's id names. Raises ``ValueError``."""
    return UUID(workflow.removeprefix("bulk/"))


def launch_command(bulk_id: UUID) -> UUID:
    """Give the id of the command that starts a bulk: one a bulk, however often it is sent."""
    return uuid5(bulk_id, "launch")
