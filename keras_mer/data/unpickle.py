"""Foreign pickles, read as data: nothing they name is imported, nothing in them is called.

The module goes through the operations of a pickle itself. Of all that a pickle can call it knows
the few that NumPy and the standard containers write, and carries these out in its own way, with
every size checked against the bytes that are really there. NumPy's own loaders would not do:
they believe the flags of a pickled dtype, and so can be led to take bytes for pointers.
"""

from __future__ import annotations

import mmap
import pickle
import pickletools
import re
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

MOST_BYTES = 2**32
MOST_DEPTH = 100

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class RefusedPickleError(pickle.UnpicklingError):
    """A pickle that is damaged, or holds more than arrays, numbers, strings and containers."""


def load_pickle(
    source: str | Path | bytes, max_bytes: int = MOST_BYTES, max_depth: int = MOST_DEPTH
) -> Any:
    """Reads a pickle that holds nothing but data.

    Arrays of numbers, strings and objects, dtypes, numbers, strings, bytes, lists, tuples,
    dicts and sets are admitted. Whatever else a pickle names is refused before anything of it
    runs.

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
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        name, size = "the pickle", len(data)
    else:
        name, size = str(source), Path(source).stat().st_size
    if size > max_bytes:
        raise RefusedPickleError(
            f"{name} has {size} bytes, more than the {max_bytes} of max_bytes; raise it to read on"
        )
    if not size:
        raise RefusedPickleError(f"{name} is empty")
    reader = _Reader(name, size, max_depth)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return reader.read(BytesIO(data))
    with open(source, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
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
        One array per member, as `numpy.load` would give it with `allow_pickle=True`; a single
        pickled object is an array without dimensions, whose `.item()` it is.

    Raises:
        FileNotFoundError: if there is no such file.
        RefusedPickleError: as `load_pickle`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > max_bytes:
                raise RefusedPickleError(
                    f"{path} unpacks to {size} bytes, more than the {max_bytes} of max_bytes"
                )
            return {
                name.removesuffix(".npy"): _member(
                    f"{name} in {path}", archive.read(name), max_depth
                )
                for name in archive.namelist()
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise RefusedPickleError(f"{path} is not an .npz file, or a damaged one: {error}") from None


def _member(name: str, data: bytes, max_depth: int) -> np.ndarray:
    """One .npy file: its header, then raw numbers or the pickle of an object array."""
    file = BytesIO(data)
    try:
        shape, fortran, dtype = HEADERS[npy.read_magic(file)](file)
    except (ValueError, KeyError) as error:
        raise RefusedPickleError(f"{name} is not a NumPy array: {error}") from None
    payload = data[file.tell() :]
    if not dtype.hasobject:
        return _array(_sized(name, dtype, shape, payload), dtype, shape, fortran)
    if dtype.kind != "O" or not payload:
        raise RefusedPickleError(f"{name} holds {dtype}; expected numbers, strings or objects")
    array = _Reader(name, len(payload), max_depth).read(BytesIO(payload))
    if not isinstance(array, np.ndarray) or array.dtype.kind != "O" or array.shape != shape:
        raise RefusedPickleError(f"{name} does not hold the object array of its header, {shape}")
    return array


def _sized(name: str, dtype: np.dtype, shape: tuple[int, ...], data: Any) -> Any:
    """The data, if an array of this dtype and shape takes just as many bytes."""
    count = 1
    for extent in shape:  # Python's integers, which do not overflow
        count *= extent
    if min(shape, default=0) < 0 or count * dtype.itemsize != len(data):
        raise RefusedPickleError(
            f"{name} claims an array of {dtype} {shape}, but holds {len(data)} bytes for it"
        )
    return data


def _array(data: Any, dtype: np.dtype, shape: tuple[int, ...], fortran: bool) -> np.ndarray:
    """An array of its own, writable, from raw bytes."""
    order = "F" if fortran else "C"
    if not len(data):
        return np.empty(shape, dtype, order=order)
    return np.frombuffer(data, dtype).reshape(shape, order=order).copy(order="K")


class _Name(str):
    """The name of something a pickle wants to call. Never imported."""


class _Unfinished:
    """An array or a dtype between its creation and the state that fills it."""

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self.finish = finish


class _Item:
    """A value on the stack.

    `depth` counts the containers inside it. `closed` says that another container holds it
    already: pickles of data finish a value before they use it, and only so is its depth final.
    `internal` marks names and unfinished values, which must not be left in the result.
    """

    __slots__ = ("closed", "depth", "internal", "value")

    def __init__(self, value: Any, depth: int = 0, internal: bool = False) -> None:
        self.value = value
        self.depth = depth
        self.closed = False
        self.internal = internal


LITERALS = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
        "UNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
    ]
)
DTYPES = re.compile("[biufcSUO][0-9]{1,9}")
KEYS = (str, bytes, int, float, complex, bool, type(None), np.generic)

Args = tuple[Any, ...]


class _Reader:
    """Goes through the operations of one pickle.

    Args:
        name: the pickle's, for messages.
        size: its bytes. What is made of them may not add up to more than four times as much,
            however often the pickle uses the same bytes.
        max_depth: how deep containers may lie in each other.
    """

    def __init__(self, name: str, size: int, max_depth: int) -> None:
        self.name = name
        self.size = size
        self.max_depth = max_depth
        self.left = 4 * size
        self.stack: list[_Item] = []
        self.outer: list[list[_Item]] = []
        self.memo: dict[int, _Item] = {}

    def read(self, file: Any) -> Any:
        """The object in an open file."""
        try:
            for operation, argument, _ in pickletools.genops(file):
                if operation.name == "STOP":
                    break
                self._step(operation.name, argument)
            item = self.stack.pop()
        except RefusedPickleError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise self._refused(f"is damaged or cut short: {error}") from None
        except (struct.error, OverflowError, MemoryError) as error:
            raise self._refused(f"is damaged: {error}") from None
        if file.tell() != self.size:
            raise self._refused(
                f"goes on for {self.size - file.tell()} bytes after its end; expected one object"
            )
        if item.internal or self.stack or self.outer:
            raise self._refused("does not end in one piece of data")
        return item.value

    def _refused(self, reason: str) -> RefusedPickleError:
        return RefusedPickleError(f"{self.name} {reason}")

    def _step(self, name: str, argument: Any) -> None:
        if name in LITERALS:
            self.stack.append(_Item(argument))
            return
        handler = HANDLERS.get(name)
        if handler is None:
            named = f" of {argument}" if isinstance(argument, str) else ""
            raise self._refused(
                f"builds an object with the operation {name}{named}; only arrays, numbers, "
                "strings and containers are read"
            )
        handler(self, argument)

    # The stack and the memo

    def _push(self, value: Any) -> None:
        self.stack.append(_Item(value))

    def _mark(self) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def _to_mark(self) -> list[_Item]:
        items, self.stack = self.stack, self.outer.pop()
        return items

    def _last(self, count: int) -> list[_Item]:
        start = len(self.stack) - count
        if start < 0:
            raise IndexError("fewer values than an operation needs")
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._to_mark()

    def _put(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def _get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    # Containers

    def _hold(self, container: _Item, items: list[_Item]) -> None:
        """Notes that a container now holds the items."""
        if container.closed:
            raise self._refused(
                "changes a container that lies in another one already, as only an object that "
                "contains itself needs"
            )
        depth = container.depth
        for item in items:
            item.closed = True
            depth = max(depth, item.depth + 1)
        if depth > self.max_depth:
            raise self._refused(
                f"nests containers more than {self.max_depth} deep; pass a larger max_depth to "
                "read on"
            )
        container.depth = depth

    def _tuple(self, items: list[_Item]) -> None:
        made = _Item(tuple([item.value for item in items]))
        made.internal = any(item.internal for item in items)
        self._hold(made, items)
        self.stack.append(made)

    def _held(self, container: _Item, kind: type, items: list[_Item]) -> list[Any]:
        """The values of the items, once they may be put into the container."""
        if not isinstance(container.value, kind):
            raise TypeError(f"items for a {kind.__name__} meet a {type(container.value).__name__}")
        if any(item.internal for item in items):
            raise self._refused("uses a function or a class as data")
        self._hold(container, items)
        return [item.value for item in items]

    def _extend(self, items: list[_Item]) -> None:
        target = self.stack[-1]
        target.value.extend(self._held(target, list, items))

    def _update(self, items: list[_Item]) -> None:
        target = self.stack[-1]
        values = self._held(target, dict, items)
        keys = self._keys(values[::2])
        target.value.update(zip(keys, values[1::2], strict=True))

    def _add(self, items: list[_Item]) -> None:
        target = self.stack[-1]
        target.value.update(self._keys(self._held(target, set, items)))

    def _frozenset(self, items: list[_Item]) -> None:
        made = _Item(frozenset())
        made.value = frozenset(self._keys(self._held(made, frozenset, items)))
        self.stack.append(made)

    def _keys(self, keys: Any) -> Any:
        """Plain keys only: to hash a nested one can take forever, or exhaust the C stack."""
        for key in keys:
            for part in key if isinstance(key, (tuple, frozenset)) else (key,):
                if not isinstance(part, KEYS):
                    raise self._refused(
                        f"has a {type(part).__name__} in a key of a dict or in a set; expected "
                        "numbers, strings or flat tuples of them"
                    )
        return keys

    # What a pickle may call

    def _global(self, argument: str) -> None:
        module, name = argument.split(" ", 1)
        self._name(module, name)

    def _name(self, module: Any, name: Any) -> None:
        full = f"{module}.{name}"
        plain = f"{OTHER_MODULES.get(module, module)}.{name}"
        if plain not in CALLS and plain != "numpy.ndarray":
            raise self._refused(
                f"wants {full}, which is no array, number, string or container; it was refused "
                "before anything ran"
            )
        self.stack.append(_Item(_Name(plain), internal=True))

    def _reduce(self) -> None:
        function, args = self._last(2)
        if not isinstance(function.value, _Name) or function.value not in CALLS:
            raise self._refused("calls something that makes no array or container")
        if not isinstance(args.value, tuple):
            raise TypeError("a call without a tuple of arguments")
        made = CALLS[function.value](self, *args.value)
        self.stack.append(_Item(made, args.depth, isinstance(made, _Unfinished)))

    def _build(self) -> None:
        state, item = self.stack.pop(), self.stack[-1]
        if not isinstance(item.value, _Unfinished):
            raise self._refused(f"sets the state of a {type(item.value).__name__}")
        self._hold(item, [state])
        item.value = item.value.finish(state.value)
        item.internal = False

    def _spend(self, count: int) -> None:
        """Sets bytes or items against what the file holds, so that none are used many times."""
        self.left -= count
        if self.left < 0:
            raise self._refused("asks for more memory than the bytes it holds can fill")

    def _reconstruct(self, kind: Any, shape: Any, _: Any) -> _Unfinished:
        if kind != "numpy.ndarray" or not isinstance(kind, _Name) or shape != (0,):
            raise self._refused("asks for an array of a kind that NumPy does not pickle")
        return _Unfinished(self._array_from_state)

    def _array_from_state(self, state: Any) -> np.ndarray:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, np.dtype) or not isinstance(shape, tuple):
            raise TypeError("an array without a dtype or a shape")
        if dtype.kind == "O":
            return self._objects(shape, fortran, data)
        return self._from_bytes(data, dtype, shape, bool(fortran))

    def _objects(self, shape: Args, fortran: Any, values: Any) -> np.ndarray:
        if not isinstance(values, list):
            raise TypeError("an object array without its objects")
        self._spend(len(values))
        _sized(self.name, np.dtype("u1"), shape, values)  # one per object
        flat = np.empty(len(values), dtype=object)
        for place, value in enumerate(values):  # item by item, lest NumPy unpacks sequences
            flat[place] = value
        return flat.reshape(shape, order="F" if fortran else "C")

    def _from_bytes(self, data: Any, dtype: np.dtype, shape: Any, fortran: bool) -> np.ndarray:
        if isinstance(data, str):  # as Python 2 wrote it
            data = data.encode("latin1")
        if not isinstance(data, (bytes, bytearray)):
            raise TypeError("an array without its bytes")
        if dtype.kind == "O" or not dtype.itemsize:
            raise self._refused(f"takes raw bytes for an array of {dtype}")
        shape = shape if isinstance(shape, tuple) else (shape,)
        self._spend(len(data))
        return _array(_sized(self.name, dtype, shape, data), dtype, shape, fortran)

    def _from_buffer(
        self, data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None
    ) -> np.ndarray:
        if not isinstance(dtype, np.dtype):
            raise TypeError("an array without a dtype")
        array = self._from_bytes(data, dtype, shape, order == "F")
        return array if axes is None else array.transpose(axes)

    def _scalar(self, dtype: Any, data: Any) -> Any:
        if not isinstance(dtype, np.dtype):
            raise TypeError("a number without a dtype")
        return self._from_bytes(data, dtype, (), False)[()]

    def _dtype(self, code: Any, align: Any = False, copy: Any = True) -> _Unfinished:
        def finish(state: Any) -> np.dtype:
            """Only the byte order is taken from the state; sizes come with the code."""
            _, order, subtype, names, fields = state[:5]
            if not DTYPES.fullmatch(code) or subtype or names or fields:
                raise self._refused(
                    f"holds an array of the dtype {code!r}; only plain numbers, strings and "
                    "objects are read"
                )
            return np.dtype(code).newbyteorder(order if order in ("<", ">") else "=")

        return _Unfinished(finish)

    def _encode(self, text: Any, encoding: Any) -> bytes:
        """How Python 3 writes bytes for Python 2."""
        if not isinstance(text, str) or encoding != "latin1":
            raise self._refused("encodes text otherwise than to keep bytes")
        self._spend(len(text))
        return text.encode("latin1")

    def _made_set(self, kind: type, values: Any = ()) -> Any:
        self._spend(len(values))
        return kind(self._keys(values))

    def _ordered_dict(self, pairs: Any = ()) -> OrderedDict:
        self._spend(len(pairs))
        self._keys([key for key, _ in pairs])
        return OrderedDict(pairs)

    def _bytes(self, kind: type, data: Any = b"") -> Any:
        if not isinstance(data, bytes):
            raise self._refused(f"makes {kind.__name__} of something other than bytes")
        self._spend(len(data))
        return kind(data)

    def _complex(self, real: Any, imaginary: Any) -> complex:
        return complex(float(real), float(imaginary))


HANDLERS: dict[str, Callable[[_Reader, Any], None]] = {
    "PROTO": lambda reader, _: None,
    "FRAME": lambda reader, _: None,
    "NONE": lambda reader, _: reader._push(None),
    "NEWTRUE": lambda reader, _: reader._push(True),
    "NEWFALSE": lambda reader, _: reader._push(False),
    "MARK": lambda reader, _: reader._mark(),
    "POP": lambda reader, _: reader._pop(),
    "POP_MARK": lambda reader, _: reader._to_mark().clear(),
    "DUP": lambda reader, _: reader.stack.append(reader.stack[-1]),
    "MEMOIZE": _Reader._put,
    "PUT": _Reader._put,
    "BINPUT": _Reader._put,
    "LONG_BINPUT": _Reader._put,
    "GET": _Reader._get,
    "BINGET": _Reader._get,
    "LONG_BINGET": _Reader._get,
    "EMPTY_TUPLE": lambda reader, _: reader._tuple([]),
    "TUPLE1": lambda reader, _: reader._tuple(reader._last(1)),
    "TUPLE2": lambda reader, _: reader._tuple(reader._last(2)),
    "TUPLE3": lambda reader, _: reader._tuple(reader._last(3)),
    "TUPLE": lambda reader, _: reader._tuple(reader._to_mark()),
    "EMPTY_LIST": lambda reader, _: reader._push([]),
    "APPEND": lambda reader, _: reader._extend(reader._last(1)),
    "APPENDS": lambda reader, _: reader._extend(reader._to_mark()),
    "LIST": lambda reader, _: (items := reader._to_mark(), reader._push([]), reader._extend(items)),
    "EMPTY_DICT": lambda reader, _: reader._push({}),
    "SETITEM": lambda reader, _: reader._update(reader._last(2)),
    "SETITEMS": lambda reader, _: reader._update(reader._to_mark()),
    "DICT": lambda reader, _: (items := reader._to_mark(), reader._push({}), reader._update(items)),
    "EMPTY_SET": lambda reader, _: reader._push(set()),
    "ADDITEMS": lambda reader, _: reader._add(reader._to_mark()),
    "FROZENSET": lambda reader, _: reader._frozenset(reader._to_mark()),
    "GLOBAL": _Reader._global,
    "STACK_GLOBAL": lambda reader, _: reader._name(*[item.value for item in reader._last(2)]),
    "REDUCE": lambda reader, _: reader._reduce(),
    "BUILD": lambda reader, _: reader._build(),
}

OTHER_MODULES = {
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "__builtin__": "builtins",
}

CALLS: dict[str, Callable[..., Any]] = {
    "numpy.core.multiarray._reconstruct": _Reader._reconstruct,
    "numpy.core.multiarray.scalar": _Reader._scalar,
    "numpy.core.numeric._frombuffer": _Reader._from_buffer,
    "numpy.dtype": _Reader._dtype,
    "_codecs.encode": _Reader._encode,
    "builtins.set": lambda reader, *args: reader._made_set(set, *args),
    "builtins.frozenset": lambda reader, *args: reader._made_set(frozenset, *args),
    "builtins.bytes": lambda reader, *args: reader._bytes(bytes, *args),
    "builtins.bytearray": lambda reader, *args: reader._bytes(bytearray, *args),
    "builtins.complex": _Reader._complex,
    "collections.OrderedDict": _Reader._ordered_dict,
}
