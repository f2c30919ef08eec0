"""The report of a caseload's transfer as a spreadsheet reads it (BULK-4)."""

import csv
import io
from typing import Final

from engine.views import BulkReportView

_COLUMNS: Final = (
    "record_number",
    "record_id",
    "confidential",
    "to",
    "stands",
    "rule",
    "error",
    "attempt",
    "transfer_id",
    "respond_by",
    "decided_at",
)


def as_csv(found: BulkReportView) -> str:
    """Write every record on a line, then those that do not move; for a spreadsheet."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(_COLUMNS)
    for item in found.items:
        values = item.model_dump(mode="json")
        table.writerow([_cell(values[name]) for name in _COLUMNS])
    for left in found.left:
        line = {"record_number": left.record_number, "record_id": str(left.record_id), "stands": left.why}
        table.writerow([_cell(line.get(name)) for name in _COLUMNS])
    return written.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    # What a spreadsheet would take for a formula is a text (CSV injection).
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
