"""An LSTM that knows the length of each row."""

import keras

from keras_mer.layers._recurrent import LSTMLayer


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskedLSTM(LSTMLayer):
    """Reads right-padded rows forwards, each within its own length.

    The numbers are those of `keras.layers.LSTM(units)` called with a mask, on each
    backend's fast path; see `BidirectionalLSTM`.

    Args:
        units: size of the state.
        return_sequences: whether to return the states of all steps, or only the last.
        return_state: whether to return the last state beside the output.
        recurrent_initializer: initializer of the recurrent kernel.
        unit_forget_bias: whether to add 1 to the bias of the forget gate at the start.
        recurrent_regularizer: regularizer of the recurrent kernel.
        recurrent_constraint: constraint on the recurrent kernel.
        **kwargs: initializers, regularizers and constraints of kernel and bias, named as
            in `keras.layers.LSTM`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float. Rows are right-padded.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, time, units) with zeros at masked steps; with `return_sequences=False`
        (batch, units), the state at the last real step. A row without a real step gives
        zeros. With `return_state=True` a tuple of the output and the last state.

    Example:

    >>> import numpy as np
    >>> layer = MaskedLSTM(8, return_sequences=False)
    >>> sequence = np.ones((2, 5, 3), "float32")
    >>> mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], "bool")
    >>> tuple(layer(sequence, mask=mask).shape)
    (2, 8)

    Reference:
        Hochreiter and Schmidhuber, Neural Computation 9(8), 1997.
    """
