"""A receipt as a page to read and print: it needs nothing from anywhere, runs nothing, and proves nothing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.catalogue import label
from engine.exports.page import STYLE, safe

_STYLE = (
    STYLE
    + """
table { border-collapse: collapse; width: 100%; margin: .75rem 0 0 }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0;
  border-bottom: 1px solid var(--line) }
td.number { text-align: right; font-variant-numeric: tabular-nums }
code { font: .82rem/1.4 ui-monospace, monospace }
"""
)


def receipt_page(document: Mapping[str, Any], language: str, time_zone: str) -> str:
    """Write a receipt's page in one language; the times are those of the organization's clocks."""
    return _Page(document, language, ZoneInfo(time_zone)).text()


class _Page:
    def __init__(self, document: Mapping[str, Any], language: str, zone: ZoneInfo) -> None:
        self._document = document
        self._said: Mapping[str, Any] = document["statement"]
        self._language = language
        self._zone = zone

    def text(self) -> str:
        said = self._said
        title = self._words("heading", organization=said["organization"]["name"])
        return (
            f'<!doctype html>\n<html lang="{self._language}"><head><meta charset="utf-8">'
            '<meta http-equiv="Content-Security-Policy"'
            " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{safe(title)}</title><style>{_STYLE}</style></head><body><header>"
            f'<p class="soft" dir="auto">{safe(title)}</p><h1 dir="auto">{safe(self._parties())}</h1>'
            f"{self._facts(self._what())}</header><main>"
            f"<h2>{safe(self._words('counts'))}</h2>{self._counts()}"
            f"<h2>{safe(self._words('proof'))}</h2>{self._facts(self._proof())}"
            f"<h2>{safe(self._words('items'))}</h2>{self._items()}"
            f"</main><footer>{safe(self._words('foot'))}</footer></body></html>\n"
        )

    def _parties(self) -> str:
        said = self._said
        return self._words("parties", old=said["previous_owner"]["name"], new=said["new_owner"]["name"])

    def _what(self) -> dict[str, str]:
        said, options = self._said, self._said["options"]
        record = self._document.get("record")
        # What a coordinator imposed never looks like an acceptance (OVR-1).
        decided = "decided_by" if said["decided_by"]["id"] == said["new_owner"]["id"] else "imposed_by"
        included = "included" if options["include_confidential"] else "excluded"
        return {
            self._words("record"): "" if record is None else record["number"],
            self._words("previous_owner"): _person(said["previous_owner"]),
            self._words("new_owner"): _person(said["new_owner"]),
            self._words("asked_by"): _person(said["asked_by"]),
            self._words(decided): _person(said["decided_by"]),
            label("column/purpose", self._language): label(f"purpose/{said['purpose']}", self._language),
            self._words("asked_at"): self._instant(said["asked_at"]),
            self._words("accepted_at"): self._instant(said["accepted_at"]),
            label("column/confidential", self._language): label(f"word/{included}", self._language),
            label("column/raw_data", self._language): label(
                f"raw_data/{options['raw_data']}", self._language
            ),
            label("column/copy", self._language): label(
                "word/kept" if options["keep_copy"] else "word/not_kept", self._language
            ),
        }

    def _proof(self) -> dict[str, str]:
        said = self._said
        return {
            self._words("transfer"): said["transfer"],
            self._words("lines"): str(said["manifest"]["lines"]),
            self._words("manifest"): said["manifest"]["hash"],
            self._words("line_of_log"): f"{said['chain']['seq']} \N{MIDDLE DOT} {said['chain']['hash']}",
            self._words("key"): said["key"],
            self._words("signature"): self._document["signature"],
        }

    def _counts(self) -> str:
        rows = [
            (self._class(item_class), self._words(outcome), str(count))
            for item_class, outcomes in self._said["counts"].items()
            for outcome, count in outcomes.items()
        ]
        return self._table(("class", "outcome", "count"), rows, numbers=True)

    def _items(self) -> str:
        manifest = self._document["manifest"]
        lines = [*manifest["lines"], *manifest.get("annex_lines", [])]
        rows = sorted(
            (self._class(line["class"]), self._words(line["outcome"]), line["id"], line["digest"])
            for line in lines
            if "salt" in line
        )
        if not rows:
            return f"<p>{safe(self._words('none_opened'))}</p>"
        return self._table(("class", "outcome", "id", "digest"), rows)

    def _table(self, heads: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: bool = False) -> str:
        head = "".join(f"<th>{safe(self._words(name))}</th>" for name in heads)
        body = ""
        for row in rows:
            *cells, last = (safe(cell) for cell in row)
            kind = ' class="number"' if numbers else ""
            shown = last if numbers else f"<code>{last}</code>"
            body += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}<td{kind}>{shown}</td></tr>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _facts(self, facts: Mapping[str, str]) -> str:
        lines = "".join(
            f'<dt>{safe(name)}</dt><dd dir="auto">{safe(value)}</dd>'
            for name, value in facts.items()
            if value
        )
        return f"<dl>{lines}</dl>"

    def _class(self, item_class: str) -> str:
        return label(f"class/{item_class}", self._language)

    def _instant(self, text: str) -> str:
        shown = datetime.fromisoformat(text).astimezone(self._zone).strftime("%Y-%m-%d %H:%M")
        return f"{shown} ({self._zone.key})"

    def _words(self, name: str, **params: str) -> str:
        return label(f"receipt/{name}", self._language, **params)


def _person(said: Mapping[str, str]) -> str:
    return f"{said['name']}, {said['title']}" if said["title"] else said["name"]
