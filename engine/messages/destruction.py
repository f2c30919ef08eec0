"""What enters and leaves the daily destruction: ids, an instant and counts (MOVE-6)."""

from datetime import datetime
from typing import Final
from uuid import UUID

from engine.messages.transfer import Message

DESTRUCTION_WORKFLOW: Final = "Destruction"
DESTROY_PAGE: Final = "destruction.page"


class DestructionPage(Message):
    """Where a destruction is: the day it began on, what it has passed, and what it did so far."""

    #: The instant whose day decides; none yet before the first page.
    at: datetime | None = None
    organization_id: UUID | None = None
    after: UUID | None = None
    destroyed: int = 0
    unfinished: int = 0
    failed: int = 0
    done: bool = False
