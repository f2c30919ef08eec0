"""What an acceptance decides, and what every hand-over writes, in one transaction (MOVE-2)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import rfc8785
from sqlalchemy.orm import Session

from engine.activities.deciding import Judged, actor_and_transfer, cause_of, concerned, entry_of
from engine.audit import log, receipt
from engine.errors import NotFound
from engine.messages.transfer import Accept, Command, Step
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, held, transfers
from engine.records.handover import HandedOver, Handover, hand_over, rejoined_counts
from engine.records.tables.base import Side
from engine.rules import transfers as rules
from engine.rules.content import plan
from engine.rules.facts import TransferFacts
from engine.states.transfer import Facts, TransferTrigger, advance


def judge_accept(session: Session, command: Accept) -> Judged | None:
    """Ask every rule about an acceptance; ``None`` where this person has accepted already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    role = rules.check_answer(actor, transfer, TransferTrigger.ACCEPT)
    if rules.same_decision(actor.id, transfer, TransferTrigger.ACCEPT):
        return None
    rules.check_asked(transfer, TransferTrigger.ACCEPT)
    advance(transfer.state, TransferTrigger.ACCEPT, Facts(rules_pass=True))
    rules.check_seen(transfer, command.seen_version)
    record = facts.record(session, transfer.record_id, actor.id)
    if record is None:
        raise NotFound("record")
    policy = facts.policy(session, transfer.organization_id)
    rules.check_handover(transfer, record, actor, policy)
    return Judged(actor, transfer, role, plan(transfer.options, record, actor, policy))


def accept(session: Session, command: Accept, at: datetime) -> None:
    """Hand the record over: the decision and the hand-over are one transaction (MOVE-2)."""
    judged = judge_accept(session, command)
    if judged is None:
        return
    transfer = judged.transfer
    state = advance(transfer.state, TransferTrigger.ACCEPT, Facts(rules_pass=True))
    handed = carry_out(session, judged, command, at, judged.actor.id, {"state": state})
    cause = cause_of(transfer, command, at)
    outbox.tell(session, NoticeKind.ACCEPTED, concerned(transfer), cause, but=judged.actor.id)
    log_handover(session, handed, entry_of(command, Step.ACCEPT, transfer, judged.role, at, state=state))


def carry_out(
    session: Session, judged: Judged, command: Command, at: datetime, to_id: UUID, changes: dict[str, Any]
) -> HandedOver:
    """Close the transfer's row as decided, hand the record over, and tell its clients (NOTE-2)."""
    transfer = judged.transfer
    assert judged.plan is not None  # noqa: S101 - whoever judges a hand-over plans it
    transfers.change(
        session, transfer, decided_by_id=judged.actor.id, decided_at=at, stuck_cause=None, **changes
    )
    handed = hand_over(
        session,
        Handover(
            transfer_id=transfer.id,
            record_id=transfer.record_id,
            new_holding_id=uuid5(transfer.id, "holding"),
            to_id=to_id,
            at=at,
            plan=judged.plan,
        ),
    )
    _tell_clients(session, cause_of(transfer, command, at), transfer, to_id, judged.actor.id)
    return handed


def _tell_clients(
    session: Session, cause: outbox.Cause, transfer: TransferFacts, to_id: UUID, actor_id: UUID
) -> None:
    """Tell clients what the organization chose that they hear; what is held waits (NOTE-2)."""
    announces, holds = facts.client_choices(session, transfer.organization_id)
    # Where nobody could decide, nothing waits.
    deciders = outbox.coordinators(session, transfer.organization_id) if holds else []
    if deciders and held.hold(session, transfer.id, transfer.record_id, cause.at):
        outbox.tell(session, NoticeKind.APPOINTMENTS_HELD, deciders, cause, but=actor_id)
    outbox.tell_clients(session, cause)
    if announces:
        outbox.announce(session, cause, transfer.record_id, to_id)


def log_handover(
    session: Session, handed: HandedOver, decided: log.Entry, before: Sequence[log.Entry] = ()
) -> None:
    """Log a decision that handed a record over, on both sides (AUD-1), and open its receipt (AUD-4)."""
    assert decided.transfer_id is not None  # noqa: S101 - for the type checker
    counted = replace(decided, counts=log.counts_text(handed.counts))
    sides = [replace(counted, action="record.handed_over", side=side) for side in (Side.EXPORT, Side.IMPORT)]
    sides += _rejoined(session, decided.transfer_id, decided)
    places = log.append(session, *before, counted, *sides)
    receipt.open_receipt(
        session, decided.organization_id, decided.transfer_id, handed.sealed, places[len(before)]
    )


def _rejoined(session: Session, transfer_id: UUID, accepted: log.Entry) -> list[log.Entry]:
    """Say in the log what came back from the new owner's own quarantine, if anything did (MOVE-10)."""
    back = rejoined_counts(session, transfer_id)
    if not back:
        return []
    counts = rfc8785.dumps({found.value: {"rejoined": count} for found, count in back.items()}).decode()
    line = replace(accepted, action="record.rejoined", state_from=None, state_to=None, counts=counts)
    return [line]
