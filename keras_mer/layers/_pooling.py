"""What the layers that make one vector of a sequence share."""

from typing import Any

import keras

from keras_mer._types import Shape, Tensor


class MaskedPooling1D(keras.layers.Layer):
    """A layer without arguments of its own whose output has no steps, and so no mask."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> None:
        """None is left: the steps are gone."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, dim)."""
        return (input_shape[0], input_shape[-1])
