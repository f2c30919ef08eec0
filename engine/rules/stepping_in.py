"""When a coordinator may step in: reassign, impose, extend (OVR-1, ELIG-6, ELIG-9, ST-3)."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from engine.errors import Denied
from engine.rules.deadline import LONGEST
from engine.rules.facts import MemberFacts, PolicyFacts, RecordFacts, RecordStatus, TransferFacts
from engine.rules.transfers import check_content, check_known, check_new_owner
from engine.states.choices import Options, RawDataChoice, Role
from engine.states.transfer import TransferState


def check_coordinator(actor: MemberFacts, transfer: TransferFacts, rule: str) -> Role:
    """Judge who steps in: a coordinator, at this moment (ROLE-3, ROLE-5). Raises ``Denied``, ``NotFound``."""
    check_known(actor, transfer)
    if not actor.acts_as(Role.COORDINATOR):
        raise Denied(rule, "not_coordinator")
    return Role.COORDINATOR


def check_confidential(transfer: TransferFacts, record: RecordFacts) -> None:
    """
    Keep a coordinator's hands off a confidential record while its owner can decide (ELIG-6).

    What came to wait for a coordinator by itself, or whose owner left, is theirs, blind as ever.
    """
    waits = transfer.state is TransferState.COORDINATOR_OVERRIDE
    if record.confidential and not waits and transfer.owner_active:
        raise Denied("ELIG-6", "pending")


def check_imposable(record: RecordFacts) -> None:
    """Keep a bulk from imposing a confidential record whose owner is there to decide (ELIG-6, OVR-1)."""
    if record.confidential and record.owner_active:
        raise Denied("ELIG-6", "impose")


def narrowed(options: Options, new_owner: MemberFacts, policy: PolicyFacts, *, withhold: bool) -> Options:
    """Leave raw data behind where a title does not allow them and it was chosen; never widen (ELIG-5)."""
    if withhold and options.raw_data is RawDataChoice.INCLUDE and not policy.allows_raw_data(new_owner.title):
        return replace(options, raw_data=RawDataChoice.IF_ALLOWED)
    return options


def check_next_owner(
    transfer: TransferFacts,
    record: RecordFacts,
    new_owner: MemberFacts | None,
    policy: PolicyFacts,
    options: Options,
    *,
    has_basis: bool,
    insist: bool,
) -> MemberFacts:
    """Judge who is asked next, or whom a record is imposed on (ELIG-1, ELIG-3 to ELIG-5, ELIG-8)."""
    if record.status is not RecordStatus.ACTIVE:
        raise Denied("ELIG-1", record.status)
    new_owner = check_new_owner(new_owner, record)
    if not new_owner.accepts_records and not insist:
        raise Denied("ELIG-3", "insist")
    if policy.basis_required and transfer.has_basis and not has_basis:
        raise Denied("ELIG-8", "again")
    check_content(record, new_owner, options, policy, has_basis=has_basis)
    return new_owner


def makers(actor: MemberFacts, transfer: TransferFacts) -> frozenset[UUID]:
    """Give the coordinators whose transfer it is: who asked, who chose somebody, and who steps in now."""
    asked = {transfer.asked_by_id} if transfer.asked_role is Role.COORDINATOR else set()
    return transfer.reassigned_by | asked | {actor.id}


def keeps_basis(transfer: TransferFacts, new_owner_id: UUID) -> bool:
    """Say whether the legal basis stands for this new owner: it does not where it names another (ELIG-8)."""
    return transfer.has_basis and (transfer.basis_for_anybody or new_owner_id == transfer.to_id)


def same_reassignment(actor_id: UUID, transfer: TransferFacts, to_id: UUID) -> bool:
    """
    Say whether this coordinator has asked this person already, who has not answered (MOVE-3).

    Raises ``Denied`` where somebody else has.
    """
    if transfer.state is not TransferState.PENDING_ACCEPTANCE or transfer.to_id != to_id:
        return False
    if transfer.reassigned_by_id != actor_id:
        raise Denied("ST-T/reassign", "already_asked")
    return True


def same_imposition(actor_id: UUID, transfer: TransferFacts, to_id: UUID | None) -> bool:
    """Say whether this coordinator has imposed this very hand-over already (MOVE-3)."""
    return transfer.imposed and transfer.decided_by_id == actor_id and to_id in {None, transfer.to_id}


def check_extend(transfer: TransferFacts, respond_by: datetime, now: datetime) -> None:
    """Judge a later deadline: while somebody is asked, after now and the present one, by a year at most."""
    if transfer.state is not TransferState.PENDING_ACCEPTANCE:
        raise Denied("ST-3", "not_asked", state=transfer.state)
    if respond_by <= max(now, transfer.respond_by):
        raise Denied("ST-3", "earlier")
    if respond_by > max(now, transfer.respond_by) + LONGEST:
        raise Denied("ST-3", "too_far")
