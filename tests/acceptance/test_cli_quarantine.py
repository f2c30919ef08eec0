"""``passation quarantine`` and ``passation destruction``, as an administrator types them."""

from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from engine.activities.steps import Steps
from engine.desk.desk import Desk
from engine.messages.transfer import Accept, StepInput, TransferRequest
from engine.records.database import Database
from engine.states.choices import Purpose
from tests.acceptance.command import ADMIN, LEA, MAX, Cli


class TestQuarantine:
    @pytest.mark.parametrize(
        ("command", "key"),
        [(("quarantine", "list"), "quarantines"), (("destruction", "preview"), "due"),
         (("destruction", "report"), "destroyed")],
    )  # fmt: skip
    def test_an_administrator_reads_and_a_practitioner_does_not(
        self, cli: Cli, command: tuple[str, str], key: str
    ) -> None:
        """MOVE-6, ROLE-4."""
        assert cli.done(*command, "--as", ADMIN) == {key: []}
        answer = cli(*command, "--as", LEA, "--json")
        assert (answer.code, answer.error["code"]) == (1, "ROLE-4")

    @pytest.mark.parametrize("name", ["nonsense", "00000000-0000-4000-8000-000000000000"])
    def test_an_unknown_quarantine(self, cli: Cli, name: str) -> None:
        """VIS-11: what is no id and what names nothing read alike."""
        restore = ("quarantine", "restore", name, "--as", ADMIN, "--cause", "access-request", "--reason", "x")
        answer = cli(*restore, "--json")

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/quarantine")

    def test_a_cause_is_one_of_three(self, cli: Cli) -> None:
        restore = ("quarantine", "restore", "x", "--as", ADMIN, "--cause", "boredom", "--reason", "x")

        assert cli(*restore, "--json").code == 2


class TestOpenings:
    def test_a_copy_of_somebody_who_left_is_opened_read_and_closed(self, cli: Cli, record: str) -> None:
        """MOVE-6, VIS-7, VIS-11: read with --copy while it is open, and by nobody afterwards."""
        _hand_over(cli, LEA, MAX)
        as_admin = ("--as", ADMIN)
        cli.done("member", "deactivate", LEA, "--yes", *as_admin)
        (copy,) = cli.done("quarantine", "copies", *as_admin)["copies"]
        opening = (
            "quarantine",
            "open",
            copy["id"],
            "--days",
            "3",
            "--cause",
            "order",
            "--reason",
            "ordonnance",
        )
        assert cli(*opening, "--for", ADMIN, *as_admin, "--json").error["key"] == "MOVE-6/reader"
        opened = cli.done(*opening, "--for", MAX, *as_admin)

        shown = cli.done("record", "show", record, "--copy-id", copy["id"], "--as", MAX)
        assert (shown["relation"], shown["copy_id"], shown["archived"]) == ("reader", copy["id"], True)
        assert "Première rencontre." in {item["text"] for item in shown["items"]}
        page = cli("quarantine", "copies", *as_admin, "--lang", "en").out
        assert opened["id"] in page
        cli.done("quarantine", "close", opened["id"], *as_admin)
        closed = cli("record", "show", record, "--copy", "--as", MAX, "--json")
        assert (closed.code, closed.error["key"]) == (1, "VIS-11/copy")
        again = cli("quarantine", "close", opened["id"], *as_admin, "--json")
        assert (again.code, again.error["key"]) == (2, "bad_input/opening_ended")

    @pytest.mark.parametrize(
        ("command", "key"),
        [(("open", "x", "--for", LEA, "--days", "3", "--cause", "order", "--reason", "y"), "holderless_copy"),
         (("close", "x"), "opening")],
    )  # fmt: skip
    def test_what_is_no_id_reads_as_none(self, cli: Cli, command: tuple[str, ...], key: str) -> None:
        """VIS-11."""
        answer = cli("quarantine", *command, "--as", ADMIN, "--json")

        assert (answer.code, answer.error["key"]) == (1, f"VIS-11/{key}")


def _hand_over(cli: Cli, sender: str, receiver: str) -> None:
    """Hand the one record over, without a Temporal server: ask and accept."""
    now = datetime.now(UTC)
    with closing(Database(cli.database)) as database:
        desk = Desk(database)
        actor_id, to_id = (desk.member_by_email(who, None) for who in (sender, receiver))
        (record,) = desk.records(actor_id)
        request = TransferRequest(
            transfer_id=uuid4(),
            organization_id=UUID(cli.done("org", "show", "--as", ADMIN)["id"]),
            record_id=record.id,
            actor_id=actor_id,
            to_id=to_id,
            purpose=Purpose.DEPARTURE,
        )
        accept = Accept(transfer_id=request.transfer_id, command_id=uuid4(), actor_id=to_id)
        assert Steps(database).open(StepInput(what=request, at=now)).denied is None
        assert Steps(database).accept(StepInput(what=accept, at=now)).denied is None
