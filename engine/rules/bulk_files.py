"""Read the files of a caseload's transfer: records, and for a split who is to have each (BULK-1)."""

import csv
import io
from typing import Final

from engine.errors import BadInput
from engine.rules.bulk import Listed

_MOST_BYTES: Final = 10_000_000
#: What the first cell of a heading may say; any other first line is a record's.
_HEADINGS: Final = frozenset(
    {
        "dossier", "id", "no", "no de dossier", "number", "numéro", "numéro de dossier", "n°",
        "n° de dossier", "record", "record id", "record number", "record_id", "record_number",
    }
)  # fmt: skip


def listed(content: bytes, *, with_recipients: bool) -> tuple[Listed, ...]:
    """
    Read one record a line, by number or id, with the recipient's address in a second column where one is due.

    Commas or semicolons, UTF-8 with or without its mark, as spreadsheets write it; empty lines and a heading
    are passed over. Raises ``BadInput`` with the number of the line, never what stands on it.
    """
    columns = 2 if with_recipients else 1
    rows = csv.reader(io.StringIO(_decoded(content), newline=""), delimiter=_delimiter(content), strict=True)
    found: list[Listed] = []
    first, line = True, 1
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if any(cells):
                if not (first and cells[0].casefold() in _HEADINGS):
                    found.append(_line(line, cells, columns))
                first = False
            line = rows.line_num + 1
    except csv.Error:
        raise BadInput("bulk_line_quotes", line=line) from None
    if not found:
        raise BadInput("bulk_file_empty")
    return tuple(found)


def _line(line: int, cells: list[str], columns: int) -> Listed:
    # A spreadsheet fills shorter lines up with empty cells.
    if not all(cells[:columns]) or len(cells) < columns or any(cells[columns:]):
        raise BadInput("bulk_line_columns", line=line, columns=columns)
    return Listed(line=line, record=cells[0], to=cells[1].lower() if columns > 1 else None)


def _decoded(content: bytes) -> str:
    if len(content) > _MOST_BYTES:
        raise BadInput("bulk_file_size", most=_MOST_BYTES // 1_000_000)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput("bulk_line_encoding", line=line) from None


def _delimiter(content: bytes) -> str:
    """Give what separates columns: a semicolon where the first line that says something has one."""
    first = next((line for line in content.splitlines() if line.strip()), b"")
    return ";" if b";" in first else ","
