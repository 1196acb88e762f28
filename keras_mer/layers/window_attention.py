"""Attention inside windows of an image, as in Swin Transformer V2."""

import math
from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._vectors import softmax, unit_length
from keras_mer.layers._weighted import WeightedLayer
from keras_mer.layers._windows import log_coordinates, relative_index

BLOCKED = -100.0
LARGEST_SCALE = 100.0


@keras.saving.register_keras_serializable(package="keras_mer")
class WindowAttention(WeightedLayer):
    """Scaled cosine attention among the tokens of each window, with learned positions.

        scores = cos(q, k) min(exp(s), 100) + 16 sigmoid(W_2 ReLU(W_1 c + b_1))
        output = W_o softmax(scores) v + b_o

    with one scale s per head and c the difference of the places of two tokens on a
    logarithmic scale, so that the position term is a continuous function of distance.

    Args:
        num_heads: number of heads; the width of the tokens must be divisible by it.
        position_units: hidden units of the network that makes the position term.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        windows: (batch, windows, tokens, dim) float; the tokens are those of a square,
            row by row.
        blocked: (windows, tokens, tokens) bool, True where a token should not see
            another: -100 is added to the score. `None` blocks nothing.

    Output:
        (batch, windows, tokens, dim).

    Raises:
        ValueError: if the width is not divisible by the heads, or the tokens of a window
            are no square.

    Example:

    >>> import numpy as np
    >>> windows = np.ones((2, 4, 9, 8), "float32")
    >>> tuple(WindowAttention(num_heads=2)(windows).shape)
    (2, 4, 9, 8)

    Reference:
        Liu et al., Swin Transformer V2: scaling up capacity and resolution, CVPR 2022,
        equations 2 to 4.
    """

    def __init__(self, num_heads: int, position_units: int = 512, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.position_units = position_units

    def build(self, input_shape: Shape) -> None:
        """Builds the maps for (batch, windows, tokens, dim)."""
        tokens, dim = input_shape[-2:]
        if dim is None or dim % self.num_heads:
            raise ValueError(
                f"WindowAttention with {self.num_heads} heads needs tokens whose width is "
                f"divisible by them; received the shape {tuple(input_shape)}"
            )
        if tokens is None or math.isqrt(tokens) ** 2 != tokens:
            raise ValueError(
                "WindowAttention needs square windows, so 4, 9, 16, ... tokens of each; "
                f"received the shape {tuple(input_shape)}"
            )
        window = math.isqrt(tokens)
        self.coordinates = log_coordinates(window).reshape(-1, 2)
        self.index = relative_index(window).reshape(-1)
        self.qkv = self.built_dense("qkv", 3 * dim, input_shape)
        self.output_map = self.built_dense("output", dim, input_shape)
        self.position_1 = self.built_dense("position_1", self.position_units, (None, 2))
        self.position_2 = self.built_dense(
            "position_2", self.num_heads, (None, self.position_units), use_bias=False
        )
        self.logit_scale = self.add_weight(
            name="logit_scale",
            shape=(self.num_heads, 1, 1),
            initializer=keras.initializers.Constant(math.log(10)),
        )
        self.built = True

    def call(self, windows: Tensor, blocked: Tensor | None = None) -> Tensor:
        """Returns what each token saw; see the class."""
        _, count, tokens, dim = windows.shape
        heads = (-1, count, tokens, 3, self.num_heads, dim // self.num_heads)
        # (3, batch, windows, heads, tokens, dim / heads)
        qkv = ops.transpose(ops.reshape(self.qkv(windows), heads), (3, 0, 1, 4, 2, 5))
        largest = math.log(LARGEST_SCALE)
        scale = ops.exp(ops.minimum(ops.cast(self.logit_scale, "float32"), largest))
        query = ops.cast(unit_length(qkv[0]) * scale, self.compute_dtype)
        key = ops.cast(unit_length(qkv[1]), self.compute_dtype)
        scores = ops.matmul(query, ops.swapaxes(key, -1, -2)) + self._positions()
        if blocked is not None:
            scores = scores + BLOCKED * ops.expand_dims(ops.cast(blocked, scores.dtype), 1)
        seen = ops.matmul(softmax(scores), qkv[2])
        seen = ops.reshape(ops.swapaxes(seen, 2, 3), (-1, count, tokens, dim))
        return self.output_map(seen)

    def _positions(self) -> Tensor:
        """(heads, tokens, tokens): what the places of two tokens add to their score."""
        coordinates = ops.convert_to_tensor(self.coordinates, dtype=self.compute_dtype)
        table = 16 * ops.sigmoid(self.position_2(ops.relu(self.position_1(coordinates))))
        pairs = ops.take(ops.transpose(table), self.index, axis=1)
        tokens = math.isqrt(len(self.index))
        return ops.reshape(pairs, (self.num_heads, tokens, tokens))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the windows."""
        return tuple(input_shape)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "position_units": self.position_units,
        }
