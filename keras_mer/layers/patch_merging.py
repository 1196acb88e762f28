"""Halving a grid of tokens."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._weighted import WeightedLayer, built


@keras.saving.register_keras_serializable(package="keras_mer")
class PatchMerging(WeightedLayer):
    """Joins each 2 x 2 square of tokens into one of twice the width.

        output = W LayerNorm([x_00; x_10; x_01; x_11])

    Args:
        epsilon: the epsilon of the layer normalisation.
        **kwargs: initializers, regularizers and constraints of the kernel, named as in
            `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        grid: (batch, height, width, dim) float.

    Output:
        (batch, height / 2, width / 2, 2 * dim).

    Raises:
        ValueError: if the height or the width is unknown or odd.

    Example:

    >>> import numpy as np
    >>> tuple(PatchMerging()(np.ones((2, 8, 4, 6), "float32")).shape)
    (2, 4, 2, 12)

    Reference:
        Liu et al., Swin Transformer, ICCV 2021, section 3.1.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        """Builds the map for (batch, height, width, dim)."""
        if any(side is None or side % 2 for side in input_shape[1:3]):
            raise ValueError(
                "PatchMerging needs a grid of even height and width; received the shape "
                f"{tuple(input_shape)}"
            )
        dim = input_shape[-1]
        norm = keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy)
        self.norm = built(norm, (None, 4 * dim))
        self.reduction = self.built_dense("reduction", 2 * dim, (None, 4 * dim), use_bias=False)
        self.built = True

    def call(self, grid: Tensor) -> Tensor:
        """Returns the smaller grid; see the class."""
        _, height, width, dim = grid.shape
        squares = ops.reshape(grid, (-1, height // 2, 2, width // 2, 2, dim))
        # The columns of a square before its rows: the order of the published weights.
        squares = ops.transpose(squares, (0, 1, 3, 4, 2, 5))
        joined = ops.reshape(squares, (-1, height // 2, width // 2, 4 * dim))
        return self.reduction(self.norm(joined))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, height / 2, width / 2, 2 * dim)."""
        batch, height, width, dim = input_shape
        return (batch, height // 2, width // 2, 2 * dim)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "epsilon": self.epsilon}
