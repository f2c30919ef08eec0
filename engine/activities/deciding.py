"""
What every decision of a step shares: who is held while it is made, who is told, what the log says.

A rule that stops a decision is raised, and nothing of the transaction is kept.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from engine.audit import log
from engine.errors import BadInput, NotFound
from engine.messages.transfer import Command, Impose, Reassign, TransferRequest, Wake
from engine.notices import outbox
from engine.records import facts, locks, transfers
from engine.records.races import LostRace
from engine.records.tables.base import TextKind
from engine.records.tables.transfers import FreeText
from engine.rules.content import Plan
from engine.rules.facts import MemberFacts, TransferFacts
from engine.states.choices import Role
from engine.states.transfer import TransferState

#: The role of an event that no person caused.
ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision that every rule allows: whose, about what, in which role, and for a hand-over its plan."""

    actor: MemberFacts
    transfer: TransferFacts
    role: Role
    plan: Plan | None = None


def hold(session: Session, what: TransferRequest | Command | Wake) -> None:
    """
    Hold everything that a step depends on, in the one order of locks; what is read afterwards stays true.

    A quick look before a step holds nothing. Raises ``LostRace`` where somebody changed meanwhile who is
    concerned: the step is to be run again.
    """
    if locks.is_sqlite(session):
        return  # the writer is alone
    if isinstance(what, TransferRequest):
        _hold_request(session, what)
        return
    seen = facts.transfer(session, what.transfer_id)
    if seen is None:
        # Nothing to decide about; the one who acts is held for the line in the log.
        locks.lock_members(session, *_acting(what))
        return
    locks.lock_members(session, *_acting(what), seen.from_id, seen.to_id, seen.asked_by_id)
    locks.lock_policy(session, seen.organization_id)
    if isinstance(what, Reassign | Impose) and what.bulk_id is not None:
        locks.lock_bulk(session, what.bulk_id, alone=False)
    locks.lock_record(session, seen.record_id)
    locks.lock_transfer(session, seen.id)
    now = facts.transfer(session, what.transfer_id)
    if now is None or (now.to_id, now.asked_by_id) != (seen.to_id, seen.asked_by_id):
        raise LostRace


def _hold_request(session: Session, request: TransferRequest) -> None:
    owner_id = transfers.owner_of(session, request.record_id)
    others = () if owner_id is None else (owner_id,)
    locks.lock_members(session, request.actor_id, request.to_id, *others)
    locks.lock_policy(session, request.organization_id)
    if request.bulk_id is not None:
        locks.lock_bulk(session, request.bulk_id, alone=False)
    locks.lock_record(session, request.record_id)
    if transfers.owner_of(session, request.record_id) != owner_id:
        raise LostRace


def _acting(what: Command | Wake) -> tuple[UUID, ...]:
    if isinstance(what, Reassign | Impose) and what.to_id is not None:
        return what.actor_id, what.to_id
    return (what.actor_id,) if isinstance(what, Command) else ()


def actor_and_transfer(session: Session, command: Command) -> tuple[MemberFacts, TransferFacts]:
    """Read who decides, and what they decide about. Raises ``NotFound``."""
    actor = facts.member(session, command.actor_id)
    if actor is None:
        raise NotFound("member")
    transfer = facts.transfer(session, command.transfer_id)
    if transfer is None:
        raise NotFound("transfer")
    return actor, transfer


def check_text(session: Session, text_id: UUID | None, author: MemberFacts, kind: TextKind) -> None:
    """Make sure that a text's id stands for what this person wrote for this purpose. Raises ``BadInput``."""
    if text_id is None:
        return
    text = session.get(FreeText, text_id)
    if text is None or text.author_id != author.id or text.kind is not kind:
        raise BadInput("unknown_text")


def entry_of(
    command: Command,
    action: str,
    transfer: TransferFacts,
    role: Role | None,
    at: datetime,
    *,
    state: TransferState,
) -> log.Entry:
    """Say in the log what a command did with a transfer."""
    return log.Entry(
        organization_id=transfer.organization_id,
        at=at,
        action=action,
        command_id=command.command_id,
        actor_id=None if role is None else command.actor_id,
        role=ENGINE if role is None else role,
        os_uid=command.os_uid,
        transfer_id=transfer.id,
        record_id=transfer.record_id,
        subject_id=transfer.to_id,
        purpose=transfer.purpose,
        state_from=transfer.state,
        state_to=state,
    )


def cause_of(transfer: TransferFacts, command: Command, at: datetime) -> outbox.Cause:
    """Name a command as what its notices come from."""
    return outbox.Cause(transfer.organization_id, transfer.id, command.command_id, at)


def concerned(transfer: TransferFacts) -> list[UUID]:
    """Say whom a step concerns: of who is asked, only while they are (VIS-12); the asker alone before."""
    if transfer.state is TransferState.REQUESTED:
        return [transfer.asked_by_id]
    asked = [transfer.to_id] if transfer.state is TransferState.PENDING_ACCEPTANCE else []
    return [transfer.from_id, *asked, transfer.asked_by_id]


def of_engine(transfer: TransferFacts, what: str) -> Command:
    """Name what the engine itself does, so that doing it twice is doing it once."""
    return Command(transfer_id=transfer.id, command_id=uuid5(transfer.id, what), actor_id=transfer.from_id)
