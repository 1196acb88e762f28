"""From a data set as it is read to what a model of a recipe takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_mer._widths import specification_of
from keras_mer.data import Batches, Dataset, Preprocessor, Ragged, read
from keras_mer.data._folder import found_saved
from keras_mer.training.recipe import Recipe

if TYPE_CHECKING:
    from keras_mer.features import TextAdapters


def read_raw(recipe: Recipe, data: str | Path | Dataset | None) -> Dataset:
    """The data of a recipe as read: a data set as it is, or what its reader makes of a path.

    Raises:
        ValueError: if there is neither data nor a `path` in the recipe.
    """
    if isinstance(data, Dataset):
        return data
    path = recipe.data["path"] if data is None else data
    if path is None:
        raise ValueError(
            "the recipe does not say where its data are: pass them (--data DIR), or give path = "
            '"..." in [data]'
        )
    # Whoever saved it has chosen the options.
    if Path(path).suffix == ".npz" or found_saved(Path(path)):
        return read(path)
    return read(path, recipe.data["format"], **recipe.data["options"])


def with_encoded(
    recipe: Recipe,
    dataset: Dataset,
    progress: bool = False,
    adapters: TextAdapters | None = None,
) -> Dataset:
    """The data set with the features of its transcripts and clips that a recipe asks for.

    Args:
        recipe: whose encoders count.
        dataset: as read.
        progress: whether to show the progress of the encoding.
        adapters: of the tuned text encoder. A recipe that tunes it gets no text features
            without them.
    """
    for modality in ("audio", "video"):
        wanted = recipe.data[f"{modality}_encoder"]
        if wanted is not None and modality not in dataset.features:
            dataset = _with_clips(dataset, modality, wanted)
    for modality, column in recipe.data["standardize_by"].items():
        if dataset.description["features"].get(modality, {}).get("standardized_by") != column:
            dataset = dataset.standardized_by(column, modality)
    if recipe.data["text_encoder"] is None or "text" in dataset.features:
        return dataset
    if recipe.tunes_text and adapters is None:
        return dataset
    return encode_text(recipe, dataset, adapters, progress=progress)


def encode_text(
    recipe: Recipe,
    dataset: Dataset,
    adapters: TextAdapters | None = None,
    progress: bool = False,
    cache: bool = True,
) -> Dataset:
    """The data set with text features of its transcripts, as a recipe's `text_encoder` says.

    Raises:
        ValueError: if it has no transcripts.
    """
    from keras_mer.features._encoders import encoder_of

    wanted = recipe.data["text_encoder"]
    encoder = encoder_of("text", wanted, cache=cache, adapters=adapters)
    if dataset.transcripts is None:
        raise ValueError("the recipe makes features of transcripts; the data set has none")
    rows = encoder.encode(list(dataset.transcripts), progress=progress)
    return dataset.with_features("text", rows, encoder.specification)


def _with_clips(dataset: Dataset, modality: str, wanted: Mapping[str, Any]) -> Dataset:
    if "file" not in dataset.columns:
        raise ValueError(
            f"the recipe makes {modality} features of clips; the data set has no column 'file'"
        )
    from keras_mer.features._encoders import encoder_of

    encoder = encoder_of(modality, wanted)
    rows = encoder.encode([str(file) for file in dataset.columns["file"]])
    return dataset.with_features(modality, rows, encoder.specification)


def fold_of(recipe: Recipe, dataset: Dataset, seed: int) -> Dataset:
    """What the run of a seed trains and is tested on: with `folds`, a fold of its own."""
    wanted = recipe.data["folds"]
    if wanted is None:
        return dataset
    folds = list(dataset.folds(**wanted))
    return folds[(seed - 1) % len(folds)]


def fit_preprocessor(recipe: Recipe, dataset: Dataset) -> Preprocessor:
    """The scaling of a recipe: its entry's, or with the statistics of the training part."""
    from keras_mer.training.base_entry import BaseEntry

    base = BaseEntry.of(recipe)
    if base is not None:
        return base.preprocessor(recipe, dataset)
    modalities = recipe.data["modalities"] or dataset.modalities
    standardize = [m for m in recipe.data["standardize"] or [] if m in modalities]
    return Preprocessor.fit(
        dataset, modalities, standardize, recipe.data["clip"], recipe.data["max_length"]
    )


def complete(dataset: Dataset, widths: Mapping[str, Any]) -> Dataset:
    """The data set with exactly a model's modalities; what it has not is missing in every row."""
    for modality in set(dataset.modalities) - set(widths):
        dataset = dataset.without(modality)
    for modality, width in widths.items():
        if modality not in dataset.features:
            specification = specification_of(width)
            rows = absent(len(dataset), specification["dimension"])
            dataset = dataset.with_features(modality, rows, specification)
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


def batches_for(
    model: Any, dataset: Dataset, split: str, batch_size: int, **options: Any
) -> Batches:
    """Batches of what the model reads: utterances, or dialogues whole."""
    make = dataset.dialogue_batches if reads_dialogues(model) else dataset.batches
    if steps := getattr(model, "reads_steps", ()):
        options = {**options, "steps": steps}
    return make(split, batch_size, workers=workers_for(dataset), **options)


def rows_for(model: Any, dataset: Dataset) -> Dataset:
    """The rows that a model has use for: without a label, those read with their dialogue alone."""
    return dataset if reads_dialogues(model) else dataset.only_labelled()


def reads_dialogues(model: Any) -> bool:
    """Whether a step of a model is an utterance; one of the user's own need not say."""
    return bool(getattr(model, "reads_dialogues", False))


def number_of_classes(dataset: Dataset) -> int:
    """How many classes the int labels of a data set tell apart."""
    names = dataset.description["label_names"]
    return len(names) if names else int(dataset.labels.max()) + 1


def workers_for(dataset: Dataset) -> int:
    """How many threads make batches ahead: rows in memory are ready sooner than threads agree."""
    return 2 if dataset.mapped else 0
