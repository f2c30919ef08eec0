"""``passation bulk`` once it is launched, as a coordinator types it; without a server, what needs none."""

import pytest

from tests.acceptance.command import ADMIN, COORDINATOR, LEA, MAX, Cli

NOTHING = "00000000-0000-4000-8000-000000000000"
START = ("bulk", "start", LEA, "--to", MAX, "--as", COORDINATOR, "--purpose", "departure")


class TestStart:
    def test_the_number_is_typed_to_confirm(self, cli: Cli) -> None:
        """A program that cannot type it says --yes."""
        answer = cli(*START, "--json")

        assert (answer.code, answer.error["key"]) == (2, "bad_input/confirmation")

    def test_it_needs_a_server(self, cli: Cli) -> None:
        assert cli(*START, "--yes", "--json").code == 3
        assert cli.done("bulk", "list", "--as", COORDINATOR) == {"bulks": []}

    def test_a_purpose_is_named(self, cli: Cli) -> None:
        """ELIG-8."""
        assert cli("bulk", "start", LEA, "--to", MAX, "--as", COORDINATOR, "--yes", "--json").code == 2


class TestWatching:
    @pytest.mark.parametrize("name", ["nonsense", NOTHING])
    @pytest.mark.parametrize("command", ["status", "items", "report", "pause", "resume", "stop", "retry"])
    def test_an_unknown_bulk(self, cli: Cli, command: str, name: str) -> None:
        """VIS-11: what is no id and what names nothing read alike."""
        answer = cli("bulk", command, name, "--as", COORDINATOR, "--json")

        assert (answer.code, answer.error["key"]) == (1, "VIS-11/bulk")

    def test_nobody_but_a_coordinator_is_told_of_any(self, cli: Cli) -> None:
        """VIS-1, ROLE-4."""
        for email in (ADMIN, LEA):
            assert cli.done("bulk", "list", "--as", email) == {"bulks": []}
