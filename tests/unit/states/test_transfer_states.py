"""ST-T: the machine against the table of the rules, copied here as text and read by this file alone."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.states.transfer import (
    FINAL_STATES,
    INITIAL,
    MACHINE,
    OPEN_STATES,
    TABLE,
    Facts,
    Fires,
    Party,
    TransferState,
    TransferTrigger,
    TransitionDenied,
    advance,
    edges_for,
    who_may,
)

# Word for word from the rules, "States of a transfer". Change it only when the rules change.
RULES = """
| `requested` | open | engine | rules pass | `pending_acceptance` |
| `requested` | reject | engine | a rule denies | `failed` |
| `requested`, `pending_acceptance` | override | coordinator | | `coordinator_override` |
| `pending_acceptance` | escalate | engine | a refusal, a cancel, a missed deadline or lost eligibility \
that cannot give the record back | `coordinator_override` |
| `pending_acceptance` | accept | new owner | rules pass | `accepted` |
| `pending_acceptance` | refuse | new owner | returnable | `refused` |
| `requested`, `pending_acceptance` | cancel | who asked, owner | owner active | `cancelled` |
| `pending_acceptance` | expire | engine | returnable | `expired` |
| `coordinator_override` | reassign | coordinator | rules pass for the new one | `pending_acceptance` |
| `coordinator_override` | impose | coordinator | policy, rules pass | `accepted` |
| `coordinator_override` | cancel | coordinator, owner | owner active (else denied: reassign or impose) \
| `cancelled` |
"""
FINAL = ["accepted", "refused", "cancelled", "expired", "failed"]
STATES = ["requested", "pending_acceptance", "coordinator_override", *FINAL]
TRIGGERS = [
    *["open", "reject", "override", "escalate", "accept"],
    *["refuse", "cancel", "expire", "reassign", "impose"],
]
WHO = {
    "engine": Fires.ENGINE,
    "new owner": Fires.NEW_OWNER,
    "who asked": Fires.ASKER,
    "owner": Fires.OWNER,
    "coordinator": Fires.COORDINATOR,
}

Question = tuple[str, Callable[[Facts], bool]]
PASS: Question = ("rules", lambda facts: facts.rules_pass)
OWNER_ACTIVE: Question = ("owner_active", lambda facts: facts.owner_active)
RETURNABLE: Question = ("returnable", lambda facts: facts.returnable)
# What each guard of the text asks, in the order in which a denial names it.
GUARDS: dict[str, list[Question]] = {
    "": [],
    "rules pass": [PASS],
    "rules pass for the new one": [PASS],
    "a rule denies": [("rules", lambda facts: not facts.rules_pass)],
    "returnable": [RETURNABLE],
    "a refusal, a cancel, a missed deadline or lost eligibility that cannot give the record back": [
        ("returnable", lambda facts: not facts.returnable)
    ],
    "owner active": [OWNER_ACTIVE],
    "owner active (else denied: reassign or impose)": [OWNER_ACTIVE],
    "policy, rules pass": [("policy", lambda facts: facts.policy_allows), PASS],
}


class Row(NamedTuple):
    """A row of the text, for one of its sources."""

    who: frozenset[Fires]
    questions: list[Question]
    target: str


def read_rules() -> Iterator[tuple[tuple[str, str], Row]]:
    """Read the text: one entry for each source of each row."""
    for line in RULES.strip().splitlines():
        sources, trigger, who, guard, target = (cell.strip() for cell in line.strip("|").split("|"))
        row = Row(frozenset(WHO[name] for name in who.split(", ")), GUARDS[guard], target.strip("`"))
        for source in sources.split(", "):
            yield (source.strip("`"), trigger), row


ORACLE = dict(read_rules())
ALL_FACTS = [
    Facts(**dict(zip((field.name for field in fields(Facts)), values, strict=True)))
    for values in product([False, True], repeat=len(fields(Facts)))
]
EVERYTHING = list(product(TransferState, TransferTrigger, ALL_FACTS))

each_trigger = pytest.mark.parametrize(
    "trigger", TransferTrigger, ids=[f"ST-T/{trigger}" for trigger in TRIGGERS]
)
each_state = pytest.mark.parametrize("state", TransferState)


def expected(state: str, trigger: str, facts: Facts) -> str:
    """Say by the text alone what must come out: the new state, or the key of the denial."""
    row = ORACLE.get((state, trigger))
    if row is None:
        return f"ST-T/{trigger}/from_{state}"
    for variant, holds in row.questions:
        if not holds(facts):
            return f"ST-T/{trigger}/{variant}"
    return row.target


def outcome(state: TransferState, trigger: TransferTrigger, facts: Facts) -> str:
    """Say what the engine makes of it, in the same words."""
    try:
        return advance(state, trigger, facts).value
    except TransitionDenied as denied:
        return denied.key


class TestTable:
    """The table's shape."""

    def test_words_are_those_of_the_rules(self) -> None:
        """States and triggers are spelled as in the rules, and none is missing."""
        assert list(TransferState) == STATES
        assert list(TransferTrigger) == TRIGGERS
        assert {trigger for _, trigger in ORACLE} == set(TRIGGERS)

    def test_trigger_and_source_are_unique(self) -> None:
        """ST-T: no two edges share a trigger and a source; the machine would silently take the first."""
        pairs = [(edge.source, edge.trigger) for edge in TABLE]

        assert len(pairs) == len(set(pairs)) == len(ORACLE)

    def test_every_state_is_reachable(self) -> None:
        """ST-T: each state can be reached from `requested`."""
        reached = {INITIAL}
        for _ in TransferState:
            reached |= {edge.target for edge in TABLE if edge.source in reached}

        assert INITIAL is TransferState.REQUESTED
        assert reached == set(TransferState)

    def test_final_states_have_no_exit_and_open_ones_have(self) -> None:
        """ST-T: `accepted`, `refused`, `cancelled`, `expired` and `failed` are final, the others are not."""
        assert set(FINAL) == FINAL_STATES
        assert set(TransferState) - FINAL_STATES == OPEN_STATES
        for state in TransferState:
            assert state.is_final is (state in FINAL) is not state.is_open
            assert bool(edges_for(state)) is state.is_open

    def test_must_act(self) -> None:
        """ST-1: an open transfer always waits for somebody, a final one for nobody."""
        waits = {state: state.must_act for state in TransferState if state.is_open}

        assert waits == {
            TransferState.REQUESTED: Party.ENGINE,
            TransferState.PENDING_ACCEPTANCE: Party.NEW_OWNER,
            TransferState.COORDINATOR_OVERRIDE: Party.COORDINATOR,
        }
        assert {state.must_act for state in FINAL_STATES} == {Party.NOBODY}

    @each_state
    @each_trigger
    def test_who_may(self, state: TransferState, trigger: TransferTrigger) -> None:
        """ST-T: who may fire a trigger is what the rules say, and nobody where there is no edge."""
        row = ORACLE.get((state, trigger))

        assert who_may(state, trigger) == (row.who if row else frozenset())


class TestAdvance:
    """The one typed function."""

    @each_trigger
    def test_every_state_and_every_fact(self, trigger: TransferTrigger) -> None:
        """ST-T: every state with every combination of facts gives what the text of the rules gives."""
        for state, facts in product(TransferState, ALL_FACTS):
            assert outcome(state, trigger, facts) == expected(state, trigger, facts), (state, facts)

    def test_denial_says_the_state(self) -> None:
        """A denial carries the state that the trigger met, and the status of a rule that denies."""
        with pytest.raises(TransitionDenied) as caught:
            advance(TransferState.REFUSED, TransferTrigger.ACCEPT, Facts(rules_pass=True))

        assert (caught.value.code, caught.value.variant) == ("ST-T/accept", "from_refused")
        assert caught.value.params == {"state": "refused"}
        assert caught.value.status == 403

    def test_st_1_what_cannot_be_given_back_waits(self) -> None:
        """ST-1: from `pending_acceptance`, exactly one of refuse and escalate is open, whatever the facts."""
        for facts in ALL_FACTS:
            pending = TransferState.PENDING_ACCEPTANCE
            refused = outcome(pending, TransferTrigger.REFUSE, facts) == "refused"
            escalated = outcome(pending, TransferTrigger.ESCALATE, facts) == "coordinator_override"

            assert refused is not escalated

    def test_st_t_open_and_reject_exclude_each_other(self) -> None:
        """ST-T/open, ST-T/reject: a request has exactly one outcome."""
        for facts in ALL_FACTS:
            opened = outcome(TransferState.REQUESTED, TransferTrigger.OPEN, facts) == "pending_acceptance"
            rejected = outcome(TransferState.REQUESTED, TransferTrigger.REJECT, facts) == "failed"

            assert opened is not rejected

    def test_facts_nobody_established_are_false(self) -> None:
        """Facts left out never move content nor close a transfer as given back."""
        nothing = Facts()
        reached = {
            outcome(state, trigger, nothing) for state, trigger in product(TransferState, TransferTrigger)
        }

        assert reached & set(STATES) == {"failed", "coordinator_override"}

    def test_facts_are_frozen_and_named(self) -> None:
        """Facts cannot be changed, nor given by position."""
        facts = Facts(rules_pass=True)

        with pytest.raises(FrozenInstanceError):
            facts.rules_pass = False  # type: ignore[misc]
        with pytest.raises(TypeError):
            Facts(True)  # type: ignore[call-arg]


class TestSharedMachine:
    """The module's one machine of `transitions`."""

    def test_it_holds_the_table_and_nothing_else(self) -> None:
        """The machine's transitions are the table's rows, without automatic ones."""
        held = {
            (source, name, transition.dest)
            for name, event in MACHINE.events.items()
            for source, transitions in event.transitions.items()
            for transition in transitions
        }

        assert held == {(edge.source.name, edge.trigger.value, edge.target.name) for edge in TABLE}
        assert not MACHINE.has_queue

    def test_guards_are_callables_and_the_only_callbacks(self) -> None:
        """A callback given as a string would be looked up, even imported, when it fires."""
        transitions = [
            transition
            for event in MACHINE.events.values()
            for found in event.transitions.values()
            for transition in found
        ]

        assert all(
            callable(condition.func) for transition in transitions for condition in transition.conditions
        )
        assert not any(
            transition.prepare or transition.before or transition.after for transition in transitions
        )
        assert not any(state.on_enter or state.on_exit for state in MACHINE.states.values())
        assert not any([MACHINE.prepare_event, MACHINE.before_state_change, MACHINE.after_state_change])
        assert not any([MACHINE.finalize_event, MACHINE.on_exception, MACHINE.on_final])

    def test_guards_return_real_bools(self) -> None:
        """A truthy answer that is no bool would count as a no."""
        answers = [guard.holds(facts) for edge in TABLE for guard in edge.guards for facts in ALL_FACTS]

        assert {type(answer) for answer in answers} == {bool}

    def test_threads_share_it_and_leave_no_trace(self) -> None:
        """Eight threads in different orders get the answers that one gets, and no model stays behind."""

        def work(seed: int) -> list[str]:
            shift = seed * len(EVERYTHING) // 8
            answers = [outcome(*case) for case in EVERYTHING[shift:] + EVERYTHING[:shift]]
            return answers[len(answers) - shift :] + answers[: len(answers) - shift]

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(work, range(8)))

        assert found == [[expected(*case) for case in EVERYTHING]] * 8
        assert MACHINE.models == []

    def test_it_does_not_log_each_step(self, caplog: pytest.LogCaptureFixture) -> None:
        """A transition writes no line, which a workflow's replay would repeat."""
        caplog.set_level(logging.DEBUG)

        advance(TransferState.REQUESTED, TransferTrigger.OPEN, Facts(rules_pass=True))

        assert not caplog.records


class TransferLife(RuleBasedStateMachine):
    """A transfer to which anything happens in any order, beside the text of the rules."""

    def __init__(self) -> None:
        """Begin at the request."""
        super().__init__()
        self.state = TransferState.REQUESTED
        self.over = False

    @rule(trigger=st.sampled_from(TransferTrigger), facts=st.sampled_from(ALL_FACTS))
    def fire(self, trigger: TransferTrigger, facts: Facts) -> None:
        """Fire anything: the state becomes what the text says, or stays."""
        answer = expected(self.state, trigger, facts)
        assert outcome(self.state, trigger, facts) == answer
        if answer in STATES:
            assert not self.over, "a final state was left"
            self.state = advance(self.state, trigger, facts)
            assert self.state == answer

    @rule(data=st.data())
    def fire_what_can_be_fired(self, data: st.DataObject) -> None:
        """Fire an edge that exists, so that long lives are lived."""
        edges = edges_for(self.state)
        if edges:
            self.fire(data.draw(st.sampled_from(edges)).trigger, data.draw(st.sampled_from(ALL_FACTS)))

    @invariant()
    def open_or_final(self) -> None:
        """ST-1: it is open and waits for somebody, or is over and stays so."""
        assert self.state.is_open is not self.state.is_final
        assert self.state.is_open is (self.state.must_act is not Party.NOBODY)
        assert self.state.is_final or not self.over
        self.over = self.state.is_final

    @invariant()
    def no_model_is_registered(self) -> None:
        """The shared machine keeps nothing of any transfer."""
        assert MACHINE.models == []


TestTransferLife = TransferLife.TestCase
TestTransferLife.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
