"""Who is signed in at the console: rows under a digest; nothing here knows what a browser holds."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, update
from sqlalchemy.orm import Session

from engine.records.tables.people import SignedIn


def add(session: Session, digest: str, member_id: UUID, now: datetime, until: datetime) -> None:
    """Let somebody in; who stayed away too long goes out by the same door."""
    session.execute(delete(SignedIn).where(SignedIn.until_at <= now))
    session.add(SignedIn(digest=digest, member_id=member_id, began_at=now, seen_at=now, until_at=until))
    session.flush()


def find(session: Session, digest: str, now: datetime, seen_since: datetime) -> SignedIn | None:
    """Give a session that has not ended, of somebody who was here since an instant."""
    found = session.get(SignedIn, digest)
    if found is None or found.until_at <= now or found.seen_at <= seen_since:
        return None
    return found


def touch(session: Session, digest: str, now: datetime) -> None:
    """Note that somebody is still here."""
    session.execute(update(SignedIn).where(SignedIn.digest == digest).values(seen_at=now))


def end(session: Session, digest: str, *, or_unseen_since: datetime) -> None:
    """End a session, and those of people who left without a word."""
    ending = or_(SignedIn.digest == digest, SignedIn.seen_at <= or_unseen_since)
    session.execute(delete(SignedIn).where(ending))


def end_all(session: Session, member_id: UUID) -> None:
    """End every session of a member."""
    session.execute(delete(SignedIn).where(SignedIn.member_id == member_id))
