"""What half precision cannot hold is computed in float32."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_mer._types import Shape, Tensor


def wide(x: Tensor) -> Tensor:
    """`x` in float32 if it is of half precision; for squares, and products of many steps."""
    half = keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")
    return ops.cast(x, "float32") if half else x


def drawn_wide(initializer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An initializer that draws in float32: no backend has the QR of "orthogonal" in bfloat16."""

    def draw(shape: Shape, dtype: Any = None) -> Tensor:
        return ops.cast(initializer(shape, dtype="float32"), dtype)

    return draw
