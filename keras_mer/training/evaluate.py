"""Figures of a model on a split, and on every subset of its modalities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import keras
import numpy as np

from keras_mer import metrics
from keras_mer.data import Dataset, DialogueBatches
from keras_mer.layers._modalities import modality_order
from keras_mer.training.prepare import batches_for, complete, hide, reads_dialogues, rows_for
from keras_mer.training.shared_recipe import protocol_of


def predictions(
    model: keras.Model, dataset: Dataset, split: str, batch_size: int = 64
) -> tuple[np.ndarray, Dataset]:
    """The model's predictions on the rows of a split that have labels, and these rows."""
    dataset = rows_for(model, dataset)
    if halves := getattr(model, "in_halves", None):
        model, dataset = halves(dataset.subset(split))
    # Dialogues have a prediction per utterance, which batches of other lengths would not fit.
    options = {} if reads_dialogues(model) else {"by_length": True}
    batches = batches_for(model, dataset, split, batch_size, **options)
    y_pred = model.predict(batches, verbose=0)
    in_order = batches.utterances if isinstance(batches, DialogueBatches) else batches.in_order
    rows = dataset.subset(split)
    return np.asarray(in_order(y_pred))[rows.labelled], rows.only_labelled()


def evaluate(
    model: keras.Model,
    dataset: Dataset,
    split: str = "test",
    protocol: str | None = None,
    modalities: Iterable[str] | None = None,
) -> dict[str, float]:
    """The figures of a model on a split.

    Args:
        model: a model of `keras_mer.models`.
        dataset: preprocessed as in training; for an entry of the zoo by
            `keras_mer.zoo.preprocessor(name).apply(dataset)`.
        split: "train", "valid" or "test".
        protocol: how figures are computed, see `keras_mer.metrics.report`; by default that
            of the data set, else "classes" or "scores".
        modalities: the ones to use; the others are hidden. All that the data set has by
            default.

    Returns:
        The figures by name.
    """
    protocol = protocol or protocol_of(dataset)
    dataset = complete(dataset, model.config["features"])
    if modalities is not None:
        dataset = hide(dataset, modalities)
    y_pred, rows = predictions(model, dataset, split)
    return metrics.report(rows.labels, y_pred, protocol)


def subsets(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """Every non-empty subset of the modalities, from single ones to all, in the field's order."""
    modalities = modality_order(modalities)
    return [c for size in range(len(modalities)) for c in combinations(modalities, size + 1)]


def evaluate_subsets(
    model: keras.Model,
    dataset: Dataset,
    split: str = "test",
    protocol: str | None = None,
    trained: Iterable[str] | None = None,
) -> dict[tuple[str, ...], dict[str, float] | None]:
    """The figures of every subset of a model's modalities.

    Returns:
        Figures by subset; `None` where the data set lacks a modality of it, or the model was
        not trained on it.
    """
    names = list(model.config["features"])
    there = {m for m in dataset.modalities if dataset.features[m].lengths.any()}
    if trained is not None:
        there &= set(trained)
    return {
        subset: evaluate(model, dataset, split, protocol, subset) if set(subset) <= there else None
        for subset in subsets(names)
    }
