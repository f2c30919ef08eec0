"""``passation quarantine`` and ``passation destruction``, as an administrator types them."""

import pytest

from tests.acceptance.command import ADMIN, LEA, Cli


class TestQuarantine:
    @pytest.mark.parametrize(
        ("command", "key"),
        [(("quarantine", "list"), "quarantines"), (("destruction", "preview"), "due"),
         (("destruction", "report"), "destroyed")],
    )  # fmt: skip
    def test_an_administrator_reads_and_a_practitioner_does_not(
        self, cli: Cli, command: tuple[str, str], key: str
    ) -> None:
        """MOVE-6, ROLE-4."""
        assert cli.done(*command, "--as", ADMIN) == {key: []}
        answer = cli(*command, "--as", LEA, "--json")
        assert (answer.code, answer.error["code"]) == (1, "ROLE-4")

    @pytest.mark.parametrize("name", ["nonsense", "00000000-0000-4000-8000-000000000000"])
    def test_an_unknown_quarantine(self, cli: Cli, name: str) -> None:
        """VIS-11: what is no id and what names nothing read alike."""
        restore = ("quarantine", "restore", name, "--as", ADMIN, "--cause", "access-request", "--reason", "x")
        answer = cli(*restore, "--json")

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/quarantine")

    def test_a_cause_is_one_of_three(self, cli: Cli) -> None:
        restore = ("quarantine", "restore", "x", "--as", ADMIN, "--cause", "boredom", "--reason", "x")

        assert cli(*restore, "--json").code == 2
