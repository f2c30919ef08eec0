"""
The generated parts of the pages: each is a function of the code, and stands between markers in its page.

``python -m tests.docs`` (``make docs``) writes them; tests compare.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, cast, get_args, get_origin
from uuid import uuid4

from pydantic import BaseModel

from engine.catalogue import errors, label, labels
from engine.cli import app
from engine.errors import (
    BadInput,
    Denied,
    EngineError,
    NotFound,
    Outage,
    Stuck,
    Unavailable,
    Unidentified,
    of_key,
)
from engine.messages import bulk, bulk_answer
from engine.messages import transfer as messages
from engine.records.tables.base import StuckCause
from engine.rules import content
from engine.rules.content import UNCOUNTED, ContentClass, Outcome, Plan
from engine.rules.facts import MemberFacts, PolicyFacts, RecordFacts, RecordStatus, Relation
from engine.states.choices import Need, Options, Purpose, RawDataChoice, Role, ShareLevel
from engine.states.transfer import Party, TransferState
from tests.docs import citations, commands, examples
from tests.docs.markdown import ROOT, filled, parts, rows, table

#: Labels by group, where people read the words of a vocabulary.
VOCABULARIES: Final[Mapping[str, type[StrEnum]]] = {
    "state": TransferState,
    "party": Party,
    "role": Role,
    "relation": Relation,
    "status": RecordStatus,
    "level": ShareLevel,
    "purpose": Purpose,
    "raw_data": RawDataChoice,
    "class": ContentClass,
    "outcome": Outcome,
    "stuck": StuckCause,
    "need": Need,
}
#: The workflow's messages, under the name of the update that carries them; the last one is every answer.
MESSAGES: Final[Mapping[str, type[BaseModel]]] = {
    messages.REQUEST: messages.TransferRequest,
    "accept": messages.Accept,
    "refuse": messages.Refuse,
    "cancel": messages.Cancel,
    "narrow": messages.Narrow,
    "reassign": messages.Reassign,
    "impose": messages.Impose,
    "extend": messages.Extend,
    "the answer": messages.StepResult,
}
#: The same of the workflows of a caseload.
BULK_MESSAGES: Final[Mapping[str, type[BaseModel]]] = {
    bulk.LAUNCH: bulk.BulkLaunch,
    "pause, resume, retry": bulk.BulkCommand,
    "stop": bulk.BulkStop,
    "the answer of a bulk": bulk.BulkResult,
    bulk_answer.ANSWER: bulk_answer.GiveAnswer,
    "the answer of an answer": bulk_answer.AnswerResult,
}
#: What a page says that is written whole by a module of the product, which has a function `page`.
_WHOLE: Final = re.compile(r"<!-- (?:Generated|Written) by `python -m ([\w.]+) docs/")


def pages() -> dict[Path, str]:
    """Give every page that is generated, or has generated parts, as it should be."""
    docs = sorted((ROOT / "docs").glob("*.md"))
    texts = {page: page.read_text(encoding="utf-8") for page in docs}
    written = {page: filled(text, _Lazily()) for page, text in texts.items() if parts(text)}
    whole = {page: found[1] for page, text in texts.items() if (found := _WHOLE.search(text))}
    return written | {page: importlib.import_module(module).page() for page, module in whole.items()}


class _Lazily(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return PARTS[name]()


def options_part() -> str:
    """The options of a transfer."""
    default = Options()
    words = {
        "include_confidential": (
            "`--include-confidential`",
            "the owner's confidential items move",
        ),
        "raw_data": (
            "`--raw-data exclude`, `include`, `if-allowed`",
            "raw data move",
        ),
        "keep_copy": ("`--no-copy`", "the previous owner keeps a read-only archived copy"),
    }
    lines = [
        [f"`{name}`", flag, meaning, f"`{getattr(default, name)}`"] for name, (flag, meaning) in words.items()
    ]
    assert words.keys() == set(Options.__dataclass_fields__)
    return table(["option", "on the command line", "what it says", "default"], lines)


def classes_part() -> str:
    """What becomes of every class, in general."""
    plans = list(_plans().values())
    lines = []
    for name in ContentClass:
        outcomes = {plan.outcomes[name] for plan in plans}
        moves = "by option" if Outcome.MOVED in outcomes and len(outcomes) > 1 else _always(outcomes)
        counted = "nobody but its author" if name in UNCOUNTED else "yes"
        lines.append(
            [f"`MOVE-T/{name}`", label(f"class/{name}", "en"), label(f"class/{name}", "fr"), moves, counted]
        )
    return table(["id", "class", "classe", "moves", "in counts and manifest"], lines)


def _always(outcomes: set[Outcome]) -> str:
    if outcomes == {Outcome.MOVED}:
        return "always"
    return f"never: {' or '.join(sorted(outcomes))}"


def outcomes_part() -> str:
    """The outcome of every class that depends on an option, for every combination of them."""
    plans = _plans()
    varying = [name for name in ContentClass if len({plan.outcomes[name] for plan in plans.values()}) > 1]
    lines = [
        [
            "moves" if chosen.include_confidential else "stays",
            "moves" if chosen.raw_data is RawDataChoice.INCLUDE else "stays",
            "kept" if chosen.keep_copy else "none",
            *(plan.outcomes[name].value for name in varying),
        ]
        for chosen, plan in plans.items()
    ]
    return table(["confidential", "raw data", "copy", *(f"`{name}`" for name in varying)], lines)


def by_rule_part() -> str:
    """What a rule changes about the options."""
    bare = Options(include_confidential=False, raw_data=RawDataChoice.EXCLUDE, keep_copy=False)
    hoped = Options(include_confidential=False, raw_data=RawDataChoice.IF_ALLOWED, keep_copy=False)
    cases = {
        "the record is confidential as a whole (ELIG-6)": _plan(bare, confidential=True),
        "raw data *if allowed*, and the title forbids them (ELIG-5, MOVE-8)": _plan(hoped, allowed=False),
        "the record is under legal hold (MOVE-11)": _plan(bare, hold=True),
    }
    lines = [
        [
            case,
            plan.outcomes[ContentClass.CONFIDENTIAL_NOTE].value,
            plan.outcomes[ContentClass.RAW_DATA].value,
            plan.outcomes[ContentClass.TASK].value,
            "kept" if plan.copy_kept else "none",
        ]
        for case, plan in cases.items()
    ]
    head = ["asked without a copy, where", "confidential notes", "raw data", "tasks, memos", "copy"]
    return table(head, lines)


@cache
def _plans() -> dict[Options, Plan]:
    chosen = [
        Options(include_confidential=confidential, raw_data=raw, keep_copy=copy)
        for copy in (True, False)
        for confidential in (False, True)
        for raw in (RawDataChoice.EXCLUDE, RawDataChoice.INCLUDE)
    ]
    return {options: _plan(options) for options in chosen}


def _plan(options: Options, *, confidential: bool = False, allowed: bool = True, hold: bool = False) -> Plan:
    organization, owner = uuid4(), uuid4()
    new_owner = MemberFacts(
        id=uuid4(),
        organization_id=organization,
        active=True,
        roles=frozenset({Role.PRACTITIONER}),
        title="psychologue",
        accepts_records=True,
    )
    record = RecordFacts(
        id=uuid4(),
        organization_id=organization,
        status=RecordStatus.ACTIVE,
        owner_id=owner,
        owner_active=True,
        confidential=confidential,
        legal_hold=hold,
        has_raw_data=True,
        restricted_members=frozenset(),
        restricted_titles=frozenset(),
        open_transfer_id=None,
        relation=Relation.OWNER,
    )
    titles = frozenset({"psychologue"}) if allowed else frozenset[str]()
    return content.plan(options, record, new_owner, PolicyFacts(raw_data_titles=titles, basis_required=False))


def errors_part() -> str:
    """Every error key with its status, exit code and sentences."""
    english, french = errors("en"), errors("fr")
    families: dict[str, list[list[str]]] = {}
    for key in english:
        error = error_of(key)
        line = [f"`{key}`", str(error.status), str(app.exit_code(error)), english[key], french[key]]
        families.setdefault(_code(key), []).append(line)
    head = ["key", "HTTP", "exit", "English", "French"]
    return "\n".join(f"### {code}\n\n{table(head, lines)}" for code, lines in families.items())


def _code(key: str) -> str:
    parts_of_key = key.split("/")
    return "/".join(parts_of_key[: 2 if key.startswith("ST-T/") else 1])


def error_of(key: str) -> EngineError:
    """Make the error of a catalogue key, of the class that the product raises."""
    code, _, variant = key.partition("/")
    if code == "unavailable":
        return Unavailable(cast("Outage", variant or "no_answer"))
    if code == "bad_input":
        return BadInput(variant or None)
    if key == "ST-5" or (code == "ST-5" and variant in set(StuckCause)):
        return Stuck(variant or "unexpected_error")
    if code == "identity":
        return Unidentified(variant or None)
    if code == "internal":
        return EngineError(key)
    error = of_key(key)
    assert isinstance(error, Denied | NotFound)
    return error


def exit_codes_part() -> str:
    """What a shell sees, as decision 0008 says it."""
    lines = rows((ROOT / "docs" / "decisions" / "0008-exit-codes.md").read_text(encoding="utf-8"))
    return table(["exit code", *lines[0][1:]], lines[1:])


def index_part() -> str:
    """Every page with what it says first."""
    found = {page: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
    lines = [
        [f"[{page.name}]({page.name})", _first_sentence(text)]
        for page, text in found.items()
        if page.name != "README.md"
    ]
    return table(["page", "begins"], lines)


def _first_sentence(text: str) -> str:
    """Give the first sentence below the title, without the links in it."""
    body = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).strip().partition("\n\n")[2].strip()
    words = " ".join(body.partition("\n\n")[0].split())
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.split(r"(?<=[.]) ", words)[0])


def common_part() -> str:
    """What every command takes."""
    return _options_table(commands.common())


def commands_part() -> str:
    """Every command with its options and what it really answered."""
    shown = examples.recorded()
    sections = []
    for command in commands.commands():
        own = commands.options(command)
        section = [f"### {command.path}\n", f"{command.help}\n"]
        section += [_options_table(own)] if own else []
        if command.path in shown:
            section.append(shown[command.path].shown())
        elif command.path in examples.WITHOUT_ANSWER:
            section.append(f"No `--json` answer: {examples.WITHOUT_ANSWER[command.path]}\n")
        sections.append("\n".join(section))
    return "\n".join(sections)


def _options_table(found: list[commands.Option]) -> str:
    lines = [[f"`{each.written}`", "yes" if each.required else "", each.help] for each in found]
    return table(["", "required", ""], lines)


def vocabularies_part() -> str:
    """The words of every vocabulary in both languages."""
    sections = []
    for group, words in VOCABULARIES.items():
        lines = [
            [f"`{word}`", *(labels(language)[f"{group}/{word}"] for language in ("en", "fr"))]
            for word in words
        ]
        sections.append(f"### {words.__name__}\n\n{table(['code', 'English', 'French'], lines)}")
    return "\n".join(sections)


def citations_part() -> str:
    """Which files cite each rule; none, and it is not built yet."""
    product, proven = citations.in_product(), citations.in_tests()
    lines = [
        [
            f"`{rule}`",
            "built" if rule in proven else "**not built yet**",
            _places(product.get(rule, []), "engine/"),
            _places(proven.get(rule, []), "tests/"),
        ]
        for rule in citations.documented()
    ]
    return table(["rule", "", "cited in `engine/`", "cited in `tests/`"], lines)


def _places(files: list[Path], folder: str) -> str:
    names = [file.as_posix().removeprefix(folder) for file in files]
    return ", ".join(f"`{name}`" for name in names)


def messages_part() -> str:
    """The fields of every message of a transfer."""
    return _messages(MESSAGES)


def bulk_messages_part() -> str:
    """The fields of every message of a bulk, and of a recipient's answer to one."""
    return _messages(BULK_MESSAGES)


def _messages(models: Mapping[str, type[BaseModel]]) -> str:
    sections = []
    for name, model in models.items():
        lines = [
            [f"`{field}`", f"`{_type(info.annotation)}`", "yes" if info.is_required() else ""]
            for field, info in model.model_fields.items()
        ]
        title = name if name.startswith("the answer") else ", ".join(f"`{one}`" for one in name.split(", "))
        sections.append(f"### {title}: {model.__name__}\n\n{table(['field', 'type', 'required'], lines)}")
    return "\n".join(sections)


def _type(annotation: Any) -> str:  # noqa: ANN401 - what an annotation is
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in {tuple, dict}:
        # The last argument of a tuple of any length is an ellipsis.
        return (
            f"{'list' if origin is tuple else 'object'} of {_type(inner[0] if origin is tuple else inner[1])}"
        )
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    words = [word.rpartition(".")[2] for word in text.split(" | ")]
    return " or ".join("null" if word == "None" else word for word in words)


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "index": index_part,
    "options": options_part,
    "classes": classes_part,
    "outcomes": outcomes_part,
    "by-rule": by_rule_part,
    "errors": errors_part,
    "exit-codes": exit_codes_part,
    "common-options": common_part,
    "commands": commands_part,
    "vocabularies": vocabularies_part,
    "citations": citations_part,
    "messages": messages_part,
    "bulk-messages": bulk_messages_part,
}


def write() -> Iterator[Path]:
    """Write every page that is not as it should be, and name it."""
    for page, text in pages().items():
        if page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8", newline="\n")
            yield page
