"""Figures as functions of sums over utterances, so that thousands of resamples cost one product.

What an utterance adds to such a sum does not depend on the others: the sum of a resample is
the weighted sum of its groups. `report` computes the same figures once, from the utterances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sums:
    """One figure of a set of predictions.

    Attributes:
        rows: (n, k) float64, what each utterance adds.
        figure: from sums (..., k) to the figure (...); 0 where it is undefined.
    """

    rows: np.ndarray
    figure: Callable[[np.ndarray], np.ndarray]


def share(hits: Any, counted: Any = True) -> Sums:
    """The share of hits, bool (n,), among the utterances that are counted, bool (n,)."""
    counted = np.broadcast_to(counted, np.shape(hits))
    return mean(np.where(counted, hits, 0.0), counted)


def mean(values: np.ndarray, counted: Any = True) -> Sums:
    """The mean of (n,) values, which are 0 where they are not counted."""
    rows = np.stack([values, np.broadcast_to(counted, values.shape)], axis=1)
    return Sums(rows.astype("float64"), lambda sums: _ratio(sums[..., 0], sums[..., 1]))


def correlation(x: np.ndarray, y: np.ndarray) -> Sums:
    """The Pearson correlation of two (n,) arrays."""
    x, y = (np.asarray(v, "float64") - np.mean(v, dtype="float64") for v in (x, y))
    rows = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)

    def figure(sums: np.ndarray) -> np.ndarray:
        n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
        spread = (n * xx - x * x) * (n * yy - y * y)
        return _ratio(n * xy - x * y, np.sqrt(np.maximum(spread, 0)))

    return Sums(rows, figure)


def confusion(
    truth: np.ndarray,
    guess: np.ndarray,
    num_classes: int,
    measure: Callable[[np.ndarray], np.ndarray],
    counted: Any = True,
) -> Sums:
    """A measure of the confusion matrix.

    Args:
        truth: (n,) class ids.
        guess: (n,) class ids.
        num_classes: how many classes there are.
        measure: from (..., label, prediction) to (...).
        counted: (n,) bool, which utterances count.
    """
    cells = np.asarray(truth, "int64") * num_classes + np.asarray(guess, "int64")
    rows = np.zeros((len(cells), num_classes**2))
    rows[np.arange(len(cells)), cells] = counted
    shape = (num_classes, num_classes)
    return Sums(rows, lambda sums: measure(sums.reshape(*sums.shape[:-1], *shape)))


def mean_recall(confusion: np.ndarray) -> np.ndarray:
    """Of the classes that occur."""
    support = confusion.sum(axis=-1)
    return _ratio(_ratio(_hits(confusion), support).sum(axis=-1), (support > 0).sum(axis=-1))


def mean_f1(confusion: np.ndarray) -> np.ndarray:
    """Of all classes, 0 for one that never occurs."""
    return _f1(confusion).mean(axis=-1)


def weighted_f1(confusion: np.ndarray) -> np.ndarray:
    """Weighted by how often each class is the label."""
    support = confusion.sum(axis=-1)
    return _ratio((support * _f1(confusion)).sum(axis=-1), support.sum(axis=-1))


def _f1(confusion: np.ndarray) -> np.ndarray:
    return _ratio(2 * _hits(confusion), confusion.sum(axis=-1) + confusion.sum(axis=-2))


def _hits(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros(np.shape(above)), where=np.asarray(below) != 0)
