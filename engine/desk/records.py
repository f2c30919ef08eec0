"""The desk for records: open, share, archive, hold one; every writer passes the rules and the freeze."""

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk.base import Commands, Writing
from engine.errors import BadInput, Denied, NotFound
from engine.records import facts, holds, people, reading, shares, writing
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts, RecordStatus
from engine.rules.transfers import may_know_record
from engine.rules.writing import Access
from engine.states.choices import ShareLevel
from engine.views import HoldView, RecordView

_LONGEST_REASON = 20_000


class RecordsDesk(Commands):
    """What becomes of a whole record, apart from its transfer."""

    def add_record(  # noqa: PLR0913 - the details of a record
        self,
        actor_id: UUID,
        *,
        title: str,
        client: str,
        client_email: str | None = None,
        client_language: str = "fr",
        number: str | None = None,
        email: str | None = None,
        reason_for_consultation: str | None = None,
        confidential: bool = False,
        opened_on: date | None = None,
    ) -> RecordView:
        """Open a record for a client; the actor becomes its owner."""

        def do(command: Writing) -> RecordView:
            command.role = rules.check_practitioner(command.actor)
            client_id = people.add_client(
                command.session,
                command.actor.organization_id,
                name=client,
                email=client_email,
                language=client_language,
                now=command.now,
            )
            command.record_id = writing.add_record(
                command.session,
                command.actor,
                client_id=client_id,
                number=number,
                title=title,
                email=email,
                reason_for_consultation=reason_for_consultation,
                confidential=confidential,
                opened_on=opened_on,
                now=command.now,
            )
            return reading.record_view(
                command.session, command.actor, command.record_id, command.now, with_items=False
            )

        return self._command(actor_id, "record.add", do)

    def record_named(self, actor_id: UUID, name: str) -> UUID:
        """Find a record that the actor may know of by number or id. Raises ``NotFound`` (VIS-11)."""

        def do(session: Session, actor: MemberFacts) -> UUID:
            found = writing.record_named(session, actor.organization_id, name)
            record = None if found is None else facts.record(session, found, actor.id)
            if record is None or not may_know_record(actor, record):
                raise NotFound("record")
            return record.id

        return self._look(actor_id, "record.find", do)

    def share(
        self, actor_id: UUID, record_id: UUID, member_id: UUID, *, level: ShareLevel, approval: bool = False
    ) -> UUID:
        """
        Give a colleague access to a record, or another access than before; its owner's command.

        While a transfer is open, only less than before (VIS-4).
        """
        access = Access(level=level, approval=approval)

        def do(command: Writing) -> UUID:
            share_id = self._share(command, record_id, member_id, access)
            assert share_id is not None  # noqa: S101 - for the type checker
            return share_id

        return self._command(actor_id, "record.share", do, concerned=(member_id,))

    def unshare(self, actor_id: UUID, record_id: UUID, member_id: UUID) -> None:
        """End a colleague's access to a record; its owner's command, also on a frozen one (VIS-4)."""

        def do(command: Writing) -> None:
            self._share(command, record_id, member_id, None)

        self._command(actor_id, "record.unshare", do, concerned=(member_id,))

    @staticmethod
    def _share(command: Writing, record_id: UUID, member_id: UUID, access: Access | None) -> UUID | None:
        record = command.record(record_id, alone=True)
        old = shares.current(command.session, record_id, member_id)
        command.role = rules.check_share(command.actor, record, old, access)
        colleague = facts.member(command.session, member_id)
        if colleague is None or colleague.organization_id != command.actor.organization_id:
            raise NotFound("member")
        if rules.widens(old, access):
            rules.check_shared_with(colleague)
        if access is None and old is None:
            raise BadInput("not_shared")
        if member_id == record.owner_id or access == old:
            raise BadInput("shared_already")
        command.subject_id = member_id
        return shares.change(command.session, record, member_id, access, command.now)

    def archive(self, actor_id: UUID, record_id: UUID) -> None:
        """Archive a record: it is read, not written to, and not transferred (ELIG-1); its owner's command."""
        self._set_status(actor_id, record_id, "record.archive", RecordStatus.ARCHIVED)

    def reactivate(self, actor_id: UUID, record_id: UUID) -> None:
        """Take an archived record up again; never an archived copy (MOVE-4)."""
        self._set_status(actor_id, record_id, "record.reactivate", RecordStatus.ACTIVE)

    def _set_status(self, actor_id: UUID, record_id: UUID, action: str, status: RecordStatus) -> None:
        def do(command: Writing) -> None:
            command.role = rules.check_status(command.actor, command.record(record_id, alone=True))
            # A record that is so already is so: the same decision has the same answer (MOVE-3).
            writing.set_status(command.session, record_id, status)

        self._command(actor_id, action, do)

    def record_to_hold(self, actor_id: UUID, name: str) -> UUID:
        """Find a record to hold by number or id, as an administrator, who sees nothing of it (MOVE-11)."""

        def do(session: Session, actor: MemberFacts) -> UUID:
            rules.check_administrator(actor)
            found = writing.record_named(session, actor.organization_id, name)
            if found is None:
                raise NotFound("record")
            return found

        return self._look(actor_id, "record.find", do)

    def hold(self, actor_id: UUID, record_id: UUID, reason: str) -> None:
        """
        Put a record under legal hold, with a reason; an administrator's command, at any time.

        What does not move at a hand-over is kept in a copy, and nothing is destroyed (MOVE-6, MOVE-11).
        """

        def do(command: Writing) -> None:
            self._check_hold(command, record_id)
            holds.hold(command.session, record_id, actor_id, _reason(reason), command.now)

        self._command(actor_id, "record.hold", do)

    def release(self, actor_id: UUID, record_id: UUID, reason: str) -> None:
        """End the legal hold of a record, with a reason; an administrator's command."""

        def do(command: Writing) -> None:
            self._check_hold(command, record_id)
            holds.release(command.session, record_id, actor_id, _reason(reason), command.now)

        self._command(actor_id, "record.release", do)

    @staticmethod
    def _check_hold(command: Writing, record_id: UUID) -> None:
        rules.check_administrator(command.actor)
        command.role = rules.check_hold(command.actor, command.record(record_id, alone=True))

    def holds(self, actor_id: UUID) -> list[HoldView]:
        """List the legal holds that stand, with their reasons; for administrators."""

        def do(session: Session, actor: MemberFacts) -> list[HoldView]:
            rules.check_administrator(actor)
            return holds.standing(session, actor.organization_id)

        return self._look(actor_id, "record.holds", do)


def _reason(text: str) -> str:
    text = text.strip()
    if not text:
        raise Denied("ST-2")
    if len(text) > _LONGEST_REASON:
        raise BadInput("too_long", field="reason", most=_LONGEST_REASON)
    return text
