"""The log: one append-only, hash-chained sequence an organization (AUD-1, AUD-2)."""

import hashlib
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import Text, bindparam, insert, select, true, type_coerce, update
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from engine.records.handover import ClassCount
from engine.records.tables.base import Side, table_of
from engine.records.tables.people import Organization
from engine.records.tables.proof import AuditHead, Event
from engine.records.types import Id
from engine.rules.content import UNCOUNTED
from engine.states.choices import Purpose
from engine.states.transfer import TransferState

#: What the first line's ``prev_hash`` says.
GENESIS = "0" * 64
_BATCH = 1000
_COLUMNS = tuple(column.name for column in Event.__table__.columns if column.name != "hash")


class Result(StrEnum):
    """Whether a command was allowed."""

    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one line says: who, in which role, which command, rule and transfer, for which purpose."""

    organization_id: UUID
    at: datetime
    action: str
    command_id: UUID
    role: str
    actor_id: UUID | None = None
    os_uid: int | None = None
    outcome: Result = Result.ALLOWED
    rule: str | None = None
    side: Side | None = None
    transfer_id: UUID | None = None
    record_id: UUID | None = None
    subject_id: UUID | None = None
    purpose: Purpose | None = None
    state_from: TransferState | None = None
    state_to: TransferState | None = None
    counts: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands in its chain, and its hash."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first place where a chain does not hold: the line, and what is wrong with it."""

    organization_id: UUID
    seq: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a walk over an organization's whole chain found."""

    organization_id: UUID
    events: int
    head: str
    first_break: Break | None
    #: The hashes of the lines that were asked for, as far as the chain holds.
    hashes: Mapping[int, str] = field(default_factory=dict)


_HEADS = table_of(AuditHead)
_HEAD = (
    select(_HEADS.c.seq, _HEADS.c.hash)
    .where(_HEADS.c.organization_id == bindparam("the_organization"))
    .with_for_update()
)
_MOVE_HEAD = update(_HEADS).where(_HEADS.c.organization_id == bindparam("the_organization"))
_APPEND = insert(table_of(Event))
_OUTCOME = select(Event).where(
    Event.command_id == bindparam("the_command", type_=Id),
    Event.action == bindparam("the_action", type_=Text),
    Event.side.is_(None),
)


def append(session: Session, *entries: Entry) -> list[Place]:
    """
    Append lines to their organization's chain, and say where each stands.

    Call it last: it locks the head until the commit.
    """
    organization_id = entries[0].organization_id
    head = session.execute(_HEAD, {"the_organization": organization_id}).one()
    seq, previous = head.seq, head.hash
    lines = []
    for entry in entries:
        seq += 1
        line = {name: getattr(entry, name, None) for name in _COLUMNS} | {"seq": seq, "prev_hash": previous}
        previous = _hash(line)
        lines.append(line | {"hash": previous})
    session.execute(_APPEND, lines)
    session.execute(_MOVE_HEAD, {"the_organization": organization_id, "seq": seq, "hash": previous})
    return [Place(line["seq"], line["hash"]) for line in lines]


def start(session: Session, organization_id: UUID) -> None:
    """Begin an organization's chain."""
    session.execute(insert(AuditHead).values(organization_id=organization_id, seq=0, hash=GENESIS))


def outcome_of(session: Session, command_id: UUID, action: str) -> Event | None:
    """Find the line that a command has written, so that its repetition gets the same answer (MOVE-3)."""
    given = {"the_command": command_id, "the_action": action}
    return session.scalars(_OUTCOME, given).one_or_none()


def verify(
    session: Session,
    organization_id: UUID,
    *,
    wanted: Collection[int] = (),
    told: Callable[[int], object] = lambda _done: None,
) -> Verification:
    """
    Walk an organization's whole chain and name its first break (AUD-2).

    Args:
        session: A snapshot, so that the head is that of the lines.
        organization_id: Whose chain.
        wanted: The lines whose hashes are to be given.
        told: Called after every thousand lines with how many were read.
    """
    previous, expected = GENESIS, 1
    found: Break | None = None
    hashes: dict[int, str] = {}
    # Closed at a break too: on PostgreSQL a cursor stands open on the server.
    with closing(lines(session, organization_id)) as every:
        for line in every:
            flaw = _flaw(line, previous, expected)
            if flaw is not None:
                found = Break(organization_id=organization_id, seq=line["seq"], what=flaw)
                break
            previous, expected = line["hash"], expected + 1
            if line["seq"] in wanted:
                hashes[line["seq"]] = previous
            if line["seq"] % _BATCH == 0:
                told(line["seq"])
        else:
            if head(session, organization_id) != Place(expected - 1, previous):
                found = Break(organization_id=organization_id, seq=expected, what="the end is missing")
    return Verification(
        organization_id=organization_id, events=expected - 1, head=previous, first_break=found, hashes=hashes
    )


def lines(
    session: Session, organization_id: UUID, seq: int | None = None
) -> Generator[dict[str, Any], None, None]:
    """Give the lines of a log in order, or one of them, each as plain values with its hash."""
    # As the driver gives them: a value that no column may hold is a line that was changed, not a fault.
    raw = [type_coerce(column, NullType()).label(column.name) for column in Event.__table__.columns]
    query = (
        select(*raw)
        .where(Event.organization_id == organization_id, true() if seq is None else Event.seq == seq)
        .order_by(Event.seq)
        .execution_options(yield_per=_BATCH)
    )
    with session.execute(query) as rows:
        for row in rows.mappings():
            line = {name: _plain(value) for name, value in row.items()}
            yield line | {"at": f"{str(line['at']).removesuffix('Z').removesuffix('+00:00')}+00:00"}


def head(session: Session, organization_id: UUID) -> Place:
    """Give the last line of a log."""
    found = session.execute(
        select(AuditHead.seq, AuditHead.hash).where(AuditHead.organization_id == organization_id)
    ).one_or_none()
    return Place(0, GENESIS) if found is None else Place(found.seq, found.hash)


def _flaw(line: Mapping[str, Any], previous: str, expected: int) -> str | None:
    if line["seq"] != expected:
        return f"missing line {expected}"
    if line["prev_hash"] != previous:
        return "does not follow the line before"
    if line["hash"] != _hash({name: line[name] for name in _COLUMNS}):
        return "was changed"
    return None


def line_hash(session: Session, organization_id: UUID, seq: int) -> str | None:
    """Hash one line of a log again; ``None`` where there is none."""
    found = list(lines(session, organization_id, seq))
    return _hash({name: found[0][name] for name in _COLUMNS}) if found else None


def organizations(session: Session) -> list[tuple[UUID, str]]:
    """List every organization that has a chain, with its name."""
    rows = session.execute(select(Organization.id, Organization.name).order_by(Organization.name))
    return [(organization_id, name) for organization_id, name in rows]


def counts_text(counts: Iterable[ClassCount]) -> str:
    """Write counts by class and outcome as canonical JSON, without what is nobody's business (VIS-6)."""
    shown: dict[str, dict[str, int]] = {}
    for line in counts:
        if line.item_class not in UNCOUNTED:
            shown.setdefault(line.item_class.value, {})[line.outcome.value] = line.count
    return rfc8785.dumps(shown).decode()


def _hash(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps({name: _plain(value) for name, value in line.items()})).hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column's value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, UUID):
        return str(value)
    return value.value if isinstance(value, StrEnum) else value
