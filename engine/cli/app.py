"""The ``passation`` command: its groups, its help in the reader's language, its exit codes."""

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NoReturn

import typer

from engine.catalogue import LANGUAGES, labels
from engine.cli import (
    appointment,
    audit,
    bulk_running,
    client,
    coordinate,
    document,
    importing,
    invoice,
    item,
    mail,
    member,
    note,
    operate,
    organization,
    quarantine,
    receipt,
    record,
    transfer,
)
from engine.cli.context import Call, write
from engine.cli.options import group
from engine.errors import BadInput, Denied, EngineError, NotFound, Stuck, Unavailable, Unidentified

#: What a shell sees. A command that was not decided (3) may be sent again as it was.
DONE: Final = 0
DENIED: Final = 1
MISUSED: Final = 2
UNDECIDED: Final = 3
NOT_SET_UP: Final = 4
FAULT: Final = 70
_INTERRUPTED: Final = 130

_GROUPS: Final = {
    "org": organization.app,
    "member": member.app,
    "client": client.app,
    "record": record.app,
    "note": note.app,
    "document": document.app,
    "appointment": appointment.app,
    "invoice": invoice.app,
    "task": item.tasks,
    "memo": item.memos,
    "profile": item.profiles,
    "transfer": transfer.app,
    "bulk": bulk_running.app,
    "import": importing.app,
    "audit": audit.app,
    "receipt": receipt.app,
    "quarantine": quarantine.app,
    "destruction": quarantine.destruction,
    "mail": mail.app,
    "call": mail.calls,
}


# A command answers; what the engine logs is for workers, and not to be mixed with an error on stderr.
logging.getLogger("engine").addHandler(logging.NullHandler())


def main() -> NoReturn:
    """Run the command that was typed, and end the process."""
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or _INTERRUPTED
    # Temporal's library sometimes crashes an interpreter that ends by itself (sdk-python #300).
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; errors are told on stderr."""
    call = _first_glance(arguments)
    try:
        code = _command(call.language).main(
            args=list(arguments), prog_name="passation", standalone_mode=False, obj=call
        )
    except EngineError as error:
        code = _failed(call, error)
    except typer.TyperException as error:
        code = _misused(call, error)
    except (BrokenPipeError, KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except OSError as error:
        # A folder that is a file, or somebody else's, or on a full disk.
        code = _failed(call, BadInput("folder", folder=error.filename or ""))
    except Exception:  # noqa: BLE001 - people read a sentence, never a traceback
        code = _failed(call, EngineError("internal"))
    finally:
        call.close()
    return code if isinstance(code, int) else DONE


def build() -> typer.Typer:
    """Put the groups and commands together."""
    app = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True
    )
    group(app)
    operate.register(app)
    coordinate.register(app)
    for name, commands in _GROUPS.items():
        group(commands)
        app.add_typer(commands, name=name, no_args_is_help=True)
    return app


def exit_code(error: EngineError) -> int:
    """Say what a shell sees of an error."""
    match error:
        case Denied() | NotFound() | Stuck() | Unidentified():
            return DENIED
        case BadInput():
            return MISUSED
        case Unavailable():
            return UNDECIDED if error.passes else NOT_SET_UP
        case _:
            return FAULT


def _failed(call: Call, error: EngineError) -> int:
    if os.environ.get("PASSATION_DEBUG") == "1":
        traceback.print_exc()
    call.complain(error)
    return exit_code(error)


@cache
def _command(language: str) -> Any:  # noqa: ANN401 - typer has no public name for it
    """Give the whole command with its help in one language."""
    built = typer.main.get_command(build())
    _translate(built, "", labels(language))
    return built


def _translate(built: Any, path: str, words: Any) -> None:  # noqa: ANN401 - typer has no public names for these
    built.help = built.short_help = words.get(f"help/{path or 'passation'}")
    for parameter in built.params:
        name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar
        parameter.help = words.get(f"help/{path} {name}", words.get(f"help/{name}"))
    for name, inner in getattr(built, "commands", {}).items():
        _translate(inner, f"{path} {name}".strip(), words)


def _first_glance(arguments: Sequence[str]) -> Call:
    """Guess the form and the language of the answer before the command is understood, should it never be."""
    language = None
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        value = following if argument == "--lang" else argument.removeprefix("--lang=")
        if argument.startswith("--lang") and value in LANGUAGES:
            language = value
    return Call(as_json="--json" in arguments, language=language)


def _misused(call: Call, error: typer.TyperException) -> int:
    if type(error).__name__ == "NoArgsIsHelpError" and not call.as_json:
        write(error.message, sys.stderr)
        return MISUSED
    return _failed(call, _misuse(error))


def _misuse(error: typer.TyperException) -> BadInput:
    """Name what is wrong with the command line, without the values: those may be about somebody."""
    parameter = getattr(error, "param", None)
    name = str(getattr(error, "option_name", ""))
    if parameter is not None:
        name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar
    match type(error).__name__:
        case "MissingParameter":
            return BadInput("missing", name=name)
        case "BadParameter" | "BadOptionUsage":
            return BadInput("bad_value", name=name)
        case "NoSuchOption":
            return BadInput("no_such_option", name=name)
        case "UsageError" if "command" in str(error).lower():
            return BadInput("no_such_command")
        case _:
            return BadInput()
