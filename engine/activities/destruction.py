"""The daily destruction: one transaction a holding, one activity a page; ids and counts alone leave it."""

import logging
from datetime import UTC, datetime
from uuid import UUID, uuid5

import rfc8785
from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError

from engine.activities import killpoints
from engine.activities.deciding import ENGINE
from engine.activities.killpoints import When
from engine.audit import log
from engine.errors import Unavailable
from engine.messages.destruction import DESTROY_PAGE, DestructionPage
from engine.messages.transfer import Failure
from engine.records import destruction
from engine.records.database import Database
from engine.records.destruction import Destroyed
from engine.records.tables.base import DestroyedBy
from engine.rules.content import UNCOUNTED

logger = logging.getLogger(__name__)

#: How many holdings a page has: a page that is killed is looked through once more.
PAGE = 50
STEP = "destroy"


class Destroying:
    """The activity of the ``Destruction`` workflow, on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name=DESTROY_PAGE, no_thread_cancel_exception=True)
    def page(self, page: DestructionPage) -> DestructionPage:
        """Destroy what is due on one page, and say where the next one begins."""
        try:
            return destroy_page(self._database, page)
        except Unavailable as outage:
            raise ApplicationError(outage.key, type=Failure.UNAVAILABLE) from None
        except Exception as error:
            # Its text may quote what it met: the type is all that may leave this process.
            logger.exception("destruction.failed")
            raise ApplicationError(type(error).__name__, type=Failure.UNEXPECTED) from None


def destroy_page(database: Database, page: DestructionPage) -> DestructionPage:
    """Destroy what is due of one organization's next holdings; a holding that cannot be stops no other."""
    at = max(page.at or datetime.now(UTC), datetime.now(UTC))
    with database.read() as session:
        organization_id = page.organization_id or _next_organization(session, None)
        if organization_id is None:
            return page.model_copy(update={"done": True})
        found = destruction.due(session, organization_id, at, after=page.after, limit=PAGE)
        following = _next_organization(session, organization_id)
    destroyed, unfinished, failed = page.destroyed, page.unfinished, page.failed
    for holding_id in found:
        if activity.in_activity():
            activity.heartbeat()
        try:
            done = destroy_holding(database, holding_id, at)
        except Unavailable:
            raise
        except Exception:
            # The next day tries again; its text may quote what it met, and stays in this process.
            logger.exception("destruction.failed", extra={"holding_id": str(holding_id)})
            failed += 1
        else:
            whole = done is not None and done.rule is DestroyedBy.RETENTION
            destroyed += whole
            unfinished += done is not None and not whole
    more = len(found) == PAGE
    return page.model_copy(
        update={
            "organization_id": organization_id if more else following,
            "after": found[-1] if more else None,
            "destroyed": destroyed,
            "unfinished": unfinished,
            "failed": failed,
            "done": not more and following is None,
        }
    )


def destroy_holding(database: Database, holding_id: UUID, at: datetime) -> Destroyed | None:
    """Destroy what is due of a holding in one transaction, with its line in the log; ``None`` for nothing."""
    killpoints.reach(STEP, When.BEFORE)
    with database.write() as session:
        done = destruction.destroy(session, holding_id, at)
        if done is not None:
            log.append(session, _entry(done, at))
        killpoints.reach(STEP, When.INSIDE)
    killpoints.reach(STEP, When.AFTER)
    return done


def _entry(done: Destroyed, at: datetime) -> log.Entry:
    counts = {found.value: {"destroyed": count} for found, count in done.counts.items()}
    for hidden in UNCOUNTED:
        counts.pop(hidden.value, None)
    return log.Entry(
        organization_id=done.organization_id,
        at=at,
        action="record.destroyed",
        command_id=uuid5(done.holding_id, f"destroy/{done.rule}"),
        role=ENGINE,
        record_id=done.record_id,
        subject_id=done.holding_id,
        counts=rfc8785.dumps(counts).decode(),
    )


def _next_organization(session: Session, after: UUID | None) -> UUID | None:
    return next(
        (found for found in destruction.organizations(session) if after is None or found > after), None
    )
