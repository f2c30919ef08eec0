"""A receipt as one reader gets it: every commitment, opened where they may read the item (AUD-4)."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from engine import proof
from engine.audit import log
from engine.audit.keys import SigningKey, public_keys
from engine.records import facts, seals, visibility
from engine.records.seals import SealedLine
from engine.records.tables.people import Organization
from engine.records.tables.proof import Receipt
from engine.records.tables.records import Holding, Record
from engine.records.tables.transfers import Transfer
from engine.rules.content import ContentClass
from engine.rules.facts import MemberFacts


def document(session: Session, actor: MemberFacts, transfer_id: UUID, now: datetime) -> dict[str, Any] | None:
    """
    Give the receipt of an accepted transfer to somebody who may know of it; ``None`` where it is not signed.

    Whether they may know is asked before.
    """
    row = session.execute(
        select(Receipt, Transfer, Record.number)
        .join(Transfer, Transfer.id == Receipt.transfer_id)
        .join(Record, Record.id == Transfer.record_id)
        .where(Receipt.transfer_id == transfer_id)
    ).one_or_none()
    if row is None or row.Receipt.statement is None:
        return None
    receipt, transfer = row.Receipt, row.Transfer
    statement = json.loads(receipt.statement)
    keys = {
        proof.fingerprint(key.public_key): key.public_key
        for key in public_keys(session, receipt.organization_id)
    }
    found: dict[str, Any] = {
        "statement": statement,
        "signature": receipt.signature,
        "public_key": keys[statement["key"]],
    }
    if _may_know_number(session, actor, transfer):
        found["record"] = {
            "salt": receipt.record_salt,
            "id": str(transfer.record_id),
            "number": row.number,
        }
    readable = _readable(session, actor.id, transfer, now)
    lines = seals.lines(session, transfer_id)
    found["manifest"] = {
        "lines": [_line(line, readable) for line in lines if not line.annex],
        "annex": receipt.annex,
    }
    # For its author alone; among lines that stand for nothing, so that others cannot be counted (VIS-6).
    own = readable & {line.item_id for line in lines if line.annex and line.author_id == actor.id}
    if own:
        found["manifest"]["annex_lines"] = [_line(line, own) for line in lines if line.annex]
    return found


def head(session: Session, organization_id: UUID, key: SigningKey, now: datetime) -> dict[str, Any]:
    """Give the last line of an organization's log, signed, to be kept elsewhere (AUD-2)."""
    place = log.head(session, organization_id)
    said = proof.Head(
        format=proof.HEAD_FORMAT,
        organization=proof.Named(id=str(organization_id), name=_name(session, organization_id)),
        seq=place.seq,
        hash=place.hash,
        at=now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        key=proof.fingerprint(key.public_key),
    ).model_dump(mode="json")
    return {
        "statement": said,
        "signature": key.sign(proof.canonical(said)),
        "public_key": key.public_key,
    }


def log_heading(session: Session, organization_id: UUID) -> dict[str, Any]:
    """Give the first line of an exported log."""
    named = {"id": str(organization_id), "name": _name(session, organization_id)}
    return {"format": proof.LOG_FORMAT, "organization": named}


def _name(session: Session, organization_id: UUID) -> str:
    return session.scalars(select(Organization.name).where(Organization.id == organization_id)).one()


def _may_know_number(session: Session, actor: MemberFacts, transfer: Transfer) -> bool:
    """Coordinators do not know the number of a record that is confidential, or was when it moved (VIS-2)."""
    if actor.id in {transfer.from_id, transfer.to_id}:
        return True
    record = facts.record(session, transfer.record_id, actor.id)
    was = session.scalar(select(Holding.confidential).where(Holding.closed_by_id == transfer.id))
    return record is not None and not record.confidential and not was


def _readable(session: Session, actor_id: UUID, transfer: Transfer, now: datetime) -> set[UUID]:
    """Give the items that somebody may read now; details that moved stand in the holding that they opened."""
    seen = {item.id for item in visibility.see(session, actor_id, transfer.record_id, now)}
    closed, opened = (
        session.scalar(select(Holding.id).where(Holding.record_id == transfer.record_id, condition))
        for condition in (
            Holding.closed_by_id == transfer.id,
            and_(Holding.owner_id == transfer.to_id, Holding.from_at == transfer.decided_at),
        )
    )
    if closed is not None and opened in seen:
        seen.add(closed)
    return seen


def _line(line: SealedLine, readable: set[UUID]) -> dict[str, str]:
    if line.item_id not in readable or line.salt is None or line.digest is None:
        return {"commitment": line.commitment}
    assert line.item_class is not None and line.outcome is not None  # noqa: PT018, S101 - a line of the manifest
    return {
        "commitment": line.commitment,
        "class": ContentClass(line.item_class).value,
        "id": str(line.item_id),
        "outcome": line.outcome.value,
        "salt": line.salt,
        "digest": line.digest,
    }
