"""One vector per utterance, from reading its steps."""

from typing import Any

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._masking import presence, zero_masked
from keras_mer.layers._weighted import WeightedLayer, built
from keras_mer.layers.masked_lstm import MaskedLSTM


@keras.saving.register_keras_serializable(package="keras_mer")
class RecurrentEncoder(WeightedLayer):
    """Reads a sequence with an LSTM and maps its last state.

        output = W h_L + b, h_L the state at the last real step

    The text network of TFN and LMF.

    Args:
        units: size of the LSTM's state.
        output_units: width of the output.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float. Rows are right-padded.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.

    Output:
        (batch, output_units), zeros for a row without a real step.

    Example:

    >>> import numpy as np
    >>> tuple(RecurrentEncoder(8, 4)(np.ones((2, 5, 3), "float32")).shape)
    (2, 4)

    Reference:
        Zadeh et al., Tensor fusion network for multimodal sentiment analysis, EMNLP 2017,
        section 4.1, in the form of the MMSA framework.
    """

    def __init__(self, units: int, output_units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.output_units = output_units

    def build(self, input_shape: Shape) -> None:
        """Builds the LSTM and the map for (batch, time, dim)."""
        options = {**self.weight_options(), "dtype": self.dtype_policy}
        reader = MaskedLSTM(self.units, return_sequences=False, **options)
        self.reader = built(reader, input_shape)
        self.linear = self.built_dense("linear", self.output_units, (input_shape[0], self.units))
        self.built = True

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the vector; see the class."""
        there = None if mask is None else presence(mask)
        return zero_masked(self.linear(self.reader(sequence, mask=mask)), there)

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> None:
        """None is left: the steps are gone."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, output_units)."""
        return (input_shape[0], self.output_units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "output_units": self.output_units,
        }
