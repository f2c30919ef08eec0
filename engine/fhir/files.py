"""Open what was named: bundles and lines of resources, packed or not, one file at a time."""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from engine.errors import BadInput
from engine.fhir import canonical

_SUFFIXES: Final = (".json", ".ndjson", ".json.gz", ".ndjson.gz")
#: The most that a file holds, unpacked; and a line of one.
LARGEST_FILE: Final = 256 * 2**20
LARGEST_LINE: Final = 32 * 2**20
_PIECE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource, and where it stands: the file's name and the entry's or the line's number, from 1."""

    file: str
    entry: int
    resource: Any
    full_url: str | None


def find(paths: Sequence[Path]) -> list[Path]:
    """List the files that were named, and those in the folders that were. Raises ``BadInput``."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.is_file() and _is_ours(file))
        elif _is_ours(path) and path.is_file():
            found.append(path)
        else:
            raise BadInput("fhir_file", file=path.name)
    if not found:
        raise BadInput("fhir_nothing")
    return list(dict.fromkeys(file.resolve() for file in found))


def read(file: Path) -> Iterator[Entry]:
    """Read every resource of a file. Raises ``BadInput`` naming the file and the entry."""
    name = file.name
    try:
        with file.open("rb") as raw:
            opened = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if name.lower().endswith(".gz") else raw
            if _is_lines(file):
                yield from _lines(name, opened)
            else:
                yield from _entries(name, 0, _parsed(name, 0, _all(name, opened)), whole=True)
    except EOFError:
        raise BadInput("fhir_truncated", file=name, entry=0) from None
    except (gzip.BadGzipFile, zlib.error):
        raise BadInput("fhir_not_json", file=name, entry=0) from None
    except OSError:
        raise BadInput("fhir_file", file=name) from None


def _is_ours(file: Path) -> bool:
    return file.name.lower().endswith(_SUFFIXES)


def _is_lines(file: Path) -> bool:
    return file.name.lower().removesuffix(".gz").endswith(".ndjson")


def _all(name: str, opened: BinaryIO) -> bytes:
    pieces, size = [], 0
    # Piece by piece: a packed file may unpack to a thousand times its size.
    while piece := opened.read(_PIECE):
        size += len(piece)
        if size > LARGEST_FILE:
            raise BadInput("fhir_too_large", file=name, entry=0)
        pieces.append(piece)
    return b"".join(pieces)


def _lines(name: str, opened: BinaryIO) -> Iterator[Entry]:
    number = size = 0
    while line := opened.readline(LARGEST_LINE + 1):
        number += 1
        size += len(line)
        if len(line) > LARGEST_LINE or size > LARGEST_FILE:
            raise BadInput("fhir_too_large", file=name, entry=number)
        if line.strip():
            yield from _entries(name, number, _parsed(name, number, line), whole=False)


def _entries(name: str, number: int, content: Any, *, whole: bool) -> Iterator[Entry]:  # noqa: ANN401 - JSON
    if not isinstance(content, dict) or not isinstance(content.get("resourceType"), str):
        raise BadInput("fhir_no_type", file=name, entry=number)
    if content["resourceType"] != "Bundle":
        if whole:
            raise BadInput("fhir_not_bundle", file=name)
        yield Entry(name, number, content, None)
        return
    entries = content.get("entry", [])
    if not isinstance(entries, list):
        raise BadInput("fhir_not_bundle", file=name)
    for place, entry in enumerate(entries, 1):
        at = place if whole else number
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise BadInput("fhir_no_type", file=name, entry=at)
        full_url = entry.get("fullUrl")
        yield Entry(name, at, resource, full_url if isinstance(full_url, str) else None)


def _parsed(name: str, number: int, raw: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        text = raw.decode("utf-8-sig")
        return canonical.read(text)
    except canonical.TooDeepError:
        raise BadInput("fhir_too_deep", file=name, entry=number) from None
    except json.JSONDecodeError as error:
        # What ends too early is wrong at its very end, or in a string that never closes.
        if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
            raise BadInput("fhir_truncated", file=name, entry=number) from None
        raise BadInput("fhir_not_json", file=name, entry=number) from None
    except (ValueError, RecursionError):
        raise BadInput("fhir_not_json", file=name, entry=number) from None
