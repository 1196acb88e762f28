"""Sequences of different lengths, packed end to end in one array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np


class Ragged:
    """The rows of one modality: row `i` is a (time, dim) array with a length of its own.

    All steps lie in one array, so nothing is padded until a batch is made. A row of length 0
    says that the modality is missing for that utterance.

    Args:
        values: (total_steps, dim) float, the steps of all rows, one row after the other.
        offsets: (n + 1,) int; row `i` is `values[offsets[i]:offsets[i + 1]]`.

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

    def __init__(self, values: Any, offsets: Any) -> None:
        self.values = np.asarray(values, dtype="float32")
        self.offsets = np.asarray(offsets, dtype="int64")
        if self.values.ndim != 2:
            raise ValueError(
                f"Ragged expects values of shape (total_steps, dim); received {self.values.shape}"
            )
        if self.offsets.ndim != 1 or len(self.offsets) == 0:
            raise ValueError(
                f"Ragged expects offsets of shape (rows + 1,); received {self.offsets.shape}"
            )
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        if first != 0 or last != len(self.values) or np.any(np.diff(self.offsets) < 0):
            raise ValueError(
                f"Ragged expects offsets that rise from 0 to the {len(self.values)} steps of "
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
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        """Row `index` as a (time, dim) view."""
        row = range(len(self))[index]
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        return f"Ragged({len(self)} rows, {len(self.values)} steps, dim {self.dim})"

    @property
    def lengths(self) -> np.ndarray:
        """(n,) int64, the number of steps of each row."""
        return np.diff(self.offsets)

    @property
    def dim(self) -> int:
        """The width of a step."""
        return int(self.values.shape[1])

    def take(self, indices: Any) -> Ragged:
        """The rows at `indices` (int or bool), in that order."""
        return self._gathered(np.arange(len(self))[np.asarray(indices)], None)

    def truncated(self, length: int) -> Ragged:
        """The first `length` steps of every row."""
        if self.lengths.max(initial=0) <= length:
            return self
        return self._gathered(np.arange(len(self)), length)

    def _gathered(self, rows: np.ndarray, length: int | None) -> Ragged:
        lengths = self.lengths[rows]
        if length is not None:
            lengths = np.minimum(lengths, length)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        shift = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return Ragged(self.values[np.arange(offsets[-1]) + shift], offsets)


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
