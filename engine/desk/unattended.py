"""What waits for a coordinator while an organization has none (ST-1, ROLE-6)."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk.base import Writing
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import holders, overview
from engine.rules.facts import MemberFacts
from engine.states.choices import Role


@dataclass(frozen=True, slots=True)
class Waiting:
    """What only a coordinator can settle: transfers that wait for one, records whose owner is inactive."""

    transfers: int = 0
    records: int = 0

    def __bool__(self) -> bool:
        """Say whether anything waits."""
        return bool(self.transfers or self.records)


def waiting(session: Session, organization_id: UUID) -> Waiting:
    """Count what waits for a coordinator."""
    return Waiting(
        len(holders.waiting(session, organization_id)), overview.left_records(session, organization_id)
    )


def without(session: Session, member: MemberFacts) -> Waiting:
    """Say what would wait for nobody without this member; nothing where they are not the last coordinator."""
    if not member.acts_as(Role.COORDINATOR) or holders.others_in_role(
        session, member.organization_id, Role.COORDINATOR, but=member.id
    ):
        return Waiting()
    return waiting(session, member.organization_id)


def tell_to_name_a_coordinator(command: Writing) -> None:
    """While something waits and nobody coordinates, the other administrators are told to name somebody."""
    organization_id = command.actor.organization_id
    if outbox.coordinators(command.session, organization_id) or not waiting(command.session, organization_id):
        return
    administrators = holders.others_in_role(
        command.session, organization_id, Role.ADMINISTRATOR, but=command.actor.id
    )
    cause = outbox.Cause(organization_id, None, command.command_id, command.now)
    outbox.tell(
        command.session, NoticeKind.NAME_COORDINATOR, administrators, cause, but=None, about=organization_id
    )
