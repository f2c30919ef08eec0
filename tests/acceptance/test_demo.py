"""The demo as a stranger runs it, and its checks, each of which must be able to fail."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import Any, NamedTuple

import psutil
import pytest

from engine.cli.demo.checks import Expected, Finding, check
from engine.cli.demo.clinic import Clinic
from engine.cli.demo.command import run_demo
from engine.cli.demo.imported import import_clinic
from engine.cli.demo.scenes import FEWEST_RECORDS
from engine.cli.demo.words import Words
from engine.desk.desk import Desk
from engine.errors import BadInput
from engine.records.database import Database
from engine.settings import Settings
from tests.checker.checking import check as independently
from tests.integration.fhir import bundles

PASSATION = Path(sys.executable).with_name("passation")
SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"


class Run(NamedTuple):
    """One run of the command, with --keep."""

    exit_code: int
    answer: dict[str, Any]
    stderr: str
    data: Path
    scratch: Path


def start(scratch: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    scratch.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PASSATION_", "TEMPORAL_"))}
    return subprocess.Popen(
        [PASSATION, "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=scratch,
        env=kept | {"TMPDIR": str(scratch), "TEMPORAL_CONFIG_FILE": os.devnull},
    )


def processes_on(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or ())
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("demo")
    data, scratch = folder / "kept", folder / "scratch"
    with start(scratch, "--json", "--records", "20", "--keep", "--data", data, "--lang", "en") as demo:
        stdout, stderr = demo.communicate(timeout=300)
    return Run(demo.returncode, json.loads(stdout), stderr, data, scratch)


@pytest.fixture
def kept(run: Run, tmp_path: Path) -> Path:
    """A copy of what the demo left, to spoil."""
    return Path(shutil.copytree(run.data, tmp_path / "copy"))


@pytest.mark.slow
class TestRun:
    def test_everything_holds(self, run: Run) -> None:
        failed = [found for found in run.answer["checks"] if not found["ok"]]

        assert failed == []
        assert run.answer["ok"] is True
        assert run.exit_code == 0, run.stderr

    def test_shows_every_way_a_request_ends(self, run: Run) -> None:
        ended = [(one["scene"], one["state"], one["rule"]) for one in run.answer["transfers"]]

        assert ended == [
            ("with_copy", "accepted", None),
            ("without_copy", "accepted", None),
            ("refused", "refused", None),
            ("cancelled", "cancelled", None),
            ("expired", "expired", None),
            ("restricted", "denied", "ELIG-4"),
            ("wrong_title", "denied", "ELIG-5"),
            ("frozen", "pending_acceptance", None),
            *[("power_cut", "accepted", None)] * 6,
            *[("stepping_in", "accepted", None)] * 3,
            ("departure", "pending_acceptance", None),
            *[("departure", "accepted", None)] * 6,
        ]
        imposed = [one["scene"] for one in run.answer["transfers"] if one["imposed"]]
        assert imposed == ["stepping_in"]

    def test_a_caseload_is_split_over_two_successors_and_the_rest_needs_somebody(self, run: Run) -> None:
        """BULK-1, BULK-3, ELIG-1, ELIG-4: the power cut in the middle of it is said, with its process ids."""
        moved = [one for one in run.answer["transfers"] if one["scene"] == "departure"]

        assert len({one["owner"] for one in moved}) == 1
        assert len({one["new_owner"] for one in moved if one["state"] == "accepted"}) == 2
        told = " ".join(run.stderr.split())
        assert "of 8 records 6 would go" in told
        assert re.search(r"\d of 6 records are asked for, and the Temporal server \(process \d+\)", told)
        assert "D-00013 stays (ELIG-4)" in told
        assert "D-00014 stays (ELIG-1)" in told

    def test_the_independent_checker_finds_nothing(self, run: Run) -> None:
        assert [str(found) for found in independently(run.data / "passation.db")] == []

    def test_copy_or_quarantine(self, run: Run) -> None:
        with_copy, without_copy = run.answer["transfers"][:2]

        assert with_copy["kept"] > 0
        assert with_copy["withheld"] == 0
        assert without_copy["withheld"] > 0

    def test_progress_is_not_in_the_way_of_the_answer(self, run: Run) -> None:
        assert "Everything holds." in run.stderr
        assert "\x1b" not in run.stderr

    def test_leaves_what_was_asked_for_and_nothing_else(self, run: Run) -> None:
        assert (run.data / "passation.db").exists()
        assert list(run.scratch.iterdir()) == []
        assert processes_on(run.data) == []

    def test_stopped_it_ends_every_process_and_removes_its_folder(self, tmp_path: Path) -> None:
        scratch = tmp_path / "scratch"
        with start(scratch, "--lang", "en", "--records", "12") as demo:
            assert demo.stdout is not None
            while not (line := demo.stdout.readline()).startswith("1 "):
                assert line, demo.communicate()
            assert len(processes_on(scratch)) == 2

            demo.send_signal(signal.SIGINT)
            rest, stderr = demo.communicate(timeout=60)

        assert demo.returncode == 130
        assert rest.endswith("Stopped. Every process has ended.\n")
        assert stderr == ""
        assert list(scratch.iterdir()) == []
        assert processes_on(scratch) == []


class TestFailure:
    def test_is_loud(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = [Finding("once", 8, ["D-00001"]), Finding("chain", 0, [])]
        stage = SimpleNamespace(told=[], expected=Expected())
        monkeypatch.setattr("engine.cli.demo.command._run", lambda *_, **__: stage)
        monkeypatch.setattr("engine.cli.demo.checks.check", lambda *_: found)

        code = run_demo(Settings(data=tmp_path), records=12, keep=False, language="en", as_json=False)
        shown = capsys.readouterr().out

        assert code == 1
        assert shown.count("FAILED") == 3
        assert "2 CHECKS FAILED" in shown
        assert "D-00001" in shown
        assert "there was nothing to check" in shown


class TestBadInput:
    def test_too_few_records(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput) as told:
            run_demo(Settings(data=tmp_path), records=3, keep=False, language="en", as_json=False)

        assert told.value.key == "bad_input/demo_records"

    def test_folder_in_use_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "passation.db").write_text("somebody's")
        with pytest.raises(BadInput) as told:
            run_demo(Settings(data=tmp_path), records=12, keep=True, language="en", as_json=False)

        assert told.value.key == "bad_input/demo_folder"
        assert (tmp_path / "passation.db").read_text() == "somebody's"


class TestFromFhir:
    """The same scenes and checks on records of another system."""

    @pytest.mark.slow
    @pytest.mark.skipif(not SYNTHEA.is_dir(), reason="../shared/data/synthea is not here")
    def test_everything_holds_on_real_input(self, tmp_path: Path) -> None:
        with start(tmp_path / "scratch", "--json", "--from-fhir", SYNTHEA, "--lang", "fr") as demo:
            stdout, stderr = demo.communicate(timeout=300)
        assert demo.returncode in {0, 1}, stderr
        answer = json.loads(stdout)

        assert [found["id"] for found in answer["checks"] if not found["ok"]] == []
        assert demo.returncode == 0, stderr
        assert len(answer["checks"]) == 14
        assert answer["records"] == 8
        assert [one["rule"] for one in answer["transfers"] if one["rule"]] == ["ELIG-4", "ELIG-5"]

    def test_a_path_that_leads_nowhere_is_told_before_anything_starts(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput) as told:
            self.run(tmp_path, tmp_path / "nothing.json")

        assert told.value.key == "bad_input/fhir_file"
        assert list(tmp_path.iterdir()) == []

    def test_records_are_imported_or_invented(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput) as told:
            self.run(tmp_path, tmp_path, records=12)

        assert told.value.key == "bad_input/demo_either"

    def test_too_few_patients(self, database: Database, tmp_path: Path) -> None:
        with pytest.raises(BadInput) as told:
            self.clinic(database, tmp_path, 7)

        assert told.value.key == "bad_input/demo_patients"
        assert told.value.params == {"fewest": 8, "found": 7}

    def test_one_practitioner_without_a_title_is_joined_by_a_colleague(
        self, database: Database, tmp_path: Path
    ) -> None:
        """ELIG-5: the next may hold raw data, the one after that may not."""
        clinic = self.clinic(database, tmp_path, 8)
        owner, to, other = clinic.owner_of(0), clinic.next_to(0), clinic.next_to(0, 2)

        assert len({owner.id, to.id, other.id}) == 3
        assert {clinic.owner_of(place).id for place in range(8)} == {owner.id}
        assert owner.title == to.title != other.title
        assert [record.number for record in clinic.records] == [f"D-{n:05}" for n in range(1, 9)]

    @staticmethod
    def run(data: Path, path: Path, records: int | None = None) -> int:
        return run_demo(
            Settings(data=data), records=records, keep=False, language="en", as_json=False, from_fhir=path
        )

    @staticmethod
    def clinic(database: Database, folder: Path, patients: int) -> Clinic:
        found = bundles.of_patients(*(f"p{number}" for number in range(patients)))
        (folder / "a.json").write_text(json.dumps(found))
        return import_clinic(Desk(database), folder, FEWEST_RECORDS, "en", lambda *_: None)


def sql(statement: str) -> Callable[[Path], None]:
    """Spoil the database, with every guard of it removed."""

    def spoil(folder: Path) -> None:
        connection = sqlite3.connect(folder / "passation.db", isolation_level=None)
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        changed = connection.execute(statement).rowcount
        connection.close()
        assert changed == 1

    return spoil


def append(name: str) -> Callable[[Path], None]:
    """Let the marker escape into a file."""

    def spoil(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(Expected.read(folder).marker.encode())

    return spoil


MOVED_NOTE = """
    SELECT i.rowid FROM notes AS i JOIN holdings AS h ON h.id = i.holding_id
     WHERE h.state = 'live' AND i.item_id IN (SELECT item_id FROM manifest) LIMIT 1
"""
HANDED = "SELECT record_id FROM transfers WHERE state = 'accepted'"
SPOILED: dict[str, list[Callable[[Path], None]]] = {
    "scenes": [
        sql("UPDATE transfers SET state = 'cancelled' WHERE state = 'refused'"),
        sql("UPDATE transfers SET state = 'expired' WHERE id ="
            " (SELECT id FROM transfers WHERE state = 'pending_acceptance' LIMIT 1)"),
        sql("DELETE FROM events WHERE rule = 'ELIG-4'"),
    ],
    "one_holding": [
        sql(f"UPDATE holdings SET state = 'archived' WHERE id = (SELECT id FROM holdings WHERE"
            f" state = 'live' AND record_id NOT IN ({HANDED}) LIMIT 1)"),
    ],
    "owners": [
        sql("UPDATE members SET active = 0 WHERE id ="
            " (SELECT owner_id FROM holdings WHERE state = 'live' LIMIT 1)"),
        sql(f"UPDATE holdings SET owner_id = (SELECT from_id FROM transfers WHERE state = 'accepted' LIMIT 1)"
            f" WHERE state = 'live' AND record_id = ({HANDED} LIMIT 1)"),
    ],
    "once": [
        sql("DELETE FROM events WHERE rowid = (SELECT rowid FROM events WHERE side = 'import' LIMIT 1)"),
        sql("INSERT INTO holdings SELECT 'another', record_id, organization_id, owner_id, 'archived',"
            " confidential, title, email, reason_for_consultation, opened_on, from_at, until_at, NULL"
            " FROM holdings LIMIT 1"),
    ],
    "copies": [
        sql("UPDATE holdings SET state = 'quarantined' WHERE id ="
            " (SELECT id FROM holdings WHERE state = 'archived' LIMIT 1)"),
        sql("UPDATE holdings SET state = 'archived' WHERE id ="
            " (SELECT id FROM holdings WHERE state = 'quarantined' LIMIT 1)"),
    ],
    "left_behind": [
        sql("INSERT INTO tasks (holding_id, item_id, organization_id, created_at, author_id, sha256)"
            " SELECT live.id, i.item_id, i.organization_id, i.created_at, i.author_id, i.sha256"
            " FROM tasks AS i JOIN holdings AS old ON old.id = i.holding_id AND old.state <> 'live'"
            " JOIN holdings AS live ON live.record_id = old.record_id AND live.state = 'live' LIMIT 1"),
        sql("UPDATE appointments SET state = 'booked' WHERE item_id ="
            " (SELECT item_id FROM appointments WHERE state = 'cancelled' LIMIT 1)"),
    ],
    "manifest": [
        sql("DELETE FROM manifest WHERE rowid ="
            " (SELECT rowid FROM manifest WHERE item_class = 'share' LIMIT 1)"),
        sql("UPDATE manifest SET outcome = 'kept' WHERE rowid ="
            " (SELECT rowid FROM manifest WHERE outcome = 'deleted' LIMIT 1)"),
        sql("INSERT INTO manifest SELECT transfer_id, 'nothing', item_class, outcome, author_id, sha256"
            " FROM manifest LIMIT 1"),
    ],
    "bytes": [
        sql("UPDATE content SET body = x'00' WHERE sha256 ="
            f" (SELECT sha256 FROM notes WHERE rowid = ({MOVED_NOTE}))"),
        sql(f"DELETE FROM notes WHERE rowid = ({MOVED_NOTE})"),
        sql(f"UPDATE notes SET signed_at = '2020-01-01T00:00:00.000000Z' WHERE rowid = ({MOVED_NOTE})"),
    ],
    "clients": [
        sql("DELETE FROM outbox WHERE id ="
            " (SELECT id FROM outbox WHERE kind = 'appointment_cancelled' LIMIT 1)"),
        sql("UPDATE outbox SET sequence = sequence + 1 WHERE id ="
            " (SELECT id FROM outbox WHERE kind = 'appointment_cancelled' LIMIT 1)"),
        sql("UPDATE outbox SET kind = 'appointment_cancelled' WHERE id ="
            " (SELECT id FROM outbox WHERE kind = 'expired' LIMIT 1)"),
    ],
    "caseload": [
        sql("UPDATE bulk_items SET to_id = (SELECT from_id FROM bulks) WHERE position = 2"),
        sql("UPDATE transfers SET bulk_id = (SELECT id FROM bulks) WHERE state = 'pending_acceptance'"
            " AND from_id = (SELECT from_id FROM bulks)"),
        sql("UPDATE bulk_items SET rule = 'ELIG-4' WHERE position = 2"),
        sql("UPDATE bulks SET records = records + 1"),
        sql("DELETE FROM bulk_answers WHERE id = (SELECT id FROM bulk_answers LIMIT 1)"),
        sql("UPDATE bulk_answers SET answer = 'refuse' WHERE id = (SELECT id FROM bulk_answers LIMIT 1)"),
    ],
    "untouched": [
        sql("UPDATE holdings SET title = 'another' WHERE record_id ="
            " (SELECT record_id FROM transfers WHERE state = 'refused')"),
        sql("DELETE FROM memos WHERE holding_id = (SELECT h.id FROM holdings AS h JOIN transfers AS t"
            " ON t.record_id = h.record_id WHERE t.state = 'expired')"),
    ],
    "chain": [
        sql("UPDATE events SET os_uid = 4242 WHERE seq = 3"),
        sql("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)"),
        sql("DELETE FROM events WHERE seq = 1"),
    ],
    "receipts": [
        sql("UPDATE receipts SET statement = replace(statement, 'continuity', 'other') WHERE transfer_id ="
            " (SELECT transfer_id FROM receipts WHERE statement LIKE '%continuity%' LIMIT 1)"),
        sql("UPDATE receipts SET signature = (SELECT max(signature) FROM receipts) WHERE transfer_id ="
            " (SELECT transfer_id FROM receipts ORDER BY signature LIMIT 1)"),
        sql("UPDATE receipts SET statement = NULL, signature = NULL WHERE transfer_id ="
            " (SELECT transfer_id FROM receipts LIMIT 1)"),
        sql("UPDATE receipts SET manifest_hash = 'other' WHERE transfer_id ="
            " (SELECT transfer_id FROM receipts LIMIT 1)"),
        sql("DELETE FROM organization_keys"),
    ],
    "secrets": [
        append("worker.log"),
        append("server.log"),
        append("temporal.db"),
        sql("UPDATE events SET role = (SELECT name FROM clients LIMIT 1) WHERE seq = 1"),
    ],
}  # fmt: skip


@pytest.mark.slow
class TestChecks:
    def test_nothing_is_wrong_before_it_is_spoiled(self, kept: Path) -> None:
        assert [found.key for found in check(kept, Expected.read(kept)) if not found.ok] == []

    def test_every_check_is_spoiled_below(self, run: Run) -> None:
        assert [found["id"] for found in run.answer["checks"]] == [
            "scenes",
            *(key for key in SPOILED if key not in {"scenes", "untouched", "chain", "receipts", "secrets"}),
            "untouched",
            "chain",
            "receipts",
            "secrets",
        ]

    @pytest.mark.parametrize(
        ("key", "spoil"),
        [
            pytest.param(key, spoil, id=f"{key}-{n}")
            for key, ways in SPOILED.items()
            for n, spoil in enumerate(ways, 1)
        ],
    )
    def test_can_fail(self, kept: Path, key: str, spoil: Callable[[Path], None]) -> None:
        spoil(kept)
        failed = {found.key: found for found in check(kept, Expected.read(kept)) if not found.ok}

        assert key in failed
        assert failed[key].wrong != []

    def test_search_for_nothing_is_no_search(self, kept: Path) -> None:
        blind = replace(Expected.read(kept), marker="")

        assert [found.key for found in check(kept, blind) if not found.ok] == ["secrets"]

    def test_search_that_finds_nothing_at_all_is_no_search(self, kept: Path) -> None:
        for file in kept.glob("temporal.db*"):
            file.unlink()

        assert [found.key for found in check(kept, Expected.read(kept)) if not found.ok] == ["secrets"]


def test_languages_say_the_same_things() -> None:
    french, english = Words("fr"), Words("en")

    def fields(words: Words, key: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(words.pattern(key)) if name}

    # A singular where one language needs none is no difference.
    assert {key.removesuffix("_one") for key in french.keys} == {
        key.removesuffix("_one") for key in english.keys
    }
    for key in french.keys & english.keys:
        assert fields(french, key) == fields(english, key), key
