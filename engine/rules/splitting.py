"""Who gets which record of a caseload: evenly over several, one client's records together (BULK-1)."""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A record to be placed: its clients, and the recipients who may not have it, each with the rule."""

    clients: frozenset[UUID]
    blocks: Mapping[UUID, str]


class Placed(NamedTuple):
    """Where a record goes; with a rule it stays where it is, and ``to_id`` says who could not have it."""

    to_id: UUID | None
    blocked: str | None


class _Move(NamedTuple):
    """A step of an exchange: a group of this kind from one recipient to another."""

    source: int
    kind: "_Kind"
    target: int


class _Kind(NamedTuple):
    """What groups have in common that may change places: who may have them, and how many records they are."""

    eligible: frozenset[int]
    size: int


@dataclass(frozen=True, slots=True)
class _Group:
    """Records that stay together, by their places in the order of number."""

    members: Sequence[int]
    kind: _Kind


def evenly(
    records: Sequence[Placing], recipients: Sequence[UUID], loads: Mapping[UUID, int]
) -> Sequence[Placed]:
    """
    Split records, which come in order of number, over recipients as evenly as the rules allow.

    Records that share a client go to one recipient, whom the fewest of them are blocked for; those that are
    stay behind. What one may not have goes to another; what nobody may have goes to nobody. The same input
    gives the same answer. Where each client has one record the loads could not be more even; where clients
    have several, no exchange between two recipients would make them so.
    """
    placed = [_unplaceable(record, recipients) for record in records]
    groups = _groups(records, recipients)
    for group, recipient in zip(groups, _Balance(groups, recipients, loads).dealt(), strict=True):
        to_id = recipients[recipient]
        for index in group.members:
            placed[index] = Placed(to_id, records[index].blocks.get(to_id))
    return placed


def _unplaceable(record: Placing, recipients: Sequence[UUID]) -> Placed:
    """Say that nobody may have a record, by the rule that stops the recipient who was named first."""
    only = recipients[0] if len(recipients) == 1 else None
    return Placed(only, record.blocks.get(recipients[0]) if recipients else None)


def _groups(records: Sequence[Placing], recipients: Sequence[UUID]) -> Sequence[_Group]:
    """Gather the records that somebody may have, with those that share a client, in order of number."""
    placeable = [
        index
        for index, record in enumerate(records)
        if any(recipient not in record.blocks for recipient in recipients)
    ]
    return [
        _Group(members, _kind([records[index] for index in members], recipients))
        for members in _connected(records, placeable)
    ]


def _kind(members: Sequence[Placing], recipients: Sequence[UUID]) -> _Kind:
    blocked = Counter(recipient for record in members for recipient in record.blocks)
    takes = [len(members) - blocked[recipient] for recipient in recipients]
    most = max(takes)
    return _Kind(frozenset(index for index, taken in enumerate(takes) if taken == most), most)


def _connected(records: Sequence[Placing], indexes: Sequence[int]) -> Sequence[Sequence[int]]:
    """Join records that share a client, and those that these share one with; each set in order of number."""
    leader = {index: index for index in indexes}

    def lead(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    first_of: dict[UUID, int] = {}
    for index in indexes:
        for client in records[index].clients:
            one, other = lead(first_of.setdefault(client, index)), lead(index)
            leader[max(one, other)] = min(one, other)
    found: dict[int, list[int]] = {}
    for index in indexes:
        found.setdefault(lead(index), []).append(index)
    return list(found.values())


class _Balance:
    """Loads while groups are dealt and exchanged; a recipient is their place in the order of naming."""

    def __init__(
        self, groups: Sequence[_Group], recipients: Sequence[UUID], loads: Mapping[UUID, int]
    ) -> None:
        self._groups = groups
        self._loads = [loads.get(recipient, 0) for recipient in recipients]
        #: What each recipient has been given, by kind, in order of number.
        self._given: list[dict[_Kind, list[int]]] = [defaultdict(list) for _ in recipients]
        #: How many groups of a size each recipient has that another may have.
        self._movable: list[Counter[tuple[int, int]]] = [Counter() for _ in recipients]
        self._sizes = sorted({group.kind.size for group in groups})

    def dealt(self) -> Sequence[int]:
        """Give the recipient of each group."""
        for index, group in enumerate(self._groups):
            self._put(index, min(group.kind.eligible, key=lambda one: (self._loads[one], one)))
        while self._exchange():
            pass
        found = {
            index: recipient
            for recipient, given in enumerate(self._given)
            for indexes in given.values()
            for index in indexes
        }
        return [found[index] for index in range(len(self._groups))]

    def _put(self, index: int, recipient: int) -> None:
        kind = self._groups[index].kind
        insort(self._given[recipient][kind], index)
        self._loads[recipient] += kind.size
        self._movable[recipient].update((kind.size, other) for other in kind.eligible)

    def _move(self, move: _Move) -> None:
        """Move the group that comes last in order of number."""
        kind = move.kind
        self._loads[move.source] -= kind.size
        self._movable[move.source].subtract((kind.size, other) for other in kind.eligible)
        self._put(self._given[move.source][kind].pop(), move.target)

    def _exchange(self) -> bool:
        """Make the loads more even, if any exchange does: the sum of their squares falls each time."""
        heaviest_first = sorted(range(len(self._loads)), key=lambda one: (-self._loads[one], one))
        for heavy in heaviest_first:
            for size in self._sizes:
                if self._pass_on(heavy, size):
                    return True
        return any(self._swap(heavy) for heavy in heaviest_first)

    def _pass_on(self, heavy: int, size: int) -> bool:
        """Pass groups of one size from a heavy recipient, by way of others, to a lighter one."""
        paths = self._paths(heavy, size)
        light = min(paths, key=lambda one: (self._loads[one], one))
        difference = self._loads[heavy] - self._loads[light]
        if difference <= size:
            return False
        moves = [
            _Move(source, self._kind_for(source, size, target), target)
            for source, target in pairwise(paths[light])
        ]
        there_are = min(len(self._given[move.source][move.kind]) for move in moves)
        for _ in range(min(there_are, (difference + size - 1) // (2 * size))):
            for move in moves:
                self._move(move)
        return True

    def _paths(self, start: int, size: int) -> Mapping[int, Sequence[int]]:
        """Give the shortest way to each recipient that groups of one size can reach, step by step."""
        paths = {start: [start]}
        queue = [start]
        for source in queue:
            for target in range(len(self._loads)):
                if target not in paths and self._movable[source][size, target]:
                    paths[target] = [*paths[source], target]
                    queue.append(target)
        return paths

    def _kind_for(self, source: int, size: int, target: int) -> _Kind:
        return next(
            kind
            for kind, indexes in self._given[source].items()
            if indexes and kind.size == size and target in kind.eligible
        )

    def _swap(self, heavy: int) -> bool:
        """Swap a larger group of a heavy recipient for a smaller one of a lighter recipient."""
        for light in sorted(range(len(self._loads)), key=lambda one: (self._loads[one], one)):
            difference = self._loads[heavy] - self._loads[light]
            gains = [
                (abs(difference - 2 * (large - small)), large, small)
                for large in self._sizes
                for small in self._sizes
                if 0 < large - small < difference
                and self._movable[heavy][large, light]
                and self._movable[light][small, heavy]
            ]
            if gains:
                _, large, small = min(gains)
                there = _Move(heavy, self._kind_for(heavy, large, light), light)
                back = _Move(light, self._kind_for(light, small, heavy), heavy)
                self._move(there)
                self._move(back)
                return True
        return False
