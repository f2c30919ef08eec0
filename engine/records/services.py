"""Read and write the services of an organization, and the answers to commands that name themselves."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select, true, update
from sqlalchemy.orm import Session

from engine.records.tables.doors import KeptAnswer, ServiceToken
from engine.records.tables.people import Member
from engine.records.writing import line_of

#: How long a command is remembered under its key.
KEPT: Final = timedelta(days=1)
#: How long a command may take; one that took longer died, and is carried out again.
LONGEST: Final = timedelta(minutes=3)


def add(
    session: Session, organization_id: UUID, *, name: str, digest: str, by_id: UUID, now: datetime
) -> UUID:
    """Write a service. Raises ``BadInput``."""
    service_id = uuid4()
    session.execute(
        insert(ServiceToken).values(
            id=service_id,
            organization_id=organization_id,
            name=line_of(name, "name"),
            digest=digest,
            added_by_id=by_id,
            added_at=now,
        )
    )
    return service_id


def of_organization(session: Session, organization_id: UUID) -> list[ServiceToken]:
    """List an organization's services, also those that were revoked, oldest first."""
    query = (
        select(ServiceToken)
        .where(ServiceToken.organization_id == organization_id)
        .order_by(ServiceToken.added_at, ServiceToken.id)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(query))


def revoke(session: Session, service_id: UUID, *, by_id: UUID, now: datetime) -> None:
    """Revoke a service that is not revoked yet."""
    session.execute(
        update(ServiceToken)
        .where(ServiceToken.id == service_id, ServiceToken.revoked_at.is_(None))
        .values(revoked_by_id=by_id, revoked_at=now)
    )


def by_digest(session: Session, digest: str) -> ServiceToken | None:
    """Find the service that a token is, unless it was revoked."""
    return session.scalars(
        select(ServiceToken).where(ServiceToken.digest == digest, ServiceToken.revoked_at.is_(None))
    ).one_or_none()


def active_member(session: Session, organization_id: UUID, name: str) -> UUID | None:
    """Find the active member whom a service names, by id or address, in its organization alone."""
    try:
        named = Member.id == UUID(name.strip())
    except ValueError:
        named = Member.email == name.strip().lower()
    return session.scalar(
        select(Member.id).where(named, Member.organization_id == organization_id, Member.active.is_(true()))
    )


def kept(session: Session, actor_id: UUID, key: str) -> KeptAnswer | None:
    """Read what a command under a key came to."""
    return session.get(KeptAnswer, (actor_id, key), populate_existing=True)


def begin(session: Session, actor_id: UUID, key: str, digest: str, now: datetime) -> None:
    """Remember that a command is being carried out, and forget what is too old."""
    sweep_answers(session, now)
    session.execute(insert(KeptAnswer).values(actor_id=actor_id, key=key, digest=digest, begun_at=now))


def sweep_answers(session: Session, now: datetime) -> None:
    """Forget the answers that were kept for long enough; they may hold what people wrote."""
    session.execute(delete(KeptAnswer).where(KeptAnswer.begun_at < now - KEPT))


def end(session: Session, actor_id: UUID, key: str, status: int, body: str) -> None:
    """Remember what a command came to."""
    session.execute(
        update(KeptAnswer)
        .where(KeptAnswer.actor_id == actor_id, KeptAnswer.key == key)
        .values(status=status, body=body)
    )


def forget(session: Session, actor_id: UUID, key: str) -> None:
    """Forget a command that was not decided."""
    session.execute(delete(KeptAnswer).where(KeptAnswer.actor_id == actor_id, KeptAnswer.key == key))
