"""Every check can fail: a right database, made by real steps, is spoilt in one place and the rule named."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from engine.activities.bulk_answers import BulkAnswers
from engine.activities.bulk_steps import BulkSteps
from engine.audit import receipt
from engine.audit.keys import Signer
from engine.desk.desk import Desk
from engine.fhir.importing import import_fhir
from engine.messages.bulk import BulkCommand, BulkLaunch, BulkLook
from engine.messages.bulk_answer import GiveAnswer
from engine.messages.transfer import StepInput
from engine.notices import deliveries
from engine.records import bulk_answers, bulks, destruction
from engine.records.tables.base import DeliveryTrouble, NoteState, TextKind
from engine.states.bulk import Answer
from engine.states.choices import Options, Purpose, RawDataChoice, RestorationCause, Role, ShareLevel
from tests import build
from tests.checker.__main__ import main
from tests.checker.base import CHECKS
from tests.checker.checking import check
from tests.conftest import BOTH
from tests.integration.fhir import bundles
from tests.integration.handover.clinic import EVERYTHING, UPCOMING, Clinic, hurried
from tests.postgresql import places

_FOLDER = Path(__file__).parent


def _spoils() -> dict[str, list[str]]:
    """Read the statements by the check that they break."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (_FOLDER / "spoils.sql").read_text().splitlines():
        if header := re.fullmatch(r"-- (\w+(: [\w ]+)?)", line):
            name = header[1]
            found[name] = [""]
        elif name and line:
            found[name][-1] += f"{line}\n"
            if line.endswith(";"):
                found[name].append("")
    return {name: [statement for statement in statements if statement] for name, statements in found.items()}


SPOILS = _spoils()


class Right(NamedTuple):
    """A database that breaks no rule, and the ids that the spoils refer to."""

    file: Path
    ids: dict[str, str]


@pytest.fixture(scope="module", params=BOTH)
def right(
    request: pytest.FixtureRequest, database_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Right:
    """Make a right database once, with a transfer in every state; PostgreSQL's is read in a copy."""
    folder = tmp_path_factory.mktemp("checker")
    if request.param == "sqlite":
        place = places.on_sqlite(database_template, folder)
    else:
        place = places.on_postgresql(request.getfixturevalue("postgresql"), folder)
    database = hurried(place)
    clinic, foreign = Clinic(database), Clinic(database)
    full = clinic.full_record()
    ids = {
        "stranger": foreign.world.owner,
        "elsewhere": foreign.world.organization,
        "foreign_record": foreign.world.record,
        "foreign_holding": foreign.world.holding,
        "owner": clinic.world.owner,
        "record": full.record,
        "old": full.holding,
        "accepted": clinic.hand_over(EVERYTHING, record=full.record),
        "new": clinic.live(full.record)[0],
        "held": clinic.hand_over(Options(keep_copy=False), record=clinic.full_record(legal_hold=True).record),
    }
    without_copy = Options(include_confidential=True, keep_copy=False)
    clinic.hand_over(without_copy, record=clinic.full_record().record)
    shared = clinic.full_record()
    clinic.hand_over(record=shared.record, to=shared.collaborator)
    counsellor = clinic.colleague(title="Conseillère")
    ids["forced"] = clinic.hand_over(
        Options(raw_data=RawDataChoice.IF_ALLOWED, keep_copy=False),
        record=clinic.full_record().record,
        to=counsellor,
    )
    clinic.restrict(member_id=counsellor)
    ids["failed"] = clinic.open(clinic.request(to=counsellor)).transfer_id
    ids["refused"] = clinic.ask()
    clinic.refuse(ids["refused"])
    ids["cancelled"] = clinic.ask()
    clinic.cancel(ids["cancelled"])
    expired = clinic.ask(options=EVERYTHING)
    clinic.narrow(expired, Options())
    clinic.expire(expired)
    waits = clinic.ask(by=clinic.world.coordinator, record_id=clinic.full_record().record)
    assert clinic.accept(waits, by=clinic.world.owner).denied
    clinic.refuse(waits)
    _import(clinic, tmp_path_factory.mktemp("fhir"))
    ids |= _destroyed(clinic, but=ids["old"])
    back = clinic.full_record()
    clinic.hand_over(Options(keep_copy=False), record=back.record)
    clinic.hand_over(record=back.record, by=clinic.world.new_owner, to=clinic.world.owner)
    mistaken = clinic.full_record()
    clinic.hand_over(without_copy, record=mistaken.record)
    Desk(database).restore(
        clinic.world.administrator, mistaken.holding, cause=RestorationCause.MISTAKE, reason="erreur"
    )
    ids |= _opened(clinic)
    _lose(clinic, ids)
    ids |= {"bulk": _bulk(clinic), "imposing": _imposing(clinic)}
    _name(clinic, ids)
    ids["pending"] = clinic.ask()
    frozen = clinic.full_record()
    clinic.ask(record_id=frozen.record)
    Desk(database).open_emergency(frozen.collaborator, frozen.record, "Crise de nuit")
    ids["lowered"] = _write(clinic)
    _send(clinic)
    ((note, sha256),) = clinic.rows(
        "SELECT item_id, sha256 FROM notes WHERE holding_id = :id AND state = 'signed'"
        " AND author_only = false LIMIT 1",
        id=ids["new"],
    )
    signed = receipt.sign_waiting(database, Signer(folder / "keys", may_create=True))
    assert (signed.signed > 5, signed.waiting) == (True, 0)
    database.close()
    return Right(
        place.file(), {name: str(found) for name, found in (ids | {"note": note, "sha256": sha256}).items()}
    )


def _send(clinic: Clinic) -> None:
    """Send some messages, give one up, and call a client."""
    now = clinic.now
    with clinic.database.write() as session:
        deliveries.plan(session, now, limit=20)
        first, *others = deliveries.claim(session, now, limit=10)
        deliveries.failed(session, first, DeliveryTrouble.REFUSED, 550)
        deliveries.sent(session, others, now)
    clinic.change("UPDATE clients SET email = NULL")
    desk = Desk(clinic.database)
    call, *_ = desk.calls(clinic.world.coordinator)
    assert call.id is not None
    desk.called(clinic.world.coordinator, call.id)


def _bulk(clinic: Clinic) -> UUID:
    """Transfer a caseload: one record accepted, one taken back, one blocked; paused and resumed between."""
    world, steps = clinic.world, BulkSteps(clinic.database)
    source, bulk_id = clinic.colleague(), uuid4()
    Desk(clinic.database).set_policy(world.administrator, announce_practitioner=True)
    with clinic.database.write() as session:
        kept = build.client(session, world.organization)
        build.restriction(session, kept, world.owner, member_id=world.new_owner)
        for client in (world.client, world.client, kept):
            build.record(session, source, [client])
    launch = BulkLaunch(
        bulk_id=bulk_id,
        organization_id=world.organization,
        actor_id=world.coordinator,
        from_id=source,
        to_ids=(world.new_owner,),
        purpose=Purpose.DEPARTURE,
    )
    command = BulkCommand(bulk_id=bulk_id, command_id=uuid4(), actor_id=world.coordinator)
    at = clinic.now
    steps.launch(StepInput(what=launch, at=at))
    steps.pause(StepInput(what=command, at=at))
    steps.resume(StepInput(what=command.model_copy(update={"command_id": uuid4()}), at=at))
    with clinic.database.read() as session:
        items = bulks.waiting(session, bulk_id, after=-1, limit=10)
    first, second = (
        clinic.ask(
            transfer_id=item.transfer_id,
            record_id=item.record_id,
            by=world.coordinator,
            purpose=Purpose.DEPARTURE,
            bulk_id=bulk_id,
        )
        for item in items
    )
    given = GiveAnswer(answer_id=uuid4(), bulk_id=bulk_id, actor_id=world.new_owner, answer=Answer.ACCEPT)
    assert BulkAnswers(clinic.database, "", in_flight=1).give(StepInput(what=given, at=clinic.now)).given
    clinic.accept(first)
    assert clinic.accept(second, seen_version=7).denied == "MOVE-3/changed"
    with clinic.database.write() as session:
        bulk_answers.deny(session, given.answer_id, second, "MOVE-3/changed", clinic.now)
    clinic.cancel(second, by=world.coordinator)
    result = steps.watch(StepInput(what=BulkLook(bulk_id=bulk_id), at=clinic.now))
    assert (result.state, result.counts) == ("finished", {"accepted": 1, "cancelled": 1, "blocked": 1})
    return bulk_id


def _hold(clinic: Clinic) -> None:
    """Hold what a hand-over cancelled: one is released, one taken, one declined and undecided."""
    desk, world = Desk(clinic.database), clinic.world
    desk.set_policy(world.administrator, hold_cancellations=True)
    with clinic.database.write() as session:
        record, _ = build.record(session, world.owner, [world.client])
        released, taken, declined = (
            build.appointment(session, record, world.owner, client_id=world.client, starts_at=UPCOMING)
            for _ in range(3)
        )
    clinic.hand_over(record=record)
    for offered in (released, taken, declined):
        desk.offer_appointment(world.coordinator, offered)
    desk.release_appointment(world.coordinator, released)
    desk.take_appointment(world.new_owner, taken)
    desk.decline_appointment(world.new_owner, declined)
    desk.set_policy(world.administrator, hold_cancellations=False)


def _imposing(clinic: Clinic) -> UUID:
    """Transfer a caseload without an answer: one record, and one that is asked of somebody already."""
    world, source, bulk_id = clinic.world, clinic.colleague(), uuid4()
    with clinic.database.write() as session:
        open_one, _ = (build.record(session, source, [world.client]).record_id for _ in range(2))
    clinic.ask(by=source, to=clinic.colleague(), record_id=open_one)
    reason = clinic.text(world.coordinator, TextKind.REASON)
    launch = BulkLaunch(
        bulk_id=bulk_id,
        organization_id=world.organization,
        actor_id=world.coordinator,
        from_id=source,
        to_ids=(world.new_owner,),
        purpose=Purpose.DEPARTURE,
        reassign_open=True,
        impose=True,
        reason_id=reason,
    )
    BulkSteps(clinic.database).launch(StepInput(what=launch, at=clinic.now))
    with clinic.database.read() as session:
        items = bulks.waiting(session, bulk_id, after=-1, limit=10)
    how: dict[str, Any] = {"by": world.coordinator, "reason_id": reason, "bulk_id": bulk_id}
    for item in items:
        if item.reassigns is not None:
            result = clinic.impose(item.reassigns, world.new_owner, command_id=item.transfer_id, **how)
        else:
            asked = {"transfer_id": item.transfer_id, "record_id": item.record_id, "impose": True, **how}
            result = clinic.open(clinic.request(purpose=Purpose.DEPARTURE, **asked))
        assert (result.denied, result.state) == (None, "accepted")
    return bulk_id


def _import(clinic: Clinic, folder: Path) -> None:
    """Import a record with what is invented on top, and hand it over without a copy."""
    school = {"resourceType": "Organization", "id": "o", "name": "École"}
    found = bundles.bundle(bundles.practitioner(), school, *bundles.resources("a"))
    found["entry"][-1]["resource"]["insurer"] = {"reference": "Organization/o"}
    (folder / "a.json").write_text(json.dumps(found))
    desk, world = Desk(clinic.database), clinic.world
    import_fhir(desk, world.administrator, [folder], owner_id=world.owner, seed=1)
    ((record,),) = clinic.rows("SELECT became_id FROM imported WHERE became = 'record' AND source = 'fhir'"
                               " AND resource_type = 'Patient'")  # fmt: skip
    clinic.hand_over(Options(keep_copy=False), record=UUID(record))


def _destroyed(clinic: Clinic, *, but: UUID) -> dict[str, UUID]:
    """Destroy two closed holdings, and of all others but one the tasks and memos."""
    at = clinic.now + timedelta(days=40)
    ids = {}
    for name, years in (("destroyed", 4000), ("destroyed_too", 5000)):
        with clinic.database.write() as session:
            served = clinic.now - timedelta(days=years)
            built = build.record(session, clinic.world.owner, [clinic.world.client], opened=served)
            build.note(session, built.holding_id, confidential=True, created_at=served)
            build.invoice(session, built.holding_id, created_at=served)
        clinic.hand_over(Options(keep_copy=name != "destroyed"), record=built.record_id)
        ids[name] = built.holding_id
    with clinic.database.read() as session:
        page = destruction.due(session, clinic.world.organization, at, after=None, limit=100)
    for holding in set(page) - {but}:
        with clinic.database.write() as session:
            assert destruction.destroy(session, holding, at) is not None
    return ids


def _opened(clinic: Clinic) -> dict[str, UUID]:
    """Let somebody leave who kept a copy, and open it for two: one reads it, for the other it ends."""
    desk, administrator = Desk(clinic.database), clinic.world.administrator
    leaver, reader, other = (clinic.colleague() for _ in range(3))
    full = clinic.full_record()
    clinic.hand_over(EVERYTHING, record=full.record, to=leaver)
    copy = clinic.live(full.record)[0]
    clinic.hand_over(EVERYTHING, record=full.record, by=leaver)
    desk.deactivate(administrator, leaver)
    given: dict[str, Any] = {"days": 3, "cause": RestorationCause.ORDER, "reason": "Ordonnance"}
    desk.open_copy(administrator, copy, reader_id=reader, **given)
    desk.record(reader, full.record)
    desk.close_copy(administrator, desk.open_copy(administrator, copy, reader_id=other, **given).id)
    left = clinic.full_record()
    desk.deactivate(administrator, left.collaborator)
    recovered = desk.recover(
        administrator,
        left.record,
        author_id=left.collaborator,
        cause=RestorationCause.ORDER,
        reason="Ordonnance",
    )
    return {"reader": reader, "recovered": recovered}


def _write(clinic: Clinic) -> UUID:
    """Let people write what no transfer writes, and give a share that was lowered while one was open."""
    desk, world, full = Desk(clinic.database), clinic.world, clinic.full_record()
    owner, record, who = world.owner, full.record, full.collaborator
    desk.hold(world.administrator, record, "enquête")
    desk.release(world.administrator, record, "close")
    desk.share(owner, record, who, level=ShareLevel.WRITE, approval=True)
    desk.approve_note(owner, record, desk.add_note(who, record, "à approuver", signed=True))
    gone = clinic.colleague()
    with clinic.database.write() as session:
        left = build.note(session, full.holding, author_id=gone, state=NoteState.DRAFT)
        booked = build.appointment(session, record, owner, client_id=world.client, starts_at=UPCOMING)
    desk.adopt_note(owner, record, left)
    desk.cancel_appointment(owner, booked)
    desk.archive(owner, record)
    desk.reactivate(owner, record)
    clinic.ask(record_id=record)
    return desk.share(owner, record, who, level=ShareLevel.READ, approval=True)


def _step_in(clinic: Clinic, ids: dict[str, UUID]) -> None:
    """Let a coordinator reassign, extend, impose and cancel."""
    third = clinic.colleague()
    ids["reassigned"] = clinic.ask(record_id=clinic.full_record().record)
    assert clinic.reassign(ids["reassigned"], third).denied is None
    assert clinic.extend(ids["reassigned"], timedelta(days=40)).denied is None
    clinic.refuse(ids["reassigned"], by=third)
    ids["imposed"] = clinic.ask(by=clinic.world.coordinator, record_id=clinic.full_record().record)
    clinic.refuse(ids["imposed"])
    clinic.remind(ids["imposed"], after=timedelta(days=4))
    assert clinic.impose(ids["imposed"], third).state == "accepted"
    again = clinic.ask(record_id=clinic.full_record().record)
    assert clinic.impose(again).state == "accepted"
    stopped = clinic.ask(record_id=clinic.full_record().record)
    clinic.cancel(stopped, by=clinic.world.coordinator)


def _lose(clinic: Clinic, ids: dict[str, UUID]) -> None:
    """Let somebody leave who is asked twice, then the coordinator; and end a restriction."""
    desk, administrator = Desk(clinic.database), clinic.world.administrator
    leaver = clinic.colleague()
    with clinic.database.write() as session:
        build.member(session, clinic.world.organization, Role.ADMINISTRATOR)
    ids["lost"] = clinic.ask(to=leaver, record_id=clinic.full_record().record)
    ids["escalated"] = clinic.ask(
        to=leaver, by=clinic.world.coordinator, record_id=clinic.full_record().record
    )
    desk.deactivate(administrator, leaver)
    desk.deactivate(administrator, clinic.world.coordinator)
    desk.activate(administrator, clinic.world.coordinator)
    (entry,) = desk.restrict(
        clinic.world.owner, clinic.world.record, member_id=leaver, title=None, basis="à sa demande"
    )
    desk.unrestrict(clinic.world.owner, clinic.world.record, entry.id)
    clinic.cancel(ids["lost"])
    _step_in(clinic, ids)
    _hold(clinic)


def _name(clinic: Clinic, ids: dict[str, UUID]) -> None:
    """Give and take roles: of somebody else, of oneself, of who is asked, and of the last coordinator."""
    desk, first, coordinator = Desk(clinic.database), clinic.world.administrator, clinic.world.coordinator
    asked = clinic.colleague()
    clinic.ask(to=asked, by=coordinator, record_id=clinic.full_record().record)
    for _ in range(2):
        desk.grant(first, asked, Role.COORDINATOR)
    desk.grant(first, first, Role.COORDINATOR)
    desk.practitioners(first)
    desk.revoke(first, asked, Role.PRACTITIONER)
    desk.revoke(first, first, Role.COORDINATOR)
    desk.revoke(first, coordinator, Role.PRACTITIONER)
    desk.grant(first, asked, Role.ADMINISTRATOR)
    desk.revoke(asked, asked, Role.COORDINATOR)
    desk.grant(asked, coordinator, Role.PRACTITIONER)
    desk.revoke(asked, coordinator, Role.COORDINATOR)
    desk.grant(asked, coordinator, Role.COORDINATOR)
    ids["named"] = desk.add_member(
        asked,
        email="nouvelle@clinique.example",
        first_name="Ariane",
        last_name="Bouchard",
        title="Psychologue",
        language="fr",
        roles=[Role.PRACTITIONER, Role.COORDINATOR],
    ).id
    ids["promoted"] = asked


def _spoil(right: Right, folder: Path, name: str) -> Path:
    file = Path(shutil.copy(right.file, folder / "spoilt.sqlite3"))
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        guards = db.execute(
            "SELECT type, name FROM sqlite_schema WHERE type = 'trigger'"
            " OR (type = 'index' AND sql LIKE 'CREATE UNIQUE%')"
        ).fetchall()
        for kind, guard in guards:
            db.execute(f"DROP {kind} {guard}")
        for statement in SPOILS[name]:
            spoils = statement.replace("UPDATE ", "UPDATE OR IGNORE ", 1)
            assert db.execute(spoils, right.ids).rowcount > 0
    return file


def test_a_right_database_breaks_no_rule(right: Right) -> None:
    assert check(right.file) == []


def test_every_check_has_a_spoil() -> None:
    assert {name.split(":")[0] for name in SPOILS} == {stated.select.__name__ for stated in CHECKS}


@pytest.mark.parametrize("name", SPOILS)
def test_a_check_names_its_rule(right: Right, tmp_path: Path, name: str) -> None:
    (rule,) = {stated.rule for stated in CHECKS if stated.select.__name__ == name.split(":", maxsplit=1)[0]}

    found = check(_spoil(right, tmp_path, name))

    assert any(
        violation.rule == rule and violation.detail.startswith((f"{name}: ", f"{name} "))
        for violation in found
    )


def test_the_command(right: Right, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(right.file)]) == 0
    assert main([]) == 2
    capsys.readouterr()

    assert main([str(_spoil(right, tmp_path, "chain_is_broken"))]) == 1

    assert capsys.readouterr().out.startswith("AUD-2\tchain_is_broken: ")


def test_the_checker_knows_nothing_of_the_engine() -> None:
    """An oracle that borrowed a rule from the engine would agree with its mistakes."""
    themes = [file for file in _FOLDER.glob("*.py") if not file.name.startswith("test_")]
    imports = re.compile(r"^(from|import) engine", re.MULTILINE)

    assert len(themes) > 8
    assert not [file.name for file in themes if imports.search(file.read_text())]
