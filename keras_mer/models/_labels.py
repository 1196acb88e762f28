"""Labels in the forms that losses take, for objectives that need their numbers."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Tensor


def label_numbers(y: Any) -> Tensor:
    """(batch,) of labels (batch,), (batch, 1) or one-hot (batch, labels)."""
    (y,) = keras.tree.flatten(y)
    if len(y.shape) > 1 and y.shape[-1] not in (1, None):
        return ops.argmax(y, axis=-1)
    return ops.reshape(y, (-1,))
