"""Cross-validation by group, with scikit-learn's splitters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from keras_mer.data.dataset import Dataset

LEAST = {True: 3, False: 2}


def fold_splits(
    dataset: Dataset, by: str, n_splits: int | None, valid: bool
) -> Iterator[tuple[str, np.ndarray]]:
    """The name and the split of each row, for each fold.

    Args:
        dataset: whose rows are split.
        by: "groups" or the name of a column.
        n_splits: the number of folds; None for one per group.
        valid: whether the next fold's test part is this fold's validation part.
    """
    groups = _groups(dataset, by)
    names = np.unique(groups)
    number = len(names) if n_splits is None else n_splits
    if not LEAST[valid] <= number <= len(names):
        raise ValueError(
            f"{number} folds of {len(names)} values of {by}: expected {LEAST[valid]} to "
            f"{len(names)} folds" + (", one of them for validation" if valid else "")
        )
    held_out = _held_out(dataset, groups, n_splits)
    for place, test in enumerate(held_out):
        splits = np.full(len(groups), "train")
        if valid:
            splits[held_out[(place + 1) % number]] = "valid"
        splits[test] = "test"
        if n_splits is None:
            yield f"{by} {groups[test[0]]} held out", splits
        else:
            yield f"fold {place + 1} of {number} by {by}", splits


def _groups(dataset: Dataset, by: str) -> np.ndarray:
    values = dataset.groups if by == "groups" else dataset.columns.get(by)
    if values is None or values.ndim != 1:
        known = ", ".join(["groups", *(n for n, v in dataset.columns.items() if v.ndim == 1)])
        raise ValueError(f"folds by {by!r}: expected one of {known}")
    return values.astype(str)


def _held_out(dataset: Dataset, groups: np.ndarray, n_splits: int | None) -> list[np.ndarray]:
    from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, StratifiedGroupKFold

    classes = dataset.description["task"] == "classification" and dataset.labels.ndim == 1
    if n_splits is None:
        splitter = LeaveOneGroupOut()
    else:
        splitter = (StratifiedGroupKFold if classes else GroupKFold)(n_splits=n_splits)
    rows = np.zeros((len(groups), 1))
    labels = dataset.labels if classes else None
    return [test for _, test in splitter.split(rows, labels, groups)]
