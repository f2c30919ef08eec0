"""The commands about people: organization, policies, members, clients' restrictions."""

from tests.acceptance.command import ADMIN, LEA, MAX, Cli


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
