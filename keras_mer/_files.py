"""Files are written aside and renamed, so that no reader ever sees half of one."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def home() -> Path:
    """The folder for caches and entries: `KERAS_MER_HOME`, else the user's cache folder."""
    chosen = os.environ.get("KERAS_MER_HOME")
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("keras-mer"))
