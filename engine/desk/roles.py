"""The desk for roles: who gives one, who takes one away, and who hears of it (ROLE-1, ROLE-2, ROLE-4)."""

from uuid import UUID

import rfc8785
from sqlalchemy.orm import Session

from engine.activities.bulk_decisions import pause_led_by
from engine.desk import eligibility, unattended
from engine.desk.base import Commands, Writing
from engine.desk.membership import colleague, view
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import holders, people, transfers
from engine.rules import people as people_rules
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts
from engine.states.choices import Role
from engine.views import RoleView


class RolesDesk(Commands):
    """
    Roles of members, which an administrator gives and takes; each counts from the next command on (ROLE-2).

    The confirmation is asked by whoever has a person before them; ``role`` shows what to ask it about.
    """

    def role(self, actor_id: UUID, member_id: UUID, role: Role) -> RoleView:
        """Show a member's role, and what would wait for nobody without it; for administrators (ST-1)."""

        def do(session: Session, actor: MemberFacts) -> RoleView:
            rules.check_administrator(actor)
            member = colleague(session, actor, member_id)
            lost = unattended.without(session, member) if role is Role.COORDINATOR else unattended.Waiting()
            return _view(session, member, role, lost, changed=False)

        return self._look(actor_id, "member.role", do)

    def grant(self, actor_id: UUID, member_id: UUID, role: Role) -> RoleView:
        """
        Give a member a role; an administrator's command, which tells them.

        Whoever gives one to themself is reported to every administrator (ROLE-2).
        """

        def do(command: Writing) -> RoleView:
            command.role = rules.check_administrator(command.actor)
            session, member = command.session, colleague(command.session, command.actor, member_id)
            changed = role not in member.roles
            _say(command, member, role, changed=changed)
            if changed:
                people.grant_role(session, member.id, role)
                _tell(command, NoticeKind.ROLE_GRANTED, _who_hears_of_a_grant(command, member))
            return _view(session, member, role, unattended.Waiting(), changed=changed)

        return self._command(actor_id, "member.grant", do, changed=member_id, changes_roles=True)

    def revoke(self, actor_id: UUID, member_id: UUID, role: Role) -> RoleView:
        """
        Take a role from a member; an administrator's command, which tells them and undoes nothing (ROLE-5).

        What waits for the answer of somebody who no longer practises goes to a coordinator, or its owner is
        told (ST-4); the transfers of caseloads that somebody led who no longer coordinates pause. Raises
        ``Denied`` ROLE-1 for the last active administrator, and for a member's last role.
        """

        def do(command: Writing) -> RoleView:
            command.role = rules.check_administrator(command.actor)
            session, member = command.session, colleague(command.session, command.actor, member_id)
            changed = role in member.roles
            _say(command, member, role, changed=changed)
            if not changed:
                return _view(session, member, role, unattended.Waiting(), changed=False)
            if role is Role.ADMINISTRATOR:
                others = holders.others_in_role(session, member.organization_id, role, but=member.id)
                people_rules.check_last_administrator(member, others=len(others))
            people_rules.check_keeps_a_role(member, role)
            lost = unattended.without(session, member) if role is Role.COORDINATOR else unattended.Waiting()
            asked = transfers.asked_of(session, member.id) if role is Role.PRACTITIONER else []
            with eligibility.noticed(command, asked):
                people.revoke_role(session, member.id, role)
            if role is Role.COORDINATOR:
                command.further += pause_led_by(session, member.id, command.now)
            _tell(command, NoticeKind.ROLE_REVOKED, {member.id} - {command.actor.id})
            if lost:
                unattended.tell_to_name_a_coordinator(command)
            return _view(session, member, role, lost, changed=True)

        return self._command(actor_id, "member.revoke", do, changed=member_id, changes_roles=True)


def _say(command: Writing, member: MemberFacts, role: Role, *, changed: bool) -> None:
    """Let the log say whose role it is and which; a repetition changes none."""
    command.subject_id = member.id
    command.counts = rfc8785.dumps({"role": {role.value: int(changed)}}).decode()


def _who_hears_of_a_grant(command: Writing, member: MemberFacts) -> set[UUID]:
    """Give the member; for one's own act every administrator, oneself too: another may have typed."""
    if member.id != command.actor.id:
        return {member.id}
    others = holders.others_in_role(
        command.session, member.organization_id, Role.ADMINISTRATOR, but=member.id
    )
    return {member.id, *others}


def _tell(command: Writing, kind: NoticeKind, members: set[UUID]) -> None:
    cause = outbox.Cause(command.actor.organization_id, None, command.command_id, command.now)
    outbox.tell(command.session, kind, members, cause, but=None, about=command.subject_id)


def _view(
    session: Session, member: MemberFacts, role: Role, lost: unattended.Waiting, *, changed: bool
) -> RoleView:
    return RoleView(
        member=view(session, member.id),
        role=role,
        changed=changed,
        waiting=lost.transfers,
        left_records=lost.records,
    )
