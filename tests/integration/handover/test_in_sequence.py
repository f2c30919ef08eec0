"""Several hand-overs of one record, and hand-overs to somebody who worked on it already (VIS-9)."""

from engine.records.tables.base import NoteState
from engine.rules.content import ContentClass, Outcome
from engine.states.choices import Options, RawDataChoice
from tests import build
from tests.integration.handover.clinic import EVERYTHING, UPCOMING, Clinic

C, O = ContentClass, Outcome  # noqa: E741 - as in the table


def test_there_and_back_is_three_holdings_with_stable_ids(clinic: Clinic) -> None:
    """A→B→A: three holdings, one live; every item has one id in all of them; copies are read beside it."""
    world, full = clinic.world, clinic.full_record()

    clinic.hand_over(EVERYTHING, record=full.record)
    between, _ = clinic.live(full.record)
    with clinic.database.write() as session:
        added = build.note(session, between)
    clinic.hand_over(EVERYTHING, record=full.record, by=world.new_owner, to=world.owner)

    back, owner = clinic.live(full.record)
    assert owner == world.owner
    states = clinic.rows("SELECT id, state FROM holdings WHERE record_id = :id", id=full.record)
    assert dict(states) == {
        str(full.holding): "archived",
        str(between): "archived",
        str(back): "live",
    }
    moving = full.of(C.NOTE, C.DRAFT_NOTE, C.DOCUMENT, C.CONFIDENTIAL_NOTE, C.RAW_DATA, C.PROFILE)
    assert moving <= clinic.items_of(full.holding) & clinic.items_of(between) & clinic.items_of(back)
    assert added in clinic.sees(world.owner, full.record, archived=False)
    assert added not in clinic.sees(world.owner, full.record, archived=True)
    assert full.of(C.INVOICE) <= clinic.sees(world.owner, full.record, archived=True)
    assert added in clinic.sees(world.new_owner, full.record, archived=True)
    assert clinic.sees(world.new_owner, full.record, archived=False) == set()


def test_move_10_what_stayed_in_a_copy_stays_there(clinic: Clinic) -> None:
    """MOVE-10: confidential items that were not moved are read beside the record when it comes back."""
    world, full = clinic.world, clinic.full_record()
    clinic.hand_over(Options(), record=full.record)

    clinic.hand_over(Options(), record=full.record, by=world.new_owner, to=world.owner)

    kept = full.of(C.CONFIDENTIAL_NOTE, C.RAW_DATA)
    assert kept <= clinic.sees(world.owner, full.record, archived=True)
    assert not kept & clinic.sees(world.owner, full.record, archived=False)


def test_two_transfers_of_one_record_in_sequence(clinic: Clinic) -> None:
    """A→B→C: the second moves what the first one moved, and nothing of what stayed with A."""
    world, full = clinic.world, clinic.full_record()
    third = clinic.colleague()
    first = clinic.hand_over(Options(include_confidential=True), record=full.record)

    second = clinic.hand_over(EVERYTHING, record=full.record, by=world.new_owner, to=third)

    assert full.of(C.RAW_DATA) <= clinic.manifest(first).keys() - clinic.manifest(second).keys()
    assert clinic.outcomes(second)[C.CONFIDENTIAL_NOTE] == {O.MOVED}
    assert not full.of(C.RAW_DATA, C.TASK, C.INVOICE) & clinic.sees(third, full.record)
    assert full.of(C.NOTE, C.CONFIDENTIAL_NOTE) <= clinic.sees(third, full.record)
    # Each previous owner reads their own copy.
    assert full.of(C.RAW_DATA) <= clinic.sees(world.owner, full.record)
    assert not full.of(C.RAW_DATA) & clinic.sees(world.new_owner, full.record)


def test_a_refused_transfer_leaves_the_record_free_for_the_next(clinic: Clinic) -> None:
    """OVR-1, ELIG-1: who refused may be asked again."""
    transfer = clinic.ask()
    clinic.refuse(transfer)

    clinic.hand_over()

    assert clinic.live(clinic.world.record)[1] == clinic.world.new_owner


def test_vis_9_a_collaborator_becomes_the_owner(clinic: Clinic) -> None:
    """VIS-9: the share ends, their appointments are the owner's, what was for their eyes is theirs."""
    full = clinic.full_record()
    collaborator, secret = full.collaborator, full.of(C.COLLABORATOR_CONFIDENTIAL)
    with clinic.database.write() as session:
        draft = build.note(session, full.holding, author_id=collaborator, state=NoteState.DRAFT)
    # Of raw data only what a title that is not on the list may not have.
    options = Options(include_confidential=True, raw_data=RawDataChoice.IF_ALLOWED, keep_copy=True)
    transfer = clinic.ask(record_id=full.record, to=collaborator, options=options)
    assert clinic.sees(collaborator, full.record) == set()

    clinic.accept(transfer, by=collaborator)

    assert clinic.outcomes(transfer)[C.SHARE] == {O.CANCELLED}
    new, owner = clinic.live(full.record)
    assert owner == collaborator
    assert not clinic.rows("SELECT 1 FROM shares WHERE ended_at IS NULL")
    assert full.of(C.COLLABORATOR_APPOINTMENT) <= clinic.items_of(new)
    assert secret | {draft} <= clinic.sees(collaborator, full.record)
    assert not secret & clinic.sees(clinic.world.owner, full.record)
    upcoming = clinic.rows("SELECT starts_at, state FROM appointments WHERE holding_id = :id", id=new)
    assert {state for _, state in upcoming} == {"booked"}
    # The next hand-over cancels them as their owner's, and takes their confidential items by option.
    third = clinic.colleague()
    again = clinic.hand_over(Options(), record=full.record, by=collaborator, to=third)
    assert clinic.outcomes(again)[C.UPCOMING_APPOINTMENT] == {O.CANCELLED}
    assert {clinic.manifest(again)[item][1] for item in secret} == {O.KEPT}
    assert not secret & clinic.sees(third, full.record)


def test_vis_9_otherwise_the_share_is_as_it_was(clinic: Clinic) -> None:
    """VIS-9: a collaborator who refuses keeps their share and what they saw."""
    full = clinic.full_record()
    before = clinic.sees(full.collaborator, full.record)
    shares = clinic.rows("SELECT * FROM shares")
    transfer = clinic.ask(record_id=full.record, to=full.collaborator)

    clinic.refuse(transfer, by=full.collaborator)

    assert clinic.rows("SELECT * FROM shares") == shares
    assert clinic.sees(full.collaborator, full.record) == before


def test_other_shares_stay_with_level_and_approval(clinic: Clinic) -> None:
    """MOVE-T/share: a collaborator goes on, sees the record in new hands and keeps their appointments."""
    full = clinic.full_record()
    shares = clinic.rows("SELECT * FROM shares")

    clinic.hand_over(EVERYTHING, record=full.record)

    assert clinic.rows("SELECT * FROM shares") == shares
    seen = clinic.sees(full.collaborator, full.record)
    assert full.of(C.NOTE, C.DOCUMENT, C.COLLABORATOR_APPOINTMENT, C.COLLABORATOR_CONFIDENTIAL) <= seen
    appointments = clinic.rows(
        "SELECT state, holding_id FROM appointments WHERE practitioner_id = :id", id=full.collaborator
    )
    assert set(appointments) == {("booked", None)}
    assert UPCOMING.isoformat()[:10] in str(
        clinic.rows("SELECT starts_at FROM appointments WHERE state = 'booked'")
    )
