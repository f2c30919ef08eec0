"""The options of the commands; and how a function becomes a command, with the options that all have."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from uuid import UUID

import typer

from engine.catalogue import LANGUAGES
from engine.cli.context import Call, typed
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.states.choices import Basis as StatedBasis
    from engine.states.choices import BasisForm, Options, Purpose, RawDataChoice, Role, ShareLevel, WhichCopy
    from engine.states.transfer import TransferState

_T = TypeVar("_T")


def one_of(words: Callable[[], Callable[[str], _T]]) -> Callable[[str], _T]:
    """Read one word of a vocabulary that is loaded when it is needed; ``-`` stands for ``_``."""

    def read(text: str) -> _T:
        try:
            return words()(text.strip().lower().replace("-", "_"))
        except ValueError:
            raise typer.BadParameter("") from None

    return read


def _purposes() -> "type[Purpose]":
    from engine.states.choices import Purpose

    return Purpose


def _raw_data() -> "type[RawDataChoice]":
    from engine.states.choices import RawDataChoice

    return RawDataChoice


def roles() -> "type[Role]":
    """Give the vocabulary of roles."""
    from engine.states.choices import Role

    return Role


def _levels() -> "type[ShareLevel]":
    from engine.states.choices import ShareLevel

    return ShareLevel


def _bases() -> "type[BasisForm]":
    from engine.states.choices import BasisForm

    return BasisForm


def _states() -> "type[TransferState]":
    from engine.states.transfer import TransferState

    return TransferState


def _language(text: str) -> str:
    if text not in LANGUAGES:
        raise typer.BadParameter("")
    return text


def _id(text: str) -> UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        raise typer.BadParameter("") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("") from None


_RAW_WORDS: Final = "exclude|include|if-allowed"
_LEVEL_WORDS: Final = "read|write|full"
_PURPOSE_WORDS: Final = "continuity|departure|absence|client-request|correction"
_ROLE_WORDS: Final = "practitioner|coordinator|administrator"

As = Annotated[str, typer.Option("--as", metavar="EMAIL")]
CopyId = Annotated[Any | None, typer.Option("--copy-id", metavar="ID", parser=_id)]
NewestCopy = Annotated[bool, typer.Option("--copy")]
Target = Annotated[Path, typer.Option("--to", metavar="PATH")]
MaybeTarget = Annotated[Path | None, typer.Option("--to", metavar="PATH")]
RecordName = Annotated[str, typer.Argument(metavar="RECORD")]
NoteId = Annotated[str, typer.Argument(metavar="NOTE")]
TransferId = Annotated[str, typer.Argument(metavar="ID")]
To = Annotated[str, typer.Option("--to", metavar="EMAIL")]
Title = Annotated[str, typer.Option("--title", metavar="TEXT")]
Confidential = Annotated[bool, typer.Option("--confidential")]
MaybeText = Annotated[str | None, typer.Option("--text", metavar="TEXT")]
MaybeReason = Annotated[str | None, typer.Option("--reason", metavar="TEXT")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT")]
Message = Annotated[str | None, typer.Option("--message", metavar="TEXT")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY")]
Insist = Annotated[bool, typer.Option("--insist")]
WithholdRawData = Annotated[bool, typer.Option("--withhold-raw-data")]
MaybeTo = Annotated[str | None, typer.Option("--to", metavar="EMAIL")]
Until = Annotated[Any, typer.Option("--until", metavar="DATE", parser=_day)]
BasisForAnybody = Annotated[bool, typer.Option("--basis-for-anybody")]
Version = Annotated[int | None, typer.Option("--version", metavar="N", min=1)]
Purposes = Annotated[Any, typer.Option("--purpose", metavar=_PURPOSE_WORDS, parser=one_of(_purposes))]
Roles = Annotated[list[Any] | None, typer.Option("--role", metavar=_ROLE_WORDS, parser=one_of(roles))]
Basis = Annotated[Any, typer.Option("--basis", metavar="verbal|written|exception", parser=one_of(_bases))]
BasisOn = Annotated[Any | None, typer.Option("--basis-on", metavar="DATE", parser=_day)]
BasisText = Annotated[str | None, typer.Option("--basis-text", metavar="TEXT")]
State = Annotated[Any | None, typer.Option("--state", metavar="STATE", parser=one_of(_states))]
Level = Annotated[Any, typer.Option("--level", metavar=_LEVEL_WORDS, parser=one_of(_levels))]
DueOn = Annotated[Any | None, typer.Option("--due-on", metavar="DATE", parser=_day)]
IssuedOn = Annotated[Any, typer.Option("--issued-on", metavar="DATE", parser=_day)]
Tongue = Annotated[str | None, typer.Option("--language", metavar="fr|en", parser=_language)]
Day = Annotated[Any | None, typer.Option("--opened-on", metavar="DATE", parser=_day)]
IncludeConfidential = Annotated[
    bool | None, typer.Option("--include-confidential/--exclude-confidential", show_default=False)
]
RawData = Annotated[Any | None, typer.Option("--raw-data", metavar=_RAW_WORDS, parser=one_of(_raw_data))]
NoCopy = Annotated[bool | None, typer.Option("--no-copy/--keep-copy", show_default=False)]

#: What every command takes, before its name or after it.
COMMON: Final[dict[str, tuple[Any, Any]]] = {
    "data": (Annotated[Path | None, typer.Option("--data", metavar="DIR")], None),
    "lang": (Annotated[str | None, typer.Option("--lang", metavar="fr|en", parser=_language)], None),
    "as_json": (Annotated[bool, typer.Option("--json")], False),
    "organization": (Annotated[str | None, typer.Option("--organization", metavar="NAME")], None),
}


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function, whose first parameter is the ``Call``, as a command with the common options."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        app.command(name)(_with_common(function))
        return function

    return register


def group(app: typer.Typer) -> None:
    """Let a group of commands take the common options too, before the command's name."""

    def told(_call: Call) -> None:
        pass

    app.callback()(_with_common(told))


def _with_common(function: Callable[..., None]) -> Callable[..., None]:
    first, *own = inspect.signature(function).parameters.values()
    kind = inspect.Parameter.KEYWORD_ONLY
    context = first.replace(name="context", annotation=typer.Context, kind=kind)
    common = [
        inspect.Parameter(name, kind, annotation=annotation, default=default)
        for name, (annotation, default) in COMMON.items()
    ]

    @wraps(function)
    def run(context: typer.Context, **typed: Any) -> None:  # noqa: ANN401 - the command's own options
        call: Call = context.obj
        call.told(**{name: typed.pop(name) for name in COMMON})
        function(call, **typed)

    parameters = [context, *(parameter.replace(kind=kind) for parameter in own), *common]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def stated_basis(
    form: "BasisForm | None", text: str | None, on: date | None, *, for_anybody: bool
) -> "StatedBasis | None":
    """Give the legal basis that was typed, if one was. Raises ``BadInput`` where a part of it is missing."""
    from engine.states.choices import Basis as StatedBasis

    if form is None or text is None:
        if form is not None or text is not None or on is not None or for_anybody:
            raise BadInput("basis")
        return None
    return StatedBasis(form, typed(text), on, for_anybody)


def which_copy(newest: bool, copy_id: UUID | None) -> "WhichCopy | None":
    """Give the archived copy that is wanted, if one is."""
    from engine.states.choices import WhichCopy

    return WhichCopy(copy_id) if newest or copy_id is not None else None


def options(
    include_confidential: bool | None,
    raw_data: "RawDataChoice | None",
    no_copy: bool | None,
    before: "Options | None" = None,
) -> "Options":
    """Give what is to move; what was not named is as before, or on the cautious side (MOVE-1)."""
    from engine.states.choices import Options

    named: dict[str, Any] = {
        "include_confidential": include_confidential,
        "raw_data": raw_data,
        "keep_copy": None if no_copy is None else not no_copy,
    }
    return replace(before or Options(), **{name: value for name, value in named.items() if value is not None})
