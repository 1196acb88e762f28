"""A bidirectional GRU that knows the length of each row."""

import keras

from keras_mer.layers._recurrent import RecurrentLayer


@keras.saving.register_keras_serializable(package="keras_mer")
class BidirectionalGRU(RecurrentLayer):
    """Reads right-padded rows forwards and backwards, each within its own length.

    The numbers are those of `keras.layers.Bidirectional(keras.layers.GRU(units))` called
    with a mask, on each backend's fast path; see `BidirectionalLSTM`. The reset gate
    acts after the recurrent product (`reset_after=True`), as in cuDNN and PyTorch.

    Args:
        units: size of the state of each direction.
        return_sequences: whether to return the states of all steps, or only the last of
            each direction.
        return_state: whether to return the last states beside the output.
        recurrent_initializer: initializer of the recurrent kernels.
        recurrent_regularizer: regularizer of the recurrent kernels.
        recurrent_constraint: constraint on the recurrent kernels.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.GRU`, and the arguments of every Keras layer.

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
    >>> layer = BidirectionalGRU(8, return_state=True)
    >>> sequence = np.ones((2, 5, 3), "float32")
    >>> mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], "bool")
    >>> states, last = layer(sequence, mask=mask)
    >>> tuple(states.shape), tuple(last.shape)
    ((2, 5, 16), (2, 16))

    Reference:
        Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014.
    """

    kind = "gru"
    directions = ("forward", "backward")
