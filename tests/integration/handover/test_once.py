"""Once: repetitions, concurrency, commands made on another state (MOVE-3); narrower options (MOVE-1)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from engine.messages.transfer import StepResult
from engine.records.tables.base import TextKind
from engine.states.choices import Options, RawDataChoice
from tests.integration.handover.clinic import EVERYTHING, Clinic

T = TypeVar("T")
AT_ONCE = 20


def _together(run: Callable[[int], T]) -> list[T]:
    """Run the same thing in twenty threads that start together."""
    barrier = Barrier(AT_ONCE)

    def go(number: int) -> T:
        barrier.wait()
        return run(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(go, range(AT_ONCE)))


def _everything(clinic: Clinic) -> dict[str, list[tuple[object, ...]]]:
    tables = ("transfers", "holdings", "notes", "manifest", "events", "outbox", "appointments", "shares")
    return {table: clinic.rows(f"SELECT * FROM {table}") for table in tables}


def _decide(clinic: Clinic, step: str, transfer: UUID, **more: UUID) -> StepResult:
    if step == "narrow":
        return clinic.narrow(transfer, Options(), **more)
    if step == "expire":
        return clinic.expire(transfer)
    result: StepResult = getattr(clinic, step)(transfer, **more)
    return result


@pytest.mark.parametrize("step", ["accept", "refuse", "cancel", "narrow", "expire"])
def test_move_3_the_same_command_twice(clinic: Clinic, step: str) -> None:
    """MOVE-3: the same answer, and not a row changed, in no table."""
    full, command = clinic.full_record(), uuid4()
    transfer = clinic.ask(record_id=full.record, options=EVERYTHING)
    more: dict[str, UUID] = {} if step == "expire" else {"command_id": command}
    if step == "refuse":
        more["reason_id"] = clinic.text(clinic.world.new_owner, TextKind.REASON)
    first = _decide(clinic, step, transfer, **more)
    before = _everything(clinic)

    second = _decide(clinic, step, transfer, **more)

    assert first == second
    assert _everything(clinic) == before


@pytest.mark.parametrize("step", ["accept", "refuse", "cancel", "narrow"])
def test_move_3_the_same_decision_by_the_same_person_without_a_key(clinic: Clinic, step: str) -> None:
    """MOVE-3: another command that says the same gets the same answer, and changes nothing."""
    transfer = clinic.ask(options=EVERYTHING)
    first = _decide(clinic, step, transfer)
    before = _everything(clinic)

    second = _decide(clinic, step, transfer)

    assert first == second
    assert _everything(clinic) == before


def test_move_3_the_same_request_twice(clinic: Clinic) -> None:
    """MOVE-3: one row, one line, one notice; also after the answer."""
    request = clinic.request()
    first = clinic.open(request)
    before = _everything(clinic)

    assert clinic.open(request) == first
    assert _everything(clinic) == before
    clinic.accept(request.transfer_id)
    assert clinic.open(request).state == "accepted"


def test_move_3_a_key_used_for_another_request(clinic: Clinic) -> None:
    """MOVE-3: one key is one request; the other one is denied and the first goes on."""
    request = clinic.request()
    clinic.open(request)
    other = request.model_copy(update={"record_id": clinic.full_record().record})

    assert clinic.open(other).denied == "MOVE-3/other_request"

    assert clinic.column(request.transfer_id, "state") == "pending_acceptance"
    assert clinic.accept(request.transfer_id).denied is None


def test_move_3_a_reminder_is_sent_once(clinic: Clinic) -> None:
    """ST-3, MOVE-3: the same wake-up twice is one reminder; each has its day."""
    transfer = clinic.ask()
    for days in (2, 3, 3, 4, 7, 7, 13):
        clinic.remind(transfer, after=timedelta(days=days))

    told = [kind for kind, who in clinic.told(transfer) if who == clinic.world.new_owner]
    assert told == ["asked", "reminder", "reminder"]


@pytest.mark.parametrize("same", [True, False], ids=["same command", "twenty commands"])
def test_move_3_twenty_acceptances_at_once(clinic: Clinic, same: bool) -> None:
    """MOVE-2, MOVE-3, AUD-2: one hand-over, one set of notices, one chain, one answer."""
    full, command = clinic.full_record(), uuid4()
    transfer = clinic.ask(record_id=full.record, options=EVERYTHING)

    results = _together(lambda _: clinic.accept(transfer, command_id=command if same else uuid4()))

    assert {(result.state, result.version, result.denied) for result in results} == {("accepted", 2, None)}
    assert len(clinic.rows("SELECT 1 FROM holdings WHERE record_id = :id", id=full.record)) == 2
    assert [line[0] for line in clinic.lines(transfer)] == [
        "transfer.open",
        "transfer.accept",
        "record.handed_over",
        "record.handed_over",
    ]
    assert [kind for kind, _ in clinic.told(transfer)] == ["accepted", "appointment_cancelled", "asked"]


@pytest.mark.parametrize("same", [True, False], ids=["same request", "twenty requests"])
def test_move_3_twenty_requests_at_once(clinic: Clinic, same: bool) -> None:
    """MOVE-3, ELIG-1, OVR-3: one open transfer; the same request is one, others fail by the rule."""
    one = clinic.request()

    results = _together(lambda _: clinic.open(one if same else clinic.request()))

    pending = [result for result in results if result.state == "pending_acceptance"]
    assert len(pending) == (AT_ONCE if same else 1)
    assert {result.denied for result in results if result not in pending} <= {"ELIG-1/open_transfer"}
    rows = clinic.rows("SELECT state FROM transfers")
    assert rows.count(("pending_acceptance",)) == 1
    assert len(rows) == (1 if same else AT_ONCE)


def test_move_3_different_decisions_at_once(clinic: Clinic) -> None:
    """MOVE-3, ST-T: exactly one of four decisions stands, and the others are told."""
    transfer = clinic.ask()
    decide = ("accept", "refuse", "cancel", "expire")

    results = _together(lambda number: _decide(clinic, decide[number % 4], transfer))

    (final,) = {result.state for result in results}
    assert final in {"accepted", "refused", "cancelled", "expired"}
    told = {result.denied for result in results if result.denied is not None}
    assert all(rule.endswith(f"/from_{final}") for rule in told)
    assert clinic.column(transfer, "version") == 2


def test_twenty_hand_overs_of_twenty_records_at_once(clinic: Clinic) -> None:
    """AUD-2: concurrent writers leave one whole chain."""
    records = [clinic.full_record().record for _ in range(AT_ONCE)]

    _together(lambda number: clinic.hand_over(record=records[number]))

    assert clinic.rows("SELECT count(*) FROM transfers WHERE state = 'accepted'") == [(AT_ONCE,)]


def test_move_3_a_decision_on_a_state_that_changed(clinic: Clinic) -> None:
    """MOVE-3, MOVE-1: who saw the wide options does not accept the narrow ones unseen."""
    transfer = clinic.ask(options=EVERYTHING)
    seen = clinic.view(clinic.world.new_owner, transfer).version
    clinic.narrow(transfer, Options())

    denied = clinic.accept(transfer, seen_version=seen)

    assert (denied.denied, denied.state) == ("MOVE-3/changed", "pending_acceptance")
    assert clinic.refuse(transfer, seen_version=seen).denied == "MOVE-3/changed"
    assert clinic.cancel(transfer, seen_version=seen).denied == "MOVE-3/changed"
    now = clinic.view(clinic.world.new_owner, transfer).version
    assert clinic.accept(transfer, seen_version=now).state == "accepted"


def test_move_1_narrow(clinic: Clinic) -> None:
    """MOVE-1, NOTE-1: less moves, a copy more is kept; the new owner is told and the deadline stays."""
    full = clinic.full_record()
    wide = Options(include_confidential=True, raw_data=RawDataChoice.INCLUDE, keep_copy=False)
    transfer = clinic.ask(record_id=full.record, options=wide)
    deadline = clinic.column(transfer, "respond_by")

    assert clinic.narrow(transfer, Options()).version == 2

    assert ("narrowed", clinic.world.new_owner) in clinic.told(transfer)
    assert clinic.column(transfer, "respond_by") == deadline
    clinic.accept(transfer)
    assert clinic.rows("SELECT state FROM holdings WHERE id = :id", id=full.holding) == [("archived",)]


@pytest.mark.parametrize(
    "wider",
    [
        Options(include_confidential=True),
        Options(raw_data=RawDataChoice.INCLUDE),
        Options(raw_data=RawDataChoice.IF_ALLOWED),
        Options(keep_copy=False),
    ],
)
def test_move_1_never_wider(clinic: Clinic, wider: Options) -> None:
    """MOVE-1: dropping a copy widens too; nothing changes."""
    transfer = clinic.ask()

    result = clinic.narrow(transfer, wider)

    assert (result.denied, result.version) == ("MOVE-1/wider", 1)
    assert clinic.told(transfer) == [("asked", clinic.world.new_owner)]


def test_move_1_only_by_who_asked_and_while_open(clinic: Clinic) -> None:
    """MOVE-1: not by the new owner, nor by the owner where a coordinator asked, nor after the answer."""
    transfer = clinic.ask(by=clinic.world.coordinator, options=EVERYTHING)
    for other in (clinic.world.owner, clinic.world.new_owner):
        assert clinic.narrow(transfer, Options(), by=other).denied == "MOVE-1/not_asker"
    clinic.change("DELETE FROM member_roles WHERE member_id = :id", id=clinic.world.coordinator)
    # ROLE-5, VIS-12: who lost the role that they asked in is not the asker any more, nor knows of it.
    assert clinic.narrow(transfer, Options(), by=clinic.world.coordinator).denied == "VIS-11/transfer"

    clinic.accept(transfer)

    own = clinic.ask(record_id=clinic.full_record().record, options=EVERYTHING)
    clinic.refuse(own)
    assert clinic.narrow(own, Options()).denied == "MOVE-1/closed"
