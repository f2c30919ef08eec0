"""The receipt of an accepted transfer: what is proven, where the log says so, and the signature (AUD-4)."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, bindparam, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from engine import proof
from engine.audit.keys import KeyProblem, Signer, SigningKey
from engine.audit.log import Place
from engine.records.database import Database
from engine.records.races import racing
from engine.records.seals import Sealed
from engine.records.tables.base import table_of
from engine.records.tables.people import Member, Organization
from engine.records.tables.proof import Event, Receipt
from engine.records.tables.records import Record
from engine.records.tables.transfers import Transfer
from engine.records.types import Id

logger = logging.getLogger(__name__)

#: So many are signed in one transaction, and at most so many by one sweep.
_AT_ONCE: Final = 20
_A_SWEEP: Final = 2000


@dataclass(frozen=True, slots=True)
class Signed:
    """What a round of signing came to: how many receipts were signed, and how many wait for a key."""

    signed: int
    waiting: int


_RECEIPT, _MEMBER = table_of(Receipt), table_of(Member)
_OPEN = insert(_RECEIPT)
_SIGN = update(_RECEIPT).where(
    _RECEIPT.c.transfer_id == bindparam("the_transfer"), _RECEIPT.c.signature.is_(None)
)
_PEOPLE = select(_MEMBER.c.id, _MEMBER.c.first_name, _MEMBER.c.last_name, _MEMBER.c.title).where(
    _MEMBER.c.id.in_(bindparam("the_members", expanding=True))
)


def open_receipt(
    session: Session, organization_id: UUID, transfer_id: UUID, sealed: Sealed, accepted: Place
) -> None:
    """Tie a manifest under seal to the line of its acceptance; from now on nothing is added to the seals."""
    session.execute(
        _OPEN,
        {
            "transfer_id": transfer_id,
            "organization_id": organization_id,
            "manifest_hash": sealed.manifest_hash,
            "lines": sealed.lines,
            "annex": sealed.annex,
            "record_salt": proof.new_salt(),
            "event_seq": accepted.seq,
            "event_hash": accepted.hash,
        },
    )


def sign(session: Session, signer: Signer, transfer_id: UUID) -> bool:
    """Sign a receipt that waits for it, where the key is at hand; say whether it no longer waits."""
    found = session.execute(_SAID, {"the_transfer": transfer_id}).one_or_none()
    if found is None:
        return True
    key = signer.key(session, found.Receipt.organization_id)
    if not isinstance(key, SigningKey):
        return False
    _write(session, key, found)
    return True


def settle(database: Database, signer: Signer, transfer_id: UUID) -> KeyProblem | None:
    """Sign one receipt that waits, with a key that is made for it if need be; say what stands in its way."""
    with database.read() as session:
        organization_id = session.scalar(
            select(Receipt.organization_id).where(
                Receipt.transfer_id == transfer_id, Receipt.signature.is_(None)
            )
        )
    if organization_id is None:
        return None
    problem = _sign_all(database, signer, organization_id, [transfer_id])
    if problem is not None:
        _alarm(organization_id, problem, 1)
    return problem


def sign_waiting(database: Database, signer: Signer) -> Signed:
    """Sign what waits for its signature; an organization whose key is not at hand goes on waiting."""
    signed = waiting = 0
    for organization_id, count in waiting_by_organization(database).items():
        with database.read() as session:
            ids = session.scalars(
                select(Receipt.transfer_id)
                .where(Receipt.organization_id == organization_id, Receipt.signature.is_(None))
                .order_by(Receipt.transfer_id)
                .limit(max(0, _A_SWEEP - signed))
            ).all()
        problem = _sign_all(database, signer, organization_id, ids)
        if problem is None:
            signed += len(ids)
            waiting += count - len(ids)
        else:
            waiting += count
            _alarm(organization_id, problem, count)
    return Signed(signed, waiting)


def waiting_by_organization(database: Database) -> dict[UUID, int]:
    """Count the receipts that wait for their signature."""
    with database.read() as session:
        rows = session.execute(
            select(Receipt.organization_id, func.count())
            .where(Receipt.signature.is_(None))
            .group_by(Receipt.organization_id)
        )
        return {row[0]: row[1] for row in rows}


def _sign_all(
    database: Database, signer: Signer, organization_id: UUID, transfer_ids: Iterable[UUID]
) -> KeyProblem | None:
    key = signer.provide(database, organization_id)
    if not isinstance(key, SigningKey):
        return key
    ids = list(transfer_ids)
    for start in range(0, len(ids), _AT_ONCE):
        racing(lambda some=ids[start : start + _AT_ONCE]: _sign_some(database, signer, some))  # type: ignore[misc]
    return None


def _sign_some(database: Database, signer: Signer, transfer_ids: Iterable[UUID]) -> None:
    with database.write() as session:
        for transfer_id in transfer_ids:
            sign(session, signer, transfer_id)


def _alarm(organization_id: UUID, problem: KeyProblem, count: int) -> None:
    logger.error(
        "receipt.unsigned",
        extra={"organization_id": str(organization_id), "cause": problem.value, "count": count},
    )


_ACCEPTED = aliased(Event)
_SAID = (
    select(Receipt, Transfer, Record.number, Organization.name.label("organization"), _ACCEPTED.counts)
    .join(Transfer, Transfer.id == Receipt.transfer_id)
    .join(Record, Record.id == Transfer.record_id)
    .join(Organization, Organization.id == Receipt.organization_id)
    .join(
        _ACCEPTED,
        and_(
            _ACCEPTED.organization_id == Receipt.organization_id,
            _ACCEPTED.seq == Receipt.event_seq,
        ),
    )
    .where(Receipt.transfer_id == bindparam("the_transfer", type_=Id), Receipt.signature.is_(None))
    # In the hand-over's session the transfer was read before it was decided.
    .execution_options(populate_existing=True)
)


def _write(session: Session, key: SigningKey, found: Any) -> None:  # noqa: ANN401 - a row
    said = _statement(session, key, found)
    signed = {"statement": said.decode(), "signature": key.sign(said)}
    session.execute(_SIGN, {"the_transfer": found.Receipt.transfer_id} | signed)


def _statement(session: Session, key: SigningKey, found: Any) -> bytes:  # noqa: ANN401 - a row
    receipt, transfer = found.Receipt, found.Transfer
    people = _people(session, transfer.from_id, transfer.to_id, transfer.asked_by_id, transfer.decided_by_id)
    said = proof.Statement(
        format=proof.FORMAT,
        organization=proof.Named(id=str(receipt.organization_id), name=found.organization),
        transfer=str(transfer.id),
        record=proof.commit(receipt.record_salt, str(transfer.record_id), found.number),
        previous_owner=people[transfer.from_id],
        new_owner=people[transfer.to_id],
        asked_by=people[transfer.asked_by_id],
        decided_by=people[transfer.decided_by_id],
        purpose=transfer.purpose.value,
        options=proof.Chosen(
            include_confidential=transfer.include_confidential,
            raw_data=transfer.raw_data.value,
            keep_copy=transfer.keep_copy,
        ),
        asked_at=_instant(transfer.asked_at),
        accepted_at=_instant(transfer.decided_at),
        counts=json.loads(found.counts or "{}"),
        manifest=proof.Whole(hash=receipt.manifest_hash, lines=receipt.lines),
        chain=proof.Place(seq=receipt.event_seq, hash=receipt.event_hash),
        key=proof.fingerprint(key.public_key),
    )
    return proof.canonical(said.model_dump(mode="json"))


def _people(session: Session, *ids: UUID) -> dict[UUID, proof.Person]:
    rows = session.execute(_PEOPLE, {"the_members": list(ids)})
    return {
        row.id: proof.Person(id=str(row.id), name=f"{row.first_name} {row.last_name}", title=row.title)
        for row in rows
    }


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
