"""Who may look into a record that a transfer freezes, and for how long (VIS-4, VIS-9)."""

from datetime import timedelta
from typing import Final

from engine.errors import Denied, NotFound
from engine.rules.facts import MemberFacts, RecordFacts, Relation
from engine.rules.transfers import may_know_record
from engine.states.choices import Role

#: How long an emergency gives sight of a record, unless the transfer closes or the share ends before.
EMERGENCY: Final = timedelta(hours=1)


def check_emergency(actor: MemberFacts, record: RecordFacts) -> Role:
    """
    Judge who opens a frozen record in an emergency: its collaborators, and no would-be new owner (VIS-9).

    Raises ``Denied``, or ``NotFound`` for somebody who may not know of the record.
    """
    if not may_know_record(actor, record):
        raise NotFound("record")
    if record.relation is Relation.NEW_OWNER:
        raise Denied("VIS-3")
    if record.relation is not Relation.COLLABORATOR:
        raise Denied("VIS-4", "emergency_collaborators")
    if record.open_transfer_id is None:
        raise Denied("VIS-4", "no_emergency")
    return Role.PRACTITIONER


def check_open_copy(holder: MemberFacts, reader: MemberFacts | None, record: RecordFacts) -> MemberFacts:
    """
    Judge for whom a copy is opened: its holder is gone, the reader is an active practitioner (MOVE-6).

    A person whom the client does not want is given nothing of theirs (ELIG-4); a member of another
    organization reads as an unknown one (VIS-8). Raises ``Denied``.
    """
    if holder.active:
        raise Denied("MOVE-6", "holder_active")
    if (
        reader is None
        or reader.organization_id != record.organization_id
        or not reader.acts_as(Role.PRACTITIONER)
    ):
        raise Denied("MOVE-6", "reader")
    if record.excludes(reader):
        raise Denied("ELIG-4")
    return reader
