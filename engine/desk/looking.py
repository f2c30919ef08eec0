"""The desk for looking: records, transfers, previews, the log; each cut to what the reader may know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from engine.audit import checking, log
from engine.audit.checking import Mark
from engine.desk.base import Commands, Writing, active, patiently
from engine.errors import BadInput, Denied, NotFound
from engine.records import facts, reading, transfer_views, transfers, visibility
from engine.records.tables.base import TextKind
from engine.records.tables.people import Member
from engine.rules.facts import MemberFacts
from engine.rules.writing import unseen
from engine.states.choices import Basis, Options, WhichCopy
from engine.views import ChainView, PreviewView, ReaderView, RecordView, StandingView, TransferView

_LONGEST_TEXT = 20_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Touched:
    """What a reading concerned that must be logged: a frozen record, or an archived copy (AUD-3)."""

    record_id: UUID | None = None
    transfer_id: UUID | None = None
    #: The holder of a copy that was opened for this reader.
    holder_id: UUID | None = None


class LookingDesk(Commands):
    """What a reader is told."""

    def records(self, actor_id: UUID) -> list[RecordView]:
        """List the records that the actor may look into."""

        def do(session: Session, actor: MemberFacts) -> tuple[list[RecordView], _Touched | None]:
            found = reading.record_views(session, actor, _now())
            touched = any(view.archived or view.open_transfer_id for view in found)
            return found, _Touched() if touched else None

        return self._read(actor_id, "record.list", do)

    def record(self, actor_id: UUID, record_id: UUID, *, copy: WhichCopy | None = None) -> RecordView:
        """Show a record with every item that the actor may see, or one archived copy of it (VIS-7)."""

        def do(session: Session, actor: MemberFacts) -> tuple[RecordView, _Touched | None]:
            now = _now()
            view = reading.record_view(session, actor, record_id, now, with_items=True, copy=copy)
            archived = view.archived or any(item.archived for item in view.items)
            chosen = None if copy is None else view.copy_id
            holder_id = visibility.holder_read(session, actor.id, record_id, now, chosen)
            return view, _touched(record_id, view.open_transfer_id, copy=archived, holder_id=holder_id)

        return self._read(actor_id, "record.show", do)

    def content(self, actor_id: UUID, record_id: UUID, item_id: UUID) -> bytes:
        """Read the bytes of one item that the actor may see."""

        def do(session: Session, actor: MemberFacts) -> tuple[bytes, _Touched | None]:
            now = _now()
            record = facts.record(session, record_id, actor.id)
            if record is None or not visibility.may_see_record(session, actor.id, record_id, now):
                raise unseen(actor, record)
            body = visibility.read_content(session, actor.id, record_id, item_id, now)
            if body is None:
                raise NotFound("document")
            copy = visibility.is_in_copy_only(session, actor.id, record_id, item_id, now)
            holder_id = visibility.holder_read(session, actor.id, record_id, now) if copy else None
            frozen = None if copy else record.open_transfer_id
            return body, _touched(record_id, frozen, copy=copy, holder_id=holder_id)

        return self._read(actor_id, "record.read", do)

    def _read(
        self, actor_id: UUID, action: str, do: Callable[[Session, MemberFacts], tuple[_T, _Touched | None]]
    ) -> _T:
        """
        Read for somebody, and log what must be logged before the answer is given (AUD-3).

        The line has a transaction of its own: a reading locks nothing, and one that cannot be logged is not
        shown.
        """
        found, touched = self._look(actor_id, action, do)
        if touched is not None:
            command_id = uuid4()
            patiently(lambda: self._log_reading(actor_id, action, command_id, touched), self._patience)
        return found

    def _log_reading(self, actor_id: UUID, action: str, command_id: UUID, touched: _Touched) -> None:
        with self.database.write() as session:
            actor = active(session, actor_id)
            writing = Writing(
                session, actor, _now(), record_id=touched.record_id, transfer_id=touched.transfer_id
            )
            writing.subject_id = touched.holder_id
            log.append(session, self._entry(writing, action, command_id))

    def preview(self, actor_id: UUID, record_id: UUID, to_id: UUID, options: Options) -> PreviewView:
        """Show what a transfer would move, withhold, cancel and delete; nothing is asked."""
        return self._look(
            actor_id,
            "transfer.preview",
            lambda s, actor: reading.preview_view(s, actor, record_id, to_id, options, _now()),
        )

    def transfer(self, actor_id: UUID, transfer_id: UUID) -> TransferView:
        """Show a transfer as the actor may know it."""
        return self._look(
            actor_id,
            "transfer.show",
            lambda s, actor: transfer_views.transfer_view(s, actor, transfer_id, _now()),
        )

    def write_text(
        self, actor_id: UUID, text_id: UUID, kind: TextKind, body: str, basis: Basis | None = None
    ) -> None:
        """
        Write a reason, a basis or a message, which a command then names by its id (ST-2, MOVE-9).

        Not a command of its own: the log has the one that names it, and a text that none names is swept.
        """
        if not body.strip():
            denial = Denied("ST-2") if kind is TextKind.REASON else BadInput("empty", field=kind.value)
            self._deny(actor_id, f"text.{kind}", uuid4(), denial)
            raise denial
        if len(body) > _LONGEST_TEXT:
            raise BadInput("too_long", field=kind.value, most=_LONGEST_TEXT)

        def do() -> None:
            with self.database.write() as session:
                transfers.add_text(
                    session,
                    {
                        "id": text_id,
                        "organization_id": active(session, actor_id).organization_id,
                        "author_id": actor_id,
                        "kind": kind,
                        "body": body,
                        "basis_form": None if basis is None else basis.form,
                        "basis_on": None if basis is None or basis.on is None else basis.on.isoformat(),
                        "basis_for_anybody": basis is not None and basis.for_anybody,
                        "created_at": _now(),
                    },
                )

        patiently(do, self._patience)

    def write_basis(self, actor_id: UUID, text_id: UUID, basis: Basis) -> None:
        """Write the legal basis of a transfer, with its form and date (ELIG-8)."""
        self.write_text(actor_id, text_id, TextKind.BASIS, basis.text, basis)

    def verify_log(
        self, marks: Sequence[Mark] = (), told: Callable[[int, int], object] = lambda _done, _all: None
    ) -> list[ChainView]:
        """
        Walk every organization's log from its first line to its last, and hold it against marks (AUD-2).

        ``told`` hears how many of all lines were read.
        """

        def walk(session: Session, organization_id: UUID, before: int, total: int) -> log.Verification:
            wanted = {mark.seq for mark in marks if mark.organization_id == organization_id}
            found = log.verify(
                session, organization_id, wanted=wanted, told=lambda done: told(before + done, total)
            )
            return checking.with_marks(found, marks)

        def do() -> list[ChainView]:
            with self.database.read() as session:
                every = log.organizations(session)
                sizes = [log.head(session, organization_id).seq for organization_id, _ in every]
                return [
                    _chain(name, walk(session, organization_id, sum(sizes[:place]), sum(sizes)))
                    for place, (organization_id, name) in enumerate(every)
                ]

        return patiently(do, self._patience)

    def reader(self, actor_id: UUID) -> ReaderView:
        """Say how somebody reads what they are told: in which language, in which time zone."""

        def do(session: Session, actor: MemberFacts) -> ReaderView:
            zone = facts.schedule(session, actor.organization_id).time_zone
            row = session.get_one(Member, actor.id)
            return ReaderView(language=row.language, time_zone=zone, notices=row.notices)

        return self._look(actor_id, "member.self", do)

    def check_database_version(self) -> None:
        """Raise ``Unavailable`` unless the database answers and is of exactly this version."""
        patiently(self.database.check, self._patience)

    def check_database_file(self) -> list[str]:
        """Say what is wrong with the bytes of the database on the disk."""
        return patiently(self.database.damage, self._patience)

    def standing(self) -> StandingView:
        """Say which transfers are open, and which of them are stuck (ST-5); ids alone, for operators."""

        def do() -> StandingView:
            with self.database.read() as session:
                found = [transfers.row(session, transfer_id) for transfer_id in transfers.open_ids(session)]
                return StandingView(
                    open=[row.id for row in found],
                    stuck=[row.id for row in found if row.stuck_cause is not None],
                )

        return patiently(do, self._patience)


def _chain(name: str, found: log.Verification) -> ChainView:
    broken = found.first_break
    return ChainView(
        organization_id=found.organization_id,
        organization=name,
        events=found.events,
        head=found.head,
        first_break=None if broken is None else broken.seq,
        what=None if broken is None else broken.what,
    )


def _touched(
    record_id: UUID, transfer_id: UUID | None, *, copy: bool, holder_id: UUID | None
) -> _Touched | None:
    if transfer_id is None and not copy:
        return None
    return _Touched(record_id=record_id, transfer_id=transfer_id, holder_id=holder_id)


def _now() -> datetime:
    return datetime.now(UTC)
