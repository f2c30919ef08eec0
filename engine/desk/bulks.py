"""The desk for watching transfers of a caseload: counts and records, without content."""

from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk.base import Commands
from engine.errors import Denied
from engine.records import bulk_reading, bulks
from engine.rules.facts import MemberFacts
from engine.views import AnswerView, BulkItemView, BulkReportView, BulkView


class BulksDesk(Commands):
    """Where the transfers of caseloads stand: for coordinators, and for whom they ask (VIS-1, BULK-4)."""

    def bulk(self, actor_id: UUID, bulk_id: UUID) -> BulkView:
        """Show where a bulk stands."""
        return self._look(
            actor_id,
            "bulk.show",
            lambda s, actor: bulk_reading.bulk_view(s, *bulk_reading.known(s, actor, bulks.row(s, bulk_id))),
        )

    def bulk_items(self, actor_id: UUID, bulk_id: UUID, *, stands: str | None = None) -> list[BulkItemView]:
        """Show the records of a bulk, all or those that stand in one place."""
        return self._look(
            actor_id,
            "bulk.items",
            lambda s, actor: bulk_reading.items(
                s, *bulk_reading.known(s, actor, bulks.row(s, bulk_id)), stands=stands
            ),
        )

    def bulk_report(self, actor_id: UUID, bulk_id: UUID) -> BulkReportView:
        """Show everything there is to say of a bulk; to coordinators alone."""

        def do(session: Session, actor: MemberFacts) -> BulkReportView:
            bulk, only = bulk_reading.known(session, actor, bulks.row(session, bulk_id))
            if only is not None:
                raise Denied("ROLE-4", "coordinator")
            return bulk_reading.report(session, bulk)

        return self._look(actor_id, "bulk.report", do)

    def bulks(self, actor_id: UUID) -> list[BulkView]:
        """List the bulks that the actor may know of, newest first."""
        return self._look(actor_id, "bulk.list", lambda s, actor: list(bulk_reading.views(s, actor)))

    def bulk_answer(self, actor_id: UUID, answer_id: UUID) -> AnswerView:
        """Show an answer of the actor's own to a whole bulk, and what it has come to."""
        return self._look(
            actor_id, "bulk.show", lambda s, actor: bulk_reading.answer_view(s, actor, answer_id)
        )
