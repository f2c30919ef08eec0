"""Read what the rules judge: members, records, policies and transfers, as plain facts."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, false, func, select, true
from sqlalchemy.orm import Session, aliased

from engine.records import openings
from engine.records.tables.base import HoldingState, table_of
from engine.records.tables.items import RawDatum
from engine.records.tables.people import Member, MemberRole, Organization, Policy, RawDataTitle, Restriction
from engine.records.tables.records import Holding, Record, RecordClient, Share
from engine.records.tables.transfers import Asking, FreeText, Transfer
from engine.records.types import Id, Instant
from engine.rules.facts import MemberFacts, PolicyFacts, RecordFacts, Relation, TransferFacts, same_title
from engine.rules.transfers import could_take_over
from engine.states.choices import Options, Role
from engine.states.transfer import OPEN_STATES, TransferState


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """An organization's times: how long an answer may take, when to remind, and where its days end."""

    answer_within: timedelta
    reminders: Sequence[timedelta]
    #: How often what waits for a coordinator is brought to mind.
    remind_coordinators: timedelta
    time_zone: str


@dataclass(frozen=True, slots=True)
class ReadTransfer:
    """A transfer's row, as the rules see it, and who was asked before."""

    row: Transfer
    facts: TransferFacts
    before: Sequence[Asking]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long an organization keeps what was excluded, and a record after its last service (MOVE-6)."""

    grace_days: int
    retention_years: int
    time_zone: str


_MEMBERS = (
    select(
        Member.id,
        Member.organization_id,
        Member.active,
        Member.title,
        Member.accepts_records,
        MemberRole.role,
    )
    .outerjoin(MemberRole, MemberRole.member_id == Member.id)
    .where(Member.id.in_(bindparam("member_ids", type_=Id, expanding=True)))
)
_COPY = aliased(Holding)
_OPENED = aliased(Holding)


def _records(actor_id: ColumnElement[UUID], asked: Any = None) -> Select[Any]:  # noqa: ANN401 - an alias
    """Select records in use with what somebody is to each; or those of transfers, with who is asked."""
    more = () if asked is None else (asked.id.label("for_transfer"), asked.to_id.label("for_member"))
    columns: tuple[Any, ...] = (
        Record.id,
        Record.organization_id,
        Record.status,
        Record.legal_hold,
        Holding.owner_id,
        Holding.confidential,
        Member.active.label("owner_active"),
        Transfer.id.label("open_transfer_id"),
        Transfer.to_id,
        Transfer.state.label("transfer_state"),
        Share.level.label("share_level"),
        Share.approval.label("share_approval"),
        exists().where(RawDatum.holding_id == Holding.id).label("has_raw_data"),
        exists()
        .where(MemberRole.member_id == actor_id, MemberRole.role == Role.PRACTITIONER)
        .label("practises"),
        exists()
        .where(
            _COPY.record_id == Record.id,
            _COPY.owner_id == actor_id,
            _COPY.state == HoldingState.ARCHIVED,
        )
        .label("holds_copy"),
        exists()
        .where(
            _OPENED.record_id == Record.id,
            _OPENED.state == HoldingState.ARCHIVED,
            openings.stands(_OPENED, actor_id, bindparam("the_instant", type_=Instant)),
        )
        .label("reads_copy"),
        *more,
    )
    query: Select[Any] = select(*columns)
    if asked is not None:
        query = query.select_from(asked).join(Record, Record.id == asked.record_id)
    return (
        query.join(Holding, and_(Holding.record_id == Record.id, Holding.state == HoldingState.LIVE))
        .join(Member, Member.id == Holding.owner_id)
        .outerjoin(Transfer, and_(Transfer.record_id == Record.id, Transfer.state.in_(sorted(OPEN_STATES))))
        .outerjoin(
            Share,
            and_(Share.record_id == Record.id, Share.member_id == actor_id, Share.ended_at.is_(None)),
        )
    )


_ACTOR = bindparam("actor_id", type_=Id)
_RECORD = _records(_ACTOR).where(Record.id == bindparam("record_id", type_=Id))
_RESTRICTIONS = (
    select(Restriction.member_id, Restriction.title)
    .join(RecordClient, RecordClient.client_id == Restriction.client_id)
    .where(RecordClient.record_id == bindparam("record_id", type_=Id), Restriction.ended_at.is_(None))
)


def _restrictions(chosen: Select[Any]) -> Select[Any]:
    columns: tuple[Any, ...] = (RecordClient.record_id, Restriction.member_id, Restriction.title)
    return (
        select(*columns)
        .join(Restriction, Restriction.client_id == RecordClient.client_id)
        .where(RecordClient.record_id.in_(chosen), Restriction.ended_at.is_(None))
    )


_TRANSFER_IDS = bindparam("transfer_ids", type_=Id, expanding=True)
_ASKED = aliased(Transfer)
_RECORDS_ASKED = _records(_ASKED.to_id.expression, _ASKED).where(_ASKED.id.in_(_TRANSFER_IDS))
_RESTRICTIONS_ASKED = _restrictions(select(Transfer.record_id).where(Transfer.id.in_(_TRANSFER_IDS)))
_ASKINGS = select(Asking).where(Asking.transfer_id.in_(_TRANSFER_IDS)).order_by(Asking.version)
_TRANSFERS = (
    select(
        Transfer,
        Member.active,
        func.coalesce(FreeText.basis_for_anybody, false()),
        exists().where(Asking.transfer_id == Transfer.id),
    )
    .join(Member, Member.id == Transfer.from_id)
    .outerjoin(FreeText, FreeText.id == Transfer.basis_id)
    .execution_options(populate_existing=True)
)
_SEVERAL_TRANSFERS = _TRANSFERS.where(Transfer.id.in_(_TRANSFER_IDS))
_TRANSFER = _TRANSFERS.where(Transfer.id == bindparam("transfer_id", type_=Id))


_POLICY_TABLE, _ORGANIZATION = table_of(Policy), table_of(Organization)
_TITLES = select(table_of(RawDataTitle).c.title).where(
    table_of(RawDataTitle).c.organization_id == bindparam("the_organization", type_=Id)
)
_POLICY = select(
    _POLICY_TABLE.c.basis_required, _POLICY_TABLE.c.impose_allowed, _POLICY_TABLE.c.coordinator_may_receive
).where(_POLICY_TABLE.c.organization_id == bindparam("the_organization", type_=Id))
_SCHEDULE = (
    select(
        _POLICY_TABLE.c.answer_within,
        _POLICY_TABLE.c.reminders,
        _POLICY_TABLE.c.remind_coordinators,
        _ORGANIZATION.c.time_zone,
    )
    .join(_ORGANIZATION, _ORGANIZATION.c.id == _POLICY_TABLE.c.organization_id)
    .where(_POLICY_TABLE.c.organization_id == bindparam("the_organization", type_=Id))
)


def member(session: Session, member_id: UUID) -> MemberFacts | None:
    """Read one member with their roles."""
    return members(session, [member_id]).get(member_id)


def members(session: Session, member_ids: Iterable[UUID]) -> dict[UUID, MemberFacts]:
    """Read members with their roles, in one statement."""
    rows = session.execute(_MEMBERS, {"member_ids": list(member_ids)}).all()
    roles: defaultdict[UUID, set[Role]] = defaultdict(set)
    for row in rows:
        if row.role is not None:
            roles[row.id].add(row.role)
    return {
        row.id: MemberFacts(
            id=row.id,
            organization_id=row.organization_id,
            active=row.active,
            roles=frozenset(roles[row.id]),
            title=row.title,
            accepts_records=row.accepts_records,
        )
        for row in rows
    }


def practitioners(session: Session, organization_id: UUID) -> list[MemberFacts]:
    """Read the active practitioners of an organization."""
    ids = session.scalars(
        select(Member.id)
        .join(MemberRole, MemberRole.member_id == Member.id)
        .where(
            Member.organization_id == organization_id,
            Member.active.is_(true()),
            MemberRole.role == Role.PRACTITIONER,
        )
    ).all()
    found = members(session, ids)
    return [found[member_id] for member_id in ids]


def others_could(
    session: Session, record: RecordFacts, policy: PolicyFacts, options: Options, *, but: frozenset[UUID]
) -> bool:
    """Say whether anybody else could take over a record, where a coordinator would receive it (ELIG-9)."""
    members = practitioners(session, record.organization_id) if policy.coordinator_may_receive else []
    return could_take_over(members, record, policy, options, but=but)


def record(session: Session, record_id: UUID, actor_id: UUID) -> RecordFacts | None:
    """Read one record with its live holding, its restrictions and what the actor is to it."""
    given = {"record_id": record_id, "actor_id": actor_id, "the_instant": datetime.now(UTC)}
    row = session.execute(_RECORD, given).one_or_none()
    if row is None:
        return None
    restrictions = session.execute(_RESTRICTIONS, {"record_id": record_id}).all()
    return _record_facts(row, actor_id, restrictions)


def records(session: Session, chosen: Select[Any], actor_id: UUID) -> dict[UUID, RecordFacts]:
    """Read the selected records as one actor stands to each, in two statements."""
    given = {"actor_id": actor_id, "the_instant": datetime.now(UTC)}
    restrictions = _gathered(session.execute(_restrictions(chosen)))
    rows = session.execute(_records(_ACTOR).where(Record.id.in_(chosen)), given).all()
    return {row.id: _record_facts(row, actor_id, restrictions[row.id]) for row in rows}


def records_asked(session: Session, transfer_ids: Iterable[UUID]) -> dict[UUID, RecordFacts]:
    """Read the records of transfers, as whoever is asked stands to each, by transfer, in two statements."""
    given = {"transfer_ids": list(transfer_ids)}
    restrictions = _gathered(session.execute(_RESTRICTIONS_ASKED, given))
    rows = session.execute(_RECORDS_ASKED, given | {"the_instant": datetime.now(UTC)}).all()
    return {row.for_transfer: _record_facts(row, row.for_member, restrictions[row.id]) for row in rows}


def _gathered(rows: Iterable[Any]) -> defaultdict[UUID, list[Any]]:
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.record_id].append(row)
    return found


def _record_facts(row: Any, actor_id: UUID, restrictions: Sequence[Any]) -> RecordFacts:  # noqa: ANN401 - rows
    if not row.practises:
        # What somebody is to a record they are as a practitioner; without the role they are nothing (ROLE-5).
        relation = Relation.NOBODY
    elif row.owner_id == actor_id:
        relation = Relation.OWNER
    elif row.transfer_state is TransferState.PENDING_ACCEPTANCE and row.to_id == actor_id:
        relation = Relation.NEW_OWNER
    elif row.share_level is not None:
        relation = Relation.COLLABORATOR
    elif row.holds_copy:
        relation = Relation.PREVIOUS_OWNER
    else:
        relation = Relation.READER if row.reads_copy else Relation.NOBODY
    return RecordFacts(
        id=row.id,
        organization_id=row.organization_id,
        status=row.status,
        owner_id=row.owner_id,
        owner_active=row.owner_active,
        confidential=row.confidential,
        legal_hold=row.legal_hold,
        has_raw_data=bool(row.has_raw_data),
        restricted_members=frozenset(r.member_id for r in restrictions if r.member_id is not None),
        restricted_titles=frozenset(same_title(r.title) for r in restrictions if r.title is not None),
        open_transfer_id=row.open_transfer_id,
        relation=relation,
        share_level=row.share_level,
        share_approval=bool(row.share_approval),
    )


def policy(session: Session, organization_id: UUID) -> PolicyFacts:
    """Read the choices of an organization that eligibility depends on."""
    given = {"the_organization": organization_id}
    titles = session.scalars(_TITLES, given)
    row = session.execute(_POLICY, given).one()
    return PolicyFacts(
        raw_data_titles=frozenset(titles),
        basis_required=row.basis_required,
        impose_allowed=row.impose_allowed,
        coordinator_may_receive=row.coordinator_may_receive,
    )


def client_choices(session: Session, organization_id: UUID) -> tuple[bool, bool]:
    """Say whether clients are told who is responsible now, and whether cancellations are held (NOTE-2)."""
    row = session.execute(
        select(Policy.announce_practitioner, Policy.hold_cancellations).where(
            Policy.organization_id == organization_id
        )
    ).one()
    return row.announce_practitioner, row.hold_cancellations


def schedule(session: Session, organization_id: UUID) -> Schedule:
    """Read the times of an organization."""
    row = session.execute(_SCHEDULE, {"the_organization": organization_id}).one()
    return Schedule(
        answer_within=timedelta(seconds=row.answer_within),
        reminders=[timedelta(seconds=after) for after in json.loads(row.reminders)],
        remind_coordinators=timedelta(seconds=row.remind_coordinators),
        time_zone=row.time_zone,
    )


def retention(session: Session, organization_id: UUID) -> Retention:
    """Read how long an organization keeps things; its days and years are those of its time zone."""
    row = session.execute(
        select(Policy.grace_days, Policy.retention_years, Organization.time_zone)
        .join(Organization, Organization.id == Policy.organization_id)
        .where(Policy.organization_id == organization_id)
    ).one()
    return Retention(grace_days=row.grace_days, retention_years=row.retention_years, time_zone=row.time_zone)


def transfer(session: Session, transfer_id: UUID) -> TransferFacts | None:
    """Read one transfer's row, as the rules see it."""
    found = transfer_with_row(session, transfer_id)
    return None if found is None else found[1]


def transfer_with_row(session: Session, transfer_id: UUID) -> tuple[Transfer, TransferFacts] | None:
    """Read one transfer's row afresh, whole and as the rules see it."""
    found = session.execute(_TRANSFER, {"transfer_id": transfer_id}).one_or_none()
    if found is None:
        return None
    row, owner_active, for_anybody, replaced = found
    query = select(Asking).where(Asking.transfer_id == row.id).order_by(Asking.version)
    before = session.scalars(query).all() if replaced else []
    return row, _facts_of(row, before, owner_active=owner_active, basis_for_anybody=bool(for_anybody))


def transfers(session: Session, transfer_ids: Iterable[UUID]) -> dict[UUID, ReadTransfer]:
    """Read transfers' rows afresh, whole and as the rules see them, in two statements."""
    given = {"transfer_ids": list(transfer_ids)}
    before: defaultdict[UUID, list[Asking]] = defaultdict(list)
    for asking in session.scalars(_ASKINGS, given):
        before[asking.transfer_id].append(asking)
    return {
        row.id: ReadTransfer(
            row,
            _facts_of(row, before[row.id], owner_active=owner_active, basis_for_anybody=bool(for_anybody)),
            before[row.id],
        )
        for row, owner_active, for_anybody, _ in session.execute(_SEVERAL_TRANSFERS, given)
    }


def open_transfers(session: Session, records: Select[Any]) -> dict[UUID, TransferFacts]:
    """Read the open transfer of each of the selected records that has one, by record, in two queries."""
    is_open = and_(Transfer.record_id.in_(records), Transfer.state.in_(sorted(OPEN_STATES)))
    before: defaultdict[UUID, list[Asking]] = defaultdict(list)
    query = select(Asking).join(Transfer, Transfer.id == Asking.transfer_id).where(is_open)
    for asking in session.scalars(query.order_by(Asking.version)):
        before[asking.transfer_id].append(asking)
    return {
        row.record_id: _facts_of(
            row, before[row.id], owner_active=owner_active, basis_for_anybody=bool(for_anybody)
        )
        for row, owner_active, for_anybody, _ in session.execute(_TRANSFERS.where(is_open))
    }


def _facts_of(
    row: Transfer, before: Sequence[Asking], *, owner_active: bool, basis_for_anybody: bool
) -> TransferFacts:
    choosers = {row.reassigned_by_id, *(asking.reassigned_by_id for asking in before)}
    return TransferFacts(
        id=row.id,
        organization_id=row.organization_id,
        record_id=row.record_id,
        state=row.state,
        version=row.version,
        from_id=row.from_id,
        to_id=row.to_id,
        asked_by_id=row.asked_by_id,
        asked_role=row.asked_role,
        purpose=row.purpose,
        options=options_of(row),
        has_basis=row.basis_id is not None,
        owner_active=owner_active,
        decided_by_id=row.decided_by_id,
        stuck=row.stuck_cause is not None,
        respond_by=row.respond_by,
        first_to_id=before[0].member_id if before else row.to_id,
        formerly_asked=frozenset(asking.member_id for asking in before) - {row.to_id},
        reassigned_by_id=row.reassigned_by_id,
        reassigned_by=frozenset(chooser for chooser in choosers if chooser is not None),
        basis_for_anybody=basis_for_anybody,
        imposed=row.imposed,
    )


def options_of(row: Transfer) -> Options:
    """Give what the one who asked chose to move."""
    return Options(
        include_confidential=row.include_confidential, raw_data=row.raw_data, keep_copy=row.keep_copy
    )
