"""One writer at a time, in the order in which they came."""

import threading
import time

import pytest

from engine.errors import Unavailable
from engine.records.turns import Turns


def test_whoever_comes_first_is_served_first() -> None:
    turns, served, threads = Turns(patience=30), [], []

    def write(number: int) -> None:
        with turns.one():
            served.append(number)

    with turns.one():
        for number in range(8):
            threads.append(threading.Thread(target=write, args=(number,)))
            threads[-1].start()
            while turns.waiting <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()

    assert served == list(range(8))


def test_who_has_time_lets_others_go_first_but_not_for_ever() -> None:
    """BULK-6: a single transfer does not wait for a bulk; under a flood of them the bulk goes on."""
    turns, served, threads = Turns(patience=30), [], []

    def write(name: str) -> None:
        with turns.one(has_time=name.startswith("bulk")):
            served.append(name)

    names = ["bulk 1", "bulk 2", *(f"single {number}" for number in range(6))]
    with turns.one():
        for number, name in enumerate(names):
            threads.append(threading.Thread(target=write, args=(name,)))
            threads[-1].start()
            while turns.waiting <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()

    assert served == [*names[2:6], "bulk 1", *names[6:], "bulk 2"]


def test_patience_runs_out_and_leaves_the_queue() -> None:
    turns = Turns(patience=0.01)

    def give_up() -> None:
        with pytest.raises(Unavailable) as told, turns.one():
            raise AssertionError("nobody else may have a turn")
        assert told.value.variant == "database_unavailable"

    with turns.one():
        thread = threading.Thread(target=give_up)
        thread.start()
        thread.join()

        assert turns.waiting == 0

    with turns.one():
        assert turns.waiting == 0


def test_turn_ends_with_an_error() -> None:
    turns = Turns(patience=0.01)

    with pytest.raises(ValueError, match="mistake"), turns.one():
        raise ValueError("mistake")

    with turns.one():
        assert turns.waiting == 0
