"""A client's restrictions: who may set, end and read them; each says who, when and on what basis (ELIG-4)."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, Denied, EngineError, NotFound
from engine.states.choices import Options, ShareLevel
from tests import build
from tests.integration.handover.clinic import Clinic
from tests.integration.people.logged import last_line

BASIS = "dit de vive voix au premier rendez-vous"
Command = Callable[[Desk, UUID, UUID, UUID], object]
COMMANDS: dict[str, Command] = {
    "client.restrict": lambda desk, actor, record, _: desk.restrict(
        actor, record, member_id=None, title="Avocate", basis=BASIS
    ),
    "client.unrestrict": lambda desk, actor, record, entry: desk.unrestrict(actor, record, entry),
    "client.restrictions": lambda desk, actor, record, _: desk.restrictions(actor, record),
}


@pytest.fixture
def entry(clinic: Clinic, desk: Desk) -> UUID:
    """A restriction that the owner noted about the new owner."""
    world = clinic.world
    (made,) = desk.restrict(
        world.owner, world.record, member_id=world.new_owner, title=None, basis=f"  {BASIS} "
    )
    return made.id


def collaborator(clinic: Clinic, level: ShareLevel) -> UUID:
    member = clinic.colleague()
    with clinic.database.write() as session:
        build.share(session, clinic.world.record, member, level=level)
    return member


def kept(clinic: Clinic) -> list[tuple[object, ...]]:
    return clinic.rows("SELECT id, member_id, title, ended_at, ended_by_id FROM restrictions ORDER BY id")


def test_each_entry_says_who_when_and_on_what_basis(clinic: Clinic, desk: Desk, entry: UUID) -> None:
    world = clinic.world

    (shown,) = desk.restrictions(world.owner, world.record)

    assert (shown.id, shown.member_id, shown.title, shown.basis) == (entry, world.new_owner, None, BASIS)
    assert (shown.ended_at, shown.ended_by) == (None, None)
    assert shown.set_by in {member.name for member in desk.members(world.owner) if member.id == world.owner}
    assert last_line(clinic)[0] == "client.restrict"


def test_an_ended_one_no_longer_guards_and_stays_readable(clinic: Clinic, desk: Desk, entry: UUID) -> None:
    world = clinic.world
    assert clinic.open(clinic.request()).denied == "ELIG-4"

    desk.unrestrict(world.owner, world.record, entry)

    assert last_line(clinic)[:2] == ("client.unrestrict", "allowed")
    clinic.cancel(clinic.ask())
    (shown,) = desk.restrictions(world.owner, world.record)
    assert (shown.basis, shown.ended_by) == (BASIS, shown.set_by)
    with pytest.raises(BadInput, match="restriction_ended"):
        desk.unrestrict(world.owner, world.record, entry)
    desk.restrict(world.owner, world.record, member_id=world.new_owner, title=None, basis=BASIS)
    assert clinic.open(clinic.request()).denied == "ELIG-4"


def test_the_same_is_not_noted_twice(clinic: Clinic, desk: Desk, entry: UUID) -> None:
    world = clinic.world
    desk.restrict(world.owner, world.record, member_id=None, title="Travailleuse sociale", basis=BASIS)

    for who in ({"member_id": world.new_owner, "title": None},
                {"member_id": None, "title": "TRAVAILLEUSE  sociale"}):  # fmt: skip
        with pytest.raises(BadInput, match="restricted_already"):
            desk.restrict(world.owner, world.record, **who, basis=BASIS)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"member_id": None, "title": None, "basis": BASIS}, "member_or_title"),
        ({"member_id": None, "title": "Avocate", "basis": " "}, "empty"),
        ({"member_id": None, "title": "two\nlines", "basis": BASIS}, "one_line"),
        ({"member_id": None, "title": "Avocate", "basis": "x" * 20_001}, "too_long"),
    ],
)
def test_an_entry_that_says_too_little_or_too_much(
    clinic: Clinic, desk: Desk, what: dict[str, str | None], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        desk.restrict(clinic.world.owner, clinic.world.record, **what)  # type: ignore[arg-type]

    assert not kept(clinic)


@pytest.mark.parametrize("action", COMMANDS)
@pytest.mark.parametrize("who", ["administrator", "coordinator", "previous owner", "new owner", "reader"])
def test_who_may_not(clinic: Clinic, desk: Desk, entry: UUID, action: str, who: str) -> None:
    """VIS-1, VIS-11: nobody who does not write in the record; reading a share reads the list too."""
    world, reader = clinic.world, collaborator(clinic, ShareLevel.READ)
    actor = {"administrator": world.administrator, "coordinator": world.coordinator, "reader": reader}.get(
        who, world.new_owner
    )
    if who in {"previous owner", "new owner"}:
        desk.unrestrict(world.owner, world.record, entry)
        asked = clinic.ask()
        if who == "previous owner":
            clinic.accept(asked)
            actor = world.owner
    before = kept(clinic)
    if (action, who) == ("client.restrictions", "reader"):
        assert desk.restrictions(actor, world.record)
        return

    with pytest.raises(EngineError) as denied:
        COMMANDS[action](desk, actor, world.record, entry)

    assert kept(clinic) == before
    reads = action == "client.restrictions"
    assert denied.value.key == {
        "previous owner": "VIS-7" if reads else "MOVE-4",
        "new owner": "VIS-3",
        "coordinator": "VIS-1",
        "reader": "VIS-5/read_only",
    }.get(who, "VIS-11/record")
    assert last_line(clinic)[:3] == (action, "denied", denied.value.key)


def test_vis_4_a_collaborator_loses_sight_of_the_list_too(clinic: Clinic, desk: Desk, entry: UUID) -> None:
    writer, world = collaborator(clinic, ShareLevel.WRITE), clinic.world
    assert desk.restrictions(writer, world.record)
    clinic.ask(to=clinic.colleague())

    with pytest.raises(Denied, match="VIS-4/collaborator"):
        desk.restrictions(writer, world.record)

    assert desk.restrictions(world.owner, world.record)


@pytest.mark.parametrize("action", COMMANDS)
def test_vis_8_another_organization_is_a_wall(
    clinic: Clinic, desk: Desk, elsewhere: Clinic, entry: UUID, action: str
) -> None:
    """From outside the record is an unknown one, and so is the entry at one's own record."""
    before = kept(clinic)
    for record in (clinic.world.record, uuid4()):
        with pytest.raises(NotFound, match="VIS-11/record"):
            COMMANDS[action](desk, elsewhere.world.owner, record, entry)
    for other in (entry, uuid4()):
        with pytest.raises(NotFound, match="VIS-11/restriction"):
            desk.unrestrict(elsewhere.world.owner, elsewhere.world.record, other)

    assert kept(clinic) == before


def test_a_new_owner_reads_the_list_once_the_record_is_theirs(clinic: Clinic, desk: Desk) -> None:
    """The list is the client's: it follows them, whoever set it."""
    world = clinic.world
    desk.restrict(world.owner, world.record, member_id=None, title="Avocate", basis=BASIS)
    clinic.accept(clinic.ask(options=Options()))

    assert [shown.title for shown in desk.restrictions(world.new_owner, world.record)] == ["Avocate"]
