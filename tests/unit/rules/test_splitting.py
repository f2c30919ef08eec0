"""A caseload split over several: everything once, clients together, loads as even as they can be (BULK-1)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypeVar
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from engine.rules.splitting import Placed, Placing, evenly

ANNE, BRUNO, CHLOE, DAN = RECIPIENTS = tuple(UUID(int=100 + number) for number in range(4))
CLIENTS = tuple(UUID(int=200 + number) for number in range(5))
RULE = "ELIG-4"
V = TypeVar("V")

blocks = st.frozensets(st.sampled_from(RECIPIENTS)).map(lambda who: dict.fromkeys(who, RULE))
loads = st.dictionaries(st.sampled_from(RECIPIENTS), st.integers(0, 6))
some_recipients = st.integers(1, 4).map(lambda number: RECIPIENTS[:number])
related = st.builds(Placing, clients=st.frozensets(st.sampled_from(CLIENTS), max_size=2), blocks=blocks)
#: Records of which each has a client of its own.
alone = st.builds(Placing, clients=st.just(frozenset()), blocks=blocks)
families = st.lists(st.integers(1, 4), max_size=6).map(
    lambda sizes: [
        Placing(clients=frozenset({UUID(int=300 + client)}), blocks={})
        for client, size in enumerate(sizes)
        for _ in range(size)
    ]
)


def after(placed: Sequence[Placed], before: dict[UUID, int], recipients: Sequence[UUID]) -> list[int]:
    given_to = Counter(to_id for to_id, blocked in placed if blocked is None)
    return [before.get(recipient, 0) + given_to[recipient] for recipient in recipients]


def unevenness(of_each: Sequence[int]) -> int:
    return sum(load * load for load in of_each)


@given(records=st.lists(related, max_size=12), recipients=some_recipients, before=loads)
def test_every_record_is_in_one_place_and_no_rule_is_broken(
    records: list[Placing], recipients: tuple[UUID, ...], before: dict[UUID, int]
) -> None:
    """BULK-1: each record goes to somebody who may have it, or a rule that stops it is named."""
    placed = evenly(records, recipients, before)

    assert len(placed) == len(records)
    for record, (to_id, blocked) in zip(records, placed, strict=True):
        if blocked is None:
            assert to_id in recipients
            assert to_id not in record.blocks
        else:
            assert blocked == record.blocks[to_id or recipients[0]]


@given(records=st.lists(related, max_size=12), recipients=some_recipients, before=loads)
def test_one_clients_records_stay_together(
    records: list[Placing], recipients: tuple[UUID, ...], before: dict[UUID, int]
) -> None:
    """BULK-1, also for records with several clients."""
    of_client = defaultdict(set)
    for record, (to_id, blocked) in zip(records, evenly(records, recipients, before), strict=True):
        for client in record.clients if blocked is None else ():
            of_client[client].add(to_id)

    assert all(len(holders) == 1 for holders in of_client.values())


@given(records=st.lists(alone, max_size=6), recipients=some_recipients, before=loads)
def test_loads_are_as_even_as_the_rules_allow(
    records: list[Placing], recipients: tuple[UUID, ...], before: dict[UUID, int]
) -> None:
    """BULK-1: every other division that breaks no rule is tried, and none is more even."""
    placed = evenly(records, recipients, before)
    choices = [[who for who in recipients if who not in record.blocks] for record in records]
    others = product(*(choice for choice in choices if choice))
    best = min(unevenness(after([Placed(who, None) for who in one], before, recipients)) for one in others)

    assert unevenness(after(placed, before, recipients)) == best
    assert all(
        (blocked is None) == bool(choice) for (_, blocked), choice in zip(placed, choices, strict=True)
    )


@given(records=families, recipients=some_recipients, before=loads)
def test_moving_or_swapping_families_makes_nothing_more_even(
    records: list[Placing], recipients: tuple[UUID, ...], before: dict[UUID, int]
) -> None:
    """BULK-1, where clients have several records each."""
    placed = evenly(records, recipients, before)
    size: Counter[UUID] = Counter()
    holder: dict[UUID, UUID | None] = {}
    for record, (to_id, _) in zip(records, placed, strict=True):
        (client,) = record.clients
        size[client] += 1
        holder[client] = to_id
    reached = unevenness(after(placed, before, recipients))

    def with_change(change: dict[UUID, UUID | None]) -> int:
        new = [Placed((holder | change)[next(iter(record.clients))], None) for record in records]
        return unevenness(after(new, before, recipients))

    assert all(with_change({client: who}) >= reached for client in holder for who in recipients)
    assert all(
        with_change({one: holder[other], other: holder[one]}) >= reached for one in holder for other in holder
    )


@given(records=st.lists(related, max_size=12), recipients=some_recipients, before=loads)
def test_the_same_caseload_is_split_the_same_way(
    records: list[Placing], recipients: tuple[UUID, ...], before: dict[UUID, int]
) -> None:
    def turned(mapping: Mapping[UUID, V]) -> dict[UUID, V]:
        return dict(reversed(list(mapping.items())))

    backwards = [Placing(clients=record.clients, blocks=turned(record.blocks)) for record in records]

    assert evenly(records, recipients, before) == evenly(backwards, recipients, turned(before))


def placing(*clients: UUID, blocked: dict[UUID, str] | None = None) -> Placing:
    return Placing(clients=frozenset(clients), blocks=blocked or {})


def whose(records: Sequence[Placing], recipients: Sequence[UUID], **before: int) -> list[UUID | None]:
    named = {"anne": ANNE, "bruno": BRUNO}
    return [to_id for to_id, _ in evenly(records, recipients, {named[name]: n for name, n in before.items()})]


class TestByExample:
    def test_records_are_dealt_in_order_of_number(self) -> None:
        assert whose([placing()] * 5, [ANNE, BRUNO]) == [ANNE, BRUNO, ANNE, BRUNO, ANNE]

    def test_who_has_less_gets_more(self) -> None:
        assert whose([placing()] * 4, [ANNE, BRUNO], anne=3) == [BRUNO, BRUNO, BRUNO, ANNE]

    def test_what_comes_late_and_may_go_to_one_alone_displaces_what_came_early(self) -> None:
        """BULK-1: four records for anybody, then four that Bruno may not have."""
        records = [placing()] * 4 + [placing(blocked={BRUNO: RULE})] * 4

        assert whose(records, [ANNE, BRUNO]) == [BRUNO] * 4 + [ANNE] * 4

    def test_a_larger_family_is_swapped_for_a_smaller_one(self) -> None:
        sizes = [3, 3, 2, 2, 2]
        records = [placing(CLIENTS[client]) for client, size in enumerate(sizes) for _ in range(size)]

        assert sorted(Counter(whose(records, [ANNE, BRUNO])).values()) == [6, 6]

    def test_a_record_blocked_for_one_goes_to_another_with_all_of_its_client(self) -> None:
        records = [placing(CLIENTS[0]), placing(CLIENTS[0], blocked={ANNE: RULE}), placing()]

        assert whose(records, [ANNE, BRUNO]) == [BRUNO, BRUNO, ANNE]

    def test_together_goes_before_all_of_them(self) -> None:
        """A client's records that no one person may have whole: most of them go, the rest stays, blocked."""
        records = [placing(CLIENTS[0], blocked={who: RULE}) for who in (ANNE, BRUNO, BRUNO)]

        assert evenly(records, [ANNE, BRUNO], {}) == [(ANNE, RULE), (ANNE, None), (ANNE, None)]

    def test_what_nobody_may_have_is_nobodys(self) -> None:
        nobody = placing(CLIENTS[0], blocked={ANNE: "ELIG-5", BRUNO: RULE})

        assert evenly([nobody, placing(CLIENTS[0])], [ANNE, BRUNO], {}) == [(None, "ELIG-5"), (ANNE, None)]

    def test_a_single_recipient_keeps_what_they_are_blocked_for(self) -> None:
        assert evenly([placing(blocked={ANNE: RULE}), placing()], [ANNE], {}) == [(ANNE, RULE), (ANNE, None)]

    def test_nothing_is_split_into_nothing(self) -> None:
        assert evenly([], [ANNE, BRUNO], {}) == []
