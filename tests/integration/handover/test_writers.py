"""Everything that writes on a record: allowed, denied, frozen, read-only, logged (VIS-4, MOVE-4)."""

import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, EngineError, NotFound
from engine.records.tables.base import NoteState
from engine.rules.content import ContentClass, Outcome
from engine.states.choices import Options, Role, ShareLevel
from tests import build
from tests.integration.handover.clinic import ITEM_TABLES, UPCOMING, Clinic, FullRecord

C = ContentClass
DAY = date(2026, 3, 2)
_TABLES = (*ITEM_TABLES, "shares", "holds", "records", "holdings", "restrictions", "outbox")


class Stage(NamedTuple):
    """A full record with a draft of somebody who has left, and a colleague who has no share."""

    clinic: Clinic
    desk: Desk
    full: FullRecord
    draft: UUID
    own_draft: UUID
    left_draft: UUID
    waiting: UUID
    appointment: UUID
    colleague: UUID

    def rows(self) -> list[object]:
        """Everything that a writer could change."""
        return [sorted(self.clinic.rows(f"SELECT * FROM {table}"), key=repr) for table in _TABLES]

    def last_line(self) -> tuple[str, str, str | None]:
        """The log's last line of this organization: action, outcome, rule."""
        rows = self.clinic.rows(
            "SELECT action, outcome, rule FROM events WHERE organization_id = :id ORDER BY seq DESC LIMIT 1",
            id=self.clinic.world.organization,
        )
        found: tuple[str, str, str | None] = tuple(rows[0])
        return found


@pytest.fixture
def stage(clinic: Clinic) -> Stage:
    return _stage(clinic)


def _stage(clinic: Clinic, *, legal_hold: bool = False) -> Stage:
    full = clinic.full_record(legal_hold=legal_hold)
    world = clinic.world
    with clinic.database.write() as session:
        gone = build.member(session, world.organization)
        left = build.note(session, full.holding, author_id=gone, state=NoteState.DRAFT, body="inachevé")
        own = build.note(session, full.holding, state=NoteState.DRAFT)
        waiting = build.note(
            session, full.holding, author_id=full.collaborator, state=NoteState.WAITING_APPROVAL
        )
        appointment = build.appointment(
            session, full.record, world.owner, client_id=world.client, starts_at=UPCOMING
        )
        colleague = build.member(session, world.organization)
    (theirs,) = full.their_drafts
    return Stage(clinic, Desk(clinic.database), full, theirs, own, left, waiting, appointment, colleague)


class Writer(NamedTuple):
    """A command of the desk on a record, and what stops it where."""

    run: Callable[[Stage, UUID], object]
    frozen: str | None = "VIS-4"
    read_only: str | None = "MOVE-4"


def _as_administrator(stage: Stage) -> UUID:
    return stage.clinic.world.administrator


START = datetime(2041, 1, 7, 15, tzinfo=UTC)
END = START + timedelta(hours=1)
#: Every command of the desk that writes on a record; `test_no_writer_is_missing` compares it with the desk.
WRITERS: dict[str, Writer] = {
    "add_note": Writer(lambda s, who: s.desk.add_note(who, s.full.record, "texte")),
    "edit_note": Writer(lambda s, who: s.desk.edit_note(who, s.full.record, s.own_draft, "texte")),
    "sign_note": Writer(lambda s, who: s.desk.sign_note(who, s.full.record, s.own_draft)),
    "approve_note": Writer(lambda s, who: s.desk.approve_note(who, s.full.record, s.waiting)),
    "adopt_note": Writer(lambda s, who: s.desk.adopt_note(who, s.full.record, s.left_draft)),
    "set_note_aside": Writer(lambda s, who: s.desk.set_note_aside(who, s.full.record, s.left_draft)),
    "add_document": Writer(
        lambda s, who: s.desk.add_document(who, s.full.record, b"x", name="a.txt", media_type="text/plain")
    ),
    "add_profile": Writer(
        lambda s, who: s.desk.add_profile(who, s.full.record, name="A", relationship="b", details=b"{}")
    ),
    "add_invoice": Writer(
        lambda s, who: s.desk.add_invoice(
            who, s.full.record, number="F-1", amount_cents=1, currency="CAD", issued_on=DAY
        )
    ),
    "add_task": Writer(lambda s, who: s.desk.add_task(who, s.full.record, "texte")),
    "add_memo": Writer(lambda s, who: s.desk.add_memo(who, s.full.record, "texte")),
    "add_appointment": Writer(
        lambda s, who: s.desk.add_appointment(who, s.full.record, starts_at=START, ends_at=END), frozen=None
    ),
    "cancel_appointment": Writer(
        lambda s, who: s.desk.cancel_appointment(who, s.appointment),
        frozen=None,
        read_only="MOVE-13/cancelled",
    ),
    "share": Writer(
        lambda s, who: s.desk.share(who, s.full.record, s.colleague, level=ShareLevel.READ),
        frozen="VIS-4/wider_share",
    ),
    "unshare": Writer(lambda s, who: s.desk.unshare(who, s.full.record, s.full.collaborator), frozen=None),
    "archive": Writer(lambda s, who: s.desk.archive(who, s.full.record)),
    "reactivate": Writer(lambda s, who: s.desk.reactivate(who, s.full.record)),
    # A hold is no content: an administrator sets it at any time, and who had the record may not.
    "hold": Writer(
        lambda s, _: s.desk.hold(_as_administrator(s), s.full.record, "enquête"), frozen=None, read_only=None
    ),
    "release": Writer(
        lambda s, _: s.desk.release(_as_administrator(s), s.full.record, "close"),
        frozen="bad_input/not_held",
        read_only="bad_input/not_held",
    ),
    # The list is the client's (ELIG-4).
    "restrict": Writer(
        lambda s, who: s.desk.restrict(
            who, s.full.record, member_id=s.colleague, title=None, basis="à sa demande"
        ),
        frozen=None,
    ),
}


def test_no_writer_is_missing() -> None:
    """Whoever adds a command on a record says here what stops it."""
    on_a_record = {"record_id", "note_id", "appointment_id"}
    found = {
        name
        for name, method in inspect.getmembers(Desk, inspect.isfunction)
        if not name.startswith("_")
        and on_a_record & set(inspect.signature(method).parameters)
        and ("_command(" in inspect.getsource(method) or "_set_status(" in inspect.getsource(method))
    }

    # Opening in an emergency changes nothing of the record (VIS-4); the list of restrictions is the client's,
    # and its end is tried in tests/integration/people.
    # Nor does a copy of what a collaborator who left had kept for themself change the record (VIS-6).
    # What becomes of an appointment that a hand-over cancelled is tried in tests/integration/notices.
    held = {f"{decide}_appointment" for decide in ("release", "offer", "take", "decline")}
    assert found - {"open_emergency", "unrestrict", "recover"} - held == set(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
def test_vis_4_on_a_frozen_record(stage: Stage, name: str) -> None:
    """VIS-4: while a transfer is open nothing is written, but what its rules allow; the denial is logged."""
    stage.clinic.ask(record_id=stage.full.record)
    _expect(stage, WRITERS[name].run, stage.clinic.world.owner, WRITERS[name].frozen)


@pytest.mark.parametrize("name", WRITERS)
def test_move_4_on_a_read_only_copy(stage: Stage, name: str) -> None:
    """MOVE-4: whoever has a copy reads it, and changes neither it nor the record."""
    stage.clinic.hand_over(record=stage.full.record)
    _expect(stage, WRITERS[name].run, stage.clinic.world.owner, WRITERS[name].read_only)


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"release"}))
def test_its_owner_may(stage: Stage, name: str) -> None:
    """The control: on a record in use each of them does something, and says so in the log."""
    _expect(stage, WRITERS[name].run, stage.clinic.world.owner, None)


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"hold", "release"}))
def test_vis_8_a_stranger_finds_nothing(stage: Stage, name: str) -> None:
    """VIS-8, VIS-11: somebody of another organization, and somebody who is nobody to the record."""
    strangers = (Clinic(stage.clinic.database).world.owner, stage.colleague)
    what = "VIS-11/appointment" if name == "cancel_appointment" else "VIS-11/record"
    for stranger in strangers:
        before = stage.rows()
        with pytest.raises(NotFound) as denied:
            WRITERS[name].run(stage, stranger)
        assert (denied.value.key, stage.rows()) == (what, before)


def _expect(stage: Stage, run: Callable[[Stage, UUID], object], who: UUID, rule: str | None) -> None:
    before = stage.rows()
    if rule is None:
        run(stage, who)
        assert stage.last_line()[1:] == ("allowed", None)
        return
    with pytest.raises(EngineError) as denied:
        run(stage, who)
    assert denied.value.key == rule
    assert stage.last_line()[1:] == ("denied", rule)
    assert stage.rows() == before


class TestShares:
    def test_vis_4_lowered_and_ended_while_open_never_widened(self, stage: Stage) -> None:
        desk, owner, record, who = (
            stage.desk,
            stage.clinic.world.owner,
            stage.full.record,
            stage.full.collaborator,
        )
        stage.clinic.ask(record_id=record)

        with pytest.raises(Denied, match=r"^VIS-4/wider_share$"):
            desk.share(owner, record, who, level=ShareLevel.FULL)
        desk.share(owner, record, who, level=ShareLevel.WRITE, approval=True)
        with pytest.raises(Denied, match=r"^VIS-4/wider_share$"):
            desk.share(owner, record, who, level=ShareLevel.WRITE, approval=False)
        desk.share(owner, record, who, level=ShareLevel.READ, approval=True)
        desk.unshare(owner, record, who)

        assert stage.clinic.rows(
            "SELECT level, approval FROM shares WHERE record_id = :r AND ended_at IS NULL", r=record
        ) == []  # fmt: skip
        assert stage.last_line() == ("record.unshare", "allowed", None)

    def test_only_the_owner_shares_and_a_coordinator_is_told_so(self, stage: Stage) -> None:
        """ELIG-2, VIS-11: whoever may know of the record learns the rule."""
        for who in (stage.clinic.world.coordinator, stage.full.collaborator):
            with pytest.raises(Denied, match=r"^ELIG-2$"):
                stage.desk.share(who, stage.full.record, stage.colleague, level=ShareLevel.READ)

    def test_nobody_who_left_is_given_a_share(self, stage: Stage) -> None:
        left = stage.clinic.colleague(active=False)
        with pytest.raises(NotFound) as denied:
            stage.desk.share(stage.clinic.world.owner, stage.full.record, left, level=ShareLevel.READ)
        assert denied.value.key == "VIS-11/member"

    def test_what_is_so_already(self, stage: Stage) -> None:
        owner, record = stage.clinic.world.owner, stage.full.record
        with pytest.raises(BadInput, match=r"^bad_input/shared_already$"):
            stage.desk.share(owner, record, stage.full.collaborator, level=ShareLevel.WRITE)
        with pytest.raises(BadInput, match=r"^bad_input/not_shared$"):
            stage.desk.unshare(owner, record, stage.colleague)


class TestArchiving:
    def test_elig_1_an_archived_record_is_read_only_until_it_is_taken_up_again(self, stage: Stage) -> None:
        desk, owner, record = stage.desk, stage.clinic.world.owner, stage.full.record
        desk.archive(owner, record)

        with pytest.raises(Denied, match=r"^MOVE-4$"):
            desk.add_note(owner, record, "texte")
        assert stage.clinic.open(stage.clinic.request(record_id=record)).denied == "ELIG-1/archived"
        desk.cancel_appointment(owner, stage.appointment)
        desk.unshare(owner, record, stage.full.collaborator)
        desk.reactivate(owner, record)
        desk.add_note(owner, record, "texte")
        stage.clinic.ask(record_id=record)

    def test_elig_2_nobody_but_the_owner(self, stage: Stage) -> None:
        for who in (stage.clinic.world.coordinator, stage.full.collaborator):
            with pytest.raises(Denied, match=r"^ELIG-2$"):
                stage.desk.archive(who, stage.full.record)


class TestHolds:
    def test_move_11_what_does_not_move_is_kept_in_a_copy(self, stage: Stage) -> None:
        """MOVE-11: whatever the options say; and a release afterwards takes nothing of the copy away."""
        clinic, administrator = stage.clinic, stage.clinic.world.administrator
        stage.desk.hold(administrator, stage.full.record, "ordonnance")
        transfer = clinic.hand_over(Options(keep_copy=False), record=stage.full.record)
        outcomes = clinic.outcomes(transfer)

        assert {way for ways in outcomes.values() for way in ways} <= {
            Outcome.MOVED,
            Outcome.KEPT,
            Outcome.CANCELLED,
        }
        for unfinished in (C.TASK, C.MEMO):
            assert outcomes[unfinished] == {Outcome.KEPT}
            assert stage.full.of(unfinished) <= clinic.sees(clinic.world.owner, stage.full.record)
        stage.desk.release(administrator, stage.full.record, "levée")
        assert stage.full.of(C.TASK) <= clinic.sees(clinic.world.owner, stage.full.record)

    def test_role_4_an_administrator_alone_who_sees_nothing(self, stage: Stage) -> None:
        desk, world = stage.desk, stage.clinic.world
        ((number,),) = stage.clinic.rows("SELECT number FROM records WHERE id = :id", id=stage.full.record)
        for who in (world.owner, world.coordinator):
            with pytest.raises(Denied, match=r"^ROLE-4/administrator$"):
                desk.hold(who, stage.full.record, "motif")
            with pytest.raises(Denied, match=r"^ROLE-4/administrator$"):
                desk.record_to_hold(who, number)
        assert desk.record_to_hold(world.administrator, number) == stage.full.record
        assert desk.record_to_hold(world.administrator, str(stage.full.record)) == stage.full.record
        with pytest.raises(NotFound):
            desk.record(world.administrator, stage.full.record)

    def test_vis_8_no_record_of_another_organization(self, stage: Stage) -> None:
        administrator = Clinic(stage.clinic.database).world.administrator
        for record in (stage.full.record, uuid4()):
            with pytest.raises(NotFound) as denied:
                stage.desk.hold(administrator, record, "motif")
            assert denied.value.key == "VIS-11/record"
            with pytest.raises(NotFound) as unknown:
                stage.desk.record_to_hold(administrator, str(record))
            assert unknown.value.key == "VIS-11/record"

    def test_st_2_with_a_reason_that_administrators_read_and_the_log_does_not(self, stage: Stage) -> None:
        administrator = stage.clinic.world.administrator
        with pytest.raises(Denied, match=r"^ST-2$"):
            stage.desk.hold(administrator, stage.full.record, "  ")
        stage.desk.hold(administrator, stage.full.record, "un motif secret")
        with pytest.raises(BadInput, match=r"^bad_input/held_already$"):
            stage.desk.hold(administrator, stage.full.record, "encore")

        (standing,) = stage.desk.holds(administrator)
        assert (standing.record_id, standing.reason) == (stage.full.record, "un motif secret")
        assert "secret" not in repr(stage.clinic.rows("SELECT * FROM events"))


class TestDrafts:
    def test_vis_10_adopted_as_a_new_draft_that_names_the_first_author(self, stage: Stage) -> None:
        """VIS-10: the owner's own from then on; the first one is set aside and moves on as a draft does."""
        clinic, owner, record = stage.clinic, stage.clinic.world.owner, stage.full.record
        adopted = stage.desk.adopt_note(owner, record, stage.left_draft)
        stage.desk.edit_note(owner, record, adopted, "achevé")
        stage.desk.sign_note(owner, record, adopted)

        ((author, first, state),) = clinic.rows(
            "SELECT author_id, first_author_id, state FROM notes WHERE item_id = :id", id=adopted
        )
        ((gone, left),) = clinic.rows(
            "SELECT n.author_id, n.state FROM notes n WHERE item_id = :id", id=stage.left_draft
        )
        assert (UUID(author), first, state, left) == (owner, gone, "signed", "set_aside")
        shown = {item.id: item for item in stage.desk.record(owner, record).items}
        assert shown[adopted].first_author == shown[stage.left_draft].author
        transfer = clinic.hand_over(record=record)
        assert clinic.manifest(transfer)[stage.left_draft] == (C.DRAFT_NOTE, Outcome.MOVED)
        assert clinic.manifest(transfer)[adopted] == (C.NOTE, Outcome.MOVED)

    def test_vis_10_the_previous_owners_own_draft_is_adopted_by_the_new_one(self, stage: Stage) -> None:
        clinic, record = stage.clinic, stage.full.record
        clinic.hand_over(Options(keep_copy=False), record=record)

        adopted = stage.desk.adopt_note(clinic.world.new_owner, record, stage.own_draft)

        ((first,),) = clinic.rows("SELECT first_author_id FROM notes WHERE item_id = :id", id=adopted)
        assert UUID(first) == clinic.world.owner

    def test_vis_10_what_was_set_aside_stays_as_it_was(self, stage: Stage) -> None:
        owner, record, draft = stage.clinic.world.owner, stage.full.record, stage.left_draft
        stage.desk.set_note_aside(owner, record, draft)

        for again in (stage.desk.adopt_note, stage.desk.set_note_aside):
            with pytest.raises(Denied, match=r"^VIS-10/set_aside$"):
                again(owner, record, draft)
        assert {item.state for item in stage.desk.record(owner, record).items if item.id == draft} == {
            "set_aside"
        }

    def test_vis_11_the_draft_of_somebody_who_still_writes_is_not_found(self, stage: Stage) -> None:
        """VIS-10, VIS-11: as one that does not exist; once the share has ended it is adopted."""
        owner, record = stage.clinic.world.owner, stage.full.record
        for note in (stage.draft, uuid4()):
            with pytest.raises(NotFound) as denied:
                stage.desk.adopt_note(owner, record, note)
            assert denied.value.key == "VIS-11/note"

        stage.desk.unshare(owner, record, stage.full.collaborator)
        stage.desk.adopt_note(owner, record, stage.draft)

    @pytest.mark.parametrize("rule", ["VIS-10/own", "VIS-10/no_draft"])
    def test_vis_10_only_drafts_of_others(self, stage: Stage, rule: str) -> None:
        with pytest.raises(Denied, match=rf"^{rule}$"):
            stage.desk.adopt_note(
                stage.clinic.world.owner,
                stage.full.record,
                stage.own_draft if rule == "VIS-10/own" else stage.waiting,
            )


class TestApproval:
    def test_vis_10_what_a_collaborator_signs_waits_for_whoever_owns_the_record(self, stage: Stage) -> None:
        clinic, desk, record, who = stage.clinic, stage.desk, stage.full.record, stage.full.collaborator
        desk.share(clinic.world.owner, record, who, level=ShareLevel.WRITE, approval=True)
        note = desk.add_note(who, record, "à approuver")
        assert desk.sign_note(who, record, note) is NoteState.WAITING_APPROVAL
        with pytest.raises(Denied, match=r"^VIS-5/signed$"):
            desk.edit_note(who, record, note, "autre")
        with pytest.raises(Denied, match=r"^VIS-10/not_approver$"):
            desk.approve_note(who, record, note)
        clinic.hand_over(Options(keep_copy=False), record=record)
        with pytest.raises(NotFound):
            desk.approve_note(clinic.world.owner, record, note)

        desk.approve_note(clinic.world.new_owner, record, note)

        rows = clinic.rows("SELECT state, author_id, approved_by_id FROM notes WHERE item_id = :i AND"
            " approved_at IS NOT NULL", i=note)  # fmt: skip
        assert rows == [("signed", str(who), str(clinic.world.new_owner))]
        with pytest.raises(Denied, match=r"^VIS-10/not_waiting$"):
            desk.approve_note(clinic.world.new_owner, record, note)

    def test_vis_6_what_is_its_authors_alone_waits_for_nobody(self, stage: Stage) -> None:
        who = stage.full.collaborator
        stage.desk.share(
            stage.clinic.world.owner, stage.full.record, who, level=ShareLevel.FULL, approval=True
        )
        note = stage.desk.add_note(who, stage.full.record, "pour moi", confidential=True)

        assert stage.desk.sign_note(who, stage.full.record, note) is NoteState.SIGNED


class TestAppointments:
    def test_note_2_the_client_is_told_once_also_while_frozen(self, stage: Stage) -> None:
        """MOVE-13, NOTE-2: one cancellation, with the next sequence number."""
        clinic, owner = stage.clinic, stage.clinic.world.owner
        clinic.ask(record_id=stage.full.record)
        stage.desk.cancel_appointment(owner, stage.appointment)
        with pytest.raises(Denied, match=r"^MOVE-13/cancelled$"):
            stage.desk.cancel_appointment(owner, stage.appointment)

        told = clinic.rows(
            "SELECT kind, sequence, client_id FROM outbox WHERE subject_id = :id", id=stage.appointment
        )
        assert told == [("appointment_cancelled", 1, str(clinic.world.client))]

    def test_move_13_a_holder_who_has_lost_the_record_still_cancels_theirs(self, stage: Stage) -> None:
        clinic, who = stage.clinic, stage.full.collaborator
        theirs = clinic.rows(
            "SELECT item_id FROM appointments WHERE practitioner_id = :id AND starts_at > '2040-03-06'",
            id=who,
        )
        stage.desk.unshare(clinic.world.owner, stage.full.record, who)
        with pytest.raises(Denied, match=r"^MOVE-13/not_holder$"):
            stage.desk.cancel_appointment(clinic.world.owner, UUID(theirs[0][0]))

        stage.desk.cancel_appointment(who, UUID(theirs[0][0]))

    def test_move_13_one_that_has_begun_counts_as_past(self, stage: Stage) -> None:
        with stage.clinic.database.write() as session:
            begun = build.appointment(
                session,
                stage.full.record,
                stage.clinic.world.owner,
                starts_at=datetime(2026, 1, 5, tzinfo=UTC),
            )
        with pytest.raises(Denied, match=r"^MOVE-13/begun$"):
            stage.desk.cancel_appointment(stage.clinic.world.owner, begun)


def test_roles_of_the_log(stage: Stage) -> None:
    """AUD-1: a hold is an administrator's act, also of somebody who is a practitioner too."""
    both = Role.ADMINISTRATOR, Role.PRACTITIONER
    with stage.clinic.database.write() as session:
        who = build.member(session, stage.clinic.world.organization, *both)
    stage.desk.hold(who, stage.full.record, "motif")

    assert stage.clinic.rows("SELECT role FROM events WHERE action = 'record.hold'") == [("administrator",)]
