"""The desk for what nobody uses any more: quarantine, and what was and will be destroyed (MOVE-6)."""

from uuid import UUID, uuid4

from engine.desk.base import Commands, Writing
from engine.errors import BadInput, Denied, NotFound
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import facts, quarantine, recovering, transfers
from engine.records.tables.base import TextKind
from engine.rules import writing as rules
from engine.states.choices import RestorationCause, Role
from engine.views import DueView, QuarantineView, TombstoneView

_LONGEST_REASON = 20_000


class QuarantineDesk(Commands):
    """What an administrator looks after, without seeing content."""

    def quarantines(self, actor_id: UUID) -> list[QuarantineView]:
        """List what is in quarantine; the reading is a line in the log (AUD-3)."""

        def do(command: Writing) -> list[QuarantineView]:
            command.role = rules.check_administrator(command.actor)
            return quarantine.quarantines(command.session, command.actor.organization_id)

        return self._command(actor_id, "quarantine.list", do)

    def restore(self, actor_id: UUID, holding_id: UUID, *, cause: RestorationCause, reason: str) -> None:
        """Turn a quarantine into an archived copy of its previous owner, who is told."""

        def do(command: Writing) -> None:
            command.role = rules.check_administrator(command.actor)
            organization_id, reason_id = command.actor.organization_id, write_reason(command, reason)
            found = quarantine.restore(
                command.session,
                organization_id,
                holding_id,
                cause=cause,
                reason_id=reason_id,
                by_id=actor_id,
                now=command.now,
            )
            command.record_id, command.subject_id = found.record_id, found.owner_id
            assert found.closed_by_id is not None  # noqa: S101 - a hand-over put it there
            told = outbox.Cause(organization_id, found.closed_by_id, uuid4(), command.now)
            outbox.tell(command.session, NoticeKind.RESTORED, [found.owner_id], told, but=actor_id)

        self._command(actor_id, "quarantine.restore", do)

    def recover(
        self, actor_id: UUID, record_id: UUID, *, author_id: UUID, cause: RestorationCause, reason: str
    ) -> UUID:
        """
        Make an archived copy of what somebody who has left kept for themself in a record (VIS-6).

        The copy is theirs: it is read where it is opened for somebody (MOVE-6). Administrators are told.
        """

        def do(command: Writing) -> UUID:
            command.role = rules.check_administrator(command.actor)
            command.record(record_id, alone=True)
            author = facts.member(command.session, author_id)
            if author is None or author.organization_id != command.actor.organization_id:
                raise NotFound("colleague")
            # Before it is asked whether there is anything: nobody learns that of a colleague who is there.
            if author.active:
                raise Denied("VIS-6", "author_active")
            copy_id = recovering.recover(
                command.session,
                record_id,
                author_id,
                cause=cause,
                reason_id=write_reason(command, reason),
                by_id=actor_id,
                now=command.now,
            )
            if copy_id is None:
                raise NotFound("left_behind")
            command.subject_id = author_id
            organization_id = command.actor.organization_id
            told = {author_id, *outbox.in_role(command.session, organization_id, Role.ADMINISTRATOR)}
            cause_of = outbox.Cause(organization_id, None, command.command_id, command.now)
            outbox.tell(command.session, NoticeKind.RECOVERED, told, cause_of, but=actor_id, about=copy_id)
            return copy_id

        return self._command(actor_id, "quarantine.recover", do, concerned=(author_id,))

    def destruction_forecast(self, actor_id: UUID) -> list[DueView]:
        """Say what will be destroyed on which day, by class."""

        def do(command: Writing) -> list[DueView]:
            command.role = rules.check_administrator(command.actor)
            return quarantine.forecast(command.session, command.actor.organization_id)

        return self._command(actor_id, "destruction.preview", do)

    def destruction_report(self, actor_id: UUID) -> list[TombstoneView]:
        """Say what was destroyed, by class."""

        def do(command: Writing) -> list[TombstoneView]:
            command.role = rules.check_administrator(command.actor)
            return quarantine.report(command.session, command.actor.organization_id)

        return self._command(actor_id, "destruction.report", do)


def write_reason(command: Writing, reason: str) -> UUID:
    """Write why, as a text that the database keeps and the log has not (ST-2)."""
    if not reason.strip():
        raise Denied("ST-2")
    if len(reason) > _LONGEST_REASON:
        raise BadInput("too_long", field="reason", most=_LONGEST_REASON)
    reason_id = uuid4()
    transfers.add_text(
        command.session,
        {
            "id": reason_id,
            "organization_id": command.actor.organization_id,
            "author_id": command.actor.id,
            "kind": TextKind.REASON,
            "body": reason,
            "created_at": command.now,
        },
    )
    return reason_id
