"""What a reader sees of each class, from whichever hand; and what nobody learns by trying."""

from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, NotFound
from engine.records.tables.base import StuckCause
from engine.records.transfers import mark_stuck
from engine.rules.content import ContentClass as C
from engine.states.choices import Options, Role, ShareLevel
from tests import build
from tests.integration.handover.clinic import EVERYTHING, Clinic, FullRecord


@pytest.fixture
def desk(clinic: Clinic) -> Desk:
    return Desk(clinic.database)


def _seen(clinic: Clinic, desk: Desk, full: FullRecord, actor: UUID) -> set[UUID]:
    return {item.id for item in desk.record(actor, full.record).items if not item.archived}


class TestEveryClass:
    """VIS-4 to VIS-7: by class and by who wrote it, before, while frozen, and after."""

    def test_the_owner_sees_all_but_what_is_its_authors_alone(self, clinic: Clinic, desk: Desk) -> None:
        full = clinic.full_record()
        hidden = full.items[C.COLLABORATOR_CONFIDENTIAL] | full.their_drafts

        assert _seen(clinic, desk, full, clinic.world.owner) == full.every_item - hidden

        clinic.ask(record_id=full.record)
        assert _seen(clinic, desk, full, clinic.world.owner) == full.every_item - hidden

    def test_the_new_owner_sees_all_that_moved(self, clinic: Clinic, desk: Desk) -> None:
        full = clinic.full_record()
        clinic.hand_over(EVERYTHING, record=full.record)
        moves = {
            C.NOTE,
            C.DOCUMENT,
            C.DRAFT_NOTE,
            C.PROFILE,
            C.CONFIDENTIAL_NOTE,
            C.CONFIDENTIAL_DOCUMENT,
            C.RAW_DATA,
            C.SHARE,
            C.COLLABORATOR_APPOINTMENT,
        }
        holding, new_owner = clinic.live(full.record)

        assert _seen(clinic, desk, full, new_owner) == full.of(*moves) - full.their_drafts | {holding}

    def test_a_collaborator_sees_their_own_and_what_is_not_confidential(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        full = clinic.full_record()
        own = {
            item
            for table in ("notes", "documents", "raw_data", "profiles", "tasks", "memos")
            for (item,) in clinic.rows(
                f"SELECT item_id FROM {table} WHERE author_id = :who",
                who=full.collaborator,
            )
        }
        shown = full.of(
            C.DETAILS, C.NOTE, C.DOCUMENT, C.PROFILE, C.PAST_APPOINTMENT, C.UPCOMING_APPOINTMENT,
            C.COLLABORATOR_APPOINTMENT, C.SHARE, C.COLLABORATOR_CONFIDENTIAL,
        )  # fmt: skip

        assert _seen(clinic, desk, full, full.collaborator) == shown | {UUID(item) for item in own}

        clinic.ask(record_id=full.record)
        with pytest.raises(Denied, match="VIS-4"):
            desk.record(full.collaborator, full.record)

    def test_the_one_who_is_asked_sees_nothing_and_is_told_why(self, clinic: Clinic, desk: Desk) -> None:
        full = clinic.full_record()
        transfer = clinic.ask(record_id=full.record, options=EVERYTHING)

        with pytest.raises(Denied, match="VIS-3"):
            desk.record(clinic.world.new_owner, full.record)
        view = clinic.view(clinic.world.new_owner, transfer)
        assert (view.purpose, view.options, view.reason, view.basis, view.message) == (None,) * 5
        assert view.record_number is not None


class TestNobodyLearns:
    """VIS-2, VIS-8, VIS-11: what one may not know reads as what does not exist."""

    def test_a_number_that_exists_reads_as_one_that_does_not(self, clinic: Clinic, desk: Desk) -> None:
        full = clinic.full_record(confidential=True)
        (number,) = clinic.rows("SELECT number FROM records WHERE id = :id", id=full.record)[0]

        for stranger in (clinic.world.coordinator, clinic.world.administrator, clinic.colleague()):
            for name in (number, str(full.record), "D-99999"):
                with pytest.raises(NotFound, match="VIS-11/record"):
                    desk.record_named(stranger, name)

        assert desk.record_named(clinic.world.owner, number) == full.record

    def test_a_note_that_exists_reads_as_one_that_does_not(self, clinic: Clinic, desk: Desk) -> None:
        full = clinic.full_record()
        hidden = [*full.items[C.CONFIDENTIAL_NOTE], *(full.items[C.DRAFT_NOTE] - full.their_drafts), uuid4()]

        for note in hidden:
            with pytest.raises(NotFound, match="VIS-11/note"):
                desk.edit_note(full.collaborator, full.record, note, "mine now")


class TestTheFreezeGivesNoRights:
    """VIS-4: somebody who may only read may not do more because a transfer is open."""

    def test_a_reader_neither_restricts_nor_books(self, clinic: Clinic, desk: Desk) -> None:
        reader = clinic.colleague()
        desk.share(clinic.world.owner, clinic.world.record, reader, level=ShareLevel.READ)
        clinic.ask()

        with pytest.raises(Denied, match="VIS-5/read_only"):
            desk.restrict(
                reader, clinic.world.record, member_id=clinic.world.new_owner, title=None, basis="non"
            )

    def test_the_owner_notes_a_restriction_at_any_time(self, clinic: Clinic, desk: Desk) -> None:
        """ELIG-4: the list is the client's; the one who is asked learns only that it is too late (VIS-11)."""
        transfer = clinic.ask()
        desk.restrict(
            clinic.world.owner,
            clinic.world.record,
            member_id=clinic.world.new_owner,
            title=None,
            basis="demande",
        )

        assert clinic.accept(transfer).denied == "VIS-11/no_longer"

    def test_raw_data_are_not_also_confidential(self, clinic: Clinic, desk: Desk) -> None:
        """ELIG-5, VIS-6: one of the two rules would be lost."""
        with pytest.raises(BadInput, match="confidential_raw_data"):
            desk.add_document(
                clinic.world.owner,
                clinic.world.record,
                b"1;2",
                name="brut",
                media_type="text/csv",
                confidential=True,
                raw_data=True,
            )


def test_move_3_one_senders_key_does_not_answer_another(clinic: Clinic) -> None:
    """MOVE-3, VIS-8: the rule that denied one request says nothing to who uses its key for another."""
    other_owner = clinic.colleague()
    with clinic.database.write() as session:
        other = build.record(session, other_owner, [build.client(session, clinic.world.organization)])
    clinic.restrict(member_id=clinic.world.new_owner)
    first = clinic.request()
    again = clinic.request(by=other_owner, record_id=other.record_id).model_copy(
        update={"transfer_id": first.transfer_id}
    )

    assert clinic.open(first).denied == "ELIG-4"
    assert clinic.open(again).denied == "MOVE-3/other_request"


def test_st_5_a_decision_that_was_lost_with_its_workflow_stops_no_deadline(clinic: Clinic) -> None:
    """ST-5, ST-3: a workflow that begins from its row keeps no decision, so nothing is stuck any more."""
    request = clinic.request()
    clinic.open(request)
    with clinic.database.write() as session:
        mark_stuck(session, request.transfer_id, StuckCause.MISSING_CONTENT)
    assert clinic.expire(request.transfer_id).state == "pending_acceptance"

    clinic.open(request)

    assert clinic.expire(request.transfer_id).state == "expired"


def test_st_1_a_cancel_that_waits_is_repeated(clinic: Clinic) -> None:
    """MOVE-3: a cancel that could not give the record back gets the same answer the second time."""
    transfer = clinic.ask(by=clinic.world.coordinator)
    clinic.change("UPDATE members SET active = false WHERE id = :id", id=clinic.world.owner)

    first = clinic.cancel(transfer, by=clinic.world.coordinator)
    again = clinic.cancel(transfer, by=clinic.world.coordinator)

    assert (first.state, first.denied) == (again.state, again.denied) == ("coordinator_override", None)


def test_st_1_a_coordinator_who_refused_as_a_practitioner_still_decides(clinic: Clinic) -> None:
    """ST-1: the two hats of one person are two decisions."""
    both = clinic.colleague()
    clinic.change(
        "INSERT INTO member_roles (member_id, role) VALUES (:id, :role)", id=both, role=Role.COORDINATOR.value
    )
    transfer = clinic.ask(by=clinic.world.coordinator, to=both, options=Options())
    clinic.refuse(transfer, by=both)

    assert clinic.cancel(transfer, by=both).state == "cancelled"
