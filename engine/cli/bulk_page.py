"""A caseload's preview as a person reads it, totals first, and as a spreadsheet reads it."""

import csv
import io
from collections import defaultdict
from typing import Final

from engine.catalogue import sentence
from engine.cli.output import OUTCOMES, Page, harmless
from engine.errors import of_key
from engine.views import BulkLineView, BulkPreviewView

#: More lines than a person reads; files and programs get them all.
_MOST_LINES: Final = 100
_COLUMNS: Final = (
    "record_number",
    "record_id",
    "confidential",
    "to",
    "blocked",
    "reassigns",
    "open_transfer_id",
    *OUTCOMES,
    "destroyed_later",
    "appointments_to_cancel",
    "shares",
)


def show(page: Page, preview: BulkPreviewView) -> None:
    """Show the totals, who would have how much, what a rule stops and what to do, then every record."""
    # A line is cleaned when it is printed: there may be thousands, of which few are.
    lines, preview = preview.lines, harmless(preview.model_copy(update={"lines": []}))
    page.heading("heading/bulk_preview", name=preview.source)
    facts = {
        "caseload/going": preview.going,
        "caseload/blocked": preview.blocked,
        "caseload/confidential_left_out": preview.confidential_left_out,
        "caseload/not_selected": preview.not_selected,
        "caseload/appointments": preview.appointments_to_cancel,
        "caseload/destroyed_later": sum(line.count for line in preview.destroyed_later),
        "caseload/shares": preview.shares,
    }
    page.facts({page.words(key): str(count) for key, count in facts.items()})
    page.outcomes(preview.items, copy_kept=preview.options.keep_copy)
    page.lines(
        ("name", "address", "active_records", "asked_for", "added", "load_after"),
        [
            (one.name, one.email, str(one.active), str(one.asked), str(one.added), str(one.after))
            for one in preview.recipients
        ],
    )
    _blocked(page, [line for line in lines if line.blocked is not None])
    _going(page, [line for line in lines if line.blocked is None])
    page.facts({page.words("column/fingerprint"): preview.fingerprint})
    page.say("explain/preview_only")


def _blocked(page: Page, lines: list[BulkLineView]) -> None:
    by_rule = defaultdict(list)
    for line in lines:
        by_rule[line.blocked or ""].append(line)
    for rule, found in sorted(by_rule.items()):
        page.heading("heading/bulk_blocked", rule=rule, count=len(found))
        page.text(sentence(of_key(rule), page.language))
        page.lines(
            ("number", "recipient"),
            [(_name(page, line), line.to or "") for line in map(harmless, found[:_MOST_LINES])],
        )
        _further(page, found)


def _going(page: Page, lines: list[BulkLineView]) -> None:
    if not lines:
        return
    page.heading("heading/bulk_lines")
    rows = [
        (
            _name(page, line),
            line.to or "",
            *(str(_count(line, outcome)) for outcome in OUTCOMES),
            str(line.shares),
            page.words("word/reassigned") if line.reassigns else "",
        )
        for line in map(harmless, lines[:_MOST_LINES])
    ]
    page.lines(("number", "recipient", *(f"of_{outcome}" for outcome in OUTCOMES), "shares", "remark"), rows)
    _further(page, lines)


def _further(page: Page, lines: list[BulkLineView]) -> None:
    if len(lines) > _MOST_LINES:
        page.say("caseload/further", count=len(lines) - _MOST_LINES)


def _name(page: Page, line: BulkLineView) -> str:
    """Name a record by its number; of a confidential one there is the id alone (VIS-2)."""
    return line.record_number or f"{page.words('word/confidential')} {line.record_id}"


def _count(line: BulkLineView, outcome: str) -> int:
    return sum(item.count for item in line.items if item.outcome == outcome)


def as_csv(preview: BulkPreviewView) -> str:
    """Give every record as a line, with counts by outcome and, after them, by outcome and class."""
    classes = [f"{item.outcome}_{item.item_class}" for item in preview.items]
    addresses = {one.id: one.email for one in preview.recipients}
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, [*_COLUMNS, *classes], restval=0, lineterminator="\n")
    writer.writeheader()
    for line in preview.lines:
        row: dict[str, object] = {
            "record_number": _cell(line.record_number or ""),
            "record_id": line.record_id,
            "confidential": int(line.confidential),
            "to": "" if line.to_id is None else addresses[line.to_id],
            "blocked": line.blocked or "",
            "reassigns": int(line.reassigns),
            "open_transfer_id": line.open_transfer_id or "",
            "destroyed_later": sum(item.count for item in line.destroyed_later),
            "appointments_to_cancel": line.appointments_to_cancel,
            "shares": line.shares,
        }
        row |= {outcome: _count(line, outcome) for outcome in OUTCOMES}
        row |= {f"{item.outcome}_{item.item_class}": item.count for item in line.items}
        writer.writerow(row)
    return written.getvalue()


def _cell(text: str) -> str:
    """Keep a spreadsheet from taking a number that another system chose for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
