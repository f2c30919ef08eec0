"""Exports, by the commands that a person types: to a folder, to a file, and killed in the middle."""

import json
import subprocess
import time
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from engine.records.database import Database
from tests import build
from tests.acceptance.command import LEA, MAX, SCRIPT, Cli, environment


class TestRecord:
    @pytest.mark.parametrize(("language", "words"), [("fr", "Dossier D-00001"), ("en", "Record D-00001")])
    def test_a_folder_with_index_and_page(
        self, cli: Cli, record: str, tmp_path: Path, language: str, words: str
    ) -> None:
        target = tmp_path / "out"

        answer = cli.process("record", "export", record, "--as", LEA, "--to", str(target), "--lang", language)

        assert (answer.code, answer.err) == (0, "")
        index = json.loads((target / "index.json").read_text())
        assert (index["format"], index["record"]["number"]) == ("passation-export/1", record)
        assert len(index["items"]) == 5
        page = (target / "index.html").read_text()
        assert words in page
        assert "Première rencontre." in page

    def test_a_stranger_and_a_folder_in_use(self, cli: Cli, record: str, tmp_path: Path) -> None:
        """VIS-11: and nothing is overwritten."""
        target = tmp_path / "out"
        arguments = ("record", "export", record, "--to", str(target), "--json")

        hidden = cli(*arguments, "--as", MAX)
        done, again = (cli(*arguments, "--as", LEA) for _ in range(2))

        assert (hidden.code, hidden.error["key"]) == (1, "VIS-11/record")
        assert done.json == {"folder": str(target), "items": 5}
        assert (again.code, again.error["key"]) == (2, "bad_input/export_exists")

    def test_without_a_copy_there_is_none_to_export(self, cli: Cli, record: str, tmp_path: Path) -> None:
        """VIS-7."""
        answer = cli("record", "export", record, "--as", LEA, "--to", str(tmp_path / "o"), "--copy", "--json")

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/copy")

    @pytest.mark.slow
    def test_a_killed_export_leaves_nothing_that_looks_complete(
        self, cli: Cli, record: str, tmp_path: Path
    ) -> None:
        """SIGKILL while items are written: no folder of that name, no index; and it can be done again."""
        holding = UUID(next(i["id"] for i in cli.done("record", "show", record, "--as", LEA)["items"]))
        with closing(Database(cli.database)) as database, database.write() as session:
            for _ in range(3000):
                build.note(session, holding)
        target = tmp_path / "out"
        arguments = ["record", "export", record, "--as", LEA, "--to", str(target), "--data", str(cli.data)]
        with subprocess.Popen([SCRIPT, *arguments], env=environment(), stdin=subprocess.DEVNULL) as process:
            until = time.monotonic() + 30
            while not list(tmp_path.glob(".out.*.partial/record/*")):
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.002)
            process.kill()

        assert process.returncode == -9
        assert not target.exists()
        (partial,) = tmp_path.glob(".out.*.partial")
        assert not (partial / "index.json").exists()
        assert cli.done(*arguments[:-2])["items"] == 3005


class TestDocument:
    def test_exact_bytes(self, cli: Cli, record: str, tmp_path: Path) -> None:
        items = cli.done("record", "show", record, "--as", LEA)["items"]
        raw = next(item["id"] for item in items if item["class"] == "raw_data")
        target = tmp_path / "raw.csv"

        cli.done("document", "export", record, raw, "--as", LEA, "--to", str(target))

        assert target.read_bytes() == b"1;2;3\n"

    def test_what_is_no_id_reads_as_none(self, cli: Cli, record: str, tmp_path: Path) -> None:
        """VIS-11."""
        answer = cli(
            "document", "export", record, "rapport", "--as", LEA, "--to", str(tmp_path / "o"), "--json"
        )

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/document")
