"""The plan of a hand-over and narrower options, for every combination (MOVE-T, MOVE-1, MOVE-8, MOVE-11)."""

from itertools import product
from uuid import uuid4

import pytest

from engine.rules.content import ContentClass, Outcome, Plan, narrows, plan
from engine.rules.facts import MemberFacts, PolicyFacts, RecordFacts, RecordStatus, Relation, same_title
from engine.states.choices import Options, RawDataChoice, Role

C = ContentClass
ALL_OPTIONS = [
    Options(include_confidential=confidential, raw_data=raw_data, keep_copy=copy)
    for confidential, raw_data, copy in product([False, True], RawDataChoice, [False, True])
]
BY_CHOICE = {C.CONFIDENTIAL_NOTE, C.CONFIDENTIAL_DOCUMENT, C.RAW_DATA}
NEVER = {C.INVOICE, C.PAST_APPOINTMENT, C.UPCOMING_APPOINTMENT, C.TASK, C.MEMO}


def _plan(
    options: Options,
    *,
    allowed: bool = True,
    hold: bool = False,
    confidential: bool = False,
    has_raw_data: bool = True,
) -> Plan:
    organization = uuid4()
    record = RecordFacts(
        id=uuid4(),
        organization_id=organization,
        status=RecordStatus.ACTIVE,
        owner_id=uuid4(),
        owner_active=True,
        confidential=confidential,
        legal_hold=hold,
        has_raw_data=has_raw_data,
        restricted_members=frozenset(),
        restricted_titles=frozenset(),
        open_transfer_id=None,
        relation=Relation.OWNER,
    )
    new_owner = MemberFacts(
        id=uuid4(),
        organization_id=organization,
        active=True,
        roles=frozenset({Role.PRACTITIONER}),
        title=" Psychologue" if allowed else "Conseillère",
        accepts_records=True,
    )
    policy = PolicyFacts(raw_data_titles=frozenset({"psychologue"}), basis_required=False)
    return plan(options, record, new_owner, policy)


def _moved(found: Plan) -> set[ContentClass]:
    return {item_class for item_class, outcome in found.outcomes.items() if outcome is Outcome.MOVED}


@pytest.mark.parametrize("options", ALL_OPTIONS, ids=str)
@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("confidential", [False, True])
@pytest.mark.parametrize("has_raw_data", [False, True])
def test_move_t(options: Options, allowed: bool, hold: bool, confidential: bool, has_raw_data: bool) -> None:
    """MOVE-T: every class has an outcome, and nothing moves, is kept or deleted against the rules."""
    found = _plan(options, allowed=allowed, hold=hold, confidential=confidential, has_raw_data=has_raw_data)
    outcomes = found.outcomes

    assert set(outcomes) == set(C)
    assert _moved(found) >= set(C) - BY_CHOICE - NEVER
    assert not _moved(found) & NEVER
    # ELIG-5, ELIG-6: raw data to an allowed title only, a confidential record with its confidential items.
    assert (C.RAW_DATA in _moved(found)) == (allowed and options.raw_data is not RawDataChoice.EXCLUDE)
    assert (C.CONFIDENTIAL_NOTE in _moved(found)) == (confidential or options.include_confidential)
    assert outcomes[C.CONFIDENTIAL_NOTE] is outcomes[C.CONFIDENTIAL_DOCUMENT]
    # MOVE-8, MOVE-11: a copy by choice, by hold, or because a rule withholds what was not excluded.
    wanted = has_raw_data and options.raw_data is not RawDataChoice.EXCLUDE and not allowed
    assert found.copy_kept == (options.keep_copy or hold or wanted)
    stays = {outcomes[item_class] for item_class in BY_CHOICE | {C.PAST_APPOINTMENT}} - {Outcome.MOVED}
    assert stays == {Outcome.KEPT if found.copy_kept else Outcome.WITHHELD}
    assert outcomes[C.INVOICE] is Outcome.KEPT
    assert outcomes[C.UPCOMING_APPOINTMENT] is Outcome.CANCELLED
    assert {outcomes[C.TASK], outcomes[C.MEMO]} == {Outcome.KEPT if hold else Outcome.DELETED}


def test_move_1_the_defaults_are_the_narrowest() -> None:
    """MOVE-1: from any options one may go back to the cautious side."""
    assert all(narrows(options, Options()) for options in ALL_OPTIONS)
    assert [options for options in ALL_OPTIONS if narrows(Options(), options)] == [Options()]


@pytest.mark.parametrize("allowed", [False, True])
def test_move_1_what_is_narrower_never_moves_more(allowed: bool) -> None:
    """MOVE-1: narrowing moves no class more; it is an order: antisymmetric and transitive."""
    for old, new in product(ALL_OPTIONS, repeat=2):
        if narrows(old, new):
            assert _moved(_plan(new, allowed=allowed)) <= _moved(_plan(old, allowed=allowed))
            assert old == new or not narrows(new, old)
            assert all(narrows(old, next_) for next_ in ALL_OPTIONS if narrows(new, next_))
        # Whatever is wider in one respect is not narrower.
        dropped = old.keep_copy and not new.keep_copy
        added = new.include_confidential and not old.include_confidential
        raw = old.raw_data is RawDataChoice.EXCLUDE and new.raw_data is not RawDataChoice.EXCLUDE
        assert not (narrows(old, new) and (dropped or added or raw))


@pytest.mark.parametrize(
    "spelling",
    ["Conseillère", "CONSEILLÈRE", "  conseillère ", "Conseille\u0300re"],
    ids=["as listed", "capitals", "spaces", "decomposed accent"],
)
def test_a_title_is_the_same_however_it_is_spelt(spelling: str) -> None:
    """ELIG-4, ELIG-5: upper and lower case, spaces and the way an accent is typed make no difference."""
    assert same_title(spelling) == same_title("conseillère")
    assert same_title(spelling) != same_title("conseiller")
