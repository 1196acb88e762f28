"""Leaves whole modalities out while training."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shapes, Tensor, Tensors
from keras_mer.layers._masking import presence
from keras_mer.layers._modalities import check_modalities, modality_order


@keras.saving.register_keras_serializable(package="keras_mer")
class ModalityDropout(keras.layers.Layer):
    """Hides whole modalities from a sample while training, never all that it has.

    A model trained with it keeps working when a modality is missing. Only the masks
    change: what a hidden modality holds is then ignored by every layer that takes masks.

    Args:
        rate: the probability of hiding a modality; one number for all, or a dict with
            one per modality.
        seed: seed of the draw.
        **kwargs: arguments of every Keras layer, such as `name`.

    Call arguments:
        masks: a dict with one bool mask (batch, time) per modality, True at a real step.
        training: whether to hide anything at all.

    Output:
        A dict of masks of the same shapes.

    Example:

    >>> import numpy as np
    >>> masks = {"text": np.ones((4, 6), "bool"), "audio": np.ones((4, 9), "bool")}
    >>> hidden = ModalityDropout({"text": 0.0, "audio": 1.0})(masks, training=True)
    >>> bool(np.array(hidden["text"]).all()), bool(np.array(hidden["audio"]).any())
    (True, False)

    Reference:
        Neverova et al., ModDrop, IEEE TPAMI 38(8), 2016.
    """

    def __init__(
        self, rate: float | Mapping[str, float] = 0.1, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        rates = rate.values() if isinstance(rate, Mapping) else [rate]
        if not all(0 <= r <= 1 for r in rates):
            raise ValueError(f"ModalityDropout needs rates from 0 to 1; received {rate}")
        self.rate = dict(rate) if isinstance(rate, Mapping) else rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Shapes) -> None:
        """Checks that every modality has a rate."""
        check_modalities(input_shape, "ModalityDropout", at_least=1)
        if isinstance(self.rate, Mapping):
            unknown = set(input_shape) - set(self.rate)
            if unknown:
                raise ValueError(
                    f"ModalityDropout has rates for {', '.join(self.rate)}; "
                    f"received masks for {', '.join(sorted(unknown))} as well"
                )
        self.built = True

    def call(self, masks: Tensors, training: bool = False) -> dict[str, Tensor]:
        """Returns the masks, some of them False throughout; see the class."""
        if not training:
            return {name: ops.convert_to_tensor(mask) for name, mask in masks.items()}
        names = modality_order(masks)
        rates = [self.rate[n] if isinstance(self.rate, Mapping) else self.rate for n in names]
        present = ops.stack([presence(ops.convert_to_tensor(masks[n])) for n in names], axis=1)
        draw = keras.random.uniform(ops.shape(present), seed=self.seed_generator, dtype="float32")
        margin = ops.where(present, draw - ops.convert_to_tensor([rates], "float32"), -2.0)
        # The luckiest modality that is there stays, or nothing would be left of the sample.
        luckiest = margin >= ops.max(margin, axis=1, keepdims=True)
        keep = ops.logical_or(margin >= 0, luckiest)
        return {
            name: ops.logical_and(masks[name], keep[:, i : i + 1]) for i, name in enumerate(names)
        }

    def compute_output_shape(self, input_shape: Shapes) -> dict[str, Any]:
        """The shapes of the masks."""
        return dict(input_shape)

    def compute_output_spec(self, masks: Tensors, training: bool = False) -> dict[str, Any]:
        """Bool masks, which the layer's float dtype must not change."""
        return {n: keras.KerasTensor(mask.shape, dtype="bool") for n, mask in masks.items()}

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
