"""The desk for imports: an administrator brings records of another system in, one patient a transaction."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from uuid import UUID, uuid5

import rfc8785
from sqlalchemy.orm import Session

from engine.audit import log
from engine.desk.base import Commands, Writing
from engine.errors import NotFound
from engine.records import enriching, facts, imported, importing, locks
from engine.records.enriching import Overlay
from engine.records.imported import Key
from engine.records.importing import Parcel, Person, Written
from engine.records.tables.base import Became
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts

_PATIENT = "import.patient"
_MEMBER = "import.member"
_ENRICH = "import.enrich"


class Enriched(StrEnum):
    """What became of the wish to overlay a record."""

    DONE = "done"
    BEFORE = "before"
    #: It is no longer as it was imported: somebody works with it.
    IN_USE = "in_use"


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

    def check_import_owners(
        self, actor_id: UUID, source: str, owners: Iterable[Person], earlier: Iterable[Key] = ()
    ) -> None:
        """Judge the practitioners who would become responsible, before anything is written (ROLE-4)."""

        def do(session: Session, actor: MemberFacts) -> None:
            rules.check_import(actor)
            for person in owners:
                found = importing.existing_member(session, actor.organization_id, source, person)
                if found is not None:
                    rules.check_import_owner(actor, facts.member(session, found))
                else:
                    rules.check_import_newcomer(active=person.active)
            for key in earlier:
                found = imported.became(session, actor.organization_id, source, key, Became.MEMBER)
                rules.check_import_owner(actor, None if found is None else facts.member(session, found))

        self._look(actor_id, "import.begin", do)

    def imported(
        self, actor_id: UUID, source: str, keys: Iterable[Key]
    ) -> dict[Key, tuple[str | None, frozenset[Became]]]:
        """Say which resources were imported before, and with which digest, if that was not dropped since."""

        def do(session: Session, actor: MemberFacts) -> dict[Key, tuple[str | None, frozenset[Became]]]:
            rules.check_import(actor)
            return imported.known(session, actor.organization_id, source, keys)

        return self._look(actor_id, "import.known", do)

    def import_patient(
        self,
        actor_id: UUID,
        parcel: Parcel,
        owner_id: UUID | None = None,
        overlay: Overlay | None = None,
    ) -> Written | None:
        """
        Write one patient's record, whole, with its line in the log; ``None`` where it was written before.

        With an overlay, what is invented is written in the same transaction, with a line of its own.

        Raises ``Denied`` ROLE-4 as ``check_import`` does: the role counts at the very moment (ROLE-5).
        """

        def do(command: Writing) -> Written | None:
            session, organization_id = command.session, command.actor.organization_id
            command.role = rules.check_import(command.actor)
            if imported.known(session, organization_id, parcel.source, [parcel.patient]):
                command.silent = True
                return None
            authors: dict[Key, UUID] = {}
            members = []
            for person in parcel.people:
                member_id, new = importing.add_person(
                    session, organization_id, parcel.source, person, command.now
                )
                authors[person.key] = member_id
                if new:
                    members.append(member_id)
            for key in parcel.earlier:
                found = imported.became(session, organization_id, parcel.source, key, Became.MEMBER)
                assert found is not None  # noqa: S101 - that it was imported is never forgotten
                authors[key] = found
            chosen = owner_id or (None if parcel.owner is None else authors.get(parcel.owner))
            owner = rules.check_import_owner(
                command.actor, None if chosen is None else facts.member(session, chosen)
            )
            record_id, number, counts = importing.write_parcel(session, owner, parcel, authors, command.now)
            command.record_id = record_id
            command.counts = _counts(counts, "imported")
            invented = None
            if overlay is not None:
                invented, newcomers = _overlay(command, record_id, overlay)
                members += newcomers
                command.further.append(
                    replace(
                        self._entry(command, _ENRICH, uuid5(record_id, _ENRICH)),
                        counts=_counts(invented, "invented"),
                    )
                )
            self._log_members(command, members)
            return Written(
                record_id=record_id, number=number, members=members, counts=counts, invented=invented
            )

        return self._command(actor_id, _PATIENT, do)

    def enrich_patient(self, actor_id: UUID, overlay: Overlay) -> tuple[Enriched, Mapping[str, int]]:
        """
        Overlay the record of a patient who was imported before with what is invented, once; for trials.

        A record that is in use, since it was asked for, handed over or archived, is left alone.
        """

        def do(command: Writing) -> tuple[Enriched, Mapping[str, int]]:
            session, organization_id = command.session, command.actor.organization_id
            command.role = rules.check_import(command.actor)
            command.silent = True
            locks.lock_policy(session, organization_id)
            record_id = imported.became(
                session, organization_id, overlay.source, overlay.patient, Became.RECORD
            )
            if record_id is None:
                raise NotFound("record")
            locks.lock_records_of_clients(session, record_id)
            record = command.record(record_id, alone=True)
            if enriching.is_enriched(session, organization_id, overlay):
                return Enriched.BEFORE, {}
            if not enriching.is_as_imported(session, record):
                return Enriched.IN_USE, {}
            command.silent = False
            counts, members = _overlay(command, record_id, overlay)
            command.counts = _counts(counts, "invented")
            self._log_members(command, members)
            return Enriched.DONE, counts

        return self._command(actor_id, _ENRICH, do)

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


def _overlay(command: Writing, record_id: UUID, overlay: Overlay) -> tuple[Counter[str], list[UUID]]:
    session, organization_id = command.session, command.actor.organization_id
    colleagues, new = enriching.add_colleagues(session, organization_id, overlay, command.now)
    return enriching.write_overlay(session, record_id, overlay, colleagues, command.now), new


def _counts(counts: Mapping[str, int], word: str) -> str:
    return rfc8785.dumps({item_class: {word: count} for item_class, count in counts.items()}).decode()
