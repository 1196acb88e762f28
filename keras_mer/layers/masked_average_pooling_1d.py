"""The mean over the real steps of a sequence."""

import keras

from keras_mer._types import Tensor
from keras_mer.layers._masking import masked_mean
from keras_mer.layers._pooling import MaskedPooling1D


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskedAveragePooling1D(MaskedPooling1D):
    """Averages over the real steps of each row; a row without any gives zeros.

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
    >>> float(MaskedAveragePooling1D()(sequence, mask=mask)[0, 0])
    2.0
    """

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the mean; see the class."""
        return masked_mean(sequence, mask)
