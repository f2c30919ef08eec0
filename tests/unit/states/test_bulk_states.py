"""The machine of a bulk against the table of the rules, copied here as text and read by this file alone."""

from itertools import product

import pytest

from engine.errors import Denied
from engine.states.bulk import (
    BULK_INITIAL,
    BULK_TABLE,
    OPEN_BULKS,
    BulkFacts,
    BulkState,
    BulkTrigger,
    advance_bulk,
    who_may_bulk,
)
from engine.states.transfer import Fires

# Word for word from the rules, "Many at once". Change it only when the rules change.
RULES = """
| `running` | starts transfers or waits for answers | pause, stop, finish |
| `paused` | starts none | resume (by any coordinator, who thereby takes it over), stop |
| `stopped` | final; what is open stays open unless told to cancel it | |
| `finished` | final; every item has a final transfer or the rule that blocks it | |
"""
LEADS = {"pause": "paused", "resume": "running", "stop": "stopped", "finish": "finished"}
SETTLED = BulkFacts(settled=True)


def leaves() -> dict[str, list[str]]:
    """Read in the text by what each state is left."""
    found = {}
    for line in RULES.strip().splitlines():
        state, _, ways = (cell.strip() for cell in line.strip("|").split("|"))
        said = ways.replace(" (by any coordinator, who thereby takes it over)", "")
        found[state.strip("`")] = said.split(", ") if said else []
    return found


def test_the_states_are_those_of_the_rules() -> None:
    assert list(leaves()) == list(BulkState)
    assert [state for state, ways in leaves().items() if ways] == sorted(OPEN_BULKS, reverse=True)
    assert BULK_INITIAL is BulkState.RUNNING


@pytest.mark.parametrize(("state", "trigger"), list(product(BulkState, BulkTrigger)))
def test_a_state_is_left_as_the_rules_say_and_no_other_way(state: BulkState, trigger: BulkTrigger) -> None:
    """BULK-4: a denial names the state that it was tried from."""
    if trigger in leaves()[state]:
        assert advance_bulk(state, trigger, SETTLED) == LEADS[trigger]
        assert who_may_bulk(state, trigger)
        return
    with pytest.raises(Denied, match=f"BULK-4/{state}"):
        advance_bulk(state, trigger, SETTLED)
    assert not who_may_bulk(state, trigger)


def test_nothing_is_finished_before_every_item_is_settled() -> None:
    with pytest.raises(Denied, match="BULK-4/running"):
        advance_bulk(BulkState.RUNNING, BulkTrigger.FINISH)


def test_people_command_and_the_engine_finishes() -> None:
    """ROLE-5: the engine also pauses what nobody leads any more."""
    who = {edge.trigger: edge.who for edge in BULK_TABLE}

    assert who == {
        BulkTrigger.PAUSE: {Fires.COORDINATOR, Fires.ENGINE},
        BulkTrigger.RESUME: {Fires.COORDINATOR},
        BulkTrigger.STOP: {Fires.COORDINATOR},
        BulkTrigger.FINISH: {Fires.ENGINE},
    }
