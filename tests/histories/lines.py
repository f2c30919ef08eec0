"""Which lines of a folder run: what no recorded path runs through, no replay watches over."""

import ast
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any


@contextmanager
def watched(folder: Path) -> Iterator[dict[str, set[int]]]:
    """Note, by file, each line of the folder that runs, also in threads that begin now."""
    ran: dict[str, set[int]] = defaultdict(set)
    root = str(folder)

    def line(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401 - as the interpreter wants it
        if event == "line":
            ran[frame.f_code.co_filename].add(frame.f_lineno)
        return line

    def call(frame: FrameType, _: str, __: Any) -> Any:  # noqa: ANN401
        return line if frame.f_code.co_filename.startswith(root) else None

    before = sys.gettrace(), threading.gettrace()
    sys.settrace(call)
    threading.settrace(call)
    try:
        yield ran
    finally:
        sys.settrace(before[0])
        threading.settrace(before[1])


def statements(file: Path) -> dict[int, str]:
    """Give every line of a function on which a statement begins, as it is written."""
    text = file.read_text(encoding="utf-8")
    written = text.splitlines()
    return {
        node.lineno: written[node.lineno - 1].strip()
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.stmt) and not _only_holds(node)
    }


def _only_holds(node: ast.stmt) -> bool:
    """Say whether the interpreter has nothing to do there: a docstring, a ``try``, an inner function."""
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, ast.Try | ast.FunctionDef | ast.AsyncFunctionDef)


def patches(folder: Path) -> set[str]:
    """Give the ids of every gate in the files of a folder."""
    return {
        node.args[0].value
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"patched", "deprecate_patch"}
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
