"""Swin Transformer V2 as a trunk, optionally guided by another modality."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._weighted import WeightedLayer, built, seed_of
from keras_mer.layers.patch_embedding import PatchEmbedding
from keras_mer.layers.patch_merging import PatchMerging
from keras_mer.layers.swin_transformer_stage import SwinTransformerStage


@keras.saving.register_keras_serializable(package="keras_mer")
class SwinTransformerV2(WeightedLayer):
    """Turns each image, or each frame of a video, into a vector.

    A `PatchEmbedding`; `SwinTransformerStage`s with a `PatchMerging` between them, each of
    twice the width of the one before; LayerNorm and the mean over tokens. With `keep`, the
    stage before the last selects tokens by a guide, as in DeepMSI-MER; the defaults are
    Swin V2-T without it.

    Args:
        embed_dim: width of the first stage.
        depths: number of blocks of each stage.
        num_heads: heads of each stage.
        window_size: side of a window in tokens.
        patch_size: side of a patch in pixels.
        keep: how many tokens the plain blocks of the stage before the last let pass, such as
            (196, 144, 100); empty selects nothing.
        mlp_ratio: width of the feed-forward networks as a multiple of the tokens'.
        drop_path: rate of stochastic depth in the last block, growing to it from 0.
        shift_mask: of the selecting stage, see `SwinTransformerBlock`.
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
        images: (batch, height, width, channels) or (batch, time, height, width, channels)
            float.
        guide: (batch, guide_dim) float, as wide as the stage before the last; every frame
            of a video has the same. `None` selects by the mean of the tokens alone.
        mask: (batch, time) bool, True at a real frame; `None` means that all are real.
        training: whether to drop.

    Output:
        (batch, dim) or (batch, time, dim), with dim that of the last stage: `embed_dim`
        doubled for each stage after the first. A masked frame gives zeros.

    Raises:
        ValueError: if the numbers of stages differ, `keep` is given with one stage alone, or
            the images do not fit the patches and windows.

    Example:

    >>> import numpy as np
    >>> trunk = SwinTransformerV2(4, depths=[1, 1], num_heads=[1, 2], window_size=2)
    >>> tuple(trunk(np.ones((2, 3, 16, 16, 3), "float32")).shape)
    (2, 3, 8)

    Reference:
        Liu et al., Swin Transformer V2: scaling up capacity and resolution, CVPR 2022; with
        `keep`, VSC-Swin of DeepMSI-MER, arXiv 2502.08573.
    """

    def __init__(
        self,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 8,
        patch_size: int = 4,
        keep: Sequence[int] = (),
        mlp_ratio: float = 4.0,
        drop_path: float = 0.2,
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
        if len(depths) != len(num_heads) or not depths:
            raise ValueError(
                "SwinTransformerV2 needs a depth and a number of heads for each stage; received "
                f"depths={list(depths)} and num_heads={list(num_heads)}"
            )
        if keep and len(depths) < 2:
            raise ValueError(
                "SwinTransformerV2 selects tokens in the stage before the last; received "
                f"keep={list(keep)} for one stage"
            )
        self.embed_dim = embed_dim
        self.depths = list(depths)
        self.num_heads = list(num_heads)
        self.window_size = window_size
        self.patch_size = patch_size
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

    @property
    def selecting(self) -> int | None:
        """Which stage selects tokens, counted from 0; `None` without `keep`."""
        return len(self.depths) - 2 if self.keep else None

    def build(self, images_shape: Shape, guide_shape: Shape | None = None) -> None:
        """Builds the trunk for (..., height, width, channels)."""
        options = {"epsilon": self.epsilon, "dtype": self.dtype_policy}
        shape: Shape = (None, *images_shape[-3:])
        self.embedding = built(
            PatchEmbedding(self.embed_dim, self.patch_size, **options, **self.weight_options()),
            shape,
        )
        shape = self.embedding.compute_output_shape(shape)
        self.stages, self.mergings = [], []
        for i in range(len(self.depths)):
            if i:
                merging = PatchMerging(**options, name=f"merging_{i - 1}", **self.weight_options())
                self.mergings.append(built(merging, shape))
                shape = merging.compute_output_shape(shape)
            selects = i == self.selecting
            stage = built(self._stage(i), shape, *([guide_shape] if selects else []))
            self.stages.append(stage)
            shape = stage.compute_output_shape(shape)
        self.norm = built(keras.layers.LayerNormalization(**options), shape)
        self.built = True

    def _stage(self, i: int) -> SwinTransformerStage:
        rates = np.linspace(0, self.drop_path, sum(self.depths)).tolist()
        before = sum(self.depths[:i])
        selection: dict[str, Any] = {
            "keep": self.keep,
            "shift_mask": self.shift_mask,
            "shortcut": self.shortcut,
            "compress": self.compress,
            "threshold": self.threshold,
            "alpha": self.alpha,
            "sort_indices": self.sort_indices,
            "weight_by_score": self.weight_by_score,
        }
        return SwinTransformerStage(
            self.depths[i],
            self.num_heads[i],
            self.window_size,
            mlp_ratio=self.mlp_ratio,
            drop_path=rates[before : before + self.depths[i]],
            epsilon=self.epsilon,
            seed=seed_of(self.seed, before),
            dtype=self.dtype_policy,
            name=f"stage_{i}",
            **(selection if i == self.selecting else {}),
            **self.weight_options(),
        )

    def call(
        self,
        images: Tensor,
        guide: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """Returns the vectors; see the class."""
        if len(images.shape) == 4:
            return self._encode(images, guide, training)
        batch, time = ops.shape(images)[:2]
        if mask is not None:
            blank = ops.zeros((), dtype=images.dtype)
            images = ops.where(mask[:, :, None, None, None], images, blank)
        if guide is not None:
            dim = guide.shape[-1]
            guide = ops.broadcast_to(ops.expand_dims(guide, 1), (batch, time, dim))
            guide = ops.reshape(guide, (-1, dim))
        frames = ops.reshape(images, (-1, *images.shape[2:]))
        vectors = self._encode(frames, guide, training)
        vectors = ops.reshape(vectors, (batch, time, vectors.shape[-1]))
        return zero_masked(vectors, mask)

    def _encode(self, images: Tensor, guide: Tensor | None, training: bool) -> Tensor:
        """(images, dim) of images (images, height, width, channels)."""
        grid = self.embedding(images)
        for i, stage in enumerate(self.stages):
            if i:
                grid = self.mergings[i - 1](grid)
            grid = stage(grid, *([guide] if i == self.selecting else []), training=training)
        return ops.mean(self.norm(grid), axis=(1, 2))

    def compute_output_shape(self, images_shape: Shape, guide_shape: Shape | None = None) -> Shape:
        """(batch, dim) or (batch, time, dim)."""
        return (*images_shape[:-3], self.embed_dim * 2 ** (len(self.depths) - 1))

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "embed_dim": self.embed_dim,
            "depths": self.depths,
            "num_heads": self.num_heads,
            "window_size": self.window_size,
            "patch_size": self.patch_size,
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
