"""
Who speaks, according to an OpenID Connect issuer: discovery, its keys, tokens, and the sign-in with PKCE.

A token says who somebody is, and nothing else: their organization and their roles are the database's.
"""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx2
from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import Key, KeySet, import_key

from engine.errors import Unavailable, Unidentified
from engine.settings import TokenAlgorithm

#: How long an issuer's keys and addresses are believed without asking again.
_FRESH_SECONDS: Final = 600.0
#: How long they are believed when the issuer no longer answers.
_STALE_SECONDS: Final = 24 * 3600.0
#: An unknown key is asked for so often at most, whoever sends tokens that name one.
_AGAIN_SECONDS: Final = 10.0
_LEEWAY_SECONDS: Final = 30
_LONGEST_TOKEN: Final = 16_384
_PATIENCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Client:
    """What an issuer calls us: the console's id and secret, the audience of tokens for the interface."""

    issuer: str
    client_id: str
    client_secret: str | None
    audience: str
    algorithm: TokenAlgorithm
    #: Whether it is the issuer of the data folder, whose subjects are ids of members.
    local: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks, by the issuer's word."""

    issuer: str
    subject: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an issuer is asked, by its own discovery document."""

    authorization: str
    token: str
    keys: str
    end_session: str | None


class Provider:
    """
    One OpenID Connect issuer, whose tokens are believed.

    Args:
        client: What it calls us, and the one algorithm that it signs with.
        http: What carries the questions to it; one is made otherwise.
        clock: Seconds since the epoch; tests move it.
    """

    def __init__(
        self,
        client: Client,
        *,
        http: httpx2.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self._http = http or httpx2.AsyncClient(timeout=_PATIENCE, follow_redirects=False)
        self._clock = clock
        self._endpoints: Endpoints | None = None
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    @property
    def issuer(self) -> str:
        """The issuer's identifier, under which members are linked."""
        return self.client.issuer

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._http.aclose()

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
        """
        Give the address where somebody signs in, which comes back to ``redirect_uri`` with a code.

        The local issuer takes an e-mail as ``login_hint`` for the choice that it otherwise asks for.
        """
        endpoints = await self.discover()
        asked = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        if language is not None:
            asked["ui_locales"] = language
        if login_hint is not None:
            asked["login_hint"] = login_hint
        separator = "&" if urlsplit(endpoints.authorization).query else "?"
        return f"{endpoints.authorization}{separator}{urlencode(asked)}"

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str, nonce: str) -> Identity:
        """Exchange a code for who signed in. Raises ``Unidentified``."""
        endpoints = await self.discover()
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.client.client_id,
            "code_verifier": verifier,
        }
        secret = self.client.client_secret
        auth = None if secret is None else httpx2.BasicAuth(self.client.client_id, secret)
        try:
            answer = await self._http.post(
                endpoints.token, data=given, auth=auth or httpx2.USE_CLIENT_DEFAULT
            )
            told = answer.json() if answer.status_code == httpx2.codes.OK else {}
        except (httpx2.HTTPError, ValueError) as error:
            raise Unavailable("issuer_unavailable") from error
        token = told.get("id_token") if isinstance(told, dict) else None
        if not isinstance(token, str):
            raise Unidentified("sign_in")
        claims = await self._checked(token, self.client.client_id)
        if not secrets.compare_digest(str(claims.get("nonce", "")), nonce):
            raise Unidentified("sign_in")
        authorized = claims.get("azp", self.client.client_id)
        if authorized != self.client.client_id:
            raise Unidentified("token")
        return _identity(claims)

    async def verify(self, token: str) -> Identity:
        """Say who sends an access token for the interface. Raises ``Unidentified``."""
        return _identity(await self._checked(token, self.client.audience))

    async def end_session_url(self, *, back_to: str) -> str | None:
        """Give the address where somebody signs out at the issuer, where it has one."""
        endpoints = await self.discover()
        if endpoints.end_session is None:
            return None
        asked = {"client_id": self.client.client_id, "post_logout_redirect_uri": back_to}
        return f"{endpoints.end_session}?{urlencode(asked)}"

    async def discover(self) -> Endpoints:
        """Read where the issuer is asked, once. Raises ``Unavailable``."""
        if self._endpoints is None:
            self._endpoints = _endpoints(
                await self._get(f"{self.issuer}/.well-known/openid-configuration"), self.issuer
            )
        return self._endpoints

    async def _checked(self, token: str, audience: str) -> Mapping[str, Any]:
        """Verify signature, issuer, audience and time; the algorithm is the one of the settings alone."""
        if len(token) > _LONGEST_TOKEN:
            raise Unidentified("token")
        algorithm = self.client.algorithm
        try:
            header = jws.extract_compact(token.encode()).headers()
            if header.get("alg") != algorithm:
                raise Unidentified("token")
            keys = await self._keys_with(header.get("kid"))
            claims = jwt.decode(token, keys, algorithms=[algorithm]).claims
            jwt.JWTClaimsRegistry(
                now=lambda: int(self._clock()),
                leeway=_LEEWAY_SECONDS,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": audience},
                sub={"essential": True},
                exp={"essential": True},
            ).validate(claims)
        except ExpiredTokenError:
            raise Unidentified("expired") from None
        except (JoseError, ValueError, KeyError, TypeError, UnicodeError):
            # Not which of them: whoever forges learns nothing.
            raise Unidentified("token") from None
        return claims

    async def _keys_with(self, kid: object) -> KeySet:
        """Give the issuer's keys; one that is not among them may be new, and is asked for."""
        async with self._asking:
            now = self._clock()
            known = self._keys
            missing = known is None or (kid is not None and kid not in {key.kid for key in known.keys})
            fresh = known is not None and now - self._keys_at < _FRESH_SECONDS
            wanted = not fresh or missing
            if wanted and (known is None or now - self._asked_at >= _AGAIN_SECONDS):
                self._asked_at = now
                try:
                    self._keys = await self._fetch_keys()
                    self._keys_at = now
                except Unavailable:
                    if known is None or now - self._keys_at > _STALE_SECONDS:
                        raise
            if self._keys is None:
                raise Unavailable("issuer_unavailable")
            return self._keys

    async def _fetch_keys(self) -> KeySet:
        endpoints = await self.discover()
        told = (await self._get(endpoints.keys)).get("keys")
        if not isinstance(told, list):
            raise Unavailable("issuer_unavailable")
        return KeySet([key for key in map(_public_key, told) if key is not None])

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = await self._http.get(url)
            answer.raise_for_status()
            told = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise Unavailable("issuer_unavailable") from error
        if not isinstance(told, dict):
            raise Unavailable("issuer_unavailable")
        return told


def challenge(verifier: str) -> str:
    """Derive what a sign-in shows from what it keeps to itself until the exchange (PKCE, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _public_key(told: object) -> Key | None:
    """Read a public key for signatures; a shared secret in such a list would be no secret."""
    if not isinstance(told, dict) or told.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    if told.get("use", "sig") != "sig":
        return None
    with suppress(JoseError, ValueError, KeyError, TypeError):
        return import_key(told)
    return None


def _endpoints(told: Mapping[str, Any], issuer: str) -> Endpoints:
    try:
        if told["issuer"] != issuer:
            # A document of somebody else, or an issuer that calls itself differently.
            raise Unavailable("issuer_unavailable")
        end = told.get("end_session_endpoint")
        return Endpoints(
            authorization=str(told["authorization_endpoint"]),
            token=str(told["token_endpoint"]),
            keys=str(told["jwks_uri"]),
            end_session=None if end is None else str(end),
        )
    except KeyError as error:
        raise Unavailable("issuer_unavailable") from error


def _identity(claims: Mapping[str, Any]) -> Identity:
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject:
        raise Unidentified("token")
    return Identity(issuer=str(claims["iss"]), subject=subject, expires_at=int(claims["exp"]))
