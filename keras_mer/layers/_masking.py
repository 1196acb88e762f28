"""Masks are bool tensors, True at a real step; these helpers apply them safely."""

from collections.abc import Iterable

from keras import ops

from keras_mer._types import Tensor
from keras_mer.layers import _backend


def zero_masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """`x` (batch, time, dim) with zeros where `mask` (batch, time) is False.

    A `where`, not a product: NaN and infinity at a masked step must not survive,
    nor reach a gradient.
    """
    return x if mask is None else _backend.zero_where_not(mask, x)


def masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of `x` (batch, time, dim) over the real steps; zeros for a row without any."""
    if mask is None:
        return ops.mean(x, axis=1)
    weights = ops.cast(mask, x.dtype)
    count = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)
    return ops.sum(zero_masked(x, mask), axis=1) / count


def last_step(x: Tensor, mask: Tensor | None) -> Tensor:
    """`x` (batch, time, dim) at the last real step of each row; zeros for a row without any."""
    if mask is None:
        return x[:, -1]
    real = ops.cast(mask, "int32")
    seen, count = ops.cumsum(real, axis=1), ops.sum(real, axis=1, keepdims=True)
    return masked_mean(x, ops.logical_and(mask, ops.equal(seen, count)))


def presence(mask: Tensor) -> Tensor:
    """(batch,) bool: whether a row of `mask` (batch, time) has any real step."""
    return ops.any(mask, axis=-1)


def resampled(mask: Tensor, steps: int) -> Tensor:
    """(batch, steps) bool, as `MaskedResampling1D` leaves it: True for a row with a real step."""
    return ops.repeat(ops.any(mask, axis=1, keepdims=True), steps, axis=1)


def union(masks: Iterable[Tensor | None]) -> Tensor | None:
    """True where any mask is; `None`, all steps being real, if any of the masks is `None`."""
    masks = list(masks)
    if any(mask is None for mask in masks):
        return None
    return ops.any(ops.stack(masks), axis=0)


def with_one(x: Tensor, present: Tensor | None) -> Tensor:
    """[1; x] along the features, the `x` (..., dim) of it zero where `present` (...) is False."""
    return ops.concatenate([ops.ones_like(x[..., :1]), zero_masked(x, present)], axis=-1)
