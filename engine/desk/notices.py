"""The desk for notices: how often one hears, what could not be delivered, whom to call (NOTE-1 to NOTE-3)."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from engine.desk.base import Commands, Writing
from engine.errors import NotFound
from engine.notices import calls, deliveries
from engine.records import people, reading
from engine.records.tables.people import Member, Organization
from engine.rules import notices as rules
from engine.rules import writing
from engine.rules.facts import MemberFacts
from engine.states.choices import NoticePace, Role
from engine.views import CallView, TroubleView


class NoticesDesk(Commands):
    """Messages to members and clients."""

    def set_notices(self, actor_id: UUID, pace: NoticePace) -> None:
        """Choose how often messages come that need no action; the others always come at once (NOTE-1)."""

        def do(command: Writing) -> None:
            # Whoever they are: nobody needs a role to choose for themself.
            command.role = min(command.actor.roles, default=Role.PRACTITIONER)
            command.subject_id = actor_id
            command.session.execute(update(Member).where(Member.id == actor_id).values(notices=pace))

        self._command(actor_id, "member.notices", do, changed=actor_id)

    def set_reply_to(self, actor_id: UUID, address: str | None) -> None:
        """Say where clients' answers go, or that none are read; an administrator's command."""

        def do(command: Writing) -> None:
            command.role = writing.check_administrator(command.actor)
            command.session.execute(
                update(Organization)
                .where(Organization.id == command.actor.organization_id)
                .values(reply_to=None if address is None else people.address_of(address))
            )

        self._command(actor_id, "organization.reply_to", do)

    def mail_troubles(self, actor_id: UUID) -> list[TroubleView]:
        """List the messages that were given up or had to wait, the latest first; for coordinators."""

        def do(session: Session, actor: MemberFacts) -> list[TroubleView]:
            rules.check_see_troubles(actor)
            found = deliveries.troubled(session, actor.organization_id)
            names = reading.names_of(session, [one.member_id for one in found])
            return [
                TroubleView(
                    id=one.id,
                    member=None if one.member_id is None else names[one.member_id],
                    state=one.state.value,
                    trouble=one.trouble.value if one.trouble is not None else "",
                    smtp_code=one.smtp_code,
                    attempts=one.attempts,
                    since=one.created_at,
                    next_at=one.due_at if one.state.value == "waiting" else None,
                )
                for one in found
            ]

        return self._look(actor_id, "mail.troubles", do)

    def calls(self, actor_id: UUID) -> list[CallView]:
        """List the clients whom somebody must call about a cancelled appointment, the soonest first."""
        return self._look(actor_id, "calls", lambda session, actor: _calls(session, actor, datetime.now(UTC)))

    def called(self, actor_id: UUID, notice_id: int) -> None:
        """Note that a client was told by telephone. Raises ``NotFound`` for a call not on the list."""

        def do(command: Writing) -> None:
            listed = {one.id: one for one in _calls(command.session, command.actor, command.now)}
            if notice_id not in listed:
                raise NotFound("call")
            command.record_id = listed[notice_id].record_id
            owns = listed[notice_id].yours
            command.role = Role.PRACTITIONER if owns else Role.COORDINATOR
            calls.called(
                command.session,
                notice_id,
                command.actor.organization_id,
                by_id=actor_id,
                now=command.now,
            )

        self._command(actor_id, "client.called", do)


def _calls(session: Session, actor: MemberFacts, now: datetime) -> list[CallView]:
    found = calls.to_call(session, actor, now)
    return [
        CallView(
            id=one.notice_id,
            appointment_id=one.appointment_id,
            record_id=one.record_id,
            record_number=one.record_number,
            client=one.client,
            starts_at=one.starts_at,
            why=one.why.value,
            yours=one.yours,
        )
        for one in found
    ]
