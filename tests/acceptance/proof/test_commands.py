"""Proofs, by the commands that a person types; each ends as decision 0008 says."""

import json
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from engine.activities.steps import Steps
from engine.audit.keys import Signer
from engine.exports.receipt import receipt_page
from engine.records.database import Database
from tests.acceptance.command import SCRIPT, Cli, environment, inside
from tests.acceptance.proof.conftest import Given, email
from tests.integration.handover.clinic import Clinic


class TestReceipt:
    def test_on_the_screen_as_in_a_file(self, cli: Cli, given: Given) -> None:
        shown = cli("transfer", "receipt", str(given.transfer), "--as", given.owner)

        assert (shown.code, shown.json) == (0, json.loads(given.file.read_text()))
        assert given.file.stat().st_mode & 0o077 == 0

    def test_nothing_is_overwritten(self, cli: Cli, given: Given) -> None:
        before = given.file.read_bytes()
        for command in (("transfer", "receipt", str(given.transfer)), ("org", "key")):
            answer = cli(*command, "--as", given.owner, "--to", str(given.file), "--json")
            assert (answer.code, answer.error["key"]) == (2, "bad_input/export_exists")
        assert given.file.read_bytes() == before

    def test_of_what_is_no_transfer(self, cli: Cli, given: Given) -> None:
        answer = cli("transfer", "receipt", "D-00001", "--as", given.owner, "--json")

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/transfer")

    def test_without_the_key_an_operator_is_told(self, cli: Cli, clinic: Clinic, given: Given) -> None:
        """4: repeating it does not help; nothing in the log says that it was given."""
        shutil.rmtree(cli.data / "keys")
        clinic.steps = Steps(clinic.database, Signer(cli.data / "keys", may_create=True))
        transfer_id = clinic.hand_over(by=clinic.world.new_owner, to=clinic.world.owner)

        # A process of its own: nothing but the error stands on stderr.
        answer = cli.process("transfer", "receipt", str(transfer_id), "--as", given.owner, "--json")

        assert (answer.code, answer.error["key"]) == (4, "unavailable/signing_key")
        checks = {check["name"]: check for check in cli("doctor", "--json").json["checks"]}
        assert checks["keys"]["ok"] is False
        assert "(1 receipts wait)" in cli("doctor", "--json", "--lang", "en").out


class TestPage:
    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("en", ["receipt of a transfer", "What became of it", "continuity of care", "moved"]),
            ("fr", ["un transfert", "en est advenu", "continuité", "transféré"]),
        ],
    )
    def test_in_the_readers_language(
        self, cli: Cli, given: Given, tmp_path: Path, language: str, words: list[str]
    ) -> None:
        file = tmp_path / "page.html"
        cli.done(
            *("transfer", "receipt", str(given.transfer), "--as", given.owner, "--html"),
            *("--to", str(file), "--lang", language),
        )

        page = file.read_text(encoding="utf-8")
        said = json.loads(given.file.read_text())
        assert [word for word in words if word not in page] == []
        assert f'<html lang="{language}">' in page
        assert "<script" not in page
        assert "http://" not in page.replace('http-equiv="', "")
        for proven in (said["signature"], said["statement"]["manifest"]["hash"], said["statement"]["key"]):
            assert proven in page
        opened = [line["digest"] for line in said["manifest"]["lines"] if "salt" in line]
        assert opened
        assert [digest for digest in opened if digest not in page] == []

    def test_what_somebody_typed_is_no_markup(self, cli: Cli, clinic: Clinic) -> None:
        clinic.change("UPDATE members SET title = '<b onclick=x>\x1b' WHERE id = :id", id=clinic.world.owner)
        clinic.change("UPDATE organizations SET name = '</title><script>'")
        transfer_id, owner = clinic.hand_over(), email(clinic, clinic.world.owner)

        shown = cli("transfer", "receipt", str(transfer_id), "--as", owner, "--html")

        assert shown.code == 0
        assert "<script" not in shown.out
        assert "<b " not in shown.out
        assert "\x1b" not in shown.out
        assert "&lt;script&gt;" in shown.out

    def test_ovr_1_what_was_imposed_does_not_look_like_an_acceptance(self, given: Given) -> None:
        said = json.loads(given.file.read_text())
        accepted = receipt_page(said, "en", "America/Toronto")
        said["statement"]["decided_by"] = said["statement"]["previous_owner"]
        imposed = receipt_page(said, "en", "America/Toronto")

        assert ("accepted by" in accepted, "imposed by" in accepted) == (True, False)
        assert ("accepted by" in imposed, "imposed by" in imposed) == (False, True)

    def test_opens_no_more_than_the_receipt(self, cli: Cli, clinic: Clinic, given: Given) -> None:
        """VIS-12: a coordinator reads who, when and how many."""
        coordinator = email(clinic, clinic.world.coordinator)
        page = cli("transfer", "receipt", str(given.transfer), "--as", coordinator, "--html", "--lang", "en")

        said = json.loads(given.file.read_text())
        opened = [line for line in said["manifest"]["lines"] if "salt" in line]
        assert opened
        assert [line for line in opened if line["id"] in page.out or line["digest"] in page.out] == []
        assert "None: what you may not read" in page.out


class TestVerify:
    def test_needs_neither_database_nor_server(self, given: Given, tmp_path: Path) -> None:
        """A process of its own, with nothing set and in an empty folder."""
        (tmp_path / "empty").mkdir()
        done = subprocess.run(
            [SCRIPT, "receipt", "verify", str(given.file), "--key", str(given.key), "--lang", "en"],
            capture_output=True,
            text=True,
            env=environment(),
            cwd=tmp_path / "empty",
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert "The receipt holds" in done.stdout
        assert list((tmp_path / "empty").iterdir()) == []

    def test_says_what_it_says(self, given: Given) -> None:
        answer = given.verify()

        assert (answer.code, answer.json["valid"], answer.json["flaws"]) == (0, True, [])
        assert answer.json["transfer"] == str(given.transfer)
        assert answer.json["opened"] > 0

    def test_a_changed_receipt_ends_with_1_and_says_what_and_where(self, given: Given) -> None:
        given.file.write_text(given.file.read_text().replace('"continuity"', '"departure"'))

        answer = given.verify()

        assert (answer.code, answer.json["valid"]) == (1, False)
        assert [(flaw["what"], flaw["where"]) for flaw in answer.json["flaws"]] == [
            ("signature", "statement")
        ]

    def test_names_that_steer_a_terminal_are_not_repeated(self, given: Given) -> None:
        given.file.write_text(
            given.file.read_text().replace('"statement"', '"\\u001b[2J": 1, "statement"', 1)
        )

        answer = inside("receipt", "verify", str(given.file), "--key", str(given.key))

        assert (answer.code, "\x1b" in answer.out) == (1, False)

    @pytest.mark.parametrize(
        "text", ["", "nothing", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"]
    )
    def test_what_is_no_key_ends_with_2(self, given: Given, text: str) -> None:
        given.key.write_text(text)

        assert (given.verify().code, given.verify().error["key"]) == (2, "bad_input/no_key")

    def test_a_file_that_is_not_there_ends_with_2(self, given: Given) -> None:
        given.file.unlink()

        assert (given.verify().code, given.verify().error["key"]) == (2, "bad_input/file")

    def test_after_a_replacement_the_keys_given_out_verify_both(
        self, cli: Cli, clinic: Clinic, given: Given, tmp_path: Path
    ) -> None:
        administrator = email(clinic, clinic.world.administrator)
        given.key = tmp_path / "both.pem"
        cli.done("org", "key", "--replace", "--as", administrator, "--to", str(given.key))
        assert given.key.read_text().count("BEGIN PUBLIC KEY") == 2
        assert given.verify().code == 0

        later = clinic.hand_over(by=clinic.world.new_owner, to=clinic.world.owner)
        given.file = tmp_path / "later.json"
        cli.done("transfer", "receipt", str(later), "--as", given.owner, "--to", str(given.file))

        assert given.verify().code == 0

    def test_deep(self, cli: Cli, clinic: Clinic, given: Given) -> None:
        """MOVE-5: somebody who could write to the file changed a title, and the triggers away first."""
        assert given.verify("--deep", "--data", str(cli.data)).code == 0
        clinic.change("DROP TRIGGER holdings_closed")
        clinic.change("UPDATE holdings SET title = title || 'x' WHERE state = 'archived'")

        answer = given.verify("--deep", "--data", str(cli.data))
        clinic.change("UPDATE holdings SET title = rtrim(title, 'x') WHERE state = 'archived'")

        assert (given.verify().code, answer.code) == (0, 1)
        assert [flaw["what"] for flaw in answer.json["flaws"]] == ["bytes"]

    def test_deep_without_a_database_ends_with_4(self, given: Given, tmp_path: Path) -> None:
        answer = given.verify("--deep", "--data", str(tmp_path / "nothing"))

        assert (answer.code, answer.error["key"]) == (4, "unavailable/database_missing")


class TestKey:
    def test_on_the_screen_as_other_tools_read_it(self, cli: Cli, given: Given) -> None:
        shown = cli("org", "key", "--as", given.owner)

        assert given.key.read_text().strip() in shown.out

    def test_open_to_others_the_doctor_says_so(self, cli: Cli, given: Given) -> None:
        (file,) = (cli.data / "keys").iterdir()
        file.chmod(0o644)

        assert "chmod 600" in cli("doctor", "--lang", "en").out


class TestAudit:
    """AUD-2: a chain that is whole may lack its end; receipts and a head that were kept tell."""

    @pytest.fixture
    def kept(self, cli: Cli, clinic: Clinic, given: Given, tmp_path: Path) -> list[str]:
        administrator = email(clinic, clinic.world.administrator)
        head = tmp_path / "head.json"
        cli.done("audit", "head", "--as", administrator, "--to", str(head))
        return ["--receipts", str(given.file), "--head", str(head), "--key", str(given.key)]

    def cut(self, clinic: Clinic, to: int) -> None:
        """Somebody takes the triggers away, cuts the end and sets the head back."""
        for name in ("events_deleted", "receipts_deleted"):
            clinic.change(f"DROP TRIGGER {name}")
        clinic.change("DELETE FROM receipts")
        clinic.change(f"DELETE FROM events WHERE seq > {to}")
        clinic.change(
            "UPDATE audit_heads SET seq = :to, hash = (SELECT hash FROM events WHERE seq = :to)", to=to
        )

    def test_whole_and_as_it_was_given_out(self, cli: Cli, kept: list[str]) -> None:
        answer = cli("audit", "verify", *kept, "--json")

        assert (answer.code, answer.json["whole"]) == (0, True)
        assert [len(one["flaws"]) for one in answer.json["files"]] == [0, 0]
        assert "(2 files)" in cli("audit", "verify", *kept, "--lang", "en").out

    def test_a_cut_end_is_found_by_either(self, cli: Cli, kept: list[str], tmp_path: Path) -> None:
        broken = Cli(Path(shutil.copytree(cli.data, tmp_path / "broken")))
        with closing(Database(broken.database)) as database:
            clinic = Clinic.__new__(Clinic)
            clinic.database = database
            self.cut(clinic, 1)

        assert broken("audit", "verify").code == 0
        for given in (kept[:2], kept[2:4], kept):
            answer = broken("audit", "verify", *given, "--json")
            (chain,) = answer.json["chains"]
            assert (answer.code, answer.json["whole"], chain["first_break"]) == (1, False, 2)

    def test_a_file_that_does_not_hold_is_named_and_ends_with_1(self, cli: Cli, kept: list[str]) -> None:
        head = Path(kept[3])
        head.write_text(head.read_text().replace('"seq": ', '"seq": 1'))

        answer = cli("audit", "verify", *kept, "--json")

        assert (answer.code, answer.json["whole"]) == (1, False)
        assert [(one["file"], [flaw["what"] for flaw in one["flaws"]]) for one in answer.json["files"]] == [
            (kept[1], []),
            (str(head), ["signature"]),
        ]
        assert "do not rely on it" in cli("audit", "verify", *kept, "--lang", "en").out.lower()

    def test_an_export_is_a_line_a_line(self, cli: Cli, clinic: Clinic, given: Given, tmp_path: Path) -> None:
        administrator = email(clinic, clinic.world.administrator)

        done = cli.done("audit", "export", "--as", administrator, "--to", str(tmp_path / "log.ndjson"))

        _, *lines = (tmp_path / "log.ndjson").read_text().splitlines()
        assert done["events"] == len(lines)
        assert json.loads(lines[-1])["action"] == "audit.export"
        refused = cli("audit", "export", "--as", given.owner, "--to", str(tmp_path / "other"), "--json")
        assert (refused.code, refused.error["key"]) == (1, "ROLE-4/administrator")
        assert not (tmp_path / "other").exists()
