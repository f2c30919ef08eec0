"""Where the console's pages are: the one place that says so, for the console and for links in messages."""

from typing import Final
from uuid import UUID

TRANSFER: Final = "/transfers/{id}"
BULK: Final = "/bulk/{id}"
NEEDS_YOU: Final = "/needs-you"


def transfer(transfer_id: UUID) -> str:
    """Give the page of a transfer."""
    return TRANSFER.format(id=transfer_id)


def bulk(bulk_id: UUID) -> str:
    """Give the page of a caseload's transfer."""
    return BULK.format(id=bulk_id)
