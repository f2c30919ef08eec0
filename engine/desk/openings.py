"""The desk for copies whose holder is gone: an administrator opens one for a reader and a time (MOVE-6)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from engine.audit import log
from engine.desk.base import Commands, Writing
from engine.desk.quarantine import write_reason
from engine.errors import BadInput, NotFound
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, locks, openings, quarantine
from engine.records.tables.destruction import Opening
from engine.records.tables.records import Holding
from engine.rules import looking
from engine.rules import writing as rules
from engine.states.choices import RestorationCause, Role
from engine.views import HolderlessCopyView, OpeningView

#: The longest time for which a copy is opened; another opening, with its own reason, prolongs it.
LONGEST_DAYS = 30
_ENGINE = "engine"


class OpeningsDesk(Commands):
    """Copies that nobody reads any more, since whoever holds them is inactive; never their content."""

    def holderless_copies(self, actor_id: UUID) -> list[HolderlessCopyView]:
        """List the archived copies whose holder is inactive, and for whom they are open; logged."""

        def do(command: Writing) -> list[HolderlessCopyView]:
            command.role = rules.check_administrator(command.actor)
            return quarantine.holderless(command.session, command.actor.organization_id, command.now)

        return self._command(actor_id, "quarantine.copies", do)

    def open_copy(
        self,
        actor_id: UUID,
        holding_id: UUID,
        *,
        reader_id: UUID,
        days: int,
        cause: RestorationCause,
        reason: str,
    ) -> OpeningView:
        """
        Open a copy whose holder is inactive, for a named active practitioner and some days (MOVE-6).

        An administrator who names themself must be a practitioner too (ROLE-4). It is logged, and told to the
        reader, the coordinators and the other administrators; to nobody else (VIS-11).
        """

        def do(command: Writing) -> OpeningView:
            command.role = rules.check_administrator(command.actor)
            if not 1 <= days <= LONGEST_DAYS:
                raise BadInput("opening_days", most=LONGEST_DAYS)
            organization_id = command.actor.organization_id
            found = openings.copy(command.session, organization_id, holding_id)
            if found is None:
                raise NotFound("holderless_copy")
            record = command.record(found.record_id)
            # Read after the wait for the lock: meanwhile it may have been destroyed.
            found = openings.copy(command.session, organization_id, holding_id)
            holder = None if found is None else facts.member(command.session, found.owner_id)
            if found is None or holder is None:
                raise NotFound("holderless_copy")
            reader = looking.check_open_copy(holder, facts.member(command.session, reader_id), record)
            reason_id = write_reason(command, reason)
            opening = Opening(
                id=command.command_id,
                organization_id=organization_id,
                holding_id=found.id,
                reader_id=reader.id,
                cause=cause,
                reason_id=reason_id,
                by_id=actor_id,
                opened_at=command.now,
                until_at=command.now + timedelta(days=days),
            )
            command.session.add(opening)
            command.session.flush()
            command.subject_id = reader.id
            _tell(command, NoticeKind.COPY_OPENED, found, reader.id, command.command_id)
            return quarantine.opening_view(command.session, opening, found)

        concerned = {reader_id, *self._holder(holding_id)}
        return self._command(actor_id, "quarantine.open", do, concerned=concerned)

    def close_copy(self, actor_id: UUID, opening_id: UUID) -> None:
        """End an opening before its time; an administrator's command."""

        def do(command: Writing) -> None:
            command.role = rules.check_administrator(command.actor)
            found = openings.row(command.session, command.actor.organization_id, opening_id)
            if found is None:
                raise NotFound("opening")
            command.record(found[1].record_id, alone=True)
            found = openings.row(command.session, command.actor.organization_id, opening_id)
            assert found is not None  # noqa: S101 - an opening is never removed
            opening, holding = found
            if opening.ended_at is not None or opening.until_at <= command.now:
                raise BadInput("opening_ended")
            openings.end(command.session, opening_id, command.now)
            command.subject_id = opening.reader_id
            _tell(command, NoticeKind.COPY_CLOSED, holding, opening.reader_id, command.command_id)

        self._command(actor_id, "quarantine.close", do)

    def _holder(self, holding_id: UUID) -> tuple[UUID, ...]:
        """Say who holds a copy, who must stay as they are meanwhile; a holding never changes hands."""
        with self.database.read() as session:
            found = session.get(Holding, holding_id)
            return () if found is None else (found.owner_id,)


@contextmanager
def noticed(
    command: Writing, *, reader_id: UUID | None = None, record_ids: Sequence[UUID] | None = None
) -> Iterator[None]:
    """End the openings that a restriction, or another title, no longer allows afterwards (ELIG-4)."""
    session, organization_id = command.session, command.actor.organization_id
    found = openings.standing(
        session, organization_id, command.now, reader_id=reader_id, record_ids=record_ids
    )
    if found:
        locks.lock_policy(session, organization_id)
    for record_id in sorted({holding.record_id for _, holding in found}):
        # Alone, as ``restrict`` is: neither misses what the other one does.
        locks.lock_record(session, record_id)
    yield
    found = openings.standing(
        session, organization_id, command.now, reader_id=reader_id, record_ids=record_ids
    )
    _end(command, [pair for pair in found if _restricted(session, *pair)], rule="ELIG-4")


def end_of_holder(command: Writing, holder_id: UUID) -> None:
    """End the openings of somebody's copies: they are back, and read them themself (MOVE-6)."""
    found = openings.standing(
        command.session, command.actor.organization_id, command.now, holder_id=holder_id
    )
    _end(command, found, rule="MOVE-6/holder_active")


def _restricted(session: Session, opening: Opening, holding: Holding) -> bool:
    record = facts.record(session, holding.record_id, opening.reader_id)
    reader = facts.member(session, opening.reader_id)
    return record is not None and reader is not None and record.excludes(reader)


def _end(command: Writing, found: Iterable[tuple[Opening, Holding]], *, rule: str) -> None:
    """End openings because of another command; the engine's line in the log says which rule ended them."""
    for opening, holding in found:
        openings.end(command.session, opening.id, command.now)
        cause_id = uuid5(opening.id, "ended")
        _tell(command, NoticeKind.COPY_CLOSED, holding, opening.reader_id, cause_id)
        command.further.append(
            log.Entry(
                organization_id=opening.organization_id,
                at=command.now,
                action="quarantine.close",
                command_id=cause_id,
                role=_ENGINE,
                rule=rule,
                record_id=holding.record_id,
                subject_id=opening.reader_id,
            )
        )


def _tell(command: Writing, kind: NoticeKind, holding: Holding, reader_id: UUID, cause_id: UUID) -> None:
    session, organization_id = command.session, command.actor.organization_id
    told = {
        reader_id,
        *outbox.in_role(session, organization_id, Role.ADMINISTRATOR),
        *outbox.in_role(session, organization_id, Role.COORDINATOR),
    }
    cause = outbox.Cause(organization_id, holding.closed_by_id, cause_id, command.now)
    outbox.tell(session, kind, told, cause, but=command.actor.id, about=holding.id)
