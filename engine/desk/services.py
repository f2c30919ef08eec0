"""The desk for services that speak for members, and for commands that name themselves (MOVE-3)."""

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk.base import Commands, Writing, patiently
from engine.errors import Denied, NotFound, Unavailable, Unidentified
from engine.records import reading, services
from engine.records.tables.doors import ServiceToken
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts
from engine.views import AddedServiceView, AnswerOnceView, ServiceView

#: How the token of a service begins: nobody takes one for a person's, and a leaked one is found by a search.
PREFIX: Final = "psvc_"


class ServicesDesk(Commands):
    """Services of an organization; each acts in the name of one of its members, whose roles count."""

    def add_service(self, actor_id: UUID, name: str) -> AddedServiceView:
        """Add a service, and give its token, once; an administrator's command."""
        token = PREFIX + secrets.token_urlsafe(32)

        def do(command: Writing) -> AddedServiceView:
            command.role = rules.check_administrator(command.actor)
            command.subject_id = services.add(
                command.session,
                command.actor.organization_id,
                name=name,
                digest=_digest(token),
                by_id=actor_id,
                now=command.now,
            )
            view = _one(command.session, command.actor, command.subject_id)
            return AddedServiceView(service=view, token=token)

        return self._command(actor_id, "service.add", do)

    def services(self, actor_id: UUID) -> list[ServiceView]:
        """List the services of the organization, also those that were revoked; for administrators."""

        def do(session: Session, actor: MemberFacts) -> list[ServiceView]:
            rules.check_administrator(actor)
            return _views(session, services.of_organization(session, actor.organization_id))

        return self._look(actor_id, "service.list", do)

    def revoke_service(self, actor_id: UUID, service_id: UUID) -> ServiceView:
        """Revoke a service, so that its token is nobody's; an administrator's command."""

        def do(command: Writing) -> ServiceView:
            command.role = rules.check_administrator(command.actor)
            # One that is revoked stays so: the same command has the same answer (MOVE-3).
            _one(command.session, command.actor, service_id)
            command.subject_id = service_id
            services.revoke(command.session, service_id, by_id=actor_id, now=command.now)
            return _one(command.session, command.actor, service_id)

        return self._command(actor_id, "service.revoke", do)

    def service_speaker(self, token: str, member: str) -> tuple[UUID, UUID]:
        """Say which service speaks, and in whose name. Raises ``Unidentified``, for others' members too."""

        def do() -> tuple[UUID, UUID]:
            with self.database.read() as session:
                found = services.by_digest(session, _digest(token))
                if found is None:
                    raise Unidentified("token")
                actor_id = services.active_member(session, found.organization_id, member)
                if actor_id is None:
                    raise Unidentified("nobody")
                return found.id, actor_id

        return patiently(do, self._patience)

    def begin_once(self, actor_id: UUID, key: str, digest: str) -> AnswerOnceView | None:
        """
        Begin a command that has a key, or give the answer that it had.

        Raises ``Denied`` MOVE-3 where the key is another command's, ``Unavailable`` while it is carried out.
        """

        def do() -> AnswerOnceView | None:
            now = datetime.now(UTC)
            with self.database.write() as session:
                found = services.kept(session, actor_id, key)
                if found is not None and found.begun_at < now - services.KEPT:
                    services.forget(session, actor_id, key)
                    found = None
                if found is not None and found.digest != digest:
                    raise Denied("MOVE-3", "other_request")
                if found is not None and found.status is not None:
                    return AnswerOnceView(status=found.status, body=found.body or "")
                if found is not None and found.begun_at > now - services.LONGEST:
                    raise Unavailable("same_command")
                services.forget(session, actor_id, key)
                services.begin(session, actor_id, key, digest, now)
                return None

        return patiently(do, self._patience)

    def end_once(self, actor_id: UUID, key: str, status: int, body: str) -> None:
        """Keep the answer to a command, for a day."""

        def do() -> None:
            with self.database.write() as session:
                services.end(session, actor_id, key, status, body)

        patiently(do, self._patience)

    def forget_once(self, actor_id: UUID, key: str) -> None:
        """Forget a command that was not decided."""

        def do() -> None:
            with self.database.write() as session:
                services.forget(session, actor_id, key)

        patiently(do, self._patience)


def _digest(token: str) -> str:
    # A token is 256 random bits: nothing that is slow on purpose is needed against guessing.
    return hashlib.sha256(token.encode()).hexdigest()


def _one(session: Session, actor: MemberFacts, service_id: UUID) -> ServiceView:
    rows = services.of_organization(session, actor.organization_id)
    found = next((row for row in rows if row.id == service_id), None)
    if found is None:
        raise NotFound("service")
    return _views(session, [found])[0]


def _views(session: Session, rows: list[ServiceToken]) -> list[ServiceView]:
    people = {row.added_by_id for row in rows} | {row.revoked_by_id for row in rows if row.revoked_by_id}
    names = reading.names_of(session, list(people))
    return [
        ServiceView(
            id=row.id,
            name=row.name,
            added_by=names[row.added_by_id],
            added_at=row.added_at,
            revoked_by=None if row.revoked_by_id is None else names[row.revoked_by_id],
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]
