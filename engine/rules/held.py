"""Who decides about an appointment whose cancellation is held, and when (NOTE-2)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from engine.errors import Denied
from engine.rules.facts import MemberFacts
from engine.states.choices import Role

#: An appointment that is so near is told by telephone as well, and no longer waits for a coordinator alone.
SHORT_NOTICE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFacts:
    """An appointment that a hand-over cancelled and whose client has not heard of it."""

    undecided: bool
    starts_at: datetime
    #: Who is responsible for its record now.
    owner_id: UUID
    owner_practises: bool
    offered_to_id: UUID | None

    @property
    def offered(self) -> bool:
        """Whether who is responsible now is asked to take it; an offer to an owner before them is void."""
        return self.offered_to_id == self.owner_id


def check_release(actor: MemberFacts, held: HeldFacts, now: datetime) -> Role:
    """
    Judge who lets the client be told: a coordinator; shortly before it begins also who is responsible now.

    Raises ``Denied``.
    """
    _check_open(held, now)
    if actor.acts_as(Role.COORDINATOR):
        return Role.COORDINATOR
    if _is_owner(actor, held) and held.starts_at <= now + SHORT_NOTICE:
        return Role.PRACTITIONER
    raise Denied("NOTE-2", "coordinator")


def check_offer(actor: MemberFacts, held: HeldFacts, now: datetime) -> Role:
    """Judge who asks the one who is responsible now to take it: a coordinator. Raises ``Denied``."""
    _check_open(held, now)
    if not actor.acts_as(Role.COORDINATOR):
        raise Denied("NOTE-2", "coordinator")
    if not held.owner_practises:
        raise Denied("NOTE-2", "nobody_to_offer")
    if held.offered:
        raise Denied("NOTE-2", "offered")
    return Role.COORDINATOR


def check_answer_offer(actor: MemberFacts, held: HeldFacts, now: datetime) -> Role:
    """Judge who takes it or declines: who is responsible now, and was asked. Raises ``Denied``."""
    _check_open(held, now)
    if not _is_owner(actor, held):
        raise Denied("NOTE-2", "not_yours")
    if not held.offered:
        raise Denied("NOTE-2", "not_offered")
    return Role.PRACTITIONER


def _is_owner(actor: MemberFacts, held: HeldFacts) -> bool:
    return actor.id == held.owner_id and actor.acts_as(Role.PRACTITIONER)


def _check_open(held: HeldFacts, now: datetime) -> None:
    if not held.undecided:
        raise Denied("NOTE-2", "decided")
    if held.starts_at <= now:
        raise Denied("NOTE-2", "begun")
