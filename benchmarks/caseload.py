"""A caseload to measure on: records of forty items each, written straight into the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from engine.records.database import Database
from tests import build

#: Notes, documents, profiles, raw data, invoices, past and upcoming appointments, tasks, memos: forty.
ITEMS = 40
#: Of these, how many are notes.
NOTES = 20


@dataclass(frozen=True, slots=True)
class Caseload:
    """One owner's records, and who is asked to take them."""

    organization: UUID
    owner: UUID
    new_owner: UUID
    coordinator: UUID
    records: Sequence[UUID]
    #: Of a colleague of theirs, and of whoever takes these over: transferred one by one.
    colleague: UUID
    successor: UUID
    single: Sequence[UUID]


def make(database: Database, records: int, *, notes: int = NOTES, single: int = 0) -> Caseload:
    """Write a caseload in one transaction."""
    with database.write() as session:
        world = build.world(session)
        colleague, successor = (build.member(session, world.organization) for _ in range(2))
        return Caseload(
            organization=world.organization,
            owner=world.owner,
            new_owner=world.new_owner,
            coordinator=world.coordinator,
            records=[_record(session, world.owner, world.client, notes) for _ in range(records)],
            colleague=colleague,
            successor=successor,
            single=[_record(session, colleague, world.client, notes) for _ in range(single)],
        )


def _record(session: Session, owner: UUID, client: UUID, notes: int) -> UUID:
    record_id, holding = build.record(session, owner, [client])
    for number in range(notes):
        build.note(session, holding, body=f"{record_id} note {number} " + "x" * 2000)
    for number in range(8):
        build.document(session, holding, body=f"{record_id} file {number}".encode() + b"y" * 8000)
    for _ in range(2):
        build.profile(session, holding)
        build.raw_datum(session, holding)
        build.task(session, holding)
        build.memo(session, holding)
        build.invoice(session, holding)
    now = datetime.now(UTC)
    for days in (-20, 20):
        build.appointment(session, record_id, owner, client_id=client, starts_at=now + timedelta(days=days))
    return record_id
