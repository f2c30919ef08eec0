"""What was given out, compared with the database: a receipt's statement, its line of the log, every byte."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from engine import proof
from engine.audit import log
from engine.audit.keys import public_keys
from engine.audit.log import Break, Verification
from engine.proof import Flaw
from engine.records import seals
from engine.records.tables.proof import Receipt


def compare(session: Session, document: Mapping[str, Any]) -> list[Flaw]:
    """Say where the database differs from a receipt whose signature holds (MOVE-5, AUD-2)."""
    return list(_compare(session, document))


def verify_given(
    session: Session, document: Mapping[str, Any] | None, keys: Sequence[str] | None, *, is_head: bool
) -> list[Flaw]:
    """Verify a receipt or a head with the keys given, or with those of its organization in this database."""
    form = proof.read_head(document) if is_head else proof.read(document)
    if document is None or form is None or isinstance(form, Flaw):
        return [form] if isinstance(form, Flaw) else [Flaw("form", "")]
    organization_id = _id(form.statement.organization.id)
    rows = [] if organization_id is None else public_keys(session, organization_id)
    known = [row.public_key for row in rows]
    if not known:
        return [Flaw("unknown_organization", "statement/organization")]
    key = proof.key_for(document, keys or known)
    return proof.verify_head(document, key) if is_head else proof.verify(document, key)


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of a log as it was given out, in a receipt or a head."""

    organization_id: UUID
    seq: int
    hash: str


def mark_of(document: Mapping[str, Any]) -> Mark | None:
    """Read which line a receipt or a head whose signature holds is about."""
    statement = document["statement"]
    place, organization_id = statement.get("chain", statement), _id(statement["organization"]["id"])
    return None if organization_id is None else Mark(organization_id, place["seq"], place["hash"])


def with_marks(found: Verification, marks: Iterable[Mark]) -> Verification:
    """Hold a walk against lines that were given out: a whole chain may lack its end, or be another one."""
    first = found.first_break
    for mark in sorted(marks, key=lambda mark: mark.seq):
        if mark.organization_id != found.organization_id or mark.seq == 0:
            continue
        if first is not None and first.seq <= mark.seq:
            break
        if mark.seq > found.events:
            first = Break(
                organization_id=found.organization_id, seq=found.events + 1, what="the end is missing"
            )
        elif found.hashes[mark.seq] != mark.hash:
            first = Break(
                organization_id=found.organization_id, seq=mark.seq, what="is not the one that was given out"
            )
    return replace(found, first_break=first)


def _compare(session: Session, document: Mapping[str, Any]) -> Iterator[Flaw]:
    statement = document["statement"]
    row = _row(session, statement["transfer"])
    if row is None or str(row.organization_id) != statement["organization"]["id"]:
        yield Flaw("unknown_transfer", "statement/transfer")
        return
    if row.statement is None or row.statement.encode() != proof.canonical(statement):
        yield Flaw("other_statement", "statement")
    chain = statement["chain"]
    if log.line_hash(session, row.organization_id, chain["seq"]) != chain["hash"]:
        yield Flaw("log_line", "statement/chain")
    stored = [line.commitment for line in seals.lines(session, row.transfer_id) if not line.annex]
    if stored != [line["commitment"] for line in document["manifest"]["lines"]]:
        yield Flaw("other_manifest", "manifest")
    for line, what in seals.read_again(session, row.transfer_id):
        yield Flaw(what, "manifest/annex" if line.annex else f"manifest/{line.item_id}")


def _row(session: Session, transfer_id: str) -> Receipt | None:
    found = _id(transfer_id)
    return None if found is None else session.get(Receipt, found)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
