"""Visual sequence compression, the VSC module of DeepMSI-MER."""

from typing import Any, Literal

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._vectors import softmax, unit_length

MERGES = ("sum", "last_write")


@keras.saving.register_keras_serializable(package="keras_mer")
class VisualSequenceCompression(keras.layers.Layer):
    """Keeps the tokens nearest to a guide and merges the others into those they resemble.

    With m the mean of the tokens Z plus the guide:

        s = softmax over tokens of cos(m, Z_l)
        R = the `keep` tokens of largest s, N = the rest
        S_ij = cos(N_i, R_j),  theta_ij = exp(S_ij) / sum over j of exp(S_ij)
        R_j <- alpha R_j + (1 - alpha) sum over i with S_ij > threshold of theta_ij N_i

    A kept token that no other resembles stays as it is. The choice of tokens has no
    gradient, so the guide learns nothing unless `weight_by_score` is set.

    Args:
        keep: number of tokens to keep.
        compress: whether to merge, as the paper says. The authors' released code computes
            the merged tokens and then returns the kept ones unmerged: `False`.
        merge: `"sum"` adds all that resemble a kept token, whatever their order.
            `"last_write"` takes the last of them alone, as the released code computes it.
        threshold: the cosine above which a token is merged.
        alpha: how much of a kept token stays when others are merged into it.
        sort_indices: whether the kept tokens stand in their old order, that of places in
            the image, rather than by falling score.
        weight_by_score: whether each kept token is multiplied by its s times the number of
            tokens, 1 on average, through which the guide is trained.
        return_selection: whether to return what was chosen beside the tokens.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        tokens: (batch, tokens, dim) float.
        guide: (batch, dim) float; `None` selects by the mean of the tokens alone.

    Output:
        (batch, keep, dim). With `return_selection=True` a tuple of it and a dict:
        `index` (batch, keep) int32, the kept tokens; `scores` (batch, tokens) float32, s;
        `merged` (batch, keep) int32, how many tokens resembled each kept one.

    Raises:
        ValueError: if fewer than `keep` tokens come in.

    Example:

    >>> import numpy as np
    >>> tokens, guide = np.ones((2, 9, 4), "float32"), np.ones((2, 4), "float32")
    >>> tuple(VisualSequenceCompression(keep=4)(tokens, guide).shape)
    (2, 4, 4)

    Reference:
        DeepMSI-MER, arXiv 2502.08573. The sum is a reading of its loop over tokens, whose
        released form depends on the order of writing; `sort_indices` and
        `weight_by_score` are additions.
    """

    def __init__(
        self,
        keep: int,
        compress: bool = True,
        merge: Literal["sum", "last_write"] = "sum",
        threshold: float = 0.6,
        alpha: float = 0.9,
        sort_indices: bool = False,
        weight_by_score: bool = False,
        return_selection: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if keep < 1:
            raise ValueError(f"VisualSequenceCompression keeps 1 token or more; received {keep}")
        if merge not in MERGES:
            raise ValueError(
                f"VisualSequenceCompression knows the merges {MERGES}; received {merge!r}"
            )
        self.keep = keep
        self.compress = compress
        self.merge = merge
        self.threshold = threshold
        self.alpha = alpha
        self.sort_indices = sort_indices
        self.weight_by_score = weight_by_score
        self.return_selection = return_selection

    def build(self, tokens_shape: Shape, guide_shape: Shape | None = None) -> None:
        """Checks the shapes; there is no weight."""
        if tokens_shape[1] is not None and tokens_shape[1] < self.keep:
            raise ValueError(
                f"VisualSequenceCompression cannot keep {self.keep} tokens of "
                f"{tokens_shape[1]}; received the shape {tuple(tokens_shape)}"
            )
        if guide_shape is not None and guide_shape[-1] != tokens_shape[-1]:
            raise ValueError(
                "VisualSequenceCompression needs a guide as wide as the tokens; received "
                f"{guide_shape[-1]} beside {tokens_shape[-1]}"
            )
        self.built = True

    def call(self, tokens: Tensor, guide: Tensor | None = None) -> Any:
        """Returns the kept tokens; see the class."""
        # Cosines in half precision would tie, and the choice would hang on rounding.
        units = unit_length(tokens)
        similarity = self._similarity(tokens, units, guide)
        scores = softmax(similarity)
        # A stable sort: of equal tokens the earlier is kept, on every backend.
        order = ops.argsort(-similarity, axis=-1)
        index, rest = order[:, : self.keep], ops.sort(order[:, self.keep :], axis=-1)
        if self.sort_indices:
            index = ops.sort(index, axis=-1)
        kept, merged = _take(tokens, index), None
        if self.compress or self.return_selection:
            cosines = ops.matmul(_take(units, rest), ops.transpose(_take(units, index), (0, 2, 1)))
            near = cosines > self.threshold
            merged = ops.sum(ops.cast(near, "int32"), axis=1)
            if self.compress:
                shares = ops.cast(softmax(cosines), kept.dtype)
                kept = self._merged(kept, _take(tokens, rest), shares, near)
        if self.weight_by_score:
            count = ops.cast(ops.shape(scores)[1], "float32")
            weights = ops.take_along_axis(scores, index, axis=1) * count
            kept = kept * ops.expand_dims(ops.cast(weights, kept.dtype), -1)
        if not self.return_selection:
            return kept
        return kept, {"index": ops.cast(index, "int32"), "scores": scores, "merged": merged}

    def _similarity(self, tokens: Tensor, units: Tensor, guide: Tensor | None) -> Tensor:
        """(batch, tokens) float32: the cosine of each token with m."""
        target = ops.mean(ops.cast(tokens, "float32"), axis=1)
        if guide is not None:
            target = target + ops.cast(guide, "float32")
        return ops.einsum("bld,bd->bl", units, unit_length(target))

    def _merged(self, kept: Tensor, rest: Tensor, shares: Tensor, near: Tensor) -> Tensor:
        """The kept tokens with those of the rest that are near mixed in."""
        if self.merge == "last_write":
            later = ops.flip(ops.cumsum(ops.flip(ops.cast(near, "int32"), 1), axis=1), 1)
            near = ops.logical_and(near, later == 1)
        shares = ops.where(near, shares, ops.zeros((), dtype=shares.dtype))
        added = ops.matmul(ops.transpose(shares, (0, 2, 1)), rest)
        mixed = self.alpha * kept + (1 - self.alpha) * added
        return ops.where(ops.expand_dims(ops.any(near, axis=1), -1), mixed, kept)

    def compute_output_shape(self, tokens_shape: Shape, guide_shape: Shape | None = None) -> Any:
        """(batch, keep, dim), with the shapes of the selection if it is returned."""
        batch, tokens, dim = tokens_shape
        kept = (batch, self.keep, dim)
        if not self.return_selection:
            return kept
        each = (batch, self.keep)
        return kept, {"index": each, "scores": (batch, tokens), "merged": each}

    def compute_output_spec(self, tokens: Tensor, guide: Tensor | None = None) -> Any:
        """The shapes with their dtypes, which are not one."""
        shape = self.compute_output_shape(tokens.shape)
        if not self.return_selection:
            return keras.KerasTensor(shape, dtype=self.compute_dtype)
        kept, selection = shape
        dtypes = {"index": "int32", "scores": "float32", "merged": "int32"}
        return keras.KerasTensor(kept, dtype=self.compute_dtype), {
            name: keras.KerasTensor(s, dtype=dtypes[name]) for name, s in selection.items()
        }

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "keep": self.keep,
            "compress": self.compress,
            "merge": self.merge,
            "threshold": self.threshold,
            "alpha": self.alpha,
            "sort_indices": self.sort_indices,
            "weight_by_score": self.weight_by_score,
            "return_selection": self.return_selection,
        }


def _take(tokens: Tensor, index: Tensor) -> Tensor:
    """(batch, n, dim): the tokens (batch, tokens, dim) at index (batch, n)."""
    return ops.take_along_axis(tokens, ops.expand_dims(index, -1), axis=1)
