"""The desk for imports: an administrator brings records of another system in, one patient a transaction."""

from collections.abc import Iterable
from uuid import UUID, uuid5

import rfc8785
from sqlalchemy.orm import Session

from engine.audit import log
from engine.desk.base import Commands, Writing
from engine.records import facts, importing
from engine.records.importing import Key, Parcel, Person, Written
from engine.records.tables import Became
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts

_PATIENT = "import.patient"
_MEMBER = "import.member"


class ImportDesk(Commands):
    """Imports; whoever reads the other system's files is no judge of who may write."""

    def check_import(self, actor_id: UUID, owner_id: UUID | None) -> UUID:
        """
        Judge who imports, and for whom, before anything is read; give the organization.

        Raises ``Denied`` ROLE-4 unless the actor is an administrator and the owner an active practitioner.
        """

        def do(session: Session, actor: MemberFacts) -> UUID:
            rules.check_import(actor)
            if owner_id is not None:
                rules.check_import_owner(actor, facts.member(session, owner_id))
            return actor.organization_id

        return self._look(actor_id, "import.begin", do)

    def check_import_owners(self, actor_id: UUID, source: str, owners: Iterable[Person]) -> None:
        """Judge the practitioners who would become responsible, before anything is written (ROLE-4)."""

        def do(session: Session, actor: MemberFacts) -> None:
            rules.check_import(actor)
            for person in owners:
                found = importing.existing_member(session, actor.organization_id, source, person)
                if found is not None:
                    rules.check_import_owner(actor, facts.member(session, found))
                else:
                    rules.check_import_newcomer(active=person.active)

        self._look(actor_id, "import.begin", do)

    def imported(
        self, actor_id: UUID, source: str, keys: Iterable[Key]
    ) -> dict[Key, tuple[str, frozenset[Became]]]:
        """Say which resources were imported before, and with which digest."""

        def do(session: Session, actor: MemberFacts) -> dict[Key, tuple[str, frozenset[Became]]]:
            rules.check_import(actor)
            return importing.known(session, actor.organization_id, source, keys)

        return self._look(actor_id, "import.known", do)

    def import_patient(self, actor_id: UUID, parcel: Parcel, owner_id: UUID | None = None) -> Written | None:
        """
        Write one patient's record, whole, with its line in the log; ``None`` where it was written before.

        Raises ``Denied`` ROLE-4 as ``check_import`` does: the role counts at the very moment (ROLE-5).
        """

        def do(command: Writing) -> Written | None:
            session, organization_id = command.session, command.actor.organization_id
            command.role = rules.check_import(command.actor)
            if importing.known(session, organization_id, parcel.source, [parcel.patient]):
                command.silent = True
                return None
            authors: dict[str, UUID] = {}
            members = []
            for person in parcel.people:
                member_id, new = importing.add_person(
                    session, organization_id, parcel.source, person, command.now
                )
                authors[person.resource_id] = member_id
                if new:
                    members.append(member_id)
            chosen = owner_id or authors.get(parcel.owner or "")
            owner = rules.check_import_owner(
                command.actor, None if chosen is None else facts.member(session, chosen)
            )
            record_id, number, counts = importing.write_parcel(session, owner, parcel, authors, command.now)
            command.record_id = record_id
            command.counts = rfc8785.dumps(
                {item_class: {"imported": count} for item_class, count in counts.items()}
            ).decode()
            self._log_members(command, members)
            return Written(record_id=record_id, number=number, members=members, counts=counts)

        return self._command(actor_id, _PATIENT, do)

    def _log_members(self, command: Writing, members: Iterable[UUID]) -> None:
        """Write a line for each member that an import brought along: who has access is no detail."""
        entries = [
            log.Entry(
                organization_id=command.actor.organization_id,
                at=command.now,
                action=_MEMBER,
                command_id=uuid5(member_id, _MEMBER),
                actor_id=command.actor.id,
                role=command.role,
                os_uid=self._os_uid,
                subject_id=member_id,
            )
            for member_id in members
        ]
        if entries:
            log.append(command.session, *entries)
