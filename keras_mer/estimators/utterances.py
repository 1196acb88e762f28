"""The utterances of a data set, in a form that scikit-learn can index."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_mer.data import Dataset
from keras_mer.data.leaks import check_leaks


class Utterances:
    """The rows of a data set as an `X` for scikit-learn, with any number of steps in each.

    What indexes rows takes them, such as `cross_val_score`, `GroupKFold`, `GridSearchCV` and
    `train_test_split`. No features are copied.

    Args:
        dataset: with features.
        split: "train", "valid" or "test" for one part alone; all rows by default.
        allow_leaks: takes features that were made with the labels of some rows, which any of
            scikit-learn's splits might hold out.

    Raises:
        LeakError: if features were made with the labels of these rows.

    Example:

    >>> import keras_mer
    >>> X = Utterances(keras_mer.data.generate("meld", rows=50), "train")
    >>> X
    Utterances(37; text 600, audio 300)
    >>> X[[3, 1]].labels.shape, X.groups("speaker").shape
    ((2,), (37,))
    """

    def __init__(
        self, dataset: Dataset, split: str | None = None, allow_leaks: bool = False
    ) -> None:
        self.dataset = dataset if split is None else dataset.subset(split)
        if not allow_leaks:
            held_out = np.full(len(self), "test")
            leaks = self.dataset.description["leaks"]
            check_leaks(leaks, self.dataset.features, self.dataset.groups, held_out)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, rows: Any) -> Utterances:
        """The utterances at int indices, of a bool mask or a slice."""
        # scikit-learn asks for X[rows, ...].
        rows = rows[0] if isinstance(rows, tuple) else rows
        return Utterances(
            self.dataset.subset(np.atleast_1d(np.arange(len(self))[rows])), None, True
        )

    def __repr__(self) -> str:
        widths = ", ".join(f"{m} {rows.dim}" for m, rows in self.dataset.features.items())
        return f"Utterances({len(self)}; {widths})"

    @property
    def shape(self) -> tuple[int]:
        """(n,): the number of utterances."""
        return (len(self),)

    @property
    def labels(self) -> np.ndarray:
        """(n,) the labels of the data set: float scores, or int classes."""
        return self.dataset.labels

    def groups(self, column: str | None = None) -> np.ndarray:
        """(n,) what scikit-learn's splitters call groups: whoever must not be in two parts.

        Args:
            column: of the data set, such as "speaker" or "session"; its own groups by default.

        Raises:
            ValueError: if there is no such column.
        """
        if column is None:
            return self.dataset.groups
        columns = self.dataset.columns
        if column not in columns:
            raise ValueError(
                f"the data set has no column {column!r}; it has {', '.join(columns) or 'none'}"
            )
        return columns[column]
