"""Files are written aside and renamed, so that no reader ever sees half of one."""

import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_LEFTOVER = re.compile(r"\.[0-9a-f]{32}-.*|\..*-[0-9a-f]{32}\..*")


class UnusableError(ValueError):
    """A file that is whole, but cannot be used: fetched again it would be the same."""


@contextmanager
def written_aside(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, renamed to it if the block succeeds.

    The suffixes are kept, for writers that ask for theirs.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def folder_written_aside(path: str | Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path`, put in its place if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    aside, replaced = (path.with_name(f".{uuid.uuid4().hex}-{path.name}") for _ in range(2))
    aside.mkdir()
    try:
        yield aside
        if path.exists():
            os.rename(path, replaced)
        try:
            os.rename(aside, path)
        except OSError:
            if replaced.exists():
                os.rename(replaced, path)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def is_leftover(path: Path) -> bool:
    """Whether it is named as what a killed process has been writing aside."""
    return _LEFTOVER.fullmatch(path.name) is not None


def remove_leftovers(folder: Path, older_than: float = 24 * 3600) -> None:
    """Removes what killed processes left behind; young files may be another process's."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        try:
            if is_leftover(path) and time.time() - _last_written(path) > older_than:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError:  # gone, or not ours
            continue


def _last_written(path: Path) -> float:
    inside = path.iterdir() if path.is_dir() else ()
    return max(each.stat().st_mtime for each in (path, *inside))


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, record: Mapping[str, Any]) -> None:
    """Raises a `ValueError` unless the file has the recorded `bytes` and `sha256`."""
    size = path.stat().st_size
    if size != record["bytes"]:
        raise ValueError(f"expected {record['bytes']} bytes, received {size}")
    received = sha256(path)
    if received != record["sha256"]:
        raise ValueError(f"expected sha256 {record['sha256']}, received {received}")


def home() -> Path:
    """The folder for caches and entries: `KERAS_MER_HOME`, else the user's cache folder."""
    chosen = os.environ.get("KERAS_MER_HOME")
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("keras-mer"))
