"""Transfers by the command line, as far as they need no Temporal server: previews, lists, and its absence."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from engine.activities.steps import Steps
from engine.catalogue import label
from engine.desk.desk import Desk
from engine.messages.transfer import StepInput, TransferRequest
from engine.records.database import Database
from engine.states.choices import Purpose
from tests.acceptance.command import ADMIN, COORDINATOR, FOREIGN, INACTIVE, LEA, MAX, UNKNOWN, Answer, Cli


def preview(cli: Cli, record: str, to: str, *options: str, by: str = LEA) -> Answer:
    return cli("transfer", "preview", record, "--to", to, "--as", by, *options)


class TestPreview:
    def test_counts_by_class_and_outcome(self, cli: Cli, record: str) -> None:
        answer = cli.process("transfer", "preview", record, "--to", MAX, "--as", LEA, "--json")

        shown = answer.json
        assert (answer.code, answer.err) == (0, "")
        assert (shown["record_number"], shown["to"], shown["copy_kept"]) == (record, "Max Côté", True)
        assert shown["options"] == {"include_confidential": False, "raw_data": "exclude", "keep_copy": True}
        assert {(i["class"], i["outcome"], i["count"]) for i in shown["items"]} == {
            ("details", "moved", 1),
            ("note", "moved", 1),
            ("confidential_note", "kept", 1),
            ("raw_data", "kept", 1),
            ("upcoming_appointment", "cancelled", 1),
        }

    def test_move_6_destroyed_later_is_said_of_what_is_withheld_only(self, cli: Cli, record: str) -> None:
        with_copy = preview(cli, record, MAX, "--lang", "en")
        without = preview(cli, record, MAX, "--no-copy", "--lang", "en")

        assert (with_copy.code, without.code) == (0, 0)
        assert "destroyed later" not in with_copy.out
        assert "archived copy of the whole record" in with_copy.out
        assert "Is withheld       2" in without.out
        assert label("explain/withheld", "en") in without.out
        assert "No archived copy" in without.out

    def test_in_french(self, cli: Cli, record: str) -> None:
        shown = preview(cli, record, MAX, "--include-confidential", "--no-copy").out

        for words in ("Transmis", "Retenu", "Annulé", "notes confidentielles (1)", "données brutes (1)"):
            assert words in shown

    def test_elig_5_raw_data_and_the_title(self, cli: Cli, record: str) -> None:
        refused = preview(cli, record, MAX, "--raw-data", "include", "--json")
        withheld = preview(cli, record, MAX, "--raw-data", "if-allowed", "--no-copy", "--json")

        assert (refused.code, refused.error["key"]) == (1, "ELIG-5")
        # MOVE-8: what a rule withholds is kept whatever the options say.
        assert withheld.json["copy_kept"] is True

    @pytest.mark.parametrize(
        ("to", "key"),
        [
            (UNKNOWN, "ELIG-3/unknown"),
            (INACTIVE, "ELIG-3/inactive"),
            (COORDINATOR, "ELIG-3/not_practitioner"),
            (LEA, "ELIG-3/same"),
        ],
    )
    def test_elig_3_who_cannot_take_over(self, cli: Cli, record: str, to: str, key: str) -> None:
        answer = preview(cli, record, to, "--json")

        assert (answer.code, answer.out, answer.error["key"]) == (1, "", key)

    @pytest.mark.parametrize("form", [[], ["--json"], ["--lang", "en"]])
    def test_elig_3_somebody_of_another_organization_reads_as_nobody(
        self, cli: Cli, record: str, form: list[str]
    ) -> None:
        assert preview(cli, record, FOREIGN, *form) == preview(cli, record, UNKNOWN, *form)

    def test_elig_2_before_elig_3(self, cli: Cli, record: str) -> None:
        """Whoever may not know of the record learns nothing of who could take it over."""
        for to in (UNKNOWN, INACTIVE, FOREIGN):
            assert preview(cli, record, to, "--json", by=MAX).error["key"] == "VIS-11/record"

    def test_a_coordinator_sees_counts(self, cli: Cli, record: str) -> None:
        assert preview(cli, record, MAX, "--json", by=COORDINATOR).code == 0


class TestWithoutServer:
    """3: nothing was decided, and the same command may be sent again."""

    def test_a_request_changes_nothing(self, cli: Cli, record: str) -> None:
        before = dump(cli)
        request = ("transfer", "request", record, "--to", MAX, "--as", LEA, "--purpose", "departure")

        answer = cli.process(*request, "--message", "Bonne suite.", "--json")

        assert (answer.code, answer.out) == (3, "")
        assert answer.error["key"] == "unavailable/temporal_unavailable"
        assert dump(cli) == before

    def test_a_server_that_is_named_and_does_not_answer(self, cli: Cli, record: str) -> None:
        request = ("transfer", "request", record, "--to", MAX, "--as", LEA, "--purpose", "departure")

        answer = cli(*request, PASSATION_TEMPORAL_ADDRESS="127.0.0.1:9")

        assert (answer.code, answer.out) == (3, "")
        assert answer.err.startswith("Erreur (unavailable/temporal_unavailable): Le serveur Temporal")
        assert answer.err.count("\n") == 1

    @pytest.mark.parametrize("verb", ["accept", "cancel", "refuse"])
    def test_no_decision(self, cli: Cli, verb: str) -> None:
        reason = ["--reason", "x"] if verb == "refuse" else []
        transfer = "00000000-0000-4000-8000-000000000000"

        assert cli("transfer", verb, transfer, "--as", MAX, *reason).code in {1, 3}


class TestLists:
    def test_none(self, cli: Cli) -> None:
        assert cli.done("transfer", "list", "--as", MAX) == {"transfers": [], "after": None}
        assert (
            cli("transfer", "list", "--as", MAX, "--state", "pending_acceptance").out == "Rien à afficher.\n"
        )

    @pytest.mark.parametrize("transfer", ["abc", "00000000-0000-4000-8000-000000000000"])
    def test_vis_11_a_transfer_that_is_not_there(self, cli: Cli, transfer: str) -> None:
        answer = cli("transfer", "show", transfer, "--as", MAX, "--json")

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/transfer")


class TestBadUsage:
    @pytest.mark.parametrize(
        ("arguments", "key"),
        [
            (["transfer", "request", "D-1", "--as", LEA, "--to", MAX], "bad_input/missing"),
            (
                ["transfer", "request", "D-1", "--as", LEA, "--to", MAX, "--purpose", "x"],
                "bad_input/bad_value",
            ),
            (
                ["transfer", "preview", "D-1", "--as", LEA, "--to", MAX, "--raw-data", "x"],
                "bad_input/bad_value",
            ),
            (["transfer", "refuse", "D-1", "--as", LEA], "bad_input/missing"),
            (["transfer", "narrow", "D-1", "--as", LEA], "bad_input/nothing_to_narrow"),
            (["transfer", "show", "--as", LEA], "bad_input/missing"),
            (["transfer", "list", "--as", LEA, "--state", "x"], "bad_input/bad_value"),
            (["transfer", "list", "--as", LEA, "--lang", "de"], "bad_input/bad_value"),
            (["transfer", "list", "--as", LEA, "--colour"], "bad_input/no_such_option"),
            (["transfer", "lose"], "bad_input/no_such_command"),
            (
                [
                    "transfer",
                    "request",
                    "D-1",
                    "--as",
                    LEA,
                    "--to",
                    MAX,
                    "--purpose",
                    "absence",
                    "--basis",
                    "verbal",
                ],
                "bad_input/basis",
            ),
        ],
    )
    def test_is_2_and_one_object(self, cli: Cli, arguments: list[str], key: str) -> None:
        answer = cli(*arguments, "--json")

        assert (answer.code, answer.out, answer.error["key"]) == (2, "", key)

    def test_what_was_typed_is_not_repeated(self, cli: Cli) -> None:
        answer = cli("record", "add", "--as", LEA, "--title", "T", "--client", "C", "--opened-on", "Tremblay")

        assert (answer.code, "Tremblay" in answer.err) == (2, False)
        assert "--opened-on" in answer.err


def dump(cli: Cli) -> list[str]:
    """Everything that the database holds."""
    with closing(sqlite3.connect(cli.database)) as db:
        return list(db.iterdump())


class TestWatching:
    def test_a_coordinator_narrows_and_pages(self, cli: Cli, record: str) -> None:
        """VIS-12; a page says where the next one begins."""
        first = ask(cli, record)
        cli.done("record", "add", "--as", LEA, "--number", "D-00002", "--title", "Deuil", "--client", "C. T.")
        second = ask(cli, "D-00002")

        page = cli.done("transfer", "list", "--as", COORDINATOR, "--limit", "1")
        rest = cli.done("transfer", "list", "--as", COORDINATOR, "--limit", "1", "--after", page["after"])
        told = cli("transfer", "list", "--as", COORDINATOR, "--limit", "1", "--lang", "en").out

        assert [ids(page), ids(rest), rest["after"]] == [[second], [first], None]
        assert f"add --after {second}" in told
        narrowed = ("transfer", "list", "--as", COORDINATOR, "--from", LEA, "--to", MAX)
        assert ids(cli.done(*narrowed, "--state", "pending-acceptance")) == [second, first]
        assert ids(cli.done(*narrowed, "--older-than", "1")) == []
        assert cli(*narrowed[:4], "--from", FOREIGN, "--json").error["key"] == "VIS-11/colleague"
        assert cli(*narrowed[:4], "--after", "x", "--json").error["key"] == "VIS-11/transfer"

    def test_what_needs_somebody(self, cli: Cli, record: str) -> None:
        """VIS-3, ROLE-6: to answer; and for a coordinator whose records were left, in numbers."""
        asked = ask(cli, record)

        answer = cli.done("needs-you", "--as", MAX)
        cli.done("member", "deactivate", LEA, "--as", ADMIN, "--yes")
        left = cli.done("needs-you", "--as", COORDINATOR)
        table = cli("needs-you", "--as", COORDINATOR, "--lang", "fr").out

        assert [(each["need"], each["transfer"]["id"]) for each in answer["transfers"]] == [("answer", asked)]
        assert "votre réponse" in cli("needs-you", "--as", MAX, "--lang", "fr").out
        assert [(each["email"], each["institutional"]) for each in left["left"]] == [(LEA, 1)]
        assert "ne sont plus actifs" in table
        assert "Anxiété" not in table
        assert cli("needs-you", "--as", ADMIN, "--lang", "en").out == "Nothing to show.\n"


def ids(answer: Any) -> list[str]:  # noqa: ANN401 - any JSON
    return [each["id"] for each in answer["transfers"]]


def ask(cli: Cli, record: str) -> str:
    """Let Léa ask Max by the step itself, without a server."""
    database = Database(cli.database)
    desk = Desk(database)
    lea, new_owner = desk.member_by_email(LEA), desk.member_by_email(MAX)
    request = TransferRequest(
        transfer_id=uuid4(),
        organization_id=desk.facts_of(lea).organization_id,
        record_id=desk.record_named(lea, record),
        actor_id=lea,
        to_id=new_owner,
        purpose=Purpose.CONTINUITY,
    )
    result = Steps(database).open(StepInput(what=request, at=datetime.now(UTC)))
    database.close()
    assert result.state == "pending_acceptance"
    return str(request.transfer_id)
