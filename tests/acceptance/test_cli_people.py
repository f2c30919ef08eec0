"""The commands about people: organization, policies, members, clients' restrictions."""

from tests.acceptance.command import ADMIN, LEA, Cli


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
