"""
The search attributes by which operators find transfers: ids, a state and a date; never a name.

They are never encrypted, and a server has them registered before a transfer can start there. Do not rename or
retype one.
"""

from datetime import datetime
from typing import Any, Final

from temporalio.common import SearchAttributeKey

TRANSFER_STATE: Final[SearchAttributeKey[str]] = SearchAttributeKey.for_keyword("TransferState")
ORGANIZATION_ID: Final[SearchAttributeKey[str]] = SearchAttributeKey.for_keyword("OrganizationId")
RECORD_ID: Final[SearchAttributeKey[str]] = SearchAttributeKey.for_keyword("RecordId")
FROM_PRACTITIONER_ID: Final[SearchAttributeKey[str]] = SearchAttributeKey.for_keyword("FromPractitionerId")
TO_PRACTITIONER_ID: Final[SearchAttributeKey[str]] = SearchAttributeKey.for_keyword("ToPractitionerId")
BULK_ID: Final[SearchAttributeKey[str]] = SearchAttributeKey.for_keyword("BulkId")
RESPOND_BY: Final[SearchAttributeKey[datetime]] = SearchAttributeKey.for_datetime("RespondBy")

ALL: Final[tuple[SearchAttributeKey[Any], ...]] = (
    TRANSFER_STATE,
    ORGANIZATION_ID,
    RECORD_ID,
    FROM_PRACTITIONER_ID,
    TO_PRACTITIONER_ID,
    BULK_ID,
    RESPOND_BY,
)
