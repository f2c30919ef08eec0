"""What the console needs of an OpenID Connect issuer."""

from typing import Protocol


class Identity(Protocol):
    """Who signed in, by the issuer's word."""

    @property
    def issuer(self) -> str:
        """Whose word it is."""
        ...

    @property
    def subject(self) -> str:
        """Who it is there."""
        ...


class Issuer(Protocol):
    """Leads somebody to where they sign in, and says who came back."""

    async def authorization_url(
        self,
        *,
        redirect_uri: str,
        state: str,
        nonce: str,
        verifier: str,
        language: str | None = None,
        login_hint: str | None = None,
    ) -> str:
        """Give the address where somebody signs in."""
        ...

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str, nonce: str) -> Identity:
        """Exchange a code for who signed in."""
        ...
