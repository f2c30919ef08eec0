"""May this transfer be made, answered or changed? Each denial carries the rule that it comes from."""

from collections.abc import Iterable
from uuid import UUID

from engine.errors import Denied, NotFound
from engine.rules.content import narrows
from engine.rules.facts import (
    MemberFacts,
    PolicyFacts,
    RecordFacts,
    RecordStatus,
    Relation,
    TransferFacts,
)
from engine.states.choices import Options, RawDataChoice, Role
from engine.states.transfer import TransferState, TransferTrigger


def may_know_record(actor: MemberFacts, record: RecordFacts) -> bool:
    """Say whether an actor may know that a record exists (VIS-11); coordinators not of a confidential one."""
    if actor.organization_id != record.organization_id or not actor.active:
        return False
    coordinates = actor.acts_as(Role.COORDINATOR) and not record.confidential
    return coordinates or record.relation is not Relation.NOBODY


def asking_role(actor: MemberFacts, record: RecordFacts, *, confidential_in_bulk: bool = False) -> Role:
    """
    Say in which role this actor may ask for a transfer of this record.

    ``confidential_in_bulk`` where a bulk asks that explicitly includes confidential records (ELIG-6).
    Raises ``Denied`` ELIG-2 for somebody who may know of the record, ``NotFound`` for anybody else (VIS-11).
    """
    coordinates = (
        actor.acts_as(Role.COORDINATOR)
        and actor.organization_id == record.organization_id
        and (confidential_in_bulk or not record.confidential)
    )
    if not coordinates and not may_know_record(actor, record):
        raise NotFound("record")
    if record.relation is Relation.OWNER:
        return Role.PRACTITIONER
    if coordinates:
        return Role.COORDINATOR
    raise Denied("ELIG-2")


def check_request(  # noqa: PLR0913 - what a request says
    actor: MemberFacts,
    record: RecordFacts,
    new_owner: MemberFacts | None,
    options: Options,
    policy: PolicyFacts,
    *,
    has_basis: bool,
    insist: bool = False,
    others: bool = True,
    confidential_in_bulk: bool = False,
) -> Role:
    """
    Judge a request (ELIG-1 to ELIG-6, ELIG-8, ELIG-9) and say in which role it is asked.

    ``others``: whether somebody else could take over, where a coordinator asks for themself.
    Raises ``Denied`` with the rule, or ``NotFound`` where the actor may not know of the record.
    """
    role = asking_role(actor, record, confidential_in_bulk=confidential_in_bulk)
    if record.status is not RecordStatus.ACTIVE:
        raise Denied("ELIG-1", record.status)
    if record.open_transfer_id is not None:
        raise Denied("ELIG-1", "open_transfer")
    new_owner = check_new_owner(new_owner, record)
    if not new_owner.accepts_records and role is not Role.COORDINATOR:
        raise Denied("ELIG-3", "not_accepting")
    if not new_owner.accepts_records and not insist:
        raise Denied("ELIG-3", "insist")
    if role is Role.COORDINATOR and new_owner.id == actor.id:
        check_receives(policy, others=others)
    check_content(record, new_owner, options, policy, has_basis=has_basis)
    return role


def check_receives(policy: PolicyFacts, *, others: bool) -> None:
    """Judge a coordinator who would receive by a transfer of their own making (ELIG-9)."""
    if not policy.coordinator_may_receive:
        raise Denied("ELIG-9")
    if others:
        raise Denied("ELIG-9", "others")


def could_take_over(
    members: Iterable[MemberFacts],
    record: RecordFacts,
    policy: PolicyFacts,
    options: Options,
    *,
    but: frozenset[UUID],
) -> bool:
    """Say whether anybody else could become the owner of a record, and takes new ones (ELIG-9)."""
    return any(_could(member, record, policy, options) for member in members if member.id not in but)


def _could(member: MemberFacts, record: RecordFacts, policy: PolicyFacts, options: Options) -> bool:
    try:
        check_content(record, check_new_owner(member, record), options, policy, has_basis=True)
    except Denied:
        return False
    return member.accepts_records


def check_handover(
    transfer: TransferFacts, record: RecordFacts, new_owner: MemberFacts | None, policy: PolicyFacts
) -> MemberFacts:
    """
    Judge once more, inside the transaction that hands over, and give the new owner.

    Raises ``Denied`` with the rule. Not accepting new records stops asking, never an answer (ELIG-3).
    """
    if record.status is not RecordStatus.ACTIVE:
        raise Denied("ELIG-1", record.status)
    new_owner = check_new_owner(new_owner, record)
    check_content(record, new_owner, transfer.options, policy, has_basis=transfer.has_basis)
    return new_owner


def check_new_owner(new_owner: MemberFacts | None, record: RecordFacts) -> MemberFacts:
    """
    Judge whether somebody could hold this record: ELIG-3 and ELIG-4.

    Raises ``Denied``; a member of another organization reads as an unknown one (VIS-8).
    """
    if new_owner is None or new_owner.organization_id != record.organization_id:
        raise Denied("ELIG-3", "unknown")
    if not new_owner.active:
        raise Denied("ELIG-3", "inactive")
    if Role.PRACTITIONER not in new_owner.roles:
        raise Denied("ELIG-3", "not_practitioner")
    if new_owner.id == record.owner_id:
        raise Denied("ELIG-3", "same")
    if record.excludes(new_owner):
        raise Denied("ELIG-4")
    return new_owner


def check_content(
    record: RecordFacts, new_owner: MemberFacts, options: Options, policy: PolicyFacts, *, has_basis: bool
) -> None:
    """Judge what would move: ELIG-5 for raw data, ELIG-8 for the legal basis. Raises ``Denied``."""
    wants_raw = options.raw_data is RawDataChoice.INCLUDE and record.has_raw_data
    if wants_raw and not policy.allows_raw_data(new_owner.title):
        raise Denied("ELIG-5")
    if policy.basis_required and not has_basis:
        raise Denied("ELIG-8")


def told_to_new_owner(denied: str) -> str:
    """Word an error key for the new owner, who may not learn of a restriction (VIS-11)."""
    return "VIS-11/no_longer" if denied.split("/", maxsplit=1)[0] in {"ELIG-1", "ELIG-4"} else denied


def may_know(actor: MemberFacts, transfer: TransferFacts) -> bool:
    """
    Say whether an actor may know of a transfer: both parties and the coordinators (VIS-12).

    Nobody was asked by a failed one: its would-be new owner does not know of it.
    """
    if not actor.active or actor.organization_id != transfer.organization_id:
        return False
    if actor.id == transfer.to_id and transfer.state is not TransferState.FAILED:
        return True
    if actor.id in transfer.formerly_asked:
        return True
    asked = actor.id == transfer.asked_by_id and transfer.asked_role in actor.roles
    return asked or actor.id == transfer.from_id or Role.COORDINATOR in actor.roles


def check_known(actor: MemberFacts, transfer: TransferFacts) -> None:
    """Raise ``NotFound`` for somebody who may not know of the transfer (VIS-11, VIS-12)."""
    if not may_know(actor, transfer):
        raise NotFound("transfer")


def check_answer(actor: MemberFacts, transfer: TransferFacts, trigger: TransferTrigger) -> Role:
    """Judge who accepts or refuses: the new owner and nobody else (ST-T/accept, ST-T/refuse)."""
    check_known(actor, transfer)
    if actor.id != transfer.to_id:
        if actor.id in transfer.formerly_asked:
            raise Denied(f"ST-T/{trigger}", "no_longer")
        raise Denied(f"ST-T/{trigger}", "not_new_owner")
    if not actor.acts_as(Role.PRACTITIONER):
        raise Denied("ELIG-3", "not_practitioner")
    return Role.PRACTITIONER


def check_cancel(actor: MemberFacts, transfer: TransferFacts) -> Role:
    """
    Judge who cancels: the owner, who asked, and any coordinator, for whom it is an override (ST-T/cancel).

    Raises ``Denied`` or ``NotFound``.
    """
    check_known(actor, transfer)
    if actor.id == transfer.from_id and actor.acts_as(Role.PRACTITIONER):
        return Role.PRACTITIONER
    if actor.id == transfer.asked_by_id and actor.acts_as(transfer.asked_role):
        return transfer.asked_role
    if actor.acts_as(Role.COORDINATOR):
        return Role.COORDINATOR
    raise Denied("ST-T/cancel", "not_asker")


def check_narrow(actor: MemberFacts, transfer: TransferFacts, options: Options) -> Role:
    """Judge a change of options on an open transfer: by who asked, never wider (MOVE-1)."""
    check_known(actor, transfer)
    if actor.id != transfer.asked_by_id or not actor.acts_as(transfer.asked_role):
        raise Denied("MOVE-1", "not_asker")
    if not transfer.state.is_open:
        raise Denied("MOVE-1", "closed", state=transfer.state)
    if not narrows(transfer.options, options):
        raise Denied("MOVE-1", "wider")
    return transfer.asked_role


def check_seen(transfer: TransferFacts, seen_version: int | None) -> None:
    """Deny a decision made on a state that has changed since (MOVE-3)."""
    if seen_version is not None and seen_version != transfer.version:
        raise Denied("MOVE-3", "changed")


def check_asked(transfer: TransferFacts, trigger: TransferTrigger) -> None:
    """Deny an answer by somebody who no longer is asked, who learns no more than that (VIS-12)."""
    if transfer.state is TransferState.COORDINATOR_OVERRIDE:
        raise Denied(f"ST-T/{trigger}", "no_longer")


def same_decision(actor_id: UUID, transfer: TransferFacts, trigger: TransferTrigger) -> bool:
    """Say whether this person's decision is the one recorded, and gets the same answer (MOVE-3)."""
    recorded = {
        TransferTrigger.ACCEPT: {TransferState.ACCEPTED},
        TransferTrigger.REFUSE: {TransferState.REFUSED, TransferState.COORDINATOR_OVERRIDE},
        TransferTrigger.CANCEL: {TransferState.CANCELLED, TransferState.COORDINATOR_OVERRIDE},
    }
    if trigger is TransferTrigger.CANCEL and actor_id == transfer.to_id:
        # What the new owner decided was a refusal.
        return False
    if trigger is TransferTrigger.ACCEPT and transfer.imposed:
        return False
    return transfer.decided_by_id == actor_id and transfer.state in recorded[trigger]
