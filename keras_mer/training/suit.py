"""What a recipe leaves open, filled in from its entry and its data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_mer.data import Dataset
from keras_mer.data.seeded_parts import with_seeded_parts
from keras_mer.features._encoders import ENCODERS
from keras_mer.layers._modalities import modality_order
from keras_mer.training.base_entry import BaseEntry
from keras_mer.training.prepare import number_of_classes, read_raw, with_encoded
from keras_mer.training.recipe import Recipe
from keras_mer.training.shared_recipe import CLIP, TEXT_ENCODER, protocol_of, unscaled

if TYPE_CHECKING:
    from keras_mer.features import TextAdapters

AUDIO_ENCODER = {"extractor": "keras-mer functionals 1", "trim": True}
OWN = (None, "clips")  # formats of which a recipe says no more than where the data are


def suit(
    recipe: Recipe,
    data: str | Path | Dataset | None,
    progress: bool = False,
    adapters: TextAdapters | None = None,
) -> tuple[Recipe, Dataset]:
    """Reads the data of a recipe, fills in what it leaves open, and makes the features.

    A data set without a validation or a test part gets it: see `with_seeded_parts`.

    Args:
        recipe: whose data it is.
        data: a folder, a file, or a data set as read; by default the recipe's `path`.
        progress: whether to show the progress of the encoding.
        adapters: of the tuned text encoder. A recipe that tunes it gets no text features
            without them.
    """
    dataset = read_parts(recipe, data)
    recipe = suited(recipe, dataset)
    return recipe, with_features(recipe, dataset, progress, adapters)


def read_data(
    recipe: Recipe,
    data: str | Path | Dataset | None,
    progress: bool = False,
    adapters: TextAdapters | None = None,
) -> Dataset:
    """The data of a recipe with their features; see `suit`."""
    return suit(recipe, data, progress, adapters)[1]


def with_features(
    recipe: Recipe,
    dataset: Dataset,
    progress: bool = False,
    adapters: TextAdapters | None = None,
) -> Dataset:
    """As `with_encoded`; texts are encoded as the entry of the recipe has them, if there is one."""
    base = BaseEntry.of(recipe)
    return with_encoded(recipe, dataset, progress, adapters if base is None else base.adapters)


def read_parts(recipe: Recipe, data: str | Path | Dataset | None) -> Dataset:
    """The data of a recipe as read, with a validation and a test part."""
    dataset = read_raw(recipe, data)
    return dataset if recipe.data["folds"] is not None else with_seeded_parts(dataset)


def suited(recipe: Recipe, dataset: Dataset) -> Recipe:
    """The recipe with everything in it that follows from its entry and its data.

    Args:
        recipe: as read; what is in it stays.
        dataset: as read.

    Raises:
        ValueError: if there is nothing to train on, or labels have several columns and no
            protocol is named.
    """
    if recipe.evaluation["protocol"] is None:
        recipe = recipe.scored_by(protocol_of(dataset))
    base = BaseEntry.of(recipe)
    if base is not None:
        data = {**recipe.data, **_data_of_entry(recipe, base, dataset)}
        return replace(recipe, data=data, model=_model_of_entry(recipe, base, dataset))
    if recipe.data["format"] in OWN:
        recipe = replace(recipe, data={**recipe.data, **_found(recipe, dataset)})
    if recipe.data["standardize"] is None:
        recipe = replace(recipe, data={**recipe.data, "standardize": []})
    arguments = {**_head(dataset), **recipe.model["arguments"]}
    return replace(recipe, model={**recipe.model, "arguments": arguments})


def _found(recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """Encoders and scaling, where nothing is said of the data but where they are."""
    data, chosen = dict(recipe.data), recipe.data["modalities"]
    for modality, there, encoder in (
        ("text", dataset.transcripts is not None, TEXT_ENCODER),
        ("audio", "file" in dataset.columns, AUDIO_ENCODER),
    ):
        made = there and modality not in dataset.features
        if made and (chosen is None or modality in chosen):
            data[f"{modality}_encoder"] = data[f"{modality}_encoder"] or encoder
    if data["standardize"] is None:
        encoded = [m for m in ENCODERS if data[f"{m}_encoder"] is not None]
        names = modality_order({*dataset.modalities, *encoded})
        wanted = names if chosen is None else chosen
        data["standardize"] = [m for m in wanted if unscaled(m, dataset)]
        if data["standardize"] and data["clip"] is None:
            data["clip"] = CLIP
    return data


def _head(dataset: Dataset) -> dict[str, Any]:
    """The arguments of a model's output."""
    if dataset.labels.ndim == 2:
        return {"outputs": dataset.labels.shape[1]}
    if dataset.description["task"] == "regression":
        return {}
    return {"outputs": number_of_classes(dataset), "activation": "softmax"}


def _data_of_entry(recipe: Recipe, base: BaseEntry, dataset: Dataset) -> dict[str, Any]:
    """The modalities that both have, and the encoders of those that the data set has raw."""
    raw = {"text": dataset.transcripts is not None} | dict.fromkeys(
        ("audio", "video"), "file" in dataset.columns
    )
    encoders = {
        m: recipe.data[f"{m}_encoder"] or base.encoder(m)
        for m in raw
        if raw[m] and m not in dataset.features
    }
    chosen = recipe.data["modalities"]
    if chosen is None:
        chosen = [m for m in base.features if m in dataset.features or encoders.get(m)]
    if not chosen:
        raise ValueError(
            f"the entry {base.name} reads {', '.join(base.features)}; the data set has features "
            f"of {', '.join(dataset.modalities) or 'none'}"
            + ("" if dataset.transcripts is None else ", and transcripts")
            + ": extract what the entry reads (keras-mer extract --entry), or name another entry"
        )
    made = {f"{m}_encoder": e for m, e in encoders.items() if m in chosen}
    return {"modalities": list(chosen), **made}


def _model_of_entry(recipe: Recipe, base: BaseEntry, dataset: Dataset) -> dict[str, Any]:
    """Class, arguments and head, and what tells the entry from a later one of its name."""
    given = recipe.model["arguments"]
    keep = "keep_head" in recipe.model or (base.answers(dataset) and not {"outputs"} & set(given))
    fresh = {"outputs": 1, "activation": None, **_head(dataset)}
    return {
        **recipe.model,
        "class": base.config["class_name"],
        "arguments": given if keep else {**fresh, **given},
        "keep_head": recipe.model.get("keep_head", keep),
        "sha256": base.sha256,
    }
