"""A text encoder tuned on the labels of a data set, before the model that reads its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_mer.data import Dataset
from keras_mer.features import TextAdapters, TextEncoder, _minilm
from keras_mer.layers import MaskedAveragePooling1D
from keras_mer.training.fit import Report, fit, make_optimizer
from keras_mer.training.prepare import number_of_classes
from keras_mer.training.recipe import Recipe

ADAPTERS = "text_adapters.safetensors"

ATTENTION = ("query", "key", "value")
REST = ("attention_output", "feedforward_intermediate_dense", "feedforward_output_dense")

Tuned = dict[tuple[int, str], Any]
"""What has the changed kernels, by layer and part."""


def tune_text(
    recipe: Recipe, dataset: Dataset, seed: int, folder: Path, on_epoch: Report | None = None
) -> TextAdapters:
    """Tunes the upper layers of the text encoder as a recipe's [text_tuning] says.

    The layers below them are computed once and cached. Those above run with low-rank changes
    (LoRA) of their kernels and a linear head on the mean of the word pieces; the epoch
    that did best on the validation part counts. The test part is not looked at.

    Args:
        recipe: with a [text_tuning].
        dataset: with transcripts, and without text features.
        seed: of the changes' initial values, the order of the batches and the dropouts.
        folder: for log, state and adapters. What was interrupted in it goes on, and what is
            finished is not repeated.
        on_epoch: called after every epoch, its figures marked with `stage`.

    Returns:
        The changes. They are written to `text_adapters.safetensors` in the folder.

    Raises:
        ValueError: if the data set has text features already, or no transcripts.
    """
    tuning = recipe.text_tuning or {}
    dataset = lower_features(recipe, dataset)
    for modality in set(dataset.modalities) - {"text"}:
        dataset = dataset.without(modality)
    keras.utils.set_random_seed(seed)
    model, tuned = tuning_model(tuning, dataset, seed)
    recipe = replace(recipe, training={**recipe.training, **tuning, "freeze_epochs": 0})
    model.compile(make_optimizer(recipe.training), recipe.training["loss"])
    fit(model, recipe, dataset, seed, folder, on_epoch and _marked(on_epoch))
    adapters = adapters_of(tuned)
    adapters.save(folder / ADAPTERS)
    return adapters


def tuning_model(
    tuning: Mapping[str, Any], dataset: Dataset, seed: int
) -> tuple[keras.Model, Tuned]:
    """The upper layers with LoRA and a head, and what has the changed kernels.

    Of the encoder nothing but the low-rank arrays is trainable, and in the beginning they
    change nothing.
    """
    text = keras.Input((None, _minilm.DIMENSION), name="text")
    mask = keras.Input((None,), dtype="bool", name="text_mask")
    outputs, tuned = upper_layers(tuning, text, mask, seed)
    pooled = MaskedAveragePooling1D()(outputs[_minilm.LAYERS], mask=mask)
    pooled = keras.layers.Dropout(tuning["dropout"], seed=seed)(pooled)
    model = keras.Model({"text": text, "text_mask": mask}, _head(dataset)(pooled))
    model.config = {"features": {"text": _minilm.DIMENSION}}
    return model, tuned


def upper_layers(
    tuning: Mapping[str, Any], text: Any, mask: Any, seed: int
) -> tuple[dict[int, Any], Tuned]:
    """The output of each layer from `first_layer` up, with LoRA, and what has its kernels.

    Args:
        tuning: the recipe's [text_tuning].
        text: (batch, time, 384), of the layer below.
        mask: (batch, time).
        seed: of the dropouts.
    """
    _, backbone = _minilm.load_minilm(_minilm.find_minilm())
    # Keras's LoRA is low-rank in the last axis alone, the width of one head in query, key and
    # value: there the same rank takes six times the numbers that it takes in `attention_output`.
    ranks = dict.fromkeys(ATTENTION, tuning["attention_rank"]) if tuning["attention_rank"] else {}
    ranks |= dict.fromkeys(REST, tuning["rank"])
    outputs, tuned = {}, {}
    for layer in range(tuning["first_layer"], _minilm.LAYERS + 1):
        block = _minilm.block(backbone, layer)
        _set_dropout(block, tuning["dropout"], seed + layer)
        parts = _minilm.parts(backbone, layer)
        for name, rank in ranks.items():
            part = tuned[layer, name] = parts[name]
            part.enable_lora(rank)
            # They are made as frozen as the layer that they are part of.
            part.lora_kernel_a.trainable = part.lora_kernel_b.trainable = True
        text = outputs[layer] = block(text, padding_mask=mask)
    return outputs, tuned


def adapters_of(tuned: Tuned) -> TextAdapters:
    """The low-rank arrays of `upper_layers`, as they are now."""
    return TextAdapters(
        {
            f"layer_{layer}.{part}.{name}": np.array(ops.convert_to_numpy(values))
            for (layer, part), dense in tuned.items()
            for name, values in (("lora_a", dense.lora_kernel_a), ("lora_b", dense.lora_kernel_b))
        }
    )


def lower_features(recipe: Recipe, dataset: Dataset) -> Dataset:
    """The data set with the transcripts as the layer below the first tuned one gives them.

    Raises:
        ValueError: if it has text features already, or no transcripts.
    """
    if dataset.transcripts is None or "text" in dataset.features:
        state = "none" if dataset.transcripts is None else "text features already"
        raise ValueError(
            f"the recipe tunes the text encoder on transcripts; the data set has {state}: pass "
            "it as read, or take [text_tuning] out of the recipe"
        )
    below = (recipe.text_tuning or {})["first_layer"] - 1
    wanted = {**recipe.data["text_encoder"], "layers": [below], "pooling": None}
    encoder = TextEncoder.from_specification(wanted)
    rows = encoder.encode(list(dataset.transcripts))
    return dataset.with_features("text", rows, encoder.specification)


def _head(dataset: Dataset) -> keras.layers.Layer:
    if dataset.description["task"] == "regression":
        return keras.layers.Dense(1, name="head")
    return keras.layers.Dense(number_of_classes(dataset), activation="softmax", name="head")


def _set_dropout(block: Any, rate: float, seed: int) -> None:
    """Sets the rate, and a seed: without one PyTorch draws from a state that is no variable."""
    dropouts = [d for d in block._flatten_layers() if isinstance(d, keras.layers.Dropout)]
    for index, dropout in enumerate(dropouts):
        dropout.rate = rate
        dropout.seed_generator._initial_seed = seed
        dropout.seed_generator.state.assign(np.array([seed, index], "uint32"))


def _marked(on_epoch: Report) -> Report:
    return lambda epoch, figures: on_epoch(epoch, {**figures, "stage": "text_tuning"})
