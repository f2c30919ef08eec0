"""The desk for a caseload's preview: what a transfer of all of somebody's records would do (BULK-2)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import rfc8785
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.audit import log
from engine.desk.base import Commands, Writing, active, patiently
from engine.errors import BadInput
from engine.records.caseload import plan_bulk
from engine.records.tables.people import Member
from engine.rules import bulk, bulk_files
from engine.rules.bulk import BulkChoice, BulkLine, BulkPlan, Counts, Split
from engine.rules.content import ContentClass, Outcome
from engine.rules.facts import MemberFacts
from engine.rules.people import check_coordinator
from engine.states.choices import Options, Role
from engine.views import BlockView, BulkLineView, BulkPreviewView, BulkRecipientView, ClassLine, CountLine


class BulkPreviewDesk(Commands):
    """What a coordinator looks at before they launch."""

    def bulk_preview(  # noqa: PLR0913 - what a coordinator chooses
        self,
        actor_id: UUID,
        from_id: UUID,
        to_ids: Sequence[UUID] = (),
        *,
        only_file: bytes | None = None,
        split_file: bytes | None = None,
        include_confidential_records: bool = False,
        reassign_open: bool = False,
        insist: bool = False,
        impose: bool = False,
        options: Options | None = None,
    ) -> BulkPreviewView:
        """
        Show what a caseload's transfer would do, record by record; nothing is asked (BULK-1, BULK-2).

        Several recipients share the records evenly, unless ``split_file`` says who gets which; ``only_file``
        lists a part of them. The one line that is written is the log's, before the answer is given.
        """

        def do(session: Session, actor: MemberFacts) -> tuple[BulkPlan, BulkPreviewView]:
            check_coordinator(actor)
            choice = bulk_choice(
                from_id,
                to_ids,
                only_file=only_file,
                split_file=split_file,
                include_confidential_records=include_confidential_records,
                reassign_open=reassign_open,
                insist=insist,
                impose=impose,
                options=options or Options(),
            )
            plan = plan_bulk(session, actor, choice, datetime.now(UTC))
            return plan, _view(session, plan)

        # A snapshot and no lock: thousands of records are counted, and nobody waits for that (BULK-6).
        plan, view = self._look(actor_id, "bulk.preview", do)
        command_id = uuid4()
        patiently(lambda: self._log_preview(actor_id, command_id, plan), self._patience)
        return view

    def _log_preview(self, actor_id: UUID, command_id: UUID, plan: BulkPlan) -> None:
        counts = {"records": {"going": len(plan.going), "blocked": len(plan.blocked)}}
        with self.database.write() as session:
            if log.outcome_of(session, command_id, "bulk.preview") is not None:
                return
            writing = Writing(
                session,
                active(session, actor_id),
                datetime.now(UTC),
                Role.COORDINATOR,
                subject_id=plan.choice.from_id,
                counts=rfc8785.dumps(counts).decode(),
            )
            log.append(session, self._entry(writing, "bulk.preview", command_id))


def bulk_choice(  # noqa: PLR0913 - what a coordinator chooses
    from_id: UUID,
    to_ids: Sequence[UUID],
    *,
    only_file: bytes | None,
    split_file: bytes | None,
    include_confidential_records: bool,
    reassign_open: bool,
    options: Options,
    insist: bool = False,
    impose: bool = False,
    has_basis: bool = True,
) -> BulkChoice:
    """Make a choice of what was typed and of the files that came with it. Raises ``BadInput``."""
    if only_file is not None and split_file is not None:
        raise BadInput("bulk_two_files")
    file = only_file if split_file is None else split_file
    return BulkChoice(
        from_id=from_id,
        to_ids=tuple(to_ids),
        split=Split.EVEN if split_file is None else Split.LISTED,
        listed=None if file is None else bulk_files.listed(file, with_recipients=split_file is not None),
        include_confidential_records=include_confidential_records,
        reassign_open=reassign_open,
        insist=insist,
        impose=impose,
        options=options,
        has_basis=has_basis,
    )


def _view(session: Session, plan: BulkPlan) -> BulkPreviewView:
    choice, totals = plan.choice, plan.totals
    people = _people(session, [choice.from_id, *(load.member_id for load in plan.recipients)])
    return BulkPreviewView(
        fingerprint=bulk.fingerprint(plan),
        source_id=choice.from_id,
        source=people[choice.from_id][0],
        options=choice.options,
        include_confidential_records=choice.include_confidential_records,
        reassign_open=choice.reassign_open,
        insist=choice.insist,
        impose=choice.impose,
        going=len(plan.going),
        blocked=len(plan.blocked),
        confidential_left_out=plan.confidential_left_out,
        not_selected=plan.not_selected,
        recipients=[
            BulkRecipientView(
                id=load.member_id,
                name=people[load.member_id][0],
                email=people[load.member_id][1],
                active=load.active,
                asked=load.asked,
                added=load.added,
                after=load.after,
            )
            for load in plan.recipients
        ],
        items=_items(totals),
        destroyed_later=_destroyed(totals),
        appointments_to_cancel=_cancelled(totals),
        shares=_shares(totals),
        lines=[_line(line, people) for line in plan.lines],
    )


def _line(line: BulkLine, people: Mapping[UUID, tuple[str, str]]) -> BulkLineView:
    return BulkLineView(
        record_id=line.record_id,
        record_number=line.number,
        confidential=line.confidential,
        to_id=line.to_id,
        to=None if line.to_id is None else people[line.to_id][0],
        blocked=line.blocked,
        blocked_for=[BlockView(to_id=to_id, rule=rule) for to_id, rule in line.blocks],
        open_transfer_id=line.open_transfer_id,
        reassigns=line.reassigns,
        options=line.options,
        copy_kept=line.copy_kept,
        items=_items(line.counts),
        destroyed_later=_destroyed(line.counts),
        appointments_to_cancel=_cancelled(line.counts),
        shares=_shares(line.counts),
    )


def _people(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, tuple[str, str]]:
    rows = session.execute(
        select(Member.id, Member.first_name, Member.last_name, Member.email).where(Member.id.in_(set(ids)))
    )
    return {row.id: (f"{row.first_name} {row.last_name}", row.email) for row in rows}


def _items(counts: Counts) -> list[ClassLine]:
    order = list(ContentClass)
    return [
        ClassLine(item_class=item_class, outcome=outcome, count=count)
        for (item_class, outcome), count in sorted(counts.items(), key=lambda entry: order.index(entry[0][0]))
    ]


def _destroyed(counts: Counts) -> list[CountLine]:
    found = bulk.destroyed_later(counts)
    return [CountLine(item_class=one, count=found[one]) for one in ContentClass if one in found]


def _cancelled(counts: Counts) -> int:
    return counts.get((ContentClass.UPCOMING_APPOINTMENT, Outcome.CANCELLED), 0)


def _shares(counts: Counts) -> int:
    return sum(count for (item_class, _), count in counts.items() if item_class is ContentClass.SHARE)
