"""Sequences of different lengths, packed end to end in one array or in one file."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

CHUNK_BYTES = 2**22
READ_AROUND = 2**21  # the most that a system maps around what is read
GIVE_BACK = getattr(mmap, "MADV_DONTNEED", None)  # Windows has none


class Ragged:
    """The rows of one modality: row `i` is a (time, dim) array with a length of its own.

    All steps lie in one array, so nothing is padded until a batch is made. A row of length 0
    says that the modality is missing for that utterance.

    The array may be a file that is larger than memory, `numpy.load(path, mmap_mode="r")`: steps
    are then read when they are asked for. `take`, `truncated` and `emptied` copy and read no
    steps; they look at the same array.

    Args:
        values: (total_steps, dim) float, the steps of all rows, one row after the other. A
            `numpy.memmap` of float32, opened to be read alone, stays where it is; anything else
            is in memory.
        offsets: (n + 1,) int; row `i` is `values[offsets[i]:offsets[i + 1]]`.
        sha256: of the values of a file, for files whose values were found finite when they
            were written. They are then neither checked nor hashed again.

    Raises:
        ValueError: if the two do not fit together.

    Example:

    >>> import numpy as np
    >>> rows = Ragged.from_list([np.ones((2, 3)), np.zeros((0, 3)), np.ones((1, 3))])
    >>> len(rows), rows.dim, rows.lengths.tolist()
    (3, 3, [2, 0, 1])
    >>> rows.take([2, 0])[1].shape
    (2, 3)
    """

    def __init__(self, values: Any, offsets: Any, sha256: str | None = None) -> None:
        self._file: Any = values if _is_whole_file(values) else None
        self._steps = np.asarray(values, dtype="float32")
        self._functions: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()
        self.sha256 = sha256
        offsets = np.asarray(offsets, dtype="int64")
        if self._steps.ndim != 2:
            raise ValueError(
                f"Ragged expects values of shape (total_steps, dim); received {self._steps.shape}"
            )
        if offsets.ndim != 1 or len(offsets) == 0:
            raise ValueError(
                f"Ragged expects offsets of shape (rows + 1,); received {offsets.shape}"
            )
        self._starts, self._lengths = offsets[:-1], np.diff(offsets)
        first, last = int(offsets[0]), int(offsets[-1])
        if first != 0 or last != len(self._steps) or np.any(self._lengths < 0):
            raise ValueError(
                f"Ragged expects offsets that rise from 0 to the {len(self._steps)} steps of "
                f"values; received offsets from {first} to {last}"
            )

    @classmethod
    def from_list(cls, rows: Sequence[Any], dim: int | None = None) -> Ragged:
        """Packs a list of rows.

        Args:
            rows: one (time, dim) array per row, or (dim,) for a single step; None or an array
                without steps for a missing one.
            dim: the width. Only needed when every row is missing.

        Raises:
            ValueError: if a row has another width or another rank.
        """
        arrays = [_steps(row, index) for index, row in enumerate(rows)]
        widths = np.array([array.shape[1] for array in arrays], dtype="int64")
        if dim is None:
            dim = int(widths[np.flatnonzero(widths)[0]]) if widths.any() else None
        if dim is None:
            raise ValueError("every row is missing: pass dim, the width of the modality")
        odd = np.flatnonzero((widths != dim) & (widths != 0))
        if len(odd):
            raise ValueError(
                f"row {odd[0]} is {widths[odd[0]]} wide; expected {dim}, as the rows before it"
            )
        lengths = [len(array) for array in arrays]
        values = np.concatenate([np.zeros((0, dim), "float32"), *(a for a in arrays if len(a))])
        return cls(values, np.concatenate([[0], np.cumsum(lengths, dtype="int64")]))

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        """Row `index` as (time, dim), a view of `values` wherever these are at hand."""
        row = range(len(self))[index]
        start = int(self._starts[row])
        return self._changed(self._steps[start : start + int(self._lengths[row])])

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        return f"Ragged({len(self)} rows, {self._lengths.sum()} steps, dim {self.dim})"

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: of a file, the path alone."""
        state = self.__dict__.copy()
        if self._file is not None:
            state["_file"] = (self._file.filename, self._file.offset, self._file.shape)
            del state["_steps"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._file is not None:
            path, offset, shape = state["_file"]
            self._file = np.memmap(path, "float32", "r", offset, shape)
            self._steps = np.asarray(self._file)

    @property
    def mapped(self) -> bool:
        """Whether the steps lie in a file and are read when they are asked for."""
        return self._file is not None

    @property
    def values(self) -> np.ndarray:
        """(total_steps, dim) float32, the steps of all rows, one row after the other.

        They are gathered anew, in memory, unless the rows are those that `Ragged` was given.
        """
        return self._steps if self._whole else self._gathered(self._starts, self._lengths)

    @property
    def lengths(self) -> np.ndarray:
        """(n,) int64, the number of steps of each row."""
        return self._lengths.copy()

    @property
    def offsets(self) -> np.ndarray:
        """(n + 1,) int64; row `i` is `values[offsets[i]:offsets[i + 1]]`."""
        return np.concatenate([[0], np.cumsum(self._lengths, dtype="int64")])

    @property
    def dim(self) -> int:
        """The width of a step."""
        return int(self._steps.shape[1])

    def take(self, indices: Any) -> Ragged:
        """The rows at `indices` (int or bool), in that order."""
        indices = np.asarray(indices)
        return self._view(self._starts[indices], self._lengths[indices])

    def truncated(self, length: int) -> Ragged:
        """The first `length` steps of every row."""
        if self._lengths.max(initial=0) <= length:
            return self
        return self._view(self._starts, np.minimum(self._lengths, length))

    def emptied(self, rows: Any) -> Ragged:
        """The same rows, without steps where `rows` (n,) bool is true."""
        return self._view(self._starts, np.where(rows, 0, self._lengths))

    def padded(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows right-padded with zeros to (n, length, dim) float32, and the mask (n, length).

        Longer rows lose their last steps.
        """
        lengths = np.minimum(self._lengths, length)
        mask = np.arange(length) < lengths[:, np.newaxis]
        padded = np.zeros((len(self), length, self.dim), "float32")
        runs = list(zip(self._starts.tolist(), (self._starts + lengths).tolist(), strict=True))
        for row, (start, end) in zip(padded, runs, strict=True):
            row[: end - start] = self._steps[start:end]
        self._give_back(runs)
        if self._functions:
            padded[mask] = self._changed(padded[mask])
        return padded, mask

    def changed(self, function: Callable[[np.ndarray], np.ndarray]) -> Ragged:
        """The rows with a function of single steps applied: at once, or as a file is read.

        Args:
            function: of (steps, dim) float32, gives the same shape, finite. It can be pickled.
        """
        if not self.mapped:
            return Ragged(function(self.values), self.offsets)
        new = self._view(self._starts, self._lengths)
        new._functions = (*self._functions, function)
        return new

    def chunks(self) -> Iterator[np.ndarray]:
        """The steps of `values` in turn, in arrays of some 4 MB; as one where they are at hand."""
        if self._whole and not self.mapped:
            yield self._steps
            return
        most = max(CHUNK_BYTES // (4 * max(self.dim, 1)), 1)
        ends = np.cumsum(self._lengths)
        row = 0
        while row < len(self):
            done = ends[row] - self._lengths[row]
            after = max(int(np.searchsorted(ends, done + most, side="right")), row + 1)
            yield self._gathered(self._starts[row:after], self._lengths[row:after])
            row = after

    def identity(self) -> Iterator[Any]:
        """What tells these rows from others, in bytes: the steps, or their place in a hashed file.

        Changes by `changed` are not told.
        """
        if self.sha256 is None:
            yield from (np.ascontiguousarray(steps) for steps in self.chunks())
        else:
            yield self.sha256.encode()
            yield from (np.ascontiguousarray(self._starts), np.ascontiguousarray(self._lengths))

    @property
    def _whole(self) -> bool:
        """Whether the rows are all steps of the array, in its order and as they are."""
        if self._functions or self._lengths.sum() != len(self._steps):
            return False
        return np.array_equal(self._starts, np.cumsum(self._lengths) - self._lengths)

    def _view(self, starts: np.ndarray, lengths: np.ndarray) -> Ragged:
        new = object.__new__(Ragged)
        new.__dict__.update(self.__dict__)
        new._starts, new._lengths = starts, lengths
        return new

    def _changed(self, steps: np.ndarray) -> np.ndarray:
        for function in self._functions:
            steps = function(steps)
        return steps

    def _gathered(self, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """The steps of rows, copied; rows that are neighbours are read as one."""
        filled = lengths > 0
        starts, ends = starts[filled], (starts + lengths)[filled]
        if not len(starts):
            return np.zeros((0, self.dim), "float32")
        apart = starts[1:] != ends[:-1]
        firsts = [int(starts[0]), *starts[1:][apart].tolist()]
        runs = list(zip(firsts, [*ends[:-1][apart].tolist(), int(ends[-1])], strict=True))
        steps = np.concatenate([self._steps[start:end] for start, end in runs])
        self._give_back(runs)
        return self._changed(steps)

    def _give_back(self, runs: list[tuple[int, int]]) -> None:
        """Returns the memory of what was read of the file: it stays in the system's cache alone.

        Otherwise a process that has read all of a corpus seems to hold all of it.
        """
        if self._file is None or GIVE_BACK is None:
            return
        lead, width = self._file.offset % mmap.ALLOCATIONGRANULARITY, 4 * self.dim
        for start, end in (run for run in runs if run[0] < run[1]):
            first = (lead + start * width) // READ_AROUND * READ_AROUND
            last = -(-(lead + end * width) // READ_AROUND) * READ_AROUND
            self._file.base.madvise(GIVE_BACK, first, min(last, len(self._file.base)) - first)


def _is_whole_file(values: Any) -> bool:
    """Whether it maps float32 steps of a file that nobody writes.

    A slice of a map does not tell its place in the file.
    """
    return (
        isinstance(values, np.memmap)
        and values.mode == "r"
        and isinstance(values.base, mmap.mmap)
        and values.dtype == np.float32
        and values.flags.c_contiguous
    )


def _steps(row: Any, index: int) -> np.ndarray:
    """One row as (time, dim); a missing one as (0, dim) or (0, 0)."""
    if row is None:
        return np.zeros((0, 0), "float32")
    array = np.asarray(row, dtype="float32")
    if array.ndim == 1:
        array = array[np.newaxis] if array.size else np.zeros((0, 0), "float32")
    if array.ndim != 2 or (len(array) and not array.shape[1]):
        raise ValueError(
            f"row {index} has the shape {np.shape(row)}; expected (time, dim), or (dim,) for a "
            "single step"
        )
    return array
