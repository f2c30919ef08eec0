"""The catalogues: two languages, the same keys, a sentence for every error that the engine can raise."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import pytest
import typer

import engine
from engine import catalogue
from engine.catalogue import LANGUAGES, errors, label, labels, sentence
from engine.cli.app import build
from engine.cli.output import OUTCOMES
from engine.errors import BadInput, Denied, EngineError, NotFound, Outage, Thing, Unavailable
from engine.notices.calls import WhyCall
from engine.notices.outbox import NoticeKind
from engine.records.tables.base import AppointmentState, DeliveryTrouble, NoteState, StuckCause
from engine.rules.bulk import RefusedRecipient
from engine.rules.content import ContentClass, Outcome
from engine.rules.facts import RecordStatus, Relation
from engine.states.choices import Need, Purpose, RawDataChoice, Role, ShareLevel
from engine.states.transfer import FINAL_STATES, TABLE, Party, TransferState, TransferTrigger

ENGINE = Path(engine.__file__).parent
RAISED = {"Denied", "Unidentified", "BadInput", "Unavailable", "Stuck", "NotFound"}
RULE_KEY = re.compile(r"(ELIG|MOVE|VIS|ST|ROLE|OVR|BULK)-\d+(/[a-z_]+)?")

#: Keys that are put together when they are raised: what stands there in the source, and what it may become.
PUT_TOGETHER: dict[tuple[str, str], list[str]] = {
    ("ELIG-1", "record.status"): [s for s in RecordStatus if s is not RecordStatus.ACTIVE],
    ("BULK-1", "refused"): [word for word in get_args(RefusedRecipient) if word != "recipient_not_named"],
    ("bad_input", "f'bulk_line_{refused}'"): [f"bulk_line_{word}" for word in get_args(RefusedRecipient)],
    ("ST-5", "StuckCause.MISSING_CONTENT"): [StuckCause.MISSING_CONTENT],
}
ANSWERS = (TransferTrigger.ACCEPT, TransferTrigger.REFUSE)
#: What a person decides; the other triggers are the engine's or have no command yet.
DECIDED = (*ANSWERS, TransferTrigger.CANCEL)
#: What a coordinator decides; from a state that a pending transfer is overridden in, nothing denies it.
STEPS_IN = (TransferTrigger.REASSIGN, TransferTrigger.IMPOSE)
#: What a rule is named by where several commands share it.
SHARED = {"rule": ["ST-T/reassign", "ST-T/impose", "ST-3"]}

#: Words that are the same in both languages.
SAME_WORDS = {
    "party/engine",
    "class/document",
    "item/document",
    "purpose/absence",
    "purpose/correction",
    "word/ok",
    "column/message",
    "field/message",
    "column/version",
    "help/document",
    "done/console",
}


def sources() -> Iterator[ast.Module]:
    for file in sorted(ENGINE.rglob("*.py")):
        if file.name != "errors.py":
            yield ast.parse(file.read_text(encoding="utf-8"))


def raised() -> dict[str, list[set[str]]]:
    """Every key that the source names, with the parameters given wherever it is raised."""
    found: dict[str, list[set[str]]] = {}
    for node in (node for tree in sources() for node in ast.walk(tree)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and RULE_KEY.fullmatch(node.value):
            found.setdefault(node.value, [])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
            params = {keyword.arg for keyword in node.keywords if keyword.arg}
            for key in keys_of(node.func.id, node.args):
                found.setdefault(key, []).append(params)
    return found


def keys_of(name: str, arguments: list[ast.expr]) -> list[str]:
    """Say which keys a call that makes an error stands for."""
    first = {"BadInput": "bad_input", "Unavailable": "unavailable", "Stuck": "ST-5", "NotFound": "VIS-11"}
    first["Unidentified"] = "identity"
    codes = [first[name]] if name in first else []
    if not codes and arguments:
        head, *arguments = arguments
        if isinstance(head, ast.JoinedStr):
            assert ast.unparse(head) == "f'ST-T/{trigger}'"
            codes = [f"ST-T/{trigger}" for trigger in ANSWERS]
        elif isinstance(head, ast.Name):
            codes = SHARED[head.id]
        else:
            codes = [ast.literal_eval(head)]
    if not arguments:
        return codes
    if isinstance(arguments[0], ast.Constant):
        return [f"{code}/{ast.literal_eval(arguments[0])}" for code in codes]
    said = ast.unparse(arguments[0])
    return [f"{code}/{variant}" for code in codes for variant in PUT_TOGETHER[code, said]]


def transitions() -> set[str]:
    """Every denial of the state table, for what a person decides."""
    edges = {(edge.source, edge.trigger) for edge in TABLE}
    from_states = {
        f"ST-T/{trigger}/from_{state}"
        for trigger in DECIDED
        for state in TransferState
        if (state, trigger) not in edges
    }
    final = {f"ST-T/{trigger}/from_{state}" for trigger in STEPS_IN for state in FINAL_STATES}
    decided = {*DECIDED, *STEPS_IN}
    guards = {f"ST-T/{e.trigger}/{g.name}" for e in TABLE if e.trigger in decided for g in e.guards}
    return from_states | final | guards


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
class TestSentences:
    def test_every_error_of_the_source_has_one(self, language: str) -> None:
        assert sorted(raised().keys() - errors(language).keys()) == []

    def test_every_trigger_and_every_denied_decision_has_one(self, language: str) -> None:
        wanted = {f"ST-T/{trigger}" for trigger in TransferTrigger} | transitions()

        assert sorted(wanted - errors(language).keys()) == []

    def test_every_outage_and_every_thing_has_one(self, language: str) -> None:
        wanted = {f"unavailable/{outage}" for outage in get_args(Outage)}
        wanted |= {f"VIS-11/{thing}" for thing in get_args(Thing)}

        assert sorted(wanted - errors(language).keys()) == []

    def test_every_variant_has_a_generic_one_to_fall_back_on(self, language: str) -> None:
        assert sorted({code_of(key) for key in errors(language)} - errors(language).keys()) == []

    def test_none_speaks_of_an_error_that_is_gone(self, language: str) -> None:
        known = raised().keys() | transitions() | {f"ST-T/{trigger}" for trigger in TransferTrigger}
        known |= {f"unavailable/{outage}" for outage in get_args(Outage)} | {"internal"}
        known |= {f"VIS-11/{thing}" for thing in get_args(Thing)} | {f"ST-5/{cause}" for cause in StuckCause}
        known |= {code_of(key) for key in known} | {"ST-2"}

        assert sorted(errors(language).keys() - known) == []

    def test_denials_need_no_parameters(self, language: str) -> None:
        """They come back from a workflow as a key alone."""
        needing = {
            key
            for key, text in errors(language).items()
            if placeholders(text) and code_of(key) not in {"bad_input", "unavailable"}
        }

        assert needing == set()

    def test_parameters_are_given_wherever_the_error_is_raised(self, language: str) -> None:
        for key, places in raised().items():
            for given in places:
                assert placeholders(errors(language)[key]) <= given, key

    def test_generic_ones_need_no_parameters(self, language: str) -> None:
        generic = {code_of(key) for key in errors(language)}

        assert [key for key in generic if placeholders(errors(language)[key])] == []

    def test_each_says_what_is_wrong_and_what_to_do(self, language: str) -> None:
        """Two sentences, or two halves: one alone says only half of it."""
        for key, text in errors(language).items():
            assert text.endswith("."), key
            assert len(re.findall(r"[.;:](?:\s|$)", text)) > 1, key


def code_of(key: str) -> str:
    parts = key.split("/")
    return "/".join(parts[: 2 if parts[0] == "ST-T" else 1])


class TestLanguages:
    def test_same_keys(self) -> None:
        assert errors("fr").keys() == errors("en").keys()
        assert labels("fr").keys() == labels("en").keys()

    def test_same_parameters(self) -> None:
        for read in (errors, labels):
            for key, text in read("fr").items():
                assert placeholders(text) == placeholders(read("en")[key]), key

    def test_none_empty_and_none_forgotten_in_the_other_language(self) -> None:
        for read in (errors, labels):
            french, english = read("fr"), read("en")
            assert [key for key in french if not french[key].strip() or not english[key].strip()] == []
            assert {key for key in french if french[key] == english[key]} <= SAME_WORDS

    def test_french_punctuation(self) -> None:
        """A colon and guillemets stand behind spaces that do not break; an apostrophe is a real one."""
        for text in (*errors("fr").values(), *labels("fr").values()):
            assert " :" not in text
            assert "« " not in text
            assert " »" not in text
            assert "'" not in text


class TestLabels:
    @pytest.mark.parametrize(
        ("group", "words"),
        [
            ("state", TransferState),
            ("party", Party),
            ("class", ContentClass),
            ("item", ContentClass),
            ("outcome", Outcome),
            ("explain", Outcome),
            ("role", Role),
            ("purpose", Purpose),
            ("relation", Relation),
            ("status", RecordStatus),
            ("level", ShareLevel),
            ("raw_data", RawDataChoice),
            ("stuck", StuckCause),
            ("need", Need),
            ("item_state", NoteState),
            ("item_state", AppointmentState),
            ("mail", NoticeKind),
            ("mail_next", NoticeKind),
            ("mail_subject", NoticeKind),
            ("trouble", DeliveryTrouble),
            ("call", WhyCall),
        ],
    )
    def test_every_word_of_a_vocabulary_has_one(self, group: str, words: Iterable[str]) -> None:
        assert [word for word in words if f"{group}/{word}" not in labels("en")] == []

    def test_a_preview_shows_every_outcome(self) -> None:
        assert set(Outcome) == set(OUTCOMES)

    def test_every_label_that_the_commands_name_exists(self) -> None:
        groups = {key.partition("/")[0] for key in labels("en")}
        literals = {
            node.value
            for file in (ENGINE / "cli").glob("*.py")
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        named = {text for text in literals if re.fullmatch(rf"({'|'.join(groups)})/[a-z_]+", text)}

        assert sorted(named - labels("en").keys()) == []

    def test_every_command_and_option_has_help(self) -> None:
        missing = []

        def walk(command: Any, path: str) -> None:  # noqa: ANN401 - typer has no public name for it
            missing.extend([path] if f"help/{path or 'passation'}" not in labels("en") else [])
            for parameter in command.params:
                is_option = parameter.param_type_name == "option"
                name = parameter.opts[0] if is_option else parameter.metavar
                if not {f"help/{name}", f"help/{path} {name}"} & labels("en").keys():
                    missing.append(f"{path} {name}")
            for name, inner in getattr(command, "commands", {}).items():
                walk(inner, f"{path} {name}".strip())

        walk(typer.main.get_command(build()), "")

        assert missing == []


class TestSentence:
    def test_variant_then_code_then_the_code_itself(self) -> None:
        assert sentence(Denied("ELIG-3", "inactive"), "en") == errors("en")["ELIG-3/inactive"]
        assert sentence(Denied("ELIG-3", "to_come"), "en") == errors("en")["ELIG-3"]
        assert sentence(EngineError("TO-COME", "x"), "en") == "TO-COME"

    def test_parameter_that_did_not_survive(self) -> None:
        assert sentence(BadInput("too_long"), "fr") == errors("fr")["bad_input"]

    def test_field_is_named_in_the_readers_language(self) -> None:
        assert "prénom" in sentence(BadInput("empty", field="first_name"), "fr")

    def test_vis_11_not_found_is_the_same_word_for_word(self) -> None:
        """VIS-11: what is hidden and what does not exist are one error, so they are one sentence."""
        for language in LANGUAGES:
            assert sentence(NotFound("record"), language) == errors(language)["VIS-11/record"]

    def test_nothing_of_what_was_typed_is_repeated(self) -> None:
        secret = Unavailable("database_unavailable", cause="Tremblay")

        assert "Tremblay" not in sentence(secret, "en")


class TestLabel:
    def test_unknown_key_gives_its_last_part(self) -> None:
        assert label("class/to_come", "fr") == "to_come"

    def test_parameters(self) -> None:
        assert label("done/record", "en", number="D-1") == "Record D-1 is open."


def test_languages_are_those_of_the_settings() -> None:
    from engine.settings import Language

    assert set(get_args(Language)) == set(catalogue.LANGUAGES)
