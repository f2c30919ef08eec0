"""The console speaks French and English whole: nothing untranslated, nothing fuzzy, nothing left over."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import engine.console
from engine.console import words

ROOT = Path(engine.console.__file__).parent
KEYWORDS = {"_": None, "N_": None, "say": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_VALUE = re.compile(r"%\((\w+)\)s")


def said() -> set[tuple[str, ...]]:
    """Every sentence that pages say; with a number, both forms."""
    found = extract_from_dir(
        ROOT,
        METHODS,
        {"templates/**.html": {"trimmed": "false", "silent": "false"}},
        keywords=KEYWORDS,
    )
    return {message if isinstance(message, tuple) else (message,) for _, _, message, _, _ in found}


def catalogues() -> Iterator[tuple[str, Catalog]]:
    for file in sorted((words.FOLDER / "fr").glob("*.po")):
        with file.open("rb") as stream:
            yield file.name, read_po(stream, locale="fr")


def translated() -> list[tuple[str, ...]]:
    return [
        (message.id,) if isinstance(message.id, str) else tuple(message.id)
        for _, found in catalogues()
        for message in found
        if message.id
    ]


def test_every_sentence_of_the_console_is_translated_and_none_is_left_over() -> None:
    found = said()
    assert len(found) > 20
    assert found == set(translated())


def test_a_sentence_stands_in_one_catalogue_alone() -> None:
    found = translated()
    assert sorted(found) == sorted(set(found))


@pytest.mark.parametrize(("name", "found"), list(catalogues()))
def test_a_catalogue_is_whole_and_keeps_every_value(name: str, found: Catalog) -> None:
    for message in found:
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        assert len(forms) == len(sources)
        for source, form in zip(sources, forms, strict=True):
            assert form, source
            assert sorted(_VALUE.findall(form)) == sorted(_VALUE.findall(source)), source
            assert "'" not in form, f"a typewriter's apostrophe: {form}"


def test_none_is_singular_in_french_alone() -> None:
    one, many = "%(num)s thing needs you", "%(num)s things need you"
    assert words.ngettext("fr", one, many, 0) == "%(num)s chose vous attend"
    assert words.ngettext("fr", one, many, 2) == "%(num)s choses vous attendent"
    assert words.ngettext("en", one, many, 0) == many
    assert words.ngettext("en", one, many, 1) == one


def test_htmx_is_the_file_that_its_makers_published() -> None:
    body = (ROOT / "static" / "htmx.min.js").read_bytes()
    # htmx.org 4.0.1, dist/htmx.min.js of the package on npm.
    assert hashlib.sha256(body).hexdigest() == (
        "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
    )
    assert "Zero-Clause BSD" in (ROOT / "static" / "htmx.LICENSE").read_text()


def test_templates_have_no_inline_script_style_or_handler() -> None:
    for file in (ROOT / "templates").rglob("*.html"):
        text = file.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text), file.name
