"""The sentences and labels that a person reads, in French and in English, by key (decision 0004)."""

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from engine.errors import EngineError

LANGUAGES: Final = ("fr", "en")

_FOLDER: Final = Path(__file__).parent / "catalogues"
_Table = Mapping[str, Mapping[str, str]]


def sentence(error: EngineError, language: str) -> str:
    """
    Say what is wrong and what to do next.

    A key without a sentence, or whose sentence mentions a parameter that did not survive the journey, falls
    back to its code's sentence, then to the code itself.
    """
    sentences = errors(language)
    params = {name: _word(name, value, language) for name, value in error.params.items()}
    for key in (error.key, error.code):
        if key in sentences:
            with suppress(KeyError):
                return sentences[key].format_map(params)
    return error.code


def label(key: str, language: str, /, **params: str | int) -> str:
    """Give the words for a key such as ``state/accepted``; an unknown key gives its last part."""
    found = labels(language).get(key)
    return key.rpartition("/")[2] if found is None else found.format_map(params)


def errors(language: str) -> Mapping[str, str]:
    """Give every sentence of a language, by error key."""
    return _read(language)["errors"]


def labels(language: str) -> Mapping[str, str]:
    """Give every label of a language, by ``group/name``."""
    return _read(language)["labels"]


def _word(name: str, value: str | int, language: str) -> str | int:
    """Name a field in the reader's language; any other parameter is shown as it is."""
    return label(f"field/{value}", language) if name == "field" else value


@cache
def _read(language: str) -> _Table:
    content = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    groups: Mapping[str, Mapping[str, str]] = content["labels"]
    return {
        "errors": content["errors"],
        "labels": {
            f"{group}/{name}": words for group, named in groups.items() for name, words in named.items()
        },
    }
