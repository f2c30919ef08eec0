"""Who looks after members, and who reads a client's restrictions."""

from engine.errors import Denied, NotFound
from engine.rules.facts import MemberFacts, RecordFacts, Relation
from engine.rules.writing import unseen
from engine.states.choices import Role


def check_last_administrator(member: MemberFacts, *, others: int) -> None:
    """Keep an organization's last active administrator (ROLE-1). Raises ``Denied``."""
    if member.acts_as(Role.ADMINISTRATOR) and not others:
        raise Denied("ROLE-1", "last_administrator")


def check_keeps_a_role(member: MemberFacts, role: Role) -> None:
    """
    Keep a member's last role: a member holds one or more (ROLE-1). Raises ``Denied``.

    The coordinator role is taken at any time (ROLE-2): who had no other then waits for one.
    """
    if member.roles == {role} and role is not Role.COORDINATOR:
        raise Denied("ROLE-1", "last_role")


def check_coordinator(actor: MemberFacts) -> Role:
    """Judge who looks over practitioners, or transfers their caseloads: coordinators alone (ROLE-4)."""
    if not actor.acts_as(Role.COORDINATOR):
        raise Denied("ROLE-4", "coordinator")
    return Role.COORDINATOR


def check_declare(actor: MemberFacts) -> Role:
    """Judge who says whether they accept new records: a practitioner, for themself (ELIG-3)."""
    if not actor.acts_as(Role.PRACTITIONER):
        raise Denied("ROLE-4", "declares")
    return Role.PRACTITIONER


def check_see_restrictions(actor: MemberFacts, record: RecordFacts) -> Role:
    """
    Judge who reads whom a client's records may not go to (ELIG-4): the owner, and who shares the record.

    Raises ``Denied`` VIS-7 for who holds a copy of what was before, ``NotFound`` for anybody else (VIS-11).
    """
    if actor.organization_id != record.organization_id or not actor.active:
        raise NotFound("record")
    if record.relation in {Relation.PREVIOUS_OWNER, Relation.READER}:
        raise Denied("VIS-7")
    shared = record.relation is Relation.COLLABORATOR and record.open_transfer_id is None
    if record.relation is not Relation.OWNER and not shared:
        raise unseen(actor, record)
    return Role.PRACTITIONER
