"""
Seals: a salted commitment to each line of a manifest, in the hand-over's transaction (AUD-4).

The manifest's hash covers the commitments alone, so that destruction can take salts and digests away. What a
collaborator wrote for themself (VIS-6) stands in an annex, of which others see one hash whether there is
anything in it or not, and an author a list filled up with lines that stand for nothing.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, insert, or_, select, union_all
from sqlalchemy.orm import Session

from engine import proof
from engine.records.tables.base import HoldingState, table_of
from engine.records.tables.items import (
    Appointment,
    Content,
    Document,
    Invoice,
    ItemWithContent,
    Memo,
    Note,
    Profile,
    RawDatum,
    Task,
)
from engine.records.tables.proof import Seal
from engine.records.tables.records import Holding, Share
from engine.records.tables.transfers import ManifestLine, Transfer
from engine.records.types import Id
from engine.rules.content import UNCOUNTED, ContentClass, Outcome

#: An annex has so many lines, or twice as many, and so on: always more than items.
_ANNEX = 16
_TRANSFER = bindparam("the_transfer", type_=Id())
_LISTED = select(ManifestLine.item_id).where(ManifestLine.transfer_id == _TRANSFER)
_LINES = select(
    ManifestLine.item_id, ManifestLine.item_class, ManifestLine.outcome, ManifestLine.sha256
).where(ManifestLine.transfer_id == _TRANSFER)
_SEAL = insert(table_of(Seal))
#: Those whose content is bytes, and those of them that nobody may change after the hand-over.
_WITH_CONTENT: tuple[type[ItemWithContent], ...] = (Note, Document, RawDatum, Profile, Task, Memo)
#: What nobody could change after the hand-over, wherever it stands now.
_FROZEN = frozenset(
    {
        ContentClass.NOTE,
        ContentClass.DOCUMENT,
        ContentClass.CONFIDENTIAL_DOCUMENT,
        ContentClass.RAW_DATA,
    }
)
#: What belongs to the record in use goes on changing: it is sealed as it was, and cannot be read again.
_GOES_ON = frozenset({ContentClass.SHARE, ContentClass.COLLABORATOR_APPOINTMENT})


@dataclass(frozen=True, slots=True)
class Sealed:
    """A manifest under seal: its hash, how many lines it shows, and the hash of its annex."""

    manifest_hash: str
    lines: int
    annex: str


@dataclass(frozen=True, slots=True)
class SealedLine:
    """One line under seal, with what it stands for; without it where it was forgotten or stands for none."""

    commitment: str
    annex: bool
    item_id: UUID | None
    item_class: ContentClass | None
    outcome: Outcome | None
    author_id: UUID | None
    salt: str | None
    digest: str | None


def seal(session: Session, transfer_id: UUID) -> Sealed:
    """Seal a manifest after all that the hand-over changes; the number of statements does not grow."""
    digests = _structured(session, transfer_id)
    rows: list[dict[str, Any]] = []
    annex_rows: list[dict[str, Any]] = []
    for item_id, item_class, outcome, sha256 in session.execute(_LINES, {"the_transfer": transfer_id}):
        digest, salt = sha256 or digests[item_id], proof.new_salt()
        annexed = item_class in UNCOUNTED
        commitment = proof.commit(salt, item_class.value, str(item_id), outcome.value, digest)
        row = _row(transfer_id, commitment, annex=annexed)
        (annex_rows if annexed else rows).append(row | {"item_id": item_id, "salt": salt, "digest": digest})
    annex = secrets.token_hex(32)
    if annex_rows:
        size = _ANNEX
        while size <= len(annex_rows):
            size *= 2
        fillers = range(size - len(annex_rows))
        annex_rows += [_row(transfer_id, secrets.token_hex(32), annex=True) for _ in fillers]
        annex = proof.hash_of(sorted(row["commitment"] for row in annex_rows))
    session.execute(_SEAL, rows + annex_rows)
    commitments = sorted(row["commitment"] for row in rows)
    return Sealed(proof.manifest_hash(commitments, annex), len(rows), annex)


def lines(session: Session, transfer_id: UUID) -> list[SealedLine]:
    """Read what is under seal, in the order of the commitments, which tells nothing."""
    query = (
        select(
            Seal.commitment,
            Seal.annex,
            Seal.item_id,
            ManifestLine.item_class,
            ManifestLine.outcome,
            ManifestLine.author_id,
            Seal.salt,
            Seal.digest,
        )
        .outerjoin(ManifestLine, _same_line())
        .where(Seal.transfer_id == transfer_id)
    )
    found = [SealedLine(*row) for row in session.execute(query)]
    # Here: databases do not agree on how text is sorted.
    return sorted(found, key=lambda line: line.commitment)


def read_again(session: Session, transfer_id: UUID) -> Iterator[tuple[SealedLine, str]]:
    """
    Read every sealed item's bytes again and hash them; give the lines that differ, and how (MOVE-5).

    Not compared: what was destroyed or forgotten, and what goes on changing with the record in use.
    """
    closed, state, decided_at = session.execute(
        select(Holding.id, Holding.state, Transfer.decided_at)
        .join(Transfer, Transfer.id == Holding.closed_by_id)
        .where(Holding.closed_by_id == transfer_id)
    ).one()
    known = {line.item_id: line for line in lines(session, transfer_id) if line.item_id and line.salt}
    wanted = {item_id for item_id, line in known.items() if line.item_class not in _GOES_ON}
    if state is HoldingState.DESTROYED:
        # The rows as they were are gone by the rules: left are those that nobody could change since.
        wanted = {item_id for item_id in wanted if known[item_id].item_class in _FROZEN}
    again: dict[UUID, str] = _structured(session, transfer_id)
    for item_id, copies in _bytes_again(session, transfer_id, closed, decided_at):
        for digest in copies:
            if item_id in known and digest != known[item_id].digest:
                again[item_id] = digest
            else:
                again.setdefault(item_id, digest)
    for item_id in sorted(wanted):
        line = known[item_id]
        if item_id not in again:
            yield line, "gone"
        elif again[item_id] != line.digest:
            yield line, "bytes"


def _same_line() -> Any:  # noqa: ANN401 - a condition
    return and_(ManifestLine.transfer_id == Seal.transfer_id, ManifestLine.item_id == Seal.item_id)


def _row(transfer_id: UUID, commitment: str, *, annex: bool) -> dict[str, Any]:
    return {
        "transfer_id": transfer_id,
        "commitment": commitment,
        "item_id": None,
        "annex": annex,
        "salt": None,
        "digest": None,
    }


def _structured(session: Session, transfer_id: UUID) -> dict[UUID, str]:
    """Digest what has no bytes of its own: details, appointments, invoices, shares, as they are now."""
    given = {"the_transfer": transfer_id}
    found: dict[UUID, str] = {}
    for query in _STRUCTURED:
        for row in session.execute(query, given).mappings():
            said = {name: _plain(value) for name, value in row.items()}
            item_id = said.pop("item_id")
            found[UUID(item_id)] = proof.digest_of(said)
    return found


_CLOSED = select(Holding.id).where(Holding.closed_by_id == _TRANSFER)
_STRUCTURED: tuple[Any, ...] = (
    select(
        Holding.id.label("item_id"),
        Holding.title,
        Holding.email,
        Holding.reason_for_consultation,
        Holding.opened_on,
        Holding.confidential,
    ).where(Holding.closed_by_id == _TRANSFER),
    select(
        Appointment.item_id,
        Appointment.practitioner_id,
        Appointment.client_id,
        Appointment.starts_at,
        Appointment.ends_at,
        Appointment.state,
        Appointment.sequence,
        Appointment.created_at,
    ).where(Appointment.item_id.in_(_LISTED)),
    select(
        Invoice.item_id,
        Invoice.number,
        Invoice.amount_cents,
        Invoice.currency,
        Invoice.issued_on,
        Invoice.created_at,
    ).where(Invoice.holding_id.in_(_CLOSED)),
    select(Share.id.label("item_id"), Share.member_id, Share.level, Share.approval, Share.since).where(
        Share.id.in_(_LISTED)
    ),
)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column's value
    """Write a value as JSON has it; a number as text, because amounts have no upper bound there."""
    match value:
        case bool() | None:
            return value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case _:
            return str(value)


def _bytes_again(
    session: Session, transfer_id: UUID, closed: UUID, decided_at: datetime | None
) -> Iterator[tuple[UUID, Collection[str]]]:
    """
    Hash the stored bytes of items again: in the closed holding, and in others what nobody may change there.

    The item's row says which bytes are its own; the name that they are stored under is not believed.
    """
    frozen: Mapping[type[ItemWithContent], Any] = {Note: Note.signed_at <= decided_at}
    arms = [
        select(model.item_id, model.organization_id, model.sha256).where(
            model.item_id.in_(_LISTED),
            or_(model.holding_id == closed, frozen.get(model, model in {Document, RawDatum})),
        )
        for model in _WITH_CONTENT
    ]
    item = union_all(*arms).subquery()
    query = (
        select(item.c.item_id, Content.body)
        .distinct()
        .outerjoin(
            Content,
            and_(Content.organization_id == item.c.organization_id, Content.sha256 == item.c.sha256),
        )
    )
    rows = session.execute(query.execution_options(yield_per=100), {"the_transfer": transfer_id})
    for item_id, body in rows:
        yield item_id, (hashlib.sha256(body).hexdigest() if body is not None else "",)
