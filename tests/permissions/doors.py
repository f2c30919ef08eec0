"""Every command of the table, as the doors give it to the desk and the service."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from engine.activities.bulk_steps import BulkSteps
from engine.audit.keys import Signer
from engine.desk.desk import Desk
from engine.errors import EngineError, of_key
from engine.messages.bulk import BulkLaunch
from engine.messages.transfer import StepInput
from engine.records import services
from engine.records.database import Database
from engine.records.enriching import Overlay
from engine.records.importing import Parcel
from engine.records.tables.people import Member
from engine.rules.content import ContentClass
from engine.states.choices import NoticePace, Options, Purpose, RestorationCause, Role, ShareLevel
from engine.views import (
    BulkItemView,
    BulkLineView,
    HeldAppointmentView,
    HoldView,
    RecordView,
    TransferView,
)
from tests.permissions.cast import PENDING, STATES, Cast, Target
from tests.permissions.nearby import Nearby

C = ContentClass
_DAY: Final = date(2026, 3, 2)
_STARTS: Final = datetime(2041, 1, 7, 15, tzinfo=UTC)
_LATER: Final = date(2040, 12, 1)
_NARROWER: Final = Options()


class Absent(Exception):
    """A list does not name the thing, or an item is not shown: there is no error to compare."""


class Hidden(Exception):
    """The thing is shown, without this part of it."""


class Doors:
    """A desk and a service on one database, and whom commands name beside the one who acts."""

    def __init__(self, database: Database, cast: Cast, folder: Path, runner: asyncio.Runner) -> None:
        signer = Signer(folder / "keys", may_create=True)
        self.desk = Desk(database, patience=timedelta(0), signer=signer)
        self.service = Nearby(self.desk, database)
        self.cast = cast
        self._folder = folder
        self._given: list[Path] = []
        self._runner = runner

    def wait(self, coroutine: Any) -> Any:  # noqa: ANN401 - whatever the service answers
        """Wait for the service."""
        return self._runner.run(coroutine)

    def new_path(self) -> Path:
        """Give a place where nothing is."""
        self._given.append(self._folder / uuid4().hex)
        return self._given[-1]

    def written(self) -> list[Path]:
        """Give the files that were written since it was last asked."""
        places, self._given = self._given, []
        return [file for place in places for file in (place, *place.rglob("*")) if file.is_file()]


Run = Callable[[Doors, UUID, Target], Any]
Part = Callable[[Any, Target], object]


@dataclass(frozen=True, slots=True)
class Door:
    """
    One command of the table.

    Args:
        covers: Which methods of the desk or the service it is, or is a part of.
        run: Gives the command to them.
        part: Looks for one thing in what they answer; without one the answer is enough.
        transfer: Whether it needs a transfer to name.
        by_role: It concerns no record: the role alone counts.
        names_member: It names somebody, whom a member of another organization may not find (VIS-8).
        states: In which states there is such a thing at all.
    """

    covers: tuple[str, ...]
    run: Run
    part: Part | None = None
    transfer: bool = False
    by_role: bool = False
    names_member: bool = False
    states: frozenset[str] = frozenset(STATES)


def _transfer_of(target: Target) -> UUID:
    assert target.transfer is not None
    return target.transfer


def _listing(thing: str, of: Callable[[Any], object] = lambda view: view.id) -> Part:
    """Look for the target in a list."""

    def look(views: Iterable[object], target: Target) -> None:
        if getattr(target, thing) not in {of(view) for view in views}:
            raise Absent

    return look


def _show_record(doors: Doors, actor: UUID, target: Target) -> RecordView:
    return doors.desk.record(actor, target.record)


def _show_transfer(doors: Doors, actor: UUID, target: Target) -> TransferView:
    shown: TransferView = doors.wait(doors.service.show(actor, _transfer_of(target)))
    return shown


def _list_transfers(doors: Doors, actor: UUID, _: Target) -> list[TransferView]:
    """Read every page of the list."""
    shown = doors.desk.transfers(actor)
    found = list(shown.transfers)
    while shown.after is not None:
        shown = doors.desk.transfers(actor, after=shown.after)
        found += shown.transfers
    return found


def _item(item_class: ContentClass) -> Door:
    """One item of a class, in what is shown of a record."""

    def look(view: RecordView, target: Target) -> None:
        if target.items[item_class] not in {item.id for item in view.items}:
            raise Absent

    return Door(("record",), _show_record, look)


def _part(found: Callable[[TransferView], object], states: Iterable[str] = STATES) -> Door:
    """One part of what is shown of a transfer."""

    def look(view: TransferView, _: Target) -> None:
        if not found(view):
            raise Hidden

    return Door(("show", "transfer"), _show_transfer, look, transfer=True, states=frozenset(states))


def _preview_bulk(
    doors: Doors, actor: UUID, target: Target, *, confidential: bool = False
) -> list[BulkLineView]:
    shown = doors.desk.bulk_preview(
        actor, target.owner, [doors.cast.candidate], include_confidential_records=confidential
    )
    return shown.lines


def _line_of_bulk(lines: list[BulkLineView], target: Target) -> BulkLineView:
    found = next((line for line in lines if line.record_id == target.record), None)
    if found is None:
        raise Absent
    return found


def _number_in_bulk(lines: list[BulkLineView], target: Target) -> None:
    if _line_of_bulk(lines, target).record_number is None:
        raise Hidden


def _start_bulk(doors: Doors, actor: UUID, target: Target) -> list[BulkItemView]:
    """Launch as the worker's step does, and give the records of the bulk."""
    launch = BulkLaunch(
        bulk_id=uuid4(),
        organization_id=doors.desk.facts_of(actor).organization_id,
        actor_id=actor,
        from_id=target.owner,
        to_ids=(doors.cast.candidate,),
        purpose=Purpose.DEPARTURE,
    )
    step = StepInput(what=launch, at=datetime.now(UTC))
    result = BulkSteps(doors.desk.database).launch(step)
    if result.denied is not None:
        raise of_key(result.denied)
    return doors.desk.bulk_items(actor, launch.bulk_id)


def _in_bulk(items: list[BulkItemView], target: Target) -> None:
    if target.record not in {item.record_id for item in items}:
        raise Absent


def _number_of_receipt(found: dict[str, Any], _: Target) -> None:
    if "record" not in found:
        raise Hidden


def _export_all(doors: Doors, actor: UUID, target: Target) -> object:
    return doors.desk.export_record(actor, target.record, doors.new_path(), language="fr")


def _export_one(doors: Doors, actor: UUID, target: Target) -> object:
    return doors.desk.export_document(actor, target.record, target.items[C.DOCUMENT], doors.new_path())


def _held(doors: Doors, target: Target) -> None:
    """Let an administrator have put the record under hold, where there is one."""
    with suppress(EngineError):
        doors.desk.hold(doors.cast.world.administrator, target.record, "enquête")


def _release(doors: Doors, actor: UUID, target: Target) -> None:
    _held(doors, target)
    doors.desk.release(actor, target.record, "close")


def _holds(doors: Doors, actor: UUID, target: Target) -> list[HoldView]:
    _held(doors, target)
    return doors.desk.holds(actor)


def _request(doors: Doors, actor: UUID, target: Target, to: UUID) -> object:
    return doors.wait(
        doors.service.request(actor, target.record, to, purpose=Purpose.CONTINUITY, message="Bonjour")
    )


def _reassign(doors: Doors, actor: UUID, target: Target, to: UUID) -> object:
    return doors.wait(doors.service.reassign(actor, _transfer_of(target), to, reason="autrement"))


def _impose(doors: Doors, actor: UUID, target: Target, to: UUID) -> object:
    return doors.wait(doors.service.impose(actor, _transfer_of(target), to, reason="il le faut"))


def _extend(doors: Doors, actor: UUID, target: Target) -> object:
    """Give time, where there is little left: the stages are built in years to come."""
    soon = datetime.now(UTC) + timedelta(days=3)
    doors.cast.clinic.change(
        "UPDATE transfers SET respond_by = :at WHERE id = :id", at=soon, id=_transfer_of(target)
    )
    until = (soon + timedelta(days=7)).date()
    return doors.wait(doors.service.extend(actor, _transfer_of(target), until, reason="congé"))


def _restrict(doors: Doors, actor: UUID, target: Target) -> object:
    candidate = doors.cast.candidate
    return doors.desk.restrict(actor, target.record, member_id=candidate, title=None, basis="à sa demande")


def _open_copy(doors: Doors, actor: UUID, target: Target) -> object:
    return doors.desk.open_copy(
        actor,
        target.copy,
        reader_id=doors.cast.candidate,
        days=1,
        cause=RestorationCause.ORDER,
        reason="ordonnance",
    )


def _undecided(found: list[HeldAppointmentView], target: Target) -> None:
    if target.held_appointment not in {one.id for one in found}:
        raise Absent


def _by_role(
    covers: tuple[str, ...], run: Callable[[Doors, UUID], object], *, names_member: bool = False
) -> Door:
    return Door(covers, lambda doors, actor, _: run(doors, actor), by_role=True, names_member=names_member)


def _add_member(doors: Doors, actor: UUID) -> object:
    return doors.desk.add_member(
        actor,
        email="nouvelle@clinique.example",
        first_name="Sacha",
        last_name="Roy",
        title="Psychologue",
        language="fr",
        roles=[Role.PRACTITIONER],
    )


_PATIENT: Final = ("Patient", "1")


def _import(doors: Doors, actor: UUID) -> object:
    parcel = Parcel(
        source="ailleurs",
        patient=_PATIENT,
        sha256="0" * 64,
        name="Dominique",
        email=None,
        language="fr",
        title="Suivi",
        opened_on=None,
        owner=None,
        people=[],
        earlier=[],
        things=[],
    )
    return doors.desk.import_patient(actor, parcel, doors.cast.candidate)


def _enrich(doors: Doors, actor: UUID) -> object:
    _import(doors, doors.cast.world.administrator)
    overlay = Overlay(
        source="ailleurs", patient=_PATIENT, colleagues=[], shares=[], restrictions=[], things=[]
    )
    return doors.desk.enrich_patient(actor, overlay)


def _grant(doors: Doors, actor: UUID) -> object:
    return doors.desk.grant(actor, doors.cast.candidate, Role.COORDINATOR)


def _revoke(doors: Doors, actor: UUID) -> object:
    return doors.desk.revoke(actor, doors.cast.both, Role.COORDINATOR)


def _what_waits(doors: Doors, actor: UUID) -> object:
    return doors.desk.role(actor, doors.cast.both, Role.COORDINATOR)


def _revoke_service(doors: Doors, actor: UUID) -> object:
    with doors.desk.database.write() as session:
        member = session.get_one(Member, doors.cast.candidate)
        service_id = services.add(
            session, member.organization_id, name="Agenda", digest=uuid4().hex, by_id=member.id, now=_STARTS
        )
    return doors.desk.revoke_service(actor, service_id)


#: Commands about a record or its transfer. ``·`` names a part of what a command shows, or one use of it.
DOORS: Final[Mapping[str, Door]] = {
    # -- looking ------------------------------------------------------------------------------------------
    "record show": Door(("record",), _show_record),
    "record list": Door(("records",), lambda d, who, _: d.desk.records(who), _listing("record")),
    "record find": Door(
        ("find_records",),
        lambda d, who, t: d.desk.find_records(who, t.owner, t.number).records,
        _listing("record"),
    ),
    "bulk preview": Door(("bulk_preview",), _preview_bulk, _line_of_bulk),
    # The step that the service sends it to; no method of the desk.
    "bulk start": Door((), _start_bulk, _in_bulk),
    "bulk preview · number with confidential records": Door(
        ("bulk_preview",), partial(_preview_bulk, confidential=True), _number_in_bulk
    ),
    "record export": Door(("export_record",), _export_all),
    "document export": Door(("export_document",), _export_one),
    "record show · bytes": Door(
        ("content",), lambda d, who, t: d.desk.content(who, t.record, t.items[C.DOCUMENT])
    ),
    "client restrictions": Door(("restrictions",), lambda d, who, t: d.desk.restrictions(who, t.record)),
    "record show · note": _item(C.NOTE),
    "record show · document": _item(C.DOCUMENT),
    "record show · profile": _item(C.PROFILE),
    "record show · draft of the owner": _item(C.DRAFT_NOTE),
    "record show · confidential note": _item(C.CONFIDENTIAL_NOTE),
    "record show · confidential document": _item(C.CONFIDENTIAL_DOCUMENT),
    "record show · raw data": _item(C.RAW_DATA),
    "record show · invoice": _item(C.INVOICE),
    "record show · task": _item(C.TASK),
    "record show · memo": _item(C.MEMO),
    "record show · confidential note of a collaborator": _item(C.COLLABORATOR_CONFIDENTIAL),
    "record open-emergency": Door(
        ("open_emergency",), lambda d, who, t: d.desk.open_emergency(who, t.record, "urgence")
    ),
    # -- transfers ----------------------------------------------------------------------------------------
    "transfer preview": Door(
        ("preview",), lambda d, who, t: d.desk.preview(who, t.record, d.cast.candidate, Options())
    ),
    "transfer request": Door(("request",), lambda d, who, t: _request(d, who, t, d.cast.candidate)),
    "transfer request · to oneself": Door(("request",), lambda d, who, t: _request(d, who, t, who)),
    "transfer show": Door(("show", "transfer"), _show_transfer, transfer=True),
    "transfer list": Door(("transfers",), _list_transfers, _listing("transfer"), transfer=True),
    "needs-you": Door(
        ("needs",),
        lambda d, who, _: d.desk.needs(who).transfers,
        _listing("transfer", lambda view: view.transfer.id),
        transfer=True,
    ),
    "transfer show · number": _part(lambda view: view.record_number),
    "transfer show · who": _part(lambda view: view.owner and view.asked_by),
    "transfer show · purpose and options": _part(lambda view: view.purpose and view.options),
    "transfer show · counts": _part(
        lambda view: view.items, (*PENDING, "override", "accepted", "quarantined")
    ),
    "transfer show · reason": _part(lambda view: view.reason, ("override", "refused")),
    "transfer show · basis and message": _part(
        lambda view: view.basis and view.message, set(STATES) - {"failed", "pending (reassigned)"}
    ),
    "transfer receipt": Door(
        ("receipt", "receipt_page"), lambda d, who, t: d.desk.receipt(who, _transfer_of(t)), transfer=True
    ),
    "transfer receipt · number": Door(
        ("receipt",),
        lambda d, who, t: d.desk.receipt(who, _transfer_of(t)),
        _number_of_receipt,
        transfer=True,
        states=frozenset({"accepted", "quarantined"}),
    ),
    "transfer accept": Door(
        ("accept",), lambda d, who, t: d.wait(d.service.accept(who, _transfer_of(t))), transfer=True
    ),
    "transfer refuse": Door(
        ("refuse",),
        lambda d, who, t: d.wait(d.service.refuse(who, _transfer_of(t), reason="trop loin")),
        transfer=True,
    ),
    "transfer cancel": Door(
        ("cancel",),
        lambda d, who, t: d.wait(d.service.cancel(who, _transfer_of(t), reason="autrement")),
        transfer=True,
    ),
    "transfer narrow": Door(
        ("narrow",),
        lambda d, who, t: d.wait(d.service.narrow(who, _transfer_of(t), _NARROWER)),
        transfer=True,
    ),
    "transfer reassign": Door(
        ("reassign",), lambda d, who, t: _reassign(d, who, t, d.cast.candidate), transfer=True
    ),
    "transfer reassign · to oneself": Door(
        ("reassign",), lambda d, who, t: _reassign(d, who, t, who), transfer=True
    ),
    "transfer impose": Door(
        ("impose",), lambda d, who, t: _impose(d, who, t, d.cast.candidate), transfer=True
    ),
    "transfer impose · on oneself": Door(
        ("impose",), lambda d, who, t: _impose(d, who, t, who), transfer=True
    ),
    "transfer extend": Door(("extend",), _extend, transfer=True),
    # -- writing ------------------------------------------------------------------------------------------
    "note add": Door(("add_note",), lambda d, who, t: d.desk.add_note(who, t.record, "texte")),
    "document add": Door(
        ("add_document",),
        lambda d, who, t: d.desk.add_document(who, t.record, b"x", name="a.txt", media_type="text/plain"),
    ),
    "profile add": Door(
        ("add_profile",),
        lambda d, who, t: d.desk.add_profile(who, t.record, name="A", relationship="b", details=b"{}"),
    ),
    "invoice add": Door(
        ("add_invoice",),
        lambda d, who, t: d.desk.add_invoice(
            who, t.record, number="F-1", amount_cents=1, currency="CAD", issued_on=_DAY
        ),
    ),
    "task add": Door(("add_task",), lambda d, who, t: d.desk.add_task(who, t.record, "texte")),
    "memo add": Door(("add_memo",), lambda d, who, t: d.desk.add_memo(who, t.record, "texte")),
    "note edit": Door(("edit_note",), lambda d, who, t: d.desk.edit_note(who, t.record, t.draft, "texte")),
    "note sign": Door(("sign_note",), lambda d, who, t: d.desk.sign_note(who, t.record, t.draft)),
    "note edit · signed": Door(
        ("edit_note",), lambda d, who, t: d.desk.edit_note(who, t.record, t.signed, "texte")
    ),
    "note approve": Door(("approve_note",), lambda d, who, t: d.desk.approve_note(who, t.record, t.waiting)),
    "note adopt": Door(("adopt_note",), lambda d, who, t: d.desk.adopt_note(who, t.record, t.left)),
    "note set-aside": Door(
        ("set_note_aside",), lambda d, who, t: d.desk.set_note_aside(who, t.record, t.left)
    ),
    "appointment add": Door(
        ("add_appointment",),
        lambda d, who, t: d.desk.add_appointment(
            who, t.record, starts_at=_STARTS, ends_at=_STARTS + timedelta(hours=1)
        ),
    ),
    "appointment cancel · the owner's": Door(
        ("cancel_appointment",), lambda d, who, t: d.desk.cancel_appointment(who, t.appointment)
    ),
    "appointment cancel · a collaborator's": Door(
        ("cancel_appointment",), lambda d, who, t: d.desk.cancel_appointment(who, t.their_appointment)
    ),
    "appointment held": Door(
        ("held_appointments",),
        lambda d, who, t: d.desk.held_appointments(who),
        _undecided,
    ),
    "appointment release": Door(
        ("release_appointment",), lambda d, who, t: d.desk.release_appointment(who, t.held_appointment)
    ),
    "appointment offer": Door(
        ("offer_appointment",), lambda d, who, t: d.desk.offer_appointment(who, t.held_appointment)
    ),
    "appointment take": Door(
        ("take_appointment",), lambda d, who, t: d.desk.take_appointment(who, t.offered_appointment)
    ),
    "appointment decline": Door(
        ("decline_appointment",), lambda d, who, t: d.desk.decline_appointment(who, t.offered_appointment)
    ),
    # -- the record itself --------------------------------------------------------------------------------
    "record share": Door(
        ("share",),
        lambda d, who, t: d.desk.share(who, t.record, d.cast.candidate, level=ShareLevel.READ),
    ),
    "record unshare": Door(("unshare",), lambda d, who, t: d.desk.unshare(who, t.record, t.shared_with)),
    "record archive": Door(("archive",), lambda d, who, t: d.desk.archive(who, t.record)),
    "record reactivate": Door(("reactivate",), lambda d, who, t: d.desk.reactivate(who, t.record)),
    "client restrict": Door(("restrict",), _restrict),
    "client unrestrict": Door(
        ("unrestrict",), lambda d, who, t: d.desk.unrestrict(who, t.record, t.restriction)
    ),
    # -- the administrators' ------------------------------------------------------------------------------
    "record hold": Door(
        ("hold", "record_to_hold"),
        lambda d, who, t: d.desk.hold(who, d.desk.record_to_hold(who, str(t.record)), "enquête"),
    ),
    "record release": Door(("release",), _release),
    "record holds": Door(("holds",), _holds, _listing("record", lambda view: view.record_id)),
    "quarantine restore": Door(
        ("restore",),
        lambda d, who, t: d.desk.restore(who, t.quarantine, cause=RestorationCause.MISTAKE, reason="erreur"),
    ),
    "quarantine list": Door(
        ("quarantines",), lambda d, who, _: d.desk.quarantines(who), _listing("quarantine")
    ),
    "quarantine recover": Door(
        ("recover",),
        lambda d, who, t: d.desk.recover(
            who, t.record, author_id=t.absent, cause=RestorationCause.ORDER, reason="ordonnance"
        ),
    ),
    "quarantine copies": Door(
        ("holderless_copies",), lambda d, who, _: d.desk.holderless_copies(who), _listing("copy")
    ),
    "quarantine open": Door(("open_copy",), _open_copy),
    "quarantine close": Door(("close_copy",), lambda d, who, t: d.desk.close_copy(who, t.opening)),
    # -- by role alone ------------------------------------------------------------------------------------
    "record add": _by_role(("add_record",), lambda d, who: d.desk.add_record(who, title="T", client="C")),
    "org show": _by_role(("organization",), lambda d, who: d.desk.organization(who)),
    "org key": _by_role(("keys",), lambda d, who: d.desk.keys(who)),
    "org key · replace": _by_role(("replace_key",), lambda d, who: d.desk.replace_key(who)),
    "audit head": _by_role(("head",), lambda d, who: d.desk.head(who)),
    "audit export": _by_role(("export_log",), lambda d, who: d.desk.export_log(who, d.new_path())),
    "org policy show": _by_role(("policies",), lambda d, who: d.desk.policies(who)),
    "org policy set": _by_role(
        ("change_policy", "set_policy"), lambda d, who: d.desk.change_policy(who, "grace-days", ["45"])
    ),
    "member list": _by_role(("members",), lambda d, who: d.desk.members(who)),
    "member add": _by_role(("add_member",), _add_member),
    "member deactivate": _by_role(
        ("deactivate",), lambda d, who: d.desk.deactivate(who, d.cast.candidate), names_member=True
    ),
    "member deactivate · what is held": _by_role(
        ("held",), lambda d, who: d.desk.held(who, d.cast.candidate), names_member=True
    ),
    "member grant": _by_role(("grant",), _grant, names_member=True),
    "member grant-coordinator": _by_role(("grant",), _grant, names_member=True),
    "member revoke": _by_role(("revoke",), _revoke, names_member=True),
    "member revoke-coordinator": _by_role(("revoke",), _revoke, names_member=True),
    "member revoke · what waits": _by_role(("role",), _what_waits, names_member=True),
    "practitioners": _by_role(("practitioners",), lambda d, who: d.desk.practitioners(who)),
    "member activate": _by_role(
        ("activate",), lambda d, who: d.desk.activate(who, d.cast.left), names_member=True
    ),
    "member title": _by_role(
        ("set_title",),
        lambda d, who: d.desk.set_title(who, d.cast.candidate, "Psychologue"),
        names_member=True,
    ),
    "member link": _by_role(
        ("link_member",),
        lambda d, who: d.desk.link_member(who, d.cast.candidate, "https://id.example", "s-1"),
        names_member=True,
    ),
    "member unlink": _by_role(
        ("unlink_member",), lambda d, who: d.desk.unlink_member(who, d.cast.candidate), names_member=True
    ),
    "service add": _by_role(("add_service",), lambda d, who: d.desk.add_service(who, "Agenda")),
    "service list": _by_role(("services",), lambda d, who: d.desk.services(who)),
    "service revoke": _by_role(("revoke_service",), _revoke_service),
    "member accepts": _by_role(("set_accepts",), lambda d, who: d.desk.set_accepts(who, accepts=False)),
    "import fhir · enrich": _by_role(("enrich_patient",), _enrich),
    "import fhir": _by_role(("check_import", "check_import_owners", "imported", "import_patient"), _import),
    "member notices": _by_role(("set_notices",), lambda d, who: d.desk.set_notices(who, NoticePace.DAILY)),
    "org reply-to": _by_role(("set_reply_to",), lambda d, who: d.desk.set_reply_to(who, "a@b.example")),
    "mail troubles": _by_role(("mail_troubles",), lambda d, who: d.desk.mail_troubles(who)),
    "destruction preview": _by_role(
        ("destruction_forecast",), lambda d, who: d.desk.destruction_forecast(who)
    ),
    "destruction report": _by_role(("destruction_report",), lambda d, who: d.desk.destruction_report(who)),
}

#: What is in no row, and why.
_CASELOAD: Final = (
    "is about a caseload, and what it does to a record is done by transfers; who may is asked in "
    "tests/integration/caseload/test_bulk_steps.py and tests/workflows/test_bulk_answers.py"
)
NOT_IN_TABLE: Final[Mapping[str, str]] = {
    "dev": "runs the product on one machine; whoever may run it has the database in their hands",
    "demo": "has a folder and invented people of its own",
    "worker": "runs the product; nobody acts",
    "web": "the same",
    "openapi": "prints a description of the interface",
    "token": "signs with a key of the data folder; whoever may read it has the database in their hands",
    "doctor": "looks after the machine: versions, files, connections; ids of transfers alone",
    "reconcile": "brings rows and workflows together; nobody acts, and nothing is decided",
    "org create": "makes an organization with its first member, where nobody is a member yet",
    "mail list": "reads a folder of this machine, where mail goes that no server is named for; nobody acts",
    "mail show": "the same folder",
    "call list": "names clients of one's own or institutional records; tests/integration/notices asks",
    "call done": "the same list, for which a call is there or not found",
    "receipt verify": "verifies files with a public key; nobody acts",
    "audit verify": "walks every chain of the machine and counts lines; nobody acts",
    "bulk list": _CASELOAD,
    "bulk status": _CASELOAD,
    "bulk items": _CASELOAD,
    "bulk report": _CASELOAD,
    "bulk pause": _CASELOAD,
    "bulk resume": _CASELOAD,
    "bulk stop": _CASELOAD,
    "bulk retry": _CASELOAD,
    "bulk accept": _CASELOAD,
    "bulk refuse": _CASELOAD,
}
#: Methods of the desk and the service that are no command, and why.
NO_COMMAND: Final[Mapping[str, str]] = {
    "create_organization": "`org create`",
    "verify_log": "`audit verify`",
    "calls": "`call list`",
    "called": "`call done`",
    "check_given": "`audit verify`",
    "check_receipt": "`receipt verify --deep`",
    "key_standing": "`doctor`",
    "reconcile": "`reconcile`",
    "standing": "`doctor`",
    "check_database_file": "`doctor`",
    "check_database_version": "`doctor`",
    "speaker": "finds who speaks, of whom an issuer vouches",
    "service_speaker": "finds in whose name a service speaks; tests/integration/api tries it",
    "begin_once": "remembers the answer to one's own command under its key",
    "end_once": "the same",
    "forget_once": "the same",
    "check_server": "asks whether a Temporal server answers",
    "persona": "the same, for the issuer of a data folder",
    "personas": "the choice that such an issuer offers, where anybody may be anybody",
    "set_language": "chosen by everybody for themself, in the console",
    "begin_session": "signs in whom an issuer vouched for",
    "visitor": "finds who holds a session",
    "end_session": "signs out whoever holds it",
    "member_by_email": "finds who acts; what they may do comes next",
    "facts_of": "reads who acts, for the service",
    "reader": "reads one's own language and time zone",
    "colleague": "finds an address in one's own organization, whose members every member knows",
    "record_named": "finds what a command names by number; tests/permissions/test_attacks.py tries it",
    "write_text": "keeps a text for the command that names it; unused ones are swept",
    "write_basis": "the same",
    "bulk": _CASELOAD,
    "bulks": _CASELOAD,
    "bulk_items": _CASELOAD,
    "bulk_report": _CASELOAD,
    "bulk_answer": _CASELOAD,
}
