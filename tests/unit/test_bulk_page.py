"""A caseload's preview on a screen and in a spreadsheet: not too long, and nothing that steers them."""

import csv
import io
from uuid import UUID, uuid4

import pytest

from engine.cli import bulk_page
from engine.cli.output import Page
from engine.rules.content import ContentClass, Outcome
from engine.states.choices import Options
from engine.views import BulkLineView, BulkPreviewView, BulkRecipientView, ClassLine

ANNE = UUID(int=1)


def line(number: str, blocked: str | None = None) -> BulkLineView:
    moved = ClassLine(item_class=ContentClass.NOTE, outcome=Outcome.MOVED, count=2)
    return BulkLineView(
        record_id=uuid4(),
        record_number=number,
        confidential=False,
        to_id=ANNE,
        to="Anne Roy",
        blocked=blocked,
        blocked_for=[],
        open_transfer_id=None,
        reassigns=False,
        options=Options(),
        copy_kept=True,
        items=[] if blocked else [moved],
        destroyed_later=[],
        appointments_to_cancel=0,
        shares=0,
    )


def preview(*lines: BulkLineView) -> BulkPreviewView:
    blocked = sum(one.blocked is not None for one in lines)
    return BulkPreviewView(
        fingerprint="f" * 64,
        source_id=uuid4(),
        source="Léa \x1b[31mRoy",
        options=Options(),
        include_confidential_records=False,
        reassign_open=False,
        insist=False,
        impose=False,
        going=len(lines) - blocked,
        blocked=blocked,
        confidential_left_out=0,
        not_selected=0,
        recipients=[
            BulkRecipientView(
                id=ANNE, name="Anne Roy", email="anne@x.example", active=1, asked=2, added=3, after=6
            )
        ],
        items=[ClassLine(item_class=ContentClass.NOTE, outcome=Outcome.MOVED, count=2 * len(lines))],
        destroyed_later=[],
        appointments_to_cancel=0,
        shares=0,
        lines=list(lines),
    )


def test_a_screen_shows_so_many_lines_and_says_how_many_more(capsys: pytest.CaptureFixture[str]) -> None:
    going = [line(f"D-{number}") for number in range(130)]
    blocked = [line(f"B-{number}", "ELIG-4") for number in range(102)]

    bulk_page.show(Page("en", "UTC"), preview(*going, *blocked))

    shown = capsys.readouterr().out
    assert (shown.count("D-"), shown.count("B-")) == (100, 100)
    assert "… and 30 more" in shown
    assert "… and 2 more" in shown
    assert "Blocked by ELIG-4: 102" in shown


def test_nothing_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bulk_page.show(Page("fr", "UTC"), preview(line("D-\x1b[2J1"), line("B-\x1b[2J1", "ELIG-4")))

    assert "\x1b" not in capsys.readouterr().out


def test_no_number_is_a_formula_and_every_record_is_a_line() -> None:
    """A number that another system chose may begin with anything."""
    written = bulk_page.as_csv(preview(line("=cmd()"), *(line(f"D-{number}") for number in range(150))))

    rows = list(csv.DictReader(io.StringIO(written)))
    assert len(rows) == 151
    assert rows[0]["record_number"] == "'=cmd()"
