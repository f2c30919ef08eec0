"""
What a record consists of is read in one place, and there it is decided who sees what (VIS-5 to VIS-9).

So a module that is not named here neither selects from an item table nor writes to one; it may name what one
of these gave it, in an annotation.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine

ROOT = Path(engine.__file__).parent
TABLES = "engine.records.tables.items"
#: Each class of an item table, with the name that SQL knows.
ITEMS = {
    "Note": "notes",
    "Document": "documents",
    "RawDatum": "raw_data",
    "Profile": "profiles",
    "Invoice": "invoices",
    "Task": "tasks",
    "Memo": "memos",
    "Appointment": "appointments",
    "Content": "content",
    "Item": None,
    "ItemWithContent": None,
}
ANY = frozenset(ITEMS)
#: Who may, and which.
MAY = {
    "records/tables/items.py": ANY,  # says what they are
    "records/tables/every.py": frozenset({TABLES}),  # loads every table, touches none
    "records/classes.py": ANY,  # the one list of classes
    "records/visibility.py": frozenset({"Content"}),  # the one query; the bytes of what it shows
    # the fields and bytes of what the one query shows
    "records/exporting.py": frozenset(
        {"Note", "Document", "RawDatum", "Profile", "Invoice", "Task", "Appointment", "Content"}
    ),
    "records/handover.py": ANY,  # moves them
    "records/seals.py": ANY,  # digests them, and reads their bytes again
    "records/writing.py": ANY,  # adds to them
    "records/recovering.py": frozenset(
        {"Note", "Document"}
    ),  # copies what its author kept for themself (VIS-6)
    "records/destruction.py": ANY,  # deletes from them, and asks when the last service was (MOVE-6)
    "records/notes.py": frozenset({"Note"}),  # writes, signs, approves and adopts them
    "records/importing.py": ANY,  # writes what another system knew, set by set
    # whether what a resource became is still somewhere, not what it is (MOVE-6)
    "records/imported.py": ANY - {"Content", "Item", "ItemWithContent"},
    "records/facts.py": frozenset({"RawDatum"}),  # whether a record has raw data (ELIG-5), not which
    "records/holders.py": frozenset({"Appointment"}),  # how many a member still has (ROLE-6), not which
    "cli/demo/checks.py": ANY,  # counts in plain SQL, so that the demo does not trust what it shows
    "records/held.py": frozenset({"Appointment"}),  # when the one is that waits for a decision (NOTE-2)
    "notices/letters.py": frozenset({"Appointment"}),  # when the one was that a client need not come to
    "notices/calls.py": frozenset({"Appointment"}),  # the same, for whom somebody must call
    "notices/outbox.py": frozenset({"Appointment"}),  # whose appointment a hand-over cancelled (NOTE-2)
}
#: What was released is not changed, and names tables as they were.
RELEASED = "records/migrations/versions/"


def modules() -> list[str]:
    found = (file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py"))
    return sorted(name for name in found if not name.startswith(RELEASED))


def used(source: str) -> set[str]:
    """Name the item tables that a module does something with."""
    tree = ast.parse(source)
    return {*_imported_whole(tree), *(_imported(tree) & _mentioned(tree)), *_written_out(tree)}


def _imported_whole(tree: ast.AST) -> Iterator[str]:
    """The module of tables itself, which gives them all."""
    package, _, module = TABLES.rpartition(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name == TABLES for alias in node.names):
            yield TABLES
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if (node.module == package and module in names) or (node.module == TABLES and "*" in names):
                yield TABLES


def _imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        # From anywhere: a module that gives a table on is no way round.
        if isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names if alias.name in ITEMS and _of_records(node)}
            renamed = {alias.name for alias in node.names if alias.name in ITEMS and alias.asname}
            assert not renamed, f"under another name this test would miss it: {renamed}"
    return found | {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)} & ANY


def _of_records(node: ast.ImportFrom) -> bool:
    return node.level > 0 or (node.module or "").startswith("engine.records")


def _mentioned(tree: ast.AST) -> set[str]:
    """Every name that is used, annotations apart."""
    annotations = set()
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            annotation = getattr(node, field, None)
            if annotation is not None:
                annotations |= {id(inner) for inner in ast.walk(annotation)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in annotations}
    return names | {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _written_out(tree: ast.AST) -> Iterator[str]:
    """Tables that SQL in a string names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for item, table in ITEMS.items():
                if table and re.search(rf"\b(FROM|JOIN|INTO|UPDATE)\s+{table}\b", node.value):
                    yield item


@pytest.mark.parametrize("module", modules())
def test_only_those_who_may_touch_item_tables(module: str) -> None:
    found = used((ROOT / module).read_text(encoding="utf-8"))
    assert found <= MAY.get(module, frozenset()), f"{module}: ask engine.records.visibility instead"


@pytest.mark.parametrize("module", sorted(MAY))
def test_who_may_does(module: str) -> None:
    """The list above stays as short as it can be."""
    found = used((ROOT / module).read_text(encoding="utf-8"))
    assert found
    assert MAY[module] in {ANY, frozenset(found)}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from engine.records.tables.items import Note\nselect(Note)", {"Note"}),
        ("from engine.records.tables.items import Note\ndef f(note: Note) -> Note | None: ...", set()),
        ("from engine.records.classes import Note\nquery(Note.item_id)", {"Note"}),
        ("from engine.records.tables import items\nselect(items.Note)", {TABLES}),
        ("import engine.records.tables.items as t", {TABLES}),
        ("from engine.records.tables.items import *", {TABLES}),
        ("text('SELECT * FROM documents')", {"Document"}),
        ("class Note: ...\nNote()", {"Note"}),
        ("from engine.records.tables.transfers import Transfer\nselect(Transfer)", set()),
    ],
)
def test_what_counts(source: str, found: set[str]) -> None:
    """The control: each way to reach a table is seen."""
    assert used(source) == found
