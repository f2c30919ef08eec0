"""An organization may hold cancellations: nothing is sent before somebody has decided (NOTE-2)."""

import asyncio
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import NamedTuple
from uuid import UUID

import pytest
import vobject
from sqlalchemy.exc import DBAPIError

from engine.activities.notices import Mailing, Sending
from engine.desk.desk import Desk
from engine.errors import Denied, NotFound
from engine.mailserver import MailServer
from engine.notices import calls, deliveries
from engine.notices.calls import WhyCall
from engine.notices.post import ServerPost
from engine.states.choices import Need, Options, Role
from tests import build
from tests.integration.handover.clinic import UPCOMING, Clinic
from tests.integration.notices.caseload import asked_one_by_one
from tests.integration.notices.server import MailServerOfTests


class Scene(NamedTuple):
    """A record that was handed over, and its cancelled appointment."""

    clinic: Clinic
    desk: Desk
    record: UUID
    appointment: UUID
    transfer: UUID

    def told(self) -> list[str]:
        """What clients are told, in the order in which it was written."""
        return [kind for (kind,) in self.clinic.rows("SELECT kind FROM outbox WHERE client_id IS NOT NULL")]

    def heard(self, who: UUID) -> list[str]:
        """What somebody is told of held appointments."""
        rows = self.clinic.rows("SELECT kind FROM outbox WHERE member_id = :id ORDER BY id", id=who)
        return [
            kind.removeprefix("appointment").strip("_") for (kind,) in rows if kind.startswith("appointment")
        ]

    def held(self, who: UUID) -> list[tuple[UUID, bool, bool]]:
        """What somebody sees: which, whether it is offered, whether to them."""
        return [(one.id, one.offered, one.yours) for one in self.desk.held_appointments(who)]

    def needs(self, who: UUID) -> list[Need]:
        """What needs somebody."""
        return [one.need for one in self.desk.needs(who).transfers]


def booked(
    clinic: Clinic, starts_at: datetime = UPCOMING, *, confidential: bool = False
) -> tuple[UUID, UUID]:
    world = clinic.world
    with clinic.database.write() as session:
        record, _ = build.record(session, world.owner, [world.client], confidential=confidential)
        return record, build.appointment(
            session, record, world.owner, client_id=world.client, starts_at=starts_at
        )


@pytest.fixture
def scene(clinic: Clinic, desk: Desk) -> Scene:
    """A hand-over in an organization that holds cancellations."""
    desk.set_policy(clinic.world.administrator, hold_cancellations=True)
    record, appointment = booked(clinic)
    return Scene(clinic, desk, record, appointment, clinic.hand_over(record=record))


def test_nothing_is_sent_before_the_decision(scene: Scene) -> None:
    """MOVE-T/upcoming_appointment: it is cancelled all the same, and counts so in the manifest."""
    world = scene.clinic.world

    assert scene.told() == []
    assert scene.heard(world.coordinator) == ["s_held"]
    assert scene.held(world.coordinator) == [(scene.appointment, False, False)]
    assert scene.held(world.new_owner) == [(scene.appointment, False, True)]
    assert scene.held(world.owner) == []
    assert scene.needs(world.coordinator) == [Need.APPOINTMENTS]
    ((state, sequence),) = scene.clinic.rows(
        "SELECT state, sequence FROM appointments WHERE item_id = :id", id=scene.appointment
    )
    assert (state, sequence) == ("cancelled", 1)


def test_released_is_told_once(scene: Scene) -> None:
    world = scene.clinic.world
    scene.desk.release_appointment(world.coordinator, scene.appointment)

    assert scene.told() == ["appointment_cancelled"]
    assert scene.held(world.coordinator) == []
    assert scene.needs(world.coordinator) == []
    with pytest.raises(Denied, match="NOTE-2/decided"):
        scene.desk.release_appointment(world.coordinator, scene.appointment)
    assert scene.told() == ["appointment_cancelled"]


def test_offered_and_taken_is_told_to_no_client(scene: Scene) -> None:
    """The yes is the new owner's; the appointment is theirs, at the same hour."""
    world = scene.clinic.world
    scene.desk.offer_appointment(world.coordinator, scene.appointment)
    assert scene.needs(world.coordinator) == []
    assert scene.needs(world.new_owner) == [Need.OFFERED]
    taken = scene.desk.take_appointment(world.new_owner, scene.appointment)
    holding, _ = scene.clinic.live(scene.record)
    ((its_holding, whose, starts_at, state),) = scene.clinic.rows(
        "SELECT holding_id, practitioner_id, starts_at, state FROM appointments WHERE item_id = :id", id=taken
    )

    assert (UUID(its_holding), UUID(whose), state) == (holding, world.new_owner, "booked")
    assert datetime.fromisoformat(starts_at) == UPCOMING
    assert scene.told() == []
    assert scene.heard(world.new_owner) == ["offered"]
    assert scene.heard(world.coordinator) == ["s_held", "taken"]
    assert scene.held(world.coordinator) == []


def test_declined_waits_for_the_coordinator_again(scene: Scene) -> None:
    world = scene.clinic.world
    scene.desk.offer_appointment(world.coordinator, scene.appointment)
    scene.desk.decline_appointment(world.new_owner, scene.appointment)

    assert scene.heard(world.coordinator) == ["s_held", "declined"]
    assert scene.needs(world.coordinator) == [Need.APPOINTMENTS]
    with pytest.raises(Denied, match="NOTE-2/not_offered"):
        scene.desk.take_appointment(world.new_owner, scene.appointment)
    scene.desk.offer_appointment(world.coordinator, scene.appointment)
    scene.desk.release_appointment(world.coordinator, scene.appointment)
    assert scene.heard(world.new_owner) == ["offered", "offered", "released"]
    assert scene.told() == ["appointment_cancelled"]


def test_nobody_takes_it_for_somebody_else(scene: Scene) -> None:
    world = scene.clinic.world
    scene.desk.offer_appointment(world.coordinator, scene.appointment)

    with pytest.raises(Denied, match="NOTE-2/not_yours"):
        scene.desk.take_appointment(world.coordinator, scene.appointment)
    with pytest.raises(Denied, match="NOTE-2/coordinator"):
        scene.desk.release_appointment(world.new_owner, scene.appointment)
    with pytest.raises(NotFound, match="VIS-11/appointment"):
        scene.desk.take_appointment(scene.clinic.colleague(), scene.appointment)
    with pytest.raises(NotFound, match="VIS-11/appointment"):
        scene.desk.release_appointment(Clinic(scene.clinic.database).world.coordinator, scene.appointment)


def test_calendars_know_what_moved_by_its_first_id(scene: Scene, server: MailServerOfTests) -> None:
    """NOTE-3: cancelled in the end, after it moved twice: the same UID, a higher SEQUENCE, one mail."""
    clinic, desk, world = scene.clinic, scene.desk, scene.clinic.world
    desk.offer_appointment(world.coordinator, scene.appointment)
    second = desk.take_appointment(world.new_owner, scene.appointment)
    clinic.hand_over(record=scene.record, by=world.new_owner, to=world.owner)
    desk.offer_appointment(world.coordinator, second)
    third = desk.take_appointment(world.owner, second)
    desk.cancel_appointment(world.owner, third)
    post = ServerPost(MailServer.of_url(server.url))
    mailing = Mailing(post=post, sender="passation@clinique.example", rate=None)
    asyncio.run(Sending(clinic.database, mailing).turn(0))
    calendars = [
        vobject.readOne(part.get_content())
        for raw in server.taken
        for part in message_from_bytes(raw, policy=default).walk()
        if part.get_content_type() == "text/calendar"
    ]

    assert [(one.vevent.uid.value, one.vevent.sequence.value) for one in calendars] == [
        (f"{scene.appointment}@passation", "3")
    ]


def test_what_begins_within_a_day_is_told_at_once(scene: Scene) -> None:
    record, _ = booked(scene.clinic, scene.clinic.now + timedelta(hours=23))
    scene.clinic.hand_over(record=record)

    assert scene.told() == ["appointment_cancelled"]


def test_client_without_an_address_is_to_be_called_once_it_is_released(scene: Scene) -> None:
    world = scene.clinic.world
    scene.clinic.change("UPDATE clients SET email = NULL")
    assert scene.desk.calls(world.coordinator) == []
    scene.desk.release_appointment(world.coordinator, scene.appointment)

    assert [call.why for call in scene.desk.calls(world.coordinator)] == ["no_address"]


@pytest.mark.parametrize(("hours", "listed"), [(25, []), (20, [WhyCall.UNDECIDED]), (0, [])])
def test_undecided_the_day_before_is_on_the_call_list(
    scene: Scene, hours: int, listed: list[WhyCall]
) -> None:
    """Nothing was sent, and nothing is: it is released or taken first."""
    now, world = UPCOMING - timedelta(hours=hours), scene.clinic.world
    for who in (world.coordinator, world.new_owner):
        with scene.clinic.database.read() as session:
            found = calls.to_call(session, scene.clinic.member(who), now)
        assert [call.why for call in found] == listed
        assert {(call.notice_id, call.appointment_id) for call in found} <= {(None, scene.appointment)}
    assert scene.told() == []


def test_nothing_is_held_where_nobody_could_decide(clinic: Clinic, desk: Desk) -> None:
    """ROLE-2: the coordinator role is optional."""
    desk.set_policy(clinic.world.administrator, hold_cancellations=True)
    desk.deactivate(clinic.world.administrator, clinic.world.coordinator)
    record, _ = booked(clinic)
    clinic.hand_over(record=record)

    assert clinic.rows("SELECT kind FROM outbox WHERE client_id IS NOT NULL") == [("appointment_cancelled",)]


def test_vis_2_of_a_confidential_record_a_coordinator_sees_the_hour_alone(scene: Scene) -> None:
    world = scene.clinic.world
    record, appointment = booked(scene.clinic, confidential=True)
    scene.clinic.hand_over(record=record)
    number = {one.id: one.record_number for one in scene.desk.held_appointments(world.coordinator)}
    own = {one.id: one.record_number for one in scene.desk.held_appointments(world.new_owner)}

    assert number[appointment] is None
    assert own[appointment] is not None
    assert number[scene.appointment] == own[scene.appointment]


def test_an_offer_is_void_once_somebody_else_is_responsible(scene: Scene) -> None:
    world, third = scene.clinic.world, scene.clinic.colleague()
    scene.desk.offer_appointment(world.coordinator, scene.appointment)
    scene.clinic.hand_over(record=scene.record, by=world.new_owner, to=third)

    assert scene.needs(world.coordinator) == [Need.APPOINTMENTS]
    with pytest.raises(Denied, match="NOTE-2/not_offered"):
        scene.desk.take_appointment(third, scene.appointment)
    scene.desk.offer_appointment(world.coordinator, scene.appointment)
    scene.desk.take_appointment(third, scene.appointment)
    assert scene.told() == []


def test_a_frozen_record_s_owner_takes_it_and_an_archived_one_s_does_not(scene: Scene) -> None:
    """MOVE-13: booking goes on while a transfer is open. MOVE-4: nothing is written into an archive."""
    world = scene.clinic.world
    scene.desk.offer_appointment(world.coordinator, scene.appointment)
    scene.desk.archive(world.new_owner, scene.record)
    with pytest.raises(Denied, match="MOVE-4"):
        scene.desk.take_appointment(world.new_owner, scene.appointment)
    scene.desk.reactivate(world.new_owner, scene.record)
    scene.clinic.ask(record_id=scene.record, by=world.new_owner, to=world.owner)

    assert scene.desk.take_appointment(world.new_owner, scene.appointment) != scene.appointment


def test_a_successor_who_no_longer_practises_is_not_asked(scene: Scene) -> None:
    world = scene.clinic.world
    scene.desk.grant(world.administrator, world.new_owner, Role.COORDINATOR)
    scene.desk.revoke(world.administrator, world.new_owner, Role.PRACTITIONER)

    with pytest.raises(Denied, match="NOTE-2/nobody_to_offer"):
        scene.desk.offer_appointment(world.coordinator, scene.appointment)


def test_one_message_for_a_caseload_s_held_appointments(scene: Scene) -> None:
    """NOTE-3: a digest a person."""
    clinic, world = scene.clinic, scene.clinic.world
    for transfer in asked_one_by_one(clinic, 3):
        record = UUID(clinic.column(transfer, "record_id"))
        _, owner = clinic.live(record)
        with clinic.database.write() as session:
            build.appointment(session, record, owner, client_id=world.client, starts_at=UPCOMING)
        clinic.accept(transfer, by=world.new_owner)

    with clinic.database.write() as session:
        deliveries.plan(session, clinic.now)
    rows = clinic.rows(
        "SELECT d.id FROM outbox o JOIN deliveries d ON d.id = o.delivery_id"
        " WHERE o.kind = 'appointments_held' AND d.topic LIKE 'bulk/%' GROUP BY d.id"
    )

    assert len(rows) == 1


@pytest.mark.parametrize(
    "spoil", ["UPDATE held_cancellations SET state = 'undecided'", "DELETE FROM held_cancellations"]
)
def test_what_was_decided_stays_decided(scene: Scene, spoil: str) -> None:
    scene.desk.release_appointment(scene.clinic.world.coordinator, scene.appointment)

    with pytest.raises(DBAPIError, match="NOTE-2"):
        scene.clinic.change(spoil)


def test_without_a_copy_it_is_decided_all_the_same(scene: Scene) -> None:
    """MOVE-T/upcoming_appointment: as cancelled, kept or quarantined; the hour is all that is read of it."""
    record, appointment = booked(scene.clinic)
    scene.clinic.hand_over(Options(keep_copy=False), record=record)
    world = scene.clinic.world
    scene.desk.offer_appointment(world.coordinator, appointment)

    assert scene.desk.take_appointment(world.new_owner, appointment) != appointment
