"""For cancellations that are held: the client is told, or the new owner takes the appointment (NOTE-2)."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk.base import Commands, Writing
from engine.desk.items import may_know_appointment
from engine.errors import NotFound
from engine.notices import outbox
from engine.notices.outbox import NoticeKind
from engine.records import held, reading, writing
from engine.records.tables.items import Appointment
from engine.records.tables.outbox import HeldCancellation
from engine.rules import held as rules
from engine.rules.facts import MemberFacts
from engine.rules.held import HeldFacts
from engine.rules.writing import check_book
from engine.states.choices import Role
from engine.views import HeldAppointmentView


class HeldDesk(Commands):
    """Appointments that a hand-over cancelled, and whose clients hear nothing before somebody has decided."""

    def held_appointments(self, actor_id: UUID) -> list[HeldAppointmentView]:
        """
        List what is undecided, the soonest first.

        Coordinators see all of it, practitioners what is of records that are theirs.
        """

        def do(session: Session, actor: MemberFacts) -> list[HeldAppointmentView]:
            found = held.undecided(session, actor, datetime.now(UTC))
            people = [person for one in found for person in (one.was_with_id, one.owner_id)]
            names = reading.names_of(session, people)
            return [
                HeldAppointmentView(
                    id=one.appointment_id,
                    transfer_id=one.transfer_id,
                    record_number=one.record_number,
                    starts_at=one.starts_at,
                    ends_at=one.ends_at,
                    was_with=names[one.was_with_id],
                    responsible=names[one.owner_id],
                    offered=one.offered,
                    yours=one.owner_id == actor.id,
                )
                for one in found
            ]

        return self._look(actor_id, "appointment.held", do)

    def release_appointment(self, actor_id: UUID, appointment_id: UUID) -> None:
        """
        Let the client be told that an appointment is cancelled; a coordinator's command.

        Within a day of it also that of whoever is responsible now, who may have the client on the telephone.
        """

        def do(command: Writing) -> None:
            row, known = _undecided(command, appointment_id)
            command.role = rules.check_release(command.actor, known, command.now)
            held.decide(command.session, appointment_id, by_id=actor_id, now=command.now, moved_to_id=None)
            appointment = _appointment(command, appointment_id)
            outbox.tell_client(
                command.session,
                row.organization_id,
                client_id=row.client_id,
                appointment_id=appointment_id,
                sequence=appointment.sequence,
                cause_id=command.command_id,
                now=command.now,
                transfer_id=row.transfer_id,
            )
            if known.offered:
                _tell(command, row, NoticeKind.APPOINTMENT_RELEASED, {known.owner_id})

        self._command(actor_id, "appointment.release", do)

    def offer_appointment(self, actor_id: UUID, appointment_id: UUID) -> None:
        """Ask whoever is responsible now to take an appointment; a coordinator's command."""

        def do(command: Writing) -> None:
            row, known = _undecided(command, appointment_id)
            command.role = rules.check_offer(command.actor, known, command.now)
            held.offer(command.session, appointment_id, to_id=known.owner_id, by_id=actor_id)
            _tell(command, row, NoticeKind.APPOINTMENT_OFFERED, {known.owner_id})

        self._command(actor_id, "appointment.offer", do)

    def take_appointment(self, actor_id: UUID, appointment_id: UUID) -> UUID:
        """
        Take an appointment that one is asked to; give the id of one's own that takes its place.

        The client is told nothing: it stands, at the same hour, and calendars know it by the same id.
        """

        def do(command: Writing) -> UUID:
            row, known = _undecided(command, appointment_id)
            command.role = rules.check_answer_offer(command.actor, known, command.now)
            record = command.record(row.record_id)
            check_book(command.actor, record)
            appointment = _appointment(command, appointment_id)
            moved_to_id = writing.add_appointment(
                command.session,
                command.actor,
                record,
                client_id=row.client_id,
                starts_at=appointment.starts_at,
                ends_at=appointment.ends_at,
                now=command.now,
                sequence=appointment.sequence,
            )
            held.decide(
                command.session, appointment_id, by_id=actor_id, now=command.now, moved_to_id=moved_to_id
            )
            _tell(command, row, NoticeKind.APPOINTMENT_TAKEN, {row.offered_by_id})
            return moved_to_id

        return self._command(actor_id, "appointment.take", do)

    def decline_appointment(self, actor_id: UUID, appointment_id: UUID) -> None:
        """Decline an appointment that one is asked to take: it waits for a coordinator again."""

        def do(command: Writing) -> None:
            row, known = _undecided(command, appointment_id)
            command.role = rules.check_answer_offer(command.actor, known, command.now)
            held.offer(command.session, appointment_id, to_id=None, by_id=None)
            deciders = outbox.who_must_decide(command.session, row.organization_id)
            _tell(command, row, NoticeKind.APPOINTMENT_DECLINED, set(deciders))

        self._command(actor_id, "appointment.decline", do)


def _undecided(command: Writing, appointment_id: UUID) -> tuple[HeldCancellation, HeldFacts]:
    """
    Keep a held cancellation as it is until the commit, and read it.

    Raises ``NotFound`` for who may not know of it (VIS-11).
    """
    session, actor = command.session, command.actor
    row = held.row(session, appointment_id)
    if row is None or row.organization_id != actor.organization_id:
        raise NotFound("appointment")
    command.record(row.record_id)
    row = held.locked(session, appointment_id)
    known = held.facts_of(session, row)
    coordinates, owns = actor.acts_as(Role.COORDINATOR), actor.id == known.owner_id
    if not (coordinates or (owns and actor.acts_as(Role.PRACTITIONER))) and not may_know_appointment(
        command, _appointment(command, appointment_id)
    ):
        raise NotFound("appointment")
    command.subject_id, command.transfer_id = appointment_id, row.transfer_id
    return row, known


def _appointment(command: Writing, appointment_id: UUID) -> Appointment:
    found = writing.appointment(command.session, appointment_id)
    assert found is not None  # noqa: S101 - an appointment that is held stays where it is
    return found


def _tell(command: Writing, row: HeldCancellation, kind: NoticeKind, members: set[UUID | None]) -> None:
    cause = outbox.Cause(row.organization_id, row.transfer_id, command.command_id, command.now)
    outbox.tell(command.session, kind, members - {None}, cause, but=command.actor.id)  # type: ignore[arg-type]
