"""Blocks of Swin Transformer V2 on one resolution."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._weighted import WeightedLayer, built, seed_of
from keras_mer.layers.selective_swin_transformer_block import SelectiveSwinTransformerBlock
from keras_mer.layers.swin_transformer_block import SwinTransformerBlock


@keras.saving.register_keras_serializable(package="keras_mer")
class SwinTransformerStage(WeightedLayer):
    """Swin blocks in turn with plain and with shifted windows, optionally with fewer tokens.

    With `keep`, the plain blocks select tokens: block 2i lets `keep[i]` of them pass. The
    windows then shrink with the grid, so that their number stays what `window_size` made
    of the first grid; the shift is half of `window_size` throughout.

    Args:
        depth: number of blocks.
        num_heads: heads of each attention.
        window_size: side of a window in tokens, in the first block.
        keep: square numbers of tokens, one for each plain block; empty selects nothing.
        mlp_ratio: width of the feed-forward networks as a multiple of the tokens'.
        drop_path: rate of stochastic depth, one number or one per block.
        shift_mask: see `SwinTransformerBlock`; in a stage that selects nothing it is
            `"grid"` in the released code too.
        shortcut: see `SelectiveSwinTransformerBlock`.
        compress: see `VisualSequenceCompression`.
        threshold: see `VisualSequenceCompression`.
        alpha: see `VisualSequenceCompression`.
        sort_indices: see `VisualSequenceCompression`.
        weight_by_score: see `SelectiveSwinTransformerBlock`.
        epsilon: the epsilon of the layer normalisations.
        seed: seed of the stochastic depth.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        grid: (batch, height, width, dim) float.
        guide: (batch, dim) float, for a stage with `keep`; `None` selects without.
        training: whether to drop.

    Output:
        (batch, height, width, dim); with `keep`, height and width are the root of the
        last of it.

    Raises:
        ValueError: if `keep` or `drop_path` does not fit the depth, or a grid does not fit
            its windows.

    Example:

    >>> import numpy as np
    >>> stage = SwinTransformerStage(depth=2, num_heads=2, window_size=4, keep=[36])
    >>> tuple(stage(np.ones((2, 8, 8, 6), "float32"), np.ones((2, 6), "float32")).shape)
    (2, 6, 6, 6)

    Reference:
        Liu et al., Swin Transformer V2, CVPR 2022; with `keep`, DeepMSI-MER, arXiv
        2502.08573.
    """

    def __init__(
        self,
        depth: int,
        num_heads: int,
        window_size: int = 8,
        keep: Sequence[int] = (),
        mlp_ratio: float = 4.0,
        drop_path: float | Sequence[float] = 0.0,
        shift_mask: Literal["grid", "single"] = "grid",
        shortcut: bool = True,
        compress: bool = True,
        threshold: float = 0.6,
        alpha: float = 0.9,
        sort_indices: bool = False,
        weight_by_score: bool = False,
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        plain = (depth + 1) // 2
        if keep and len(keep) != plain:
            raise ValueError(
                f"SwinTransformerStage of depth {depth} needs {plain} numbers of tokens to "
                f"keep, one for each plain block, or none; received {list(keep)}"
            )
        if not isinstance(drop_path, (int, float)):
            drop_path = list(drop_path)
            if len(drop_path) != depth:
                raise ValueError(
                    f"SwinTransformerStage of depth {depth} needs one drop_path, or one for "
                    f"each block; received {drop_path}"
                )
        self.depth = depth
        self.num_heads = num_heads
        self.window_size = window_size
        self.keep = list(keep)
        self.mlp_ratio = mlp_ratio
        self.drop_path = drop_path
        self.shift_mask = shift_mask
        self.shortcut = shortcut
        self.compress = compress
        self.threshold = threshold
        self.alpha = alpha
        self.sort_indices = sort_indices
        self.weight_by_score = weight_by_score
        self.epsilon = epsilon
        self.seed = seed

    def build(self, grid_shape: Shape, guide_shape: Shape | None = None) -> None:
        """Builds the blocks for (batch, height, width, dim)."""
        first = grid_shape[1] or 0
        per_side = max(1, first // self.window_size)
        self.blocks = []
        for i in range(self.depth):
            side = grid_shape[1] or 0
            window = max(1, side // per_side) if self.keep else self.window_size
            selects = bool(self.keep) and i % 2 == 0
            block = self._selective(i, window) if selects else self._plain(i, window)
            shapes = (grid_shape, guide_shape) if selects else (grid_shape,)
            self.blocks.append(built(block, *shapes))
            grid_shape = block.compute_output_shape(grid_shape)
        self.built = True

    def _plain(self, i: int, window: int) -> SwinTransformerBlock:
        shift = min(self.window_size // 2, window - 1) if i % 2 else 0
        return SwinTransformerBlock(
            self.num_heads, shift=shift, shift_mask=self.shift_mask, **self._options(i, window)
        )

    def _selective(self, i: int, window: int) -> SelectiveSwinTransformerBlock:
        return SelectiveSwinTransformerBlock(
            self.num_heads,
            self.keep[i // 2],
            shortcut=self.shortcut,
            compress=self.compress,
            threshold=self.threshold,
            alpha=self.alpha,
            sort_indices=self.sort_indices,
            weight_by_score=self.weight_by_score,
            **self._options(i, window),
        )

    def _options(self, i: int, window: int) -> dict[str, Any]:
        rate = self.drop_path[i] if isinstance(self.drop_path, list) else self.drop_path
        return {
            "window_size": window,
            "mlp_ratio": self.mlp_ratio,
            "drop_path": rate,
            "epsilon": self.epsilon,
            "seed": seed_of(self.seed, i),
            "dtype": self.dtype_policy,
            "name": f"block_{i}",
            **self.weight_options(),
        }

    def call(self, grid: Tensor, guide: Tensor | None = None, training: bool = False) -> Tensor:
        """Returns the grid after all blocks; see the class."""
        for block in self.blocks:
            if isinstance(block, SelectiveSwinTransformerBlock):
                grid = block(grid, guide, training=training)
            else:
                grid = block(grid, training=training)
        return grid

    def compute_output_shape(self, grid_shape: Shape, guide_shape: Shape | None = None) -> Shape:
        """(batch, height, width, dim)."""
        if not self.keep:
            return tuple(grid_shape)
        side = math.isqrt(self.keep[-1])
        return (grid_shape[0], side, side, grid_shape[-1])

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "depth": self.depth,
            "num_heads": self.num_heads,
            "window_size": self.window_size,
            "keep": self.keep,
            "mlp_ratio": self.mlp_ratio,
            "drop_path": self.drop_path,
            "shift_mask": self.shift_mask,
            "shortcut": self.shortcut,
            "compress": self.compress,
            "threshold": self.threshold,
            "alpha": self.alpha,
            "sort_indices": self.sort_indices,
            "weight_by_score": self.weight_by_score,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
