"""``passation bulk preview``, as a coordinator types it (BULK-1, BULK-2)."""

import csv
import io
from pathlib import Path

import pytest

from engine.catalogue import errors
from tests.acceptance.command import COORDINATOR, INACTIVE, LEA, MAX, UNKNOWN, Answer, Cli

OTHER = "ovi@nord.example"


def preview(cli: Cli, *options: str, by: str = COORDINATOR, to: tuple[str, ...] = (MAX,)) -> Answer:
    recipients = [part for one in to for part in ("--to", one)]
    return cli("bulk", "preview", LEA, *recipients, "--as", by, *options)


@pytest.fixture
def caseload(cli: Cli, record: str) -> Cli:
    """Three records of Léa's, one of them confidential, and a second practitioner to take some."""
    cli.done("record", "add", "--as", LEA, "--number", "D-00002", "--title", "Deuil", "--client", "Ariane V.")
    cli.done(
        "record", "add", "--as", LEA, "--number", "SECRET-7", "--title", "Caché", "--client", "Zacharie P.",
        "--confidential",
    )  # fmt: skip
    cli.done(
        "member", "add", OTHER, "--as", "admin@nord.example", "--first-name", "Ovi", "--last-name", "Ruiz",
        "--title", "Psychologue", "--role", "practitioner",
    )  # fmt: skip
    return cli


class TestPage:
    def test_totals_come_first_then_loads_then_every_record(self, caseload: Cli) -> None:
        shown = preview(caseload, "--lang", "en", to=(MAX, OTHER)).out

        order = [
            "Transfer of the records of Léa Roy",
            "records that would be asked for",
            "confidential records, not included",
            MAX,
            "Record by record",
            "D-00002",
            "fingerprint",
            "Nothing has been asked yet.",
        ]
        places = [shown.index(words) for words in order]
        assert places == sorted(places)
        assert "SECRET" not in shown
        assert "Zacharie" not in shown

    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_a_blocked_line_says_the_rule_and_what_to_do(self, caseload: Cli, language: str) -> None:
        shown = preview(caseload, "--raw-data", "include", "--lang", language).out

        assert "ELIG-5" in shown
        assert errors(language)["ELIG-5"] in shown

    def test_nobody_else_sees_it(self, caseload: Cli) -> None:
        """ROLE-3, ROLE-4."""
        for who in (LEA, "admin@nord.example"):
            answer = preview(caseload, "--json", by=who)
            assert (answer.code, answer.error["key"]) == (1, "ROLE-4/coordinator")


class TestForms:
    def test_json_has_every_record_and_the_fingerprint(self, caseload: Cli) -> None:
        shown = preview(caseload, "--json", "--include-confidential-records", to=(MAX, OTHER)).json

        assert [line["record_number"] for line in shown["lines"]] == ["D-00001", "D-00002", None]
        assert [one["after"] for one in shown["recipients"]] == [2, 1]
        assert (shown["going"], shown["blocked"], shown["confidential_left_out"]) == (3, 0, 0)
        assert len(shown["fingerprint"]) == 64
        assert shown["appointments_to_cancel"] == 1

    def test_csv_has_one_record_a_line(self, caseload: Cli) -> None:
        shown = preview(caseload, "--csv", "--include-confidential-records", "--no-copy").out

        first, second, hidden = csv.DictReader(io.StringIO(shown))
        assert (first["record_number"], first["to"], first["moved_note"]) == ("D-00001", MAX, "1")
        assert (first["withheld"], first["withheld_raw_data"], first["cancelled"]) == ("2", "1", "1")
        assert (second["record_number"], second["withheld"]) == ("D-00002", "0")
        assert (hidden["record_number"], hidden["confidential"]) == ("", "1")
        assert "SECRET" not in shown


class TestFiles:
    def test_a_file_splits_and_a_file_selects(self, caseload: Cli, tmp_path: Path) -> None:
        split, only = tmp_path / "split.csv", tmp_path / "only.csv"
        split.write_text(f"Dossier;Courriel\r\nD-00002;{OTHER}\r\nD-00001;{MAX}\r\n", encoding="utf-8-sig")
        only.write_text("D-00002\n")

        by_file = preview(caseload, "--split", str(split), "--json", to=()).json
        listed = preview(caseload, "--only", str(only), "--split", "even", "--json").json

        assert [line["to"] for line in by_file["lines"]] == ["Max Côté", "Ovi Ruiz"]
        assert [line["record_number"] for line in listed["lines"]] == ["D-00002"]
        assert listed["not_selected"] == 1

    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_an_error_names_the_line(self, caseload: Cli, tmp_path: Path, language: str) -> None:
        """BULK-1, VIS-2: a number that is hidden reads as one that nobody has."""
        told = []
        for number in ("D-99999", "SECRET-7"):
            file = tmp_path / "only.csv"
            file.write_text(f"D-00001\n{number}\n")
            answer = preview(caseload, "--only", str(file), "--lang", language)
            assert answer.code == 2
            assert number not in answer.err
            told.append(answer.err)

        assert told[0] == told[1]
        assert errors(language)["bad_input/bulk_line_record"].format(line=2) in told[0]

    @pytest.mark.parametrize(
        ("to", "options", "key"),
        [
            ((UNKNOWN,), (), "BULK-1/recipient_unknown"),
            ((INACTIVE,), (), "BULK-1/recipient_inactive"),
            ((LEA,), (), "BULK-1/recipient_is_source"),
            ((), (), "bad_input/bulk_no_recipient"),
            ((MAX,), ("--only", "/nowhere/at/all.csv"), "bad_input/file"),
        ],
    )
    def test_what_refuses_it_whole(
        self, caseload: Cli, to: tuple[str, ...], options: tuple[str, ...], key: str
    ) -> None:
        assert preview(caseload, *options, "--json", to=to).error["key"] == key
