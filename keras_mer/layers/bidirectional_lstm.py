"""A bidirectional LSTM that knows the length of each row."""

import keras

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
        unit_forget_bias: whether to add 1 to the bias of the forget gate at the start.
        return_state: whether to return the last states beside the output.
        recurrent_initializer: initializer of the recurrent kernels.
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
        With `return_state=True` a tuple of the output and the last states.

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

    directions = ("forward", "backward")
