"""Brings sequences of any length to one length."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._masking import zero_masked


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskedResampling1D(keras.layers.Layer):
    """Averages the real steps of each row into `steps` equal bins.

    For a row with L real steps, bin j is the mean of the steps from floor(j L / steps)
    up to, not including, ceil((j + 1) L / steps): the bins of adaptive average pooling,
    each row by its own length. A row shorter than `steps` repeats its steps.

    Args:
        steps: the length of the output.
        **kwargs: arguments of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        sequence: (batch, time, dim) float. Rows are right-padded.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, steps, dim); zeros for a row without a real step.

    Example:

    >>> import numpy as np
    >>> sequence = np.array([[[1.0], [3.0], [5.0], [7.0]]], "float32")
    >>> np.array(MaskedResampling1D(2)(sequence))[0, :, 0].tolist()
    [2.0, 6.0]
    """

    def __init__(self, steps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if steps < 1:
            raise ValueError(f"MaskedResampling1D needs steps of 1 or more; received {steps}")
        self.steps = steps
        self.supports_masking = True

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the bins; see the class."""
        # Counted: jax2onnx cannot make a range up to a time that is not known yet.
        ones = ops.ones_like(sequence[..., 0], dtype="int32")
        real = ones if mask is None else ops.cast(mask, "int32")
        lengths = ops.sum(real, axis=1, keepdims=True)
        j = ops.expand_dims(ops.arange(0, self.steps, dtype="int32"), 0)
        start = ops.expand_dims(j * lengths // self.steps, -1)
        # Rounded up without a negative number, which ONNX divides towards zero.
        stop = ops.expand_dims(((j + 1) * lengths + self.steps - 1) // self.steps, -1)
        step = ops.expand_dims(ops.cumsum(ones[:1], axis=1) - 1, 1)
        inside = ops.cast(ops.logical_and(step >= start, step < stop), sequence.dtype)
        width = ops.maximum(ops.cast(stop - start, sequence.dtype), 1)
        return ops.matmul(inside / width, zero_masked(sequence, mask))

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> None:
        """None is left: every bin of a row that is there is real."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, steps, dim)."""
        return (input_shape[0], self.steps, input_shape[-1])

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "steps": self.steps}
