"""Patches of an image as a grid of tokens."""

from typing import Any

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._weighted import WeightedLayer, built


@keras.saving.register_keras_serializable(package="keras_mer")
class PatchEmbedding(WeightedLayer):
    """Maps each square patch of an image to a token: a strided convolution, then LayerNorm.

    Args:
        units: width of the tokens.
        patch_size: side of a patch in pixels.
        epsilon: the epsilon of the layer normalisation.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Conv2D`, and the arguments of every Keras layer.

    Call arguments:
        images: (batch, height, width, channels) float.

    Output:
        (batch, height / patch_size, width / patch_size, units).

    Raises:
        ValueError: if the height or the width is unknown, or no multiple of `patch_size`.

    Example:

    >>> import numpy as np
    >>> tuple(PatchEmbedding(6, patch_size=4)(np.ones((2, 16, 8, 3), "float32")).shape)
    (2, 4, 2, 6)

    Reference:
        Liu et al., Swin Transformer, ICCV 2021, section 3.1.
    """

    def __init__(
        self, units: int, patch_size: int = 4, epsilon: float = 1e-5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.patch_size = patch_size
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        """Builds the convolution for (batch, height, width, channels)."""
        if any(side is None or side % self.patch_size for side in input_shape[1:3]):
            raise ValueError(
                f"PatchEmbedding needs images whose height and width are multiples of the "
                f"patch size {self.patch_size}; received the shape {tuple(input_shape)}"
            )
        convolution = keras.layers.Conv2D(
            self.units,
            self.patch_size,
            strides=self.patch_size,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name="convolution",
            **self.weight_options(),
        )
        self.convolution = built(convolution, input_shape)
        norm = keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy)
        self.norm = built(norm, self.compute_output_shape(input_shape))
        self.built = True

    def call(self, images: Tensor) -> Tensor:
        """Returns the grid of tokens; see the class."""
        return self.norm(self.convolution(images))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, height / patch_size, width / patch_size, units)."""
        batch, height, width, _ = input_shape
        sides = (side and side // self.patch_size for side in (height, width))
        return (batch, *sides, self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "patch_size": self.patch_size,
            "epsilon": self.epsilon,
        }
