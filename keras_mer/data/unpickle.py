"""Foreign pickles, read as data: nothing they name is imported, nothing in them is called."""

from __future__ import annotations

import mmap
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from keras_mer.data._pickle_calls import raw_array
from keras_mer.data._pickle_reader import PickleReader, RefusedPickleError

MOST_BYTES = 2**34  # the unaligned features of CMU-MOSEI take more than 2**32
MOST_DEPTH = 100

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def load_pickle(
    source: str | Path | bytes, max_bytes: int = MOST_BYTES, max_depth: int = MOST_DEPTH
) -> Any:
    """Reads a pickle that holds nothing but data.

    Arrays of numbers, strings and objects, numbers, strings, bytes, lists, tuples, dicts and
    sets are admitted. Whatever else a pickle names is refused before anything of it runs.

    Args:
        source: the path of a file, or the bytes of a pickle.
        max_bytes: the largest file to read.
        max_depth: how deep containers may lie in each other.

    Raises:
        FileNotFoundError: if there is no such file.
        RefusedPickleError: if the pickle is damaged, too large or too deep, or names anything
            else; the message says what.

    Example:

    >>> import pickle
    >>> load_pickle(pickle.dumps({"labels": [1.0, -0.6]}))
    {'labels': [1.0, -0.6]}
    """
    data = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else None
    name = "the pickle" if isinstance(source, (bytes, bytearray, memoryview)) else str(source)
    size = Path(name).stat().st_size if data is None else len(data)
    if size > max_bytes:
        raise RefusedPickleError(
            f"{name} has {size} bytes, more than the {max_bytes} of max_bytes; raise it to read on"
        )
    if not size:
        raise RefusedPickleError(f"{name} is empty")
    reader = PickleReader(name, size, max_depth)
    if data is not None:
        return reader.read(BytesIO(data))
    with open(name, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return reader.read(mapped)


def load_object_npz(
    path: str | Path, max_bytes: int = MOST_BYTES, max_depth: int = MOST_DEPTH
) -> dict[str, np.ndarray]:
    """Reads an `.npz` whose members may be pickled object arrays.

    Args:
        path: the file.
        max_bytes: the most bytes to unpack, over all members.
        max_depth: how deep containers may lie in each other.

    Returns:
        One array per member, the same as `numpy.load` would unpickle; a single pickled object
        is an array without dimensions, whose `.item()` it is.

    Raises:
        FileNotFoundError: if there is no such file.
        RefusedPickleError: as `load_pickle`.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > max_bytes:
                raise RefusedPickleError(
                    f"{path} unpacks to {size} bytes, more than the {max_bytes} of max_bytes; "
                    "raise it to read on"
                )
            for name in archive.namelist():
                data = archive.read(name)
                arrays[name.removesuffix(".npy")] = _member(f"{name} in {path}", data, max_depth)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise RefusedPickleError(f"{path} is not an .npz file, or a damaged one: {error}") from None
    return arrays


def _member(name: str, data: bytes, max_depth: int) -> np.ndarray:
    """One .npy file: its header, then raw numbers or the pickle of an object array."""
    file = BytesIO(data)
    try:
        shape, fortran, dtype = HEADERS[npy.read_magic(file)](file)
        payload = data[file.tell() :]
        if not dtype.hasobject:
            return raw_array(dtype, shape, fortran, payload)
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedPickleError(f"{name} is not a NumPy array, or damaged: {error}") from None
    if dtype.kind != "O":
        raise RefusedPickleError(f"{name} holds {dtype}; expected numbers, strings or objects")
    array = PickleReader(name, len(payload), max_depth).read(BytesIO(payload))
    if not isinstance(array, np.ndarray) or array.dtype.kind != "O" or array.shape != shape:
        raise RefusedPickleError(f"{name} does not hold the object array of its header, {shape}")
    return array
