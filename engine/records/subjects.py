"""Read and write who members are for OpenID Connect issuers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, true
from sqlalchemy.orm import Session

from engine.errors import BadInput
from engine.records.tables.people import Member, MemberRole, Organization, Subject
from engine.records.writing import line_of
from engine.states.choices import Role

_LONGEST = 255


def members_of(session: Session, issuer: str, subject: str) -> Sequence[tuple[UUID, UUID]]:
    """Give the active members that an issuer knows by a subject, each with their organization."""
    rows = session.execute(
        select(Member.id, Member.organization_id)
        .join(Subject, Subject.member_id == Member.id)
        .where(Subject.issuer == issuer, Subject.subject == subject, Member.active.is_(true()))
        .order_by(Member.organization_id)
    )
    return [(member_id, organization_id) for member_id, organization_id in rows]


def link(
    session: Session, member_id: UUID, organization_id: UUID, issuer: str, subject: str, now: datetime
) -> None:
    """Say who a member is for an issuer, instead of what was said before. Raises ``BadInput``."""
    issuer, subject = line_of(issuer, "issuer"), line_of(subject, "subject")
    for name, value in (("issuer", issuer), ("subject", subject)):
        if len(value) > _LONGEST:
            raise BadInput("too_long", field=name, most=_LONGEST)
    taken = session.scalar(
        select(Subject.member_id).where(
            Subject.organization_id == organization_id,
            Subject.issuer == issuer,
            Subject.subject == subject,
            Subject.member_id != member_id,
        )
    )
    if taken is not None:
        raise BadInput("subject_taken")
    unlink(session, member_id)
    session.execute(
        insert(Subject).values(
            member_id=member_id,
            organization_id=organization_id,
            issuer=issuer,
            subject=subject,
            linked_at=now,
        )
    )


def unlink(session: Session, member_id: UUID) -> None:
    """Forget who a member is for any issuer."""
    session.execute(delete(Subject).where(Subject.member_id == member_id))


def link_of(session: Session, member_id: UUID) -> tuple[str, str] | None:
    """Give the issuer and the subject of a member, where they are linked."""
    row = session.execute(
        select(Subject.issuer, Subject.subject).where(Subject.member_id == member_id)
    ).one_or_none()
    return None if row is None else (row.issuer, row.subject)


def personas(session: Session) -> list[tuple[Member, str, list[Role]]]:
    """List the active members of every organization, for trying things out."""
    members = session.execute(
        select(Member, Organization.name)
        .join(Organization, Organization.id == Member.organization_id)
        .where(Member.active.is_(true()))
        .order_by(Organization.name, Member.last_name, Member.first_name, Member.id)
    ).all()
    roles: dict[UUID, list[Role]] = {}
    for member_id, role in session.execute(
        select(MemberRole.member_id, MemberRole.role).order_by(MemberRole.role)
    ):
        roles.setdefault(member_id, []).append(role)
    return [(member, name, roles.get(member.id, [])) for member, name in members]
