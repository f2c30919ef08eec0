"""Who sees what, before and after a hand-over (VIS-3 to VIS-12)."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import BadInput, EngineError, NotFound
from engine.records import visibility
from engine.records.reading import preview_view, record_view
from engine.records.tables.base import NoteState, TextKind
from engine.rules.content import ContentClass
from engine.states.choices import Options, ShareLevel
from tests import build
from tests.integration.handover.clinic import EVERYTHING, Clinic, FullRecord

C = ContentClass
WITHOUT_COPY = Options(include_confidential=True, keep_copy=False)


def _others(clinic: Clinic, *but: UUID) -> list[UUID]:
    members = [UUID(found) for (found,) in clinic.rows("SELECT id FROM members")]
    return [member for member in members if member not in but]


def _content(clinic: Clinic, actor: UUID, full: FullRecord, item: UUID) -> bytes | None:
    with clinic.database.read() as session:
        return visibility.read_content(session, actor, full.record, item, clinic.now)


@pytest.mark.parametrize("options", [EVERYTHING, Options(), WITHOUT_COPY, Options(keep_copy=False)])
def test_vis_6_a_collaborators_confidential_items_are_their_authors_alone(
    clinic: Clinic, options: Options
) -> None:
    """VIS-6: before, and after, whatever the options say; nobody else lists them or reads their bytes."""
    full = clinic.full_record()
    secret = full.of(C.COLLABORATOR_CONFIDENTIAL)
    assert secret <= clinic.sees(full.collaborator, full.record)
    assert not secret & clinic.sees(clinic.world.owner, full.record)

    clinic.hand_over(options, record=full.record)

    assert secret <= clinic.sees(full.collaborator, full.record, archived=False)
    for member in _others(clinic, full.collaborator):
        assert not secret & clinic.sees(member, full.record)
        assert {_content(clinic, member, full, item) for item in secret} == {None}
    assert all(_content(clinic, full.collaborator, full, item) for item in secret)


def test_vis_6_is_in_no_count(clinic: Clinic) -> None:
    """VIS-6: not in a preview, not in a transfer as anybody sees it, not in the log."""
    full = clinic.full_record()
    owner = clinic.member(clinic.world.owner)
    with clinic.database.read() as session:
        seen = preview_view(session, owner, full.record, clinic.world.new_owner, EVERYTHING, clinic.now)
    assert C.COLLABORATOR_CONFIDENTIAL not in {line.item_class for line in seen.items}

    transfer = clinic.hand_over(EVERYTHING, record=full.record)

    for member in (clinic.world.owner, clinic.world.new_owner, clinic.world.coordinator):
        lines = clinic.view(member, transfer).items
        assert lines
        assert C.COLLABORATOR_CONFIDENTIAL not in {line.item_class for line in lines}
    assert not clinic.rows("SELECT 1 FROM events WHERE counts LIKE '%collaborator_confidential%'")


def test_vis_3_blind_pending(clinic: Clinic) -> None:
    """VIS-3: before the answer the new owner knows who, when, how many; no content and no title."""
    full = clinic.full_record()
    owner, new_owner = clinic.world.owner, clinic.world.new_owner
    texts = {
        "basis_id": clinic.text(owner, TextKind.BASIS),
        "message_id": clinic.text(owner, TextKind.MESSAGE),
    }

    transfer = clinic.ask(record_id=full.record, **texts)

    assert clinic.sees(new_owner, full.record) == set()
    view = clinic.view(new_owner, transfer)
    assert (view.owner, view.respond_by is not None, view.record_number is not None) == (
        "Camille Roy",
        True,
        True,
    )
    assert (view.basis, view.message, view.reason) == (None, None, None)
    assert {line.outcome for line in view.items} == {"moved"}
    with clinic.database.read() as session, pytest.raises(EngineError):
        record_view(session, clinic.member(new_owner), full.record, clinic.now, with_items=True)


def test_vis_12_basis_and_message_are_read_on_acceptance(clinic: Clinic) -> None:
    """VIS-12, MOVE-9: by both parties once accepted, by no coordinator and no administrator."""
    owner, new_owner = clinic.world.owner, clinic.world.new_owner
    texts = {
        "basis_id": clinic.text(owner, TextKind.BASIS, "consentement verbal"),
        "message_id": clinic.text(owner, TextKind.MESSAGE, "bonne suite"),
    }
    transfer = clinic.ask(**texts)

    clinic.accept(transfer)

    for party in (owner, new_owner):
        view = clinic.view(party, transfer)
        assert (view.basis, view.message) == ("consentement verbal", "bonne suite")
    view = clinic.view(clinic.world.coordinator, transfer)
    assert (view.basis, view.message) == (None, None)
    with pytest.raises(NotFound):
        clinic.view(clinic.world.administrator, transfer)


def test_vis_12_a_refusal_is_read_by_the_owner(clinic: Clinic) -> None:
    """VIS-12: the one who refused sees only that they answered; others do not know of the transfer."""
    transfer = clinic.ask()
    reason = clinic.text(clinic.world.new_owner, TextKind.REASON, "charge complète")

    clinic.refuse(transfer, reason_id=reason)

    assert clinic.view(clinic.world.owner, transfer).reason == "charge complète"
    # Nothing is left for them to decide.
    assert clinic.view(clinic.world.coordinator, transfer).reason is None
    view = clinic.view(clinic.world.new_owner, transfer)
    assert (view.state, view.record_id, view.owner, view.reason) == ("refused", None, None, None)
    for stranger in (clinic.colleague(), clinic.world.administrator):
        with pytest.raises(NotFound):
            clinic.view(stranger, transfer)


def test_vis_2_number_and_title_of_a_confidential_record_are_hidden_from_coordinators(clinic: Clinic) -> None:
    """VIS-1, VIS-2: a coordinator sees counts, never the number; both parties see it."""
    full = clinic.full_record(confidential=True)
    transfer = clinic.ask(record_id=full.record)

    view = clinic.view(clinic.world.coordinator, transfer)

    assert view.record_number is None
    assert view.items
    assert clinic.view(clinic.world.new_owner, transfer).record_number is not None
    assert clinic.sees(clinic.world.coordinator, full.record) == set()


def test_vis_4_while_frozen_the_owner_reads_and_collaborators_do_not(clinic: Clinic) -> None:
    """VIS-4: and after a cancel the share is as it was (VIS-9)."""
    full = clinic.full_record()
    before = clinic.sees(full.collaborator, full.record)
    owners = clinic.sees(clinic.world.owner, full.record)
    transfer = clinic.ask(record_id=full.record)

    assert clinic.sees(full.collaborator, full.record) == set()
    assert clinic.sees(clinic.world.owner, full.record) == owners
    clinic.cancel(transfer)
    assert clinic.sees(full.collaborator, full.record) == before != set()


def test_vis_7_the_previous_owner_reads_the_copy_as_it_stood(clinic: Clinic) -> None:
    """VIS-7: everything of that time (VIS-6 apart), moved or not, and nothing that was added later."""
    full = clinic.full_record()
    clinic.hand_over(EVERYTHING, record=full.record)
    new, new_owner = clinic.live(full.record)
    with clinic.database.write() as session:
        later = build.note(session, new, author_id=new_owner, body="écrit après")
        build.appointment(session, full.record, new_owner, client_id=clinic.world.client)
        build.task(session, new)
    draft = next(iter(full.items[C.DRAFT_NOTE] - full.their_drafts))
    clinic.change(
        "UPDATE notes SET state = 'signed', signed_at = created_at WHERE holding_id = :h AND item_id = :i",
        h=new,
        i=draft,
    )

    seen = clinic.see(clinic.world.owner, full.record)

    not_in_a_copy = {
        C.COLLABORATOR_CONFIDENTIAL,
        C.COLLABORATOR_APPOINTMENT,
        C.SHARE,
        C.TASK,
        C.MEMO,
    }
    assert {item.id for item in seen} == full.of(*(set(C) - not_in_a_copy)) - full.their_drafts
    assert all(item.archived for item in seen)
    assert {item.state for item in seen if item.id == draft} == {NoteState.DRAFT}
    assert later not in {item.id for item in seen}
    assert later in clinic.sees(new_owner, full.record)


def test_vis_7_without_a_copy_the_previous_owner_reads_nothing(clinic: Clinic) -> None:
    """VIS-7, MOVE-6: not an item, not a byte, not that they may look."""
    full = clinic.full_record()
    item = next(iter(full.items[C.NOTE]))

    clinic.hand_over(WITHOUT_COPY, record=full.record)

    assert clinic.sees(clinic.world.owner, full.record) == set()
    assert _content(clinic, clinic.world.owner, full, item) is None
    with clinic.database.read() as session:
        assert not visibility.may_see_record(session, clinic.world.owner, full.record, clinic.now)
        assert (
            full.record
            not in session.scalars(visibility.visible_records(clinic.world.owner, clinic.now)).all()
        )


def test_move_6_what_is_excluded_and_not_kept_is_seen_by_nobody(clinic: Clinic) -> None:
    """MOVE-6: quarantined items are on no screen of anybody."""
    full = clinic.full_record()
    clinic.hand_over(Options(keep_copy=False), record=full.record)
    gone = full.of(C.CONFIDENTIAL_NOTE, C.CONFIDENTIAL_DOCUMENT, C.RAW_DATA, C.PAST_APPOINTMENT, C.TASK)

    for member in _others(clinic):
        assert not gone & clinic.sees(member, full.record)
        assert {_content(clinic, member, full, item) for item in gone} == {None}


def test_vis_10_drafts_are_their_authors_until_the_author_has_lost_access(clinic: Clinic) -> None:
    """VIS-10: a collaborator's draft is theirs; the previous owner's is read by the new owner."""
    world, full = clinic.world, clinic.full_record()
    with clinic.database.write() as session:
        theirs = build.note(session, full.holding, author_id=full.collaborator, state=NoteState.DRAFT)
        owners = build.note(session, full.holding, state=NoteState.DRAFT)

    clinic.hand_over(Options(keep_copy=False), record=full.record)

    assert theirs in clinic.sees(full.collaborator, full.record)
    assert theirs not in clinic.sees(world.new_owner, full.record)
    assert owners in clinic.sees(world.new_owner, full.record)
    assert owners not in clinic.sees(full.collaborator, full.record)


@pytest.mark.parametrize("loss", ["share ended", "deactivated"])
def test_vis_10_a_draft_whose_author_has_lost_access_is_read_by_the_new_owner(
    clinic: Clinic, loss: str
) -> None:
    """VIS-10: whether their share ended or they left."""
    full = clinic.full_record()
    with clinic.database.write() as session:
        draft = build.note(session, full.holding, author_id=full.collaborator, state=NoteState.DRAFT)
    clinic.hand_over(record=full.record)
    if loss == "deactivated":
        clinic.change("UPDATE members SET active = false WHERE id = :id", id=full.collaborator)
    else:
        clinic.change(
            "UPDATE shares SET ended_at = :at WHERE member_id = :id",
            at=datetime(2041, 1, 1, tzinfo=UTC),
            id=full.collaborator,
        )

    assert draft in clinic.sees(clinic.world.new_owner, full.record)
    assert clinic.sees(full.collaborator, full.record) == set()


def test_vis_8_nothing_crosses_the_wall(clinic: Clinic) -> None:
    """VIS-8, VIS-11: a foreign id gets the answer that an unknown one gets, in every command."""
    other = Clinic(clinic.database)
    transfer = clinic.ask()
    stranger = other.world.owner

    def denial(**more: UUID) -> tuple[object, ...]:
        result = clinic.open(clinic.request(**more))
        return result.denied, result.state, result.organization_id

    mine = {"record_id": clinic.full_record().record}
    assert denial(record_id=other.world.record) == denial(record_id=uuid4())
    assert denial(**mine, to=stranger) == denial(**mine, to=uuid4()) == ("ELIG-3/unknown", None, None)
    assert denial(by=stranger) == denial(by=uuid4())
    foreign = {"organization_id": other.world.organization, "by": stranger}
    assert denial(**foreign) == denial(**foreign, record_id=uuid4()) == ("VIS-11/record", None, None)
    for command in (clinic.accept, clinic.refuse, clinic.cancel):
        told = {command(found, by=stranger).denied for found in (transfer, uuid4())}
        assert told == {"VIS-11/transfer"}
    with pytest.raises(NotFound) as known:
        clinic.view(stranger, transfer)
    with pytest.raises(NotFound) as unknown:
        clinic.view(stranger, uuid4())
    assert known.value.key == unknown.value.key
    assert clinic.sees(stranger, clinic.world.record) == set()


@pytest.mark.parametrize("whose", ["foreign", "unknown"])
def test_vis_8_at_the_desk_a_foreign_member_is_an_unknown_one(clinic: Clinic, whose: str) -> None:
    """VIS-8, VIS-11: nobody shares a record with, or restricts, somebody of another organization."""
    desk, world = Desk(clinic.database), clinic.world
    member = Clinic(clinic.database).world.owner if whose == "foreign" else uuid4()

    for command in (
        lambda: desk.share(world.owner, world.record, member, level=ShareLevel.READ),
        lambda: desk.restrict(world.owner, world.record, member_id=member, title=None, basis="refus"),
    ):
        with pytest.raises(NotFound) as denied:
            command()
        assert denied.value.key == "VIS-11/member"
    assert not clinic.rows("SELECT 1 FROM shares UNION SELECT 1 FROM restrictions")


def test_vis_9_nobody_shares_a_record_with_its_owner(clinic: Clinic) -> None:
    """VIS-9: an owner has no share of their own record."""
    with pytest.raises(BadInput):
        Desk(clinic.database).share(
            clinic.world.owner, clinic.world.record, clinic.world.owner, level=ShareLevel.READ
        )


def test_vis_8_same_bytes_in_two_organizations_are_two_contents(clinic: Clinic) -> None:
    """VIS-8: content is never shared across the wall, and a hand-over makes no other copy of it."""
    other = Clinic(clinic.database)
    with clinic.database.write() as session:
        build.note(session, clinic.world.holding, body="pareil")
        build.note(session, other.world.holding, body="pareil")

    clinic.hand_over(EVERYTHING)

    assert len(clinic.rows("SELECT 1 FROM content WHERE body = :body", body=b"pareil")) == 2
