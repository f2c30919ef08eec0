"""The desk for sessions: who is signed in at the console, and for how long."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from engine.desk.base import Commands, Writing, patiently
from engine.desk.membership import view
from engine.errors import NotFound
from engine.records import facts, needs, sessions
from engine.records.tables.people import Organization
from engine.states.choices import Role
from engine.views import VisitorView

#: How long a session lasts: in all, and while nobody asks for a page.
LONGEST: Final = timedelta(hours=12)
IDLE: Final = timedelta(hours=2)
#: How exactly it is known when somebody was last here: a page does not cost a write each time.
_GRAIN: Final = timedelta(minutes=5)
#: How far what needs somebody is counted.
MOST_NEEDS: Final = 100


class SessionsDesk(Commands):
    """Sessions at the console; what a browser holds is a secret that is kept nowhere here."""

    def begin_session(self, actor_id: UUID) -> str:
        """Sign in somebody whom an issuer vouched for; the answer is what their browser holds from now on."""
        token = secrets.token_urlsafe(32)

        def do(command: Writing) -> None:
            command.role = min(command.actor.roles, default=Role.PRACTITIONER)
            sessions.add(command.session, _digest(token), actor_id, command.now, command.now + LONGEST)

        self._command(actor_id, "session.begin", do)
        return token

    def visitor(self, token: str) -> VisitorView | None:
        """Say who holds this; nobody once the session ended, or the member is no longer active."""
        digest = _digest(token)

        def read() -> tuple[VisitorView, bool] | None:
            now = datetime.now(UTC)
            with self.database.read() as session:
                found = sessions.find(session, digest, now, now - IDLE)
                actor = None if found is None else facts.member(session, found.member_id)
                if found is None or actor is None or not actor.active:
                    return None
                row = session.get_one(Organization, actor.organization_id)
                counted = islice(needs.needing(session, actor, now), MOST_NEEDS)
                seen = VisitorView(
                    member=view(session, actor.id),
                    organization=row.name,
                    time_zone=row.time_zone,
                    needs=sum(1 for _ in counted),
                )
                return seen, now - found.seen_at >= _GRAIN

        answer = patiently(read, self._patience)
        if answer is None:
            return None
        if answer[1]:
            patiently(lambda: self._touch(digest), self._patience)
        return answer[0]

    def end_session(self, token: str) -> None:
        """Sign out; what is over already stays so."""
        digest = _digest(token)

        def holder() -> UUID | None:
            now = datetime.now(UTC)
            with self.database.read() as session:
                found = sessions.find(session, digest, now, now - LONGEST)
                return None if found is None else found.member_id

        actor_id = patiently(holder, self._patience)
        if actor_id is None:
            return

        def do(command: Writing) -> None:
            command.role = min(command.actor.roles, default=Role.PRACTITIONER)
            sessions.end(command.session, digest, or_unseen_since=command.now - IDLE)

        # Somebody who is no longer active has no session left to end.
        try:
            self._command(actor_id, "session.end", do)
        except NotFound:
            return

    def _touch(self, digest: str) -> None:
        with self.database.write() as session:
            sessions.touch(session, digest, datetime.now(UTC))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
