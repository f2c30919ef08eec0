"""Files that are there whole or not at all: written beside their place, then renamed into it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp, mkstemp
from typing import IO

from engine.errors import BadInput

#: What the name of an unfinished export ends with.
PARTIAL = ".partial"
#: What a file may be called by its media type. A type that a browser would run, or unknown, is ``.bin``.
_EXTENSIONS = {
    "application/json": ".json",
    "application/msword": ".doc",
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "audio/mpeg": ".mp3",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
}


def extension(media_type: str) -> str:
    """Give the end of a file's name, from a short list."""
    return _EXTENSIONS.get(media_type.partition(";")[0].strip().lower(), ".bin")


def refuse_taken(target: Path, *, or_empty_folder: bool = False) -> None:
    """Raise ``BadInput`` where something stands already, or the folder around it is none."""
    with _named(target):
        empty = or_empty_folder and target.is_dir() and not any(target.iterdir())
        if target.is_symlink() or (target.exists() and not empty):
            raise BadInput("export_exists", file=str(target))
        if not target.absolute().parent.is_dir():
            raise BadInput("export_folder", file=str(target))


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a folder to write in, which takes its name at the end; after an error nothing is left."""
    target = target.absolute()
    with _named(target):
        refuse_taken(target, or_empty_folder=True)
        folder = Path(mkdtemp(prefix=f".{target.name}.", suffix=PARTIAL, dir=target.parent))
        try:
            yield folder
            _sync(folder)
            folder.rename(target)
            _sync(target.parent)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def whole_file(target: Path, body: bytes) -> None:
    """Write one file with its exact bytes, for its user's eyes alone; one that exists stays as it is."""
    with whole_stream(target) as out:
        out.write(body)


@contextmanager
def whole_stream(target: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes its name at the end; after an error nothing is left."""
    target = target.absolute()
    with _named(target):
        refuse_taken(target)
        handle, name = mkstemp(prefix=f".{target.name}.", suffix=PARTIAL, dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            Path(name).rename(target)
            _sync(target.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write(file: Path, body: bytes) -> None:
    """Write a file for its user's eyes alone, down to the disk."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _named(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput("export_folder", file=str(target)) from error
