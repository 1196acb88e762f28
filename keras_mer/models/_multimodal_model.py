"""What the published systems share as Keras models."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np

from keras_mer._types import Config
from keras_mer.layers._modalities import check_modalities, in_order


class MultimodalModel(keras.Model):
    """A functional model over a dict of modalities, made again from its constructor's arguments.

    A subclass builds its layers, then its graph, hands the graph to `super().__init__`
    and puts its arguments into `config`.
    """

    config: Config

    reads_dialogues = False
    """Whether a row is a dialogue and a step an utterance with a prediction of its own."""

    def get_config(self) -> Config:
        """The constructor's arguments, not the graph."""
        return {"name": self.name, **self.config}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Self:
        """A model with fresh weights from what `get_config` returned."""
        return cls(**config)

    def new_head(self, units: int, activation: Any = None) -> Self:
        """A model with the same trunk weights and a new output layer.

        Args:
            units: outputs of the new head, such as the number of labels.
            activation: activation of the new head, such as `"softmax"`.

        Returns:
            A new model. Its weights are copies, but for the output layer, which is fresh.
        """
        config = {**self.get_config(), "outputs": units, "activation": activation}
        model = type(self).from_config(config)
        fresh = {id(v) for v in model.output_layer.weights}
        for mine, theirs in zip(self.weights, model.weights, strict=True):
            if id(theirs) not in fresh:
                # Through NumPy, since JAX would give away a buffer that two models share.
                theirs.assign(np.array(keras.ops.convert_to_numpy(mine)))
        return model


def sequence_inputs(
    features: Mapping[str, int | Sequence[int]], model: str, frames: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs for sequences and their masks, of any length.

    Args:
        features: width of each modality, or shape (height, width, channels) of its frames.
        model: the model's name, for errors.
        frames: the modalities that may hold frames.

    Returns:
        Two dicts by modality: float inputs (batch, time, width), or (batch, time, height,
        width, channels), named after the modality, and bool inputs (batch, time) named
        `<modality>_mask`.
    """
    check_modalities(features, model)
    for modality, width in features.items():
        shape, wanted = (width,), "the width of each modality as a positive integer"
        if modality in frames:
            wanted += f", or the shape (height, width, channels) of {modality}"
            if isinstance(width, (list, tuple)) and len(width) == 3:
                shape = tuple(width)
        if not all(isinstance(size, int) and size > 0 for size in shape):
            raise ValueError(f"{model} expects {wanted}; received {width!r} for {modality}")
    sequences, masks = {}, {}
    for m, width in in_order(features).items():
        step = (width,) if isinstance(width, int) else tuple(width)
        sequences[m] = keras.Input((None, *step), name=m)
        masks[m] = keras.Input((None,), dtype="bool", name=f"{m}_mask")
    return sequences, masks


def named_inputs(sequences: Mapping[str, Any], masks: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a model by their names."""
    return {**sequences, **{f"{m}_mask": mask for m, mask in masks.items()}}
