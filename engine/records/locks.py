"""
Locks that hold until the commit, always taken in this order, so that nobody waits in a circle.

Organization, members by id, policy, records by id, transfer; the log's head comes last, by ``log.append``.
A lock comes first and what it guards is read after it: on PostgreSQL a statement that waited for a lock
sees the other rows that it joins as they were before the wait. On SQLite the writer's lock does it all.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from engine.records.tables import Member, Note, Organization, Policy, Record, RecordClient, Transfer


def lock_organization(session: Session, organization_id: UUID) -> None:
    """Be the only one who changes who holds which role in an organization (ROLE-1)."""
    _lock(session, Organization.id, organization_id, alone=True)


def lock_policy(session: Session, organization_id: UUID, *, alone: bool = False) -> None:
    """Hold an organization's choices as they are; ``alone`` to change them."""
    _lock(session, Policy.organization_id, organization_id, alone=alone)


def lock_members(session: Session, *shared: UUID, alone: Collection[UUID] = ()) -> None:
    """Hold members as they are, and be the only one who holds those whose state or roles are changed."""
    for member_id in sorted({*shared, *alone}):
        _lock(session, Member.id, member_id, alone=member_id in alone)


def lock_record(session: Session, record_id: UUID, *, alone: bool = True) -> None:
    """Hold a record: ``alone`` to ask for it, move it or guard it, together with others to write into it."""
    _lock(session, Record.id, record_id, alone=alone)


def lock_records_of_clients(session: Session, record_id: UUID) -> None:
    """Be alone on every record of a record's clients, whose restrictions guard all of them (ELIG-4)."""
    clients = select(RecordClient.client_id).where(RecordClient.record_id == record_id)
    found = select(RecordClient.record_id).where(RecordClient.client_id.in_(clients))
    for other in sorted({record_id, *session.scalars(found)}):
        lock_record(session, other)


def lock_transfer(session: Session, transfer_id: UUID) -> None:
    """Be alone on a transfer's row; its record is locked before."""
    _lock(session, Transfer.id, transfer_id, alone=True)


def lock_note(session: Session, holding_id: UUID, item_id: UUID) -> None:
    """Be alone on a note, among those who write into its record together; the record is locked before."""
    if not _is_sqlite(session):
        found = select(Note.item_id).where(Note.holding_id == holding_id, Note.item_id == item_id)
        session.execute(found.with_for_update(key_share=True)).all()


def _lock(session: Session, key: InstrumentedAttribute[UUID], row_id: UUID, *, alone: bool) -> None:
    if not _is_sqlite(session):
        # ``key_share``: an INSERT whose foreign key names the row needs no turn, nothing deletes such a row.
        locked = select(key).where(key == row_id).with_for_update(read=not alone, key_share=alone)
        session.execute(locked).all()


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
