"""
What each step of a bulk decides and writes, inside the transaction that its caller opened.

A rule that stops a decision is raised, and nothing of the transaction is kept.
"""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid5

import rfc8785
from sqlalchemy.orm import Session

from engine.activities.deciding import ENGINE, check_text
from engine.audit import log
from engine.errors import BadInput, Denied, EngineError, NotFound
from engine.messages.bulk import BulkCommand, BulkLaunch, BulkLook, BulkStep, BulkStop, launch_command
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import bulks, caseload, facts, locks
from engine.records.caseload import Ahead
from engine.records.database import Database
from engine.records.races import LostRace
from engine.records.tables.base import TextKind
from engine.records.tables.bulks import Bulk
from engine.rules import bulk as rules
from engine.rules.bulk import BulkChoice, BulkPlan, Split
from engine.rules.facts import MemberFacts
from engine.rules.people import check_coordinator
from engine.states.bulk import BULK_INITIAL, BulkFacts, BulkState, BulkTrigger, advance_bulk
from engine.states.choices import Role

#: Why the engine pauses: the one in whose name it asks is no coordinator any more.
LOST_ROLE = "ROLE-5"


def ahead(database: Database, what: BulkLaunch | BulkCommand | BulkLook) -> Ahead | None:
    """
    Plan a launch before the transaction that writes it: thousands of records are counted, and nobody waits.

    ``None`` for anything else, and for a launch that has its answer already.
    """
    if not isinstance(what, BulkLaunch):
        return None
    with database.read() as session:
        told = log.outcome_of(session, launch_command(what.bulk_id), BulkStep.LAUNCH)
        if told is not None or bulks.row(session, what.bulk_id) is not None:
            return None
        actor = _launching(session, what)
        return caseload.plan_ahead(session, actor, _choice(session, what), datetime.now(UTC))


def hold(session: Session, what: BulkLaunch | BulkCommand | BulkLook, planned: Ahead | None = None) -> None:
    """Hold what a step depends on, in the one order of locks."""
    if isinstance(what, BulkLaunch):
        # A file may name recipients whom the launch does not.
        named = () if planned is None else (load.member_id for load in planned.plan.recipients)
        locks.lock_members(session, what.actor_id, what.from_id, *what.to_ids, *named)
        locks.lock_policy(session, what.organization_id)
    elif isinstance(what, BulkCommand):
        locks.lock_members(session, what.actor_id)
    else:
        seen = bulks.row(session, what.bulk_id)
        locks.lock_members(session, *(() if seen is None else (seen.led_by_id,)))
    locks.lock_bulk(session, what.bulk_id)


def launch(session: Session, what: BulkLaunch, at: datetime, planned: Ahead | None) -> None:
    """Fix the caseload, with what becomes of each record; the same launch again changes nothing (MOVE-3)."""
    if _same_launch_exists(session, what):
        return
    actor = _launching(session, what)
    role = check_coordinator(actor)
    if planned is None or not planned.holds(session):
        raise LostRace
    plan = planned.plan
    if what.basis_id is None and any(line.blocked == "ELIG-8" for line in plan.lines):
        # It is missing from the launch, not from one record; a preview does not ask for it.
        raise Denied("ELIG-8")
    rules.check(plan, what.fingerprint)
    if (what.impose or what.reassign_open) and what.reason_id is None:
        raise Denied("ST-2")
    _check_texts(session, what, actor)
    bulks.add(session, _values(what, plan, at), plan.lines)
    started = log.Entry(
        organization_id=what.organization_id,
        at=at,
        action=BulkStep.LAUNCH,
        command_id=launch_command(what.bulk_id),
        actor_id=actor.id,
        role=role,
        os_uid=what.os_uid,
        subject_id=what.bulk_id,
        purpose=what.purpose,
        counts=_numbers(records=len(plan.lines), blocked=len(plan.blocked)),
    )
    log.append(session, started, *_finished(session, what.bulk_id, at))


def pause(session: Session, what: BulkCommand, at: datetime) -> None:
    """Start nothing more until somebody resumes."""
    _, bulk, entry = _commanded(session, what, BulkStep.PAUSE, at)
    state = advance_bulk(bulk.state, BulkTrigger.PAUSE)
    bulks.change(session, bulk, state=state, paused_rule=None)
    log.append(session, entry)


def resume(session: Session, what: BulkCommand, at: datetime) -> None:
    """Go on; whoever resumes asks for what is still to be asked for (ROLE-5)."""
    actor, bulk, entry = _commanded(session, what, BulkStep.RESUME, at)
    state = advance_bulk(bulk.state, BulkTrigger.RESUME)
    bulks.change(session, bulk, state=state, led_by_id=actor.id, paused_rule=None)
    log.append(session, entry)


def stop(session: Session, what: BulkStop, at: datetime) -> None:
    """End it: what is open stays open, unless it is to be cancelled for a reason (ST-2)."""
    actor, bulk, entry = _commanded(session, what, BulkStep.STOP, at)
    state = advance_bulk(bulk.state, BulkTrigger.STOP)
    if what.cancel_open and what.reason_id is None:
        raise Denied("ST-2")
    check_text(session, what.reason_id, actor, TextKind.REASON)
    cancels = {"cancels_by_id": actor.id, "cancel_reason_id": what.reason_id} if what.cancel_open else {}
    bulks.change(session, bulk, state=state, ended_at=at, paused_rule=None, **cancels)
    log.append(session, entry)


def retry(session: Session, what: BulkCommand, at: datetime) -> None:
    """Ask once more for what failed, was blocked, or ended without a new owner; nothing else (BULK-4)."""
    actor, bulk, entry = _commanded(session, what, BulkStep.RETRY, at)
    if not bulk.state.is_open:
        # A final state is never left: another bulk takes what is left over.
        advance_bulk(bulk.state, BulkTrigger.RESUME)
    items = bulks.to_retry(session, bulk.id)
    homeless = {item.record_id for item in items if item.to_id is None}
    found = _recipients(session, actor, bulk, at) if homeless else {}
    again = [item for item in items if item.to_id is not None or item.record_id in found]
    bulks.try_again(session, bulk, again, {record: to for record, to in found.items() if record in homeless})
    log.append(session, replace(entry, counts=_numbers(records=len(again))))


def _recipients(session: Session, actor: MemberFacts, bulk: Bulk, at: datetime) -> dict[UUID, UUID]:
    """Say who of the recipients may have which record by now; nothing, where one may not be named."""
    choice = BulkChoice(
        from_id=bulk.from_id,
        to_ids=bulks.recipients_of(bulk),
        include_confidential_records=bulk.include_confidential_records,
        reassign_open=bulk.reassign_open,
        insist=bulk.insist,
        impose=bulk.impose,
        options=bulks.options_of(bulk),
        has_basis=bulk.basis_id is not None,
    )
    with suppress(EngineError):
        plan = caseload.plan_bulk(session, actor, choice, at)
        return {line.record_id: line.to_id for line in plan.going if line.to_id is not None}
    return {}


def watch(session: Session, what: BulkLook, at: datetime) -> None:
    """Finish a running bulk whose every item is settled; pause one whose starter lost the role (ROLE-5)."""
    bulk = bulks.row(session, what.bulk_id)
    if bulk is None or bulk.state is not BulkState.RUNNING:
        return
    leading = leads(session, bulk)
    lines = _finished(session, what.bulk_id, at) if leading else [_paused(session, bulk, at)]
    if lines:
        log.append(session, *lines)


def pause_led_by(session: Session, member_id: UUID, at: datetime) -> list[log.Entry]:
    """
    Pause what somebody leads who has just lost the role, in that transaction, and give its lines (ROLE-5).

    The workflow is not asked: it looks at the rows before each record.
    """
    lines = []
    for bulk_id in sorted(bulks.running_led_by(session, member_id)):
        locks.lock_bulk(session, bulk_id)
        bulk = bulks.row(session, bulk_id)
        if bulk is not None and bulk.state is BulkState.RUNNING and bulk.led_by_id == member_id:
            lines.append(_paused(session, bulk, at))
    return lines


def leads(session: Session, bulk: Bulk) -> bool:
    """Say whether the one in whose name a bulk asks may still do so (ROLE-5)."""
    leader = facts.member(session, bulk.led_by_id)
    return leader is not None and leader.acts_as(Role.COORDINATOR)


def _paused(session: Session, bulk: Bulk, at: datetime) -> log.Entry:
    state = advance_bulk(bulk.state, BulkTrigger.PAUSE)
    bulks.change(session, bulk, state=state, paused_rule=LOST_ROLE)
    cause_id = uuid5(bulk.id, f"pause/{bulk.led_by_id}/{at.isoformat()}")
    told = {bulk.led_by_id, *outbox.who_must_decide(session, bulk.organization_id)}
    outbox.tell_of_bulk(
        session, NoticeKind.BULK_PAUSED, told, bulk.organization_id, bulk.id, cause_id=cause_id, at=at
    )
    return _of_engine(bulk, BulkStep.PAUSE, cause_id, at, rule=LOST_ROLE)


def _finished(session: Session, bulk_id: UUID, at: datetime) -> list[log.Entry]:
    """End a bulk whose every item is settled, with one notice a person however many records (NOTE-3)."""
    bulk = bulks.row(session, bulk_id)
    found = bulks.counts(session, bulk_id)
    if bulk is None or not bulks.is_settled(found):
        return []
    state = advance_bulk(bulk.state, BulkTrigger.FINISH, BulkFacts(settled=True))
    bulks.change(session, bulk, state=state, ended_at=at)
    cause_id = uuid5(bulk_id, "finish")
    told = {bulk.led_by_id}
    if found:
        told |= {bulk.from_id, *bulks.asked_by(session, bulk_id)}
    outbox.tell_of_bulk(
        session, NoticeKind.BULK_FINISHED, told, bulk.organization_id, bulk_id, cause_id=cause_id, at=at
    )
    return [_of_engine(bulk, "bulk.finish", cause_id, at, counts=_numbers(**found))]


def _of_engine(
    bulk: Bulk,
    action: str,
    command_id: UUID,
    at: datetime,
    *,
    rule: str | None = None,
    counts: str | None = None,
) -> log.Entry:
    return log.Entry(
        organization_id=bulk.organization_id,
        at=at,
        action=action,
        command_id=command_id,
        role=ENGINE,
        rule=rule,
        subject_id=bulk.id,
        purpose=bulk.purpose,
        counts=counts,
    )


def _commanded(
    session: Session, what: BulkCommand, action: str, at: datetime
) -> tuple[MemberFacts, Bulk, log.Entry]:
    """Read who commands and which bulk. Raises ``NotFound`` for whoever may not know of it (VIS-11)."""
    actor = facts.member(session, what.actor_id)
    if actor is None or not actor.active:
        raise NotFound("member")
    bulk = bulks.row(session, what.bulk_id)
    if bulk is None or bulk.organization_id != actor.organization_id:
        raise NotFound("bulk")
    role = check_coordinator(actor)
    entry = log.Entry(
        organization_id=bulk.organization_id,
        at=at,
        action=action,
        command_id=what.command_id,
        actor_id=actor.id,
        role=role,
        os_uid=what.os_uid,
        subject_id=bulk.id,
        purpose=bulk.purpose,
    )
    return actor, bulk, entry


def _launching(session: Session, what: BulkLaunch) -> MemberFacts:
    actor = facts.member(session, what.actor_id)
    if actor is None or actor.organization_id != what.organization_id or not actor.active:
        raise NotFound("member")
    return actor


def _check_texts(session: Session, what: BulkLaunch, actor: MemberFacts) -> None:
    """Make sure that the texts are the actor's own, or those of the bulk whose leftovers this one takes."""
    earlier = None if what.retries is None else bulks.row(session, what.retries)
    known = earlier is not None and earlier.organization_id == actor.organization_id
    kept = (earlier.basis_id, earlier.message_id, earlier.reason_id) if earlier is not None and known else ()
    for text_id, kind in (
        (what.basis_id, TextKind.BASIS),
        (what.message_id, TextKind.MESSAGE),
        (what.reason_id, TextKind.REASON),
    ):
        if text_id not in kept:
            check_text(session, text_id, actor, kind)


def _same_launch_exists(session: Session, what: BulkLaunch) -> bool:
    bulk = bulks.row(session, what.bulk_id)
    if bulk is None:
        return False
    said = (what.organization_id, what.actor_id, what.from_id, what.list_id, what.options)
    was = (bulk.organization_id, bulk.started_by_id, bulk.from_id, bulk.list_id, bulks.options_of(bulk))
    how = (what.include_confidential_records, what.reassign_open, what.insist, what.impose)
    if said != was or how != (
        *(bulk.include_confidential_records, bulk.reassign_open),
        *(bulk.insist, bulk.impose),
    ):
        raise Denied("MOVE-3", "other_request")
    return True


def _choice(session: Session, what: BulkLaunch) -> BulkChoice:
    listed = None
    if what.list_id is not None:
        listed = bulks.listed(session, what.list_id, what.actor_id)
        if listed is None:
            raise BadInput("unknown_text")
    return BulkChoice(
        from_id=what.from_id,
        to_ids=what.to_ids,
        split=Split.LISTED if what.list_names_recipients else Split.EVEN,
        listed=listed,
        include_confidential_records=what.include_confidential_records,
        reassign_open=what.reassign_open,
        insist=what.insist,
        impose=what.impose,
        options=what.options,
        has_basis=what.basis_id is not None,
    )


def _values(what: BulkLaunch, plan: BulkPlan, at: datetime) -> dict[str, object]:
    return {
        "id": what.bulk_id,
        "organization_id": what.organization_id,
        "from_id": what.from_id,
        "recipients": json.dumps([str(load.member_id) for load in plan.recipients]),
        "started_by_id": what.actor_id,
        "led_by_id": what.actor_id,
        "state": BULK_INITIAL,
        "purpose": what.purpose,
        "include_confidential": what.options.include_confidential,
        "raw_data": what.options.raw_data,
        "keep_copy": what.options.keep_copy,
        "include_confidential_records": what.include_confidential_records,
        "reassign_open": what.reassign_open,
        "insist": what.insist,
        "impose": what.impose,
        "reason_id": what.reason_id,
        "basis_id": what.basis_id,
        "message_id": what.message_id,
        "list_id": what.list_id,
        "fingerprint": rules.fingerprint(plan),
        "confidential_left_out": plan.confidential_left_out,
        "not_selected": plan.not_selected,
        "started_at": at,
    }


def _numbers(**numbers: int) -> str:
    return rfc8785.dumps({"record": numbers}).decode()
