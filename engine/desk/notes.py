"""The desk for progress notes: written, signed, approved; drafts whose author has lost access (VIS-10)."""

from collections.abc import Callable
from uuid import UUID

from engine.desk.base import Commands, Writing
from engine.errors import BadInput, NotFound
from engine.records import notes, visibility
from engine.records.tables.base import NoteState
from engine.records.tables.items import Note
from engine.rules import writing as rules
from engine.rules.facts import MemberFacts, RecordFacts
from engine.rules.writing import NoteFacts
from engine.states.choices import Role

_Check = Callable[[MemberFacts, RecordFacts, NoteFacts], Role]


class NotesDesk(Commands):
    """What a practitioner notes of a client's progress."""

    def add_note(
        self, actor_id: UUID, record_id: UUID, text: str, *, confidential: bool = False, signed: bool = False
    ) -> UUID:
        """Write a progress note, as a draft or signed at once."""

        def do(command: Writing) -> UUID:
            record = writable(command, record_id)
            note_id = notes.add(
                command.session,
                command.actor,
                record,
                text_of(text),
                confidential=confidential,
                now=command.now,
            )
            command.subject_id = note_id
            if signed:
                notes.sign(command.session, record, _note(command, record_id, note_id), command.now)
            return note_id

        return self._command(actor_id, "note.add", do)

    def edit_note(self, actor_id: UUID, record_id: UUID, note_id: UUID, text: str) -> None:
        """Give a draft another text; its author's alone, and never once signed (VIS-5)."""

        def do(command: Writing) -> None:
            _, note = _judged(command, record_id, note_id, rules.check_edit)
            notes.edit(command.session, note, text_of(text))

        self._command(actor_id, "note.edit", do)

    def sign_note(self, actor_id: UUID, record_id: UUID, note_id: UUID) -> NoteState:
        """Sign a draft, which nobody changes from now on (VIS-5); it may wait for the owner's approval."""

        def do(command: Writing) -> NoteState:
            record, note = _judged(command, record_id, note_id, rules.check_edit)
            return notes.sign(command.session, record, note, command.now)

        return self._command(actor_id, "note.sign", do)

    def approve_note(self, actor_id: UUID, record_id: UUID, note_id: UUID) -> None:
        """Approve a collaborator's signed note; the owner's command, whoever that is by now (VIS-10)."""

        def do(command: Writing) -> None:
            _, note = _judged(command, record_id, note_id, rules.check_approve)
            notes.approve(command.session, note, actor_id, command.now)

        self._command(actor_id, "note.approve", do)

    def adopt_note(self, actor_id: UUID, record_id: UUID, note_id: UUID) -> UUID:
        """
        Take over a draft whose author has lost access, as a new draft that names them (VIS-10).

        The first one is set aside: it stays as it was written.
        """

        def do(command: Writing) -> UUID:
            record, note = _judged(command, record_id, note_id, rules.check_take_up)
            return notes.adopt(command.session, record, note, command.actor, command.now)

        return self._command(actor_id, "note.adopt", do)

    def set_note_aside(self, actor_id: UUID, record_id: UUID, note_id: UUID) -> None:
        """Set a draft aside whose author has lost access: it stays, and is no draft any more (VIS-10)."""

        def do(command: Writing) -> None:
            _, note = _judged(command, record_id, note_id, rules.check_take_up)
            notes.set_aside(command.session, note)

        self._command(actor_id, "note.set_aside", do)


def writable(command: Writing, record_id: UUID) -> RecordFacts:
    """Read a record that the actor may write on. Raises what stops them."""
    record = command.record(record_id)
    command.role = rules.check_write(command.actor, record)
    return record


def text_of(text: str) -> bytes:
    """Give the bytes of a text that was typed. Raises ``BadInput`` where there is none."""
    if not text.strip():
        raise BadInput("empty", field="text")
    return text.encode()


def _judged(command: Writing, record_id: UUID, note_id: UUID, check: _Check) -> tuple[RecordFacts, Note]:
    # First the record: somebody who may not know of it learns nothing of its notes either (VIS-11).
    record = writable(command, record_id)
    if not visibility.may_see_item(command.session, command.actor.id, record_id, note_id, command.now):
        raise NotFound("note")
    note = _note(command, record_id, note_id)
    command.subject_id = note_id
    command.role = check(command.actor, record, notes.facts_of(command.session, record, note))
    return record, note


def _note(command: Writing, record_id: UUID, note_id: UUID) -> Note:
    found = notes.note(command.session, record_id, note_id)
    if found is None:
        raise NotFound("note")
    return found
