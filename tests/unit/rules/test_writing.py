"""Who writes on a record, and when: shares, status, notes, appointments (VIS-4, VIS-5, VIS-10, MOVE-13)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest

from engine.errors import EngineError
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts, RecordFacts, RecordStatus, Relation
from engine.rules.writing import Access, NoteFacts
from engine.states.choices import Role, ShareLevel

ORGANIZATION = uuid4()
ACTOR = MemberFacts(
    id=uuid4(),
    organization_id=ORGANIZATION,
    active=True,
    roles=frozenset({Role.PRACTITIONER}),
    title="Psychologue",
    accepts_records=True,
)
RECORD = RecordFacts(
    id=uuid4(),
    organization_id=ORGANIZATION,
    status=RecordStatus.ACTIVE,
    owner_id=ACTOR.id,
    owner_active=True,
    confidential=False,
    legal_hold=False,
    has_raw_data=False,
    restricted_members=frozenset(),
    restricted_titles=frozenset(),
    open_transfer_id=None,
    relation=Relation.OWNER,
)
FROZEN = replace(RECORD, open_transfer_id=uuid4())
THEIRS = NoteFacts(author_id=uuid4(), draft=True, waiting=False, set_aside=False, author_writes=False)
ACCESSES = [None, *(Access(level=level, approval=a) for level, a in product(ShareLevel, [True, False]))]
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def _key(error: pytest.ExceptionInfo[EngineError]) -> str:
    return error.value.key


class TestShare:
    def test_widening_is_an_order(self) -> None:
        """VIS-4: of two accesses that differ, one way at least is wider; none is wider than itself."""
        for old, new in product(ACCESSES, repeat=2):
            assert rules.widens(old, new) or rules.widens(new, old) or old == new
            assert not (old == new and rules.widens(old, new))
        assert [new for new in ACCESSES if not rules.widens(None, new)] == [None]

    @pytest.mark.parametrize("old", ACCESSES, ids=str)
    @pytest.mark.parametrize("new", ACCESSES, ids=str)
    def test_vis_4_denied_exactly_where_it_widens(self, old: Access | None, new: Access | None) -> None:
        archived = replace(RECORD, status=RecordStatus.ARCHIVED)
        rules.check_share(ACTOR, RECORD, old, new)
        for record, rule in ((FROZEN, "VIS-4/wider_share"), (archived, "MOVE-4")):
            if not rules.widens(old, new):
                rules.check_share(ACTOR, record, old, new)
                continue
            with pytest.raises(EngineError) as denied:
                rules.check_share(ACTOR, record, old, new)
            assert _key(denied) == rule


@pytest.mark.parametrize(
    ("relation", "confidential", "roles", "key"),
    [
        (Relation.COLLABORATOR, False, {Role.PRACTITIONER}, "ELIG-2"),
        (Relation.PREVIOUS_OWNER, False, {Role.PRACTITIONER}, "MOVE-4"),
        (Relation.NEW_OWNER, False, {Role.PRACTITIONER}, "VIS-3"),
        (Relation.NOBODY, False, {Role.PRACTITIONER}, "VIS-11/record"),
        (Relation.NOBODY, False, {Role.COORDINATOR}, "ELIG-2"),
        (Relation.NOBODY, True, {Role.COORDINATOR}, "VIS-11/record"),
    ],
)
def test_who_is_not_the_owner_learns_what_they_may_know(
    relation: Relation, confidential: bool, roles: set[Role], key: str
) -> None:
    """ELIG-1, MOVE-4, VIS-2, VIS-11: of archiving and of sharing alike."""
    record = replace(RECORD, relation=relation, confidential=confidential, owner_id=uuid4())
    actor = replace(ACTOR, roles=frozenset(roles))
    for check in (rules.check_status, lambda a, r: rules.check_share(a, r, None, None)):
        with pytest.raises(EngineError) as denied:
            check(actor, record)
        assert _key(denied) == key


class TestNotes:
    @pytest.mark.parametrize(
        ("change", "key"),
        [
            ({"author_id": ACTOR.id}, "VIS-10/own"),
            ({"set_aside": True, "draft": False}, "VIS-10/set_aside"),
            ({"draft": False}, "VIS-10/no_draft"),
            ({"author_writes": True}, "VIS-11/note"),
        ],
    )
    def test_vis_10_only_a_draft_whose_author_lost_access(self, change: dict[str, object], key: str) -> None:
        rules.check_take_up(ACTOR, RECORD, THEIRS)
        with pytest.raises(EngineError) as denied:
            rules.check_take_up(ACTOR, RECORD, replace(THEIRS, **change))  # type: ignore[arg-type]
        assert _key(denied) == key

    def test_vis_10_nobody_edits_what_was_set_aside(self) -> None:
        note = replace(THEIRS, author_id=ACTOR.id, draft=False, set_aside=True)
        with pytest.raises(EngineError) as denied:
            rules.check_edit(ACTOR, RECORD, note)
        assert _key(denied) == "VIS-10/set_aside"

    @pytest.mark.parametrize("approval", [False, True])
    @pytest.mark.parametrize("author_only", [False, True])
    @pytest.mark.parametrize("relation", [Relation.OWNER, Relation.COLLABORATOR])
    def test_vis_10_what_waits(self, approval: bool, author_only: bool, relation: Relation) -> None:
        """VIS-6, VIS-10: what a collaborator with approval signs, unless nobody else may see it."""
        record = replace(RECORD, relation=relation, share_approval=approval)

        expected = approval and relation is Relation.COLLABORATOR and not author_only
        assert rules.waits_for_approval(record, author_only=author_only) is expected


@pytest.mark.parametrize(
    ("holder", "booked", "starts_in", "key"),
    [
        (True, True, 1, None),
        (False, True, 1, "MOVE-13/not_holder"),
        (True, False, 1, "MOVE-13/cancelled"),
        (True, True, 0, "MOVE-13/begun"),
        (True, True, -1, "MOVE-13/begun"),
    ],
)
def test_move_13_a_holder_cancels_what_has_not_begun(
    holder: bool, booked: bool, starts_in: int, key: str | None
) -> None:
    def check() -> None:
        rules.check_cancel_appointment(
            ACTOR,
            practitioner_id=ACTOR.id if holder else uuid4(),
            booked=booked,
            starts_at=NOW + timedelta(minutes=starts_in),
            now=NOW,
        )

    if key is None:
        check()
        return
    with pytest.raises(EngineError) as denied:
        check()
    assert _key(denied) == key


def test_role_4_a_hold_is_an_administrators() -> None:
    """MOVE-11, VIS-8: and of their own organization."""
    administrator = replace(ACTOR, roles=frozenset({Role.ADMINISTRATOR}))
    assert rules.check_hold(administrator, replace(FROZEN, relation=Relation.NOBODY)) is Role.ADMINISTRATOR
    for actor, record, key in (
        (ACTOR, RECORD, "ROLE-4/administrator"),
        (administrator, None, "VIS-11/record"),
        (administrator, replace(RECORD, organization_id=uuid4()), "VIS-11/record"),
    ):
        with pytest.raises(EngineError) as denied:
            rules.check_hold(actor, record)
        assert _key(denied) == key
