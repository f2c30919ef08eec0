"""The transfer's row: written once, advanced by compare-and-set, read by lists and sweeps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from engine.records.races import LostRace
from engine.records.tables import (
    Bulk,
    BulkAnswer,
    FreeText,
    Holding,
    HoldingState,
    Opening,
    RecordClient,
    Restoration,
    StuckCause,
    Transfer,
)
from engine.rules.facts import MemberFacts, TransferFacts
from engine.states.transfer import FINAL_STATES, OPEN_STATES, TransferState


def add(session: Session, values: dict[str, Any]) -> None:
    """Write a new transfer's row; ``values`` are the columns of ``Transfer``."""
    session.execute(insert(Transfer).values(**values))


def change(session: Session, seen: TransferFacts, **values: Any) -> None:  # noqa: ANN401
    """
    Change the row as it was seen, by compare-and-set on state and version.

    Raises ``LostRace`` where the row is not as it was seen.
    """
    result = session.execute(
        update(Transfer)
        .where(Transfer.id == seen.id, Transfer.state == seen.state, Transfer.version == seen.version)
        .values(version=seen.version + 1, **values)
        .execution_options(synchronize_session=False)
    )
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise LostRace


def owner_of(session: Session, record_id: UUID) -> UUID | None:
    """Say in whose hands a record is."""
    return session.scalar(
        select(Holding.owner_id).where(Holding.record_id == record_id, Holding.state == HoldingState.LIVE)
    )


def row(session: Session, transfer_id: UUID) -> Transfer:
    """Read the row afresh. Raises ``NoResultFound`` where there is none."""
    return session.scalars(
        select(Transfer).where(Transfer.id == transfer_id).execution_options(populate_existing=True)
    ).one()


def mark_reminded(session: Session, transfer_id: UUID, sent: int) -> bool:
    """Count one reminder more if ``sent`` is still the number before it; say whether it was."""
    result = session.execute(
        update(Transfer)
        .where(Transfer.id == transfer_id, Transfer.reminders_sent == sent)
        .values(reminders_sent=sent + 1)
        .execution_options(synchronize_session=False)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


def mark_stuck(session: Session, transfer_id: UUID, cause: StuckCause | None) -> bool:
    """Set or clear why an open transfer cannot be handed over (ST-5); say whether that changed anything."""
    result = session.execute(
        update(Transfer)
        .where(
            Transfer.id == transfer_id,
            Transfer.state.in_(OPEN_STATES),
            Transfer.stuck_cause.is_distinct_from(cause),
        )
        .values(stuck_cause=cause)
        .execution_options(synchronize_session=False)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


def finished_of_record(session: Session, record_id: UUID) -> int:
    """Count the final transfers of a record; it tells one request from the same one made again later."""
    query = select(func.count()).where(Transfer.record_id == record_id, Transfer.state.in_(FINAL_STATES))
    return session.scalar(query) or 0


def is_final(session: Session, transfer_id: UUID) -> bool:
    """Say whether a transfer has a row, and is over."""
    query = select(Transfer.state).where(Transfer.id == transfer_id)
    return session.scalar(query) in FINAL_STATES


def open_states(session: Session) -> dict[UUID, TransferState]:
    """Give the state of every open transfer."""
    rows = session.execute(select(Transfer.id, Transfer.state).where(Transfer.state.in_(OPEN_STATES)))
    return {row.id: row.state for row in rows}


def open_ids(session: Session) -> Sequence[UUID]:
    """Give the ids of every open transfer."""
    return session.scalars(select(Transfer.id).where(Transfer.state.in_(OPEN_STATES))).all()


def is_party(actor: MemberFacts) -> ColumnElement[bool]:
    """Select the transfers that somebody sends, asked for or was asked; of a failed one nobody was asked."""
    asked = and_(Transfer.to_id == actor.id, Transfer.state != TransferState.FAILED)
    return or_(Transfer.from_id == actor.id, is_asker(actor), asked)


def is_asker(actor: MemberFacts) -> ColumnElement[bool]:
    """Select the transfers that somebody asked for, in a role that they still hold (ROLE-5)."""
    return and_(Transfer.asked_by_id == actor.id, Transfer.asked_role.in_(actor.roles))


def asked_of(session: Session, member_id: UUID) -> Sequence[UUID]:
    """Give the transfers that wait for a member's answer."""
    query = select(Transfer.id).where(
        Transfer.to_id == member_id, Transfer.state == TransferState.PENDING_ACCEPTANCE
    )
    return session.scalars(query).all()


def asked_about_clients_of(session: Session, record_id: UUID) -> Sequence[UUID]:
    """Give the transfers that wait for an answer, of any record of this record's clients (ELIG-4)."""
    clients = select(RecordClient.client_id).where(RecordClient.record_id == record_id)
    records = select(RecordClient.record_id).where(RecordClient.client_id.in_(clients))
    query = select(Transfer.id).where(
        Transfer.record_id.in_(records), Transfer.state == TransferState.PENDING_ACCEPTANCE
    )
    return session.scalars(query).all()


def add_text(session: Session, values: dict[str, Any]) -> None:
    """Write a free text that a command will refer to by its id; the same id twice is the same text."""
    if session.get(FreeText, values["id"]) is None:
        session.execute(insert(FreeText).values(**values))


def basis_of(session: Session, basis_id: UUID | None) -> FreeText | None:
    """Read the legal basis of a transfer, with its form and date."""
    return None if basis_id is None else session.get(FreeText, basis_id)


def text_of(session: Session, text_id: UUID | None) -> str | None:
    """Read a free text."""
    return None if text_id is None else session.scalar(select(FreeText.body).where(FreeText.id == text_id))


def sweep_texts(session: Session, before: datetime) -> int:
    """Delete the free texts older than ``before`` that no transfer uses; say how many."""
    # One list of ids, read once: asked text by text it would be every text with every transfer.
    columns = (
        *(Transfer.reason_id, Transfer.basis_id, Transfer.message_id),
        *(Restoration.reason_id, Opening.reason_id),
        *(Bulk.basis_id, Bulk.message_id, Bulk.cancel_reason_id, BulkAnswer.reason_id),
    )
    used = union_all(*(select(column.label("id")).where(column.is_not(None)) for column in columns))
    result = session.execute(
        delete(FreeText)
        .where(FreeText.created_at < before, FreeText.id.not_in(select(used.subquery().c.id)))
        .execution_options(synchronize_session=False)
    )
    return result.rowcount if isinstance(result, CursorResult) else 0
