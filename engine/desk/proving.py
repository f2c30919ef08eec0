"""The desk for proofs: receipts and the keys that sign them (AUD-4)."""

import json
import stat
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from engine import proof
from engine.audit import checking, giving, keys, log, receipt
from engine.audit.checking import Mark
from engine.audit.keys import KeyProblem, SigningKey
from engine.desk.base import Commands, Writing, active, patiently
from engine.errors import Denied, NotFound, Unavailable
from engine.exports import folder
from engine.exports.receipt import receipt_page
from engine.proof import Flaw
from engine.records import facts
from engine.records.tables.transfers import Transfer
from engine.rules import transfers as rules
from engine.rules import writing as writing_rules
from engine.rules.facts import MemberFacts
from engine.states.choices import Role
from engine.states.transfer import TransferState
from engine.views import FlawView, GivenView, KeyStandingView, KeyView

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class ProvingDesk(Commands):
    """What is given out to be verified elsewhere."""

    def receipt(self, actor_id: UUID, transfer_id: UUID, target: Path | None = None) -> dict[str, Any]:
        """
        Give the signed receipt of an accepted transfer to somebody who may know of it: a line in the log.

        One that waits for its signature is signed now. Raises ``Unavailable`` where the key is not here.
        """
        if target is not None:
            folder.refuse_taken(target)

        def look(session: Session, actor: MemberFacts) -> dict[str, Any] | None:
            seen = facts.transfer(session, transfer_id)
            if seen is None:
                raise NotFound("transfer")
            rules.check_known(actor, seen)
            if seen.state is not TransferState.ACCEPTED:
                raise Denied("AUD-4", "not_accepted")
            return giving.document(session, actor, transfer_id, datetime.now(UTC))

        found = self._look(actor_id, "transfer.receipt", look)
        if found is None:
            self._settle(transfer_id)
            found = self._look(actor_id, "transfer.receipt", look)
        if found is None:
            raise Unavailable("signing_key")
        command_id = uuid4()
        patiently(lambda: self._log_given(actor_id, transfer_id, command_id), self._patience)
        if target is not None:
            folder.whole_file(target, _text(found))
        return found

    def receipt_page(
        self, actor_id: UUID, transfer_id: UUID, language: str, target: Path | None = None
    ) -> str:
        """Give the same as a page to read and print, and write it to a file."""
        if target is not None:
            folder.refuse_taken(target)
        found = self.receipt(actor_id, transfer_id)
        zone = self._look(
            actor_id, "transfer.receipt", lambda s, actor: facts.schedule(s, actor.organization_id).time_zone
        )
        page = receipt_page(found, language, zone)
        if target is not None:
            folder.whole_file(target, page.encode())
        return page

    def keys(self, actor_id: UUID, target: Path | None = None) -> list[KeyView]:
        """Give the public keys of the actor's organization, the one that signs now first; made if need be."""
        if target is not None:
            folder.refuse_taken(target)

        def look(session: Session, actor: MemberFacts) -> tuple[UUID, list[KeyView]]:
            return actor.organization_id, _key_views(session, actor.organization_id)

        organization_id, found = self._look(actor_id, "organization.key", look)
        if not found:
            self._provide(organization_id)
            organization_id, found = self._look(actor_id, "organization.key", look)
        return _written(found, target)

    def replace_key(self, actor_id: UUID, target: Path | None = None) -> list[KeyView]:
        """Replace the key that signs, by an administrator; what the one before signed stays good."""

        def do(command: Writing) -> list[KeyView]:
            command.role = writing_rules.check_administrator(command.actor)
            organization_id = command.actor.organization_id
            signer = self.signer
            if signer is None or not signer.may_create:
                raise Unavailable("signing_key")
            if isinstance(signer.replace(command.session, organization_id, command.now), KeyProblem):
                raise Unavailable("signing_key")
            return _key_views(command.session, organization_id)

        if target is not None:
            folder.refuse_taken(target)
        return _written(self._command(actor_id, "organization.key", do, changes_roles=True), target)

    def key_standing(self) -> list[KeyStandingView]:
        """Say of every organization with a key, or that wants one, how its key stands here; for operators."""

        def do() -> list[KeyStandingView]:
            waiting = receipt.waiting_by_organization(self.database)
            with self.database.read() as session:
                return [
                    self._standing(session, organization_id, waiting.get(organization_id, 0))
                    for organization_id, _ in log.organizations(session)
                ]

        return patiently(do, self._patience)

    def head(self, actor_id: UUID, target: Path | None = None) -> dict[str, Any]:
        """Give an administrator the signed last line of the log, to be kept elsewhere (AUD-2)."""
        if target is not None:
            folder.refuse_taken(target)
        organization_id = self._allow_giving(actor_id, "audit.head")
        key = self._provide(organization_id)

        def read() -> dict[str, Any]:
            with self.database.read() as session:
                return giving.head(session, organization_id, key, datetime.now(UTC))

        found = patiently(read, self._patience)
        if target is not None:
            folder.whole_file(target, _text(found))
        return found

    def export_log(
        self, actor_id: UUID, target: Path, told: Callable[[int, int], object] = lambda _done, _all: None
    ) -> int:
        """Write the organization's log to a file, one line a line, and give their number (VIS-12)."""
        folder.refuse_taken(target)
        organization_id = self._allow_giving(actor_id, "audit.export")
        with self.database.read() as session, folder.whole_stream(target) as out:
            total = log.head(session, organization_id).seq
            out.write(proof.canonical(giving.log_heading(session, organization_id)) + b"\n")
            for line in log.lines(session, organization_id):
                out.write(proof.canonical(line) + b"\n")
                told(line["seq"], total)
        return total

    def check_given(
        self, given: Sequence[tuple[str, dict[str, Any] | None, bool]], keys: Sequence[str] | None = None
    ) -> tuple[list[GivenView], list[Mark]]:
        """
        Verify receipts and heads (name, content, whether it is a head); for operators.

        Give what is wrong with each, and the marks of those that hold, for ``verify_log``. Without keys those
        of the database are used: then somebody who changed them too is not found.
        """

        def do() -> tuple[list[GivenView], list[Mark]]:
            with self.database.read() as session:
                views, marks = [], []
                for name, document, is_head in given:
                    flaws = checking.verify_given(session, document, keys, is_head=is_head)
                    mark = checking.mark_of(document) if not flaws and document is not None else None
                    marks += [mark] if mark is not None else []
                    found = [FlawView(what=flaw.what, where=flaw.where) for flaw in flaws]
                    views.append(GivenView(file=name, flaws=found))
                return views, marks

        return patiently(do, self._patience)

    def _allow_giving(self, actor_id: UUID, action: str) -> UUID:
        """Log that an administrator takes something out of the log, before the first byte is given."""

        def do(command: Writing) -> UUID:
            command.role = writing_rules.check_administrator(command.actor)
            return command.actor.organization_id

        return self._command(actor_id, action, do)

    def check_receipt(self, document: Mapping[str, Any]) -> list[Flaw]:
        """Compare a receipt that holds with the database, down to every byte (MOVE-5); for operators."""

        def do() -> list[Flaw]:
            with self.database.read() as session:
                return checking.compare(session, document)

        return patiently(do, self._patience)

    def _log_given(self, actor_id: UUID, transfer_id: UUID, command_id: UUID) -> None:
        with self.database.write() as session:
            actor = active(session, actor_id)
            transfer = session.get_one(Transfer, transfer_id)
            writing = Writing(
                session,
                actor,
                datetime.now(UTC),
                _role(actor, transfer),
                transfer.record_id,
                transfer_id=transfer_id,
            )
            if log.outcome_of(session, command_id, "transfer.receipt") is None:
                log.append(session, self._entry(writing, "transfer.receipt", command_id))

    def _settle(self, transfer_id: UUID) -> None:
        signer = self.signer
        if signer is not None:
            patiently(lambda: receipt.settle(self.database, signer, transfer_id), self._patience)

    def _provide(self, organization_id: UUID) -> SigningKey:
        """Give the key of an organization, made if need be. Raises ``Unavailable`` where it is not here."""
        signer = self.signer
        if signer is None:
            raise Unavailable("signing_key")
        found = patiently(lambda: signer.provide(self.database, organization_id), self._patience)
        if not isinstance(found, SigningKey):
            raise Unavailable("signing_key")
        return found

    def _standing(self, session: Session, organization_id: UUID, waiting: int) -> KeyStandingView:
        found = KeyProblem.NONE if self.signer is None else self.signer.key(session, organization_id)
        file = None if self.signer is None else self.signer.file(organization_id)
        return KeyStandingView(
            organization_id=organization_id,
            problem=found.value if isinstance(found, KeyProblem) else None,
            open_to_others=file is not None and file.exists() and bool(file.stat().st_mode & _OTHERS),
            waiting=waiting,
        )


def _role(actor: MemberFacts, transfer: Transfer) -> Role:
    """Say in which role somebody knows of a transfer: as a party, or else as a coordinator (VIS-12)."""
    party = actor.id in {transfer.from_id, transfer.to_id} and Role.PRACTITIONER in actor.roles
    wanted = Role.PRACTITIONER if party else Role.COORDINATOR
    return wanted if wanted in actor.roles else min(actor.roles, default=Role.PRACTITIONER)


def _text(found: dict[str, Any]) -> bytes:
    return f"{json.dumps(found, ensure_ascii=False, indent=1)}\n".encode()


def _written(found: list[KeyView], target: Path | None) -> list[KeyView]:
    if target is not None:
        folder.whole_file(target, "".join(key.pem for key in found).encode())
    return found


def _key_views(session: Session, organization_id: UUID) -> list[KeyView]:
    return [
        KeyView(
            key_id=proof.fingerprint(key.public_key),
            public_key=key.public_key,
            pem=proof.pem_of(key.public_key),
            since=key.created_at,
            in_use=place == 0,
        )
        for place, key in enumerate(keys.public_keys(session, organization_id))
    ]
