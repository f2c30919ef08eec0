"""The transfer's row: written once, advanced by compare-and-set, read by lists and sweeps."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from engine.records.races import LostRace
from engine.records.tables.base import HoldingState, StuckCause, table_of
from engine.records.tables.bulks import Bulk, BulkAnswer
from engine.records.tables.destruction import Opening, Restoration
from engine.records.tables.proof import Event
from engine.records.tables.records import Holding, RecordClient
from engine.records.tables.transfers import Asking, FreeText, Transfer
from engine.rules.facts import MemberFacts, TransferFacts
from engine.states.transfer import FINAL_STATES, OPEN_STATES, TransferState

_TRANSFER, _HOLDING = table_of(Transfer), table_of(Holding)
_ADD = insert(_TRANSFER)
_AS_SEEN = update(_TRANSFER).where(
    _TRANSFER.c.id == bindparam("the_id"),
    _TRANSFER.c.state == bindparam("the_state"),
    _TRANSFER.c.version == bindparam("the_version"),
)
_OWNER = select(_HOLDING.c.owner_id).where(
    _HOLDING.c.record_id == bindparam("the_record"), _HOLDING.c.state == HoldingState.LIVE
)
_STUCK = (
    update(_TRANSFER)
    .where(
        _TRANSFER.c.id == bindparam("the_id"),
        _TRANSFER.c.state.in_(sorted(OPEN_STATES)),
        _TRANSFER.c.stuck_cause.is_distinct_from(bindparam("the_cause")),
    )
    .values(stuck_cause=bindparam("the_cause"))
)


def add(session: Session, values: dict[str, Any]) -> None:
    """Write a new transfer's row; ``values`` are the columns of ``Transfer``."""
    session.execute(_ADD, values)


def change(session: Session, seen: TransferFacts, **values: Any) -> None:  # noqa: ANN401
    """
    Change the row as it was seen, by compare-and-set on state and version.

    Raises ``LostRace`` where the row is not as it was seen.
    """
    as_seen = {"the_id": seen.id, "the_state": seen.state, "the_version": seen.version}
    result = session.execute(_AS_SEEN, as_seen | {"version": seen.version + 1} | values)
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise LostRace


def owner_of(session: Session, record_id: UUID) -> UUID | None:
    """Say in whose hands a record is."""
    found: UUID | None = session.scalar(_OWNER, {"the_record": record_id})
    return found


def row(session: Session, transfer_id: UUID) -> Transfer:
    """Read the row afresh. Raises ``NoResultFound`` where there is none."""
    return session.scalars(
        select(Transfer).where(Transfer.id == transfer_id).execution_options(populate_existing=True)
    ).one()


def mark_reminded(session: Session, transfer_id: UUID, sent: int, now_sent: int | None = None) -> bool:
    """Count one reminder more if ``sent`` is still the number before it; say whether it was."""
    result = session.execute(
        update(Transfer)
        .where(Transfer.id == transfer_id, Transfer.reminders_sent == sent)
        .values(reminders_sent=sent + 1 if now_sent is None else now_sent)
        .execution_options(synchronize_session=False)
    )
    return isinstance(result, CursorResult) and result.rowcount == 1


def replace_asked(session: Session, row: Transfer, at: datetime) -> None:
    """Remember who is asked now, before somebody else takes their place (OVR-1, VIS-12)."""
    answer = answer_of(session, row)
    session.execute(
        insert(Asking).values(
            transfer_id=row.id,
            version=row.version,
            member_id=row.to_id,
            reassigned_by_id=row.reassigned_by_id,
            asked_at=row.asked_at,
            respond_by=row.respond_by,
            answer=TransferState.CANCELLED if answer is None else answer[0],
            answered_at=None if answer is None else answer[1],
            ended_at=at,
            reason_id=row.reason_id,
            basis_id=row.basis_id,
        )
    )


def answer_of(session: Session, row: Transfer) -> tuple[TransferState, datetime | None] | None:
    """
    Say how it ended for the one who is asked, as they are told it (VIS-12).

    That they refused, and when; that the time was over; or that it was cancelled, where it came to wait for a
    coordinator otherwise. ``None`` where they were asked until the end of the transfer, or still are.
    """
    return answers_of(session, [row.id])[row.id]


def answers_of(
    session: Session, transfer_ids: Collection[UUID]
) -> dict[UUID, tuple[TransferState, datetime | None] | None]:
    """Say the same of several transfers, in one statement."""
    query = select(Event.transfer_id, Event.action, Event.at, Event.side).where(
        Event.transfer_id.in_(transfer_ids), Event.outcome == "allowed"
    )
    lines: dict[UUID, list[Any]] = {transfer_id: [] for transfer_id in transfer_ids}
    for line in session.execute(query.order_by(Event.seq)):
        if line.action in {"transfer.open", "transfer.reassign"}:
            lines[line.transfer_id].clear()
        elif line.side is None:
            lines[line.transfer_id].append(line)
    return {transfer_id: _answer(since) for transfer_id, since in lines.items()}


def _answer(lines: Sequence[Any]) -> tuple[TransferState, datetime | None] | None:
    """Read an answer from the lines since the last asking."""
    if all(line.action != "transfer.escalate" for line in lines):
        return None
    refused = next((line.at for line in lines if line.action == "transfer.refuse"), None)
    if refused is not None:
        return TransferState.REFUSED, refused
    expired = any(line.action == "transfer.expire" for line in lines)
    return TransferState.EXPIRED if expired else TransferState.CANCELLED, None


def stuck_with(session: Session, transfer_id: UUID) -> UUID | None:
    """Say whose decision could not be carried out last (ST-5)."""
    query = select(Event.subject_id).where(Event.transfer_id == transfer_id, Event.action == "transfer.stuck")
    return session.scalars(query.order_by(Event.seq.desc()).limit(1)).one_or_none()


def asking_of(session: Session, transfer_id: UUID, member_id: UUID) -> Asking | None:
    """Read when somebody was asked last, before somebody else took their place."""
    query = select(Asking).where(Asking.transfer_id == transfer_id, Asking.member_id == member_id)
    return session.scalars(query.order_by(Asking.version.desc()).limit(1)).one_or_none()


def first_asked(session: Session, row: Transfer) -> tuple[UUID, UUID | None]:
    """Say who was asked first, and with which legal basis."""
    query = select(Asking).where(Asking.transfer_id == row.id).order_by(Asking.version).limit(1)
    first = session.scalars(query).one_or_none()
    return (row.to_id, row.basis_id) if first is None else (first.member_id, first.basis_id)


def extend(session: Session, transfer_id: UUID, respond_by: datetime, **values: Any) -> None:  # noqa: ANN401
    """Move the deadline of a pending transfer; an answer does not depend on it (MOVE-3)."""
    session.execute(
        update(Transfer)
        .where(Transfer.id == transfer_id)
        .values(respond_by=respond_by, **values)
        .execution_options(synchronize_session=False)
    )


def mark_stuck(session: Session, transfer_id: UUID, cause: StuckCause | None) -> bool:
    """Set or clear why an open transfer cannot be handed over (ST-5); say whether that changed anything."""
    result = session.execute(_STUCK, {"the_id": transfer_id, "the_cause": cause})
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
    """Select the transfers that somebody sends, asked for, is or was asked; of a failed one nobody was."""
    asked = and_(Transfer.to_id == actor.id, Transfer.state != TransferState.FAILED)
    return or_(Transfer.from_id == actor.id, is_asker(actor), asked, was_replaced(actor.id))


def is_asker(actor: MemberFacts) -> ColumnElement[bool]:
    """Select the transfers that somebody asked for, in a role that they still hold (ROLE-5)."""
    return and_(Transfer.asked_by_id == actor.id, Transfer.asked_role.in_(actor.roles))


def was_replaced(member_id: UUID) -> ColumnElement[bool]:
    """Select the transfers of which somebody was asked before another one took their place."""
    before = exists().where(Asking.transfer_id == Transfer.id, Asking.member_id == member_id)
    return and_(Transfer.to_id != member_id, before)


def asked_at(member_id: UUID) -> ColumnElement[datetime]:
    """Give the instant at which somebody was asked, where another one took their place since (VIS-12)."""
    before = select(func.max(Asking.asked_at)).where(
        Asking.transfer_id == Transfer.id, Asking.member_id == member_id, Transfer.to_id != member_id
    )
    return func.coalesce(before.correlate(Transfer).scalar_subquery(), Transfer.asked_at)


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
        *(Restoration.reason_id, Opening.reason_id, Asking.reason_id, Asking.basis_id),
        *(Bulk.basis_id, Bulk.message_id, Bulk.reason_id, Bulk.cancel_reason_id, BulkAnswer.reason_id),
    )
    used = union_all(*(select(column.label("id")).where(column.is_not(None)) for column in columns))
    result = session.execute(
        delete(FreeText)
        .where(FreeText.created_at < before, FreeText.id.not_in(select(used.subquery().c.id)))
        .execution_options(synchronize_session=False)
    )
    return result.rowcount if isinstance(result, CursorResult) else 0
