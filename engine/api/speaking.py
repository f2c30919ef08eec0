"""Who speaks: a member with an access token, or a service with a token of its own on a member's behalf."""

import asyncio
from dataclasses import dataclass
from typing import Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from engine.desk.base import speaking_for
from engine.desk.desk import Desk
from engine.desk.services import PREFIX
from engine.errors import NotFound, Unidentified
from engine.identity.speaking import bearer, speaker
from engine.service import Service

_scheme = HTTPBearer(
    auto_error=False,
    description="An access token of the organization's issuer, or a service's (`passation service add`).",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who speaks, and what they ask."""

    actor_id: UUID
    service: Service
    #: When the token is over, in seconds since the epoch; ``None`` for a service's, which is revoked.
    until: int | None = None

    @property
    def desk(self) -> Desk:
        """The desk."""
        return self.service.desk

    def member(self, name: str) -> UUID:
        """Find a colleague by id or e-mail; where there is none, give an id of nobody's (VIS-8)."""
        try:
            return UUID(name.strip())
        except ValueError:
            found = self.desk.colleague(self.actor_id, name)
            return found or uuid5(NAMESPACE_URL, f"mailto:{name.strip().lower()}")

    def record(self, name: str) -> UUID:
        """Find a record by number, or take its id, whose command judges it. Raises ``NotFound``."""
        try:
            return UUID(name.strip())
        except ValueError:
            return self.desk.record_named(self.actor_id, name)


async def caller(
    request: Request,
    _described: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)],
    organization: Annotated[
        UUID | None,
        Header(
            alias="Passation-Organization",
            description="Which organization one speaks in, for members of several.",
        ),
    ] = None,
    on_behalf_of: Annotated[
        str | None,
        Header(
            alias="Passation-On-Behalf-Of",
            max_length=320,
            description="The member in whose name a service speaks, by id or e-mail; for services alone.",
        ),
    ] = None,
) -> Caller:
    """Say who speaks. Raises ``Unidentified``."""
    service: Service = request.app.state.service
    token = bearer(request.headers.get("authorization"))
    if token.startswith(PREFIX):
        if on_behalf_of is None:
            raise Unidentified("on_behalf")
        service_id, actor_id = await asyncio.to_thread(service.desk.service_speaker, token, on_behalf_of)
        speaking_for.set(service_id)
        return Caller(actor_id, service)
    speaking_for.set(None)
    identity = await request.app.state.provider.verify(token)
    actor_id = await asyncio.to_thread(
        speaker, service.desk, request.app.state.provider, identity, organization
    )
    return Caller(actor_id, service, identity.expires_at)


Speaks = Annotated[Caller, Depends(caller)]


def identifier(text: str, missing: NotFound) -> UUID:
    """Read an id; something else names nothing, so it raises what a thing that does not exist would."""
    try:
        return UUID(text)
    except ValueError:
        raise missing from None
