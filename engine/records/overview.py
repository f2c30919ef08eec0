"""What coordinators see of practitioners, and may look for: names and numbers, no content (VIS-1, VIS-2)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Select, and_, false, func, select, true
from sqlalchemy.orm import Session

from engine.records.tables.base import HoldingState
from engine.records.tables.people import Member, MemberRole
from engine.records.tables.records import Holding, Record
from engine.records.tables.transfers import Transfer
from engine.rules.facts import RecordStatus
from engine.states.choices import Role
from engine.states.transfer import OPEN_STATES, TransferState

_IN_USE: Final = and_(Holding.state == HoldingState.LIVE, Record.status == RecordStatus.ACTIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caseload:
    """A practitioner in numbers: active records, and open transfers to them and from them."""

    member: Member
    institutional: int
    confidential: int
    transfers_in: int
    transfers_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecord:
    """An institutional record in use, with what a coordinator needs to name it in a transfer."""

    id: UUID
    number: str
    title: str
    open_transfer_id: UUID | None


def caseloads(session: Session, organization_id: UUID) -> list[Caseload]:
    """
    Count for each active practitioner, and for whoever else still has active records (ROLE-6), by name.

    Four queries, however many people there are.
    """
    institutional = _records(session, organization_id, confidential=False)
    confidential = _records(session, organization_id, confidential=True)
    incoming, outgoing = _transfers_in(session, organization_id), _transfers_out(session, organization_id)
    practises = select(MemberRole).where(
        MemberRole.member_id == Member.id, MemberRole.role == Role.PRACTITIONER, Member.active.is_(true())
    )
    rows = session.execute(
        select(Member, practises.exists())
        .where(Member.organization_id == organization_id)
        .order_by(Member.last_name, Member.first_name, Member.id)
    )
    return [
        Caseload(
            member=member,
            institutional=institutional.get(member.id, 0),
            confidential=confidential.get(member.id, 0),
            transfers_in=incoming.get(member.id, 0),
            transfers_out=outgoing.get(member.id, 0),
        )
        for member, practitioner in rows
        if practitioner or member.id in institutional or member.id in confidential
    ]


def _records(session: Session, organization_id: UUID, *, confidential: bool) -> dict[UUID, int]:
    kind = Holding.confidential.is_(true() if confidential else false())
    query = (
        select(Holding.owner_id, func.count())
        .join(Record, Record.id == Holding.record_id)
        .where(Holding.organization_id == organization_id, _IN_USE, kind)
        .group_by(Holding.owner_id)
    )
    return _by_member(session, query)


def _transfers_in(session: Session, organization_id: UUID) -> dict[UUID, int]:
    """Count what waits for each member's answer; who no longer is asked has nothing open."""
    asked = Transfer.state.in_(OPEN_STATES - {TransferState.COORDINATOR_OVERRIDE})
    query = (
        select(Transfer.to_id, func.count())
        .where(Transfer.organization_id == organization_id, asked)
        .group_by(Transfer.to_id)
    )
    return _by_member(session, query)


def _transfers_out(session: Session, organization_id: UUID) -> dict[UUID, int]:
    query = (
        select(Transfer.from_id, func.count())
        .where(Transfer.organization_id == organization_id, Transfer.state.in_(OPEN_STATES))
        .group_by(Transfer.from_id)
    )
    return _by_member(session, query)


def _by_member(session: Session, query: Select[UUID, int]) -> dict[UUID, int]:
    return {row[0]: row[1] for row in session.execute(query)}


def left_records(session: Session, organization_id: UUID) -> int:
    """Count the active records of members who are no longer active (ROLE-6)."""
    query = (
        select(func.count())
        .select_from(Holding)
        .join(Record, Record.id == Holding.record_id)
        .join(Member, Member.id == Holding.owner_id)
        .where(Holding.organization_id == organization_id, _IN_USE, Member.active.is_(false()))
    )
    return session.scalar(query) or 0


def find(session: Session, organization_id: UUID, owner_id: UUID, words: str) -> Sequence[FoundRecord]:
    """
    Find the institutional records in use of one owner by title or number, in order of number (VIS-2).

    A confidential one is never read, so that nothing it says can change an answer. Letters are compared here,
    since the two databases fold them differently: a caseload is what one person holds.
    """
    rows = session.execute(
        select(Record.id, Record.number, Holding.title, Transfer.id)
        .join(Holding, Holding.record_id == Record.id)
        .outerjoin(Transfer, and_(Transfer.record_id == Record.id, Transfer.state.in_(OPEN_STATES)))
        .where(
            Holding.organization_id == organization_id,
            Holding.owner_id == owner_id,
            Holding.confidential.is_(false()),
            _IN_USE,
        )
        .order_by(Record.number)
    )
    wanted = folded(words)
    return [
        FoundRecord(id=record_id, number=number, title=title, open_transfer_id=transfer_id)
        for record_id, number, title, transfer_id in rows
        if wanted in folded(title) or wanted in folded(number)
    ]


def folded(text: str) -> str:
    """Take case, accents and superfluous spaces out of a text, so that "anxiete" finds "Anxiété"."""
    apart = unicodedata.normalize("NFKD", " ".join(text.split()).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()
