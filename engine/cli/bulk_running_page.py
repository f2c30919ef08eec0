"""How the transfer of a caseload looks once it is launched: counts first, then record by record."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.catalogue import sentence
from engine.cli.output import Page, harmless
from engine.errors import of_key
from engine.states.bulk import STANDS, Answer
from engine.views import AnswerView, BulkItemView, BulkPreviewView, BulkReportView, BulkView

_ANSWERED: Final = {Answer.ACCEPT: "done/bulk_accept", Answer.REFUSE: "done/bulk_refuse"}


def confirm(page: Page, preview: BulkPreviewView) -> None:
    """Show what is to be confirmed, and how."""
    page.heading("heading/bulk_preview", name=harmless(preview).source)
    facts = {"caseload/going": str(preview.going), "caseload/blocked": str(preview.blocked)}
    if preview.reassign_open:
        facts["caseload/reassigned"] = str(sum(line.reassigns for line in preview.lines))
    facts["column/fingerprint"] = preview.fingerprint
    page.facts({page.words(key): value for key, value in facts.items()})
    page.say("caseload/confirm_imposed" if preview.impose else "caseload/confirm", count=preview.going)


def bulks(page: Page, found: Sequence[BulkView]) -> None:
    """Show bulks, one a line."""
    page.lines(
        ("state", "sender", "count", "result", "asked", "id"),
        [
            (
                page.words(f"bulk_state/{bulk.state}"),
                harmless(bulk).source,
                str(bulk.records),
                counted(page.words, bulk.counts),
                page.instant(bulk.started_at),
                str(bulk.id),
            )
            for bulk in found
        ],
    )


def bulk(page: Page, found: BulkView) -> None:
    """Show where a bulk stands, and the part of each recipient."""
    found = harmless(found)
    page.heading("heading/bulk", name=found.source)
    facts = {
        "column/state": page.words(f"bulk_state/{found.state}"),
        "column/asked_by": found.led_by,
        "column/count": str(found.records),
        "column/result": counted(page.words, found.counts),
        "column/when": page.instant(found.started_at),
        "column/id": str(found.id),
    }
    if found.purpose is not None:
        facts["column/purpose"] = page.words(f"purpose/{found.purpose}")
    if found.confidential_left_out:
        facts["caseload/confidential_left_out"] = str(found.confidential_left_out)
    page.facts({page.words(key): value for key, value in facts.items()})
    if found.paused_rule is not None:
        page.text(sentence(of_key(found.paused_rule), page.language))
    page.lines(
        ("recipient", "result"), [(part.name, counted(page.words, part.counts)) for part in found.recipients]
    )


def items(page: Page, found: Sequence[BulkItemView]) -> None:
    """Show every record with where it stands; where something stops it, what, and what to do."""
    rows = []
    for item in map(harmless, found):
        told = "" if item.rule is None else sentence(of_key(item.rule), page.language)
        if item.error is not None:
            told = page.words("caseload/troubled", cause=item.error)
        number = item.record_number or f"{page.words('word/confidential')} {item.record_id}"
        stands = page.words(f"stands/{item.stands}")
        rows.append((number, item.to or "", stands, f"{item.rule}: {told}" if item.rule else told))
    page.lines(("number", "recipient", "state", "next"), rows)


def report(page: Page, found: BulkReportView) -> None:
    """Show a bulk, its records, and what does not move."""
    bulk(page, found.bulk)
    page.heading("heading/bulk_lines")
    items(page, found.items)
    if found.left:
        page.heading("heading/bulk_left")
        page.lines(
            ("number", "what"),
            [
                (
                    harmless(left).record_number or f"{page.words('word/confidential')} {left.record_id}",
                    page.words(f"left/{left.why}"),
                )
                for left in found.left
            ],
        )


def answer(page: Page, found: AnswerView) -> None:
    """Show what an answer has come to, and what waits all the same, with the rule and what to do."""
    page.say(_ANSWERED[found.answer], count=found.deciding)
    page.facts({page.words("column/result"): counted(page.words, found.counts)})
    if found.denied:
        page.heading("heading/bulk_undecided")
        items(page, found.denied)


def counted(words: Callable[[str], str], counts: Mapping[str, int]) -> str:
    """Say how many stand where."""
    return ", ".join(f"{words(f'stands/{name}')}: {counts[name]}" for name in STANDS if counts.get(name))
