"""From a data set as it is read to what a model of a recipe takes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer.data import Dataset, Preprocessor, Ragged, read
from keras_mer.data._folder import found_saved
from keras_mer.training.recipe import Recipe


def read_data(recipe: Recipe, data: str | Path | Dataset, progress: bool = False) -> Dataset:
    """Reads the data of a recipe and makes text features of its transcripts if it asks so.

    Args:
        recipe: whose data it is.
        data: a folder, a file, or a data set that was read already.
        progress: whether to show the progress of the encoding.
    """
    dataset = data if isinstance(data, Dataset) else _read(recipe, data)
    wanted = recipe.data["text_encoder"]
    if wanted is None or "text" in dataset.features:
        return dataset
    from keras_mer.features import TextEncoder

    text_encoder = TextEncoder.from_specification(wanted)
    if dataset.transcripts is None:
        raise ValueError("the recipe makes features of transcripts; the data set has none")
    rows = text_encoder.encode(list(dataset.transcripts), progress=progress)
    return dataset.with_features("text", rows, text_encoder.specification)


def _read(recipe: Recipe, path: str | Path) -> Dataset:
    options = dict(recipe.data["options"])
    if Path(path).suffix == ".npz" or found_saved(
        Path(path)
    ):  # whoever saved it has chosen the options
        return read(path)
    return read(path, recipe.data["format"], **options)


def fit_preprocessor(recipe: Recipe, dataset: Dataset) -> Preprocessor:
    """The scaling of a recipe, with the statistics of the training part."""
    modalities = recipe.data["modalities"] or dataset.modalities
    standardize = [m for m in recipe.data["standardize"] if m in modalities]
    return Preprocessor.fit(
        dataset, modalities, standardize, recipe.data["clip"], recipe.data["max_length"]
    )


def complete(dataset: Dataset, widths: dict[str, int]) -> Dataset:
    """The data set with exactly a model's modalities; what it has not is missing in every row."""
    for modality in set(dataset.modalities) - set(widths):
        dataset = dataset.without(modality)
    for modality, width in widths.items():
        if modality not in dataset.features:
            dataset = dataset.with_features(modality, absent(len(dataset), width))
    return dataset


def hide(dataset: Dataset, modalities: Iterable[str]) -> Dataset:
    """The data set with only these modalities left; the others are missing in every row."""
    kept = set(modalities)
    for modality in dataset.modalities:
        if modality not in kept:
            rows = absent(len(dataset), dataset.features[modality].dim)
            specification: Any = dataset.description["features"][modality]
            dataset = dataset.with_features(modality, rows, specification, derived=True)
    return dataset


def absent(rows: int, width: int) -> Ragged:
    """A modality that no row has."""
    return Ragged(np.zeros((0, width), "float32"), np.zeros(rows + 1, "int64"))


def workers_for(dataset: Dataset) -> int:
    """How many threads make batches ahead: rows in memory are ready sooner than threads agree."""
    return 2 if dataset.mapped else 0
