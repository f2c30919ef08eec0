"""How a command at the desk runs: judged, written and logged in one transaction, a denial in its own."""

import logging
import time
from collections.abc import Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from engine.audit import log
from engine.audit.keys import Signer
from engine.errors import Denied, EngineError, NotFound, Unavailable
from engine.records import facts, locks
from engine.records.database import Database
from engine.records.races import racing
from engine.rules.facts import MemberFacts, RecordFacts
from engine.states.choices import Role

logger = logging.getLogger(__name__)
_T = TypeVar("_T")
_PAUSE = 0.5
#: The service that speaks in the actor's name, where one does: each line that it causes says so.
speaking_for: ContextVar[UUID | None] = ContextVar("speaking_for", default=None)
#: The id of the one command that is given now, where its sender named it (MOVE-3).
commanding: ContextVar[UUID | None] = ContextVar("commanding", default=None)


@dataclass(slots=True)
class Writing:
    """A command under way: its session, who acts, when, and what the log will say of it."""

    session: Session
    actor: MemberFacts
    now: datetime
    role: Role = Role.PRACTITIONER
    record_id: UUID | None = None
    subject_id: UUID | None = None
    #: JSON object of numbers by kind, for the log.
    counts: str | None = None
    #: What the engine did because of this command, logged after it.
    further: list[log.Entry] = field(default_factory=list)
    transfer_id: UUID | None = None
    #: Unique in the log; notices name it as their cause.
    command_id: UUID = field(default_factory=uuid4)
    #: Set where the command found that nothing was left to do: then nothing is logged either.
    silent: bool = False

    def record(self, record_id: UUID, *, alone: bool = False) -> RecordFacts:
        """
        Hold a record and read it as the actor stands to it. Raises ``NotFound``.

        Several may write into a record at once; who moves, guards, holds or archives it must be ``alone``.
        """
        locks.lock_record(self.session, record_id, alone=alone)
        # After the wait for the lock: instants stand in the order in which things happened.
        self.now = datetime.now(UTC)
        found = facts.record(self.session, record_id, self.actor.id)
        if found is None or found.organization_id != self.actor.organization_id:
            raise NotFound("record")
        self.record_id = record_id
        return found


class Commands:
    """What every desk has: a database, who typed, how long to wait for an answer, and the keys that sign."""

    def __init__(
        self,
        database: Database,
        *,
        os_uid: int | None = None,
        patience: timedelta = timedelta(seconds=60),
        signer: Signer | None = None,
    ) -> None:
        self.database = database
        #: Without one nothing is signed at this desk.
        self.signer = signer
        self._os_uid = os_uid
        self._patience = patience

    def _command(
        self,
        actor_id: UUID,
        action: str,
        do: Callable[[Writing], _T],
        *,
        concerned: Collection[UUID] = (),
        changed: UUID | None = None,
        changes_roles: bool = False,
    ) -> _T:
        """
        Run a command in one transaction with its line in the log.

        Whoever acts stays as they are until the commit, and so do the members ``concerned``, whose state or
        title the command depends on. The member ``changed`` waits until nobody depends on them.
        ``changes_roles`` for what could take the organization's last administrator (ROLE-1).
        """
        named = commanding.get()
        command_id = named or uuid4()
        under_way: Writing | None = None
        reached: list[_T] = []
        #: Results whose commit got no answer: the log tells whether it was made.
        unanswered: list[_T] = []

        def write() -> _T:
            nonlocal under_way
            with self.database.write() as session:
                if changes_roles:
                    _lock_organization_of(session, actor_id)
                alone = () if changed is None else (changed,)
                locks.lock_members(session, actor_id, *concerned, alone=alone)
                if unanswered and log.outcome_of(session, command_id, action) is not None:
                    return unanswered[-1]
                if named is not None and log.outcome_of(session, named, action) is not None:
                    # Carried out by a process that died before it answered.
                    raise Denied("MOVE-3", "done")
                under_way = Writing(
                    session, active(session, actor_id), datetime.now(UTC), command_id=command_id
                )
                result = do(under_way)
                if not under_way.silent:
                    log.append(session, self._entry(under_way, action, command_id), *under_way.further)
                reached.append(result)
            return result

        def run() -> _T:
            reached.clear()
            try:
                return write()
            except Unavailable:
                unanswered.extend(reached)
                raise

        try:
            return patiently(run, self._patience)
        except Unavailable:
            raise
        except EngineError as denial:
            about = None if under_way is None else under_way.record_id
            self._deny(actor_id, action, command_id, denial, record_id=about)
            raise

    def _look(self, actor_id: UUID, action: str, do: Callable[[Session, MemberFacts], _T]) -> _T:
        """Read for somebody; nothing is written but a denial's line."""

        def run() -> _T:
            with self.database.read() as session:
                return do(session, active(session, actor_id))

        try:
            return patiently(run, self._patience)
        except Unavailable:
            raise
        except EngineError as denial:
            self._deny(actor_id, action, uuid4(), denial)
            raise

    def _deny(
        self,
        actor_id: UUID,
        action: str,
        command_id: UUID,
        denial: EngineError,
        *,
        record_id: UUID | None = None,
    ) -> None:
        logger.info("command.denied", extra={"action": action, "rule": denial.key})

        def write() -> None:
            with self.database.write() as session:
                actor = facts.member(session, actor_id)
                if actor is None or log.outcome_of(session, command_id, action) is not None:
                    return
                role = min(actor.roles, default=Role.PRACTITIONER)
                writing = Writing(session, actor, datetime.now(UTC), role, record_id)
                log.append(session, self._entry(writing, action, command_id, denial.key))

        patiently(write, self._patience)

    def _entry(self, writing: Writing, action: str, command_id: UUID, rule: str | None = None) -> log.Entry:
        return log.Entry(
            organization_id=writing.actor.organization_id,
            at=writing.now,
            action=action,
            command_id=command_id,
            actor_id=writing.actor.id,
            role=writing.role,
            os_uid=self._os_uid,
            service_id=speaking_for.get(),
            outcome=log.Result.ALLOWED if rule is None else log.Result.DENIED,
            rule=rule,
            transfer_id=writing.transfer_id,
            record_id=writing.record_id,
            subject_id=writing.subject_id,
            counts=writing.counts,
        )


def patiently(run: Callable[[], _T], patience: timedelta) -> _T:
    """
    Run again while the database does not answer, until patience runs out; then ``Unavailable`` passes.

    A transaction that lost a race is run again at once.
    """
    until = time.monotonic() + patience.total_seconds()
    while True:
        try:
            return racing(run)
        except Unavailable as outage:
            if outage.variant != "database_unavailable" or time.monotonic() + _PAUSE >= until:
                raise
        time.sleep(_PAUSE)


def _lock_organization_of(session: Session, actor_id: UUID) -> None:
    actor = facts.member(session, actor_id)
    if actor is not None:
        locks.lock_organization(session, actor.organization_id)


def active(session: Session, actor_id: UUID) -> MemberFacts:
    """Read who acts. Raises ``NotFound`` for nobody, and for somebody who is no longer active."""
    actor = facts.member(session, actor_id)
    if actor is None or not actor.active:
        raise NotFound("member")
    return actor
