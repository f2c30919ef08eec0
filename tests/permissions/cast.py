"""The stages of the table: for each state and kind of record one record, with somebody in every relation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from engine.desk.desk import Desk
from engine.records import held as cancellations
from engine.records.database import Database
from engine.records.tables.base import NoteState, TextKind
from engine.rules.content import ContentClass
from engine.states.choices import BasisForm, Options, RestorationCause, Role, ShareLevel
from tests import build
from tests.build import World
from tests.integration.handover.clinic import UPCOMING, Clinic

C = ContentClass
#: What somebody may be to a record and to its latest transfer. Nobody else is anything to them.
RELATIONS: Final = (
    "owner", "asked", "asked collaborator", "with copy", "without copy", "copy reader", "reader", "writer",
    "full", "asker", "former", "named", "nobody",
)  # fmt: skip
PENDING: Final = ("pending (owner)", "pending (coordinator)", "pending (reassigned)")
STATES: Final = (
    "free", *PENDING, "override", "accepted", "quarantined", "refused", "cancelled", "expired", "failed",
    "archived",
)  # fmt: skip
KINDS: Final = ("institutional", "confidential")
#: A coordinator asks for no confidential record alone (ELIG-6).
IMPOSSIBLE: Final = frozenset({("pending (coordinator)", "confidential")})
_SHARING = {ShareLevel.READ: "reader", ShareLevel.WRITE: "writer", ShareLevel.FULL: "full"}
_BARE = Options(keep_copy=False)


@dataclass(slots=True)
class Target:
    """What a command names; of the transfer nothing where there has been none."""

    record: UUID = field(default_factory=uuid4)
    owner: UUID = field(default_factory=uuid4)
    number: str = "D-nulle part"
    transfer: UUID | None = None
    quarantine: UUID = field(default_factory=uuid4)
    #: A copy whose holder is gone, and the opening of it for somebody.
    copy: UUID = field(default_factory=uuid4)
    opening: UUID = field(default_factory=uuid4)
    restriction: UUID = field(default_factory=uuid4)
    draft: UUID = field(default_factory=uuid4)
    signed: UUID = field(default_factory=uuid4)
    waiting: UUID = field(default_factory=uuid4)
    left: UUID = field(default_factory=uuid4)
    appointment: UUID = field(default_factory=uuid4)
    their_appointment: UUID = field(default_factory=uuid4)
    #: Cancelled by a hand-over and undecided; the second one is offered to the owner (NOTE-2).
    held_appointment: UUID = field(default_factory=uuid4)
    offered_appointment: UUID = field(default_factory=uuid4)
    shared_with: UUID = field(default_factory=uuid4)
    #: Somebody who has left, and had kept something for themself (VIS-6).
    absent: UUID = field(default_factory=uuid4)
    #: One item of each class, for reading.
    items: dict[ContentClass, UUID] = field(default_factory=dict)

    def elsewhere(self) -> "Target":
        """Name nothing that there is, in the same way."""
        items = {item_class: uuid4() for item_class in self.items}
        return Target(transfer=None if self.transfer is None else uuid4(), items=items)

    def with_nothing_in_it(self) -> "Target":
        """Name the same record, and nothing that is in it."""
        return replace(self.elsewhere(), record=self.record)


@dataclass(slots=True)
class Stage:
    """One record in one state, and who is there; ``serial`` ends every word that was planted in it."""

    serial: int
    state: str
    kind: str
    target: Target
    people: dict[str, UUID]


class Cast:
    """One organization, one other, and every stage."""

    def __init__(self, database: Database) -> None:
        self.clinic = Clinic(database)
        self.world: World = self.clinic.world
        with database.write() as session:
            #: Somebody eligible who is asked, shared with, named.
            self.candidate = build.member(session, self.world.organization)
            self.both = build.member(session, self.world.organization, Role.PRACTITIONER, Role.COORDINATOR)
            #: Somebody whose access was taken.
            self.left = build.member(session, self.world.organization, active=False)
            other = build.organization(session)
            #: Somebody of another organization, with every role there.
            self.outsider = build.member(session, other, *Role)
            #: Coordinators who ask, each for one record.
            self._askers = [build.member(session, self.world.organization, Role.COORDINATOR) for _ in STATES]
        Desk(database).set_policy(self.world.administrator, hold_cancellations=True)
        self.stages: list[Stage] = []
        for state, kind, shared in _wanted():
            self.stages.append(self._stage(state, kind, shared=shared))

    def _stage(self, state: str, kind: str, *, shared: bool = False) -> Stage:
        clinic, serial = self.clinic, len(self.stages)
        people = {
            name: clinic.colleague()
            for name in ("gone", "first", "owner", "copy reader", "reader", "writer", "full", "nobody")
        }
        people["with copy"] = people["second"] = clinic.colleague()
        people["without copy"] = people["first"]
        with clinic.database.write() as session:
            name, address = word("client", serial), f"{word('mail', serial)}@courriel.example"
            client = build.client(session, self.world.organization, name=name, email=address)
            built = build.record(
                session,
                people["gone"],
                [client],
                confidential=kind == "confidential",
                title=word("title", serial),
                number=word("number", serial),
            )
            build.raw_datum(session, built.holding_id)
            for level in ShareLevel:
                build.share(session, built.record_id, people[_SHARING[level]], level=level)
            theirs, held, offered = (
                build.appointment(session, built.record_id, people[who], client_id=client, starts_at=UPCOMING)
                for who in ("writer", "gone", "gone")
            )
        target = Target(
            record=built.record_id, copy=built.holding_id, held_appointment=held, offered_appointment=offered
        )
        clinic.hand_over(record=target.record, by=people["gone"], to=people["first"])
        with clinic.database.write() as session:
            target.quarantine, _ = clinic.live(target.record)
            build.raw_datum(session, target.quarantine, created_at=clinic.now)
        clinic.hand_over(_BARE, record=target.record, by=people["first"], to=people["second"])
        clinic.hand_over(record=target.record, by=people["second"], to=people["owner"])
        with clinic.database.write() as session:
            restriction = build.restriction(session, client, people["owner"], member_id=self.world.new_owner)
        clinic.change("UPDATE members SET active = false WHERE id = :id", id=people["gone"])
        target.opening = self._opening(target, people["copy reader"])
        target.restriction, target.shared_with, target.their_appointment = restriction, people["full"], theirs
        stage = Stage(serial, state, kind, target, people)
        if shared:
            people["asked"] = people["asked collaborator"] = people["reader"]
        _STATES[state](self, stage)
        self._fill(stage, client)
        if shared:
            stage.people = {"asked collaborator": people["asked collaborator"]}
        else:
            stage.people = {name: who for name, who in people.items() if name in RELATIONS}
        return stage

    def _opening(self, target: Target, reader: UUID) -> UUID:
        return (
            Desk(self.clinic.database)
            .open_copy(
                self.world.administrator,
                target.copy,
                reader_id=reader,
                days=30,
                cause=RestorationCause.ORDER,
                reason="ordonnance",
            )
            .id
        )

    def _fill(self, stage: Stage, client: UUID) -> None:
        """Put something of every class into the record, whoever has it by now."""
        target, people = stage.target, stage.people
        holding, owner = self.clinic.live(target.record)
        assert owner == people["owner"]
        target.owner = owner
        ((target.number,),) = self.clinic.rows("SELECT number FROM records WHERE id = :id", id=target.record)
        now, said = self.clinic.now + timedelta(minutes=1), partial(word, serial=stage.serial)
        note = partial(build.note, created_at=now)
        with self.clinic.database.write() as session:
            coordinator = self.world.coordinator
            cancellations.offer(session, target.offered_appointment, to_id=owner, by_id=coordinator)
            gone = build.member(session, self.world.organization)
            target.absent = build.member(session, self.world.organization, active=False)
            note(session, holding, body=said("absent"), author_id=target.absent, author_only=True)
            target.draft = note(session, holding, body=said("draft"), state=NoteState.DRAFT)
            target.signed = note(session, holding, body=said("note"))
            target.left = note(session, holding, body=said("left"), author_id=gone, state=NoteState.DRAFT)
            target.waiting = note(
                session, holding, author_id=people["full"], state=NoteState.WAITING_APPROVAL
            )
            target.appointment = build.appointment(
                session, target.record, owner, client_id=client, starts_at=UPCOMING
            )
            target.items = {
                C.NOTE: target.signed,
                C.DRAFT_NOTE: target.draft,
                C.DOCUMENT: build.document(
                    session, holding, name=said("file"), body=said("document").encode(), created_at=now
                ),
                C.CONFIDENTIAL_NOTE: note(session, holding, body=said("confidential"), confidential=True),
                C.CONFIDENTIAL_DOCUMENT: build.document(session, holding, confidential=True, created_at=now),
                C.COLLABORATOR_CONFIDENTIAL: note(
                    session, holding, body=said("own"), author_id=people["writer"], author_only=True
                ),
                C.RAW_DATA: build.raw_datum(session, holding, name=said("raw"), created_at=now),
                C.PROFILE: build.profile(session, holding, name=said("profile"), created_at=now),
                C.INVOICE: build.invoice(session, holding, number=said("invoice"), created_at=now),
                C.TASK: build.task(session, holding, body=said("task"), created_at=now),
                C.MEMO: build.memo(session, holding, body=said("memo"), created_at=now),
            }

    # -- how each state is reached ------------------------------------------------------------------------

    def ask(self, stage: Stage, by: str, to: str, options: Options | None = None) -> None:
        """Ask with everything that a request may say."""
        clinic, asker = self.clinic, stage.people[by]
        with clinic.database.write() as session:
            said = partial(word, serial=stage.serial)
            form = BasisForm.WRITTEN
            basis = build.text(session, asker, TextKind.BASIS, said("basis"), basis_form=form)
            message = build.text(session, asker, TextKind.MESSAGE, said("message"))
        stage.target.transfer = clinic.ask(
            record_id=stage.target.record,
            by=asker,
            to=stage.people[to],
            options=options or Options(include_confidential=True),
            basis_id=basis,
            message_id=message,
        )

    def ask_by(self, stage: Stage, to: str, options: Options | None = None) -> None:
        """Let a coordinator ask; for a confidential record its owner does."""
        if stage.kind == "institutional":
            stage.people["asker"] = self._askers.pop()
        self.ask(stage, "asker" if stage.kind == "institutional" else "owner", to, options)

    def free(self, stage: Stage) -> None:
        """No transfer."""

    def pending(self, stage: Stage) -> None:
        """Asked by the owner."""
        stage.people.setdefault("asked", self.clinic.colleague())
        self.ask(stage, "owner", "asked")

    def pending_by_coordinator(self, stage: Stage) -> None:
        """Asked by a coordinator."""
        stage.people["asked"] = self.clinic.colleague()
        self.ask_by(stage, "asked")

    def override(self, stage: Stage) -> None:
        """Refused where it could not go back (ST-1); the owner of the confidential one was away."""
        stage.people.setdefault("former", self.clinic.colleague())
        self.ask_by(stage, "former")
        owner = stage.people["owner"]
        if stage.kind == "confidential":
            self.clinic.change("UPDATE members SET active = false WHERE id = :id", id=owner)
        assert self._refused(stage) == "coordinator_override"
        self.clinic.change("UPDATE members SET active = true WHERE id = :id", id=owner)

    def reassigned(self, stage: Stage) -> None:
        """Asked of somebody else by a coordinator (OVR-1); of a confidential one once it waited (ELIG-6)."""
        people = stage.people
        people["former"], people["asked"] = self.clinic.colleague(), self.clinic.colleague()
        if stage.kind == "confidential":
            self.override(stage)
        else:
            self.ask(stage, "owner", "former")
        assert stage.target.transfer is not None
        by = self.world.coordinator
        assert self.clinic.reassign(stage.target.transfer, people["asked"], by=by).denied is None

    def accepted(self, stage: Stage) -> None:
        """Handed over with a copy for who had it."""
        self._handed_over(stage, Options(include_confidential=True), "with copy")

    def quarantined(self, stage: Stage) -> None:
        """Handed over without a copy, and with something that did not move."""
        self._handed_over(stage, _BARE, "without copy")

    def _handed_over(self, stage: Stage, options: Options, left: str) -> None:
        new_owner = self.clinic.colleague()
        stage.people |= {"to": new_owner}
        with self.clinic.database.write() as session:
            build.raw_datum(session, self.clinic.live(stage.target.record)[0])
        stage.target.quarantine = self.clinic.live(stage.target.record)[0]
        self.ask_by(stage, "to", options)
        assert stage.target.transfer is not None
        assert self.clinic.accept(stage.target.transfer, by=new_owner).state == "accepted"
        if left == "with copy":
            ((stage.target.quarantine,),) = [
                (UUID(found),)
                for (found,) in self.clinic.rows(
                    "SELECT id FROM holdings WHERE record_id = :id AND state = 'quarantined'",
                    id=stage.target.record,
                )
            ]
        stage.people |= {left: stage.people["owner"], "owner": new_owner}

    def refused(self, stage: Stage) -> None:
        """Given back by who was asked."""
        stage.people["former"] = self.clinic.colleague()
        self.ask(stage, "owner", "former")
        assert self._refused(stage) == "refused"

    def cancelled(self, stage: Stage) -> None:
        """Taken back by who asked."""
        stage.people["former"] = self.clinic.colleague()
        self.ask_by(stage, "former")
        asker = stage.people.get("asker", stage.people["owner"])
        assert stage.target.transfer is not None
        assert self.clinic.cancel(stage.target.transfer, by=asker).state == "cancelled"

    def expired(self, stage: Stage) -> None:
        """Answered by nobody."""
        stage.people["former"] = self.clinic.colleague()
        self.ask(stage, "owner", "former")
        assert stage.target.transfer is not None
        assert self.clinic.expire(stage.target.transfer).state == "expired"

    def failed(self, stage: Stage) -> None:
        """Denied by a rule (ELIG-4), with nobody asked."""
        named = stage.people["named"] = self.clinic.colleague()
        owner, record = stage.people["owner"], stage.target.record
        desk = Desk(self.clinic.database)
        (found,) = desk.restrict(owner, record, member_id=named, title=None, basis="à sa demande")
        request = self.clinic.request(record_id=record, by=owner, to=named)
        assert self.clinic.open(request).state == "failed"
        desk.unrestrict(owner, record, found.id)
        stage.target.transfer = request.transfer_id

    def archived(self, stage: Stage) -> None:
        """Put away by its owner (ELIG-1)."""
        Desk(self.clinic.database).archive(stage.people["owner"], stage.target.record)

    def _refused(self, stage: Stage) -> str | None:
        former = stage.people["former"]
        reason = self.clinic.text(former, TextKind.REASON, word("reason", stage.serial))
        assert stage.target.transfer is not None
        return self.clinic.refuse(stage.target.transfer, by=former, reason_id=reason).state


def word(kind: str, serial: int) -> str:
    """Give a word that stands nowhere else: what it says, and in which stage."""
    return f"zq{kind}{serial}x"


def _wanted() -> Iterator[tuple[str, str, bool]]:
    for kind in KINDS:
        for state in STATES:
            if (state, kind) not in IMPOSSIBLE:
                yield state, kind, False
        yield "pending (owner)", kind, True


_STATES: Final[dict[str, Callable[[Cast, Stage], None]]] = {
    "free": Cast.free,
    "pending (owner)": Cast.pending,
    "pending (coordinator)": Cast.pending_by_coordinator,
    "pending (reassigned)": Cast.reassigned,
    "override": Cast.override,
    "accepted": Cast.accepted,
    "quarantined": Cast.quarantined,
    "refused": Cast.refused,
    "cancelled": Cast.cancelled,
    "expired": Cast.expired,
    "failed": Cast.failed,
    "archived": Cast.archived,
}
