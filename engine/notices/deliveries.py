"""
Which messages are to be sent, and what became of each: one person, one message, sent at least once (NOTE-3).

A sender plans (notices become messages), claims some, delivers them, and settles each. What a sender that
died had in hand is released by the next one; one that only seems dead finds that its claim is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from engine.notices.outbox import NEEDS_ACTION, NoticeKind
from engine.records import bulks
from engine.records.tables.base import DeliveryState, DeliveryTrouble
from engine.records.tables.outbox import Delivery, Notice
from engine.records.tables.people import Member, Organization
from engine.records.tables.transfers import Transfer
from engine.states.choices import NoticePace

#: Longer than the messages take that one sender has in hand.
CLAIM: Final = timedelta(minutes=5)
#: What a bulk causes is gathered until nothing more has come for so long, but never longer than that.
QUIET: Final = timedelta(minutes=1)
GATHERED: Final = timedelta(minutes=15)
#: When a day's digest is sent, in the organization's time zone.
DIGEST_AT: Final = time(7)
#: How long after each attempt the next one is made; then again and again at the last of them.
_PAUSES: Final = (
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=1),
)


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a notice asks of the message that will carry it."""

    topic: str
    due_at: datetime
    gathers: bool


def anything_to_do(session: Session, now: datetime) -> bool:
    """Say whether there is a notice without a message, or a message that is due."""
    unplanned = exists().where(Notice.delivery_id.is_(None))
    return bool(session.scalar(select(or_(unplanned, exists().where(_due(now))))))


def plan(session: Session, now: datetime, *, limit: int = 500) -> int:
    """Make messages of notices, the oldest first: one a person and cause, bulk or day; return how many."""
    columns: Any = (
        Notice.id,
        Notice.kind,
        Notice.cause_id,
        Notice.subject_id,
        Notice.sequence,
        Notice.organization_id,
        Notice.recipient_id,
        Notice.member_id,
        Notice.client_id,
        func.coalesce(bulks.taking_over(Notice.transfer_id), Transfer.bulk_id).label("bulk_id"),
        Member.notices,
        Organization.time_zone,
    )
    rows = session.execute(
        select(*columns)
        .join(Organization, Organization.id == Notice.organization_id)
        .outerjoin(Transfer, Transfer.id == Notice.transfer_id)
        .outerjoin(Member, Member.id == Notice.member_id)
        .where(Notice.delivery_id.is_(None))
        .order_by(Notice.id)
        .limit(limit)
        .with_for_update(of=Notice, skip_locked=True)
    ).all()
    gathering = _gathering(session, {row.recipient_id for row in rows})
    for row in rows:
        wanted = _wanted(row, now)
        key = (row.recipient_id, wanted.topic)
        delivery = gathering.get(key)
        if delivery is None:
            delivery = gathering[key] = Delivery(
                id=uuid4(),
                organization_id=row.organization_id,
                member_id=row.member_id,
                client_id=row.client_id,
                topic=wanted.topic,
                state=DeliveryState.WAITING,
                attempts=0,
                due_at=wanted.due_at,
                created_at=now,
            )
            session.add(delivery)
        elif wanted.gathers:
            delivery.due_at = min(wanted.due_at, delivery.created_at + GATHERED)
        session.execute(
            update(Notice)
            .where(Notice.id == row.id)
            .values(delivery_id=delivery.id)
            .execution_options(synchronize_session=False)
        )
    session.flush()
    return len(rows)


def _gathering(session: Session, people: set[UUID]) -> dict[tuple[UUID, str], Delivery]:
    """Find the messages that nobody has tried to send yet: more may be put into them."""
    found = session.scalars(
        select(Delivery)
        .where(
            or_(Delivery.member_id.in_(people), Delivery.client_id.in_(people)),
            Delivery.state == DeliveryState.WAITING,
            Delivery.attempts == 0,
            Delivery.claimed_until.is_(None),
        )
        .with_for_update(skip_locked=True)
    )
    return {(one.member_id or one.client_id, one.topic): one for one in found}  # type: ignore[misc]


def _wanted(row: Any, now: datetime) -> _Planned:  # noqa: ANN401 - a row
    if row.kind == NoticeKind.APPOINTMENT_CANCELLED:
        return _Planned(f"appointment/{row.subject_id}/{row.sequence}", now, gathers=False)
    if row.bulk_id is not None:
        return _Planned(f"bulk/{row.bulk_id}", now + QUIET, gathers=True)
    if row.notices is NoticePace.DAILY and row.kind not in NEEDS_ACTION:
        return _Planned("day", _next_digest(now, row.time_zone), gathers=False)
    return _Planned(f"cause/{row.cause_id}", now, gathers=False)


def _next_digest(now: datetime, time_zone: str) -> datetime:
    there = now.astimezone(ZoneInfo(time_zone))
    day = there.date() if there.time() < DIGEST_AT else there.date() + timedelta(days=1)
    return datetime.combine(day, DIGEST_AT, ZoneInfo(time_zone))


def _due(now: datetime) -> Any:  # noqa: ANN401 - a condition
    return and_(
        Delivery.state == DeliveryState.WAITING,
        Delivery.due_at <= now,
        or_(Delivery.claimed_until.is_(None), Delivery.claimed_until <= now),
    )


def claim(session: Session, now: datetime, *, limit: int) -> Sequence[UUID]:
    """Take some messages that are due in hand, the one that waits longest first."""
    found = session.scalars(
        select(Delivery.id)
        .where(_due(now))
        .order_by(Delivery.due_at, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(found))
        .values(claimed_until=now + CLAIM, attempts=Delivery.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    return found


def release(session: Session) -> None:
    """Let go of what a sender before this one had in hand: there is one at a time."""
    session.execute(
        update(Delivery)
        .where(Delivery.state == DeliveryState.WAITING, Delivery.claimed_until.is_not(None))
        .values(claimed_until=None)
        .execution_options(synchronize_session=False)
    )


def is_claimed(session: Session, delivery_id: UUID, until: datetime) -> bool:
    """Say whether a message is still in the hands of who claimed it until then."""
    claimed = select(Delivery.claimed_until).where(
        Delivery.id == delivery_id, Delivery.state == DeliveryState.WAITING
    )
    return session.scalar(claimed) == until


def sent(session: Session, ids: Sequence[UUID], now: datetime) -> None:
    """Settle messages that the mail server has taken."""
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state == DeliveryState.WAITING)
        .values(state=DeliveryState.SENT, sent_at=now, claimed_until=None, trouble=None, smtp_code=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Notice)
        .where(Notice.delivery_id.in_(ids), Notice.sent_at.is_(None))
        .values(sent_at=now)
        .execution_options(synchronize_session=False)
    )


def later(
    session: Session, delivery_id: UUID, now: datetime, trouble: DeliveryTrouble, code: int | None
) -> None:
    """Let a message wait for its next attempt, seconds at first, an hour in the end, as often as it takes."""
    attempts = session.scalar(select(Delivery.attempts).where(Delivery.id == delivery_id)) or 1
    pause = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    _settle(session, delivery_id, due_at=now + pause, trouble=trouble, smtp_code=code)


def failed(session: Session, delivery_id: UUID, trouble: DeliveryTrouble, code: int | None) -> None:
    """Give a message up for good; coordinators and operators see it."""
    _settle(session, delivery_id, state=DeliveryState.FAILED, trouble=trouble, smtp_code=code)


def untouched(session: Session, ids: Sequence[UUID]) -> None:
    """Put messages back that were in hand and that nobody tried to send."""
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state == DeliveryState.WAITING)
        .values(claimed_until=None, attempts=Delivery.attempts - 1)
        .execution_options(synchronize_session=False)
    )


def _settle(session: Session, delivery_id: UUID, **values: Any) -> None:  # noqa: ANN401 - columns
    session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == DeliveryState.WAITING)
        .values(claimed_until=None, **values)
        .execution_options(synchronize_session=False)
    )


def troubled(session: Session, organization_id: UUID) -> Sequence[Delivery]:
    """List the messages that were given up, and those that had to wait, the latest first."""
    return session.scalars(
        select(Delivery)
        .where(
            Delivery.organization_id == organization_id,
            Delivery.trouble.is_not(None),
            Delivery.state != DeliveryState.SENT,
        )
        .order_by(Delivery.created_at.desc(), Delivery.id)
    ).all()


def waiting_in_trouble(session: Session) -> int:
    """Count the messages of every organization that had to wait, for operators."""
    waiting = select(func.count()).where(
        Delivery.state == DeliveryState.WAITING, Delivery.trouble.is_not(None)
    )
    return session.scalar(waiting) or 0
