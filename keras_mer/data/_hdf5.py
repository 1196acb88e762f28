"""HDF5 files, opened with one sentence for what can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keras_mer._extras import need


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """The open file.

    Raises:
        ImportError: without h5py.
        ValueError: if it is no HDF5 file, or is damaged.
    """
    h5py = need("h5py", "hdf5", "to read HDF5 files")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise ValueError(f"{path} is not an HDF5 file, or a damaged one: {error}") from None


def is_array(member: Any) -> bool:
    """Whether a member of an HDF5 file is an array and not a group."""
    return hasattr(member, "dtype")
