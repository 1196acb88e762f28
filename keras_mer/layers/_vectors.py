"""Vectors of unit length, and shares that add up to one."""

from keras import ops

from keras_mer._types import Tensor


def unit_length(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """`x / max(norm(x), epsilon)` along the last axis, in float32.

    Its gradient is finite for a vector of zeros too, unlike that of `ops.normalize`.
    """
    x = ops.cast(x, "float32")
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, epsilon**2))


def softmax(x: Tensor) -> Tensor:
    """`ops.softmax` along the last axis, which warns if that has one entry; here it may."""
    if x.shape[-1] == 1:
        return ops.exp(ops.log_softmax(x, axis=-1))
    return ops.softmax(x, axis=-1)
