"""Data as the published model of an entry takes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keras_mer import zoo
from keras_mer.data import Dataset, Preprocessor
from keras_mer.features._encoders import is_ours
from keras_mer.training.prepare import fold_of, with_encoded
from keras_mer.training.recipe import Recipe
from keras_mer.training.suit import read_parts
from keras_mer.zoo.entry import RECIPE
from keras_mer.zoo.resolve import Name, entry_file, resolve


def entry_data(name: Name, data: str | Path | Dataset, progress: bool = False) -> Dataset:
    """The data set with the features and the scaling of an entry, on its published run's fold.

    Args:
        name: an entry with a recipe, as in `keras_mer.zoo.load`.
        data: what the recipe reads, as in `train`.
        progress: whether to show the progress of the encoding.

    Raises:
        FileNotFoundError: if there is no such entry, or it has no recipe.
        ValueError: if it has no preprocessor.
    """
    entry = resolve(name)
    recipe = Recipe.read(entry_file(entry, RECIPE))
    preprocessor = zoo.preprocessor(name)
    if preprocessor is None:
        raise ValueError(f"{name} has no preprocessor.json, without which features are not its own")
    dataset = read_parts(recipe, data)
    recipe = _reading(recipe, preprocessor)
    dataset = with_encoded(recipe, dataset, progress, zoo.text_adapters(name))
    return preprocessor.apply(fold_of(recipe, dataset, entry.metadata.get("published_seed", 1)))


def _reading(recipe: Recipe, preprocessor: Preprocessor) -> Recipe:
    """The recipe with the encoders that it left to its entry or its data to name."""
    data = dict(recipe.data)
    for modality, specification in preprocessor.specification.items():
        key = f"{modality}_encoder"
        if data.get(key) is None and is_ours(modality, specification):
            data[key] = specification
    return replace(recipe, data=data)
