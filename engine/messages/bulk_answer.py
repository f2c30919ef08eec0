"""What enters and leaves a recipient's answer to a whole bulk: ids, enum values and counts (BULK-5)."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from engine.messages.transfer import Message
from engine.states.bulk import Answer, Scope

ANSWER_WORKFLOW: Final = "BulkAnswer"
#: The update that answers whoever starts the workflow with the outcome of the gesture itself.
ANSWER: Final = "answer"
#: The activity that decides the transfers of one page.
ANSWER_PAGE: Final = "bulk.answer_page"
#: The signal that makes the workflow look now: more has been asked.
ANSWER_WAKE: Final = "wake"


class AnswerStep(StrEnum):
    """The step of an answer: one activity, one transaction."""

    #: Write the gesture down.
    GIVE = "bulk.answer"


class GiveAnswer(Message):
    """The workflow's input: starting it is the gesture. The records that it names are in the database."""

    answer_id: UUID
    bulk_id: UUID
    actor_id: UUID
    answer: Answer
    scope: Scope = Scope.ALL
    #: Of the file that names the records, where the scope is not all.
    list_id: UUID | None = None
    reason_id: UUID | None = None
    os_uid: int | None = None
    #: The service that speaks in the actor's name, where one does.
    service_id: UUID | None = None


class AnswerResult(Message):
    """Whether the gesture stands, and what it came to so far."""

    answer_id: UUID
    #: ``False`` where it was denied.
    given: bool
    denied: str | None = None
    organization_id: UUID | None = None
    #: Whether nothing more can come for it.
    ended: bool = False


class AnswerPage(Message):
    """The next transfers that an answer binds: after which position of the bulk."""

    answer_id: UUID
    after: int = -1


class AnswerPageResult(Message):
    """How far a page came."""

    after: int
    more: bool
    decided: int = 0
    denied: int = 0
    #: What got no answer from its workflow in time, and is looked at again.
    left: int = 0
    ended: bool = False


def answer_workflow_id(answer_id: UUID) -> str:
    """Give the id of an answer's workflow."""
    return f"bulk-answer/{answer_id}"
