"""The desk for people: organizations, policies, members, clients' restrictions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from engine.audit import log
from engine.desk.base import Commands, Writing, patiently
from engine.errors import BadInput, NotFound
from engine.records import facts, locks, people, reading
from engine.records.races import racing
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts
from engine.states.choices import Role
from engine.views import MemberView, OrganizationView


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
            organization_id = command.actor.organization_id
            member_id = people.add_member(
                command.session,
                organization_id,
                email=email,
                first_name=first_name,
                last_name=last_name,
                title=title,
                language=language,
                roles=roles,
                now=command.now,
            )
            command.subject_id = member_id
            return next(
                reading.member_view(member, found)
                for member, found in people.members_of(command.session, organization_id)
                if member.id == member_id
            )

        return self._command(actor_id, "member.add", do)

    def set_policy(
        self,
        actor_id: UUID,
        *,
        answer_within: timedelta | None = None,
        reminders: Sequence[timedelta] | None = None,
        basis_required: bool | None = None,
        raw_data_titles: Sequence[str] | None = None,
    ) -> None:
        """Change the organization's choices; an administrator's command."""

        def do(command: Writing) -> None:
            command.role = rules.check_administrator(command.actor)
            locks.lock_policy(command.session, command.actor.organization_id, alone=True)
            people.set_policy(
                command.session,
                command.actor.organization_id,
                answer_within=answer_within,
                reminders=reminders,
                basis_required=basis_required,
                raw_data_titles=raw_data_titles,
            )

        self._command(actor_id, "organization.policy", do)

    def members(self, actor_id: UUID) -> list[MemberView]:
        """List the colleagues of the actor's organization."""

        def do(session: Session, actor: MemberFacts) -> list[MemberView]:
            found = people.members_of(session, actor.organization_id)
            return [reading.member_view(member, roles) for member, roles in found]

        return self._look(actor_id, "member.list", do)

    def restrict(
        self, actor_id: UUID, record_id: UUID, *, member_id: UUID | None, title: str | None, basis: str
    ) -> None:
        """Note that a record's clients do not want somebody, or a title, as their practitioner (ELIG-4)."""

        def do(command: Writing) -> None:
            locks.lock_records_of_clients(command.session, record_id)
            record = command.record(record_id, alone=True)
            command.role = rules.check_restrict(command.actor, record)
            named = None if member_id is None else facts.member(command.session, member_id)
            if member_id is not None and (
                named is None or named.organization_id != command.actor.organization_id
            ):
                raise NotFound("member")
            for client in people.clients_of(command.session, record_id):
                people.restrict(
                    command.session,
                    client.id,
                    member_id=member_id,
                    title=title,
                    set_by_id=actor_id,
                    basis=basis,
                    now=command.now,
                )

        self._command(actor_id, "client.restrict", do, concerned=() if member_id is None else (member_id,))

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
