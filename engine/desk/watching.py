"""The desk for watching transfers of a caseload: for coordinators, counts and records without content."""

from uuid import UUID

from engine.desk.base import Commands
from engine.records import bulk_reading, bulks
from engine.views import BulkItemView, BulkReportView, BulkView


class WatchingDesk(Commands):
    """Where the transfers of caseloads stand (VIS-1, BULK-4)."""

    def bulk(self, actor_id: UUID, bulk_id: UUID) -> BulkView:
        """Show where a bulk stands."""
        return self._look(
            actor_id,
            "bulk.show",
            lambda s, actor: bulk_reading.bulk_view(s, bulk_reading.known(actor, bulks.row(s, bulk_id))),
        )

    def bulk_items(self, actor_id: UUID, bulk_id: UUID, *, stands: str | None = None) -> list[BulkItemView]:
        """Show the records of a bulk, all or those that stand in one place."""
        return self._look(
            actor_id,
            "bulk.items",
            lambda s, actor: bulk_reading.items(
                s, bulk_reading.known(actor, bulks.row(s, bulk_id)), stands=stands
            ),
        )

    def bulk_report(self, actor_id: UUID, bulk_id: UUID) -> BulkReportView:
        """Show everything there is to say of a bulk."""
        return self._look(
            actor_id,
            "bulk.report",
            lambda s, actor: bulk_reading.report(s, bulk_reading.known(actor, bulks.row(s, bulk_id))),
        )

    def bulks(self, actor_id: UUID) -> list[BulkView]:
        """List the bulks of the organization, newest first."""
        return self._look(actor_id, "bulk.list", lambda s, actor: list(bulk_reading.views(s, actor)))
