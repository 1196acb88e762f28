"""Predictions summed up by group: by video, dialogue or speaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_mer.metrics.protocols import find_protocol


@dataclass(frozen=True)
class GroupSums:
    """What each group adds to one figure of one or more runs.

    Attributes:
        rows: (groups, runs, k) float64.
        figure: from sums (..., k) to the figure (...).
    """

    rows: np.ndarray
    figure: Callable[[np.ndarray], np.ndarray]

    def score(self, weights: np.ndarray) -> np.ndarray:
        """(...) float64: the figure, averaged over the runs, if each group counts `weights`
        (..., groups) times.
        """
        return self.figure(np.tensordot(weights, self.rows, axes=1)).mean(axis=-1)


def group_sums(
    y_true: Any, runs: Sequence[Any], groups: Any, protocol: str, figure: str | None
) -> GroupSums:
    """Sums up the predictions of one or more runs by group.

    Args:
        y_true: labels, as in `keras_mer.metrics.report`.
        runs: predictions, one array per run.
        groups: (n,) the group of each utterance.
        protocol: as in `keras_mer.metrics.report`.
        figure: one of the protocol; `None` for the first.

    Raises:
        ValueError: if there are no runs, fewer than two groups, or not one group per utterance;
            or as `report`.
    """
    found = find_protocol(protocol)
    name = found.first.name if figure is None else found.figure(figure).name
    if not len(runs):
        raise ValueError("the predictions of one run or more are expected; received none")
    groups = np.asarray(groups)
    if groups.shape != (len(y_true),):
        raise ValueError(
            f"one group for each of the {len(y_true)} utterances is expected; received the shape "
            f"{groups.shape}"
        )
    names, places = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            "two groups or more are expected, since they are what is drawn; every utterance is "
            f"in {str(names[0])!r}"
        )
    sums = [found.rules.sums(y_true, run)[name] for run in runs]
    added = np.zeros((len(names), len(runs), sums[0].rows.shape[1]))
    np.add.at(added, places, np.stack([each.rows for each in sums], axis=1))
    return GroupSums(added, sums[0].figure)


def counts(drawn: np.ndarray, groups: int) -> np.ndarray:
    """(..., groups) float64: how often each group is among the drawn ones, int (..., draws)."""
    flat = drawn.reshape(-1, drawn.shape[-1])
    cells = flat + groups * np.arange(len(flat))[:, None]
    counted = np.bincount(cells.reshape(-1), minlength=groups * len(flat))
    return counted.reshape(*drawn.shape[:-1], groups).astype("float64")


def batch_size(groups: int) -> int:
    """How many resamples are made at once: a few megabytes of them."""
    return max(2**20 // groups, 1)
