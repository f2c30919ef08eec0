"""
Locks that hold until the commit, always taken in this order, so that nobody waits in a circle.

Organization, members by id, policy, bulk, records by id, transfer; the log's head last, by ``log.append``.
A lock comes first and what it guards is read after it: on PostgreSQL a statement that waited for a lock
sees the other rows that it joins as they were before the wait. On SQLite the writer's lock does it all.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from engine.records.tables.bulks import Bulk
from engine.records.tables.people import Member, Organization, Policy
from engine.records.tables.proof import AuditHead
from engine.records.tables.records import Record, RecordClient
from engine.records.tables.transfers import Transfer


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


def lock_bulk(session: Session, bulk_id: UUID, *, alone: bool = True) -> None:
    """Hold a bulk: ``alone`` to pause, resume, stop or finish it, together with others to ask in its name."""
    _lock(session, Bulk.id, bulk_id, alone=alone)


def lock_transfer(session: Session, transfer_id: UUID) -> None:
    """Be alone on a transfer's row; its record is locked before."""
    _lock(session, Transfer.id, transfer_id, alone=True)


def lock_log(session: Session, organization_id: UUID) -> None:
    """Be the only one who writes to an organization's log; nothing else is locked after this."""
    _lock(session, AuditHead.organization_id, organization_id, alone=True)


def _lock(session: Session, key: InstrumentedAttribute[UUID], row_id: UUID, *, alone: bool) -> None:
    if not is_sqlite(session):
        # ``key_share``: an INSERT whose foreign key names the row needs no turn, nothing deletes such a row.
        locked = select(key).where(key == row_id).with_for_update(read=not alone, key_share=alone)
        session.execute(locked).all()


def is_sqlite(session: Session) -> bool:
    """Say whether the writer's lock does it all."""
    return session.get_bind().dialect.name == "sqlite"
