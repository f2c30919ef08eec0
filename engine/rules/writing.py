"""Who may write on a record, and when: the freeze, the shares, the author (VIS-4, VIS-5)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from engine.errors import Denied, NotFound
from engine.rules.facts import MemberFacts, RecordFacts, RecordStatus, Relation
from engine.rules.transfers import may_know_record
from engine.states.choices import Role, ShareLevel

_WRITES = frozenset({ShareLevel.WRITE, ShareLevel.FULL})
_WIDTH = (ShareLevel.READ, ShareLevel.WRITE, ShareLevel.FULL)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteFacts:
    """One note, as the rules see it; ``author_writes`` while its author still has access to the record."""

    author_id: UUID
    draft: bool
    waiting: bool
    set_aside: bool
    author_writes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a share allows: a level, and whether what is signed waits for the owner's approval."""

    level: ShareLevel
    approval: bool


def check_write(actor: MemberFacts, record: RecordFacts) -> Role:
    """
    Judge whether an actor may add to a record.

    Raises ``Denied`` VIS-4 while a transfer is open, MOVE-4 on an archived copy or record,
    VIS-5 for a collaborator who may only read, ``NotFound`` for anybody else.
    """
    _check_party(actor, record)
    if record.open_transfer_id is not None:
        raise Denied("VIS-4")
    if record.status is not RecordStatus.ACTIVE:
        raise Denied("MOVE-4")
    if record.relation is Relation.COLLABORATOR and record.share_level not in _WRITES:
        raise Denied("VIS-5", "read_only")
    return Role.PRACTITIONER


def _check_party(actor: MemberFacts, record: RecordFacts) -> None:
    """Stop whoever is neither the owner nor a collaborator, with what they may know of it (VIS-11)."""
    if actor.organization_id != record.organization_id or not actor.active:
        raise NotFound("record")
    match record.relation:
        case Relation.OWNER | Relation.COLLABORATOR:
            return
        case Relation.PREVIOUS_OWNER | Relation.READER:
            raise Denied("MOVE-4")
        case Relation.NEW_OWNER:
            raise Denied("VIS-3")
        case Relation.NOBODY:
            raise unseen(actor, record)


def _check_owner(actor: MemberFacts, record: RecordFacts) -> Role:
    """Judge what is for the owner alone; a coordinator, who may know of the record, is told so (VIS-11)."""
    if record.relation is Relation.NOBODY and may_know_record(actor, record):
        raise Denied("ELIG-2")
    _check_party(actor, record)
    if record.relation is not Relation.OWNER:
        raise Denied("ELIG-2")
    return Role.PRACTITIONER


def check_book(actor: MemberFacts, record: RecordFacts) -> Role:
    """Judge who books an appointment: as for writing, but also while a transfer is open (MOVE-13)."""
    return check_write(actor, replace(record, open_transfer_id=None))


def check_restrict(actor: MemberFacts, record: RecordFacts) -> Role:
    """Judge who notes a client's restriction: at any time, since the list is the client's (ELIG-4)."""
    return check_book(actor, record)


def unseen(actor: MemberFacts, record: RecordFacts | None) -> Denied | NotFound:
    """Say why somebody cannot look into a record: the rule, if they may know of it (VIS-11)."""
    if record is None or not may_know_record(actor, record):
        return NotFound("record")
    match record.relation:
        case Relation.NEW_OWNER:
            return Denied("VIS-3")
        case Relation.COLLABORATOR:
            return Denied("VIS-4", "collaborator")
        case _:
            return Denied("VIS-1")


def check_share(actor: MemberFacts, record: RecordFacts, old: Access | None, new: Access | None) -> Role:
    """
    Judge who gives, changes or ends a share: the record's owner.

    While a transfer is open, and on an archived record, it is lowered or ended, never widened (VIS-4).
    """
    role = _check_owner(actor, record)
    if not widens(old, new):
        return role
    if record.open_transfer_id is not None:
        raise Denied("VIS-4", "wider_share")
    if record.status is not RecordStatus.ACTIVE:
        raise Denied("MOVE-4")
    return role


def check_shared_with(colleague: MemberFacts) -> None:
    """Judge with whom a record is shared: with an active practitioner, since no other role sees content."""
    if not colleague.active:
        raise NotFound("member")
    if Role.PRACTITIONER not in colleague.roles:
        raise Denied("ROLE-4", "collaborator")


def widens(old: Access | None, new: Access | None) -> bool:
    """Say whether a share allows more than before: a higher level, or signatures that no longer wait."""
    if new is None:
        return False
    if old is None:
        return True
    return _WIDTH.index(new.level) > _WIDTH.index(old.level) or (old.approval and not new.approval)


def check_status(actor: MemberFacts, record: RecordFacts) -> Role:
    """
    Judge who archives a record or takes it up again: its owner, with no transfer open (ELIG-1, VIS-4).

    An archived *copy* is another thing: it is never taken up again (MOVE-4).
    """
    role = _check_owner(actor, record)
    if record.open_transfer_id is not None:
        raise Denied("VIS-4")
    if record.status is RecordStatus.DELETED:
        raise Denied("ELIG-1", "deleted")
    return role


def check_hold(actor: MemberFacts, record: RecordFacts | None) -> Role:
    """Judge a legal hold and its end: an administrator's, on the organization's records (MOVE-11, VIS-8)."""
    role = check_administrator(actor)
    if record is None or record.organization_id != actor.organization_id:
        raise NotFound("record")
    return role


def check_edit(actor: MemberFacts, record: RecordFacts, note: NoteFacts) -> Role:
    """Judge an edit or a signature of a note: its author's alone, and never once signed (VIS-5, VIS-10)."""
    role = check_write(actor, record)
    if actor.id != note.author_id:
        raise Denied("VIS-5", "not_author")
    if note.set_aside:
        raise Denied("VIS-10", "set_aside")
    if not note.draft:
        raise Denied("VIS-5", "signed")
    return role


def check_take_up(actor: MemberFacts, record: RecordFacts, note: NoteFacts) -> Role:
    """
    Judge who adopts a draft or sets it aside: the owner, once its author has lost access (VIS-10).

    Raises ``NotFound`` where the author still writes: the owner may not know of the draft (VIS-11).
    """
    role = check_write(actor, record)
    if actor.id == note.author_id:
        raise Denied("VIS-10", "own")
    if record.relation is not Relation.OWNER:
        raise Denied("ELIG-2")
    if note.set_aside:
        raise Denied("VIS-10", "set_aside")
    if not note.draft:
        raise Denied("VIS-10", "no_draft")
    if note.author_writes:
        raise NotFound("note")
    return role


def check_approve(actor: MemberFacts, record: RecordFacts, note: NoteFacts) -> Role:
    """Judge who approves a note that waits for it: the owner, whoever that is by now (VIS-10)."""
    role = check_write(actor, record)
    if record.relation is not Relation.OWNER:
        raise Denied("VIS-10", "not_approver")
    if not note.waiting:
        raise Denied("VIS-10", "not_waiting")
    return role


def waits_for_approval(record: RecordFacts, *, author_only: bool) -> bool:
    """Say whether what the actor signs waits for the owner, who never sees what is private (VIS-6)."""
    return record.relation is Relation.COLLABORATOR and record.share_approval and not author_only


def check_cancel_appointment(
    actor: MemberFacts, *, practitioner_id: UUID, booked: bool, starts_at: datetime, now: datetime
) -> Role:
    """
    Judge who cancels an appointment: its holder, before it begins, also on a frozen record (MOVE-13).

    Whether the actor may know of it was asked before.
    """
    if actor.id != practitioner_id:
        raise Denied("MOVE-13", "not_holder")
    if not booked:
        raise Denied("MOVE-13", "cancelled")
    if starts_at <= now:
        raise Denied("MOVE-13", "begun")
    return Role.PRACTITIONER


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
