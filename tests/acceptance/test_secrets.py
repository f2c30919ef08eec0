"""Secrets in every free-text field, then every flow: none in Temporal's file, a history, a log or stderr."""

import base64
import binascii
import json
import logging
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowUpdateFailedError

from engine.activities import sweep
from engine.errors import Denied, NotFound, Unavailable
from engine.messages.transfer import REQUEST, Accept, Message, TransferRequest, workflow_id
from engine.settings import Settings
from engine.states.choices import BasisForm, Purpose, Role
from engine.states.transfer import TransferState
from engine.temporal import commands
from engine.temporal.connection import TASK_QUEUE
from engine.views import TransferView
from tests.acceptance.command import Cli
from tests.acceptance.kills.clinic import Clinic
from tests.acceptance.kills.running import our_environment, until
from tests.acceptance.kills.supervisor import supervised
from tests.checker.checking import check

#: One for each field where somebody writes what only some may read.
FIELDS: Final = (
    *("organization", "first_name", "last_name", "member_email", "member_title"),
    *("client_name", "client_email", "restriction_basis"),
    *("title", "record_email", "reason_for_consultation"),
    *("note", "draft", "confidential_note", "document", "document_name", "raw_data", "raw_data_name"),
    *("profile", "profile_name", "relationship", "invoice_number", "task", "memo"),
    *("message", "basis", "refusal_reason", "cancel_reason", "undo_reason"),
    "engine_text",
)


def marker(field: str) -> str:
    """Give a word that stands nowhere else; no encoding breaks it but those of ``forms``."""
    return f"zqx{field.replace('_', '')}k7vj"


def forms(word: str) -> set[bytes]:
    """Give the bytes by which a word can be found, however it was written."""
    plain = word.encode()
    found = {plain, word.encode("utf-16-le"), word.encode("utf-16-be"), plain.hex().encode()}
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        # Base64 reads three bytes at a time: what lies before the word shifts it, what follows ends it.
        padded = bytes(offset) + plain
        encoded = base64.b64encode(padded).rstrip(b"=")
        found.add(encoded[first : len(padded) // 3 * 4])
    return found


def spilled(haystack: bytes) -> list[str]:
    """Say which fields' secrets stand in some bytes, in capitals or not."""
    folded = haystack.lower()
    return [field for field in FIELDS if any(form.lower() in folded for form in forms(marker(field)))]


WRITTEN: Final[dict[str, Callable[[str], bytes]]] = {
    "utf-8": lambda word: f"« {word} »".encode(),
    "capitals": lambda word: word.upper().encode(),
    "json": lambda word: json.dumps({"é": f"é\n{word}"}).encode(),
    "base64": lambda word: base64.b64encode(word.encode()),
    "base64, shifted by one": lambda word: base64.b64encode(f"a{word}b".encode()),
    "base64, shifted by two": lambda word: base64.b64encode(f"ab{word}bcd".encode()),
    "base64 for addresses": lambda word: base64.urlsafe_b64encode(f"??>>{word}".encode()),
    "utf-16": lambda word: word.encode("utf-16"),
    "hexadecimal": lambda word: word.encode().hex().encode(),
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_the_search_finds_a_secret_however_it_is_written(write: Callable[[str], bytes]) -> None:
    assert spilled(b"before " + write(marker("note")) + b" after") == ["note"]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with our_environment(tmp_path / "compiled"):
        yield Settings(data=tmp_path / "data")


@dataclass(frozen=True, slots=True)
class People:
    """Who works there; every name, address and title is a secret."""

    administrator: UUID
    owner: UUID
    new_owner: UUID
    stranger: UUID


class Scene:
    """A clinic that is full of secrets, and what happens in it."""

    def __init__(self, settings: Settings) -> None:
        self.clinic = Clinic(settings)
        self.cli = Cli(settings.data)
        #: What the commands told on stderr.
        self.stderr: list[str] = []
        self.people = self._people()

    def _people(self) -> People:
        desk = self.clinic.desk
        organization = desk.create_organization(
            marker("organization"),
            administrator=f"{marker('member_email')}.admin@clinique.example",
            first_name=marker("first_name"),
            last_name=marker("last_name"),
            language="fr",
            time_zone="America/Toronto",
        )
        owner, new_owner, stranger = [
            desk.add_member(
                organization.administrator_id,
                email=address(name),
                first_name=marker("first_name"),
                last_name=marker("last_name"),
                title=marker("member_title"),
                language="fr",
                roles=[Role.PRACTITIONER],
            ).id
            for name in ("owner", "new_owner", "stranger")
        ]
        return People(organization.administrator_id, owner, new_owner, stranger)

    def record(self) -> UUID:
        """Open a record with a secret in every field of every item."""
        desk, owner = self.clinic.desk, self.people.owner
        record = desk.add_record(
            owner,
            title=marker("title"),
            client=marker("client_name"),
            client_email=f"{marker('client_email')}@courriel.example",
            email=f"{marker('record_email')}@courriel.example",
            reason_for_consultation=text("reason_for_consultation"),
        ).id
        desk.add_note(owner, record, text("note"), signed=True)
        desk.add_note(owner, record, text("draft"))
        desk.add_note(owner, record, text("confidential_note"), confidential=True, signed=True)
        for field, raw_data in (("document", False), ("raw_data", True)):
            name = f"{marker(f'{field}_name')}.txt"
            body = text(field).encode()
            desk.add_document(owner, record, body, name=name, media_type="text/plain", raw_data=raw_data)
        desk.add_profile(
            owner,
            record,
            name=marker("profile_name"),
            relationship=marker("relationship"),
            details=json.dumps({"name": text("profile")}).encode(),
        )
        desk.add_invoice(
            owner,
            record,
            number=f"{marker('invoice_number')}-{uuid4()}",
            amount_cents=12_000,
            currency="CAD",
            issued_on=date(2026, 1, 5),
        )
        desk.add_task(owner, record, text("task"))
        desk.add_memo(owner, record, text("memo"))
        starts_at = datetime.now(UTC) + timedelta(days=5)
        desk.add_appointment(owner, record, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1))
        return record

    async def request(self) -> TransferView:
        """Ask for a new record, with a message and a basis."""
        return await self.clinic.service.request(
            self.people.owner,
            self.record(),
            self.people.new_owner,
            purpose=Purpose.CONTINUITY,
            basis=(BasisForm.WRITTEN, text("basis")),
            message=text("message"),
        )

    def command(self, *arguments: str, code: int = 0) -> None:
        """Type a command; what it tells on stderr is kept."""
        for form in ([], ["--json"]):
            answer = self.cli.process(*arguments, *form)
            assert answer.code == code, answer.err
            self.stderr.append(answer.err)

    async def send(self, update: str, message: Message, start: TransferRequest) -> None:
        """Send something to a workflow past the service, whose quick answer would come first."""
        await commands.send(
            await self.clinic.client(),
            update,
            message,
            update_id=f"{uuid4()}",
            start=start,
            task_queue=TASK_QUEUE,
            patience=timedelta(seconds=3) if update == "accept" else timedelta(seconds=60),
        )

    def start_of(self, transfer_id: UUID) -> TransferRequest:
        """Give the input of a transfer's workflow."""
        with self.clinic.database.read() as session:
            return sweep.request_of(session, transfer_id)

    def raw(self, statement: str, *given: str | bytes) -> None:
        """Change the file as no command would."""
        with closing(sqlite3.connect(self.clinic.settings.database_file, timeout=30)) as raw, raw:
            raw.execute(statement, given)

    async def stuck(self, transfer_id: UUID, cause: str) -> None:
        """Accept what cannot be handed over, wait until that is shown, and take the request back."""
        accept = Accept(transfer_id=transfer_id, command_id=uuid4(), actor_id=self.people.new_owner)
        with pytest.raises(Unavailable):
            await self.send("accept", accept, self.start_of(transfer_id))
        shown = await self.clinic.service.show(self.people.owner, transfer_id)
        assert shown.stuck_cause == cause
        self.command(
            "transfer", "cancel", f"{transfer_id}", "--as", address("owner"), "--reason", text("undo_reason")
        )
        assert self.clinic.state(transfer_id) == TransferState.CANCELLED


def address(name: str) -> str:
    """Give somebody's e-mail address."""
    return f"{marker('member_email')}.{name.replace('_', '')}@clinique.example"


def text(field: str) -> str:
    """Give a sentence with a secret in it."""
    return f"Évolution : « {marker(field)} »\n\t'{marker(field)}'"


async def accepted(scene: Scene) -> None:
    asked = await scene.request()
    scene.command("transfer", "accept", f"{asked.id}", "--as", address("new_owner"))
    assert scene.clinic.state(asked.id) == TransferState.ACCEPTED


async def refused(scene: Scene) -> None:
    asked = await scene.request()
    scene.command(
        "transfer", "refuse", f"{asked.id}", "--as", address("new_owner"), "--reason", text("refusal_reason")
    )
    assert scene.clinic.state(asked.id) == TransferState.REFUSED


async def cancelled(scene: Scene) -> None:
    asked = await scene.request()
    assert asked.record_number is not None
    # The record is frozen: what somebody writes meanwhile is given back on stdout, and told nowhere else.
    scene.command(
        "note", "add", asked.record_number, "--as", address("owner"), "--text", text("note"), code=1
    )
    scene.command("transfer", "accept", f"{asked.id}", "--as", address("owner"), code=1)
    scene.command("transfer", "accept", f"{asked.id}", "--as", address("stranger"), code=1)
    scene.command(
        "transfer", "cancel", f"{asked.id}", "--as", address("owner"), "--reason", text("cancel_reason")
    )
    assert scene.clinic.state(asked.id) == TransferState.CANCELLED


async def denied_by_the_step(scene: Scene) -> None:
    """The service does not come between: the workflow's own steps say no."""
    clinic, people = scene.clinic, scene.people
    record = scene.record()
    clinic.desk.restrict(
        people.owner, record, member_id=people.new_owner, title=None, basis=text("restriction_basis")
    )
    request = TransferRequest(
        transfer_id=uuid4(),
        organization_id=clinic.desk.facts_of(people.owner).organization_id,
        record_id=record,
        actor_id=people.owner,
        to_id=people.new_owner,
        purpose=Purpose.CONTINUITY,
    )
    with pytest.raises(Denied, match="ELIG-4"):
        await scene.send(REQUEST, request, request)
    assert clinic.state(request.transfer_id) == TransferState.FAILED

    asked = await scene.request()
    accept = Accept(transfer_id=asked.id, command_id=uuid4(), actor_id=people.stranger)
    with pytest.raises(NotFound):
        await scene.send("accept", accept, scene.start_of(asked.id))


async def malformed(scene: Scene) -> None:
    """A sender who puts a text where none belongs is turned away, and the text with them."""
    asked = await scene.request()
    handle = (await scene.clinic.client()).get_workflow_handle(workflow_id(asked.id))
    for wrong in (
        {"transfer_id": f"{asked.id}", "reason": text("refusal_reason")},
        {"transfer_id": text("refusal_reason"), "command_id": f"{uuid4()}", "reason_id": text("note")},
        text("refusal_reason"),
    ):
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("refuse", wrong, rpc_timeout=timedelta(seconds=20))


async def without_its_bytes(scene: Scene) -> None:
    """A hand-over that cannot succeed, since the bytes of a document are gone (ST-5)."""
    asked = await scene.request()
    scene.raw("CREATE TABLE gone AS SELECT * FROM content WHERE instr(body, ?)", marker("document").encode())
    scene.raw("DELETE FROM content WHERE sha256 IN (SELECT sha256 FROM gone)")
    await scene.stuck(asked.id, "missing_content")
    scene.raw("INSERT INTO content SELECT * FROM gone")
    scene.raw("DROP TABLE gone")


async def met_by_an_error(scene: Scene) -> None:
    """A hand-over that fails with an error whose words quote what it met."""
    asked = await scene.request()
    scene.raw(
        "CREATE TRIGGER failing BEFORE INSERT ON manifest"
        f" BEGIN SELECT RAISE(ABORT, '{marker('engine_text')}'); END"
    )
    await scene.stuck(asked.id, "unexpected_error")
    scene.raw("DROP TRIGGER failing")


FLOWS: Final = (
    accepted,
    refused,
    cancelled,
    denied_by_the_step,
    malformed,
    without_its_bytes,
    met_by_an_error,
)


@pytest.mark.slow
async def test_nothing_that_people_wrote_leaves_the_database(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with supervised(settings) as (supervisor, _):
        scene = Scene(settings)
        for flow in FLOWS:
            await flow(scene)
        transfers = [f"{found}" for (found,) in scene.clinic.select("SELECT id FROM transfers")]
        told = {
            "histories": await histories(await scene.clinic.client()),
            "stderr of the commands": "\n".join(scene.stderr).encode(),
            "log of the service": caplog.text.encode(),
            **{f"{file.name}, in use": file.read_bytes() for file in beside_the_database(settings)},
        }
        await until(lambda: not unsent(scene), "every message")
        scene.clinic.close()
        supervisor.send_signal(signal.SIGTERM)
        stdout, stderr = supervisor.communicate(timeout=60)
    told |= {file.name: file.read_bytes() for file in beside_the_database(settings)}
    told |= {"stdout of the supervisor": stdout.encode(), "stderr of the supervisor": stderr.encode()}

    assert {name: found for name, content in told.items() if (found := spilled(content))} == {}

    check_mails(settings)

    # It could have failed: the secrets are there, and what may leave was found where it went.
    database = b"".join(file.read_bytes() for file in settings.data.glob(f"{settings.database_file.name}*"))
    assert {*FIELDS} - {*spilled(database)} <= {"engine_text"}
    stored = {name: told[name] for name in told if name.startswith(settings.temporal_file.name)}
    in_use = b"".join(stored[name] for name in stored if name.endswith("in use"))
    afterwards = b"".join(stored[name] for name in stored if not name.endswith("in use"))
    for place in (told["histories"], in_use, afterwards):
        assert [transfer for transfer in transfers if transfer.encode() not in place] == []
    events = [json.loads(line)["event"] for line in told["worker.log"].decode().splitlines()]
    assert {"step.denied", "step.failed", "transfer.stuck", "worker.stopped"} <= {*events}
    assert "VIS-4" in told["stderr of the commands"].decode()
    assert check(settings.database_file) == []


def unsent(scene: Scene) -> list[Any]:
    """Give the notices that have not reached the mail folder."""
    return list(scene.clinic.select("SELECT id FROM outbox WHERE sent_at IS NULL"))


def check_mails(settings: Settings) -> None:
    """A mail names its reader, colleagues and the organization; of a record nothing (NOTE-1, NOTE-2)."""
    letters = [
        message_from_bytes(file.read_bytes(), policy=default) for file in settings.mail_folder.glob("*.eml")
    ]
    assert len(letters) > len(FLOWS)
    for letter in letters:
        parts = [str(part.get_content()) for part in letter.walk() if not part.is_multipart()]
        found = {*spilled("\n".join([*map(str, letter.values()), *parts]).encode())}
        to_client = any(part.get_content_type() == "text/calendar" for part in letter.walk())
        named = {"client_name", "client_email"} if to_client else {"first_name", "last_name", "member_email"}
        assert found <= {"organization", *named}, letter["Subject"]
        assert found & named


def beside_the_database(settings: Settings) -> list[Path]:
    """Give every file of the folder that is not the application's database."""
    files = [
        file
        for file in settings.data.iterdir()
        if file.is_file() and not file.name.startswith(settings.database_file.name)
    ]
    assert {"server.log", "temporal.db", "worker.log"} <= {file.name for file in files}
    return files


async def histories(client: Client) -> bytes:
    """Give all that the server tells of all workflows: as it stores it, and with payloads decoded."""
    found = []
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = await handle.fetch_history()
        found += [event.SerializeToString() for event in history.events]
        found += [line.encode() for line in _decoded(json.loads(history.to_json()))]
        found.append((await handle.describe()).raw_description.SerializeToString())
        details = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        found.append(details.SerializeToString())
    assert found
    return b"\n".join(found)


def _decoded(told: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Give every text in some JSON, and what it says where it is Base64."""
    match told:
        case dict():
            for name, value in told.items():
                yield name
                yield from _decoded(value)
        case list():
            for value in told:
                yield from _decoded(value)
        case str():
            yield told
            with suppress(binascii.Error, UnicodeDecodeError):
                yield base64.b64decode(told, validate=True).decode()
