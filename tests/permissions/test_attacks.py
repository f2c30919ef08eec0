"""Ways round the rules that somebody might try, one after the other; each is denied, and leaves a line."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from engine.desk.desk import Desk
from engine.errors import EngineError, NotFound
from engine.records.tables.base import NoteState
from engine.rules.content import ContentClass as C
from engine.states.choices import Options, Purpose, RestorationCause, Role, ShareLevel
from tests import build
from tests.integration.handover.clinic import Clinic
from tests.permissions.nearby import Nearby


def denied(run: Callable[[], object]) -> EngineError:
    """Give the error that a command ends with."""
    with pytest.raises(EngineError) as caught:
        run()
    return caught.value


async def refused(command: Awaitable[object]) -> EngineError:
    """Give the error that a command of the service ends with."""
    with pytest.raises(EngineError) as caught:
        await command
    return caught.value


def last_line(clinic: Clinic, actor: UUID) -> tuple[str, str, str | None]:
    """Give what the log says last of somebody."""
    rows = clinic.rows(
        "SELECT action, outcome, rule FROM events WHERE actor_id = :id ORDER BY seq DESC LIMIT 1", id=actor
    )
    found: tuple[str, str, str | None] = rows[0]
    return found


def told(clinic: Clinic, kind: str) -> set[UUID]:
    """Give who is to be told something."""
    rows = clinic.rows("SELECT recipient_id FROM outbox WHERE kind = :kind", kind=kind)
    return {UUID(recipient) for (recipient,) in rows}


def request(service: Nearby, by: UUID, record: UUID, to: UUID, **more: Any) -> Awaitable[Any]:  # noqa: ANN401
    """Ask for a transfer."""
    return service.request(by, record, to, purpose=Purpose.CONTINUITY, **more)


class TestACoordinatorWhoWantsTheRecord:
    """ELIG-9, ROLE-4: whoever makes a transfer as a coordinator is not the one who receives."""

    @pytest.fixture
    def both(self, clinic: Clinic) -> UUID:
        """A coordinator who is a practitioner."""
        with clinic.database.write() as session:
            return build.member(session, clinic.world.organization, Role.COORDINATOR, Role.PRACTITIONER)

    async def test_by_asking(self, clinic: Clinic, service: Nearby, both: UUID) -> None:
        error = await refused(request(service, both, clinic.world.record, both))

        assert (error.key, last_line(clinic, both)) == ("ELIG-9", ("transfer.open", "denied", "ELIG-9"))

    async def test_by_taking_the_practitioner_role_for_it(
        self, clinic: Clinic, desk: Desk, service: Nearby
    ) -> None:
        """ROLE-2: an administrator and coordinator gives themself the role: it is told, and does not help."""
        with clinic.database.write() as session:
            actor = build.member(session, clinic.world.organization, Role.ADMINISTRATOR, Role.COORDINATOR)
        assert (await refused(request(service, actor, clinic.world.record, actor))).key == (
            "ELIG-3/not_practitioner"
        )

        desk.grant(actor, actor, Role.PRACTITIONER)

        assert told(clinic, "role_granted") == {actor, clinic.world.administrator}
        assert (await refused(request(service, actor, clinic.world.record, actor))).key == "ELIG-9"

    async def test_by_taking_the_coordinator_role_for_it(
        self, clinic: Clinic, desk: Desk, service: Nearby
    ) -> None:
        """ROLE-2, VIS-11: a practitioner who administers knows nothing of the record until then."""
        with clinic.database.write() as session:
            actor = build.member(session, clinic.world.organization, Role.ADMINISTRATOR, Role.PRACTITIONER)
        assert (await refused(request(service, actor, clinic.world.record, actor))).key == "VIS-11/record"

        desk.grant(actor, actor, Role.COORDINATOR)

        assert told(clinic, "role_granted") == {actor, clinic.world.administrator}
        assert (await refused(request(service, actor, clinic.world.record, actor))).key == "ELIG-9"

    async def test_by_giving_the_role_back_before_the_answer(
        self, clinic: Clinic, desk: Desk, service: Nearby, both: UUID
    ) -> None:
        """ROLE-5: who asked as a coordinator does not hold on to it as a practitioner alone."""
        colleague = clinic.colleague()
        asked = await request(service, both, clinic.world.record, colleague)
        desk.revoke(clinic.world.administrator, both, Role.COORDINATOR)

        for command in (
            service.reassign(both, asked.id, both, reason="pour moi"),
            service.impose(both, asked.id, both, reason="pour moi"),
            service.show(both, asked.id),
            service.cancel(both, asked.id, reason="pour moi"),
            service.narrow(both, asked.id, Options()),
            service.accept(both, asked.id),
        ):
            assert (await refused(command)).key == "VIS-11/transfer"
        assert desk.transfers(both).transfers == []

    async def test_by_sharing_it_with_themself(self, clinic: Clinic, desk: Desk, both: UUID) -> None:
        error = denied(lambda: desk.share(both, clinic.world.record, both, level=ShareLevel.FULL))

        assert (error.key, last_line(clinic, both)) == ("ELIG-2", ("record.share", "denied", "ELIG-2"))

    async def test_by_answering_for_who_is_asked(self, clinic: Clinic, service: Nearby, both: UUID) -> None:
        """OVR-1: accepting for somebody else is never disguised as their acceptance."""
        asked = await request(service, both, clinic.world.record, clinic.world.new_owner)

        error = await refused(service.accept(both, asked.id))

        assert error.key == "ST-T/accept/not_new_owner"
        assert clinic.live(clinic.world.record)[1] == clinic.world.owner

    @pytest.fixture
    def other(self, clinic: Clinic) -> UUID:
        """Another coordinator, or the same person's second account."""
        with clinic.database.write() as session:
            return build.member(session, clinic.world.organization, Role.COORDINATOR)

    async def test_by_a_second_account_that_steps_in(
        self, clinic: Clinic, service: Nearby, both: UUID, other: UUID
    ) -> None:
        """OVR-1: what they asked for, another coordinator neither reassigns to them nor imposes on them."""
        asked = await request(service, both, clinic.world.record, clinic.world.new_owner)

        for command in (service.reassign, service.impose):
            error = await refused(command(other, asked.id, both, reason="autrement"))
            assert (error.key, last_line(clinic, other)[1:]) == ("ELIG-9", ("denied", "ELIG-9"))

    async def test_by_choosing_somebody_first_and_being_chosen_afterwards(
        self, clinic: Clinic, desk: Desk, service: Nearby, both: UUID, other: UUID
    ) -> None:
        """ROLE-5: not either when they have given the coordinator role back in between."""
        asked = await request(service, clinic.world.owner, clinic.world.record, clinic.world.new_owner)
        await service.reassign(both, asked.id, clinic.colleague(), reason="autrement")
        assert (await refused(service.reassign(other, asked.id, both, reason="encore"))).key == "ELIG-9"

        desk.revoke(clinic.world.administrator, both, Role.COORDINATOR)

        for command in (service.reassign, service.impose):
            assert (await refused(command(other, asked.id, both, reason="encore"))).key == "ELIG-9"

    async def test_by_stepping_in_for_themself(self, clinic: Clinic, service: Nearby, both: UUID) -> None:
        asked = await request(service, clinic.world.owner, clinic.world.record, clinic.world.new_owner)

        for command in (service.reassign, service.impose):
            assert (await refused(command(both, asked.id, both, reason="à moi"))).key == "ELIG-9"
        assert clinic.live(clinic.world.record)[1] == clinic.world.owner


class TestARoleThatIsGone:
    """ROLE-5, ROLE-6: what somebody was gives them nothing."""

    async def test_a_coordinator_who_was_one_finds_nothing(
        self, clinic: Clinic, desk: Desk, service: Nearby
    ) -> None:
        with clinic.database.write() as session:
            actor = build.member(session, clinic.world.organization, Role.COORDINATOR, Role.PRACTITIONER)
        desk.revoke(clinic.world.administrator, actor, Role.COORDINATOR)
        number = clinic.rows("SELECT number FROM records WHERE id = :id", id=clinic.world.record)[0][0]

        assert (await refused(request(service, actor, clinic.world.record, clinic.world.new_owner))).key == (
            "VIS-11/record"
        )
        assert denied(lambda: desk.practitioners(actor)).key == "ROLE-4/coordinator"
        assert (
            denied(lambda: desk.find_records(actor, clinic.world.owner, number)).key == "ROLE-4/coordinator"
        )
        assert denied(lambda: desk.record_named(actor, number)).key == "VIS-11/record"

    async def test_an_answer_that_was_prepared_before(
        self, clinic: Clinic, desk: Desk, service: Nearby
    ) -> None:
        """ELIG-3, ROLE-5: the new owner has lost their access, or the role, since they were asked."""
        asked = await request(service, clinic.world.owner, clinic.world.record, clinic.world.new_owner)
        desk.grant(clinic.world.administrator, clinic.world.new_owner, Role.COORDINATOR)
        desk.revoke(clinic.world.administrator, clinic.world.new_owner, Role.PRACTITIONER)
        error = await refused(service.accept(clinic.world.new_owner, asked.id))
        assert error.key == "ELIG-3/not_practitioner"

        desk.deactivate(clinic.world.administrator, clinic.world.new_owner)

        assert (await refused(service.accept(clinic.world.new_owner, asked.id))).key == "VIS-11/member"
        assert clinic.live(clinic.world.record)[1] == clinic.world.owner


class TestReplays:
    """MOVE-3: what was answered to one is no answer to another."""

    async def test_a_key_that_somebody_else_used_says_nothing_of_their_record(
        self, clinic: Clinic, service: Nearby
    ) -> None:
        """VIS-11: neither of one that was asked for, nor of one that was denied."""
        stranger = clinic.colleague()
        await request(service, clinic.world.owner, clinic.world.record, clinic.world.new_owner, key="D-00012")
        with clinic.database.write() as session:
            other = build.record(session, clinic.world.owner)
        clinic.restrict(member_id=stranger)
        await refused(request(service, clinic.world.owner, other.record_id, uuid4(), key="D-00013"))

        keys = ("D-00012", "D-00013", "never used")
        for record in (clinic.world.record, other.record_id, uuid4()):
            answers = [
                await refused(request(service, stranger, record, clinic.world.new_owner, key=key))
                for key in keys
            ]

            assert {(type(error), error.key, str(error.params)) for error in answers} == {
                (NotFound, "VIS-11/record", "{'what': 'record'}")
            }

    async def test_an_answer_given_with_the_key_of_who_is_asked(
        self, clinic: Clinic, service: Nearby
    ) -> None:
        stranger, asked_of = clinic.colleague(), clinic.world.new_owner
        asked = await request(service, clinic.world.owner, clinic.world.record, asked_of)
        await service.accept(asked_of, asked.id, key="ma clef")

        assert (await refused(service.accept(stranger, asked.id, key="ma clef"))).key == "VIS-11/transfer"
        assert last_line(clinic, stranger) == ("transfer.accept", "denied", "VIS-11/transfer")

    async def test_a_decision_on_a_state_that_has_changed(self, clinic: Clinic, service: Nearby) -> None:
        """MOVE-1, MOVE-3: the new owner accepts what they saw, not what it became meanwhile."""
        options = Options(include_confidential=True)
        asked = await request(
            service, clinic.world.owner, clinic.world.record, clinic.world.new_owner, options=options
        )
        await service.narrow(clinic.world.owner, asked.id, Options())

        error = await refused(service.accept(clinic.world.new_owner, asked.id, seen_version=asked.version))

        assert error.key == "MOVE-3/changed"


class TestCounts:
    """VIS-6: a collaborator's confidential item changes no number that somebody else is shown."""

    async def test_nobody_can_count_what_is_its_authors_alone(
        self, clinic: Clinic, desk: Desk, service: Nearby
    ) -> None:
        full, world = clinic.full_record(), clinic.world
        seen: list[list[str]] = []
        for _ in range(2):
            shown = []
            for who in (world.owner, world.coordinator):
                preview = desk.preview(who, full.record, world.new_owner, Options(include_confidential=True))
                shown.append(preview.model_dump_json())
                found = desk.practitioners(world.coordinator)
                shown.append(str(found))
            bulk = desk.bulk_preview(world.coordinator, world.owner, [world.new_owner])
            shown.append(bulk.model_dump_json())
            shown.append(desk.held(world.administrator, world.owner).model_dump_json())
            shown.append(str([item.id for item in desk.record(world.owner, full.record).items]))
            seen.append(shown)
            desk.add_note(full.collaborator, full.record, "pour moi seul", confidential=True)
            desk.add_document(
                full.collaborator, full.record, b"x", name="a", media_type="text/plain", confidential=True
            )

        assert seen[0] == seen[1]

    async def test_nor_in_the_transfer_the_log_or_the_report_of_what_is_destroyed(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """AUD-1, MOVE-5: two records that differ in such an item alone move with the same numbers."""
        world, shown = clinic.world, []
        for private in (False, True):
            full = clinic.full_record()
            if private:
                desk.add_note(full.collaborator, full.record, "pour moi seul", confidential=True)
            transfer = clinic.hand_over(Options(keep_copy=False), record=full.record)
            views = [
                clinic.view(who, transfer).items for who in (world.owner, world.new_owner, world.coordinator)
            ]
            counts = clinic.rows(
                "SELECT action, counts FROM events WHERE transfer_id = :id AND counts IS NOT NULL",
                id=transfer,
            )
            held = [view for view in desk.quarantines(world.administrator) if view.id == full.holding]
            shown.append((views, counts, [view.items for view in held]))

        assert shown[0] == shown[1]


class TestGuessing:
    """VIS-8, VIS-11: an id of one kind of thing, or of somebody else's, opens nothing of another."""

    def test_a_holding_that_is_no_quarantine(self, clinic: Clinic, desk: Desk) -> None:
        """MOVE-6: live, archived, of another organization, or nothing: one answer."""
        administrator = clinic.world.administrator
        copied = clinic.full_record()
        clinic.hand_over(record=copied.record)
        foreign = Clinic(clinic.database)
        elsewhere = foreign.full_record()
        foreign.hand_over(Options(keep_copy=False), record=elsewhere.record)
        with clinic.database.write() as session:
            client = build.client(session, clinic.world.organization)
            live = build.record(session, clinic.world.owner, [client])

        answers = {
            str(
                denied(
                    lambda holding=holding: desk.restore(  # type: ignore[misc]
                        administrator, holding, cause=RestorationCause.ORDER, reason="ordonnance"
                    )
                )
            )
            for holding in (live.holding_id, copied.holding, elsewhere.holding, clinic.world.record, uuid4())
        }

        assert answers == {"VIS-11/quarantine"}

    def test_what_is_its_authors_alone_by_its_id(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-6: for the owner, for the new owner, and after its author has left."""
        full, world = clinic.full_record(), clinic.world
        hidden = sorted(full.items[C.COLLABORATOR_CONFIDENTIAL])

        def nothing(who: UUID) -> None:
            for item in [*hidden, uuid4()]:
                tried = (
                    partial(desk.content, who, full.record, item),
                    partial(desk.edit_note, who, full.record, item, "à moi"),
                    partial(desk.adopt_note, who, full.record, item),
                    partial(desk.approve_note, who, full.record, item),
                )
                assert [denied(each).key for each in tried] == ["VIS-11/document", *["VIS-11/note"] * 3]

        nothing(world.owner)
        clinic.hand_over(Options(include_confidential=True), record=full.record)
        nothing(world.new_owner)
        desk.deactivate(world.administrator, full.collaborator)
        nothing(world.new_owner)

    def test_a_draft_whose_author_still_shares_the_record(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-10: nobody adopts it, and nobody learns that there is one."""
        full, owner = clinic.full_record(), clinic.world.owner
        with clinic.database.write() as session:
            draft = build.note(session, full.holding, author_id=full.collaborator, state=NoteState.DRAFT)

        for note in (draft, uuid4()):
            assert denied(lambda: desk.adopt_note(owner, full.record, note)).key == "VIS-11/note"  # noqa: B023
            assert denied(lambda: desk.set_note_aside(owner, full.record, note)).key == "VIS-11/note"  # noqa: B023

    def test_the_restriction_of_another_client(self, clinic: Clinic, desk: Desk) -> None:
        """ELIG-4: its owner alone ends it, wherever it stands."""
        full, owner = clinic.full_record(), clinic.colleague()
        with clinic.database.write() as session:
            own = build.record(session, owner, [build.client(session, clinic.world.organization)])
        (theirs,) = desk.restrict(
            clinic.world.owner, full.record, member_id=owner, title=None, basis="à sa demande"
        )

        for restriction in (theirs.id, uuid4()):
            error = denied(lambda: desk.unrestrict(owner, own.record_id, restriction))  # noqa: B023
            assert error.key == "VIS-11/restriction"

    async def test_the_new_owner_of_another_organization(self, clinic: Clinic, service: Nearby) -> None:
        """VIS-8, ELIG-3: somebody there reads as nobody anywhere, in the preview too."""
        foreign = Clinic(clinic.database).world
        owner, record = clinic.world.owner, clinic.world.record

        for to in (foreign.new_owner, uuid4()):
            assert (await refused(request(service, owner, record, to))).key == "ELIG-3/unknown"
            assert denied(lambda: service.desk.preview(owner, record, to, Options())).key == "ELIG-3/unknown"  # noqa: B023

    def test_a_number_of_another_organization_is_free(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-8: nothing that is taken there is taken here."""
        foreign = Clinic(clinic.database)
        number = foreign.rows("SELECT number FROM records WHERE id = :id", id=foreign.world.record)[0][0]

        assert desk.add_record(clinic.world.owner, title="T", client="C", number=number).number == number


class TestASearch:
    """VIS-2: no part of a confidential record's title or number finds it, or changes an answer."""

    def test_every_part_of_its_title_and_number(self, clinic: Clinic, desk: Desk) -> None:
        title, number = "Deuil secret", "Z-4711"
        with clinic.database.write() as session:
            client = build.client(session, clinic.world.organization)
            build.record(session, clinic.world.owner, [client], title=title, number=number, confidential=True)
        parts = {
            text[i:j]
            for text in (title, number)
            for i in range(len(text))
            for j in range(i + 2, len(text) + 1)
        }
        nothing = desk.find_records(clinic.world.coordinator, clinic.world.owner, "introuvable")

        for part in sorted(part for part in parts if part.strip()):
            found = desk.find_records(clinic.world.coordinator, clinic.world.owner, part)
            assert number not in found.model_dump_json()
            if part not in "Suivi individuel":
                named = [view for view in found.records if view.title != "Suivi individuel"]
                assert named == nothing.records == []

    def test_by_number_or_id(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-11: a name that is taken by what somebody may not know reads as one that is not."""
        full = clinic.full_record(confidential=True)
        number = clinic.rows("SELECT number FROM records WHERE id = :id", id=full.record)[0][0]
        foreign = Clinic(clinic.database).world
        strangers = (
            clinic.world.coordinator, clinic.world.administrator, clinic.colleague(), foreign.owner,
            foreign.coordinator,
        )  # fmt: skip

        for who in strangers:
            for name in (number, str(full.record), number.lower(), "D-99999", str(uuid4())):
                assert denied(lambda: desk.record_named(who, name)).key == "VIS-11/record"  # noqa: B023
                assert last_line(clinic, who) == ("record.find", "denied", "VIS-11/record")


class TestTheFreeze:
    """VIS-4, VIS-9: a collaborator who is asked does not look through the back door."""

    def test_an_emergency_opened_before_is_no_sight_of_the_next_transfer(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """VIS-9: it ends with the transfer that it was for."""
        full, world = clinic.full_record(), clinic.world
        transfer = clinic.ask(record_id=full.record)
        desk.open_emergency(full.collaborator, full.record, "urgence")
        assert desk.record(full.collaborator, full.record).items
        clinic.cancel(transfer)

        clinic.ask(record_id=full.record, to=full.collaborator)

        assert denied(lambda: desk.record(full.collaborator, full.record)).key == "VIS-3"
        assert denied(lambda: desk.open_emergency(full.collaborator, full.record, "encore")).key == "VIS-3"
        assert full.record not in {view.id for view in desk.records(full.collaborator)}
        assert desk.record(world.owner, full.record).items

    async def test_an_emergency_opened_before_one_is_asked_oneself(
        self, clinic: Clinic, desk: Desk, service: Nearby
    ) -> None:
        """VIS-9: of the same transfer, which a coordinator reassigns to the collaborator."""
        full = clinic.full_record()
        transfer = clinic.ask(record_id=full.record)
        desk.open_emergency(full.collaborator, full.record, "urgence")

        await service.reassign(clinic.world.coordinator, transfer, full.collaborator, reason="à proximité")

        assert denied(lambda: desk.record(full.collaborator, full.record)).key == "VIS-3"
        note = min(full.items[C.NOTE])
        assert denied(lambda: desk.content(full.collaborator, full.record, note)).key == "VIS-3"
        assert full.record not in {view.id for view in desk.records(full.collaborator)}

    def test_a_share_that_is_widened_while_it_lasts(self, clinic: Clinic, desk: Desk) -> None:
        """VIS-4: not by ending it and giving another one, and not by the owner."""
        full, owner = clinic.full_record(), clinic.world.owner
        clinic.ask(record_id=full.record)
        desk.share(owner, full.record, full.collaborator, level=ShareLevel.READ)

        for level in (ShareLevel.WRITE, ShareLevel.FULL):
            error = denied(lambda: desk.share(owner, full.record, full.collaborator, level=level))  # noqa: B023
            assert error.key == "VIS-4/wider_share"
        desk.unshare(owner, full.record, full.collaborator)
        error = denied(lambda: desk.share(owner, full.record, full.collaborator, level=ShareLevel.READ))
        assert error.key == "VIS-4/wider_share"
