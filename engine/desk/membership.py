"""The desk for members: who comes, who leaves and what they still hold, titles, who takes new records."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import rfc8785
from sqlalchemy.orm import Session

from engine.activities.bulk_decisions import pause_led_by
from engine.desk import eligibility, openings, unattended
from engine.desk.base import Commands, Writing
from engine.errors import BadInput, NotFound
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, holders, people, reading, sessions, transfers
from engine.records.tables.people import Member
from engine.rules import people as people_rules
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts
from engine.states.choices import Role
from engine.views import HeldView, MemberView


class MembersDesk(Commands):
    """Members of an organization; an administrator looks after them and never sees content."""

    def add_member(
        self,
        actor_id: UUID,
        *,
        email: str,
        first_name: str,
        last_name: str,
        title: str,
        language: str,
        roles: Sequence[Role],
    ) -> MemberView:
        """Add a member to the actor's organization; an administrator's command (ROLE-1)."""

        def do(command: Writing) -> MemberView:
            command.role = rules.check_administrator(command.actor)
            if not roles:
                raise BadInput("empty", field="role")
            command.subject_id = people.add_member(
                command.session,
                command.actor.organization_id,
                email=email,
                first_name=first_name,
                last_name=last_name,
                title=title,
                language=language,
                roles=roles,
                now=command.now,
            )
            command.counts = rfc8785.dumps({"role": dict.fromkeys(sorted(set(roles)), 1)}).decode()
            if Role.COORDINATOR in roles:
                _tell_of_role(command, command.subject_id)
            return view(command.session, command.subject_id)

        return self._command(actor_id, "member.add", do)

    def members(self, actor_id: UUID) -> list[MemberView]:
        """List the colleagues of the actor's organization."""

        def do(session: Session, actor: MemberFacts) -> list[MemberView]:
            found = people.members_of(session, actor.organization_id)
            return [reading.member_view(member, roles) for member, roles in found]

        return self._look(actor_id, "member.list", do)

    def held(self, actor_id: UUID, member_id: UUID) -> HeldView:
        """Show what a member still holds, before they lose their access; for administrators (ROLE-6)."""

        def do(session: Session, actor: MemberFacts) -> HeldView:
            rules.check_administrator(actor)
            return _held(session, colleague(session, actor, member_id))

        return self._look(actor_id, "member.held", do)

    def deactivate(self, actor_id: UUID, member_id: UUID) -> HeldView:
        """
        Take a member's access; an administrator's command, which leaves everything in place (ROLE-6).

        What waits for their answer goes to a coordinator, or its owner is told (ST-4); the transfers of
        caseloads that they lead pause (ROLE-5). Raises ``Denied`` ROLE-1 for the last active administrator.
        """

        def do(command: Writing) -> HeldView:
            command.role = rules.check_administrator(command.actor)
            member = colleague(command.session, command.actor, member_id)
            command.subject_id = member.id
            if not member.active:
                raise BadInput("member_inactive")
            others = holders.others_in_role(
                command.session, member.organization_id, Role.ADMINISTRATOR, but=member.id
            )
            people_rules.check_last_administrator(member, others=len(others))
            found = _held(command.session, member)
            with eligibility.noticed(command, transfers.asked_of(command.session, member.id)):
                people.change_member(command.session, member.id, active=False)
            sessions.end_all(command.session, member.id)
            command.further += pause_led_by(command.session, member.id, command.now)
            if member.acts_as(Role.COORDINATOR) or found.records:
                unattended.tell_to_name_a_coordinator(command)
            return found.model_copy(update={"member": view(command.session, member.id)})

        return self._command(actor_id, "member.deactivate", do, changed=member_id, changes_roles=True)

    def activate(self, actor_id: UUID, member_id: UUID) -> MemberView:
        """Give a member their access back; an administrator's command."""

        def do(command: Writing) -> MemberView:
            command.role = rules.check_administrator(command.actor)
            member = colleague(command.session, command.actor, member_id)
            command.subject_id = member.id
            if member.active:
                raise BadInput("member_active")
            people.change_member(command.session, member.id, active=True)
            openings.end_of_holder(command, member.id)
            return view(command.session, member.id)

        return self._command(actor_id, "member.activate", do, changed=member_id, changes_roles=True)

    def set_title(self, actor_id: UUID, member_id: UUID, title: str) -> MemberView:
        """Change a professional title, on which raw data and restrictions depend (ELIG-4, ELIG-5)."""

        def do(command: Writing) -> MemberView:
            command.role = rules.check_administrator(command.actor)
            member = colleague(command.session, command.actor, member_id)
            command.subject_id = member.id
            with (
                openings.noticed(command, reader_id=member.id),
                eligibility.noticed(command, transfers.asked_of(command.session, member.id)),
            ):
                people.change_member(command.session, member.id, title=title)
            return view(command.session, member.id)

        return self._command(actor_id, "member.title", do, changed=member_id)

    def set_accepts(self, actor_id: UUID, *, accepts: bool) -> MemberView:
        """Declare for oneself whether one takes new records; it stops asking, never an answer (ELIG-3)."""

        def do(command: Writing) -> MemberView:
            command.role = people_rules.check_declare(command.actor)
            command.subject_id = actor_id
            people.change_member(command.session, actor_id, accepts_records=accepts)
            return view(command.session, actor_id)

        return self._command(actor_id, "member.accepts", do, changed=actor_id)

    def set_language(self, actor_id: UUID, language: str) -> MemberView:
        """Choose for oneself in which language one is spoken to, here and in messages (NOTE-1)."""

        def do(command: Writing) -> MemberView:
            # Whoever they are: nobody needs a role to choose for themself.
            command.role = min(command.actor.roles, default=Role.PRACTITIONER)
            command.subject_id = actor_id
            people.change_member(command.session, actor_id, language=language)
            return view(command.session, actor_id)

        return self._command(actor_id, "member.language", do, changed=actor_id)


def colleague(session: Session, actor: MemberFacts, member_id: UUID) -> MemberFacts:
    """Read a member of the actor's own organization. Raises ``NotFound`` for anybody else's (VIS-8)."""
    found = facts.member(session, member_id)
    if found is None or found.organization_id != actor.organization_id:
        raise NotFound("colleague")
    return found


def view(session: Session, member_id: UUID) -> MemberView:
    """Show a member as they are now."""
    found = facts.member(session, member_id)
    row = session.get_one(Member, member_id, populate_existing=True)
    return reading.member_view(row, sorted(found.roles) if found else [])


def _tell_of_role(command: Writing, member_id: UUID) -> None:
    """Tell somebody who comes as a coordinator, as anybody else who becomes one (ROLE-2)."""
    cause = outbox.Cause(command.actor.organization_id, None, command.command_id, command.now)
    outbox.tell(command.session, NoticeKind.ROLE_GRANTED, {member_id}, cause, but=None, about=member_id)


def _held(session: Session, member: MemberFacts) -> HeldView:
    lost = unattended.without(session, member)
    return HeldView(
        member=view(session, member.id),
        waiting=lost.transfers,
        left_records=lost.records,
        **holders.held(session, member.id, datetime.now(UTC)),
    )
