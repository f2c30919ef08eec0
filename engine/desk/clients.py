"""The desk for clients: whom their records may not go to (ELIG-4)."""

from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk import eligibility, openings
from engine.desk.base import Commands, Writing
from engine.errors import BadInput, NotFound
from engine.records import facts, locks, people, reading, transfers
from engine.rules import people as people_rules
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts
from engine.views import RestrictionView


class ClientsDesk(Commands):
    """Clients' restrictions: they guard every record of the client, and are ended, never removed."""

    def restrict(
        self, actor_id: UUID, record_id: UUID, *, member_id: UUID | None, title: str | None, basis: str
    ) -> list[RestrictionView]:
        """
        Note that a record's clients do not want somebody, or a title, as their practitioner (ELIG-4).

        A transfer that waits for that person's answer goes to a coordinator, or its owner is told (ST-4).
        """

        def do(command: Writing) -> list[RestrictionView]:
            locks.lock_policy(command.session, command.actor.organization_id)
            locks.lock_records_of_clients(command.session, record_id)
            record = command.record(record_id, alone=True)
            command.role = rules.check_restrict(command.actor, record)
            command.subject_id = member_id
            named = None if member_id is None else facts.member(command.session, member_id)
            if member_id is not None and (
                named is None or named.organization_id != command.actor.organization_id
            ):
                raise NotFound("member")
            guarded = people.records_of_same_clients(command.session, record_id)
            with (
                openings.noticed(command, reader_id=member_id, record_ids=guarded),
                eligibility.noticed(command, transfers.asked_about_clients_of(command.session, record_id)),
            ):
                written = [
                    people.restrict(
                        command.session,
                        client.id,
                        member_id=member_id,
                        title=title,
                        set_by_id=actor_id,
                        basis=basis,
                        now=command.now,
                    )
                    for client in people.clients_of(command.session, record_id)
                ]
            found = reading.restriction_views(command.session, record_id)
            return [view for view in found if view.id in written]

        concerned = () if member_id is None else (member_id,)
        return self._command(actor_id, "client.restrict", do, concerned=concerned)

    def unrestrict(self, actor_id: UUID, record_id: UUID, restriction_id: UUID) -> RestrictionView:
        """End a restriction; it stays readable with who set it and who ended it, when, on what basis."""

        def do(command: Writing) -> RestrictionView:
            locks.lock_records_of_clients(command.session, record_id)
            record = command.record(record_id, alone=True)
            command.role = rules.check_restrict(command.actor, record)
            found = reading.restriction_views(command.session, record_id)
            restriction = next((view for view in found if view.id == restriction_id), None)
            if restriction is None:
                raise NotFound("restriction")
            command.subject_id = restriction.member_id
            if restriction.ended_at is not None:
                raise BadInput("restriction_ended")
            people.end_restriction(command.session, restriction_id, ended_by_id=actor_id, now=command.now)
            after = reading.restriction_views(command.session, record_id)
            return next(view for view in after if view.id == restriction_id)

        return self._command(actor_id, "client.unrestrict", do)

    def restrictions(self, actor_id: UUID, record_id: UUID) -> list[RestrictionView]:
        """List whom a record's clients do not want, also what is ended: who, when, on what basis."""

        def do(session: Session, actor: MemberFacts) -> list[RestrictionView]:
            record = facts.record(session, record_id, actor.id)
            if record is None:
                raise NotFound("record")
            people_rules.check_see_restrictions(actor, record)
            return reading.restriction_views(session, record_id)

        return self._look(actor_id, "client.restrictions", do)
