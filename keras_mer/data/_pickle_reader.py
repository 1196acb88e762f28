"""The operations of a pickle, gone through one by one.

Nothing a pickle names is imported and nothing in it is called: see `_pickle_calls` for what
stands in for the few functions that data needs.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import struct
from collections.abc import Callable
from typing import Any

from keras_mer.data._pickle_calls import (
    CALLS,
    RECONSTRUCT,
    Name,
    Unfinished,
    known_name,
    plain_keys,
)


class RefusedPickleError(pickle.UnpicklingError):
    """A pickle that is damaged, or holds more than arrays, numbers, strings and containers."""


LEAST_WEIGHT = 10**6


class Item:
    """A value on the stack.

    `depth` counts the containers inside it. `weight` counts what is in it, in eight bytes, as if
    nothing were shared: lists of the same list, over and over, would fill any memory once they
    are unfolded. `closed` says that another container holds it
    already: pickles of data finish a value before they use it, and only so is its depth final.
    `internal` marks names and unfinished values, which must not be left in the result.
    """

    __slots__ = ("closed", "depth", "internal", "value", "weight")

    def __init__(self, value: Any, depth: int = 0, internal: bool = False, weight: int = 1) -> None:
        self.value = value
        self.depth = depth
        self.weight = weight
        self.closed = False
        self.internal = internal


class PickleReader:
    """Reads one pickle.

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
        self.heaviest = LEAST_WEIGHT + 16 * size
        self.stack: list[Item] = []
        self.outer: list[list[Item]] = []
        self.memo: dict[int, Item] = {}

    def read(self, file: Any) -> Any:
        """The object in an open file."""
        try:
            while (code := file.read(1)) != b".":
                name, read = OPERATIONS[code]
                self.step(name, None if read is None else read(file))
            item = self.stack.pop()
        except RefusedPickleError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
            raise self.refused(f"is damaged or cut short: {error}") from None
        except (OverflowError, MemoryError) as error:
            raise self.refused(f"claims impossible sizes: {error}") from None
        if file.tell() != self.size:
            raise self.refused(
                f"goes on for {self.size - file.tell()} bytes after its end; expected one object"
            )
        if item.internal or self.stack or self.outer:
            raise self.refused("does not end in one piece of data")
        return item.value

    def refused(self, reason: str) -> RefusedPickleError:
        """The error that says so."""
        return RefusedPickleError(f"{self.name} {reason}")

    def spend(self, count: int) -> None:
        """Sets bytes or items against what the file holds, so that none serve many times."""
        self.left -= count
        if self.left < 0:
            raise self.refused("asks for more memory than the bytes it holds can fill")

    def step(self, name: str, argument: Any) -> None:
        """Carries out one operation."""
        if name in LITERALS:
            self.push(argument)
        elif name in MEMO:
            MEMO[name](self, argument)
        elif name in STACK:
            STACK[name](self)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            named = argument.split(" ", 1) if argument else [i.value for i in self.last(2)]
            self.name_call(*named)
        else:
            named = f" of {argument[:80]}" if isinstance(argument, str) else ""
            raise self.refused(
                f"builds an object with the operation {name}{named}; only arrays, numbers, "
                "strings and containers are read"
            )

    def push(self, value: Any) -> None:
        """Puts a finished value on the stack."""
        weight = 1 + len(value) // 8 if isinstance(value, (str, bytes, bytearray)) else 1
        self.stack.append(Item(value, weight=weight))

    def last(self, count: int) -> list[Item]:
        """Takes the last items off the stack."""
        start = len(self.stack) - count
        if start < 0:
            raise IndexError("fewer values than an operation needs")
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def mark(self) -> None:
        """Begins a run of items."""
        self.outer.append(self.stack)
        self.stack = []

    def to_mark(self) -> list[Item]:
        """Takes the items since the last mark off the stack."""
        items, self.stack = self.stack, self.outer.pop()
        return items

    def pop(self) -> None:
        """Drops the last item, or the mark."""
        if self.stack:
            self.stack.pop()
        else:
            self.to_mark()

    def put(self, index: int | None) -> None:
        """Remembers the last item."""
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def get(self, index: int) -> None:
        """Repeats a remembered item."""
        self.stack.append(self.memo[index])

    def hold(self, container: Item, items: list[Item]) -> None:
        """Notes that a container now holds the items."""
        depth, weight = container.depth, container.weight
        for item in items:
            item.closed = True
            depth = max(depth, item.depth + 1)
            weight += item.weight
        if container.closed:
            raise self.refused(
                "changes a container that lies in another one already, as only an object that "
                "contains itself needs"
            )
        if depth > self.max_depth:
            raise self.refused(
                f"nests containers more than {self.max_depth} deep; pass a larger max_depth to "
                "read on"
            )
        if weight > self.heaviest:
            raise self.refused(
                "unfolds to far more than the bytes it holds, as it uses the same data over and "
                "over"
            )
        container.depth, container.weight = depth, weight

    def held(self, container: Item, kind: type, items: list[Item]) -> list[Any]:
        """The values of the items, once they may be put into the container."""
        if not isinstance(container.value, kind):
            raise TypeError(f"items for a {kind.__name__} meet a {type(container.value).__name__}")
        if any(item.internal for item in items):
            raise self.refused("uses a function or a class as data")
        self.hold(container, items)
        return [item.value for item in items]

    def make_tuple(self, items: list[Item]) -> None:
        """A tuple, which may also hold the arguments of a call."""
        made = Item(tuple([item.value for item in items]))
        made.internal = any(item.internal for item in items)
        self.hold(made, items)
        self.stack.append(made)

    def make(self, empty: Any, fill: Callable[[PickleReader, list[Item]], None]) -> None:
        """A container of the items since the last mark."""
        items = self.to_mark()
        self.push(empty)
        fill(self, items)

    def make_frozenset(self) -> None:
        """A frozenset of the items since the last mark."""
        items = self.to_mark()
        made = Item(frozenset())
        made.value = frozenset(plain_keys(self, self.held(made, frozenset, items)))
        self.stack.append(made)

    def extend(self, items: list[Item]) -> None:
        """Items for the list on top of the stack."""
        target = self.stack[-1]
        target.value.extend(self.held(target, list, items))

    def update(self, items: list[Item]) -> None:
        """Keys and values, in turn, for the dict on top of the stack."""
        target = self.stack[-1]
        values = self.held(target, dict, items)
        keys = plain_keys(self, values[::2])
        target.value.update(zip(keys, values[1::2], strict=True))

    def add(self, items: list[Item]) -> None:
        """Items for the set on top of the stack."""
        target = self.stack[-1]
        target.value.update(plain_keys(self, self.held(target, set, items)))

    def name_call(self, module: Any, name: Any) -> None:
        """A function or a class by its name."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a function without a name")
        known = known_name(module, name)
        if known is None:
            raise self.refused(
                f"wants {module[:80]}.{name[:80]}, which is no array, number, string or "
                "container; it was refused before anything ran"
            )
        self.stack.append(Item(known, internal=True))

    def call(self) -> None:
        """The last but one item, called with the last."""
        function, args = self.last(2)
        if not isinstance(function.value, Name) or function.value not in CALLS:
            raise self.refused("calls something that makes no array or container")
        if not isinstance(args.value, tuple):
            raise TypeError("a call without a tuple of arguments")
        if args.internal and function.value != RECONSTRUCT:
            raise self.refused("uses a function or a class as data")
        made = CALLS[function.value](self, *args.value)
        self.stack.append(Item(made, args.depth, isinstance(made, Unfinished), args.weight))

    def build(self) -> None:
        """Finishes an array or a dtype."""
        (state,) = self.last(1)
        item = self.stack[-1]
        if not isinstance(item.value, Unfinished):
            raise self.refused(f"sets the state of a {type(item.value).__name__}")
        self.hold(item, [state])
        item.value = item.value.finish(state.value)
        item.internal = False


ESCAPES = {
    b"\\": b"\\",
    b"'": b"'",
    b'"': b'"',
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
}


def read_string(file: Any) -> str:
    """A string of Python 2 in quotes; it may be text, or the bytes of an array."""
    data: bytes = pickletools.read_stringnl(file, decode=False)  # type: ignore[assignment]
    return re.sub(rb"\\(x[0-9a-f]{2}|.)", _unescaped, data).decode("latin1")


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return ESCAPES.get(escape[1]) or bytes([int(escape[1][1:], 16)])


def read_line(file: Any) -> str:
    """A line without escapes: the name of a module or of what is in it."""
    line: bytes = pickletools.read_stringnl(  # type: ignore[assignment]
        file, decode=False, stripquotes=False
    )
    return line.decode()


def read_name(file: Any) -> str:
    """Two lines: a module and what is in it."""
    return f"{read_line(file)} {read_line(file)}"


OPERATIONS: dict[bytes, tuple[str, Callable[[Any], Any] | None]] = {
    operation.code.encode("latin1"): (operation.name, operation.arg and operation.arg.reader)
    for operation in pickletools.opcodes
} | {
    b"S": ("STRING", read_string),
    b"c": ("GLOBAL", read_name),
    b"i": ("INST", read_name),
    b"P": ("PERSID", read_line),
}

LITERALS = frozenset(
    """INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING
    SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE BINUNICODE
    SHORT_BINUNICODE BINUNICODE8""".split()
)

MEMO: dict[str, Callable[[PickleReader, Any], None]] = {
    "MEMOIZE": PickleReader.put,
    "PUT": PickleReader.put,
    "BINPUT": PickleReader.put,
    "LONG_BINPUT": PickleReader.put,
    "GET": PickleReader.get,
    "BINGET": PickleReader.get,
    "LONG_BINGET": PickleReader.get,
}

STACK: dict[str, Callable[[PickleReader], None]] = {
    "PROTO": lambda reader: None,
    "FRAME": lambda reader: None,
    "NONE": lambda reader: reader.push(None),
    "NEWTRUE": lambda reader: reader.push(True),
    "NEWFALSE": lambda reader: reader.push(False),
    "MARK": PickleReader.mark,
    "POP": PickleReader.pop,
    "POP_MARK": lambda reader: reader.to_mark().clear(),
    "DUP": lambda reader: reader.stack.append(reader.stack[-1]),
    "EMPTY_TUPLE": lambda reader: reader.make_tuple([]),
    "TUPLE1": lambda reader: reader.make_tuple(reader.last(1)),
    "TUPLE2": lambda reader: reader.make_tuple(reader.last(2)),
    "TUPLE3": lambda reader: reader.make_tuple(reader.last(3)),
    "TUPLE": lambda reader: reader.make_tuple(reader.to_mark()),
    "EMPTY_LIST": lambda reader: reader.push([]),
    "APPEND": lambda reader: reader.extend(reader.last(1)),
    "APPENDS": lambda reader: reader.extend(reader.to_mark()),
    "LIST": lambda reader: reader.make([], PickleReader.extend),
    "EMPTY_DICT": lambda reader: reader.push({}),
    "SETITEM": lambda reader: reader.update(reader.last(2)),
    "SETITEMS": lambda reader: reader.update(reader.to_mark()),
    "DICT": lambda reader: reader.make({}, PickleReader.update),
    "EMPTY_SET": lambda reader: reader.push(set()),
    "ADDITEMS": lambda reader: reader.add(reader.to_mark()),
    "FROZENSET": PickleReader.make_frozenset,
    "REDUCE": PickleReader.call,
    "BUILD": PickleReader.build,
}
