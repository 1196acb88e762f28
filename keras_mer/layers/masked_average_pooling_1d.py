"""The mean over the real steps of a sequence."""

from typing import Any

import keras

from keras_mer._types import Shape, Tensor
from keras_mer.layers._masking import masked_mean


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskedAveragePooling1D(keras.layers.Layer):
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

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the mean; see the class."""
        return masked_mean(sequence, mask)

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> None:
        """None is left: the steps are gone."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, dim)."""
        return (input_shape[0], input_shape[-1])
