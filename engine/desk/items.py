"""The desk for what is in a record, notes apart: files, profiles, bills, things to do, appointments."""

from datetime import date, datetime
from uuid import UUID

from engine.desk.base import Commands, Writing
from engine.desk.notes import text_of, writable
from engine.errors import BadInput, NotFound
from engine.notices import outbox
from engine.records import people, visibility, writing
from engine.records.tables.base import AppointmentState
from engine.records.tables.items import Appointment
from engine.rules import writing as rules
from engine.states.choices import Role


class ItemsDesk(Commands):
    """What a practitioner adds to a record."""

    def add_document(
        self,
        actor_id: UUID,
        record_id: UUID,
        body: bytes,
        *,
        name: str,
        media_type: str,
        confidential: bool = False,
        raw_data: bool = False,
    ) -> UUID:
        """Add a file, or with ``raw_data`` uninterpreted test material (ELIG-5)."""

        def do(command: Writing) -> UUID:
            record = writable(command, record_id)
            if raw_data and confidential:
                # Raw data have a rule of their own (ELIG-5); marked confidential they would need two.
                raise BadInput("confidential_raw_data")
            if raw_data:
                return writing.add_raw_data(
                    command.session,
                    command.actor,
                    record,
                    body,
                    name=name,
                    media_type=media_type,
                    now=command.now,
                )
            return writing.add_document(
                command.session,
                command.actor,
                record,
                body,
                name=name,
                media_type=media_type,
                confidential=confidential,
                now=command.now,
            )

        return self._command(actor_id, "raw_data.add" if raw_data else "document.add", do)

    def add_profile(
        self, actor_id: UUID, record_id: UUID, *, name: str, relationship: str, details: bytes
    ) -> UUID:
        """Link a profile: a parent, a school, a physician; ``details`` is canonical JSON."""

        def do(command: Writing) -> UUID:
            return writing.add_profile(
                command.session,
                command.actor,
                writable(command, record_id),
                details,
                name=name,
                relationship=relationship,
                now=command.now,
            )

        return self._command(actor_id, "profile.add", do)

    def add_invoice(
        self,
        actor_id: UUID,
        record_id: UUID,
        *,
        number: str,
        amount_cents: int,
        currency: str,
        issued_on: date,
    ) -> UUID:
        """Write a bill."""

        def do(command: Writing) -> UUID:
            return writing.add_invoice(
                command.session,
                writable(command, record_id),
                number=number,
                amount_cents=amount_cents,
                currency=currency,
                issued_on=issued_on,
                now=command.now,
            )

        return self._command(actor_id, "invoice.add", do)

    def add_task(self, actor_id: UUID, record_id: UUID, text: str, *, due_on: date | None = None) -> UUID:
        """Note something to do."""

        def do(command: Writing) -> UUID:
            record = writable(command, record_id)
            return writing.add_task(
                command.session, command.actor, record, text_of(text), due_on=due_on, now=command.now
            )

        return self._command(actor_id, "task.add", do)

    def add_memo(self, actor_id: UUID, record_id: UUID, text: str) -> UUID:
        """Write a reminder to oneself."""

        def do(command: Writing) -> UUID:
            record = writable(command, record_id)
            return writing.add_memo(command.session, command.actor, record, text_of(text), now=command.now)

        return self._command(actor_id, "memo.add", do)

    def add_appointment(
        self, actor_id: UUID, record_id: UUID, *, starts_at: datetime, ends_at: datetime
    ) -> UUID:
        """Book an appointment with the record's client; also while a transfer is open (MOVE-13)."""

        def do(command: Writing) -> UUID:
            record = command.record(record_id)
            command.role = rules.check_book(command.actor, record)
            clients = people.clients_of(command.session, record_id)
            return writing.add_appointment(
                command.session,
                command.actor,
                record,
                client_id=clients[0].id if clients else None,
                starts_at=starts_at,
                ends_at=ends_at,
                now=command.now,
            )

        return self._command(actor_id, "appointment.add", do)

    def cancel_appointment(self, actor_id: UUID, appointment_id: UUID) -> None:
        """
        Cancel an appointment that the actor holds, also while a transfer is open (MOVE-13).

        The client is told once, with a calendar cancellation (NOTE-2).
        """

        def do(command: Writing) -> None:
            found = writing.appointment(command.session, appointment_id)
            if found is None or not may_know_appointment(command, found):
                raise NotFound("appointment")
            command.record(found.record_id)
            # Two cancellations at once must not both tell the client.
            command.session.refresh(found, with_for_update=True)
            command.role = rules.check_cancel_appointment(
                command.actor,
                practitioner_id=found.practitioner_id,
                booked=found.state is AppointmentState.BOOKED,
                starts_at=found.starts_at,
                now=command.now,
            )
            command.subject_id = appointment_id
            sequence = writing.cancel_appointment(command.session, found)
            if found.client_id is not None:
                outbox.tell_client(
                    command.session,
                    found.organization_id,
                    client_id=found.client_id,
                    appointment_id=appointment_id,
                    sequence=sequence,
                    cause_id=command.command_id,
                    now=command.now,
                )

        self._command(actor_id, "appointment.cancel", do)


def may_know_appointment(command: Writing, found: Appointment) -> bool:
    """Say whether the actor holds an appointment, whatever they still see of its record, or sees it there."""
    if found.organization_id != command.actor.organization_id:
        return False
    holds = found.practitioner_id == command.actor.id and command.actor.acts_as(Role.PRACTITIONER)
    return holds or visibility.may_see_item(
        command.session, command.actor.id, found.record_id, found.item_id, command.now
    )
