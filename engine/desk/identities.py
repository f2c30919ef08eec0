"""The desk for identities: who a member is for the organization's OpenID Connect issuer."""

from uuid import UUID

from engine.desk.base import Commands, Writing, patiently
from engine.desk.membership import colleague, view
from engine.errors import BadInput, Unidentified
from engine.records import facts, sessions, subjects
from engine.rules import writing as rules
from engine.views import LinkView, PersonaView


class IdentitiesDesk(Commands):
    """An administrator links members; a token then says who speaks, and never what they may do."""

    def link_member(self, actor_id: UUID, member_id: UUID, issuer: str, subject: str) -> LinkView:
        """Link a member to a subject of an issuer; an administrator's command."""

        def do(command: Writing) -> LinkView:
            command.role = rules.check_administrator(command.actor)
            member = colleague(command.session, command.actor, member_id)
            command.subject_id = member.id
            if subjects.link_of(command.session, member.id) != (issuer, subject):
                # Whoever signed in as them before may be somebody else.
                sessions.end_all(command.session, member.id)
            subjects.link(command.session, member.id, member.organization_id, issuer, subject, command.now)
            return self._link(command, member.id)

        return self._command(actor_id, "member.link", do, changed=member_id)

    def unlink_member(self, actor_id: UUID, member_id: UUID) -> LinkView:
        """End a member's link, so that no token is theirs; an administrator's command."""

        def do(command: Writing) -> LinkView:
            command.role = rules.check_administrator(command.actor)
            member = colleague(command.session, command.actor, member_id)
            command.subject_id = member.id
            # One who is not linked stays so: the same command has the same answer (MOVE-3).
            subjects.unlink(command.session, member.id)
            sessions.end_all(command.session, member.id)
            return self._link(command, member.id)

        return self._command(actor_id, "member.unlink", do, changed=member_id)

    @staticmethod
    def _link(command: Writing, member_id: UUID) -> LinkView:
        found = subjects.link_of(command.session, member_id)
        issuer, subject = found or (None, None)
        return LinkView(member=view(command.session, member_id), issuer=issuer, subject=subject)

    def speaker(self, issuer: str, subject: str, organization_id: UUID | None = None) -> UUID:
        """
        Say which active member a subject of an issuer is.

        Raises ``Unidentified`` for nobody, and ``BadInput`` where they are members of several organizations
        and none is named.
        """

        def do() -> UUID:
            with self.database.read() as session:
                found = [
                    member
                    for member, organization in subjects.members_of(session, issuer, subject)
                    if organization_id in {None, organization}
                ]
            if not found:
                raise Unidentified("nobody")
            if len(found) > 1:
                raise BadInput("which_organization")
            return found[0]

        return patiently(do, self._patience)

    def persona(self, member_id: UUID, organization_id: UUID | None = None) -> UUID:
        """Say that an id is an active member's, as ``speaker`` does; for the issuer of a data folder."""

        def do() -> UUID:
            with self.database.read() as session:
                found = facts.member(session, member_id)
            if found is None or not found.active or organization_id not in {None, found.organization_id}:
                raise Unidentified("nobody")
            return found.id

        return patiently(do, self._patience)

    def personas(self) -> list[PersonaView]:
        """List the active members of every organization; for the issuer of a data folder alone."""

        def do() -> list[PersonaView]:
            with self.database.read() as session:
                return [
                    PersonaView(
                        id=member.id,
                        email=member.email,
                        name=f"{member.first_name} {member.last_name}",
                        organization=organization,
                        roles=roles,
                    )
                    for member, organization, roles in subjects.personas(session)
                ]

        return patiently(do, self._patience)
