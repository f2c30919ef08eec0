"""Read a caseload for its plan: any number of records by the same number of statements (BULK-2)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from engine.records import facts
from engine.records.handover import counted_by_record, counting
from engine.records.tables.base import HoldingState
from engine.records.tables.people import Member, MemberRole, Restriction
from engine.records.tables.records import Holding, Record, RecordClient
from engine.records.tables.transfers import Transfer
from engine.rules.bulk import BulkChoice, BulkPlan
from engine.rules.content import ContentClass
from engine.rules.facts import MemberFacts, RecordStatus, same_title
from engine.rules.people import check_coordinator
from engine.rules.planning import ASKING, Caseload, HeldRecord, Load, Planner


def plan_bulk(session: Session, actor: MemberFacts, choice: BulkChoice, now: datetime) -> BulkPlan:
    """
    Say what a caseload's transfer would do, record by record; nothing is written.

    Raises ``Denied``, ``NotFound`` or ``BadInput`` for what refuses a launch whole (BULK-1). A launch calls
    this inside its own transaction, and checks the fingerprint that it carries.
    """
    return plan_ahead(session, actor, choice, now).plan


@dataclass(frozen=True, slots=True)
class Ahead:
    """A plan made on a snapshot, with what it stands on; what is counted apart (BULK-2)."""

    plan: BulkPlan
    standing: Caseload
    loads: Mapping[UUID, Load]

    def holds(self, session: Session) -> bool:
        """
        Say whether who holds what, who may have it and who has how much is still the same.

        Cheap, and so fit for a transaction that others wait for: no item is counted again.
        """
        organization_id, source_id = self.plan.organization_id, self.plan.choice.from_id
        loads = _loads(session, list(self.loads))
        return (self.standing, self.loads) == (_caseload(session, organization_id, source_id, {}), loads)


def plan_ahead(session: Session, actor: MemberFacts, choice: BulkChoice, now: datetime) -> Ahead:
    """Make a plan, and remember what it stands on; see ``plan_bulk``."""
    check_coordinator(actor)
    counts = _counts(session, actor.organization_id, choice.from_id, now)
    caseload = _caseload(session, actor.organization_id, choice.from_id, counts)
    planner = Planner(actor, choice, caseload)
    loads = _loads(session, planner.recipients)
    standing = replace(caseload, held=[replace(record, items={}) for record in caseload.held])
    return Ahead(planner.plan(loads), standing, loads)


def _caseload(
    session: Session,
    organization_id: UUID,
    source_id: UUID,
    counts: Mapping[UUID, Counter[ContentClass]],
) -> Caseload:
    members, addresses = _members(session, organization_id)
    return Caseload(
        members=members,
        addresses=addresses,
        policy=facts.policy(session, organization_id),
        held=_held(session, organization_id, source_id, counts),
    )


def _members(
    session: Session, organization_id: UUID
) -> tuple[Mapping[UUID, MemberFacts], Mapping[str, UUID]]:
    rows = session.execute(
        select(Member.id, Member.email, Member.active, Member.title, Member.accepts_records, MemberRole.role)
        .outerjoin(MemberRole, MemberRole.member_id == Member.id)
        .where(Member.organization_id == organization_id)
    ).all()
    roles = defaultdict(set)
    for row in rows:
        if row.role is not None:
            roles[row.id].add(row.role)
    members = {
        row.id: MemberFacts(
            id=row.id,
            organization_id=organization_id,
            active=row.active,
            roles=frozenset(roles[row.id]),
            title=row.title,
            accepts_records=row.accepts_records,
        )
        for row in rows
    }
    return members, {row.email: row.id for row in rows}


def _held(
    session: Session,
    organization_id: UUID,
    source_id: UUID,
    counts: Mapping[UUID, Counter[ContentClass]],
) -> Sequence[HeldRecord]:
    """Read every record in the source's hands."""
    clients = _clients(session, organization_id, source_id)
    members, titles = _restrictions(session, organization_id, source_id)
    transfers = facts.open_transfers(session, _in_hands(Holding.record_id, organization_id, source_id))
    nobody: frozenset[UUID] = frozenset()
    return [
        HeldRecord(
            id=row.id,
            number=row.number,
            status=row.status,
            confidential=row.confidential,
            legal_hold=row.legal_hold,
            clients=frozenset(clients.get(row.id, nobody)),
            restricted_members=frozenset(members.get(row.id, nobody)),
            restricted_titles=frozenset(titles.get(row.id, ())),
            items=counts.get(row.id, {}),
            open=transfers.get(row.id),
        )
        for row in session.execute(_records(organization_id, source_id))
    ]


def _in_hands(column: Any, organization_id: UUID, source_id: UUID) -> Select[Any]:  # noqa: ANN401 - a column
    # The wall stands in the statement (VIS-8): whose caseload it is was only named by the one who asks.
    query: Select[Any] = select(column).where(
        Holding.owner_id == source_id,
        Holding.state == HoldingState.LIVE,
        Holding.organization_id == organization_id,
    )
    return query


def _records(organization_id: UUID, source_id: UUID) -> Select[Any]:
    columns: tuple[Any, ...] = (
        Record.id,
        Record.number,
        Record.status,
        Record.legal_hold,
        Holding.confidential,
    )
    return (
        select(*columns)
        .join(Holding, Holding.record_id == Record.id)
        .where(Holding.id.in_(_in_hands(Holding.id, organization_id, source_id)))
        .order_by(Record.id)
    )


def _clients(session: Session, organization_id: UUID, source_id: UUID) -> Mapping[UUID, set[UUID]]:
    found = defaultdict(set)
    query = select(RecordClient.record_id, RecordClient.client_id).where(
        RecordClient.record_id.in_(_in_hands(Holding.record_id, organization_id, source_id))
    )
    for record_id, client_id in session.execute(query):
        found[record_id].add(client_id)
    return found


def _restrictions(
    session: Session, organization_id: UUID, source_id: UUID
) -> tuple[Mapping[UUID, set[UUID]], Mapping[UUID, set[str]]]:
    """Read whom the clients do not want, by record: members and titles (ELIG-4)."""
    members, titles = defaultdict(set), defaultdict(set)
    query = (
        select(RecordClient.record_id, Restriction.member_id, Restriction.title)
        .join(Restriction, Restriction.client_id == RecordClient.client_id)
        .where(
            RecordClient.record_id.in_(_in_hands(Holding.record_id, organization_id, source_id)),
            Restriction.ended_at.is_(None),
        )
    )
    for row in session.execute(query):
        if row.member_id is not None:
            members[row.record_id].add(row.member_id)
        if row.title is not None:
            titles[row.record_id].add(same_title(row.title))
    return members, titles


def _counts(
    session: Session, organization_id: UUID, source_id: UUID, now: datetime
) -> Mapping[UUID, Counter[ContentClass]]:
    """Count by record and class, from the one list of classes that the hand-over reads too."""
    holdings = _in_hands(Holding.id, organization_id, source_id)
    records = _in_hands(Holding.record_id, organization_id, source_id)
    return counted_by_record(session.execute(counting(holdings, records, now)))


def _loads(session: Session, recipients: Sequence[UUID]) -> Mapping[UUID, Load]:
    """Count the active records of each recipient, and those that they are being asked for."""
    active = (
        select(Holding.owner_id, func.count())
        .join(Record, Record.id == Holding.record_id)
        .where(
            Holding.owner_id.in_(recipients),
            Holding.state == HoldingState.LIVE,
            Record.status == RecordStatus.ACTIVE,
        )
        .group_by(Holding.owner_id)
    )
    asked = (
        select(Transfer.to_id, func.count())
        .where(Transfer.to_id.in_(recipients), Transfer.state.in_(sorted(ASKING)))
        .group_by(Transfer.to_id)
    )
    has = {row[0]: row[1] for row in session.execute(active)}
    is_asked = {row[0]: row[1] for row in session.execute(asked)}
    return {who: Load(active=has.get(who, 0), asked=is_asked.get(who, 0)) for who in recipients}
