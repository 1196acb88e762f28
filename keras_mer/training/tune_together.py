"""A model and the upper layers of its text encoder, tuned together on the labels of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from keras_mer._types import Tensor
from keras_mer.data import Dataset, Preprocessor
from keras_mer.features import TextAdapters, TextEncoder, _minilm
from keras_mer.layers import MaskedAveragePooling1D
from keras_mer.training.fit import Follow, Report, fit, make_optimizer
from keras_mer.training.prepare import complete, fit_preprocessor, reads_dialogues
from keras_mer.training.recipe import Recipe
from keras_mer.training.train import build_model
from keras_mer.training.tune_text import ADAPTERS, Tuned, adapters_of, lower_features, upper_layers


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
    one does not.

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
        ValueError: if the data set has text features already, or no transcripts; or if the
            model reads dialogues.
    """
    dataset = lower_features(recipe, dataset)
    keras.utils.set_random_seed(seed)
    lower = fit_preprocessor(recipe, dataset)
    model = build_model(recipe, _of_the_encoder(recipe, lower), seed)
    if reads_dialogues(model):
        raise ValueError(
            f"a {type(model).__name__} reads dialogues, whose texts cannot be tuned together "
            "with it: take `together` out of [text_tuning], and they are tuned before"
        )
    network, tuned = together(recipe, model, seed)
    network.compile(make_optimizer(recipe.training), recipe.training["loss"])
    dataset = complete(lower.apply(dataset), network.config["features"])
    follow = fit(network, recipe, dataset, seed, folder, on_epoch, callbacks)
    adapters = adapters_of(tuned)
    adapters.save(folder / ADAPTERS)
    return model, adapters, follow


def together(recipe: Recipe, model: keras.Model, seed: int) -> tuple[TunedTogether, Tuned]:
    """A model on top of the upper layers, and what has their changed kernels."""
    below = keras.KerasTensor((None, None, _minilm.DIMENSION))
    inputs = {
        name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        for name, tensor in {**model.input, "text": below}.items()
    }
    text, mask = inputs["text"], inputs["text_mask"]
    outputs, tuned = upper_layers(recipe.text_tuning or {}, text, mask, seed)
    encoder = TextEncoder.from_specification(recipe.data["text_encoder"])
    text = ops.concatenate([outputs[layer] for layer in encoder.layers], axis=-1)
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


def _of_the_encoder(recipe: Recipe, lower: Preprocessor) -> Preprocessor:
    """With the width of the vectors that the model reads."""
    encoder = TextEncoder.from_specification(recipe.data["text_encoder"])
    text = {**lower.specification["text"], "dimension": encoder.dimension}
    return Preprocessor({**lower.specification, "text": text}, {}, {})
