"""What the demo says, in French and in English: one TOML file for each language (decision 0004)."""

import tomllib
from pathlib import Path

from engine.settings import Language

_FOLDER = Path(__file__).parent


class Words:
    """The demo's sentences in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._words: dict[str, str] = tomllib.loads(
            (_FOLDER / f"{language}.toml").read_text(encoding="utf-8")
        )

    def __call__(self, key: str, /, **params: object) -> str:
        """Give a sentence with what it mentions; the singular has a key of its own, ``…_one``."""
        only_one = params.get("count") in ({0, 1} if self.language == "fr" else {1})
        if only_one and f"{key}_one" in self._words:
            key = f"{key}_one"
        return self._words[key].format(**params)

    def seconds(self, seconds: float) -> str:
        """Write a duration."""
        text = f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}"
        return f"{text.replace('.', ',') if self.language == 'fr' else text} s"

    def pattern(self, key: str) -> str:
        """Give a sentence before what it mentions is filled in."""
        return self._words[key]

    @property
    def keys(self) -> frozenset[str]:
        """Every key, so that the languages can be compared."""
        return frozenset(self._words)
