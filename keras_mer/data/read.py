"""One door for every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_mer.data.dataset import Dataset
from keras_mer.data.mosi import found_mosi, read_mosi

READERS: dict[str, Callable[..., Dataset]] = {"mosi": read_mosi, "npz": Dataset.load}
FORMATS = (
    'mosi (a folder with the public CMU-MOSI files) and npz (a file that "Dataset.save" wrote)'
)


def read(path: str | Path, format: str | None = None, **options: Any) -> Dataset:
    """Reads a data set.

    Args:
        path: a file or a folder.
        format: "mosi" for the public files of CMU-MOSI, "npz" for what `Dataset.save` wrote;
            found out by default.
        **options: what the reader of the format takes, such as `split` of `read_mosi`.

    Raises:
        FileNotFoundError: if there is nothing at `path`.
        ValueError: if the format is not known.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    format = format or _found(path)
    if format not in READERS:
        given = "is of no known format" if format is None else f"cannot be read as {format!r}"
        raise ValueError(f"{path} {given}; known formats are {FORMATS}")
    return READERS[format](path, **options)


def _found(path: Path) -> str | None:
    if path.is_file():
        return "npz" if path.suffix == ".npz" else None
    return "mosi" if found_mosi(path) else None
