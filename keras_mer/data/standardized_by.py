"""Features without what is constant of a speaker."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_mer.data.ragged import Ragged


def standardized_rows(rows: Ragged, names: Any) -> Ragged:
    """Rows with mean 0 and deviation 1 over all steps of each name.

    Args:
        rows: of one modality.
        names: (n,) whose row each one is.

    Returns:
        The rows in memory. What does not vary for a name is 0.
    """
    who = np.repeat(np.unique(np.asarray(names), return_inverse=True)[1], rows.lengths)
    values = rows.values.astype("float64")
    order = np.argsort(who, kind="stable")
    starts = np.flatnonzero(np.diff(who[order], prepend=-1))
    which = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(who)))

    def mean(x: np.ndarray) -> np.ndarray:
        """Of each name's steps, a row per step in `order`."""
        sums = np.add.reduceat(x[order], starts, axis=0)
        return (sums / np.bincount(which)[:, None])[which]

    if len(who):
        centred = np.empty_like(values)
        centred[order] = values[order] - mean(values)
        deviation = np.empty_like(values)
        deviation[order] = np.sqrt(mean(centred**2))
        # Rounding leaves a trace of what is constant.
        flat = deviation <= 1e-6 * np.abs(values).max(axis=0)
        values = np.where(flat, 0.0, centred / np.where(flat, 1.0, deviation))
    return Ragged(values.astype("float32"), rows.offsets)
