"""Who may write on a record, and when: the freeze, the shares, the author (VIS-4, VIS-5)."""

from dataclasses import replace
from uuid import UUID

from engine.errors import Denied, NotFound
from engine.rules.facts import MemberFacts, RecordFacts, RecordStatus, Relation
from engine.states.choices import Role, ShareLevel

_WRITES = frozenset({ShareLevel.WRITE, ShareLevel.FULL})


def check_write(actor: MemberFacts, record: RecordFacts) -> Role:
    """
    Judge whether an actor may add to a record.

    Raises ``Denied`` VIS-4 while a transfer is open, MOVE-4 on an archived copy or record,
    VIS-5 for a collaborator who may only read, ``NotFound`` for anybody else.
    """
    if actor.organization_id != record.organization_id or not actor.active:
        raise NotFound("record")
    match record.relation:
        case Relation.OWNER | Relation.COLLABORATOR:
            pass
        case Relation.PREVIOUS_OWNER:
            raise Denied("MOVE-4")
        case Relation.NEW_OWNER:
            raise Denied("VIS-3")
        case Relation.NOBODY:
            raise NotFound("record")
    if record.open_transfer_id is not None:
        raise Denied("VIS-4")
    if record.status is not RecordStatus.ACTIVE:
        raise Denied("MOVE-4")
    if record.relation is Relation.COLLABORATOR and record.share_level not in _WRITES:
        raise Denied("VIS-5", "read_only")
    return Role.PRACTITIONER


def check_book(actor: MemberFacts, record: RecordFacts) -> Role:
    """Judge who books an appointment: as for writing, but also while a transfer is open (MOVE-13)."""
    return check_write(actor, replace(record, open_transfer_id=None))


def check_restrict(actor: MemberFacts, record: RecordFacts) -> Role:
    """Judge who notes a client's restriction: at any time, since the list is the client's (ELIG-4)."""
    return check_book(actor, record)


def unseen(record: RecordFacts | None) -> Denied | NotFound:
    """Say why somebody cannot look into a record: the rule, if they may know of it (VIS-11)."""
    if record is not None and record.relation is Relation.NEW_OWNER:
        return Denied("VIS-3")
    if record is not None and record.relation is Relation.COLLABORATOR:
        return Denied("VIS-4", "collaborator")
    return NotFound("record")


def check_share(actor: MemberFacts, record: RecordFacts) -> Role:
    """Judge who shares a record: its owner, and not while a transfer is open (VIS-4)."""
    role = check_write(actor, record)
    if record.relation is not Relation.OWNER:
        raise Denied("ELIG-2")
    return role


def check_edit(actor: MemberFacts, record: RecordFacts, *, author_id: UUID, signed: bool) -> Role:
    """Judge an edit or a signature of a note: its author's alone, and never once signed (VIS-5)."""
    role = check_write(actor, record)
    if actor.id != author_id:
        raise Denied("VIS-5", "not_author")
    if signed:
        raise Denied("VIS-5", "signed")
    return role


def check_administrator(actor: MemberFacts) -> Role:
    """Judge a change to the organization: an active administrator's alone (ROLE-1, ROLE-4)."""
    if not actor.acts_as(Role.ADMINISTRATOR):
        raise Denied("ROLE-4", "administrator")
    return Role.ADMINISTRATOR


def check_practitioner(actor: MemberFacts) -> Role:
    """Judge who opens a record: an active practitioner, who becomes its owner (ROLE-4)."""
    if not actor.acts_as(Role.PRACTITIONER):
        raise Denied("ROLE-4", "practitioner")
    return Role.PRACTITIONER


def check_import(actor: MemberFacts) -> Role:
    """Judge who brings records of another system in: an active administrator (ROLE-4)."""
    return check_administrator(actor)


def check_import_owner(actor: MemberFacts, owner: MemberFacts | None) -> MemberFacts:
    """Judge for whom: an active practitioner of the same organization, who becomes the owner (ROLE-4)."""
    if (
        owner is None
        or owner.organization_id != actor.organization_id
        or not owner.acts_as(Role.PRACTITIONER)
    ):
        raise Denied("ROLE-4", "import_owner")
    return owner


def check_import_newcomer(*, active: bool) -> None:
    """Judge a practitioner who would become a member and an owner at once (ROLE-4)."""
    if not active:
        raise Denied("ROLE-4", "import_owner")
