"""A confusion matrix that is to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def checked_confusion(confusion: Any, label_names: Sequence[str]) -> np.ndarray:
    """(classes, classes) counts, of one row and one column per name.

    Raises:
        ValueError: if they are something else, or none.
    """
    counts = np.asarray(confusion)
    size = len(label_names)
    if not size or counts.shape != (size, size) or counts.min() < 0 or not counts.sum():
        raise ValueError(
            f"the confusion has the shape {counts.shape} for {size} label names; expected one row "
            "and one column of counts for each, and one count at least"
        )
    return counts


def label_ticks(label_names: Sequence[str], counts: np.ndarray) -> list[str]:
    """The names, each with how many clips have it."""
    totals = counts.sum(axis=1)
    return [f"{name} ({total})" for name, total in zip(label_names, totals, strict=True)]
