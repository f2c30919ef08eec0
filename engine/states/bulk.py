"""The states of a bulk: one table, one shared machine, one typed ``advance_bulk()``; like a transfer's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from transitions import EventData, Machine

from engine.errors import of_key
from engine.states.transfer import Fires


class BulkState(StrEnum):
    """Where the transfer of a caseload stands; the values are stored."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"

    @property
    def is_open(self) -> bool:
        """Whether it may still start a transfer."""
        return self in OPEN_BULKS


OPEN_BULKS: Final = frozenset({BulkState.RUNNING, BulkState.PAUSED})
BULK_INITIAL: Final = BulkState.RUNNING
#: Where an item may stand, in the order in which it gets there.
STANDS: Final = (
    "waiting",
    "troubled",
    "requested",
    "pending_acceptance",
    "coordinator_override",
    "accepted",
    "refused",
    "cancelled",
    "expired",
    "blocked",
)
#: Where it is not settled.
UNSETTLED: Final = STANDS[:5]


class BulkTrigger(StrEnum):
    """What may happen to a bulk."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    FINISH = "finish"


class Answer(StrEnum):
    """What a recipient answers to a whole bulk (BULK-5)."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class Scope(StrEnum):
    """Which of a bulk's records an answer is about."""

    ALL = "all"
    ONLY = "only"
    EXCEPT = "except"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkFacts:
    """What the guards ask; what nobody established is false."""

    #: Every item has a final transfer, or the rule that blocks it.
    settled: bool = False


@dataclass(frozen=True, slots=True)
class BulkGuard:
    """A condition on the facts, with what a reader is shown of it."""

    label: str
    holds: Callable[[BulkFacts], bool]

    def __call__(self, event: EventData) -> bool:
        """Answer the machine, which counts anything but a real bool as a no."""
        facts: BulkFacts = event.kwargs["facts"]
        return self.holds(facts)


_SETTLED = BulkGuard("every item settled", lambda facts: facts.settled)


@dataclass(frozen=True, slots=True)
class BulkEdge:
    """One row of the table: all its guards must hold."""

    source: BulkState
    trigger: BulkTrigger
    who: frozenset[Fires]
    guards: tuple[BulkGuard, ...]
    target: BulkState


def _table() -> tuple[BulkEdge, ...]:
    s, t = BulkState, BulkTrigger
    coordinator, engine = frozenset({Fires.COORDINATOR}), frozenset({Fires.ENGINE})
    return (
        BulkEdge(s.RUNNING, t.PAUSE, coordinator | engine, (), s.PAUSED),
        BulkEdge(s.RUNNING, t.STOP, coordinator, (), s.STOPPED),
        BulkEdge(s.RUNNING, t.FINISH, engine, (_SETTLED,), s.FINISHED),
        BulkEdge(s.PAUSED, t.RESUME, coordinator, (), s.RUNNING),
        BulkEdge(s.PAUSED, t.STOP, coordinator, (), s.STOPPED),
    )


BULK_TABLE: Final = _table()
_EDGES: Final[Mapping[tuple[BulkState, BulkTrigger], BulkEdge]] = MappingProxyType(
    {(edge.source, edge.trigger): edge for edge in BULK_TABLE}
)
#: What a trigger that leads nowhere is denied as, by the state that it was tried from.
NOT_FROM: Final[Mapping[BulkState, str]] = MappingProxyType(
    {
        BulkState.RUNNING: "BULK-4/running",
        BulkState.PAUSED: "BULK-4/paused",
        BulkState.STOPPED: "BULK-4/stopped",
        BulkState.FINISHED: "BULK-4/finished",
    }
)

# Shared by all threads and workflows: never mutated, and no model is ever registered.
BULK_MACHINE: Final = Machine(
    model=None,
    states=BulkState,
    transitions=[
        {
            "trigger": edge.trigger.value,
            "source": edge.source,
            "dest": edge.target,
            "conditions": list(edge.guards),
        }
        for edge in BULK_TABLE
    ],
    initial=BULK_INITIAL,
    auto_transitions=False,
    send_event=True,
    queued=False,
)


@dataclass(slots=True)
class _Holder:
    """What the machine moves in place of a model."""

    state: BulkState


def advance_bulk(state: BulkState, trigger: BulkTrigger, facts: BulkFacts | None = None) -> BulkState:
    """Return the state that the trigger leads to. Raises ``Denied`` BULK-4 with the state."""
    if (state, trigger) not in _EDGES:
        raise of_key(NOT_FROM[state])
    holder = _Holder(state)
    if not BULK_MACHINE.events[trigger.value].trigger(holder, facts=facts or BulkFacts()):
        raise of_key(NOT_FROM[state])
    return holder.state


def who_may_bulk(state: BulkState, trigger: BulkTrigger) -> frozenset[Fires]:
    """Return who may fire a trigger in a state: nobody where there is no such edge."""
    edge = _EDGES.get((state, trigger))
    return frozenset() if edge is None else edge.who
