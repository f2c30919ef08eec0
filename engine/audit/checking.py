"""What was given out, compared with the database: a receipt's statement, its line of the log, every byte."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from engine import proof
from engine.audit import log
from engine.proof import Flaw
from engine.records import seals
from engine.records.tables import Receipt


def compare(session: Session, document: Mapping[str, Any]) -> list[Flaw]:
    """Say where the database differs from a receipt whose signature holds (MOVE-5, AUD-2)."""
    return list(_compare(session, document))


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
    try:
        return session.get(Receipt, UUID(transfer_id))
    except ValueError:
        return None
