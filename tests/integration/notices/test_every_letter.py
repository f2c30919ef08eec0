"""
Every message is the one that was read and looked at.

`python -m tests.integration.notices.pictures --letters FOLDER` writes them, and pictures to look at.
"""

import re
from html import unescape

import pytest

from engine.catalogue import labels
from engine.notices.outbox import NoticeKind
from engine.records.database import Database
from tests.integration.notices.every_letter import DIGESTS, LANGUAGES, every_letter
from tests.integration.notices.pictures import LETTERS, as_page, as_text


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_are_those_that_were_looked_at(database: Database, language: str) -> None:
    found = every_letter(database)

    assert {kind for kind, _ in found} == {*NoticeKind, *DIGESTS}
    assert as_text(found, language) == (LETTERS / f"{language}.txt").read_text(encoding="utf-8")
    assert as_page(found, language) == (LETTERS / f"{language}.html").read_text(encoding="utf-8")


def test_the_text_says_what_the_page_says(database: Database) -> None:
    """Whoever reads plain text misses nothing."""
    for (kind, language), letter in every_letter(database).items():
        body = letter.html.partition("<body")[2].partition(">")[2]
        # What a button says, where the text has the address itself.
        body = body.replace(labels(language)["mail_word/open"], "")
        words = unescape(re.sub(r"<[^>]+>", " ", body)).split()
        assert [word for word in words if word not in letter.text] == [], (kind, language)
