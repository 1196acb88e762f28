"""Vectors of unit length."""

from keras import ops

from keras_mer._types import Tensor


def unit_length(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """`x / max(norm(x), epsilon)` along the last axis, in float32.

    Its gradient is finite for a vector of zeros too, unlike that of `ops.normalize`.
    """
    x = ops.cast(x, "float32")
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, epsilon**2))
