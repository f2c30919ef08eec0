"""From a subject that an issuer vouches for to the member who acts here."""

from uuid import UUID

from engine.desk.desk import Desk
from engine.errors import Unidentified
from engine.identity.oidc import Identity, Provider


def bearer(header: str | None) -> str:
    """Take the token out of a header ``Authorization``. Raises ``Unidentified``."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unidentified("missing")
    return token.strip()


def speaker(desk: Desk, provider: Provider, identity: Identity, organization_id: UUID | None = None) -> UUID:
    """
    Say which active member speaks; roles are read at every command, never from a token (ROLE-2).

    Args:
        desk: On the database that knows the members.
        provider: That vouches for the identity.
        identity: Who speaks, by its word.
        organization_id: Which one they speak in, where they are members of several.

    Raises ``Unidentified`` for nobody, ``BadInput`` where the organization must be named.
    """
    if not provider.client.local:
        return desk.speaker(identity.issuer, identity.subject, organization_id)
    try:
        member_id = UUID(identity.subject)
    except ValueError:
        raise Unidentified("nobody") from None
    return desk.persona(member_id, organization_id)
