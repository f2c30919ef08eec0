"""The commands as the code has them: paths, help, options; for docs/commands.md and its tests."""

import shlex
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import typer

from engine.catalogue import labels
from engine.cli.app import build
from engine.cli.options import COMMON

_COMMON: Final = {f"--{'json' if name == 'as_json' else name}" for name in COMMON}


class Command(NamedTuple):
    """One command: its words, and what typer knows of it."""

    path: str
    parameters: list[Any]

    @property
    def help(self) -> str:
        """The English sentence that ``--help`` shows."""
        return labels("en")[f"help/{self.path}"]

    @property
    def anchor(self) -> str:
        """What a link to its section names."""
        return self.path.replace(" ", "-")


class Option(NamedTuple):
    """One argument or option, as docs/commands.md shows it."""

    written: str
    required: bool
    help: str


def commands() -> list[Command]:
    """Give every command, in the order of the help."""
    return [Command(path, node.params) for path, node in _walk(typer.main.get_command(build()), "")]


def options(command: Command) -> list[Option]:
    """Give what a command takes of its own, in the order of its help."""
    return [_option(command.path, each) for each in command.parameters if not _is_common(each)]


def common() -> list[Option]:
    """Give what every command takes."""
    first = commands()[0]
    return [_option(first.path, each) for each in first.parameters if _is_common(each)]


def named(line: str) -> str:
    """Say which command a command line types. Raises ``LookupError``."""
    words = [word for word in shlex.split(line) if not word.startswith("-")]
    known = {command.path for command in commands()}
    return next(path for end in (3, 2, 1) if (path := " ".join(words[:end])) in known)


def _walk(node: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer has no public name for it
    inner = getattr(node, "commands", {})
    if not inner:
        yield path, node
    for name, each in inner.items():
        yield from _walk(each, f"{path} {name}".strip())


def _is_common(parameter: Any) -> bool:  # noqa: ANN401 - typer has no public name for it
    return parameter.opts[0] in _COMMON or parameter.opts[0] == "--help"


def _option(path: str, parameter: Any) -> Option:  # noqa: ANN401 - typer has no public name for it
    words = labels("en")
    if parameter.param_type_name == "argument":
        name = written = parameter.metavar
    else:
        name = parameter.opts[0]
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
        written = names if getattr(parameter, "is_flag", False) else f"{names} {parameter.metavar}"
    return Option(written, parameter.required, words.get(f"help/{path} {name}") or words[f"help/{name}"])
