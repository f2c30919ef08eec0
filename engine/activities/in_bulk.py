"""Whether a request that names a bulk is what that bulk asks for, and asks for now (BULK-3, ELIG-6)."""

from typing import Final

from sqlalchemy.orm import Session

from engine.errors import Denied, of_key
from engine.messages.transfer import Impose, Reassign, TransferRequest
from engine.records import bulks
from engine.records.tables.bulks import Bulk
from engine.rules.facts import TransferFacts
from engine.states.bulk import NOT_FROM, BulkState

#: What a bulk does not ask for, or not now; by the time that this is written it may ask again.
NOT_ASKED: Final = frozenset({"BULK-3/not_in_bulk", "BULK-3/not_held", *NOT_FROM.values()})


def check(session: Session, request: TransferRequest) -> Bulk | None:
    """
    Judge that a bulk asks for this, and give it; ``None`` where the request names none.

    A paused or stopped bulk starts nothing, whatever was under way. Raises ``Denied``.
    """
    if request.bulk_id is None:
        if request.impose:
            raise Denied("BULK-3", "not_in_bulk")
        return None
    bulk = bulks.row(session, request.bulk_id)
    item = None if bulk is None else bulks.item_of(session, bulk.id, request.record_id)
    if bulk is None or item is None or bulk.organization_id != request.organization_id:
        raise Denied("BULK-3", "not_in_bulk")
    asked = (item.transfer_id, item.to_id, bulk.led_by_id, bulk.purpose, bulk.basis_id, bulk.message_id)
    said = (
        *(request.transfer_id, request.to_id, request.actor_id),
        *(request.purpose, request.basis_id, request.message_id),
    )
    how = (bulks.options_of(bulk), bulk.insist, bulk.impose, bulk.reason_id if bulk.impose else None)
    if asked != said or how != (request.options, request.insist, request.impose, request.reason_id):
        raise Denied("BULK-3", "not_in_bulk")
    _check_asks_now(bulk)
    if request.to_id in {bulk.started_by_id, bulk.led_by_id}:
        raise Denied("ELIG-9")
    return bulk


def check_goes_on(session: Session, request: TransferRequest) -> None:
    """Judge that what could not be imposed at first is still wanted: not by a bulk that was stopped."""
    bulk = None if request.bulk_id is None else bulks.row(session, request.bulk_id)
    if bulk is not None and bulk.state is BulkState.STOPPED:
        raise of_key(NOT_FROM[bulk.state])


def check_step(session: Session, command: Reassign | Impose, transfer: TransferFacts) -> None:
    """Judge that a bulk reassigns or imposes this open transfer, and does so now. Raises ``Denied``."""
    assert command.bulk_id is not None  # noqa: S101 - whoever asks has looked
    bulk = bulks.row(session, command.bulk_id)
    item = None if bulk is None else bulks.item_of(session, bulk.id, transfer.record_id)
    if bulk is None or item is None or bulk.organization_id != transfer.organization_id:
        raise Denied("BULK-3", "not_in_bulk")
    asked = (item.transfer_id, item.reassigns, item.to_id, bulk.led_by_id, bulk.reason_id, bulk.basis_id)
    said = (
        *(command.command_id, command.transfer_id, command.to_id),
        *(command.actor_id, command.reason_id, command.basis_id),
    )
    how = (bulk.insist, bulk.impose, False)
    if asked != said or how != (command.insist, isinstance(command, Impose), command.withhold_raw_data):
        raise Denied("BULK-3", "not_in_bulk")
    _check_asks_now(bulk)
    if transfer.from_id != bulk.from_id:
        raise Denied("BULK-3", "not_held")
    if command.to_id == bulk.started_by_id:
        raise Denied("ELIG-9")


def _check_asks_now(bulk: Bulk) -> None:
    if bulk.state is not BulkState.RUNNING:
        raise of_key(NOT_FROM[bulk.state])
