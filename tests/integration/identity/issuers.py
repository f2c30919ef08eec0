"""An issuer of our own making: it signs whatever a test wants, with real keys, and answers over HTTP."""

import base64
import hmac
import json
import time
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from engine.identity.oidc import Client, Provider
from engine.settings import TokenAlgorithm

ISSUER, AUDIENCE, CLIENT_ID = "https://id.example", "passation", "passation-console"


def encoded(said: bytes) -> str:
    """Write bytes as tokens do."""
    return base64.urlsafe_b64encode(said).rstrip(b"=").decode()


def part(said: object) -> str:
    """Write one part of a token."""
    return encoded(json.dumps(said).encode())


class Issuer:
    """What it publishes is a list; what it was asked for is counted."""

    def __init__(self, algorithm: TokenAlgorithm = "RS256") -> None:
        self.algorithm: TokenAlgorithm = algorithm
        self.key: Key = self.new_key("first")
        self.published: list[Key] = [self.key]
        self.asked: list[str] = []
        self.away = False
        self.now = float(int(time.time()))
        self.more: list[dict[str, Any]] = []

    def new_key(self, kid: str) -> Key:
        """Make a key pair."""
        if self.algorithm == "RS256":
            return RSAKey.generate_key(2048, {"kid": kid})
        return ECKey.generate_key("P-256", {"kid": kid})

    def provider(self) -> Provider:
        """Make what believes this issuer, on a clock that the test moves."""
        client = Client(ISSUER, CLIENT_ID, None, AUDIENCE, self.algorithm)
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        return Provider(client, http=http, clock=lambda: self.now)

    def claims(self, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        """Give claims that hold, but for what the test says."""
        now = int(self.now)
        held = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a1", "iat": now, "exp": now + 300} | more
        return {name: value for name, value in held.items() if value is not None}

    def token(self, header: dict[str, Any] | None = None, key: Key | None = None, **more: Any) -> str:  # noqa: ANN401
        """Sign a token."""
        key = key or self.key
        header = {"alg": self.algorithm, "kid": key.kid} | (header or {})
        return jwt.encode(header, self.claims(**more), key, algorithms=[header["alg"]])

    def with_shared_secret(self, secret: bytes, kid: str | None) -> str:
        """Sign with HS256, whose secret is what everybody knows (key confusion); libraries refuse to."""
        header = {"alg": "HS256", "typ": "JWT"} | ({} if kid is None else {"kid": kid})
        said = f"{part(header)}.{part(self.claims())}"
        return f"{said}.{encoded(hmac.digest(secret, said.encode(), 'sha256'))}"

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        if self.away:
            raise httpx2.ConnectError("away", request=request)
        if request.url.path == "/.well-known/openid-configuration":
            told = {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
            }
            return httpx2.Response(200, json=told)
        keys = [key.as_dict(private=False) for key in self.published]
        return httpx2.Response(200, json={"keys": [*keys, *self.more]})
