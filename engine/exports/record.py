"""The export of a record: one file an item, an index for programs and a page for people."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from engine.exports import folder
from engine.exports.page import Page
from engine.records.exporting import ExportItem
from engine.rules.content import ContentClass
from engine.views import RecordView

FORMAT = "passation-export/1"
#: Called after each item: how many are done, of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported, for whom and when; ``body`` reads the bytes of one item."""

    record: RecordView
    items: Sequence[ExportItem]
    body: Callable[[ExportItem], bytes]
    exported_by: str
    exported_at: datetime
    language: str
    time_zone: str


def write_record(export: Export, target: Path, progress: Progress | None = None) -> int:
    """Write an export to a folder, and give the number of its items. One item is in memory at a time."""
    with folder.whole_folder(target) as place:
        page_file = place / "index.html"
        folder.write(page_file, b"")
        listed = []
        with page_file.open("w", encoding="utf-8") as out:
            page = Page(out.write, export.language, export.time_zone)
            page.begin(export.record, export.exported_by, export.exported_at)
            for done, found in enumerate(export.items, start=1):
                body = None if found.item.sha256 is None else export.body(found)
                name = None
                if body is not None:
                    name = file_name(found)
                    (place / name).parent.mkdir(mode=0o700, exist_ok=True)
                    folder.write(place / name, body)
                listed.append(_line(found, name, None if body is None else len(body)))
                page.item(found, name, body)
                if progress is not None:
                    progress(done, len(export.items))
            page.end()
        # Last: what has an index has everything that the index names.
        folder.write(place / "index.json", _index(export, listed))
    return len(listed)


def file_name(found: ExportItem) -> str:
    """Name an item's file by its class and id: nothing that a person typed is in it."""
    item = found.item
    part = f"copy-{item.holding_id}" if item.archived else "record"
    return f"{part}/{item.item_class}-{item.id}{folder.extension(found.media_type or '')}"


def _line(found: ExportItem, name: str | None, size: int | None) -> dict[str, Any]:
    item = found.item
    return {
        "class": item.item_class.value,
        "id": str(item.id),
        "copy": str(item.holding_id) if item.archived else None,
        "author": found.author,
        "date": _plain(item.at),
        "state": item.state,
        "file": name,
        "media_type": found.media_type,
        "size": size,
        "sha256": item.sha256,
        "data": {key: _plain(value) for key, value in found.data.items()},
    }


def _index(export: Export, listed: list[dict[str, Any]]) -> bytes:
    record = export.record
    index = {
        "format": FORMAT,
        "exported_at": _plain(export.exported_at),
        "exported_by": export.exported_by,
        "record": {
            "id": str(record.id),
            "number": record.number,
            "title": record.title,
            "clients": record.clients,
            "owner": record.owner,
            "relation": record.relation.value,
            "opened_on": record.opened_on,
            "email": record.email,
            "reason_for_consultation": record.reason_for_consultation,
            "confidential": record.confidential,
        },
        "items": listed,
    }
    return json.dumps(index, ensure_ascii=False, indent=1).encode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column's value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID | date | ContentClass) else value
