"""Who decides about an appointment whose cancellation is held, and until when (NOTE-2)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from engine.errors import Denied
from engine.rules import held
from engine.rules.facts import MemberFacts
from engine.rules.held import HeldFacts
from engine.states.choices import Role

STARTS = datetime(2040, 3, 12, 15, tzinfo=UTC)
ORGANIZATION = uuid4()


def member(*roles: Role, member_id: UUID | None = None) -> MemberFacts:
    return MemberFacts(
        id=member_id or uuid4(),
        organization_id=ORGANIZATION,
        active=True,
        roles=frozenset(roles),
        title="psychologue",
        accepts_records=True,
    )


OWNER, COORDINATOR = member(Role.PRACTITIONER), member(Role.COORDINATOR)


def facts(*, undecided: bool = True, offered_to: UUID | None = None) -> HeldFacts:
    return HeldFacts(
        undecided=undecided,
        starts_at=STARTS,
        owner_id=OWNER.id,
        owner_practises=True,
        offered_to_id=offered_to,
    )


@pytest.mark.parametrize(("hours", "may"), [(25, False), (24, True), (1, True)])
def test_the_day_before_whoever_is_responsible_releases_it(hours: int, *, may: bool) -> None:
    now = STARTS - timedelta(hours=hours)
    if may:
        assert held.check_release(OWNER, facts(), now) is Role.PRACTITIONER
    else:
        with pytest.raises(Denied, match="NOTE-2/coordinator"):
            held.check_release(OWNER, facts(), now)
    assert held.check_release(COORDINATOR, facts(), now) is Role.COORDINATOR


@pytest.mark.parametrize(
    "check", [held.check_release, held.check_offer, held.check_answer_offer], ids=lambda found: found.__name__
)
def test_nothing_is_left_to_decide_once_it_is_decided_or_has_begun(check: object) -> None:
    assert callable(check)
    for who in (OWNER, COORDINATOR):
        with pytest.raises(Denied, match="NOTE-2/decided"):
            check(who, facts(undecided=False, offered_to=OWNER.id), STARTS - timedelta(hours=1))
        with pytest.raises(Denied, match="NOTE-2/begun"):
            check(who, facts(offered_to=OWNER.id), STARTS)


def test_an_offer_to_somebody_who_was_responsible_before_is_void() -> None:
    before = facts(offered_to=uuid4())
    with pytest.raises(Denied, match="NOTE-2/not_offered"):
        held.check_answer_offer(OWNER, before, STARTS - timedelta(days=2))

    assert held.check_offer(COORDINATOR, before, STARTS - timedelta(days=2)) is Role.COORDINATOR
    with pytest.raises(Denied, match="NOTE-2/offered"):
        held.check_offer(COORDINATOR, facts(offered_to=OWNER.id), STARTS - timedelta(days=2))
