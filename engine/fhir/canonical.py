"""
JSON as it was written: canonical after RFC 8785, but for numbers, which keep their digits.

FHIR says that the precision of a decimal must be preserved: ``1.50`` is not ``1.5`` there (decision 0015).
"""

import json
import re
from json.encoder import encode_basestring as _quoted
from typing import Any, Final, NoReturn

#: Containers within containers; FHIR's own resources reach about a dozen.
DEEPEST: Final = 64
#: What opens, what closes, and the strings, in which neither counts.
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


class TooDeepError(ValueError):
    """More containers within containers than anybody writes in earnest."""


class Number(str):
    """A number, as it was written."""

    __slots__ = ()


def read(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """
    Read JSON; numbers stay as they were written.

    Raises ``TooDeepError``, and ``ValueError`` for what is no JSON, a name said twice, or ``NaN``.
    """
    _measure(text)
    return json.loads(
        text, parse_float=Number, parse_int=Number, parse_constant=_refuse, object_pairs_hook=_once
    )


def write(value: Any) -> bytes:  # noqa: ANN401 - what ``read`` gave
    """Write the canonical bytes. Raises ``ValueError`` for a text that is no Unicode."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts).encode()


def _write(value: Any, put: Any) -> None:  # noqa: ANN401 - JSON, and where it goes
    if isinstance(value, Number):
        put(str(value))
    elif isinstance(value, str):
        put(_quoted(value))
    elif isinstance(value, dict):
        put("{")
        for place, name in enumerate(sorted(value, key=_order)):
            put(f"{',' if place else ''}{_quoted(name)}:")
            _write(value[name], put)
        put("}")
    elif isinstance(value, list):
        put("[")
        for place, inner in enumerate(value):
            if place:
                put(",")
            _write(inner, put)
        put("]")
    else:
        put({True: "true", False: "false", None: "null"}[value])


def _order(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _measure(text: str) -> None:
    depth = 0
    for found in _BRACKETS.finditer(text):
        sign = text[found.start()]
        if sign in "[{":
            depth += 1
            if depth > DEEPEST:
                raise TooDeepError
        elif sign in "]}":
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(_constant: str) -> NoReturn:
    raise ValueError
