"""The desk for people: organizations, policies, members, clients' restrictions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import rfc8785
from sqlalchemy.orm import Session

from engine.audit import log
from engine.desk.base import Commands, Writing, patiently
from engine.errors import BadInput, NotFound
from engine.records import locks, people, reading
from engine.records.races import racing
from engine.records.tables.people import Organization
from engine.rules import policies
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts
from engine.states.choices import Role
from engine.views import OrganizationFactsView, OrganizationView, PolicyView


class PeopleDesk(Commands):
    """Who is there, and what their organization chose."""

    def create_organization(
        self, name: str, *, administrator: str, first_name: str, last_name: str, language: str, time_zone: str
    ) -> OrganizationView:
        """Create an organization with its first administrator (ROLE-1)."""
        now = datetime.now(UTC)

        def write() -> tuple[UUID, UUID]:
            with self.database.write() as session:
                organization_id = people.add_organization(
                    session, name=name, language=language, time_zone=time_zone, now=now
                )
                log.start(session, organization_id)
                administrator_id = people.add_member(
                    session,
                    organization_id,
                    email=administrator,
                    first_name=first_name,
                    last_name=last_name,
                    title="",
                    language=language,
                    roles=[Role.ADMINISTRATOR],
                    now=now,
                )
                entry = log.Entry(
                    organization_id=organization_id,
                    at=now,
                    action="organization.create",
                    command_id=uuid4(),
                    actor_id=administrator_id,
                    role=Role.ADMINISTRATOR,
                    os_uid=self._os_uid,
                )
                log.append(session, entry)
            return organization_id, administrator_id

        organization_id, administrator_id = racing(write)
        return OrganizationView(
            id=organization_id,
            name=name.strip(),
            language=language,
            time_zone=time_zone,
            administrator_id=administrator_id,
        )

    def set_policy(  # noqa: PLR0913 - each choice by its name
        self,
        actor_id: UUID,
        *,
        answer_within: timedelta | None = None,
        reminders: Sequence[timedelta] | None = None,
        basis_required: bool | None = None,
        raw_data_titles: Sequence[str] | None = None,
        impose_allowed: bool | None = None,
        coordinator_may_receive: bool | None = None,
        remind_coordinators: timedelta | None = None,
        announce_practitioner: bool | None = None,
        hold_cancellations: bool | None = None,
        grace_days: int | None = None,
        retention_years: int | None = None,
    ) -> None:
        """Change some of the organization's choices; an administrator's command."""
        named: dict[str, policies.Value | None] = {
            "answer_within": answer_within,
            "reminders": reminders,
            "basis_required": basis_required,
            "raw_data_titles": raw_data_titles,
            "impose_allowed": impose_allowed,
            "coordinator_may_receive": coordinator_may_receive,
            "remind_coordinators": remind_coordinators,
            "announce_practitioner": announce_practitioner,
            "hold_cancellations": hold_cancellations,
            "grace_days": grace_days,
            "retention_years": retention_years,
        }
        values = {name: value for name, value in named.items() if value is not None}
        self._command(actor_id, "organization.policy", lambda command: _change(command, values))

    def change_policy(self, actor_id: UUID, name: str, words: Sequence[str]) -> PolicyView:
        """Change one choice to what somebody typed; an administrator's command. Raises ``BadInput``."""

        def do(command: Writing) -> PolicyView:
            rules.check_administrator(command.actor)
            policy = policies.named(name)
            _change(command, {policy.name: policies.read(policy, words)})
            return _policy_view(policy, people.policies_of(command.session, command.actor.organization_id))

        return self._command(actor_id, "organization.policy", do)

    def policies(self, actor_id: UUID) -> list[PolicyView]:
        """Show every choice of the actor's organization, with its default and its range."""

        def do(session: Session, actor: MemberFacts) -> list[PolicyView]:
            values = people.policies_of(session, actor.organization_id)
            return [_policy_view(policy, values) for policy in policies.TABLE]

        return self._look(actor_id, "organization.policies", do)

    def organization(self, actor_id: UUID) -> OrganizationFactsView:
        """Show the actor's organization: what every member may know of it."""

        def do(session: Session, actor: MemberFacts) -> OrganizationFactsView:
            row = session.get_one(Organization, actor.organization_id)
            members = [reading.member_view(*found) for found in people.members_of(session, row.id)]
            active = [member for member in members if member.active]
            return OrganizationFactsView(
                id=row.id,
                name=row.name,
                language=row.language,
                time_zone=row.time_zone,
                administrators=[m.name for m in active if Role.ADMINISTRATOR in m.roles],
                coordinators=[m.name for m in active if Role.COORDINATOR in m.roles],
                members=len(active),
                inactive=len(members) - len(active),
            )

        return self._look(actor_id, "organization.show", do)

    def member_by_email(self, email: str, organization: str | None = None) -> UUID:
        """Find who acts. Raises ``NotFound``, ``BadInput`` where several organizations know the address."""

        def do() -> UUID:
            with self.database.read() as session:
                found = [
                    member.id
                    for member, name in people.members_by_email(session, email)
                    if organization is None or name == organization
                ]
            if not found:
                raise NotFound("member")
            if len(found) > 1:
                raise BadInput("several_organizations")
            return found[0]

        return patiently(do, self._patience)

    def colleague(self, actor_id: UUID, email: str) -> UUID | None:
        """Find a member of the actor's own organization by address; ``None`` where there is none (VIS-8)."""

        def do(session: Session, actor: MemberFacts) -> UUID | None:
            found = people.members_by_email(session, email)
            return next((m.id for m, _ in found if m.organization_id == actor.organization_id), None)

        return self._look(actor_id, "member.find", do)

    def facts_of(self, actor_id: UUID) -> MemberFacts:
        """Read who acts. Raises ``NotFound``."""
        return self._look(actor_id, "member.self", lambda _session, actor: actor)


def _change(command: Writing, values: Mapping[str, policies.Value]) -> None:
    """Change choices, and log the new value of what is a number; of a list, how many."""
    command.role = rules.check_administrator(command.actor)
    organization_id = command.actor.organization_id
    locks.lock_policy(command.session, organization_id, alone=True)
    people.set_policies(command.session, organization_id, values)
    logged = {"policy": {name: policies.number(value) for name, value in values.items()}}
    command.counts = rfc8785.dumps(logged).decode()


def _policy_view(policy: policies.Policy, values: Mapping[str, policies.Value]) -> PolicyView:
    bounded = policy.least is not None
    return PolicyView(
        name=policy.typed_name,
        value=policies.shown(values[policy.name]),
        default=policies.shown(policy.default),
        least=policies.shown(policy.least) if bounded else None,
        most=policies.shown(policy.most) if bounded else None,
    )
