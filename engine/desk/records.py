"""The desk for records: open one, add to it, share it; every writer passes the rules and the freeze."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from engine.desk.base import Commands, Writing
from engine.errors import BadInput, NotFound
from engine.records import facts, people, reading, visibility, writing
from engine.records.tables import Note, NoteState
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts, RecordFacts
from engine.rules.transfers import may_know_record
from engine.states.choices import ShareLevel
from engine.views import RecordView


class RecordsDesk(Commands):
    """What a practitioner writes."""

    def add_record(  # noqa: PLR0913 - the details of a record
        self,
        actor_id: UUID,
        *,
        title: str,
        client: str,
        client_email: str | None = None,
        client_language: str = "fr",
        number: str | None = None,
        email: str | None = None,
        reason_for_consultation: str | None = None,
        confidential: bool = False,
        opened_on: date | None = None,
    ) -> RecordView:
        """Open a record for a client; the actor becomes its owner."""

        def do(command: Writing) -> RecordView:
            command.role = rules.check_practitioner(command.actor)
            client_id = people.add_client(
                command.session,
                command.actor.organization_id,
                name=client,
                email=client_email,
                language=client_language,
                now=command.now,
            )
            command.record_id = writing.add_record(
                command.session,
                command.actor,
                client_id=client_id,
                number=number,
                title=title,
                email=email,
                reason_for_consultation=reason_for_consultation,
                confidential=confidential,
                opened_on=opened_on,
                now=command.now,
            )
            return reading.record_view(
                command.session, command.actor, command.record_id, command.now, with_items=False
            )

        return self._command(actor_id, "record.add", do)

    def record_named(self, actor_id: UUID, name: str) -> UUID:
        """Find a record that the actor may know of by number or id. Raises ``NotFound`` (VIS-11)."""

        def do(session: Session, actor: MemberFacts) -> UUID:
            found = writing.record_named(session, actor.organization_id, name)
            record = None if found is None else facts.record(session, found, actor.id)
            if record is None or not may_know_record(actor, record):
                raise NotFound("record")
            return record.id

        return self._look(actor_id, "record.find", do)

    def add_note(
        self, actor_id: UUID, record_id: UUID, text: str, *, confidential: bool = False, signed: bool = False
    ) -> UUID:
        """Write a progress note, as a draft or signed at once."""

        def do(command: Writing) -> UUID:
            record = _writable(command, record_id)
            body = _text(text)
            note_id = writing.add_note(
                command.session, command.actor, record, body, confidential=confidential, now=command.now
            )
            if signed:
                writing.sign_note(command.session, _note(command, note_id), command.now)
            return note_id

        return self._command(actor_id, "note.add", do)

    def edit_note(self, actor_id: UUID, record_id: UUID, note_id: UUID, text: str) -> None:
        """Give a draft another text; its author's alone, and never once signed (VIS-5)."""

        def do(command: Writing) -> None:
            note = _own_draft(command, record_id, note_id)
            writing.edit_note(command.session, note, _text(text))

        self._command(actor_id, "note.edit", do)

    def sign_note(self, actor_id: UUID, record_id: UUID, note_id: UUID) -> None:
        """Sign a draft; from now on nobody changes it (VIS-5)."""

        def do(command: Writing) -> None:
            writing.sign_note(command.session, _own_draft(command, record_id, note_id), command.now)

        self._command(actor_id, "note.sign", do)

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
            record = _writable(command, record_id)
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
                _writable(command, record_id),
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
                _writable(command, record_id),
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
            record = _writable(command, record_id)
            return writing.add_task(
                command.session, command.actor, record, _text(text), due_on=due_on, now=command.now
            )

        return self._command(actor_id, "task.add", do)

    def add_memo(self, actor_id: UUID, record_id: UUID, text: str) -> UUID:
        """Write a reminder to oneself."""

        def do(command: Writing) -> UUID:
            record = _writable(command, record_id)
            return writing.add_memo(command.session, command.actor, record, _text(text), now=command.now)

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

    def share(
        self, actor_id: UUID, record_id: UUID, member_id: UUID, *, level: ShareLevel, approval: bool = False
    ) -> UUID:
        """Give a colleague access to a record; its owner's command."""

        def do(command: Writing) -> UUID:
            record = command.record(record_id)
            command.role = rules.check_share(command.actor, record)
            colleague = facts.member(command.session, member_id)
            if colleague is None or colleague.organization_id != command.actor.organization_id:
                raise NotFound("member")
            command.subject_id = member_id
            return writing.share(
                command.session, record, member_id, level=level, approval=approval, now=command.now
            )

        return self._command(actor_id, "record.share", do, concerned=(member_id,))


def _writable(command: Writing, record_id: UUID) -> RecordFacts:
    record = command.record(record_id)
    command.role = rules.check_write(command.actor, record)
    return record


def _note(command: Writing, note_id: UUID) -> Note:
    found = None if command.record_id is None else writing.note(command.session, command.record_id, note_id)
    if found is None:
        raise NotFound("note")
    return found


def _own_draft(command: Writing, record_id: UUID, note_id: UUID) -> Note:
    record = command.record(record_id)
    # First the record: somebody who may not know of it learns nothing of its notes either (VIS-11).
    rules.check_write(command.actor, record)
    if not visibility.may_see_item(command.session, command.actor.id, record_id, note_id, command.now):
        raise NotFound("note")
    note = _note(command, note_id)
    signed = note.state is not NoteState.DRAFT
    command.role = rules.check_edit(command.actor, record, author_id=note.author_id, signed=signed)
    return note


def _text(text: str) -> bytes:
    if not text.strip():
        raise BadInput("empty", field="text")
    return text.encode()
