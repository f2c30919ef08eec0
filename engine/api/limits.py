"""How much a request may say, and how often somebody may ask; and what is counted of both."""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.api.metrics import Metrics
from engine.api.problems import answer, language_of
from engine.errors import BadInput

logger = logging.getLogger(__name__)

_MOST_CALLERS: Final = 10_000
#: How many tokens that do not hold an address may send in a row, and how fast it may send more.
_FAILURES: Final = 30.0
_FAILURES_A_SECOND: Final = 0.5
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_OPEN: Final = _PROBES | {"/openapi.json"}


class Buckets:
    """A bucket of tokens a caller: it fills with time, and each request takes one."""

    def __init__(self, a_second: float, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second, self._most, self._clock = a_second, most, clock
        self._found: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, *, take: float = 1.0) -> float:
        """Take tokens; give the seconds to wait where there are not enough, and then take none."""
        now = self._clock()
        left, since = self._found.pop(caller, (self._most, now))
        left = min(self._most, left + (now - since) * self._a_second)
        missing = max(take, 1.0) - left
        self._found[caller] = (left - take if missing <= 0 else left, now)
        while len(self._found) > _MOST_CALLERS:
            self._found.popitem(last=False)
        return missing / self._a_second if missing > 0 else 0.0


class TooLarge(HTTPException):
    """A body says more than it may; what reads it lets this pass."""

    def __init__(self) -> None:
        """Answer with the status of its kind."""
        super().__init__(413)


class Limits:
    """
    Refuses what is too large or too frequent before anything is read, and counts every answer.

    A caller is a token, or an address where there is none. An address that sends tokens that do not hold is
    slowed down too, so that nobody tries many.
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int, a_second: float, metrics: Metrics) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._metrics = metrics
        self._callers = Buckets(a_second, 2 * a_second)
        self._failures = Buckets(_FAILURES_A_SECOND, _FAILURES)
        #: Tokens that held: nobody else's failures behind the same proxy slow them down.
        self._held: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500
        address = (scope.get("client") or ("", 0))[0]

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # A probe answers whoever asks: it says nothing of a token.
                if scope["path"] not in _OPEN:
                    self._learn(Headers(scope=scope).get("authorization"), address, status)
            await send(message)

        try:
            refused = self._refused(scope, address)
            if refused is not None:
                error, seconds = refused
                headers = {"Retry-After": str(int(seconds) + 1)} if seconds else {}
                told = answer(error, language_of(Request(scope)), headers=headers)
                await told(scope, receive, sending)
                return
            await self._app(scope, self._measured(receive), sending)
        finally:
            self._metrics.count(scope, status, time.perf_counter() - begun)

    def _refused(self, scope: Scope, address: str) -> tuple[BadInput, float] | None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._most_bytes:
            return BadInput("too_large"), 0.0
        if scope["path"] in _PROBES:
            return None
        token = headers.get("authorization")
        caller = address if token is None else _digest(token)
        guessing = 0.0 if caller in self._held else self._failures.wait(address, take=0.0)
        wait = max(guessing, self._callers.wait(caller))
        return (BadInput("too_many_requests"), wait) if wait else None

    def _learn(self, token: str | None, address: str, status: int) -> None:
        if status == 401:  # noqa: PLR2004
            self._failures.wait(address)
            if token is not None:
                self._held.pop(_digest(token), None)
        elif token is not None and status < 400:  # noqa: PLR2004
            self._held[_digest(token)] = None
            self._held.move_to_end(_digest(token))
            while len(self._held) > _MOST_CALLERS:
                self._held.popitem(last=False)

    def _measured(self, receive: Receive) -> Receive:
        seen = 0

        async def receiving() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most_bytes:
                raise TooLarge
            return message

        return receiving


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
