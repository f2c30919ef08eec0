"""The desk for coordinators: who practises, with how many records, and which record is meant (VIS-1)."""

from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk.base import Commands
from engine.desk.membership import colleague
from engine.errors import BadInput
from engine.records import overview
from engine.rules import people as rules
from engine.rules.facts import MemberFacts
from engine.views import FoundRecordsView, FoundRecordView, PractitionerView

#: How many records a search shows at most.
FOUND: Final = 20


class CoordinatingDesk(Commands):
    """What a coordinator looks over; no role implies this one (ROLE-3, ROLE-4), and none of it is content."""

    def practitioners(self, actor_id: UUID) -> list[PractitionerView]:
        """List every practitioner, and whoever has left and still has records (ROLE-6, VIS-1)."""

        def do(session: Session, actor: MemberFacts) -> list[PractitionerView]:
            rules.check_coordinator(actor)
            return [_practitioner(found) for found in overview.caseloads(session, actor.organization_id)]

        return self._look(actor_id, "member.practitioners", do)

    def find_records(self, actor_id: UUID, owner_id: UUID, words: str) -> FoundRecordsView:
        """
        Find a practitioner's institutional records in use by title or number; others are not read (VIS-2).

        Raises ``BadInput`` where nothing is looked for.
        """

        def do(session: Session, actor: MemberFacts) -> FoundRecordsView:
            rules.check_coordinator(actor)
            owner = colleague(session, actor, owner_id)
            if not overview.folded(words):
                raise BadInput("empty", field="words")
            found = overview.find(session, actor.organization_id, owner.id, words)
            return FoundRecordsView(
                records=[_found(record) for record in found[:FOUND]], more=max(0, len(found) - FOUND)
            )

        return self._look(actor_id, "record.search", do)


def _practitioner(found: overview.Caseload) -> PractitionerView:
    return PractitionerView(
        id=found.member.id,
        first_name=found.member.first_name,
        last_name=found.member.last_name,
        email=found.member.email,
        title=found.member.title,
        institutional=found.institutional,
        confidential=found.confidential,
        transfers_in=found.transfers_in,
        transfers_out=found.transfers_out,
        accepts_records=found.member.accepts_records,
        inactive=not found.member.active,
    )


def _found(record: overview.FoundRecord) -> FoundRecordView:
    return FoundRecordView(
        id=record.id, number=record.number, title=record.title, open_transfer_id=record.open_transfer_id
    )
