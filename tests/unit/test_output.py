"""What people stored never steers the terminal of who reads it."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from engine.cli.output import Page, harmless
from engine.rules.content import ContentClass
from engine.rules.facts import RecordStatus, Relation
from engine.views import ItemView, RecordView

HOSTILE = "a\x1b[31mb\x00c\u202ed\x9be"


@pytest.fixture
def record() -> RecordView:
    item = ItemView(
        id=uuid4(),
        item_class=ContentClass.NOTE,
        author=HOSTILE,
        at=datetime(2026, 3, 2, tzinfo=UTC),
        state="signed",
        label=None,
        sha256="0" * 64,
        archived=False,
        text=f"first line\n\tsecond {HOSTILE}",
    )
    return RecordView(
        id=uuid4(),
        number="D-00001",
        title=HOSTILE,
        clients=[HOSTILE],
        status=RecordStatus.ACTIVE,
        confidential=False,
        opened_on="2026-03-02",
        email=None,
        reason_for_consultation=HOSTILE,
        owner="Alice Roy",
        relation=Relation.OWNER,
        open_transfer_id=None,
        items=[item],
    )


def test_a_view_keeps_its_words_and_loses_what_steers(record: RecordView) -> None:
    shown = harmless(record)

    assert shown.title == "a�[31mb�c�d�e"
    assert shown.items[0].text == "first line\n\tsecond a�[31mb�c�d�e"
    assert (shown.id, shown.status, shown.relation) == (record.id, record.status, record.relation)


def test_nothing_stored_reaches_the_terminal_as_a_command(
    record: RecordView, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page("fr", "America/Toronto")
    page.record(record)
    page.records([record])

    written = capsys.readouterr().out
    assert "D-00001" in written
    assert not set("\x1b\x00\u202e\x9b") & set(written)
