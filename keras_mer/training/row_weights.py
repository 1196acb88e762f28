"""How much every row of the training part counts in the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_mer.data import Dataset
from keras_mer.training.prepare import number_of_classes


def row_weights(training: Mapping[str, Any], dataset: Dataset) -> np.ndarray | None:
    """The weights that a recipe's `class_weight` and `sample_weight` give, multiplied.

    Args:
        training: of the recipe. "balanced" weighs a class by n / (classes * its rows), so that
            all classes count alike and the mean weight is 1; a class that a table leaves out
            has the weight 1.
        dataset: the training part.

    Returns:
        (n,) float32; `None` if the recipe names neither.

    Raises:
        ValueError: if there are no such classes or no such column, or a weight is negative or
            no number.
    """
    classes, column = training["class_weight"], training["sample_weight"]
    if classes is None and column is None:
        return None
    weights = np.ones(len(dataset))
    if classes is not None:
        weights *= _by_class(classes, dataset)
    if column is not None:
        weights *= _by_column(column, dataset)
    if not weights.any():
        raise ValueError("every row of the training part has the weight 0: nothing can be learnt")
    return weights.astype("float32")


def _by_class(wanted: Any, dataset: Dataset) -> np.ndarray:
    if dataset.description["task"] != "classification" or dataset.labels.ndim > 1:
        raise ValueError("class_weight is for labels that are classes; these are scores")
    count = number_of_classes(dataset)
    names = dataset.description["label_names"] or [str(number) for number in range(count)]
    if wanted == "balanced":
        labels = dataset.labels[dataset.labelled]
        rows = np.bincount(labels, minlength=count)
        return (len(labels) / (count * np.maximum(rows, 1)))[dataset.labels]
    if not isinstance(wanted, Mapping):
        raise ValueError(
            f'class_weight is "balanced", or a table such as {{ angry = 2.0 }}; received {wanted!r}'
        )
    if unknown := sorted(set(wanted) - set(names)):
        raise ValueError(
            f"class_weight names {', '.join(unknown)}; the labels are {', '.join(names)}"
        )
    table = _numbers([wanted.get(name, 1.0) for name in names], "class_weight")
    return table[dataset.labels]


def _by_column(column: str, dataset: Dataset) -> np.ndarray:
    values = dataset.columns.get(column)
    if values is None or values.ndim != 1:
        known = [name for name, each in dataset.columns.items() if each.ndim == 1]
        raise ValueError(
            f"sample_weight names the column {column!r}; the data set has "
            f"{', '.join(known) or 'none'}"
        )
    return _numbers(values, f"the column {column}")


def _numbers(values: Any, what: str) -> np.ndarray:
    try:
        numbers = np.asarray(values).astype("float64")
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise ValueError(f"{what} must hold numbers of 0 or more")
    return numbers
