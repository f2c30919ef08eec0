"""The desk for exports: everything that a reader may see, in files (VIS-1 to VIS-7, AUD-3)."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from engine.audit import log
from engine.desk.base import Commands, Writing, active, patiently
from engine.errors import EngineError, NotFound, Unavailable
from engine.exports import folder
from engine.exports.record import Export, Progress, write_record
from engine.records import exporting, facts, reading, visibility
from engine.records.exporting import ExportItem
from engine.rules.facts import MemberFacts
from engine.rules.writing import unseen
from engine.states.choices import WhichCopy

_Do: TypeAlias = Callable[[Session, MemberFacts, UUID], int]


class ExportingDesk(Commands):
    """Files for a reader; each export has its line in the log before the first byte is written."""

    def export_record(
        self,
        actor_id: UUID,
        record_id: UUID,
        target: Path,
        *,
        language: str,
        copy: WhichCopy | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Write what the actor may see of a record, or of one archived copy, to a new or empty folder."""

        def do(session: Session, actor: MemberFacts, command_id: UUID) -> int:
            now = datetime.now(UTC)
            view = reading.record_view(session, actor, record_id, now, with_items=False, copy=copy)
            chosen = None if copy is None else view.copy_id
            items = exporting.items_to_export(session, actor.id, record_id, now, chosen)
            holder_id = visibility.holder_read(session, actor.id, record_id, now, chosen)
            self._log_export(actor, "record.export", command_id, record_id, view.open_transfer_id, holder_id)
            names = reading.names_of(session, [actor.id])

            def body(found: ExportItem) -> bytes:
                return exporting.body_of(session, actor.organization_id, found.item)

            export = Export(
                record=view,
                items=items,
                body=body,
                exported_by=names[actor.id],
                exported_at=now,
                language=language,
                time_zone=facts.schedule(session, actor.organization_id).time_zone,
            )
            return write_record(export, target, progress)

        folder.refuse_taken(target, or_empty_folder=True)
        return self._export(actor_id, "record.export", record_id, do)

    def export_document(
        self,
        actor_id: UUID,
        record_id: UUID,
        item_id: UUID,
        target: Path,
        *,
        copy: WhichCopy | None = None,
    ) -> int:
        """Write the exact bytes of one item to a new file, and give their number."""

        def do(session: Session, actor: MemberFacts, command_id: UUID) -> int:
            now = datetime.now(UTC)
            record = facts.record(session, record_id, actor.id)
            if record is None or not visibility.may_see_record(session, actor.id, record_id, now):
                raise unseen(actor, record)
            chosen = None
            if copy is not None:
                chosen = reading.record_view(
                    session, actor, record_id, now, with_items=False, copy=copy
                ).copy_id
            # The record in use comes before its copies.
            items = exporting.items_to_export(session, actor.id, record_id, now, chosen)
            found = next((i for i in items if i.item.id == item_id and i.item.sha256 is not None), None)
            if found is None:
                raise NotFound("document")
            frozen, holder_id = record.open_transfer_id, None
            if found.item.archived:
                frozen = None
                holder_id = visibility.holder_read(session, actor.id, record_id, now, found.item.holding_id)
            self._log_export(actor, "document.export", command_id, record_id, frozen, holder_id)
            body = exporting.body_of(session, actor.organization_id, found.item)
            folder.whole_file(target, body)
            return len(body)

        folder.refuse_taken(target)
        return self._export(actor_id, "document.export", record_id, do)

    def _export(self, actor_id: UUID, action: str, record_id: UUID, do: _Do) -> int:
        command_id = uuid4()
        try:
            with self.database.read() as session:
                return do(session, active(session, actor_id), command_id)
        except Unavailable:
            raise
        except EngineError as denial:
            known = record_id if not isinstance(denial, NotFound) else None
            self._deny(actor_id, action, uuid4(), denial, record_id=known)
            raise

    def _log_export(
        self,
        actor: MemberFacts,
        action: str,
        command_id: UUID,
        record_id: UUID,
        transfer_id: UUID | None,
        holder_id: UUID | None,
    ) -> None:
        def write() -> None:
            with self.database.write() as session:
                writing = Writing(
                    session,
                    active(session, actor.id),
                    datetime.now(UTC),
                    record_id=record_id,
                    transfer_id=transfer_id,
                    subject_id=holder_id,
                )
                log.append(session, self._entry(writing, action, command_id))

        patiently(write, self._patience)
