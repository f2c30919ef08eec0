"""The page of an export: it needs nothing from anywhere, runs nothing, and prints well."""

import html
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from engine.catalogue import label
from engine.records.exporting import ExportItem
from engine.rules.content import ContentClass
from engine.views import RecordView

#: Of every page that is given out.
STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --paper: #fff;
  --card: #f6f8fa; --link: #0b5cad }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4af; --line: #30363d;
  --paper: #0f1318; --card: #171c22; --link: #79b8ff } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 52rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem }
h2 { font-size: 1.25rem; margin: 2.75rem 0 0; padding-bottom: .35rem; border-bottom: 2px solid var(--line) }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem }
a { color: var(--link) }
.soft, dt, footer { color: var(--soft); font-size: .9rem }
dl { display: grid;
  grid-template-columns: minmax(8rem, max-content) 1fr; gap: .2rem 1.25rem; margin: .75rem 0 0 }
dd { margin: 0; white-space: pre-wrap }
article { margin: 0 0 .75rem; padding: .8rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; break-inside: avoid }
article p { margin: 0 } article .file { margin-top: .5rem }
article .text { margin-top: .5rem; white-space: pre-wrap }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .75rem }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --card: #fff; --link: #000 }
  body { max-width: none; padding: 0; font-size: 10.5pt } article:has(.text) { break-inside: auto }
  h2, h3 { break-after: avoid } }
"""
#: Control characters but tab and newline: a page has no place for them.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TEXTS: Final = frozenset({"text/plain", "text/markdown"})
_LONGEST_TEXT: Final = 200_000


class Page:
    """Writes the page as the items come, in the order of the record's parts and classes."""

    def __init__(self, write: Callable[[str], Any], language: str, time_zone: str) -> None:
        self._write = write
        self._language = language
        self._zone = ZoneInfo(time_zone)
        self._part: UUID | None = None
        self._class: ContentClass | None = None
        self._started = False

    def begin(self, record: RecordView, by: str, at: datetime) -> None:
        """Write the head: whose record it is, who exported it and when."""
        title = self._words("export/heading", number=record.number)
        self._write(
            f'<!doctype html>\n<html lang="{self._language}"><head><meta charset="utf-8">'
            '<meta http-equiv="Content-Security-Policy"'
            " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{safe(title)}</title><style>{STYLE}</style></head><body><header>"
            f'<p class="soft">{safe(title)}</p><h1 dir="auto">{safe(record.title)}</h1>'
        )
        facts = {
            "client": ", ".join(record.clients),
            "owner": record.owner,
            "relation": self._words(f"relation/{record.relation}"),
        }
        self._facts({self._words(f"column/{name}"): value for name, value in facts.items()})
        told = self._words("export/by", name=by, at=self._instant(at), zone=str(self._zone))
        self._write(f'<p class="soft">{safe(told)}</p></header><main>')

    def item(self, found: ExportItem, name: str | None, body: bytes | None) -> None:
        """Write one item under its part's and its class's heading."""
        item = found.item
        part = item.holding_id if item.archived else None
        if not self._started or part != self._part:
            key = "export/record" if part is None else "export/copy"
            self._write(f"<h2>{safe(self._words(key))}</h2>")
            self._started, self._part, self._class = True, part, None
        if item.item_class is not self._class:
            self._class = item.item_class
            words = self._words(f"class/{item.item_class}")
            self._write(f"<h3>{safe(words[:1].upper() + words[1:])}</h3>")
        if item.item_class is ContentClass.DETAILS:
            self._facts(self._data(found.data))
            return
        when = None if "starts_at" in found.data else self._instant(item.at)
        state = None if item.state is None else self._words(f"item_state/{item.state}")
        head = " · ".join(word for word in (found.author, when, state) if word)
        self._write(f'<article><p class="soft" dir="auto">{safe(head)}</p>')
        # The head says already that a note is signed, and the link what a file is called.
        shown = {n: v for n, v in found.data.items() if n != "signed_at" or v != item.at}
        if name is not None and item.item_class is not ContentClass.PROFILE:
            shown.pop("name", None)
        self._facts(self._data(shown))
        self._body(found, name, body)
        self._write("</article>\n")

    def end(self) -> None:
        """Write the foot."""
        self._write(f"</main><footer>{safe(self._words('export/foot'))}</footer></body></html>\n")

    def _body(self, found: ExportItem, name: str | None, body: bytes | None) -> None:
        if name is None or body is None:
            return
        kind = (found.media_type or "").partition(";")[0]
        if found.item.item_class is ContentClass.PROFILE:
            self._profile(body)
        elif kind in _TEXTS and "name" not in found.data and len(body) <= _LONGEST_TEXT:
            self._write(f'<p class="text" dir="auto">{safe(body.decode(errors="replace").rstrip())}</p>')
            return
        size = self._words("export/size", size=f"{max(1, round(len(body) / 1024))}")
        file = found.item.item_class is not ContentClass.PROFILE and found.data.get("name")
        opens = safe(file or self._words("export/open"))
        self._write(
            f'<p class="file"><a href="{quote(name)}"><bdi>{opens}</bdi></a>'
            f' <span class="soft">{safe(size)}</span></p>'
        )

    def _profile(self, body: bytes) -> None:
        try:
            details = json.loads(body)
        except ValueError:
            return
        if isinstance(details, dict):
            shown = {
                str(k): v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)
                for k, v in details.items()
            }
            self._facts(shown)

    def _data(self, data: dict[str, Any]) -> dict[str, str | None]:
        shown: dict[str, str | None] = {}
        for name, value in data.items():
            if name == "amount_cents":
                whole, cents = divmod(abs(int(value)), 100)
                sign = "-" if int(value) < 0 else ""
                shown[self._words("export/amount")] = f"{sign}{whole}.{cents:02} {data.get('currency', '')}"
            elif name == "level":
                shown[self._words("export/level")] = self._words(f"level/{value}")
            elif name != "currency" and value is not None and value != "":
                shown[self._words(f"export/{name}")] = self._value(value)
        return shown

    def _value(self, value: Any) -> str:  # noqa: ANN401 - any column's value
        if isinstance(value, bool):
            return self._words("word/yes" if value else "word/no")
        return self._instant(value) if isinstance(value, datetime) else str(value)

    def _facts(self, facts: Mapping[str, str | None]) -> None:
        lines = [
            f'<dt>{safe(name)}</dt><dd dir="auto">{safe(value)}</dd>'
            for name, value in facts.items()
            if value
        ]
        if lines:
            self._write(f"<dl>{''.join(lines)}</dl>")

    def _instant(self, instant: datetime) -> str:
        return instant.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")

    def _words(self, key: str, /, **params: str | int) -> str:
        return label(key, self._language, **params)


def safe(text: str) -> str:
    """Write a text for a page: nothing in it is markup, and nothing steers."""
    return html.escape(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text))
