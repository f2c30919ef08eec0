"""Breaks something for once, as a bug or a disk would."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def failing_once(owner: Any, name: str) -> Iterator[None]:  # noqa: ANN401 - a module or a class
    """Let a function raise what nobody foresaw when it is called for the first time."""
    whole = getattr(owner, name)
    calls = 0

    def broken(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("broken")
        return whole(*given, **named)

    with replaced(owner, name, broken):
        yield


@contextmanager
def replaced(owner: Any, name: str, by: Any) -> Iterator[None]:  # noqa: ANN401 - a module or a class
    """Put something in the place of an attribute for a while."""
    whole = getattr(owner, name)
    setattr(owner, name, by)
    try:
        yield
    finally:
        setattr(owner, name, whole)
