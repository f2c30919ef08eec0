"""A clinic on a real database: everybody's hands, without Temporal, and a record with every class of item."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import event, text

from engine.activities.steps import Steps
from engine.desk.desk import Desk
from engine.messages.transfer import (
    Accept,
    Cancel,
    Extend,
    Impose,
    Narrow,
    Reassign,
    Refuse,
    StepInput,
    StepResult,
    TransferRequest,
    Wake,
)
from engine.records import facts, transfer_views, visibility
from engine.records.database import Database
from engine.records.tables.base import AppointmentState, NoteState, TextKind
from engine.records.visibility import VisibleItem
from engine.rules.content import ContentClass, Outcome
from engine.rules.facts import MemberFacts
from engine.states.choices import Options, Purpose, RawDataChoice
from engine.views import TransferView
from tests import build
from tests.build import World
from tests.postgresql.copying import plain
from tests.postgresql.places import Place

#: Later than any real clock: a step takes the later of its own instant and the clock's.
START = datetime(2040, 3, 5, 15, 0, tzinfo=UTC)
UPCOMING = START + timedelta(days=7)
PAST = START - timedelta(days=7)
DEADLINE = timedelta(days=15)

EVERYTHING = Options(include_confidential=True, raw_data=RawDataChoice.INCLUDE, keep_copy=True)
ITEM_TABLES = ("notes", "documents", "raw_data", "profiles", "invoices", "tasks", "memos", "appointments")


@dataclass(slots=True)
class FullRecord:
    """A record with at least one item of every class; the items by class."""

    record: UUID
    holding: UUID
    collaborator: UUID
    items: dict[ContentClass, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    #: What the collaborator is still writing: for nobody else while they share the record (VIS-10).
    their_drafts: set[UUID] = field(default_factory=set)

    def of(self, *classes: ContentClass) -> set[UUID]:
        """Give the ids of some classes."""
        return set().union(*(self.items[item_class] for item_class in classes))

    @property
    def every_item(self) -> set[UUID]:
        """Give all ids."""
        return self.of(*ContentClass)


def hurried(place: Place) -> Database:
    """Open a database that does not wait for the disk, for tests in which no power fails."""
    database = place.open()
    if place.server is None:
        event.listen(database.engine, "connect", lambda db, _: db.execute("PRAGMA synchronous = OFF"))
    else:
        event.listen(database.engine, "connect", lambda db, _: db.execute("SET synchronous_commit = off"))
    return database


class Clinic:
    """One organization; ``now`` goes on by a minute with each step."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.steps = Steps(database)
        self.now = START
        with database.write() as session:
            self.world: World = build.world(session)

    # -- what people do ------------------------------------------------------------------------------------

    def request(self, *, to: UUID | None = None, by: UUID | None = None, **more: Any) -> TransferRequest:  # noqa: ANN401
        """Make a request of the owner to the new owner, unless the test says otherwise."""
        fields: dict[str, Any] = {
            "transfer_id": uuid4(),
            "organization_id": self.world.organization,
            "record_id": self.world.record,
            "actor_id": by or self.world.owner,
            "to_id": to or self.world.new_owner,
            "purpose": Purpose.CONTINUITY,
        }
        return TransferRequest(**(fields | more))

    def open(self, request: TransferRequest, *, at: datetime | None = None) -> StepResult:
        """Run the step ``open``."""
        return self.steps.open(StepInput(what=request, at=at or self._tick()))

    def ask(self, *, to: UUID | None = None, by: UUID | None = None, **more: Any) -> UUID:  # noqa: ANN401
        """Ask, and expect that the transfer waits for an answer."""
        result = self.open(self.request(to=to, by=by, **more))
        assert (result.denied, result.state) == (None, "pending_acceptance")
        return result.transfer_id

    def accept(self, transfer_id: UUID, *, by: UUID | None = None, **more: Any) -> StepResult:  # noqa: ANN401
        """Run the step ``accept``, as the new owner unless the test says otherwise."""
        command = Accept(**self._command(transfer_id, by or self.world.new_owner, more))
        return self.steps.accept(StepInput(what=command, at=self._tick()))

    def refuse(self, transfer_id: UUID, *, by: UUID | None = None, **more: Any) -> StepResult:  # noqa: ANN401
        """Run the step ``refuse`` with a reason."""
        actor = by or self.world.new_owner
        reason = {"reason_id": more.pop("reason_id", None) or self.text(actor, TextKind.REASON)}
        command = Refuse(**self._command(transfer_id, actor, more | reason))
        return self.steps.refuse(StepInput(what=command, at=self._tick()))

    def cancel(self, transfer_id: UUID, *, by: UUID | None = None, **more: Any) -> StepResult:  # noqa: ANN401
        """Run the step ``cancel``, as the owner, or as another who gives a reason (ST-2)."""
        if by not in {None, self.world.owner}:
            more.setdefault("reason_id", self.text(by, TextKind.REASON))
        command = Cancel(**self._command(transfer_id, by or self.world.owner, more))
        return self.steps.cancel(StepInput(what=command, at=self._tick()))

    def narrow(
        self,
        transfer_id: UUID,
        options: Options,
        *,
        by: UUID | None = None,
        **more: Any,  # noqa: ANN401
    ) -> StepResult:
        """Run the step ``narrow``, as the owner unless the test says otherwise."""
        command = Narrow(**self._command(transfer_id, by or self.world.owner, more), options=options)
        return self.steps.narrow(StepInput(what=command, at=self._tick()))

    def reassign(
        self,
        transfer_id: UUID,
        to: UUID,
        *,
        by: UUID | None = None,
        **more: Any,  # noqa: ANN401
    ) -> StepResult:
        """Run the step ``reassign`` with a reason, as the coordinator unless the test says otherwise."""
        command = Reassign(**self._stepping_in(transfer_id, by, more), to_id=to)
        return self.steps.reassign(StepInput(what=command, at=self._tick()))

    def impose(
        self,
        transfer_id: UUID,
        to: UUID | None = None,
        *,
        by: UUID | None = None,
        **more: Any,  # noqa: ANN401
    ) -> StepResult:
        """Run the step ``impose`` with a reason, as the coordinator unless the test says otherwise."""
        command = Impose(**self._stepping_in(transfer_id, by, more), to_id=to)
        return self.steps.impose(StepInput(what=command, at=self._tick()))

    def extend(
        self,
        transfer_id: UUID,
        by_then: timedelta,
        *,
        by: UUID | None = None,
        **more: Any,  # noqa: ANN401
    ) -> StepResult:
        """Run the step ``extend``, as the coordinator unless the test says otherwise."""
        fields = self._command(transfer_id, by or self.world.coordinator, more)
        command = Extend(**{"respond_by": self.now + by_then} | fields)
        return self.steps.extend(StepInput(what=command, at=self._tick()))

    def _stepping_in(self, transfer_id: UUID, by: UUID | None, more: dict[str, Any]) -> dict[str, Any]:
        actor = by or self.world.coordinator
        reason = {"reason_id": more.pop("reason_id", None) or self.text(actor, TextKind.REASON)}
        return self._command(transfer_id, actor, more | reason)

    def expire(self, transfer_id: UUID, *, after: timedelta = DEADLINE) -> StepResult:
        """Run the step ``expire``, by default after the deadline."""
        return self.steps.expire(StepInput(what=Wake(transfer_id=transfer_id), at=self.now + after))

    def remind(self, transfer_id: UUID, *, after: timedelta) -> StepResult:
        """Run the step ``remind``."""
        return self.steps.remind(StepInput(what=Wake(transfer_id=transfer_id), at=self.now + after))

    def hand_over(
        self,
        options: Options | None = None,
        *,
        record: UUID | None = None,
        by: UUID | None = None,
        to: UUID | None = None,
    ) -> UUID:
        """Ask and accept."""
        more = {"options": options or Options(), "record_id": record or self.world.record}
        transfer_id = self.ask(by=by, to=to, **more)
        result = self.accept(transfer_id, by=to)
        assert (result.denied, result.state) == (None, "accepted")
        return transfer_id

    def text(self, author_id: UUID, kind: TextKind, body: str = "Une raison à taire") -> UUID:
        """Write a free text."""
        with self.database.write() as session:
            return build.text(session, author_id, kind, body)

    def _command(self, transfer_id: UUID, actor_id: UUID, more: dict[str, Any]) -> dict[str, Any]:
        return {"transfer_id": transfer_id, "command_id": uuid4(), "actor_id": actor_id} | more

    def _tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    # -- what there is -------------------------------------------------------------------------------------

    def full_record(self, *, legal_hold: bool = False, confidential: bool = False) -> FullRecord:
        """Build a record of the owner with every class of item, shared with a collaborator."""
        world, c = self.world, ContentClass
        with self.database.write() as session:
            built = build.record(
                session, world.owner, [world.client], legal_hold=legal_hold, confidential=confidential
            )
            record, holding = built.record_id, built.holding_id
            collaborator = build.member(session, world.organization, title="Ergothérapeute")
            full = FullRecord(record, holding, collaborator)
            full.items[c.DETAILS] = {holding}
            full.items[c.SHARE] = {build.share(session, record, collaborator)}
            full.items[c.NOTE] = {
                build.note(session, holding),
                build.note(session, holding, author_id=collaborator),
                build.note(session, holding, author_id=collaborator, state=NoteState.WAITING_APPROVAL),
            }
            full.their_drafts = {build.note(session, holding, author_id=collaborator, state=NoteState.DRAFT)}
            full.items[c.DRAFT_NOTE] = {
                build.note(session, holding, state=NoteState.DRAFT),
                *full.their_drafts,
            }
            full.items[c.DOCUMENT] = {
                build.document(session, holding),
                build.document(session, holding, author_id=collaborator),
            }
            full.items[c.CONFIDENTIAL_NOTE] = {
                build.note(session, holding, confidential=True),
                build.note(session, holding, confidential=True, state=NoteState.DRAFT),
            }
            full.items[c.CONFIDENTIAL_DOCUMENT] = {build.document(session, holding, confidential=True)}
            full.items[c.COLLABORATOR_CONFIDENTIAL] = {
                build.note(session, holding, author_id=collaborator, author_only=True),
                build.document(session, holding, author_id=collaborator, author_only=True),
            }
            authors = (world.owner, collaborator)
            full.items[c.RAW_DATA] = {build.raw_datum(session, holding, author_id=who) for who in authors}
            full.items[c.PROFILE] = {build.profile(session, holding, author_id=who) for who in authors}
            full.items[c.INVOICE] = {build.invoice(session, holding)}
            full.items[c.TASK] = {build.task(session, holding, author_id=who) for who in authors}
            full.items[c.MEMO] = {build.memo(session, holding, author_id=who) for who in authors}

            def appointment(who: UUID, starts_at: datetime, **more: Any) -> UUID:  # noqa: ANN401
                return build.appointment(
                    session, record, who, client_id=world.client, starts_at=starts_at, **more
                )

            full.items[c.PAST_APPOINTMENT] = {
                appointment(world.owner, PAST),
                appointment(world.owner, UPCOMING, state=AppointmentState.CANCELLED),
            }
            full.items[c.UPCOMING_APPOINTMENT] = {
                appointment(world.owner, UPCOMING),
                build.appointment(session, record, world.owner, starts_at=UPCOMING),  # no client to tell
            }
            full.items[c.COLLABORATOR_APPOINTMENT] = {
                appointment(collaborator, UPCOMING),
                appointment(collaborator, PAST),
            }
        return full

    def manifest(self, transfer_id: UUID) -> dict[UUID, tuple[ContentClass, Outcome]]:
        """Read what became of each item."""
        rows = self.rows(
            "SELECT item_id, item_class, outcome FROM manifest WHERE transfer_id = :id", id=transfer_id
        )
        return {
            UUID(item): (ContentClass(item_class), Outcome(outcome)) for item, item_class, outcome in rows
        }

    def outcomes(self, transfer_id: UUID) -> dict[ContentClass, set[Outcome]]:
        """Read which outcomes each class met."""
        found: dict[ContentClass, set[Outcome]] = defaultdict(set)
        for item_class, outcome in self.manifest(transfer_id).values():
            found[item_class].add(outcome)
        return dict(found)

    def live(self, record_id: UUID) -> tuple[UUID, UUID]:
        """Give the live holding of a record and its owner."""
        ((holding, owner),) = self.rows(
            "SELECT id, owner_id FROM holdings WHERE record_id = :id AND state = 'live'", id=record_id
        )
        return UUID(holding), UUID(owner)

    def items_of(self, holding_id: UUID) -> set[UUID]:
        """Give the ids of everything that a holding has."""
        return {
            UUID(item)
            for table in ITEM_TABLES
            for (item,) in self.rows(f"SELECT item_id FROM {table} WHERE holding_id = :id", id=holding_id)
        }

    def see(self, actor_id: UUID, record_id: UUID) -> list[VisibleItem]:
        """Look into a record as somebody."""
        with self.database.read() as session:
            return list(visibility.see(session, actor_id, record_id, self.now))

    def sees(self, actor_id: UUID, record_id: UUID, *, archived: bool | None = None) -> set[UUID]:
        """Give the ids that somebody sees; ``archived`` limits them to copies or to the record in use."""
        return {item.id for item in self.see(actor_id, record_id) if archived in {None, item.archived}}

    def view(self, actor_id: UUID, transfer_id: UUID) -> TransferView:
        """Look at a transfer as somebody."""
        with self.database.read() as session:
            return transfer_views.transfer_view(session, self.member(actor_id), transfer_id, self.now)

    def member(self, member_id: UUID) -> MemberFacts:
        """Read a member."""
        with self.database.read() as session:
            found = facts.member(session, member_id)
        assert found is not None
        return found

    def lines(self, transfer_id: UUID) -> list[tuple[str, str, str | None]]:
        """Read the log of a transfer: action, outcome, rule."""
        return self.rows(
            "SELECT action, outcome, rule FROM events WHERE transfer_id = :id ORDER BY seq", id=transfer_id
        )

    def told(self, transfer_id: UUID) -> list[tuple[str, UUID]]:
        """Read who is told what of a transfer, sorted."""
        rows = self.rows("SELECT kind, recipient_id FROM outbox WHERE transfer_id = :id", id=transfer_id)
        return sorted((kind, UUID(recipient)) for kind, recipient in rows)

    def column(self, transfer_id: UUID, name: str) -> Any:  # noqa: ANN401
        """Read one column of a transfer's row."""
        ((value,),) = self.rows(f"SELECT {name} FROM transfers WHERE id = :id", id=transfer_id)
        return value

    def rows(self, query: str, **parameters: UUID | str | bytes) -> list[Any]:
        """Read plain rows: ids and instants as text, truth values as numbers."""
        with self.database.read() as session:
            found = session.execute(text(query), self._bound(parameters))
            return [tuple(plain(value) for value in row) for row in found]

    def change(self, statement: str, **parameters: UUID | str | int | datetime) -> None:
        """Change something outside of any rule, for example a member's title."""
        with self.database.write() as session:
            session.execute(text(statement), self._bound(parameters))

    def tamper(self, statement: str, **parameters: Any) -> None:  # noqa: ANN401 - any column's value
        """Change what the database would not allow: without foreign keys."""
        if self._on_sqlite:
            with closing(sqlite3.connect(self.database.file, isolation_level=None)) as db:
                db.execute(statement, self._bound(parameters))
            return
        with self.database.write() as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            session.execute(text(statement), parameters)

    @property
    def _on_sqlite(self) -> bool:
        return self.database.engine.dialect.name == "sqlite"

    def _bound(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {n: plain(v) for n, v in parameters.items()} if self._on_sqlite else dict(parameters)

    def hold(self, record_id: UUID) -> None:
        """Put a record under legal hold, at the desk."""
        Desk(self.database).hold(self.world.administrator, record_id, "enquête")

    def release(self, record_id: UUID) -> None:
        """End its legal hold, at the desk."""
        Desk(self.database).release(self.world.administrator, record_id, "close")

    def restrict(self, *, member_id: UUID | None = None, title: str | None = None) -> None:
        """Put somebody or a title on the client's list, now."""
        with self.database.write() as session:
            build.restriction(
                session,
                self.world.client,
                self.world.administrator,
                member_id=member_id,
                title=title,
                set_at=self._tick(),
            )

    def colleague(self, **more: Any) -> UUID:  # noqa: ANN401
        """Add a practitioner."""
        with self.database.write() as session:
            return build.member(session, self.world.organization, **more)
