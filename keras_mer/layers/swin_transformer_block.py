"""A block of Swin Transformer V2."""

from typing import Any, Literal

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._weighted import WeightedLayer, built
from keras_mer.layers._windows import blocked_pairs, from_windows, shift_zones, to_windows
from keras_mer.layers.window_attention import WindowAttention

SHIFT_MASKS = ("grid", "single")


@keras.saving.register_keras_serializable(package="keras_mer")
class SwinTransformerBlock(WeightedLayer):
    """Window attention and a feed-forward network, each normalised after it ran.

        x1 = x + LayerNorm(WindowAttention(x))
        output = x1 + LayerNorm(W_2 GELU(W_1 x1))

    With `shift`, the windows lie between those of the block before: the grid is rolled,
    and tokens from opposite sides of the roll do not see one another. A grid no larger than
    the window is one window without shift.

    Args:
        num_heads: heads of the attention.
        window_size: side of a window in tokens; height and width of the grid must be
            multiples of it, or not larger.
        shift: by how many tokens the windows are shifted.
        mlp_ratio: width of the feed-forward network as a multiple of the tokens'.
        drop_path: rate of stochastic depth, which drops what is added for a whole image.
        shift_mask: `"grid"` blocks pairs across the roll. `"single"` blocks in every window
            what is blocked in the last, as a fault of DeepMSI-MER's released code does.
        epsilon: the epsilon of the layer normalisations.
        seed: seed of the stochastic depth.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        grid: (batch, height, width, dim) float.
        training: whether to drop.

    Output:
        (batch, height, width, dim).

    Raises:
        ValueError: if height or width is unknown, or no multiple of the window.

    Example:

    >>> import numpy as np
    >>> grid = np.ones((2, 8, 8, 6), "float32")
    >>> tuple(SwinTransformerBlock(num_heads=2, window_size=4, shift=2)(grid).shape)
    (2, 8, 8, 6)

    Reference:
        Liu et al., Swin Transformer V2: scaling up capacity and resolution, CVPR 2022.
    """

    def __init__(
        self,
        num_heads: int,
        window_size: int = 8,
        shift: int = 0,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        shift_mask: Literal["grid", "single"] = "grid",
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if shift_mask not in SHIFT_MASKS:
            raise ValueError(
                f"{type(self).__name__} knows the shift masks {SHIFT_MASKS}; "
                f"received {shift_mask!r}"
            )
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift = shift
        self.mlp_ratio = mlp_ratio
        self.drop_path = drop_path
        self.shift_mask = shift_mask
        self.epsilon = epsilon
        self.seed = seed

    def build(self, grid_shape: Shape) -> None:
        """Builds the block for (batch, height, width, dim)."""
        self._place_windows(grid_shape)
        dim = grid_shape[-1]
        self.attention = built(
            WindowAttention(self.num_heads, dtype=self.dtype_policy, **self.weight_options()),
            (None, None, self.window**2, dim),
        )
        self.attention_norm = self._built_norm(dim)
        hidden = int(dim * self.mlp_ratio)
        self.expansion = self.built_dense("expansion", hidden, (None, dim))
        self.contraction = self.built_dense("contraction", dim, (None, hidden))
        self.output_norm = self._built_norm(dim)
        self.drop = keras.layers.Dropout(
            self.drop_path, noise_shape=(None, 1, 1, 1), seed=self.seed, dtype=self.dtype_policy
        )
        self.built = True

    def _built_norm(self, dim: int) -> Any:
        norm = keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy)
        return built(norm, (None, dim))

    def _place_windows(self, grid_shape: Shape) -> None:
        _, height, width, _ = grid_shape
        if height is None or width is None:
            raise ValueError(
                f"{type(self).__name__} needs a grid of known height and width; received the "
                f"shape {tuple(grid_shape)}"
            )
        self.window = min(self.window_size, height, width)
        if height % self.window or width % self.window:
            raise ValueError(
                f"{type(self).__name__} needs a grid whose height and width are multiples of "
                f"the window, {self.window}; received the shape {tuple(grid_shape)}"
            )
        self.zones = None
        if self.shift and max(height, width) > self.window:
            if not 0 < self.shift < self.window:
                raise ValueError(
                    f"{type(self).__name__} shifts by less than the window, {self.window}; "
                    f"received shift={self.shift}"
                )
            sides = (height, width) if self.shift_mask == "grid" else (self.window, self.window)
            self.zones = shift_zones(*sides, self.window, self.shift)

    def call(self, grid: Tensor, training: bool = False) -> Tensor:
        """Returns the grid after one block; see the class."""
        seen = self.attention_norm(self._attend(grid))
        return self._feed_forward(grid + self.drop(seen, training=training), training)

    def _attend(self, grid: Tensor) -> Tensor:
        """What every token of the grid saw in its window."""
        _, height, width, _ = grid.shape
        if self.zones is None:
            return from_windows(self.attention(to_windows(grid, self.window)), height, width)
        grid = ops.roll(grid, (-self.shift, -self.shift), axis=(1, 2))
        blocked = blocked_pairs(ops.convert_to_tensor(self.zones))
        seen = self.attention(to_windows(grid, self.window), blocked=blocked)
        seen = from_windows(seen, height, width)
        return ops.roll(seen, (self.shift, self.shift), axis=(1, 2))

    def _feed_forward(self, grid: Tensor, training: bool) -> Tensor:
        hidden = ops.gelu(self.expansion(grid), approximate=False)
        added = self.output_norm(self.contraction(hidden))
        return grid + self.drop(added, training=training)

    def compute_output_shape(self, grid_shape: Shape) -> Shape:
        """The shape of the grid."""
        return tuple(grid_shape)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "window_size": self.window_size,
            "shift": self.shift,
            "mlp_ratio": self.mlp_ratio,
            "drop_path": self.drop_path,
            "shift_mask": self.shift_mask,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
