"""What moves, what stays and what goes: the table MOVE-T, rule by rule, on a real database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import event

from engine.records.reading import preview_view
from engine.rules.content import ContentClass, Outcome
from engine.states.choices import Options, RawDataChoice
from tests import build
from tests.integration.handover.clinic import EVERYTHING, ITEM_TABLES, START, UPCOMING, Clinic

C, O = ContentClass, Outcome  # noqa: E741 - as in the table

#: What every hand-over does, whatever is chosen.
SAME = {
    C.DETAILS: O.MOVED,
    C.NOTE: O.MOVED,
    C.DOCUMENT: O.MOVED,
    C.DRAFT_NOTE: O.MOVED,
    C.PROFILE: O.MOVED,
    C.COLLABORATOR_CONFIDENTIAL: O.MOVED,
    C.COLLABORATOR_APPOINTMENT: O.MOVED,
    C.SHARE: O.MOVED,
    C.INVOICE: O.KEPT,
    C.UPCOMING_APPOINTMENT: O.CANCELLED,
}
#: What each choice does to confidential items, raw data, past appointments, tasks and memos, the holding.
CHOICES = {
    "cautious": (Options(), O.KEPT, O.KEPT, O.KEPT, O.DELETED, "archived"),
    "everything with a copy": (EVERYTHING, O.MOVED, O.MOVED, O.KEPT, O.DELETED, "archived"),
    "everything without a copy": (
        Options(include_confidential=True, raw_data=RawDataChoice.INCLUDE, keep_copy=False),
        *(O.MOVED, O.MOVED, O.WITHHELD, O.DELETED, "quarantined"),
    ),
    "nothing without a copy": (
        Options(keep_copy=False),
        *(O.WITHHELD, O.WITHHELD, O.WITHHELD, O.DELETED, "quarantined"),
    ),
    "confidential without a copy": (
        Options(include_confidential=True, keep_copy=False),
        *(O.MOVED, O.WITHHELD, O.WITHHELD, O.DELETED, "quarantined"),
    ),
    "raw data if allowed, allowed": (
        Options(raw_data=RawDataChoice.IF_ALLOWED, keep_copy=False),
        *(O.WITHHELD, O.MOVED, O.WITHHELD, O.DELETED, "quarantined"),
    ),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_move_t_each_class_under_each_choice(clinic: Clinic, choice: str) -> None:
    """MOVE-T, MOVE-5: the manifest has every item with the outcome of its row, and the holdings agree."""
    options, confidential, raw_data, past, unfinished, state = CHOICES[choice]
    full = clinic.full_record()

    transfer = clinic.hand_over(options, record=full.record)

    expected = SAME | {
        C.CONFIDENTIAL_NOTE: confidential,
        C.CONFIDENTIAL_DOCUMENT: confidential,
        C.RAW_DATA: raw_data,
        C.PAST_APPOINTMENT: past,
        C.TASK: unfinished,
        C.MEMO: unfinished,
    }
    assert clinic.manifest(transfer) == {
        item: (item_class, expected[item_class]) for item_class in C for item in full.items[item_class]
    }
    new, owner = clinic.live(full.record)
    assert owner == clinic.world.new_owner
    of_holding = {c for c in C if expected[c] is O.MOVED} - {C.DETAILS, C.SHARE, C.COLLABORATOR_APPOINTMENT}
    assert clinic.items_of(new) == full.of(*of_holding)
    closed = clinic.rows("SELECT state, closed_by_id FROM holdings WHERE id = :id", id=full.holding)
    assert closed == [(state, str(transfer))]


@pytest.mark.parametrize("raw_data", RawDataChoice)
@pytest.mark.parametrize("title", ["PSYCHOLOGUE ", "Conseillère"])
def test_move_t_every_combination(clinic: Clinic, raw_data: RawDataChoice, title: str) -> None:
    """MOVE-T, MOVE-8, MOVE-11, ELIG-5, ELIG-6: judged by the checker; titles without regard to case."""
    recipient = clinic.colleague(title=title)
    for include, keep_copy, legal_hold, confidential in product([False, True], repeat=4):
        full = clinic.full_record(legal_hold=legal_hold, confidential=confidential)
        options = Options(include_confidential=include, raw_data=raw_data, keep_copy=keep_copy)

        result = clinic.open(clinic.request(record_id=full.record, to=recipient, options=options))

        if raw_data is RawDataChoice.INCLUDE and title == "Conseillère":
            assert result.denied == "ELIG-5"
        else:
            assert clinic.accept(result.transfer_id, by=recipient).state == "accepted"
            assert set(clinic.manifest(result.transfer_id)) == full.every_item


def test_move_11_legal_hold_keeps_everything_that_does_not_move(clinic: Clinic) -> None:
    """MOVE-11: a copy whatever was chosen, with the tasks and the memos in it."""
    full = clinic.full_record(legal_hold=True)

    transfer = clinic.hand_over(Options(keep_copy=False), record=full.record)

    outcomes = clinic.outcomes(transfer)
    stays = (
        C.TASK,
        C.MEMO,
        C.CONFIDENTIAL_NOTE,
        C.CONFIDENTIAL_DOCUMENT,
        C.RAW_DATA,
        C.PAST_APPOINTMENT,
        C.INVOICE,
    )
    assert {outcome for c in stays for outcome in outcomes[c]} == {O.KEPT}
    assert full.of(C.TASK, C.MEMO, C.RAW_DATA) <= clinic.sees(clinic.world.owner, full.record)


def test_move_8_a_rule_that_withholds_more_than_was_chosen_forces_a_copy(clinic: Clinic) -> None:
    """MOVE-8, ELIG-5: raw data wanted, the title not on the list, no copy chosen: a copy is kept."""
    full = clinic.full_record()
    recipient = clinic.colleague(title="Conseillère")
    options = Options(raw_data=RawDataChoice.IF_ALLOWED, keep_copy=False)

    transfer = clinic.hand_over(options, record=full.record, to=recipient)

    outcomes = clinic.outcomes(transfer)
    assert outcomes[C.RAW_DATA] == {O.KEPT}
    assert outcomes[C.CONFIDENTIAL_NOTE] == {O.KEPT}
    assert full.of(C.RAW_DATA) <= clinic.sees(clinic.world.owner, full.record)
    assert not full.of(C.RAW_DATA) & clinic.sees(recipient, full.record)


def test_move_8_without_raw_data_nothing_is_withheld_and_no_copy_forced(clinic: Clinic) -> None:
    """MOVE-8: a rule that withholds nothing keeps nothing."""
    recipient = clinic.colleague(title="Conseillère")

    clinic.hand_over(Options(raw_data=RawDataChoice.IF_ALLOWED, keep_copy=False), to=recipient)

    assert clinic.sees(clinic.world.owner, clinic.world.record) == set()


def test_elig_6_a_confidential_record_moves_with_its_confidential_items(clinic: Clinic) -> None:
    """ELIG-6: whatever the option says; the new holding is confidential too."""
    full = clinic.full_record(confidential=True)

    transfer = clinic.hand_over(Options(include_confidential=False, keep_copy=False), record=full.record)

    assert clinic.outcomes(transfer)[C.CONFIDENTIAL_NOTE] == {O.MOVED}
    assert clinic.outcomes(transfer)[C.RAW_DATA] == {O.WITHHELD}
    new, _ = clinic.live(full.record)
    assert clinic.rows("SELECT confidential FROM holdings WHERE id = :id", id=new) == [(1,)]


@pytest.mark.parametrize(
    ("starts_at", "item_class", "state"),
    [
        (START - timedelta(hours=2), C.PAST_APPOINTMENT, "booked"),
        (START - timedelta(minutes=10), C.PAST_APPOINTMENT, "booked"),
        (START + timedelta(minutes=2), C.PAST_APPOINTMENT, "booked"),  # the very instant of the acceptance
        (START + timedelta(minutes=3), C.UPCOMING_APPOINTMENT, "cancelled"),
    ],
)
def test_move_13_an_appointment_that_has_begun_is_past(
    clinic: Clinic, starts_at: object, item_class: ContentClass, state: str
) -> None:
    """MOVE-13: what counts is the instant of the hand-over."""
    world = clinic.world
    with clinic.database.write() as session:
        assert isinstance(starts_at, type(START))
        item = build.appointment(
            session, world.record, world.owner, client_id=world.client, starts_at=starts_at
        )

    transfer = clinic.hand_over()

    assert clinic.manifest(transfer)[item][0] is item_class
    assert clinic.rows("SELECT state FROM appointments WHERE item_id = :id", id=item) == [(state,)]


def test_move_13_booked_while_the_transfer_is_open(clinic: Clinic) -> None:
    """MOVE-13: an appointment that the owner books meanwhile is cancelled too, its client told once."""
    world = clinic.world
    transfer = clinic.ask()
    with clinic.database.write() as session:
        item = build.appointment(
            session, world.record, world.owner, client_id=world.client, starts_at=UPCOMING
        )

    clinic.accept(transfer)

    assert ("appointment_cancelled", world.client) in clinic.told(transfer)
    assert clinic.rows("SELECT state, sequence FROM appointments WHERE item_id = :id", id=item) == [
        ("cancelled", 1)
    ]


def test_note_2_each_cancelled_appointment_tells_its_client_once(clinic: Clinic) -> None:
    """NOTE-2, MOVE-7: clients are told at the hand-over, once an appointment, and never before."""
    full = clinic.full_record()
    transfer = clinic.ask(record_id=full.record)
    assert not clinic.rows("SELECT 1 FROM outbox WHERE client_id IS NOT NULL")

    clinic.accept(transfer)

    told = clinic.rows(
        "SELECT kind, client_id, sequence, transfer_id FROM outbox WHERE client_id IS NOT NULL"
    )
    assert told == [("appointment_cancelled", str(clinic.world.client), 1, str(transfer))]


@pytest.mark.parametrize("how", ["refuse", "cancel", "expire"])
def test_move_7_without_an_acceptance_the_record_is_as_it_was(clinic: Clinic, how: str) -> None:
    """MOVE-7, VIS-9: a refusal, a cancel and a missed deadline touch nothing and tell no client."""
    full = clinic.full_record()
    untouched = [*ITEM_TABLES, "shares", "holdings", "records", "content"]
    before = {table: clinic.rows(f"SELECT * FROM {table}") for table in untouched}
    transfer = clinic.ask(record_id=full.record, options=EVERYTHING)

    result = getattr(clinic, how)(transfer)

    assert result.state == {"refuse": "refused", "cancel": "cancelled", "expire": "expired"}[how]
    assert before == {table: clinic.rows(f"SELECT * FROM {table}") for table in untouched}
    assert not clinic.rows("SELECT 1 FROM outbox WHERE client_id IS NOT NULL")
    assert clinic.manifest(transfer) == {}


def test_preview_counts_what_the_handover_then_does(clinic: Clinic) -> None:
    """MOVE-5: preview and hand-over read one list; a preview writes nothing."""
    full = clinic.full_record()
    owner = clinic.member(clinic.world.owner)
    with clinic.database.read() as session:
        seen = preview_view(
            session, owner, full.record, clinic.world.new_owner, EVERYTHING, START + timedelta(minutes=1)
        )
    assert not clinic.rows("SELECT 1 FROM transfers")

    transfer = clinic.hand_over(EVERYTHING, record=full.record)

    done: dict[tuple[str, str], int] = {}
    for item_class, outcome in clinic.manifest(transfer).values():
        if item_class is not C.COLLABORATOR_CONFIDENTIAL:
            done[item_class, outcome] = done.get((item_class, outcome), 0) + 1
    assert {(line.item_class, line.outcome): line.count for line in seen.items} == done


def _statements_of_accept(clinic: Clinic, items: int) -> int:
    world = clinic.world
    with clinic.database.write() as session:
        built = build.record(session, world.owner, [world.client])
        for number in range(items // 5):
            build.note(session, built.holding_id, body=f"note {number}")
            build.document(session, built.holding_id, body=b"%d" % number)
            build.raw_datum(session, built.holding_id)
            build.task(session, built.holding_id)
            build.appointment(
                session, built.record_id, world.owner, client_id=world.client, starts_at=UPCOMING
            )
    transfer = clinic.ask(record_id=built.record_id, options=EVERYTHING)
    with _counted(clinic) as count:
        clinic.accept(transfer)
    assert len(clinic.manifest(transfer)) == items + 1
    return len(count)


@contextmanager
def _counted(clinic: Clinic) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(clinic.database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(clinic.database.engine, "before_cursor_execute", note)


def test_accept_runs_the_same_statements_for_ten_items_as_for_a_thousand(clinic: Clinic) -> None:
    """The hand-over is set-based: its number of statements does not grow with the items."""
    few = _statements_of_accept(clinic, 10)
    many = _statements_of_accept(clinic, 1000)

    assert few == many
    assert many < 60


def test_an_item_id_is_the_same_in_every_holding(clinic: Clinic) -> None:
    """VIS-5, MOVE-5: id, author, date, signature and bytes are those that were written."""
    full = clinic.full_record()
    clinic.hand_over(EVERYTHING, record=full.record)
    new, _ = clinic.live(full.record)
    columns = "item_id, author_id, created_at, signed_at, sha256, state, confidential"

    def notes(holding: UUID) -> list[object]:
        return clinic.rows(
            f"SELECT {columns} FROM notes WHERE holding_id = :id AND author_only = false ORDER BY item_id",
            id=holding,
        )

    assert notes(full.holding) == notes(new)
