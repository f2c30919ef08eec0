"""
The sender's turn: plan, claim, send, settle, until nothing is due for a while.

Each message is settled as soon as the mail server has answered: a repeat is possible only if the process dies
between that answer and the commit (NOTE-3). Only counts leave it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.activities import killpoints
from engine.activities.killpoints import When
from engine.errors import Unavailable
from engine.messages.notices import SEND, Sent
from engine.messages.transfer import Failure
from engine.notices import deliveries
from engine.notices.envelope import envelope
from engine.notices.letters import Letter, Undeliverable, write_letter
from engine.notices.post import Post, Trouble
from engine.records.database import Database
from engine.records.races import racing
from engine.records.tables.base import DeliveryTrouble

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

STEP: Final = "notices"
#: How many messages are taken in hand at once: what a death delays by the length of a claim.
_IN_HAND: Final = 25
#: How long a turn lasts at most, so that a history says something now and then.
_TURN_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = 3.0
#: After a server that takes nothing at all.
_PAUSE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """How mail is sent: by which post, from which address, how fast, with links to which pages."""

    post: Post
    sender: str
    #: Messages in a second, at most; ``None`` for as fast as it goes.
    rate: float | None
    address: str | None = None


class Sending:
    """The activity of the ``NoticeSender`` workflow, on one database."""

    def __init__(
        self, database: Database, mailing: Mailing, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._database = database
        self._mailing = mailing
        self._now = clock or partial(datetime.now, UTC)

    @activity.defn(name=SEND)
    async def send(self) -> Sent:
        """Send what is due for a turn, or until the worker stops."""
        try:
            return await self.turn(_TURN_SECONDS)
        except Unavailable as outage:
            raise ApplicationError(outage.key, type=Failure.UNAVAILABLE) from None
        except Exception as error:
            # Its text may quote what it met: the type is all that may leave this process.
            logger.exception("notices.failed")
            raise ApplicationError(type(error).__name__, type=Failure.UNEXPECTED) from None

    async def turn(self, seconds: float) -> Sent:
        """Send what is due for so many seconds; zero for what is due now."""
        done = Sent()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        alive = asyncio.create_task(_heartbeats())
        try:
            await asyncio.to_thread(self._write, deliveries.release)
            while True:
                now = self._now()
                in_hand = await asyncio.to_thread(self._take, now)
                turned, pause = await self._deliver(in_hand, now + deliveries.CLAIM)
                done = done.plus(turned)
                idle = bool(pause) or not in_hand
                if loop.time() >= end and (idle or seconds):
                    return done
                if idle:
                    await asyncio.sleep(pause or _POLL_SECONDS)
        finally:
            alive.cancel()
            await self._mailing.post.close()

    def _take(self, now: datetime) -> Sequence[UUID]:
        with self._database.read() as session:
            if not deliveries.anything_to_do(session, now):
                return ()
        return self._write(lambda session: self._claim(session, now))

    def _claim(self, session: Session, now: datetime) -> Sequence[UUID]:
        deliveries.plan(session, now)
        return deliveries.claim(session, now, limit=_IN_HAND)

    async def _deliver(self, in_hand: Sequence[UUID], until: datetime) -> tuple[Sent, float]:
        """Send what is in hand until then; return what was done, and for how long to pause."""
        done = Sent()
        waiting = list(in_hand)
        written: list[UUID] = []
        try:
            while waiting:
                sending = asyncio.create_task(self._one(waiting[0], until, written))
                try:
                    result, for_all = await asyncio.shield(sending)
                except asyncio.CancelledError:
                    # The worker stops: what is under way is settled first.
                    await sending
                    waiting.pop(0)
                    raise
                waiting.pop(0)
                done = done.plus(result)
                if for_all:
                    return done, _PAUSE_SECONDS
                if self._mailing.rate and waiting:
                    await asyncio.sleep(1 / self._mailing.rate)
            return done, 0.0
        finally:
            if written or waiting:
                await self._settle(lambda session: self._put_back(session, written, waiting))

    def _put_back(self, session: Session, written: Sequence[UUID], waiting: Sequence[UUID]) -> None:
        deliveries.sent(session, written, self._now())
        deliveries.untouched(session, waiting)

    async def _one(self, delivery_id: UUID, until: datetime, written: list[UUID]) -> tuple[Sent, bool]:
        """Send one message and settle it; say what was done, and whether the server takes none for now."""
        killpoints.reach(STEP, When.BEFORE)
        try:
            letter = await asyncio.to_thread(self._letter, delivery_id, until)
            if letter is None:
                return Sent(), False
            mail = envelope(letter, self._mailing.sender)
            await self._mailing.post.send(mail, self._mailing.sender, letter.to)
        except Undeliverable as nobody:
            return await self._give_up(delivery_id, nobody.trouble, None), False
        except Trouble as trouble:
            if trouble.for_good:
                return await self._give_up(delivery_id, trouble.word, trouble.code), False
            return await self._put_off(delivery_id, trouble.word, trouble.code), trouble.for_all
        except Unavailable:
            raise
        except Exception:
            # A message that cannot be written stops no other; its text may quote what it met.
            logger.exception("notices.unwritable", extra={"delivery_id": str(delivery_id)})
            return await self._put_off(delivery_id, DeliveryTrouble.UNEXPECTED, None), False
        killpoints.reach(STEP, When.INSIDE)
        if self._mailing.post.takes_once:
            written.append(delivery_id)
        else:
            now = self._now()
            await self._settle(lambda session: deliveries.sent(session, [delivery_id], now))
        killpoints.reach(STEP, When.AFTER)
        return Sent(sent=1), False

    def _letter(self, delivery_id: UUID, until: datetime) -> Letter | None:
        """Write a message; ``None`` where another sender has taken it out of our hands."""
        with self._database.read() as session:
            if not deliveries.is_claimed(session, delivery_id, until):
                return None
            return write_letter(session, delivery_id, self._now(), address=self._mailing.address)

    async def _give_up(self, delivery_id: UUID, word: DeliveryTrouble, code: int | None) -> Sent:
        logger.warning(
            "notices.given_up", extra={"delivery_id": str(delivery_id), "trouble": word, "smtp_code": code}
        )
        await self._settle(lambda session: deliveries.failed(session, delivery_id, word, code))
        return Sent(failed=1)

    async def _put_off(self, delivery_id: UUID, word: DeliveryTrouble, code: int | None) -> Sent:
        logger.warning(
            "notices.put_off", extra={"delivery_id": str(delivery_id), "trouble": word, "smtp_code": code}
        )
        now = self._now()
        await self._settle(lambda session: deliveries.later(session, delivery_id, now, word, code))
        return Sent(later=1)

    async def _settle(self, do: Callable[[Session], None]) -> None:
        """Write what became of a message; the database's outage is waited for, or it would be sent again."""
        while True:
            try:
                return await asyncio.to_thread(self._write, do)
            except Unavailable:
                await asyncio.sleep(_POLL_SECONDS)

    def _write(self, do: Callable[[Session], _T]) -> _T:
        def once() -> _T:
            with self._database.write() as session:
                return do(session)

        return racing(once)


async def _heartbeats() -> None:
    """Tell the server again and again that this turn lives."""
    while activity.in_activity():
        activity.heartbeat()
        await asyncio.sleep(_HEARTBEAT_SECONDS)
