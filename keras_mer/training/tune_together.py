"""A model and the upper layers of its text encoder, tuned together on the labels of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_mer._types import Tensor
from keras_mer.data import Batches, Dataset, Preprocessor, Ragged
from keras_mer.features import TextAdapters, TextEncoder, _minilm
from keras_mer.layers import MaskedAveragePooling1D
from keras_mer.models._utterances import EachUtterance, PerDialogue
from keras_mer.training.fit import Follow, Report, fit, make_optimizer
from keras_mer.training.prepare import complete, fit_preprocessor, reads_dialogues
from keras_mer.training.recipe import Recipe
from keras_mer.training.train import build_model
from keras_mer.training.tune_text import ADAPTERS, Tuned, adapters_of, lower_features, upper_layers

ROWS = 64
"""Utterances that are read at once where nothing is learned."""


def tune_together(
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    folder: Path,
    on_epoch: Report | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[keras.Model, TextAdapters, Follow]:
    """Trains the model of a recipe, and through it the upper layers of the text encoder.

    The layers below them are computed once and cached. What is learned beside the model are
    the low-rank changes (LoRA) of `tune_text`, here from the model's own loss. A model trained
    after its encoder sees, of the training part alone, vectors that know their labels; this
    one does not. A model that reads dialogues reads the mean of each utterance's word pieces,
    and the encoder learns from whole dialogues.

    Args:
        recipe: with a [text_tuning] whose `together` is true.
        dataset: with transcripts, and without text features.
        seed: of all that chance decides.
        folder: for log, state and adapters.
        on_epoch: called after every epoch.
        callbacks: of the user.

    Returns:
        The model alone, which reads what the tuned encoder gives; the changes, which are
        written to `text_adapters.safetensors` too; and how it went.

    Raises:
        ValueError: if the data set has text features already, or no transcripts.
    """
    dataset = lower_features(recipe, dataset)
    keras.utils.set_random_seed(seed)
    lower = fit_preprocessor(recipe, dataset)
    model = build_model(recipe, _of_the_encoder(recipe, lower), seed)
    network, tuned = together(recipe, model, seed)
    network.compile(make_optimizer(recipe.training), recipe.training["loss"])
    dataset = complete(lower.apply(dataset), network.config["features"])
    follow = fit(network, recipe, dataset, seed, folder, on_epoch, callbacks)
    adapters = adapters_of(tuned)
    adapters.save(folder / ADAPTERS)
    return model, adapters, follow


def together(recipe: Recipe, model: keras.Model, seed: int) -> tuple[TunedTogether, Tuned]:
    """A model on top of the upper layers, and what has their changed kernels."""
    below = keras.Input((None, _minilm.DIMENSION), name="text")
    below_mask = keras.Input((None,), dtype="bool", name="text_mask")
    outputs, tuned = upper_layers(recipe.text_tuning or {}, below, below_mask, seed)
    encoder = TextEncoder.from_specification(recipe.data["text_encoder"])
    text = ops.concatenate([outputs[layer] for layer in encoder.layers], axis=-1)
    inputs = {
        name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        for name, tensor in model.input.items()
        if name not in ("text", "text_mask")
    }
    if reads_dialogues(model):
        vector = MaskedAveragePooling1D()(text, mask=below_mask)
        upper = keras.Model({"text": below, "text_mask": below_mask}, vector)
        return TunedDialogues(inputs, upper, model), tuned
    inputs, mask = {**inputs, "text": below, "text_mask": below_mask}, below_mask
    if encoder.pooling:
        text = ops.expand_dims(MaskedAveragePooling1D()(text, mask=mask), 1)
        mask = ops.any(mask, axis=1, keepdims=True)
    return TunedTogether(inputs, {**inputs, "text": text, "text_mask": mask}, model), tuned


class TunedTogether(keras.Model):
    """A model and what is below it as one network, with the objective of the model.

    Args:
        inputs: of the network, by name.
        between: what the model reads, by name.
        model: compiled.
    """

    def __init__(
        self, inputs: dict[str, Tensor], between: dict[str, Tensor], model: keras.Model
    ) -> None:
        super().__init__(inputs, model(between))
        self.model = model
        self.config = {"features": {**model.config["features"], "text": _minilm.DIMENSION}}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The model's own; as Keras has it where the model has none, and with the losses that
        layers add, which on JAX are known to the outer model alone."""
        if type(self.model).compute_loss is keras.Model.compute_loss:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        return self.model.compute_loss(None, y, y_pred, sample_weight, training)


class TunedDialogues(TunedTogether):
    """As `TunedTogether`, of a model that reads dialogues: a vector for each utterance.

    Args:
        inputs: of the network but for its text, by name.
        upper: from the steps of an utterance to its vector.
        model: compiled.
    """

    reads_dialogues = True
    reads_steps = ("text",)

    def __init__(self, inputs: dict[str, Tensor], upper: keras.Model, model: keras.Model) -> None:
        steps = keras.Input((None, None, _minilm.DIMENSION), name="text")
        real = keras.Input((None, None), dtype="bool", name="text_mask")
        there, flat = ops.any(real, axis=-1), EachUtterance()
        rows = upper({"text": flat(steps), "text_mask": flat(real)})
        vectors = PerDialogue(dtype="float32")(rows, there)
        super().__init__(
            {**inputs, "text": steps, "text_mask": real},
            {**inputs, "text": vectors, "text_mask": there},
            model,
        )
        self.upper = upper

    def in_halves(self, dataset: Dataset) -> tuple[keras.Model, Dataset]:
        """The model alone, and the rows with the vectors that it then reads.

        One utterance beside others of its length takes less time than in its dialogue.
        """
        texts = dataset.features["text"]
        batches = Batches({"text": texts}, dataset.labels, ROWS, by_length=True)
        vectors = batches.in_order(self.upper.predict(batches, verbose=0))
        there = texts.lengths > 0
        rows = Ragged(vectors[there], np.concatenate([[0], np.cumsum(there)]))
        return self.model, dataset.with_features("text", rows)


def _of_the_encoder(recipe: Recipe, lower: Preprocessor) -> Preprocessor:
    """With the width of the vectors that the model reads."""
    encoder = TextEncoder.from_specification(recipe.data["text_encoder"])
    text = {**lower.specification["text"], "dimension": encoder.dimension}
    return Preprocessor({**lower.specification, "text": text}, {}, {})
