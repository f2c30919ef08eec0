"""The commands about people: organization, policies, members, clients' restrictions."""

import os
import pty
import subprocess
from contextlib import suppress

from tests.acceptance.command import ADMIN, BOTH, COORDINATOR, LEA, MAX, SCRIPT, Cli, environment


class TestPolicies:
    def test_set_by_an_administrator_and_shown_to_a_member(self, cli: Cli) -> None:
        done = cli.process(
            "org",
            "policy",
            "set",
            "raw-data-titles",
            "Psychologue",
            "Neuropsychologue",
            "--as",
            ADMIN,
            "--json",
        )
        shown = cli.done("org", "policy", "show", "--as", LEA)

        assert (done.code, done.json["value"]) == (0, "neuropsychologue psychologue")
        values = {policy["name"]: policy["value"] for policy in shown["policies"]}
        assert (values["raw-data-titles"], values["grace-days"]) == (done.json["value"], "30")

    def test_a_bad_value_names_the_range(self, cli: Cli) -> None:
        answer = cli("org", "policy", "set", "grace-days", "0", "--as", ADMIN, "--lang", "en")

        assert answer.code == 2
        assert "from 1 to 3650" in answer.err

    def test_for_people(self, cli: Cli) -> None:
        table = cli("org", "policy", "show", "--as", LEA, "--lang", "fr").out
        organization = cli("org", "show", "--as", LEA, "--lang", "fr").out

        assert "answer-within" in table
        assert "14d" in table
        assert "Clinique du Nord" in organization


class TestMembers:
    def test_who_leaves_is_asked_about_first(self, cli: Cli) -> None:
        """ROLE-6: without a terminal nobody can confirm; then what they hold is told."""
        asked = cli.process("member", "deactivate", MAX, "--as", ADMIN, "--json")
        still = cli("record", "list", "--as", MAX, "--json")
        done = cli.process("member", "deactivate", LEA, "--as", ADMIN, "--yes", "--json")

        assert (asked.code, asked.error["key"]) == (2, "bad_input/confirmation")
        assert still.code == 0
        assert (done.json["records"], done.json["appointments"], done.json["member"]["active"]) == (
            1,
            1,
            False,
        )
        assert cli("record", "list", "--as", LEA, "--json").error["key"] == "VIS-11/member"
        back = cli.done("member", "activate", LEA, "--as", ADMIN)
        assert back["active"]

    def test_for_people_in_french(self, cli: Cli) -> None:
        answer = cli("member", "deactivate", LEA, "--as", ADMIN, "--yes", "--lang", "fr")

        assert "Ce que Léa Roy détient encore" in answer.out
        assert "Anxiété" not in answer.out

    def test_a_practitioner_takes_no_new_records_for_now(self, cli: Cli, record: str) -> None:
        """ELIG-3."""
        cli.done("member", "accepts", "--no", "--as", MAX)

        answer = cli("transfer", "preview", record, "--to", MAX, "--as", LEA, "--json")
        listed = cli("member", "list", "--as", LEA, "--lang", "en").out

        assert answer.error["key"] == "ELIG-3/not_accepting"
        assert "takes no new records" in listed

    def test_a_title_is_changed_by_an_administrator(self, cli: Cli) -> None:
        changed = cli.done("member", "title", MAX, "--title", "Psychologue", "--as", ADMIN)

        assert changed["title"] == "Psychologue"
        assert cli("member", "title", MAX, "--title", "X", "--as", MAX, "--json").code == 1


class TestRestrictions:
    def test_set_listed_and_ended(self, cli: Cli, record: str) -> None:
        """ELIG-4."""
        (made,) = cli.done(
            "client", "restrict", record, "--member", MAX, "--basis-text", "dit le 3 mars", "--as", LEA
        )["restrictions"]
        preview = ("transfer", "preview", record, "--to", MAX, "--as", LEA, "--json")
        denied = cli(*preview)
        table = cli("client", "restrictions", record, "--as", LEA, "--lang", "en").out
        cli.done("client", "unrestrict", record, made["id"], "--as", LEA)

        assert denied.error["key"] == "ELIG-4"
        assert "Max Côté" in table
        assert "dit le 3 mars" in table
        assert cli(*preview).code == 0

    def test_an_id_that_names_nothing(self, cli: Cli, record: str) -> None:
        answer = cli("client", "unrestrict", record, "12", "--as", LEA, "--json")

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/restriction")


class TestRoles:
    def test_role_2_asked_about_first_and_the_same_by_two_names(self, cli: Cli) -> None:
        """Without a terminal nobody can confirm, and nothing happens."""
        asked = cli("member", "grant-coordinator", LEA, "--as", ADMIN, "--json")
        denied = cli("practitioners", "--as", LEA, "--json")
        given = cli.done("member", "grant-coordinator", LEA, "--as", ADMIN, "--yes")
        again = cli.done("member", "grant", LEA, "coordinator", "--as", ADMIN, "--yes")
        seen = cli.done("practitioners", "--as", LEA)
        taken = cli.done("member", "revoke-coordinator", LEA, "--as", ADMIN, "--yes")
        repeated = cli.done("member", "revoke", LEA, "coordinator", "--as", ADMIN, "--yes")

        assert (asked.code, asked.error["key"]) == (2, "bad_input/confirmation")
        assert (denied.code, denied.error["key"]) == (1, "ROLE-4/coordinator")
        assert (given["changed"], given["role"], again["changed"]) == (True, "coordinator", False)
        assert [each["email"] for each in seen["practitioners"]] == [MAX, BOTH, LEA]
        assert (taken["changed"], repeated["changed"]) == (True, False)
        assert cli("practitioners", "--as", LEA, "--json").error["key"] == "ROLE-4/coordinator"

    def test_a_new_member_with_a_role_over_others_is_asked_about(self, cli: Cli) -> None:
        """ROLE-2: by the same steps; a practitioner is not."""
        who = ("--first-name", "A", "--last-name", "B", "--title", "Psychologue", "--as", ADMIN)
        asked = cli("member", "add", "n@nord.example", *who, "--role", "coordinator", "--json")

        assert (asked.code, asked.error["key"]) == (2, "bad_input/confirmation")
        assert cli.done("member", "add", "n@nord.example", *who)["roles"] == ["practitioner"]

    def test_at_a_terminal_what_waits_is_shown_before_the_question(self, cli: Cli) -> None:
        """ST-1: records of somebody who left; answering no changes nothing."""
        cli.done("member", "grant", COORDINATOR, "practitioner", "--as", ADMIN, "--yes")
        cli.done("member", "deactivate", LEA, "--as", ADMIN, "--yes")

        answers = [
            terminal(cli, answer, "member", "revoke-coordinator", COORDINATOR, "--as", ADMIN, "--lang", "en")
            for answer in ("n", "y")
        ]

        for code, shown in answers:
            assert shown.index("records of inactive members 1") < shown.index("Take the role coordinator")
            assert code in {0, 130}
        assert "no longer holds the role coordinator" not in answers[0][1]
        assert "no longer holds the role coordinator" in answers[1][1]

    def test_who_administers_is_shown(self, cli: Cli) -> None:
        shown = cli("org", "show", "--as", LEA, "--lang", "en").out
        cli.done("member", "grant", COORDINATOR, "practitioner", "--as", ADMIN, "--yes")
        cli.done("member", "revoke-coordinator", COORDINATOR, "--as", ADMIN, "--yes")
        without = cli("org", "show", "--as", LEA, "--lang", "en").out
        members = cli("member", "list", "--as", LEA, "--lang", "fr").out

        assert "Coralie Dubois" in shown
        assert "nobody" in without
        assert "administrateur·trice" in members


class TestPractitioners:
    def test_vis_1_numbers_and_no_content(self, cli: Cli, record: str) -> None:
        seen = cli.done("practitioners", "--as", COORDINATOR)
        table = cli("practitioners", "--as", COORDINATOR, "--lang", "fr").out

        (lea,) = [each for each in seen["practitioners"] if each["email"] == LEA]
        assert (lea["institutional"], lea["confidential"], lea["inactive"]) == (1, 0, False)
        assert "dossiers institutionnels" in table
        assert "Anxiété" not in table
        assert record not in table
        assert cli("practitioners", "--as", ADMIN, "--json").error["key"] == "ROLE-4/coordinator"

    def test_a_record_is_found_and_previewed(self, cli: Cli, record: str) -> None:
        """ROLE-3, VIS-2: by its title without the accents; a confidential one is not."""
        cli.done(
            "record", "add", "--as", LEA, "--number", "D-00002", "--title", "Anxiété cachée",
            "--client", "Camille T.", "--confidential",
        )  # fmt: skip

        found = cli.done("record", "find", "anxiete", "--owner", LEA, "--as", COORDINATOR)
        shown = cli("record", "find", "D-00002", "--owner", LEA, "--as", COORDINATOR, "--lang", "en")
        preview = cli.done("transfer", "preview", found["records"][0]["id"], "--to", MAX, "--as", COORDINATOR)

        assert [each["number"] for each in found["records"]] == [record]
        assert "Nothing to show" in shown.out
        assert preview["record_number"] == record


def terminal(cli: Cli, answer: str, *arguments: str) -> tuple[int, str]:
    """Type a command at a terminal, and an answer to its question; give its exit code and the screen."""
    screen, keyboard = pty.openpty()
    typed = subprocess.Popen(
        [SCRIPT, *arguments, "--data", str(cli.data)],
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        env=environment(TERM="dumb"),
    )
    os.close(keyboard)
    shown, answered = b"", False
    with suppress(OSError):  # which is how a terminal says that nobody writes to it any more
        while read := os.read(screen, 4096):
            shown += read
            if not answered and b"[y/N]" in shown:
                answered = os.write(screen, f"{answer}\n".encode()) > 0
    os.close(screen)
    return typed.wait(60), shown.decode()
