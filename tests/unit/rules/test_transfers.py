"""Eligibility, by an independent statement: all rules that a request breaks; the denial names one."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Denied, EngineError, NotFound
from engine.rules import transfers as rules
from engine.rules.facts import (
    MemberFacts,
    PolicyFacts,
    RecordFacts,
    RecordStatus,
    Relation,
    TransferFacts,
)
from engine.states.choices import Options, Purpose, RawDataChoice, Role
from engine.states.transfer import TransferState, TransferTrigger

SPACE = UUID(int=7)
HERE, THERE = uuid5(SPACE, "here"), uuid5(SPACE, "there")
OWNER, ACTOR, OTHER, TRANSFER = (uuid5(SPACE, name) for name in ("owner", "actor", "other", "transfer"))

options = st.builds(
    Options,
    include_confidential=st.booleans(),
    raw_data=st.sampled_from(RawDataChoice),
    keep_copy=st.booleans(),
)
people = st.builds(
    MemberFacts,
    id=st.sampled_from([OWNER, ACTOR, OTHER]),
    organization_id=st.sampled_from([HERE, HERE, HERE, THERE]),
    active=st.sampled_from([True, True, True, False]),
    roles=st.frozensets(st.sampled_from(Role)),
    title=st.sampled_from(["Psychologue", "PSYCHOLOGUE", "Conseillère"]),
    accepts_records=st.sampled_from([True, True, True, False]),
)
records = st.builds(
    RecordFacts,
    id=st.just(uuid5(SPACE, "record")),
    organization_id=st.just(HERE),
    status=st.sampled_from([RecordStatus.ACTIVE, RecordStatus.ACTIVE, *RecordStatus]),
    owner_id=st.just(OWNER),
    owner_active=st.booleans(),
    confidential=st.booleans(),
    legal_hold=st.booleans(),
    has_raw_data=st.booleans(),
    restricted_members=st.sampled_from([frozenset(), frozenset(), frozenset({OTHER})]),
    restricted_titles=st.sampled_from([frozenset(), frozenset(), frozenset({"conseillère"})]),
    open_transfer_id=st.sampled_from([None, None, TRANSFER]),
    relation=st.sampled_from(Relation),
)
policies = st.builds(
    PolicyFacts,
    raw_data_titles=st.sampled_from([frozenset(), frozenset({"psychologue"})]),
    basis_required=st.booleans(),
)


def _about_new_owner(
    record: RecordFacts, new_owner: MemberFacts | None, chosen: Options, policy: PolicyFacts, basis: bool
) -> set[str]:
    """Say every rule that hands this record to this person in vain."""
    broken = set()
    if record.status is not RecordStatus.ACTIVE:
        broken.add("ELIG-1")
    if policy.basis_required and not basis:
        broken.add("ELIG-8")
    if new_owner is None or new_owner.organization_id != HERE:
        return broken | {"ELIG-3"}
    if not new_owner.active or Role.PRACTITIONER not in new_owner.roles or new_owner.id == OWNER:
        broken.add("ELIG-3")
    title = new_owner.title.lower()
    if new_owner.id in record.restricted_members or title in record.restricted_titles:
        broken.add("ELIG-4")
    wants_raw_data = record.has_raw_data and chosen.raw_data is RawDataChoice.INCLUDE
    if wants_raw_data and title not in policy.raw_data_titles:
        broken.add("ELIG-5")
    return broken


def _denial(error: EngineError) -> str:
    return "hidden" if isinstance(error, NotFound) else error.code


@given(
    actor=people,
    record=records,
    new_owner=st.one_of(st.none(), people),
    chosen=options,
    policy=policies,
    basis=st.booleans(),
    in_bulk=st.booleans(),
)
def test_elig_a_request_is_denied_by_a_rule_that_it_breaks(
    actor: MemberFacts,
    record: RecordFacts,
    new_owner: MemberFacts | None,
    chosen: Options,
    policy: PolicyFacts,
    basis: bool,
    in_bulk: bool,
) -> None:
    """
    ELIG-1 to ELIG-9, VIS-8, VIS-11: allowed if and only if it breaks none.

    A coordinator asks for a confidential record in a bulk that includes such, and nowhere else (ELIG-6).
    """
    broken = _about_new_owner(record, new_owner, chosen, policy, basis)
    owner_asks = record.relation is Relation.OWNER
    may_ask = in_bulk or not record.confidential
    coordinator_asks = Role.COORDINATOR in actor.roles and may_ask and not owner_asks
    if record.open_transfer_id is not None:
        broken.add("ELIG-1")
    if new_owner is not None and new_owner.organization_id == HERE and not new_owner.accepts_records:
        broken.add("ELIG-3")
    if new_owner is not None and coordinator_asks and new_owner.id == actor.id:
        broken.add("ELIG-9")
    if not actor.active or actor.organization_id != HERE:
        broken = {"hidden"}
    elif not owner_asks and not coordinator_asks:
        broken = {"hidden" if record.relation is Relation.NOBODY else "ELIG-2"}

    try:
        role = rules.check_request(
            actor, record, new_owner, chosen, policy, has_basis=basis, confidential_in_bulk=in_bulk
        )
    except EngineError as error:
        assert _denial(error) in broken  # noqa: PT017 - which one is the first is free
    else:
        assert not broken
        assert role is (Role.PRACTITIONER if owner_asks else Role.COORDINATOR)


@given(
    record=records,
    new_owner=st.one_of(st.none(), people),
    chosen=options,
    policy=policies,
    basis=st.booleans(),
)
def test_elig_is_judged_again_at_the_hand_over(
    record: RecordFacts, new_owner: MemberFacts | None, chosen: Options, policy: PolicyFacts, basis: bool
) -> None:
    """ELIG-1 to ELIG-5, ELIG-8: the same rules; not accepting new records is none of them."""
    transfer = replace(_transfer(), options=chosen, has_basis=basis)
    broken = _about_new_owner(record, new_owner, chosen, policy, basis)

    try:
        rules.check_handover(transfer, record, new_owner, policy)
    except Denied as error:
        assert error.code in broken  # noqa: PT017 - which one is the first is free
    else:
        assert not broken


def _transfer(state: TransferState = TransferState.PENDING_ACCEPTANCE) -> TransferFacts:
    return TransferFacts(
        respond_by=datetime(2026, 3, 16, tzinfo=UTC),
        first_to_id=OTHER,
        id=TRANSFER,
        organization_id=HERE,
        record_id=uuid5(SPACE, "record"),
        state=state,
        version=3,
        from_id=OWNER,
        to_id=OTHER,
        asked_by_id=OWNER,
        asked_role=Role.PRACTITIONER,
        purpose=Purpose.CONTINUITY,
        options=Options(),
        has_basis=False,
        owner_active=True,
        decided_by_id=None,
        stuck=False,
    )


def _member(member_id: UUID, *roles: Role, active: bool = True, organization: UUID = HERE) -> MemberFacts:
    return MemberFacts(
        id=member_id,
        organization_id=organization,
        active=active,
        roles=frozenset(roles),
        title="Psychologue",
        accepts_records=True,
    )


@given(actor=people, state=st.sampled_from(TransferState), asked_by=st.sampled_from([OWNER, ACTOR]))
def test_vis_12_who_answers_and_who_cancels(actor: MemberFacts, state: TransferState, asked_by: UUID) -> None:
    """ST-T, VIS-8, VIS-11, OVR-1: the new owner answers; owner, asker or any coordinator cancel."""
    asked_role = Role.PRACTITIONER if asked_by == OWNER else Role.COORDINATOR
    transfer = replace(_transfer(state), asked_by_id=asked_by, asked_role=asked_role)
    asked = set() if state is TransferState.FAILED else {OTHER}
    knows = actor.active and actor.organization_id == HERE
    asker = actor.id == asked_by and asked_role in actor.roles
    knows = knows and (asker or actor.id in {OWNER} | asked or Role.COORDINATOR in actor.roles)
    assert rules.may_know(actor, transfer) == knows

    practises = Role.PRACTITIONER in actor.roles
    for trigger in (TransferTrigger.ACCEPT, TransferTrigger.REFUSE):
        answers = "allowed" if practises else "ELIG-3"
        told = answers if actor.id == OTHER else f"ST-T/{trigger}"
        assert _allows(lambda t=trigger: rules.check_answer(actor, transfer, t)) == (
            told if knows else "hidden"
        )
    steps_in = Role.COORDINATOR in actor.roles
    may_cancel = knows and ((actor.id == OWNER and practises) or asker or steps_in)
    assert _allows(lambda: rules.check_cancel(actor, transfer)) == (
        "allowed" if may_cancel else "ST-T/cancel" if knows else "hidden"
    )


def _allows(judge: object) -> str:
    assert callable(judge)
    try:
        judge()
    except EngineError as error:
        return _denial(error)
    return "allowed"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("ELIG-4", "VIS-11/no_longer"),
        ("ELIG-1/archived", "VIS-11/no_longer"),
        ("ELIG-5", "ELIG-5"),
        ("ST-T/accept/from_expired", "ST-T/accept/from_expired"),
    ],
)
def test_vis_11_what_the_new_owner_is_told(rule: str, told: str) -> None:
    """VIS-11: of a restriction, and of the record's fate, only that it can no longer be accepted."""
    assert rules.told_to_new_owner(rule) == told


def test_move_1_only_the_asker_narrows_and_only_while_open() -> None:
    """MOVE-1, ROLE-5: as who asked, in the role that they asked in."""
    owner = _member(OWNER, Role.PRACTITIONER)
    for state in TransferState:
        expected = "allowed" if state.is_open else "MOVE-1"
        transfer = _transfer(state)
        assert _allows(lambda t=transfer: rules.check_narrow(owner, t, Options())) == expected
    pending = _transfer()
    assert _allows(lambda: rules.check_narrow(owner, pending, Options(keep_copy=False))) == "MOVE-1"
    assert _allows(lambda: rules.check_narrow(_member(OWNER), pending, Options())) == "MOVE-1"
    other = _member(OTHER, Role.PRACTITIONER)
    assert _allows(lambda: rules.check_narrow(other, pending, Options())) == "MOVE-1"
    stranger = _member(OWNER, Role.PRACTITIONER, organization=THERE)
    assert _allows(lambda: rules.check_narrow(stranger, pending, Options())) == "hidden"


def test_move_3_a_decision_names_the_state_that_it_was_made_on() -> None:
    """MOVE-3: the version seen, if one is named, is the version now."""
    rules.check_seen(_transfer(), None)
    rules.check_seen(_transfer(), 3)
    for version in (2, 4):
        with pytest.raises(Denied, match="MOVE-3/changed"):
            rules.check_seen(_transfer(), version)


@pytest.mark.parametrize("trigger", [TransferTrigger.ACCEPT, TransferTrigger.REFUSE, TransferTrigger.CANCEL])
def test_move_3_the_same_decision_by_the_same_person(trigger: TransferTrigger) -> None:
    """MOVE-3: what counts as said already: this person's own decision, as it stands."""
    stands = {
        TransferTrigger.ACCEPT: {TransferState.ACCEPTED},
        TransferTrigger.REFUSE: {TransferState.REFUSED, TransferState.COORDINATOR_OVERRIDE},
        TransferTrigger.CANCEL: {TransferState.CANCELLED, TransferState.COORDINATOR_OVERRIDE},
    }[trigger]
    who, not_who = (OWNER, OTHER) if trigger is TransferTrigger.CANCEL else (OTHER, OWNER)
    for state in TransferState:
        decided = replace(_transfer(state), decided_by_id=who)
        assert rules.same_decision(who, decided, trigger) == (state in stands)
        assert not rules.same_decision(not_who, decided, trigger)


def test_st_1_a_refusal_is_not_a_cancel() -> None:
    """ST-1: a coordinator who refused as a practitioner may still cancel what waits."""
    waits = replace(_transfer(TransferState.COORDINATOR_OVERRIDE), decided_by_id=OTHER)
    assert not rules.same_decision(OTHER, waits, TransferTrigger.CANCEL)


def test_st_1_returnable() -> None:
    """ST-1: the owner is active and asked themself."""
    transfer = _transfer()

    assert transfer.returnable
    assert not replace(transfer, owner_active=False).returnable
    assert not replace(transfer, asked_by_id=ACTOR).returnable
