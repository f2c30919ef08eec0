"""What an operator types: help, checks of the log and of the installation; and how a command ends."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.catalogue import label
from tests.acceptance.command import LEA, MAX, SCRIPT, Cli, environment, inside

HEAVY = ("alembic", "pydantic", "rich", "sqlalchemy", "temporalio", "transitions")


class TestHelp:
    def test_names_every_command(self) -> None:
        done = subprocess.run(
            [SCRIPT, "--help"], capture_output=True, text=True, env=environment(), check=True
        )

        commands = ["dev", "demo", "worker", "reconcile", "doctor", "org", "member", "record", "note"]
        for name in [*commands, "document", "appointment", "transfer", "audit"]:
            assert f"\n  {name} " in done.stdout

    def test_in_french(self, cli: Cli) -> None:
        shown = " ".join(cli("transfer", "request", "--help", "--lang", "fr").out.split())

        assert label("help/transfer request", "fr") in shown
        assert label("help/--purpose", "fr") in shown

    def test_loads_nothing_heavy(self) -> None:
        code = (
            "import sys, engine.cli.app as app; app.run(['--help']); "
            f"print([name for name in {HEAVY} if name in sys.modules])"
        )

        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
        )

        assert done.stdout.splitlines()[-1] == "[]"

    def test_a_group_alone_shows_its_commands(self) -> None:
        answer = inside("note")

        assert (answer.code, answer.out) == (2, "")
        assert "sign" in answer.err


class TestOptions:
    def test_before_the_command_as_after_it(self, cli: Cli) -> None:
        data = str(cli.data)

        first = inside("--json", "--lang", "en", "--data", data, "record", "list", "--as", MAX)
        between = inside("record", "--json", "--lang", "en", "--data", data, "list", "--as", MAX)

        assert first == between == cli("record", "list", "--as", MAX, "--json", "--lang", "en")
        assert first.json == {"records": []}

    def test_from_the_environment(self, cli: Cli) -> None:
        answer = inside("record", "list", "--as", MAX, PASSATION_DATA=str(cli.data), PASSATION_LANGUAGE="en")

        assert answer == (0, "Nothing to show.\n", "")

    def test_a_setting_that_cannot_be_used(self, cli: Cli) -> None:
        answer = cli("record", "list", "--as", LEA, "--json", PASSATION_LANGUAGE="de")

        assert (answer.code, answer.error["key"]) == (2, "bad_input/setting")


class TestAuditVerify:
    def test_whole(self, cli: Cli, record: str) -> None:
        found = cli.done("audit", "verify")

        assert found["whole"] is True
        assert [chain["organization"] for chain in found["chains"]] == ["Clinique du Nord", "Clinique du Sud"]
        assert all(chain["first_break"] is None for chain in found["chains"])

    def test_broken(self, cli: Cli, tmp_path: Path) -> None:
        """AUD-2: somebody who could write to the file, and took the triggers away first."""
        broken = Cli(Path(shutil.copytree(cli.data, tmp_path / "broken")))
        with closing(sqlite3.connect(broken.database)) as db, db:
            triggers = db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'events'"
            )
            for (name,) in triggers.fetchall():
                db.execute(f'DROP TRIGGER "{name}"')
            db.execute("UPDATE events SET role = 'coordinator' WHERE seq = 2")

        answer = broken("audit", "verify", "--lang", "en")

        assert answer.code == 1
        assert "line 2" in answer.out
        assert broken("audit", "verify", "--json").json["whole"] is False


class TestDoctor:
    def test_without_a_server(self, cli: Cli) -> None:
        answer = cli("doctor", "--json")

        checks = {check["name"]: check["ok"] for check in answer.json["checks"]}
        assert (answer.code, answer.err, answer.json["healthy"]) == (1, "", False)
        assert checks == {
            "folder": True,
            "database": True,
            "integrity": True,
            "log": True,
            "keys": True,
            "stuck": True,
            "server": False,
            "attributes": None,
            "worker": None,
            "workflows": None,
        }

    def test_without_anything(self, tmp_path: Path) -> None:
        answer = Cli(tmp_path / "nothing")("doctor", "--lang", "en")

        assert answer.code == 1
        assert "passation org create" in answer.out

    def test_a_folder_that_others_may_enter(self, cli: Cli) -> None:
        cli.data.chmod(0o755)

        answer = cli("doctor", "--lang", "en")

        assert "chmod 700" in answer.out

    def test_a_database_that_is_something_else(self, tmp_path: Path) -> None:
        cli = Cli(tmp_path)
        cli.database.write_text("This is not a database, whatever its name says. " * 100)

        answer = cli("doctor", "--json")

        checks = {check["name"]: check["ok"] for check in answer.json["checks"]}
        assert (answer.code, checks["database"], checks["log"]) == (1, False, None)
        answer = cli("member", "list", "--as", LEA, "--json")
        assert (answer.code, answer.error["key"]) == (4, "unavailable/database_damaged")


class TestEnding:
    def test_a_fault_is_a_sentence_and_a_traceback_only_when_asked_for(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("Tremblay")

        monkeypatch.setattr("engine.desk.desk.Desk.records", fail)

        quiet = cli("record", "list", "--as", LEA, "--lang", "en")
        loud = cli("record", "list", "--as", LEA, PASSATION_DEBUG="1")

        assert (quiet.code, "Traceback" in quiet.err, "Tremblay" in quiet.err) == (70, False, False)
        assert "Traceback" in loud.err

    def test_a_reader_who_left(self, cli: Cli) -> None:
        """As in ``passation record list | true``."""
        done = subprocess.run(
            ["/bin/sh", "-c", f"'{SCRIPT}' record list --as {LEA} --data '{cli.data}' | true"],
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )

        assert done.stderr == ""

    def test_a_newer_database_is_left_alone(self, cli: Cli, tmp_path: Path) -> None:
        newer = Cli(Path(shutil.copytree(cli.data, tmp_path / "newer")))
        with closing(sqlite3.connect(newer.database)) as db, db:
            db.execute("UPDATE alembic_version SET version_num = '9999'")

        for command in (
            ["record", "list", "--as", LEA],
            ["org", "create", "N", "--administrator", "a@b.example"],
        ):
            answer = newer(*command, "--json")
            assert (answer.code, answer.error["key"]) == (4, "unavailable/database_newer")
