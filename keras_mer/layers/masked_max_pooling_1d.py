"""The maximum over the real steps of a sequence."""

import keras
from keras import ops

from keras_mer._types import Tensor
from keras_mer.layers._masking import presence, zero_masked
from keras_mer.layers._pooling import MaskedPooling1D


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskedMaxPooling1D(MaskedPooling1D):
    """The largest value of each feature over the real steps of a row.

    A row without any real step gives zeros.

    Args:
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        sequence: (batch, time, dim) float.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, dim).

    Example:

    >>> import numpy as np
    >>> sequence = np.array([[[1.0], [3.0], [100.0]]], "float32")
    >>> mask = np.array([[True, True, False]])
    >>> float(MaskedMaxPooling1D()(sequence, mask=mask)[0, 0])
    3.0
    """

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the maximum; see the class."""
        if mask is None:
            return ops.max(sequence, axis=1)
        seen = ops.where(ops.expand_dims(mask, -1), sequence, float("-inf"))
        return zero_masked(ops.max(seen, axis=1), presence(mask))
