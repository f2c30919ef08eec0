"""
Write who shares a record, and what that allows.

A share is never rewritten: one that changes ends, and another begins.
So it stays known who could read what, and when.
"""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from engine.records.tables.records import Share
from engine.rules.facts import RecordFacts
from engine.rules.writing import Access


def current(session: Session, record_id: UUID, member_id: UUID) -> Access | None:
    """Read what a member may do as a collaborator; ``None`` where they are none."""
    row = session.execute(
        select(Share.level, Share.approval).where(
            Share.record_id == record_id, Share.member_id == member_id, Share.ended_at.is_(None)
        )
    ).one_or_none()
    return None if row is None else Access(level=row.level, approval=row.approval)


def change(
    session: Session, record: RecordFacts, member_id: UUID, access: Access | None, now: datetime
) -> UUID | None:
    """End the current share, if there is one, and begin another, unless there is to be none."""
    session.execute(
        update(Share)
        .where(Share.record_id == record.id, Share.member_id == member_id, Share.ended_at.is_(None))
        .values(ended_at=now)
    )
    if access is None:
        return None
    share_id = uuid4()
    session.execute(
        insert(Share).values(
            id=share_id,
            record_id=record.id,
            member_id=member_id,
            level=access.level,
            approval=access.approval,
            since=now,
        )
    )
    return share_id
