"""What a pickle of data may call, carried out by functions of our own.

Every size is checked against the bytes that are really there. NumPy's own functions would not
do: they believe the flags of a pickled dtype, and so can be led to take bytes for pointers.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from keras_mer.data._pickle_reader import PickleReader

RECONSTRUCT = "numpy.core.multiarray._reconstruct"
NDARRAY = "numpy.ndarray"

DTYPES = re.compile("[biufcSUO][0-9]{1,9}")
KEYS = (str, bytes, int, float, complex, type(None), np.generic)


class Name(str):
    """The name of a function or class in a pickle. Never imported."""


class Unfinished:
    """An array or a dtype between its creation and the state that fills it."""

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self.finish = finish


def raw_array(dtype: np.dtype, shape: tuple[int, ...], fortran: bool, data: Any) -> np.ndarray:
    """A writable array of raw bytes.

    Raises:
        ValueError: if it takes another number of bytes than there are.
    """
    _check_size(dtype, dtype.itemsize, shape, len(data))
    order: Literal["F", "C"] = "F" if fortran else "C"
    if not len(data):
        return np.empty(shape, dtype, order=order)
    return np.frombuffer(data, dtype).reshape(shape, order=order).copy(order="K")


def _check_size(dtype: np.dtype, itemsize: int, shape: Any, size: int) -> None:
    if not isinstance(shape, tuple) or not all(type(extent) is int for extent in shape):
        raise TypeError("an array without a shape")
    count = itemsize
    for extent in shape:  # Python's integers, which do not overflow
        count *= extent
    if min(shape, default=0) < 0 or count != size:
        raise ValueError(f"an array of {dtype} {shape} does not take the {size} bytes it has")


def plain_keys(reader: PickleReader, keys: Any) -> Any:
    """The keys, if all are plain: to hash nested ones can take forever, or exhaust the stack."""
    for key in keys:
        for part in key if isinstance(key, (tuple, frozenset)) else (key,):
            if not isinstance(part, KEYS):
                raise reader.refused(
                    f"has a {type(part).__name__} in a key of a dict or in a set; expected "
                    "numbers, strings or flat tuples of them"
                )
    return keys


def _dtype(reader: PickleReader, code: Any, align: Any = False, copy: Any = True) -> Unfinished:
    def finish(state: Any) -> np.dtype:
        """Only the byte order is taken from the state; sizes come with the code."""
        _, order, subtype, names, fields = state[:5]
        if not DTYPES.fullmatch(code) or subtype or names or fields:
            raise reader.refused(
                f"holds an array of the dtype {code[:20]!r}; only plain numbers, strings and "
                "objects are read"
            )
        return np.dtype(code).newbyteorder(order if order in ("<", ">") else "=")

    return Unfinished(finish)


def _reconstruct(reader: PickleReader, kind: Any, shape: Any, fill: Any) -> Unfinished:
    if not isinstance(kind, Name) or kind != NDARRAY or shape != (0,):
        raise reader.refused("asks for an array in a way that NumPy does not write")

    def finish(state: Any) -> np.ndarray:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, np.dtype):
            raise TypeError("an array without a dtype")
        if dtype.kind == "O":
            return _objects(reader, dtype, shape, bool(fortran), data)
        return _numbers(reader, dtype, shape, bool(fortran), data)

    return Unfinished(finish)


def _objects(
    reader: PickleReader, dtype: np.dtype, shape: Any, fortran: bool, values: Any
) -> np.ndarray:
    if not isinstance(values, list):
        raise TypeError("an object array without its objects")
    reader.spend(len(values))
    _check_size(dtype, 1, shape, len(values))
    flat = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):  # item by item, lest NumPy unpacks sequences
        flat[place] = value
    return flat.reshape(shape, order="F" if fortran else "C")


def _numbers(
    reader: PickleReader, dtype: np.dtype, shape: Any, fortran: bool, data: Any
) -> np.ndarray:
    if isinstance(data, str):  # as Python 2 wrote it
        data = data.encode("latin1")
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError("an array without its bytes")
    if dtype.kind == "O" or not dtype.itemsize:
        raise reader.refused(f"takes raw bytes for an array of {dtype}")
    reader.spend(len(data))
    return raw_array(dtype, shape, fortran, data)


def _from_buffer(
    reader: PickleReader, data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None
) -> np.ndarray:
    if not isinstance(dtype, np.dtype):
        raise TypeError("an array without a dtype")
    array = _numbers(reader, dtype, shape, order == "F", data)
    return array if axes is None else array.transpose(axes)


def _scalar(reader: PickleReader, dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, np.dtype):
        raise TypeError("a number without a dtype")
    return _numbers(reader, dtype, (), False, data)[()]


def _encode(reader: PickleReader, text: Any, encoding: Any) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise reader.refused("encodes text otherwise than to keep bytes")
    reader.spend(len(text))
    return text.encode("latin1")


def _bytes(reader: PickleReader, kind: type, data: Any) -> Any:
    if not isinstance(data, bytes):
        raise reader.refused(f"makes {kind.__name__} of something other than bytes")
    reader.spend(len(data))
    return kind(data)


def _set(reader: PickleReader, kind: type, values: Any) -> Any:
    reader.spend(len(values))
    return kind(plain_keys(reader, values))


def _ordered_dict(reader: PickleReader, pairs: Any = ()) -> OrderedDict:
    reader.spend(len(pairs))
    plain_keys(reader, [key for key, _ in pairs])
    return OrderedDict(pairs)


def _complex(reader: PickleReader, real: Any, imaginary: Any) -> complex:
    return complex(float(real), float(imaginary))


CALLS: dict[str, Callable[..., Any]] = {
    RECONSTRUCT: _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    "builtins.bytes": lambda reader, data=b"": _bytes(reader, bytes, data),
    "builtins.bytearray": lambda reader, data=b"": _bytes(reader, bytearray, data),
    "builtins.set": lambda reader, values=(): _set(reader, set, values),
    "builtins.frozenset": lambda reader, values=(): _set(reader, frozenset, values),
    "builtins.complex": _complex,
    "collections.OrderedDict": _ordered_dict,
}

OTHER_MODULES = {
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "__builtin__": "builtins",
}


def known_name(module: str, name: str) -> Name | None:
    """The name as in `CALLS`, or None for one that no pickle of data needs."""
    known = Name(f"{OTHER_MODULES.get(module, module)}.{name}")
    return known if known in CALLS or known == NDARRAY else None
