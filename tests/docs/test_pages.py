"""The pages: what they say of the code is so, what they link to exists, what is generated is up to date."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import inspect

from engine.catalogue import errors
from engine.cli import app
from engine.errors import Outage, Thing
from engine.records.tables.people import Policy
from engine.states.transfer import TransferState, TransferTrigger
from tests.docs import citations, examples, generated
from tests.docs.commands import commands, options
from tests.docs.markdown import ROOT, anchors, blocks, code, links, pages, parts, rows

PAGES = pages()
DOCS = [page for page in PAGES if page.is_relative_to(ROOT / "docs")]
#: A path of this machine, or of somebody's; what stands for one in an example begins otherwise.
MACHINE = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work|var/folders)/|[A-Z]:\\")
#: A file or folder of the project, as sentences name it.
PLACE = re.compile(r"(?:engine|tests|docs|examples|benchmarks)/[\w./-]*")
#: Conditions that end a sentence about what is missing: `command transfer reassign`, `file engine/…/*mail*`.
UNTIL = re.compile(r"<!-- until: (command|file) (.+?) -->")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def doc(name: str) -> str:
    return text(ROOT / "docs" / name)


def relative(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


class TestGenerated:
    def test_is_up_to_date(self) -> None:
        old = [relative(page) for page, wanted in generated.pages().items() if text(page) != wanted]

        assert old == [], "run `make docs`"

    def test_every_part_stands_in_a_page_once(self) -> None:
        assert sorted(generated.PARTS) == sorted(part for page in DOCS for part in parts(text(page)))


@pytest.mark.parametrize("page", PAGES, ids=relative)
class TestPage:
    def test_links_and_anchors_resolve(self, page: Path) -> None:
        broken = []
        for link in links(text(page)):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            if not target.exists() or (anchor and anchor not in anchors(text(target))):
                broken.append(link)

        assert broken == []

    def test_places_of_the_project_exist(self, page: Path) -> None:
        places = {word for word in code(text(page)) if PLACE.fullmatch(word)}

        assert [place for place in sorted(places) if not (ROOT / place).exists()] == []

    def test_no_path_of_a_machine(self, page: Path) -> None:
        assert MACHINE.findall(text(page)) == []

    def test_rules_that_it_cites_exist(self, page: Path) -> None:
        assert sorted(citations.ids(text(page)) - citations.listed()) == []

    def test_blocks_of_code_have_a_language(self, page: Path) -> None:
        assert [block.body for block in blocks(text(page)) if not block.language] == []

    def test_json_is_json(self, page: Path) -> None:
        """One marked with the name of a message is such a message."""
        models = {model.__name__: model for model in generated.MESSAGES.values()}
        for block in blocks(text(page)):
            if block.language == "json":
                json.loads(block.body)
                for mark in block.marks:
                    models[mark].model_validate_json(block.body)


class TestIndex:
    def test_names_every_page(self) -> None:
        named = {link.partition("#")[0] for link in links(doc("README.md"))}

        assert {page.name for page in DOCS if page.parent.name == "docs"} - {"README.md"} <= named

    def test_decisions_name_every_decision(self) -> None:
        named = set(links(doc("decisions/README.md")))

        assert {page.name for page in DOCS if page.parent.name == "decisions"} - {"README.md"} <= named


class TestRules:
    def test_every_rule_that_code_or_tests_cite_is_documented(self) -> None:
        cited = citations.in_product().keys() | citations.in_tests().keys()

        assert sorted(cited - citations.listed()) == []

    def test_every_rule_of_the_product_is_proven_by_a_test(self) -> None:
        """What is built is tested; what nobody cites says that it is not built."""
        named = {rule for rule in citations.in_product() if rule in citations.documented()}
        lines = {row[0].strip("`"): row for row in rows(doc("rules.md")) if len(row) == 4}

        unproven = {rule for rule in named if rule not in citations.in_tests()}
        assert all("not built yet" in lines[rule][1] for rule in unproven)
        assert lines.keys() - {"rule"} == citations.documented().keys()

    def test_ids_of_a_family_have_no_gap(self) -> None:
        found = [rule.split("-") for rule in citations.documented()]
        for family in citations.FAMILIES:
            numbers = [int(number) for name, number in found if name == family]

            assert numbers == list(range(1, len(numbers) + 1)), family

    def test_each_is_one_sentence_or_two(self) -> None:
        for rule, sentence in citations.documented().items():
            assert sentence[0].isupper(), rule
            assert re.search(r"[.](?:<!--.*-->)?$", sentence), rule

    def test_what_is_said_to_be_missing_is_missing(self) -> None:
        known = {command.path for command in commands()}
        for kind, name in UNTIL.findall(doc("rules.md")):
            there = name in known if kind == "command" else any(ROOT.glob(name))

            assert not there, f"{name} is there: take away what docs/rules.md says is not"


class TestDocumented:
    def test_every_state_and_trigger(self) -> None:
        assert {word.value for word in (*TransferState, *TransferTrigger)} <= code(doc("states.md"))

    def test_every_error(self) -> None:
        keys = {row[0].strip("`"): row for row in rows(doc("errors.md")) if len(row) == 5}
        named = {f"unavailable/{word}" for word in get_args(Outage)}
        named |= {f"VIS-11/{word}" for word in get_args(Thing)}

        assert errors("en").keys() | named == keys.keys() - {"key"}
        assert all(keys[key][3] == words.replace("|", "\\|") for key, words in errors("en").items())
        assert all(keys[key][4] == words.replace("|", "\\|") for key, words in errors("fr").items())

    def test_every_class_of_error_is_known(self) -> None:
        """`generated.error_of` says which class a key is raised as; a new class needs a line there."""
        source = (ROOT / "engine" / "errors.py").read_text(encoding="utf-8")
        found = set(re.findall(r"^class (\w+)\(EngineError\)", source, re.MULTILINE))

        assert found == {"Denied", "NotFound", "BadInput", "Unavailable", "Unidentified", "Stuck"}

    def test_every_policy(self) -> None:
        """Somewhere in docs/, in backticks."""
        said = {word for page in DOCS for word in code(text(page))}
        policies = {column.key for column in inspect(Policy).columns} - {"organization_id"}

        assert [name for name in policies if not {name, name.replace("_", "-")} & said] == []

    def test_every_command_with_its_options(self) -> None:
        sections = doc("commands.md").split("\n### ")
        shown = {section.partition("\n")[0]: section for section in sections}
        for command in commands():
            for option in options(command):
                assert f"`{option.written}`".replace("|", "\\|") in shown[command.path], command.path

    def test_every_command_has_an_answer_or_a_reason(self) -> None:
        """A command without one needs a step in tests/docs/scenario.toml, then `make docs`."""
        shown = examples.recorded().keys() | examples.WITHOUT_ANSWER.keys()

        assert sorted({command.path for command in commands()} - shown) == []
        assert sorted(shown - {command.path for command in commands()}) == []

    def test_every_exit_code(self) -> None:
        readme = {row[0] for row in rows(text(ROOT / "README.md")) if row[0].isdigit()}
        page = {row[0] for row in rows(doc("commands.md")) if row[0].isdigit()}
        codes = {
            str(code)
            for name, code in vars(app).items()
            if name.isupper() and name[0] != "_" and isinstance(code, int)
        }

        assert codes <= readme
        assert codes == page

    def test_every_setting(self) -> None:
        from engine.settings import Settings

        said = " ".join(text(page) for page in PAGES)

        assert [name for name in Settings.model_fields if f"PASSATION_{name.upper()}" not in said] == []


class TestGlossary:
    def test_every_word_is_there_in_both_languages_with_its_meaning(self) -> None:
        words = [row for row in rows(doc("glossary.md")) if len(row) == 4]

        assert len(words) > len(citations.FAMILIES)
        assert [row for row in words if not all(row)] == []

    def test_every_word_of_a_vocabulary_is_there(self) -> None:
        shown = code(doc("glossary.md"))
        for words in generated.VOCABULARIES.values():
            assert {word.value for word in words} <= shown, words

    def test_every_word_is_one_of_the_code(self) -> None:
        source = " ".join(file.read_text(encoding="utf-8") for file in (ROOT / "engine").rglob("*.py"))
        words = [word for row in rows(doc("glossary.md")) if len(row) == 4 for word in code(row[0])]

        assert [word for word in words if not re.search(rf"\b{re.escape(word)}", source)] == []
