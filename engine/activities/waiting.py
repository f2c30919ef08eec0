"""What happens to a transfer while it waits: narrower options, more time, reminders."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from engine.activities.deciding import (
    Judged,
    actor_and_transfer,
    cause_of,
    check_text,
    concerned,
    entry_of,
    of_engine,
)
from engine.audit import log
from engine.messages.transfer import Extend, Narrow, Step, Wake
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, transfers
from engine.records.facts import Schedule
from engine.records.tables.base import TextKind
from engine.records.tables.transfers import Transfer
from engine.rules import stepping_in
from engine.rules import transfers as rules
from engine.rules.deadline import next_reminder, nudges_due
from engine.rules.facts import TransferFacts
from engine.states.choices import Role
from engine.states.transfer import TransferState


def judge_narrow(session: Session, command: Narrow) -> Judged | None:
    """Ask every rule about narrower options; ``None`` where they are so already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    role = rules.check_narrow(actor, transfer, command.options)
    if command.options == transfer.options:
        return None
    rules.check_seen(transfer, command.seen_version)
    return Judged(actor, transfer, role)


def narrow(session: Session, command: Narrow, at: datetime) -> None:
    """Move less than was asked (MOVE-1); the one who is asked is told, and answers on the new version."""
    judged = judge_narrow(session, command)
    if judged is None:
        return
    transfer = judged.transfer
    transfers.change(
        session,
        transfer,
        include_confidential=command.options.include_confidential,
        raw_data=command.options.raw_data,
        keep_copy=command.options.keep_copy,
    )
    cause = cause_of(transfer, command, at)
    outbox.tell(session, NoticeKind.NARROWED, concerned(transfer), cause, but=judged.actor.id)
    log.append(session, entry_of(command, Step.NARROW, transfer, judged.role, at, state=transfer.state))


def judge_extend(session: Session, command: Extend, at: datetime | None = None) -> Judged | None:
    """Ask every rule about a later deadline; ``None`` where it is that already (MOVE-3)."""
    actor, transfer = actor_and_transfer(session, command)
    role = stepping_in.check_coordinator(actor, transfer, "ST-3")
    if transfer.state is TransferState.PENDING_ACCEPTANCE and transfer.respond_by == command.respond_by:
        return None
    rules.check_seen(transfer, command.seen_version)
    stepping_in.check_extend(transfer, command.respond_by, at or datetime.now(UTC))
    check_text(session, command.reason_id, actor, TextKind.REASON)
    return Judged(actor, transfer, role)


def extend(session: Session, command: Extend, at: datetime) -> None:
    """Give the one who is asked more time (ST-3); reminders that now come before the deadline follow."""
    judged = judge_extend(session, command, at)
    if judged is None:
        return
    transfer = judged.transfer
    changes = {} if command.reason_id is None else {"reason_id": command.reason_id}
    transfers.extend(session, transfer.id, command.respond_by, **changes)
    cause = cause_of(transfer, command, at)
    outbox.tell(session, NoticeKind.EXTENDED, concerned(transfer), cause, but=judged.actor.id)
    log.append(session, entry_of(command, Step.EXTEND, transfer, judged.role, at, state=transfer.state))


def remind(session: Session, wake: Wake, at: datetime) -> None:
    """Remind whoever must act, once a reminder, when it is due: the one who is asked, or coordinators."""
    found = facts.transfer_with_row(session, wake.transfer_id)
    if found is None:
        return
    row, transfer = found
    schedule = facts.schedule(session, transfer.organization_id)
    if transfer.state is TransferState.COORDINATOR_OVERRIDE:
        _remind_coordinators(session, row, transfer, schedule.remind_coordinators, at)
    elif transfer.state is TransferState.PENDING_ACCEPTANCE:
        _remind_asked(session, row, transfer, schedule, at)


def _remind_coordinators(
    session: Session, row: Transfer, transfer: TransferFacts, every: timedelta, at: datetime
) -> None:
    """Bring to mind what waits for a coordinator; where there is none, that one must be named (ST-1)."""
    due = nudges_due(row.decided_at or row.asked_at, every, at)
    if due <= row.reminders_sent or not transfers.mark_reminded(
        session, transfer.id, row.reminders_sent, now_sent=due
    ):
        return
    command = of_engine(transfer, f"remind/{transfer.version}/{row.reminders_sent}")
    cause = cause_of(transfer, command, at)
    coordinators = outbox.coordinators(session, transfer.organization_id)
    kind = NoticeKind.NEEDS_YOU if coordinators else NoticeKind.NAME_COORDINATOR
    told = coordinators or outbox.in_role(session, transfer.organization_id, Role.ADMINISTRATOR)
    outbox.tell(session, kind, told, cause, but=None)
    log.append(session, entry_of(command, Step.REMIND, transfer, None, at, state=transfer.state))


def _remind_asked(
    session: Session, row: Transfer, transfer: TransferFacts, schedule: Schedule, at: datetime
) -> None:
    """Remind the one who is asked (ST-3)."""
    due = next_reminder(row.asked_at, schedule.reminders, row.reminders_sent, row.respond_by)
    if due is None or at < due or not transfers.mark_reminded(session, transfer.id, row.reminders_sent):
        return
    command = of_engine(transfer, f"remind/{transfer.version}/{row.reminders_sent}")
    outbox.tell(session, NoticeKind.REMINDER, [transfer.to_id], cause_of(transfer, command, at), but=None)
    log.append(session, entry_of(command, Step.REMIND, transfer, None, at, state=transfer.state))
