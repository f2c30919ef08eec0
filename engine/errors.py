"""The errors that the engine raises on purpose: a stable code and parameters, never a sentence."""

import copyreg
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast, get_args

Thing = Literal[
    "record",
    "transfer",
    "member",
    "colleague",
    "organization",
    "note",
    "appointment",
    "copy",
    "document",
    "quarantine",
    "holderless_copy",
    "left_behind",
    "opening",
    "restriction",
    "call",
    "mail",
    "bulk",
]
Outage = Literal[
    "no_answer",
    "database_driver",
    "database_missing",
    "database_unavailable",
    "database_damaged",
    "database_empty",
    "database_foreign",
    "database_older",
    "database_newer",
    "temporal_unavailable",
    "temporal_cli",
    "search_attributes",
    "signing_key",
    "issuer_unavailable",
]


class EngineError(Exception):
    """An error with a code; the sentence that a person reads comes from the catalogues."""

    status: ClassVar[int] = 500  # HTTP
    code: str
    variant: str | None
    params: Mapping[str, str | int]

    def __init__(self, code: str, variant: str | None = None, /, **params: str | int) -> None:
        """Name the rule or the cause, which of its sentences applies, and what the sentence mentions."""
        self.code = code
        self.variant = variant
        self.params = params
        # The key alone is an argument: str() and repr() end in logs and workflow histories, where no
        # parameter may be.
        super().__init__(self.key)

    @property
    def key(self) -> str:
        """The catalogue's key: the code, with the variant where there is one."""
        return self.code if self.variant is None else f"{self.code}/{self.variant}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without calling `__init__`, whose signature differs between the subclasses."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__.copy()  # type: ignore[attr-defined]


class Denied(EngineError):
    """A rule denies: `Denied("ELIG-3", "inactive", **params)`."""

    status = 403


class NotFound(EngineError):
    """The thing does not exist, or the actor may not know that it does (VIS-11); the two read alike."""

    status = 404

    def __init__(self, what: Thing) -> None:
        """Name the kind of thing only: an id would tell the two cases apart."""
        super().__init__("VIS-11", what, what=what)


class Unidentified(EngineError):
    """Nobody knows who speaks: no token, or one that does not hold, or of nobody here."""

    status = 401

    def __init__(self, variant: str | None = None, /) -> None:
        """Name what is missing; never what exactly is wrong with a token."""
        super().__init__("identity", variant)


class BadInput(EngineError):
    """The input is malformed; no rule was asked."""

    status = 422

    def __init__(self, variant: str | None = None, /, **params: str | int) -> None:
        """Name what is wrong with the input."""
        super().__init__("bad_input", variant, **params)


class Unavailable(EngineError):
    """Something that the engine needs does not answer, or is not set up; nothing changed."""

    status = 503
    _SET_UP: ClassVar[frozenset[str]] = frozenset(
        {
            "database_driver",
            "database_missing",
            "database_damaged",
            "database_empty",
            "database_foreign",
            "database_older",
            "database_newer",
            "temporal_cli",
            "search_attributes",
            "signing_key",
        }
    )

    def __init__(self, outage: Outage, /, **params: str | int) -> None:
        """Name what does not answer."""
        super().__init__("unavailable", outage, **params)

    @property
    def passes(self) -> bool:
        """Whether the same command, sent again later, may succeed without anybody setting something up."""
        return self.variant not in self._SET_UP


class Stuck(EngineError):
    """A hand-over cannot succeed for a cause that is no rule (ST-5)."""

    status = 409

    def __init__(self, cause: str, /, **params: str | int) -> None:
        """Name the cause."""
        super().__init__("ST-5", cause, **params)


def of_key(key: str) -> EngineError:
    """Make the error again that a key names, where only the key could travel."""
    parts = key.split("/")
    split = 2 if parts[0] == "ST-T" else 1
    code, variant = "/".join(parts[:split]), "/".join(parts[split:]) or None
    if code == "bad_input":
        return BadInput(variant)
    if code == "VIS-11" and variant in get_args(Thing):
        return NotFound(cast("Thing", variant))
    return Denied(code, variant)
