"""A block of Swin Transformer V2 that goes on with fewer tokens."""

import math
from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers.swin_transformer_block import SwinTransformerBlock
from keras_mer.layers.visual_sequence_compression import VisualSequenceCompression


@keras.saving.register_keras_serializable(package="keras_mer")
class SelectiveSwinTransformerBlock(SwinTransformerBlock):
    """A Swin block that lets a guide choose which tokens leave it, the VSC block of DeepMSI-MER.

        x1 = x + LayerNorm(WindowAttention(x))
        x2 = LayerNorm(VisualSequenceCompression(x1, guide))
        output = x2 + LayerNorm(W_2 GELU(W_1 x2))

    Args:
        num_heads: heads of the attention.
        keep: number of tokens that leave, a square number; they form a square grid.
        shortcut: whether x1 keeps x, as in every other block. `False` is the authors'
            released code, x1 = a + LayerNorm(a) with a = WindowAttention(x), in which
            tokens become ever more alike; stochastic depth then also drops x2.
        compress: see `VisualSequenceCompression`.
        threshold: see `VisualSequenceCompression`.
        alpha: see `VisualSequenceCompression`.
        sort_indices: see `VisualSequenceCompression`.
        weight_by_score: whether x2 is multiplied by the scores of its tokens, so that the
            guide is trained.
        **kwargs: the other arguments of `SwinTransformerBlock`.

    Call arguments:
        grid: (batch, height, width, dim) float.
        guide: (batch, dim) float; `None` selects by the mean of the tokens alone.
        training: whether to drop.

    Output:
        (batch, sqrt(keep), sqrt(keep), dim).

    Raises:
        ValueError: if `keep` is no square number, or larger than the grid.

    Example:

    >>> import numpy as np
    >>> block = SelectiveSwinTransformerBlock(num_heads=2, keep=36, window_size=4)
    >>> tuple(block(np.ones((2, 8, 8, 6), "float32"), np.ones((2, 6), "float32")).shape)
    (2, 6, 6, 6)

    Reference:
        DeepMSI-MER, arXiv 2502.08573; `weight_by_score` is an addition.
    """

    def __init__(
        self,
        num_heads: int,
        keep: int,
        shortcut: bool = True,
        compress: bool = True,
        threshold: float = 0.6,
        alpha: float = 0.9,
        sort_indices: bool = False,
        weight_by_score: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_heads, **kwargs)
        if keep < 1 or math.isqrt(keep) ** 2 != keep:
            raise ValueError(
                "SelectiveSwinTransformerBlock keeps a square number of tokens, such as 196; "
                f"received {keep}"
            )
        self.keep = keep
        self.shortcut = shortcut
        self.compress = compress
        self.threshold = threshold
        self.alpha = alpha
        self.sort_indices = sort_indices
        self.weight_by_score = weight_by_score

    def build(self, grid_shape: Shape, guide_shape: Shape | None = None) -> None:
        """Builds the block for (batch, height, width, dim)."""
        super().build(grid_shape)
        _, height, width, dim = grid_shape
        self.compression = VisualSequenceCompression(
            self.keep,
            compress=self.compress,
            threshold=self.threshold,
            alpha=self.alpha,
            sort_indices=self.sort_indices,
            return_selection=self.weight_by_score,
            dtype=self.dtype_policy,
        )
        self.compression.build((None, height * width, dim), guide_shape)
        self.compression_norm = self._built_norm(dim)

    def call(  # type: ignore[override]
        self, grid: Tensor, guide: Tensor | None = None, training: bool = False
    ) -> Tensor:
        """Returns the smaller grid after one block; see the class."""
        _, height, width, dim = grid.shape
        attended = self._attend(grid)
        seen = self.drop(self.attention_norm(attended), training=training)
        grid = (grid if self.shortcut else attended) + seen
        kept = self.compression(ops.reshape(grid, (-1, height * width, dim)), guide)
        if self.weight_by_score:
            # After the norm, which would take any factor of a token away again.
            kept, selection = kept
            scores = ops.take_along_axis(selection["scores"], selection["index"], axis=1)
            weights = ops.expand_dims(scores * (height * width), -1)
            kept = self.compression_norm(kept) * ops.cast(weights, kept.dtype)
        else:
            kept = self.compression_norm(kept)
        side = math.isqrt(self.keep)
        kept = ops.reshape(kept, (-1, side, side, dim))
        if not self.shortcut:
            kept = self.drop(kept, training=training)
        return self._feed_forward(kept, training)

    def compute_output_shape(self, grid_shape: Shape, guide_shape: Shape | None = None) -> Shape:
        """(batch, sqrt(keep), sqrt(keep), dim)."""
        side = math.isqrt(self.keep)
        return (grid_shape[0], side, side, grid_shape[-1])

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "keep": self.keep,
            "shortcut": self.shortcut,
            "compress": self.compress,
            "threshold": self.threshold,
            "alpha": self.alpha,
            "sort_indices": self.sort_indices,
            "weight_by_score": self.weight_by_score,
        }
