"""The transfer's states: one table (`ST-T`), one shared machine, one typed `advance()`."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from transitions import EventData, Machine

from engine.errors import Denied

# An INFO line for every state left and entered would be repeated at each workflow replay.
logging.getLogger("transitions").setLevel(logging.WARNING)


class Party(StrEnum):
    """Who must act for an open transfer to move on."""

    ENGINE = "engine"
    NEW_OWNER = "new_owner"
    COORDINATOR = "coordinator"
    NOBODY = "nobody"


class Fires(StrEnum):
    """Who may fire a trigger."""

    ENGINE = "engine"
    NEW_OWNER = "new_owner"
    ASKER = "asker"
    OWNER = "owner"
    COORDINATOR = "coordinator"


class TransferState(StrEnum):
    """Where a transfer stands; the values are stored."""

    REQUESTED = "requested"
    PENDING_ACCEPTANCE = "pending_acceptance"
    COORDINATOR_OVERRIDE = "coordinator_override"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def must_act(self) -> Party:
        """Whose move it is."""
        return _MUST_ACT.get(self, Party.NOBODY)

    @property
    def is_open(self) -> bool:
        """Whether the record is frozen and an answer is still possible."""
        return self in OPEN_STATES

    @property
    def is_final(self) -> bool:
        """Whether the transfer is over for good."""
        return self in FINAL_STATES


_MUST_ACT: Final[Mapping[TransferState, Party]] = MappingProxyType(
    {
        TransferState.REQUESTED: Party.ENGINE,
        TransferState.PENDING_ACCEPTANCE: Party.NEW_OWNER,
        TransferState.COORDINATOR_OVERRIDE: Party.COORDINATOR,
    }
)
INITIAL: Final = TransferState.REQUESTED
OPEN_STATES: Final = frozenset(_MUST_ACT)
FINAL_STATES: Final = frozenset(TransferState) - OPEN_STATES


class TransferTrigger(StrEnum):
    """What may happen to a transfer; cited as `ST-T/<trigger>`."""

    OPEN = "open"
    REJECT = "reject"
    OVERRIDE = "override"
    ESCALATE = "escalate"
    ACCEPT = "accept"
    REFUSE = "refuse"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REASSIGN = "reassign"
    IMPOSE = "impose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the guards ask, read in the transaction that advances; what nobody established is false."""

    #: Every rule allows the transfer to the new owner (the next one, for `reassign`).
    rules_pass: bool = False
    #: The owner is active and asked for the transfer themself.
    returnable: bool = False
    #: The owner is an active member.
    owner_active: bool = False
    #: The organization's policy lets a coordinator impose.
    policy_allows: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition on the facts: `name` is the variant of its denial, `label` what a reader is shown."""

    name: str
    label: str
    holds: Callable[[Facts], bool]

    def __call__(self, event: EventData) -> bool:
        """Answer the machine, which counts anything but a real bool as a no."""
        facts: Facts = event.kwargs["facts"]
        return self.holds(facts)


_RULES_PASS = Guard("rules", "rules pass", lambda facts: facts.rules_pass)
_RULE_DENIES = Guard("rules", "a rule denies", lambda facts: not facts.rules_pass)
_RETURNABLE = Guard("returnable", "returnable", lambda facts: facts.returnable)
_NOT_RETURNABLE = Guard("returnable", "not returnable", lambda facts: not facts.returnable)
_OWNER_ACTIVE = Guard("owner_active", "owner active", lambda facts: facts.owner_active)
_POLICY = Guard("policy", "policy allows", lambda facts: facts.policy_allows)


@dataclass(frozen=True, slots=True)
class Edge:
    """One row of the table: all its guards must hold, and the first that does not is the denial."""

    source: TransferState
    trigger: TransferTrigger
    who: frozenset[Fires]
    guards: tuple[Guard, ...]
    target: TransferState


def _table() -> tuple[Edge, ...]:
    s, t = TransferState, TransferTrigger
    engine = frozenset({Fires.ENGINE})
    new_owner = frozenset({Fires.NEW_OWNER})
    coordinator = frozenset({Fires.COORDINATOR})
    asker_or_owner = frozenset({Fires.ASKER, Fires.OWNER})
    coordinator_or_owner = frozenset({Fires.COORDINATOR, Fires.OWNER})
    return (
        Edge(s.REQUESTED, t.OPEN, engine, (_RULES_PASS,), s.PENDING_ACCEPTANCE),
        Edge(s.REQUESTED, t.REJECT, engine, (_RULE_DENIES,), s.FAILED),
        Edge(s.REQUESTED, t.OVERRIDE, coordinator, (), s.COORDINATOR_OVERRIDE),
        Edge(s.REQUESTED, t.CANCEL, asker_or_owner, (_OWNER_ACTIVE,), s.CANCELLED),
        Edge(s.PENDING_ACCEPTANCE, t.OVERRIDE, coordinator, (), s.COORDINATOR_OVERRIDE),
        Edge(s.PENDING_ACCEPTANCE, t.ESCALATE, engine, (_NOT_RETURNABLE,), s.COORDINATOR_OVERRIDE),
        Edge(s.PENDING_ACCEPTANCE, t.ACCEPT, new_owner, (_RULES_PASS,), s.ACCEPTED),
        Edge(s.PENDING_ACCEPTANCE, t.REFUSE, new_owner, (_RETURNABLE,), s.REFUSED),
        Edge(s.PENDING_ACCEPTANCE, t.CANCEL, asker_or_owner, (_OWNER_ACTIVE,), s.CANCELLED),
        Edge(s.PENDING_ACCEPTANCE, t.EXPIRE, engine, (_RETURNABLE,), s.EXPIRED),
        Edge(s.COORDINATOR_OVERRIDE, t.REASSIGN, coordinator, (_RULES_PASS,), s.PENDING_ACCEPTANCE),
        Edge(s.COORDINATOR_OVERRIDE, t.IMPOSE, coordinator, (_POLICY, _RULES_PASS), s.ACCEPTED),
        Edge(s.COORDINATOR_OVERRIDE, t.CANCEL, coordinator_or_owner, (_OWNER_ACTIVE,), s.CANCELLED),
    )


TABLE: Final = _table()
_EDGES: Final[Mapping[tuple[TransferState, TransferTrigger], Edge]] = MappingProxyType(
    {(edge.source, edge.trigger): edge for edge in TABLE}
)

# Shared by all threads and workflows: never mutated, and no model is ever registered.
MACHINE: Final = Machine(
    model=None,
    states=TransferState,
    transitions=[
        {
            "trigger": edge.trigger.value,
            "source": edge.source,
            "dest": edge.target,
            "conditions": list(edge.guards),
        }
        for edge in TABLE
    ],
    initial=INITIAL,
    auto_transitions=False,
    send_event=True,
    queued=False,
)


class TransitionDenied(Denied):
    """The table has no such edge from this state, or the edge's guard does not hold."""

    def __init__(self, trigger: TransferTrigger, variant: str, state: TransferState) -> None:
        """Cite the edge, what stopped it, and the state that it was tried from."""
        super().__init__(f"ST-T/{trigger}", variant, state=state.value)


@dataclass(slots=True)
class _Holder:
    """What the machine moves in place of a model."""

    state: TransferState


def advance(state: TransferState, trigger: TransferTrigger, facts: Facts) -> TransferState:
    """
    Return the state that the trigger leads to, or raise `TransitionDenied`.

    Whether the actor is among those of `who_may` is for the rules to check.
    """
    edge = _EDGES.get((state, trigger))
    if edge is None:
        raise TransitionDenied(trigger, f"from_{state}", state)
    holder = _Holder(state)
    if not MACHINE.events[trigger.value].trigger(holder, facts=facts):
        failed = next(guard for guard in edge.guards if not guard.holds(facts))
        raise TransitionDenied(trigger, failed.name, state)
    return holder.state


def edges_for(state: TransferState) -> tuple[Edge, ...]:
    """Return the edges that leave a state, in the table's order."""
    return tuple(edge for edge in TABLE if edge.source is state)


def who_may(state: TransferState, trigger: TransferTrigger) -> frozenset[Fires]:
    """Return who may fire a trigger in a state: nobody where there is no such edge."""
    edge = _EDGES.get((state, trigger))
    return frozenset() if edge is None else edge.who
