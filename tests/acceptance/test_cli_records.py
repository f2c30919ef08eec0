"""Organizations, members, records and what is in them, by the commands that a person types."""

import json
from pathlib import Path

import pytest

from engine.catalogue import label
from tests.acceptance.command import ADMIN, BOTH, COORDINATOR, FOREIGN, INACTIVE, LEA, MAX, UNKNOWN, Cli


class TestOrganizations:
    def test_a_first_organization_makes_folder_and_database(self, tmp_path: Path) -> None:
        cli = Cli(tmp_path / "new" / "data")

        answer = cli.process("org", "create", "Clinique", "--administrator", "marie.roy@x.example", "--json")

        assert (answer.code, answer.err) == (0, "")
        assert answer.json.keys() == {"id", "name", "language", "time_zone", "administrator_id"}
        assert cli.data.stat().st_mode & 0o777 == 0o700
        (member,) = cli.done("member", "list", "--as", "marie.roy@x.example")["members"]
        assert (member["first_name"], member["last_name"]) == ("Marie", "Roy")
        assert member["roles"] == ["administrator"]

    def test_without_a_database_every_other_command_says_so(self, tmp_path: Path) -> None:
        cli = Cli(tmp_path / "nothing")

        answer = cli.process("member", "list", "--as", LEA, "--json")

        assert (answer.code, answer.out) == (4, "")
        assert answer.error["key"] == "unavailable/database_missing"
        assert not cli.data.exists()

    def test_the_same_name_twice(self, cli: Cli) -> None:
        answer = cli("org", "create", "Clinique du Nord", "--administrator", "a@b.example", "--json")

        assert (answer.code, answer.error["key"]) == (2, "bad_input/organization_exists")


class TestMembers:
    def test_list(self, cli: Cli) -> None:
        members = cli.done("member", "list", "--as", LEA)["members"]

        assert [m["email"] for m in members] == [ADMIN, MAX, COORDINATOR, INACTIVE, BOTH, LEA]
        assert members[-1] | {"id": None} == {
            "id": None,
            "email": LEA,
            "first_name": "Léa",
            "last_name": "Roy",
            "title": "Psychologue",
            "language": "fr",
            "roles": ["practitioner"],
            "active": True,
            "accepts_records": True,
        }

    def test_several_roles(self, cli: Cli) -> None:
        member = cli.done(
            "member", "add", "two@nord.example", "--as", ADMIN, "--first-name", "A", "--last-name", "B",
            "--title", "Psychologue", "--role", "practitioner", "--role", "coordinator", "--language", "en",
            "--yes",
        )  # fmt: skip

        assert (sorted(member["roles"]), member["language"]) == (["coordinator", "practitioner"], "en")

    def test_role_4_only_an_administrator_adds_one(self, cli: Cli) -> None:
        answer = cli.process(
            "member", "add", "x@nord.example", "--as", LEA, "--first-name", "A", "--last-name", "B",
            "--title", "C", "--json",
        )  # fmt: skip

        assert (answer.code, answer.out) == (1, "")
        assert answer.error["key"] == "ROLE-4/administrator"

    def test_who_is_nobody_and_who_is_inactive_read_alike(self, cli: Cli) -> None:
        """VIS-11: whoever left has no place here any more."""
        unknown, inactive = (cli("record", "list", "--as", who, "--json") for who in (UNKNOWN, INACTIVE))

        assert (unknown.code, unknown.error["key"]) == (1, "VIS-11/member")
        assert unknown == inactive

    def test_one_address_in_two_organizations(self, cli: Cli) -> None:
        unclear = cli("member", "list", "--as", BOTH, "--json")
        clear = cli.done("member", "list", "--as", BOTH, "--organization", "Clinique du Sud")

        assert (unclear.code, unclear.error["key"]) == (2, "bad_input/several_organizations")
        assert [m["email"] for m in clear["members"]] == ["admin@sud.example", FOREIGN, BOTH]


class TestRecords:
    def test_show_has_the_items_with_the_texts_of_notes(self, cli: Cli, record: str) -> None:
        answer = cli.process("record", "show", record, "--as", LEA, "--json")

        shown = answer.json
        assert answer.code == 0
        assert (shown["number"], shown["title"], shown["clients"]) == (
            record,
            "Anxiété",
            ["Dominique Tremblay"],
        )
        assert (shown["relation"], shown["open_transfer_id"]) == ("owner", None)
        assert {item["class"] for item in shown["items"]} == {
            "details", "note", "confidential_note", "raw_data", "upcoming_appointment",
        }  # fmt: skip
        assert {i["class"]: i["text"] for i in shown["items"] if i["text"]} == {
            "note": "Première rencontre.",
            "confidential_note": "À revoir.",
        }

    def test_by_id_as_by_number(self, cli: Cli, record: str) -> None:
        shown = cli.done("record", "show", record, "--as", LEA)

        assert cli.done("record", "show", shown["id"], "--as", LEA) == shown

    def test_list_for_people(self, cli: Cli, record: str) -> None:
        answer = cli("record", "list", "--as", LEA)

        assert answer.code == 0
        for words in (record, "Anxiété", "Dominique Tremblay", "Léa Roy", "responsable"):
            assert words in answer.out

    def test_vis_11_somebody_elses_record_reads_as_none(self, cli: Cli, record: str) -> None:
        hidden = cli("record", "show", record, "--as", MAX, "--json")
        nothing = cli("record", "show", "D-99999", "--as", MAX, "--json")
        foreign = cli("record", "show", record, "--as", FOREIGN, "--json")

        assert (hidden.code, hidden.error["key"]) == (1, "VIS-11/record")
        assert hidden == nothing == foreign

    def test_a_number_is_taken_once(self, cli: Cli, record: str) -> None:
        answer = cli(
            "record", "add", "--as", LEA, "--title", "T", "--client", "C", "--number", record, "--json"
        )

        assert (answer.code, answer.error["key"]) == (2, "bad_input/number")

    def test_opening_date(self, cli: Cli) -> None:
        added = cli.done(
            "record", "add", "--as", LEA, "--title", "T", "--client", "C", "--opened-on", "2024-02-29",
            "--reason", "Sommeil", "--confidential",
        )  # fmt: skip

        assert (added["opened_on"], added["reason_for_consultation"]) == ("2024-02-29", "Sommeil")
        assert added["confidential"]


class TestNotes:
    def test_from_the_standard_input_then_edited_then_signed(self, cli: Cli, record: str) -> None:
        added = cli("note", "add", record, "--as", LEA, "--json", stdin="Un deuxième\nentretien.\n".encode())
        note: str = added.json["id"]
        edited = cli("note", "edit", record, note, "--as", LEA, "--json", stdin="Corrigé.".encode())
        cli.done("note", "sign", record, note, "--as", LEA)

        assert (added.code, edited.code) == (0, 0)
        items = cli.done("record", "show", record, "--as", LEA)["items"]
        assert [(i["text"], i["state"]) for i in items if i["id"] == note] == [("Corrigé.", "signed")]

    def test_vis_5_a_signed_note_never_changes_and_the_text_is_given_back(
        self, cli: Cli, record: str
    ) -> None:
        items = cli.done("record", "show", record, "--as", LEA)["items"]
        signed = next(item["id"] for item in items if item["state"] == "signed")

        for_programs = cli("note", "edit", record, signed, "--as", LEA, "--text", "Autre.", "--json")
        for_people = cli("note", "edit", record, signed, "--as", LEA, "--text", "Autre.")

        assert (for_programs.code, for_programs.json) == (1, {"text": "Autre."})
        assert for_programs.error["key"] == "VIS-5/signed"
        assert (for_people.out, "Autre." in for_people.err) == ("Autre.\n", False)

    def test_empty_and_not_utf_8(self, cli: Cli, record: str) -> None:
        empty = cli("note", "add", record, "--as", LEA, "--text", "  ", "--json")
        latin = cli("note", "add", record, "--as", LEA, "--json", stdin="é".encode("latin-1"))

        assert (empty.code, empty.error["key"]) == (2, "bad_input/empty")
        assert (latin.code, latin.error["key"]) == (2, "bad_input/encoding")

    @pytest.mark.parametrize("note", ["abc", "00000000-0000-4000-8000-000000000000"])
    def test_a_note_that_is_not_there(self, cli: Cli, record: str, note: str) -> None:
        answer = cli("note", "sign", record, note, "--as", LEA, "--json")

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/note")


class TestWholeRecords:
    def test_shared_archived_held_and_back(self, cli: Cli, record: str) -> None:
        """VIS-4, ELIG-1, MOVE-11: each by its command."""
        cli.done("record", "share", record, MAX, "--as", LEA, "--level", "write", "--approval")
        added = cli.done("note", "add", record, "--as", MAX, "--text", "Vu.", "--signed")
        approved = cli("note", "approve", record, added["id"], "--as", LEA, "--json")
        cli.done("record", "unshare", record, MAX, "--as", LEA)
        cli.done("record", "archive", record, "--as", LEA)
        denied = cli("note", "add", record, "--as", LEA, "--text", "Tard.", "--json")
        cli.done("record", "reactivate", record, "--as", LEA)
        cli.done("record", "hold", record, "--as", ADMIN, "--reason", "Enquête")
        (held,) = cli.done("record", "holds", "--as", ADMIN)["holds"]
        cli.done("record", "release", record, "--as", ADMIN, "--reason", "Close")

        assert (added["state"], approved.code) == ("waiting_approval", 0)
        assert (denied.code, denied.error["key"], denied.json) == (1, "MOVE-4", {"text": "Tard."})
        assert (held["record_number"], held["reason"]) == (record, "Enquête")
        assert cli.done("record", "holds", "--as", ADMIN) == {"holds": []}

    def test_role_4_only_an_administrator_holds(self, cli: Cli, record: str) -> None:
        answers = {
            cli("record", "hold", name, "--as", LEA, "--reason", "x", "--json").error["key"]
            for name in (record, "D-99999")
        }

        assert answers == {"ROLE-4/administrator"}

    def test_vis_10_a_draft_of_somebody_who_lost_the_share_is_adopted(self, cli: Cli, record: str) -> None:
        cli.done("record", "share", record, MAX, "--as", LEA, "--level", "write")
        drafts = [cli.done("note", "add", record, "--as", MAX, "--text", text)["id"] for text in "ab"]
        hidden = cli("note", "adopt", record, drafts[0], "--as", LEA, "--json")
        cli.done("record", "unshare", record, MAX, "--as", LEA)
        adopted = cli.done("note", "adopt", record, drafts[0], "--as", LEA)
        cli.done("note", "set-aside", record, drafts[1], "--as", LEA)

        assert hidden.error["key"] == "VIS-11/note"
        items = {item["id"]: item for item in cli.done("record", "show", record, "--as", LEA)["items"]}
        assert (items[adopted["id"]]["first_author"], items[adopted["id"]]["author"]) == (
            "Max Côté",
            "Léa Roy",
        )
        assert [items[draft]["state"] for draft in drafts] == ["set_aside", "set_aside"]
        shown = cli("record", "show", record, "--as", LEA, "--lang", "en").out
        assert "first written by Max Côté" in shown

    def test_the_smaller_things(self, cli: Cli, record: str) -> None:
        cli.done("invoice", "add", record, "--as", LEA, "--number", "F-1", "--amount", "120,50",
            "--issued-on", "2026-11-02")  # fmt: skip
        cli.done("task", "add", record, "--as", LEA, "--text", "Rappeler", "--due-on", "2026-12-01")
        cli.done("memo", "add", record, "--as", LEA, "--text", "Penser à")
        cli.done("profile", "add", record, "--as", LEA, "--name", "École", "--relationship", "école",
            "--detail", "téléphone=514-555-0100")  # fmt: skip
        wrong = cli("invoice", "add", record, "--as", LEA, "--number", "F-2", "--amount", "1.234",
            "--issued-on", "2026-11-02", "--json")  # fmt: skip

        items = cli.done("record", "show", record, "--as", LEA)["items"]
        assert {"invoice", "task", "memo", "profile"} <= {item["class"] for item in items}
        assert (wrong.code, wrong.error["key"]) == (2, "bad_input/amount")

    def test_move_13_an_appointment_is_cancelled_once(self, cli: Cli, record: str) -> None:
        items = cli.done("record", "show", record, "--as", LEA)["items"]
        (booked,) = [item["id"] for item in items if item["class"] == "upcoming_appointment"]
        unknown = cli("appointment", "cancel", booked, "--as", MAX, "--json")
        cli.done("appointment", "cancel", booked, "--as", LEA)
        again = cli("appointment", "cancel", booked, "--as", LEA, "--json")

        assert (unknown.error["key"], again.error["key"]) == ("VIS-11/appointment", "MOVE-13/cancelled")


class TestDocumentsAndAppointments:
    def test_a_document_keeps_its_name(self, cli: Cli, record: str, tmp_path: Path) -> None:
        file = tmp_path / "lettre.pdf"
        file.write_bytes(b"%PDF-1.7 \xff")

        added = cli.done("document", "add", record, str(file), "--as", LEA, "--confidential")

        items = cli.done("record", "show", record, "--as", LEA)["items"]
        (found,) = [item for item in items if item["id"] == added["id"]]
        assert (found["class"], found["label"]) == ("confidential_document", "lettre.pdf")

    def test_a_file_that_cannot_be_read_is_not_named(self, cli: Cli, record: str) -> None:
        answer = cli("document", "add", record, "/nowhere/Tremblay.pdf", "--as", LEA, "--json")

        assert (answer.code, answer.error["key"]) == (2, "bad_input/file")
        assert "Tremblay" not in answer.err

    def test_an_appointment_is_in_the_organizations_time_zone(self, cli: Cli, record: str) -> None:
        items = cli.done("record", "show", record, "--as", LEA)["items"]

        (booked,) = [item["at"] for item in items if item["class"] == "upcoming_appointment"]
        assert booked.startswith("2099-01-05T15:00:00")

    @pytest.mark.parametrize(
        ("length", "key"),
        [
            (["--ends", "2099-01-05T09:00"], "bad_input/appointment_ends"),
            ([], "bad_input/appointment_length"),
            (["--minutes", "5", "--ends", "2099-01-05T11:00"], "bad_input/appointment_length"),
            (["--ends", "tomorrow"], "bad_input/bad_value"),
        ],
    )
    def test_an_appointment_has_one_end(self, cli: Cli, record: str, length: list[str], key: str) -> None:
        answer = cli(
            "appointment", "add", record, "--as", LEA, "--starts", "2099-01-05T10:00", *length, "--json"
        )

        assert (answer.code, answer.error["key"]) == (2, key)


def test_people_read_the_same_in_french_and_in_english(cli: Cli, record: str) -> None:
    """The member's language, unless another one is asked for; the words of records are not translated."""
    french = cli("record", "show", record, "--as", LEA)
    english = cli("record", "show", record, "--as", LEA, "--lang", "en")

    assert (label("item/note", "fr") in french.out, "progress note" in english.out) == (True, True)
    assert "Première rencontre." in english.out


def test_errors_are_one_object_for_programs(cli: Cli) -> None:
    answer = cli("record", "show", "D-1", "--as", LEA, "--json")

    assert json.loads(answer.err) == {
        "error": {
            "code": "VIS-11",
            "variant": "record",
            "key": "VIS-11/record",
            "message": answer.error["message"],
        }
    }


class TestEmergencies:
    def test_vis_4_is_for_collaborators_alone(self, cli: Cli, record: str) -> None:
        """VIS-4, VIS-11: the owner needs none; a stranger learns nothing."""
        early = cli("record", "open-emergency", record, "--as", LEA, "--reason", "Crise", "--json")
        hidden = cli("record", "open-emergency", record, "--as", MAX, "--reason", "Crise", "--json")

        assert (early.code, early.error["key"]) == (1, "VIS-4/emergency_collaborators")
        assert (hidden.code, hidden.error["key"]) == (1, "VIS-11/record")
