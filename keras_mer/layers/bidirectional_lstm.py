"""A bidirectional LSTM that knows the length of each row."""

import keras
from keras import ops

from keras_mer._types import Shape, Tensor
from keras_mer.layers import _backend
from keras_mer.layers._masking import last_step, zero_masked
from keras_mer.layers._recurrent import LSTMLayer


@keras.saving.register_keras_serializable(package="keras_mer")
class BidirectionalLSTM(LSTMLayer):
    """Reads right-padded rows forwards and backwards, each within its own length.

    The numbers are those of `keras.layers.Bidirectional(keras.layers.LSTM(units))`
    called with a mask. That call falls back to a loop over the steps on the PyTorch and
    JAX backends and cannot be exported from JAX; this layer keeps each backend's fast
    path and is exported from all three.

    Args:
        units: size of the state of each direction.
        return_sequences: whether to return the states of all steps, or only the last of
            each direction.
        recurrent_initializer: initializer of the recurrent kernels.
        unit_forget_bias: whether to add 1 to the bias of the forget gate at the start.
        recurrent_regularizer: regularizer of the recurrent kernels.
        recurrent_constraint: constraint on the recurrent kernels.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.LSTM`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float. Rows are right-padded.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, time, 2 * units) with zeros at masked steps, forward half first; with
        `return_sequences=False` (batch, 2 * units): the forward state at the last real
        step and the backward state at the first. A row without a real step gives zeros.

    Example:

    >>> import numpy as np
    >>> layer = BidirectionalLSTM(8)
    >>> sequence = np.ones((2, 5, 3), "float32")
    >>> mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], "bool")
    >>> tuple(layer(sequence, mask=mask).shape)
    (2, 5, 16)

    Reference:
        Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; Graves and
        Schmidhuber, Neural Networks 18(5-6), 2005.
    """

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of both directions for (batch, time, dim)."""
        self.forward_weights = self.add_direction(input_shape[-1], "forward_")
        self.backward_weights = self.add_direction(input_shape[-1], "backward_")
        self.built = True

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the states; see the class."""
        forward, backward = _backend.bidirectional_lstm(
            zero_masked(sequence, mask),
            mask,
            self.cast_weights(self.forward_weights),
            self.cast_weights(self.backward_weights),
        )
        if self.return_sequences:
            return zero_masked(ops.concatenate([forward, backward], axis=-1), mask)
        first = backward[:, 0]
        if mask is not None:
            first = ops.where(ops.any(mask, axis=1, keepdims=True), first, 0)
        return ops.concatenate([last_step(forward, mask), first], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, time, 2 * units), or (batch, 2 * units) for the last states."""
        batch, time, _ = input_shape
        if self.return_sequences:
            return (batch, time, 2 * self.units)
        return (batch, 2 * self.units)
