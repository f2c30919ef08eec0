"""One call of the command line: what was typed for every command, what it opens, and how it answers."""

import json
import locale
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from engine.catalogue import LANGUAGES, label, sentence
from engine.errors import BadInput, EngineError, NotFound, Unavailable

# Loaded only by the command that needs them: `--help` answers at once.
if TYPE_CHECKING:
    from engine.cli.output import Page
    from engine.desk.desk import Desk
    from engine.service import Service
    from engine.settings import Language, Settings

_NO_PATIENCE: Final = timedelta(0)


class Call:
    """What one command has at hand: settings, desk, service, who acts, and the language of the answer."""

    def __init__(self, *, as_json: bool = False, language: str | None = None) -> None:
        """Begin with what the command line seems to say: even a misspelt one is answered in kind."""
        self.as_json = as_json
        self.organization: str | None = None
        self.time_zone = "UTC"
        self._data: Path | None = None
        self._wanted = language
        self._language: str | None = None

    def told(self, *, data: Path | None, lang: str | None, as_json: bool, organization: str | None) -> None:
        """Take the options that every command has; what is told later goes before what was told first."""
        self._data = data or self._data
        self._wanted = lang or self._wanted
        self.as_json = as_json or self.as_json
        self.organization = organization or self.organization

    @property
    def language(self) -> "Language":
        """The language of the answer: the one asked for, the reader's, the system's, or English."""
        environment = os.environ.get("PASSATION_LANGUAGE")
        wished = (self._wanted, environment, self._language, _system_language())
        return "fr" if next(language for language in wished if language in LANGUAGES) == "fr" else "en"

    @cached_property
    def settings(self) -> "Settings":
        """The settings of this call."""
        from engine.settings import Settings

        return Settings.load(data=self._data)

    @cached_property
    def desk(self) -> "Desk":
        """The desk on the database of the data folder. Raises ``Unavailable`` where there is none."""
        self.require_database()
        from engine import wiring

        return wiring.open_desk(self.settings, os_uid=os.getuid())

    @cached_property
    def service(self) -> "Service":
        """The service on the same desk, and on the Temporal server that the settings name."""
        from engine import wiring

        return wiring.open_service(self.settings, self.desk, os_uid=os.getuid())

    def impatient_desk(self) -> "Desk":
        """Open a desk that waits for nothing, whether there is a database or not."""
        from engine import wiring

        return wiring.open_desk(self.settings, os_uid=os.getuid(), patience=_NO_PATIENCE)

    def require_database(self) -> None:
        """
        Raise ``Unavailable`` at once where there is no database and nothing that could bring it back.

        While something runs on the folder, a database that is gone is an outage, and worth waiting for; so
        is one on a server.
        """
        if self.settings.database is not None:
            return
        if not self.settings.database_file.exists() and self.settings.running() is None:
            raise Unavailable("database_missing")

    def prepare(self) -> None:
        """Create the database, or bring it to this version."""
        from engine import wiring

        wiring.prepare_database(self.settings)

    def actor(self, email: str) -> UUID:
        """Find who acts, and speak their language from now on. Raises ``NotFound``."""
        actor_id = self.desk.member_by_email(email, self.organization)
        reader = self.desk.reader(actor_id)
        self._language, self.time_zone = reader.language, reader.time_zone
        return actor_id

    def colleague(self, actor_id: UUID, email: str) -> UUID:
        """
        Find a colleague by address; where there is none, give an id that belongs to nobody.

        The rules then answer for a stranger as for nobody (VIS-8), once they have said what comes before.
        """
        found = self.desk.colleague(actor_id, email)
        return found or uuid5(NAMESPACE_URL, f"mailto:{email.strip().lower()}")

    def record(self, actor_id: UUID, name: str) -> UUID:
        """Find a record by number or id. Raises ``NotFound``."""
        return self.desk.record_named(actor_id, name.strip())

    def answer(self, content: Any, show: Callable[["Page"], None]) -> None:  # noqa: ANN401 - a view, or views by name
        """Answer with one JSON object, or for people as ``show`` does."""
        from engine.cli.output import Page, plain

        if self.as_json:
            write(json.dumps(plain(content), ensure_ascii=False))
        else:
            show(Page(self.language, self.time_zone))

    def show(self, show: Callable[["Page"], None]) -> None:
        """Show something that is not yet the answer, to the person at the terminal."""
        from engine.cli.output import Page

        show(Page(self.language, self.time_zone, to_stderr=self.as_json))

    def words(self, key: str, /, **params: str | int) -> str:
        """Give a label in the language of the answer."""
        return label(key, self.language, **params)

    def close(self) -> None:
        """Give back what was opened."""
        desk: Desk | None = self.__dict__.get("desk")
        if desk is not None:
            desk.database.close()

    def complain(self, error: EngineError) -> None:
        """Say on stderr what is wrong and what to do next."""
        message = sentence(error, self.language)
        if self.as_json:
            told = {"code": error.code, "variant": error.variant, "key": error.key, "message": message}
            write(json.dumps({"error": told}, ensure_ascii=False), sys.stderr)
        else:
            write(f"{label('word/error', self.language)} ({error.key}): {message}", sys.stderr)

    def give_back(self, text: str) -> None:
        """Give a text back that could not be saved (VIS-4)."""
        write(json.dumps({"text": text}, ensure_ascii=False) if self.as_json else text)


def identifier(text: str, missing: NotFound) -> UUID:
    """Read an id; something else names nothing, so it raises what a thing that does not exist would."""
    try:
        return UUID(text.strip())
    except ValueError:
        raise missing from None


def typed(text: str | None, *, missing: str | None = None) -> str:
    """Give the text that was typed, or for ``-`` and for nothing what the standard input holds."""
    if text is not None and text != "-":
        return text
    if text is None and sys.stdin.isatty() and missing is not None:
        raise BadInput("missing", name=missing)
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise BadInput("encoding") from None


def write(text: str, stream: Any = None) -> None:  # noqa: ANN401 - a text stream
    """Write a line; whoever reads may have left."""
    stream = stream or sys.stdout
    with suppress(BrokenPipeError):
        stream.write(f"{text}\n")
        stream.flush()


def _system_language() -> str:
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    first = next((name for name in names if name), "")
    return "fr" if locale.normalize(first).lower().startswith("fr") else "en"
