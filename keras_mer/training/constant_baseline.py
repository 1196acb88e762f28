"""The baseline that looks at nothing: the training part's mean, or its most frequent class."""

from __future__ import annotations

import numpy as np

from keras_mer.data import Dataset
from keras_mer.training.prepare import number_of_classes
from keras_mer.training.recipe import Recipe

Predictions = dict[str, np.ndarray]
"""By split, (n,) scores, or (n, classes) probabilities."""


def constant_baseline(recipe: Recipe, dataset: Dataset) -> tuple[Predictions, int]:
    """Predicts the same for every utterance; the least that a model must beat.

    Args:
        recipe: not looked at; every baseline takes one.
        dataset: with labels (n,).

    Returns:
        What is predicted for "valid" and "test", and the number of parameters, which is 1.
    """
    labels = dataset.subset("train").labels
    if dataset.description["task"] == "regression":
        answer = np.asarray(labels.mean(dtype="float64"))
    else:
        counts = np.bincount(labels, minlength=number_of_classes(dataset))
        answer = np.eye(len(counts))[counts.argmax()]
    parts = ("valid", "test")
    return {part: np.repeat(answer[None], dataset.counts[part], axis=0) for part in parts}, 1
