"""What half precision cannot hold is computed in float32."""

import keras
from keras import ops

from keras_mer._types import Tensor


def wide(x: Tensor) -> Tensor:
    """`x` in float32 if it is of half precision; for squares, and products of many steps."""
    half = keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")
    return ops.cast(x, "float32") if half else x
