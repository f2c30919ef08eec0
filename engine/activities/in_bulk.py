"""Whether a request that names a bulk is what that bulk asks for, and asks for now (BULK-3, ELIG-6)."""

from typing import Final

from sqlalchemy.orm import Session

from engine.errors import Denied, of_key
from engine.messages.transfer import TransferRequest
from engine.records import bulks
from engine.states.bulk import NOT_FROM, BulkState

#: What a bulk does not ask for, or not now; by the time that this is written it may ask again.
NOT_ASKED: Final = frozenset({"BULK-3/not_in_bulk", *NOT_FROM.values()})


def check(session: Session, request: TransferRequest) -> bool:
    """
    Judge that a bulk asks for this, and say whether it explicitly includes confidential records.

    A paused or stopped bulk starts nothing, whatever was under way. Raises ``Denied``.
    """
    if request.bulk_id is None:
        return False
    bulk = bulks.row(session, request.bulk_id)
    item = None if bulk is None else bulks.item_of(session, bulk.id, request.record_id)
    if bulk is None or item is None or bulk.organization_id != request.organization_id:
        raise Denied("BULK-3", "not_in_bulk")
    asked = (item.transfer_id, item.to_id, bulk.led_by_id, bulk.purpose, bulk.basis_id, bulk.message_id)
    said = (
        request.transfer_id,
        request.to_id,
        request.actor_id,
        request.purpose,
        request.basis_id,
        request.message_id,
    )
    if asked != said or request.options != bulks.options_of(bulk):
        raise Denied("BULK-3", "not_in_bulk")
    if bulk.state is not BulkState.RUNNING:
        raise of_key(NOT_FROM[bulk.state])
    return bulk.include_confidential_records
