"""Attention over several heads, shared by the layers that look."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_mer._types import Tensor
from keras_mer.layers._masking import presence
from keras_mer.layers._vectors import softmax
from keras_mer.layers._weighted import TellingLayer


class LookingLayer(TellingLayer):
    """A layer whose call takes `return_attention_scores`, as `keras.layers.MultiHeadAttention`."""

    tells = "return_attention_scores"


def multi_head(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    num_heads: int,
    visible: Tensor | None = None,
    drop: Callable[[Tensor], Tensor] | None = None,
    return_scores: bool = False,
) -> Any:
    """What each query sees, the heads side by side.

    Args:
        query: (batch, time, dim).
        key: (batch, source_time, dim).
        value: (batch, source_time, dim).
        num_heads: heads, which divide dim.
        visible: bool, broadcast to (batch, heads, time, source_time), True where a query
            may look; every query needs one such place.
        drop: what is done to the attention weights; `None` for nothing.
        return_scores: whether to return the weights too; they cost memory.

    Returns:
        (batch, time, dim); with `return_scores` a tuple of it and the weights (batch, heads,
        time, source_time), before anything is done to them.
    """
    split = [_heads(x, num_heads) for x in (query, key, value)]
    weights = None
    if drop is None and not return_scores:
        seen = ops.dot_product_attention(*split, mask=visible)
    else:
        q, k, v = (ops.transpose(x, (0, 2, 1, 3)) for x in split)
        scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / math.sqrt(q.shape[-1])
        scores = ops.cast(scores, "float32")
        if visible is not None:
            scores = ops.where(visible, scores, -1e9)
        weights = ops.cast(softmax(scores), v.dtype)
        used = weights if drop is None else drop(weights)
        seen = ops.transpose(ops.matmul(used, v), (0, 2, 1, 3))
    seen = ops.cast(ops.reshape(seen, ops.shape(query)), query.dtype)
    return (seen, weights) if return_scores else seen


def _heads(x: Tensor, num_heads: int) -> Tensor:
    """(batch, time, dim) to (batch, time, heads, dim / heads)."""
    batch, time, dim = ops.shape(x)
    if keras.backend.standardize_dtype(x.dtype) == "float16":
        x = ops.cast(x, "float32")  # JAX has no attention in float16 on a CPU
    return ops.reshape(x, (batch, time, num_heads, dim // num_heads))


def visible_steps(source_mask: Tensor) -> Tensor:
    """(batch, 1, 1, source_time): the real steps, or all where a row has none.

    A row without a real step looks everywhere, finitely; who calls drops what it sees.
    """
    missing = ops.logical_not(presence(source_mask))[:, None]
    return ops.logical_or(source_mask, missing)[:, None, None, :]
