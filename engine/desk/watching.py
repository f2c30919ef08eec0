"""The desk for watching: transfers that somebody may know of, and what needs them (VIS-12, ST-1, ROLE-6)."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk import unattended
from engine.desk.base import Commands
from engine.desk.membership import colleague
from engine.errors import BadInput
from engine.notices import outbox
from engine.records import listing, needs, overview
from engine.records.transfer_views import transfer_views
from engine.rules.facts import MemberFacts
from engine.states.choices import Role
from engine.states.transfer import TransferState
from engine.views import LeftView, NeedsView, NeedView, TransfersView

#: How many transfers an answer has, unless more are wanted; and at most.
PAGE: Final = 50
LONGEST_PAGE: Final = 500
_MOST_DAYS: Final = 36_500


class WatchingDesk(Commands):
    """What is under way, and who must act; each reader sees their part."""

    def transfers(
        self,
        actor_id: UUID,
        state: TransferState | None = None,
        *,
        older_than_days: int | None = None,
        from_id: UUID | None = None,
        to_id: UUID | None = None,
        after: UUID | None = None,
        limit: int = PAGE,
    ) -> TransfersView:
        """
        List transfers that the actor may know of, newest first, and go on ``after`` one of them.

        A filter compares what the actor is shown. Raises ``NotFound`` for who is no colleague.
        """
        if not 1 <= limit <= LONGEST_PAGE:
            raise BadInput("limit", most=LONGEST_PAGE)
        if older_than_days is not None and not 0 <= older_than_days <= _MOST_DAYS:
            raise BadInput("days", most=_MOST_DAYS)

        def do(session: Session, actor: MemberFacts) -> TransfersView:
            for party in (from_id, to_id):
                if party is not None:
                    colleague(session, actor, party)
            now = datetime.now(UTC)
            until = None if older_than_days is None else now - timedelta(days=older_than_days)
            wanted = listing.Wanted(state=state, asked_until=until, from_id=from_id, to_id=to_id)
            return listing.page(session, actor, wanted, after=after, limit=limit, now=now)

        return self._look(actor_id, "transfer.list", do)

    def needs(self, actor_id: UUID) -> NeedsView:
        """
        Say what needs the actor: what to answer or to decide, and what came back or cannot go on.

        Coordinators also see whose records were left, in numbers (ROLE-6); administrators what waits for
        nobody, while there is no coordinator (ST-1).
        """

        def do(session: Session, actor: MemberFacts) -> NeedsView:
            now = datetime.now(UTC)
            found = list(needs.needing(session, actor, now))
            nobody = unattended.Waiting()
            if actor.acts_as(Role.ADMINISTRATOR) and not outbox.coordinators(session, actor.organization_id):
                nobody = unattended.waiting(session, actor.organization_id)
            # One may stand there twice, as a coordinator's own for example.
            shown = sorted({transfer_id for _, transfer_id, _ in found[:PAGE]})
            views = {view.id: view for view in transfer_views(session, actor, shown, now)}
            return NeedsView(
                transfers=[
                    NeedView(need=need, rule=rule, transfer=views[transfer_id])
                    for need, transfer_id, rule in found[:PAGE]
                ],
                more=max(0, len(found) - PAGE),
                left=_left(session, actor) if actor.acts_as(Role.COORDINATOR) else [],
                waiting=nobody.transfers,
                left_records=nobody.records,
            )

        return self._look(actor_id, "member.needs", do)


def _left(session: Session, actor: MemberFacts) -> list[LeftView]:
    return [
        LeftView(
            id=found.member.id,
            name=f"{found.member.first_name} {found.member.last_name}",
            email=found.member.email,
            institutional=found.institutional,
            confidential=found.confidential,
        )
        for found in overview.caseloads(session, actor.organization_id)
        if not found.member.active
    ]
