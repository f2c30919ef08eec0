"""Write organizations, members, clients and their restrictions; read who they are."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Select, delete, exists, insert, select, update
from sqlalchemy.orm import Session

from engine.errors import BadInput
from engine.records.tables.people import (
    Client,
    Member,
    MemberRole,
    Organization,
    Policy,
    RawDataTitle,
    Restriction,
)
from engine.records.tables.records import RecordClient
from engine.records.writing import line_of
from engine.rules import policies
from engine.rules.facts import same_title
from engine.states.choices import Role

_LONGEST_BASIS = 20_000
LANGUAGES = frozenset({"fr", "en"})


def add_organization(session: Session, *, name: str, language: str, time_zone: str, now: datetime) -> UUID:
    """Write an organization with the cautious policies. Raises ``BadInput``."""
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput("time_zone") from None
    _check_language(language)
    name = line_of(name, "name")
    if session.scalar(select(exists().where(Organization.name == name))):
        raise BadInput("organization_exists")
    organization_id = uuid4()
    session.execute(
        insert(Organization).values(
            id=organization_id, name=name, language=language, time_zone=time_zone, created_at=now
        )
    )
    session.execute(
        insert(Policy).values(
            organization_id=organization_id,
            answer_within=0,
            reminders="[]",
            basis_required=False,
        )
    )
    set_policies(session, organization_id, {policy.name: policy.default for policy in policies.TABLE})
    return organization_id


def set_policies(session: Session, organization_id: UUID, values: Mapping[str, policies.Value]) -> None:
    """Change an organization's choices; what is not named stays as it is. Raises ``BadInput``."""
    changes: dict[str, Any] = {}
    for name, value in values.items():
        checked = policies.checked(policies.BY_NAME[name], value)
        changes[name] = policies.number(checked) if isinstance(checked, timedelta) else checked
    if "reminders" in changes:
        changes["reminders"] = json.dumps(sorted(policies.number(after) for after in changes["reminders"]))
    titles = changes.pop("raw_data_titles", None)
    if changes:
        session.execute(update(Policy).where(Policy.organization_id == organization_id).values(**changes))
    if titles is not None:
        session.execute(delete(RawDataTitle).where(RawDataTitle.organization_id == organization_id))
        for title in sorted({same_title(line_of(title, "title")) for title in titles}):
            session.execute(insert(RawDataTitle).values(organization_id=organization_id, title=title))


def policies_of(session: Session, organization_id: UUID) -> dict[str, policies.Value]:
    """Read every choice of an organization."""
    row = session.get_one(Policy, organization_id, populate_existing=True)
    titles = session.scalars(
        select(RawDataTitle.title)
        .where(RawDataTitle.organization_id == organization_id)
        .order_by(RawDataTitle.title)
    )
    return {
        "answer_within": timedelta(seconds=row.answer_within),
        "reminders": [timedelta(seconds=after) for after in json.loads(row.reminders)],
        "basis_required": row.basis_required,
        "raw_data_titles": list(titles),
        "impose_allowed": row.impose_allowed,
        "coordinator_may_receive": row.coordinator_may_receive,
        "remind_coordinators": timedelta(seconds=row.remind_coordinators),
        "announce_practitioner": row.announce_practitioner,
        "hold_cancellations": row.hold_cancellations,
        "grace_days": row.grace_days,
        "retention_years": row.retention_years,
    }


def add_member(  # noqa: PLR0913 - who a member is
    session: Session,
    organization_id: UUID,
    *,
    email: str,
    first_name: str,
    last_name: str,
    title: str,
    language: str,
    roles: Iterable[Role],
    now: datetime,
) -> UUID:
    """Write a member with their roles. Raises ``BadInput``."""
    email = address_of(email)
    _check_language(language)
    if session.scalar(
        select(exists().where(Member.organization_id == organization_id, Member.email == email))
    ):
        raise BadInput("member_exists")
    member_id = uuid4()
    session.execute(
        insert(Member).values(
            id=member_id,
            organization_id=organization_id,
            email=email,
            first_name=line_of(first_name, "first_name"),
            last_name=line_of(last_name, "last_name"),
            title=title.strip(),
            language=language,
            active=True,
            accepts_records=True,
            created_at=now,
        )
    )
    for role in sorted(set(roles)):
        session.execute(insert(MemberRole).values(member_id=member_id, role=role))
    return member_id


def change_member(session: Session, member_id: UUID, **values: Any) -> None:  # noqa: ANN401 - columns
    """Change what a member is: whether they are active, their title, language… Raises ``BadInput``."""
    if "title" in values:
        values["title"] = line_of(values["title"], "title")
    if "language" in values:
        _check_language(values["language"])
    session.execute(
        update(Member)
        .where(Member.id == member_id)
        .values(**values)
        .execution_options(synchronize_session="fetch")
    )


def grant_role(session: Session, member_id: UUID, role: Role) -> None:
    """Give a member a role that they do not hold."""
    session.execute(insert(MemberRole).values(member_id=member_id, role=role))


def revoke_role(session: Session, member_id: UUID, role: Role) -> None:
    """Take a role from a member."""
    session.execute(delete(MemberRole).where(MemberRole.member_id == member_id, MemberRole.role == role))


def members_by_email(session: Session, email: str) -> Sequence[tuple[Member, str]]:
    """Find the members with this address, one an organization, with their organization's name."""
    rows = session.execute(
        select(Member, Organization.name)
        .join(Organization, Organization.id == Member.organization_id)
        .where(Member.email == email.strip().lower())
        .order_by(Organization.name)
    )
    return [(member, name) for member, name in rows]


def members_of(session: Session, organization_id: UUID) -> Sequence[tuple[Member, list[Role]]]:
    """List an organization's members by name, with their roles."""
    members = session.scalars(
        select(Member)
        .where(Member.organization_id == organization_id)
        .order_by(Member.last_name, Member.first_name, Member.id)
    ).all()
    roles: dict[UUID, list[Role]] = {member.id: [] for member in members}
    for member_id, role in session.execute(
        select(MemberRole.member_id, MemberRole.role)
        .where(MemberRole.member_id.in_(roles))
        .order_by(MemberRole.role)
    ):
        roles[member_id].append(role)
    return [(member, roles[member.id]) for member in members]


def add_client(
    session: Session, organization_id: UUID, *, name: str, email: str | None, language: str, now: datetime
) -> UUID:
    """Write a client. Raises ``BadInput``."""
    _check_language(language)
    client_id = uuid4()
    session.execute(
        insert(Client).values(
            id=client_id,
            organization_id=organization_id,
            name=line_of(name, "client"),
            email=None if email is None else address_of(email),
            language=language,
            created_at=now,
        )
    )
    return client_id


def clients_of(session: Session, record_id: UUID) -> Sequence[Client]:
    """List the clients behind a record."""
    return session.scalars(
        select(Client)
        .join(RecordClient, RecordClient.client_id == Client.id)
        .where(RecordClient.record_id == record_id)
        .order_by(Client.name)
    ).all()


def clients_by_record(session: Session, chosen: Select[Any]) -> dict[UUID, list[str]]:
    """Give the names of the clients behind the selected records, in order, by record."""
    query = (
        select(RecordClient.record_id, Client.name)
        .join(Client, Client.id == RecordClient.client_id)
        .where(RecordClient.record_id.in_(chosen))
        .order_by(Client.name)
    )
    found: dict[UUID, list[str]] = {}
    for record_id, name in session.execute(query):
        found.setdefault(record_id, []).append(name)
    return found


def records_of_same_clients(session: Session, record_id: UUID) -> Sequence[UUID]:
    """List the records of a record's clients, itself among them (ELIG-4)."""
    clients = select(RecordClient.client_id).where(RecordClient.record_id == record_id)
    return session.scalars(
        select(RecordClient.record_id).where(RecordClient.client_id.in_(clients)).distinct()
    ).all()


def restrict(
    session: Session,
    client_id: UUID,
    *,
    member_id: UUID | None,
    title: str | None,
    set_by_id: UUID,
    basis: str,
    now: datetime,
) -> UUID:
    """Write who, or which title, may not become responsible for a client's records (ELIG-4)."""
    if (member_id is None) == (title is None):
        raise BadInput("member_or_title")
    if not basis.strip():
        raise BadInput("empty", field="basis")
    if len(basis) > _LONGEST_BASIS:
        raise BadInput("too_long", field="basis", most=_LONGEST_BASIS)
    title = None if title is None else line_of(title, "title")
    if any(_same(kept, member_id, title) for kept in _in_force(session, client_id)):
        raise BadInput("restricted_already")
    restriction_id = uuid4()
    session.execute(
        insert(Restriction).values(
            id=restriction_id,
            client_id=client_id,
            member_id=member_id,
            title=title,
            set_by_id=set_by_id,
            set_at=now,
            basis=basis.strip(),
        )
    )
    return restriction_id


def _in_force(session: Session, client_id: UUID) -> Sequence[Restriction]:
    return session.scalars(
        select(Restriction).where(Restriction.client_id == client_id, Restriction.ended_at.is_(None))
    ).all()


def _same(kept: Restriction, member_id: UUID | None, title: str | None) -> bool:
    if kept.title is None or title is None:
        return kept.member_id == member_id and kept.title == title
    return same_title(kept.title) == same_title(title)


def end_restriction(session: Session, restriction_id: UUID, *, ended_by_id: UUID, now: datetime) -> None:
    """End a restriction; the entry stays (ELIG-4)."""
    session.execute(
        update(Restriction)
        .where(Restriction.id == restriction_id, Restriction.ended_at.is_(None))
        .values(ended_at=now, ended_by_id=ended_by_id)
        .execution_options(synchronize_session="fetch")
    )


def restrictions_of(session: Session, record_id: UUID) -> Sequence[tuple[Restriction, str]]:
    """List the restrictions of a record's clients, ended ones too, with the client's name."""
    rows = session.execute(
        select(Restriction, Client.name)
        .join(Client, Client.id == Restriction.client_id)
        .join(RecordClient, RecordClient.client_id == Client.id)
        .where(RecordClient.record_id == record_id)
        .order_by(Restriction.set_at, Restriction.id)
    )
    return [(restriction, name) for restriction, name in rows]


def address_of(email: str) -> str:
    """Give an address as it is stored. Raises ``BadInput``."""
    email = email.strip().lower()
    name, at, domain = email.partition("@")
    if not (name and at and domain) or any(character.isspace() for character in email):
        raise BadInput("email")
    return email


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise BadInput("language")
